// Matrices with zeros above a diagonal, or with the constant UPPER below it. Tensors of any strides: x, out.
// Workgroups of 64. Words: 0 elements, 1 rows, 2 columns of a matrix, 3 the diagonal (i32).

fn group(id: u32, lane: u32) {
    let i = id * 64u + lane;
    if (i >= word(0u)) {
        return;
    }
    let across = i32(i % word(2u)) - i32(i / word(2u) % word(1u)) - int(3u);
    var value = x_get(i);
    if (UPPER) {
        value = select(value, W(0), across < 0);
    } else {
        value = select(value, W(0), across > 0);
    }
    out_set(i, value);
}
