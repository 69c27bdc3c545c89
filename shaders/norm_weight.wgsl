// The gradients of weight and bias of norm.wgsl: for each of them, Σ g·x̂ and Σ g over the elements that it scales.
// Behind rows_*.wgsl; a row is a weight.
//
// Element e of weight j lies at e / word 2 · word 3 + j · word 2 + e % word 2, and its statistics are those of
// e / word 2 · word 4 + j / word 5.
// Tensors, dense: g, x, mean, scale as for norm_backward.wgsl, dw, db (db not with the constant RMS).
// Words: 0 weights, 1 elements of each, 2 to 5 as above, 6 eps (f32). In front stands `keep(j, sum)`, for db.

fn on_row(j: u32, lane: u32) {
    var sum = 0.0;
    var product = 0.0;
    for (var e = lane; e < word(1u); e += LANES) {
        let at = e / word(2u) * word(3u) + j * word(2u) + e % word(2u);
        let row = e / word(2u) * word(4u) + j / word(5u);
        var centre = 0.0;
        if (!RMS) {
            centre = mean_load(mean_offset() + row);
        }
        var factor = scale_load(scale_offset() + row);
        if (VARIANCE) {
            factor = 1.0 / sqrt(factor + num(6u));
        }
        let g = g_load(g_offset() + at);
        sum += g;
        product += g * (x_load(x_offset() + at) - centre) * factor;
    }
    product = total(product);
    sum = total(sum);
    if (lane == 0u) {
        dw_store(dw_offset() + j, product);
        keep(j, sum);
    }
}
