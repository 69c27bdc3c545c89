// Elements at the places that an index names along one dimension: gather, index_select, embedding and x[i].
//
// Tensors: x and index (i32) as raw memory, out (dense). Workgroups of 64.
// Words: 0 elements of the result, 1 its dimensions, 2 distance of x's elements along the indexed dimension, 3 its size,
// 4 what a place outside of it gives (f32: not a number), from 5 on for each dimension, from the last: size, strides of x
// and of the index. Places below zero count from the end.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    var rest = at;
    var x_at = x_offset();
    var index_at = index_offset();
    for (var d = 0u; d < word(1u); d++) {
        let k = rest % word(5u + 3u * d);
        rest /= word(5u + 3u * d);
        x_at += k * word(6u + 3u * d);
        index_at += k * word(7u + 3u * d);
    }
    var place = index_load(index_at);
    if (place < 0) {
        place += int(3u);
    }
    var value = W(num(4u));
    if (place >= 0 && place < int(3u)) {
        value = x_load(x_at + u32(place) * word(2u));
    }
    out_store(out_offset() + at, value);
}
