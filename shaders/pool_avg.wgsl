// The mean of each window; behind windows.wgsl. Tensors, dense: x, out. Workgroups of 64.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    let o = three(at, 4u);
    let plane = x_offset() + at / output_places() * input_places();
    var sum = W(0);
    for (var d = inside(0u, o.x); d < min(last(0u, o.x), int(1u)); d += apart(0u)) {
        for (var h = inside(1u, o.y); h < min(last(1u, o.y), int(2u)); h += apart(1u)) {
            for (var w = inside(2u, o.z); w < min(last(2u, o.z), int(3u)); w += apart(2u)) {
                sum += x_load(plane + u32((d * int(2u) + h) * int(3u) + w));
            }
        }
    }
    out_store(out_offset() + at, W(f32(sum) / divisor(o)));
}
