// The largest element of each window; behind windows.wgsl and a `keep(at, place)` for its place in the plane. The first of equal
// ones counts, and what is not a number wins. Tensors, dense: x, out, index (i32, if it is kept). Workgroups of 64.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    let o = three(at, 4u);
    let plane = x_offset() + at / output_places() * input_places();
    var best = W(0);
    var best_at = -1;
    for (var d = inside(0u, o.x); d < min(last(0u, o.x), int(1u)); d += apart(0u)) {
        for (var h = inside(1u, o.y); h < min(last(1u, o.y), int(2u)); h += apart(1u)) {
            for (var w = inside(2u, o.z); w < min(last(2u, o.z), int(3u)); w += apart(2u)) {
                let place = (d * int(2u) + h) * int(3u) + w;
                let value = x_load(plane + u32(place));
                if (best_at < 0 || value > best || value != value) {
                    best = value;
                    best_at = place;
                }
            }
        }
    }
    out_store(out_offset() + at, best);
    keep(at, best_at);
}
