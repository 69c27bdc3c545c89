// y · (g − Σ g·y) along a dimension; with the constant LOG, of log-softmax y, g − eʸ · Σ g. Behind rows_*.wgsl.
//
// Tensors, dense: g, y, out. Words: 0 rows, 1 elements of a row, 2 distance between them.

fn on_row(row: u32, lane: u32) {
    let n = word(1u);
    let apart = word(2u);
    let base = row / apart * n * apart + row % apart;
    let g0 = g_offset() + base;
    let y0 = y_offset() + base;
    var sum = 0.0;
    for (var i = lane; i < n; i += LANES) {
        let g = g_load(g0 + i * apart);
        if (LOG) {
            sum += g;
        } else {
            sum += g * y_load(y0 + i * apart);
        }
    }
    sum = total(sum);
    for (var i = lane; i < n; i += LANES) {
        let g = g_load(g0 + i * apart);
        let y = y_load(y0 + i * apart);
        if (LOG) {
            out_store(out_offset() + base + i * apart, g - exp(y) * sum);
        } else {
            out_store(out_offset() + base + i * apart, y * (g - sum));
        }
    }
}
