// (x − mean) / √(var + eps) · weight + bias, row by row: layer, RMS, group and batch norm. Behind rows_*.wgsl.
//
// Element e of a row lies at row · word 2 + e / word 3 · word 4 + e % word 3; its weight and bias are those of
// (row % word 5) · word 6 + e / word 7.
// Tensors, dense: x, weight, bias (read only with the constants WEIGHT and BIAS; else x again), mean, scale (of each row:
// read, the variance for scale, with the constant GIVEN; else written, 1/σ for scale; no mean with the constant RMS), out.
// Words: 0 rows, 1 elements of a row, 2 to 7 as above, 8 eps (f32). In front stands `keep(row, lane, mean, scale)`.

fn place(row: u32, e: u32) -> u32 {
    return row * word(2u) + e / word(3u) * word(4u) + e % word(3u);
}

fn on_row(row: u32, lane: u32) {
    let n = word(1u);
    var centre = 0.0;
    var factor = 0.0;
    if (GIVEN) {
        centre = mean_load(mean_offset() + row);
        factor = 1.0 / sqrt(scale_load(scale_offset() + row) + num(8u));
    } else {
        if (!RMS) {
            var sum = 0.0;
            for (var e = lane; e < n; e += LANES) {
                sum += x_load(x_offset() + place(row, e));
            }
            centre = total(sum) / f32(n);
        }
        var squares = 0.0;
        for (var e = lane; e < n; e += LANES) {
            let d = x_load(x_offset() + place(row, e)) - centre;
            squares += d * d;
        }
        factor = 1.0 / sqrt(total(squares) / f32(n) + num(8u));
    }
    for (var e = lane; e < n; e += LANES) {
        let affine = row % word(5u) * word(6u) + e / word(7u);
        var y = (x_load(x_offset() + place(row, e)) - centre) * factor;
        if (WEIGHT) {
            y *= weight_load(weight_offset() + affine);
        }
        if (BIAS) {
            y += bias_load(bias_offset() + affine);
        }
        out_store(out_offset() + place(row, e), y);
    }
    keep(row, lane, centre, factor);
}
