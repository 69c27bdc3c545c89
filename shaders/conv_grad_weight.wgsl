// What a convolution's output brings to its weight: C[co, (ci, tap)] = Σ Y[n, co, o] · X[n, ci, o · stride − pad + tap ·
// dilation] over all (n, o); one of the frames gemm_*.wgsl stands behind it, after conv_steps.wgsl.
//
// Tensors, all dense: x, y, out.
// Words: 0 to 5 as the frame says: m = output channels a group, n = input channels a group · taps, k = batch · output
// places, products = groups; 6 input channels, 7 output channels of all groups; 8 nothing;
// 9 + 3i: sizes of the input (i = 0), output (1), kernel (2), stride (3), padding (4), dilation (5).

// A step of the sum is an image and an output place.
const STEPS = 1u;

fn row(i: u32, z: u32) -> Row {
    return Row(y_offset() + (z * word(0u) + i) * (word(12u) * word(13u) * word(14u)));
}

fn column(j: u32, z: u32) -> Col {
    let size = three(0u);
    let kernel = three(2u);
    let tap = vec3<u32>(j / (kernel.z * kernel.y) % kernel.x, j / kernel.z % kernel.y, j % kernel.z);
    let first = vec3<i32>(tap * three(5u)) - vec3<i32>(three(4u));
    let channel = z * (word(6u) / word(3u)) + j / (kernel.x * kernel.y * kernel.z);
    return Col(x_offset() + channel * size.x * size.y * size.z, first.x, first.y, first.z);
}

fn load_a(r: Row, s: Step) -> W {
    return y_load(r.at + ((s.c * word(7u) * word(12u) + s.z) * word(13u) + s.y) * word(14u) + s.x);
}

fn load_b(s: Step, c: Col) -> W {
    let size = three(0u);
    let stride = three(3u);
    let w = c.w + i32(s.x * stride.z);
    let h = c.h + i32(s.y * stride.y);
    let d = c.d + i32(s.z * stride.x);
    // Below zero is far above any size, as unsigned numbers go.
    if (u32(d) >= size.x || u32(h) >= size.y || u32(w) >= size.z) {
        return W(0);
    }
    let image = s.c * word(6u) * size.x * size.y * size.z;
    return x_load(c.at + image + (u32(d) * size.y + u32(h)) * size.z + u32(w));
}

fn store(i: u32, j: u32, z: u32, value: W) {
    out_store((z * word(0u) + i) * word(1u) + j, value);
}
