// The gradient of the input of norm.wgsl: scale · (g·w − mean(g·w) − x̂ · mean(g·w · x̂)), without the means where the
// statistics were given (the constant FIXED), without the first for RMS. Behind rows_*.wgsl.
//
// Tensors, dense: g, x, mean (not with the constant RMS; else x again), scale (1/σ; with the constant VARIANCE the variance),
// weight (with the constant WEIGHT; else x again), out. Words as for norm.wgsl.

fn place(row: u32, e: u32) -> u32 {
    return row * word(2u) + e / word(3u) * word(4u) + e % word(3u);
}

fn gradient(row: u32, e: u32) -> f32 {
    var g = g_load(g_offset() + place(row, e));
    if (WEIGHT) {
        g *= weight_load(weight_offset() + row % word(5u) * word(6u) + e / word(7u));
    }
    return g;
}

fn on_row(row: u32, lane: u32) {
    let n = word(1u);
    var centre = 0.0;
    if (!RMS) {
        centre = mean_load(mean_offset() + row);
    }
    var factor = scale_load(scale_offset() + row);
    if (VARIANCE) {
        factor = 1.0 / sqrt(factor + num(8u));
    }
    var level = 0.0;
    var slope = 0.0;
    if (!FIXED) {
        for (var e = lane; e < n; e += LANES) {
            let g = gradient(row, e);
            level += g;
            slope += g * (x_load(x_offset() + place(row, e)) - centre);
        }
        level = total(level) / f32(n);
        slope = total(slope) * factor / f32(n);
        if (RMS) {
            level = 0.0;
        }
    }
    for (var e = lane; e < n; e += LANES) {
        let normed = (x_load(x_offset() + place(row, e)) - centre) * factor;
        out_store(out_offset() + place(row, e), factor * (gradient(row, e) - level - normed * slope));
    }
}
