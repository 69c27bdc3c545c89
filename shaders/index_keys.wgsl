// Several indices as one: key · size + index, and the least i32 once one is out of its dimension. Places below zero count from the
// end. Tensors, dense: index (i32), out (i32: the key so far unless the constant FIRST says that there is none). Workgroups of 64.
// Words: 0 elements, 1 size of the dimension.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    var place = index_load(index_offset() + at);
    if (place < 0) {
        place += int(1u);
    }
    var key = 0;
    if (!FIRST) {
        key = out_load(out_offset() + at);
    }
    if (key < 0 || place < 0 || place >= int(1u)) {
        key = -2147483647 - 1;
    } else {
        key = key * int(1u) + place;
    }
    out_store(out_offset() + at, key);
}
