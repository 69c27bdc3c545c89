// One step of Adam or AdamW. Tensors of any strides: param, grad, mean, square, most (with the constant AMSGRAD; else square again).
// Workgroups of 64. Words: 0 elements; f32: 1 what the parameter is multiplied by first, 2 weight decay that is added to the
// gradient, 3 1 − β₁, 4 β₂, 5 1 − β₂, 6 learning rate / bias correction, 7 root of the second bias correction, 8 eps,
// 9 sign of the gradient.

fn group(id: u32, lane: u32) {
    let i = id * 64u + lane;
    if (i >= word(0u)) {
        return;
    }
    let x = param_get(i) * num(1u);
    let g = grad_get(i) * num(9u) + num(2u) * x;
    var mean = mean_get(i);
    mean += num(3u) * (g - mean);
    let square = num(4u) * square_get(i) + num(5u) * g * g;
    var below = square;
    if (AMSGRAD) {
        below = max(most_get(i), square);
        most_set(i, below);
    }
    mean_set(i, mean);
    square_set(i, square);
    param_set(i, x - num(6u) * mean / (sqrt(below) / num(7u) + num(8u)));
}
