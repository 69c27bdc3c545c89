// Elements at the places that an index names in each plane. Tensors, dense: x, index (i32), out. Workgroups of 64.
// Words: 0 elements of the result, 1 places of a plane of the result, 2 of the input.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    let place = index_load(index_offset() + at);
    var value = W(0);
    if (place >= 0 && u32(place) < word(2u)) {
        value = x_load(x_offset() + at / word(1u) * word(2u) + u32(place));
    }
    out_store(out_offset() + at, value);
}
