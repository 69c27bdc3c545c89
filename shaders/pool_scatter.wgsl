// Elements put, plane by plane, at the places that an index names, over zeros: summed up, or (without the constant ADD) the
// last one stays. Each place looks for its own. Tensors, dense: x, index (i32), out. Workgroups of 64.
// Words: 0 elements of the result, 1 places of a plane of the result, 2 of the input.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    let plane = at / word(1u) * word(2u);
    let own = i32(at % word(1u));
    var value = W(0);
    for (var k = 0u; k < word(2u); k++) {
        if (index_load(index_offset() + plane + k) == own) {
            let x = x_load(x_offset() + plane + k);
            if (ADD) {
                value += x;
            } else {
                value = x;
            }
        }
    }
    out_store(out_offset() + at, value);
}
