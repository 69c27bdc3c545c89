// Convolution in up to three dimensions, forward: C[co, (n, o)] = Σ W[co, (ci, tap)] · X[n, ci, o · stride − pad + tap ·
// dilation], one product a group; one of the frames gemm_*.wgsl stands behind it, after conv_steps.wgsl. No columns are ever laid out.
//
// Tensors, all dense: x, w, bias (read only if word 8 says so; else x again), out.
// Words: 0 to 5 as the frame says: m = output channels a group, n = batch · output places, k = input channels a group ·
// taps, products = groups; 6 input channels, 7 output channels of all groups; 8 whether there is a bias;
// 9 + 3i: sizes of the input (i = 0), output (1), kernel (2), stride (3), padding (4), dilation (5).

// A step of the sum is an input channel and a tap.
const STEPS = 2u;

fn row(i: u32, z: u32) -> Row {
    return Row(w_offset() + (z * word(0u) + i) * word(2u));
}

fn column(j: u32, z: u32) -> Col {
    let size = three(0u);
    let to = three(1u);
    let place = vec3<u32>(j / (to.z * to.y) % to.x, j / to.z % to.y, j % to.z);
    let first = vec3<i32>(place * three(3u)) - vec3<i32>(three(4u));
    let channel = j / (to.x * to.y * to.z) * word(6u) + z * (word(6u) / word(3u));
    return Col(x_offset() + channel * size.x * size.y * size.z, first.x, first.y, first.z);
}

fn load_a(r: Row, s: Step) -> W {
    return w_load(r.at + ((s.c * word(15u) + s.z) * word(16u) + s.y) * word(17u) + s.x);
}

fn load_b(s: Step, c: Col) -> W {
    let size = three(0u);
    let apart = three(5u);
    let w = c.w + i32(s.x * apart.z);
    let h = c.h + i32(s.y * apart.y);
    let d = c.d + i32(s.z * apart.x);
    // Below zero is far above any size, as unsigned numbers go.
    if (u32(d) >= size.x || u32(h) >= size.y || u32(w) >= size.z) {
        return W(0);
    }
    return x_load(c.at + ((s.c * size.x + u32(d)) * size.y + u32(h)) * size.z + u32(w));
}

fn store(i: u32, j: u32, z: u32, value: W) {
    let to = three(1u);
    let places = to.x * to.y * to.z;
    let channel = z * word(0u) + i;
    var v = value;
    if (word(8u) != 0u) {
        v += bias_load(bias_offset() + channel);
    }
    out_store((j / places * word(7u) + channel) * places + j % places, v);
}
