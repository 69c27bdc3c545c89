// One step of stochastic gradient descent. Tensors of any strides: param, grad, velocity (with the constant MOMENTUM; else param
// again).
// Workgroups of 64. The constants: MOMENTUM, FIRST (there is no velocity yet), NESTEROV.
// Words: 0 elements; f32: 1 learning rate, 2 momentum, 3 weight decay, 4 1 − dampening, 5 sign of the gradient.

fn group(id: u32, lane: u32) {
    let i = id * 64u + lane;
    if (i >= word(0u)) {
        return;
    }
    let x = param_get(i);
    var g = grad_get(i) * num(5u) + num(3u) * x;
    if (MOMENTUM) {
        var moved = g;
        if (!FIRST) {
            moved = num(2u) * velocity_get(i) + num(4u) * g;
        }
        velocity_set(i, moved);
        if (NESTEROV) {
            g += num(2u) * moved;
        } else {
            g = moved;
        }
    }
    param_set(i, x - num(1u) * g);
}
