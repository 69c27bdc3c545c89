// The second launch of long rows: a workgroup of 256 joins the states of a row's pieces.
// Tensors: states (read, through `state`), the outputs. Words: 0 elements of a row, 1 pieces of a row, then the parameters.
fn group(id: u32, lane: u32) {
    let pieces = word(1u);
    var s = start();
    for (var k = lane; k < pieces; k += 256u) {
        s = join(s, state(id * pieces + k));
    }
    s = together(s, lane);
    if (lane == 0u) {
        give(id, s, f32(word(0u)));
    }
}
