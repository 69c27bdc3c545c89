// Cross-entropy of rows of logits against class indices, and the log Σ exp of each row. Behind rows_*.wgsl.
//
// Tensors, dense: x [rows, classes], target [rows], weight [classes] (read only with the constant WEIGHTED; else x
// again), loss [rows], level [rows]. Words: 0 rows, 1 classes, 2 class to ignore (i32), 3 smoothing (f32),
// 4 what a target that is no class costs (f32: not a number).

fn weight_of(c: u32) -> f32 {
    if (WEIGHTED) {
        return weight_load(weight_offset() + c);
    }
    return 1.0;
}

fn on_row(row: u32, lane: u32) {
    let n = word(1u);
    let x0 = x_offset() + row * n;
    var top = -3.4028234e38;
    for (var i = lane; i < n; i += LANES) {
        top = max(top, x_load(x0 + i));
    }
    top = largest(top);
    var sum = 0.0;
    for (var i = lane; i < n; i += LANES) {
        sum += exp(x_load(x0 + i) - top);
    }
    let lse = top + log(total(sum));
    var spread = 0.0;
    if (num(3u) > 0.0) {
        for (var i = lane; i < n; i += LANES) {
            spread += weight_of(i) * (lse - x_load(x0 + i));
        }
    }
    spread = total(spread) * (num(3u) / f32(n));
    if (lane == 0u) {
        let target_class = target_load(target_offset() + row);
        var cost = 0.0;
        if (target_class != int(2u)) {
            if (target_class >= 0 && target_class < i32(n)) {
                let own = u32(target_class);
                cost = (1.0 - num(3u)) * weight_of(own) * (lse - x_load(x0 + own)) + spread;
            } else {
                cost = num(4u);
            }
        }
        loss_store(loss_offset() + row, cost);
        level_store(level_offset() + row, lse);
    }
}
