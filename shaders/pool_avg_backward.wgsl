// What gradients of means bring to the input, each place collecting from the windows that it lies in; behind
// windows.wgsl. Tensors, dense: g, out. Workgroups of 64.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    let i = three(at, 1u);
    let plane = g_offset() + at / input_places() * output_places();
    let d = covering(0u, i.x);
    let h = covering(1u, i.y);
    let w = covering(2u, i.z);
    var sum = 0.0;
    for (var a = d.x; a < d.y; a++) {
        for (var b = h.x; b < h.y; b++) {
            for (var c = w.x; c < w.y; c++) {
                let o = vec3<u32>(a, b, c);
                sum += f32(g_load(plane + (a * word(5u) + b) * word(6u) + c)) / divisor(o);
            }
        }
    }
    out_store(out_offset() + at, W(sum));
}
