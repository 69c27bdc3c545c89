// The gradient of the logits of cross_entropy.wgsl: g · ((1 − s) · w[t] · (p − hot) + s / n · (p · Σ w − w)).
// Behind rows_*.wgsl.
//
// Tensors, dense: x [rows, classes], target [rows], weight [classes] (read only with the constant WEIGHTED; else x
// again), level [rows], g [rows], out [rows, classes]. Words: 0 rows, 1 classes, 2 class to ignore (i32),
// 3 smoothing s (f32), 4 nothing.

fn weight_of(c: u32) -> f32 {
    if (WEIGHTED) {
        return weight_load(weight_offset() + c);
    }
    return 1.0;
}

fn on_row(row: u32, lane: u32) {
    let n = word(1u);
    let x0 = x_offset() + row * n;
    var weights = 0.0;
    for (var i = lane; i < n; i += LANES) {
        weights += weight_of(i);
    }
    weights = total(weights);
    let own = target_load(target_offset() + row);
    let valid = own != int(2u) && own >= 0 && own < i32(n);
    let g = g_load(g_offset() + row);
    let lse = level_load(level_offset() + row);
    let share = num(3u) / f32(n);
    var weight = 0.0;
    if (valid) {
        weight = weight_of(u32(own)) * (1.0 - num(3u));
    }
    for (var i = lane; i < n; i += LANES) {
        var grad = 0.0;
        if (valid) {
            let p = exp(x_load(x0 + i) - lse);
            grad = g * (weight * (p - select(0.0, 1.0, i32(i) == own)) + share * (p * weights - weight_of(i)));
        }
        out_store(out_offset() + row * n + i, grad);
    }
}
