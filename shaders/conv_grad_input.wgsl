// What a convolution's output brings to its input, which is also the transposed convolution: C[ci, (n, i)] =
// Σ W[co, ci, tap] · Y[n, co, (i + pad − tap · dilation) / stride], over the taps that divide evenly; one of the frames
// gemm_*.wgsl stands behind it, after conv_steps.wgsl.
//
// Tensors, all dense: y, w, bias of the input's channels (read only if word 8 says so; else y again), out.
// Words: 0 to 5 as the frame says: m = input channels a group, n = batch · input places, k = output channels a group ·
// taps, products = groups; 6 input channels, 7 output channels of all groups; 8 whether there is a bias;
// 9 + 3i: sizes of the input (i = 0), output (1), kernel (2), stride (3), padding (4), dilation (5). The constant UNIT says that every
// stride is 1.

// A step of the sum is an output channel and a tap.
const STEPS = 2u;

fn taps() -> u32 {
    return word(15u) * word(16u) * word(17u);
}

fn row(i: u32, z: u32) -> Row {
    return Row(w_offset() + (z * (word(7u) / word(3u)) * word(0u) + i) * taps());
}

fn column(j: u32, z: u32) -> Col {
    let size = three(0u);
    let to = three(1u);
    let at = vec3<i32>(vec3<u32>(j / (size.z * size.y) % size.x, j / size.z % size.y, j % size.z) + three(4u));
    let channel = j / (size.x * size.y * size.z) * word(7u) + z * (word(7u) / word(3u));
    return Col(y_offset() + channel * to.x * to.y * to.z, at.x, at.y, at.z);
}

fn load_a(r: Row, s: Step) -> W {
    return w_load(r.at + s.c * word(0u) * taps() + (s.z * word(16u) + s.y) * word(17u) + s.x);
}

fn load_b(s: Step, c: Col) -> W {
    let to = three(1u);
    let apart = three(5u);
    let up = vec3<u32>(u32(c.d - i32(s.z * apart.x)), u32(c.h - i32(s.y * apart.y)), u32(c.w - i32(s.x * apart.z)));
    var o = up;
    if (!UNIT) {
        let stride = three(3u);
        o = up / stride;
        if (any(o * stride != up)) {
            return W(0);
        }
    }
    // Below zero is far above any size, as unsigned numbers go.
    if (any(o >= to) || any(up >= vec3<u32>(0x80000000u))) {
        return W(0);
    }
    return y_load(c.at + ((s.c * to.x + o.x) * to.y + o.y) * to.z + o.z);
}

fn store(i: u32, j: u32, z: u32, value: W) {
    let size = three(0u);
    let places = size.x * size.y * size.z;
    let channel = z * word(0u) + i;
    var v = value;
    if (word(8u) != 0u) {
        v += bias_load(bias_offset() + channel);
    }
    out_store((j / places * word(6u) + channel) * places + j % places, v);
}
