// Many short rows: each invocation folds one. Workgroups of 64.
// Tensors: x (rows in order, read), the outputs that `give` names. Words: 0 elements of a row, 1 rows, then the parameters.
fn group(id: u32, lane: u32) {
    let row = id * 64u + lane;
    if (row >= word(1u)) {
        return;
    }
    let n = word(0u);
    var s = start();
    for (var k = 0u; k < n; k++) {
        s = take(s, x_get(row * n + k), k);
    }
    give(row, s, f32(n));
}
