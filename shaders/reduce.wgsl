// Long rows: a workgroup of 256 folds a piece of one.
// Tensors: x (rows in order, read); what `done` writes. Words: 0 elements of a row, 1 elements of a piece, 2 pieces of a row, then
// the parameters.
fn group(id: u32, lane: u32) {
    let n = word(0u);
    let row = id / word(2u);
    let from_element = (id % word(2u)) * word(1u);
    let end = min(from_element + word(1u), n);
    var s = start();
    for (var k = from_element + lane; k < end; k += 256u) {
        s = take(s, x_get(row * n + k), k);
    }
    s = together(s, lane);
    if (lane == 0u) {
        done(id, row, s, f32(n));
    }
}
