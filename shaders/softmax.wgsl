// Softmax along a dimension, or with the constant LOG its logarithm; behind rows_*.wgsl.
//
// Tensors, dense: x, out. Words: 0 rows, 1 elements of a row, 2 distance between them.

fn on_row(row: u32, lane: u32) {
    let n = word(1u);
    let apart = word(2u);
    let base = row / apart * n * apart + row % apart;
    let x0 = x_offset() + base;
    var top = -3.4028234e38;
    for (var i = lane; i < n; i += LANES) {
        top = max(top, x_load(x0 + i * apart));
    }
    top = largest(top);
    var sum = 0.0;
    for (var i = lane; i < n; i += LANES) {
        sum += exp(x_load(x0 + i * apart) - top);
    }
    sum = total(sum);
    let out0 = out_offset() + base;
    if (LOG) {
        let level = top + log(sum);
        for (var i = lane; i < n; i += LANES) {
            out_store(out0 + i * apart, x_load(x0 + i * apart) - level);
        }
    } else {
        for (var i = lane; i < n; i += LANES) {
            out_store(out0 + i * apart, exp(x_load(x0 + i * apart) - top) / sum);
        }
    }
}
