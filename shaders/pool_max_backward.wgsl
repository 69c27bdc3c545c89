// Gradients of maxima put where the maxima came from, each place collecting its own; behind windows.wgsl.
// Tensors, dense: g, index (i32, places in planes), out. Workgroups of 64.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    let i = three(at, 1u);
    let plane = at / input_places() * output_places();
    let own = i32(at % input_places());
    let d = covering(0u, i.x);
    let h = covering(1u, i.y);
    let w = covering(2u, i.z);
    var sum = W(0);
    for (var a = d.x; a < d.y; a++) {
        for (var b = h.x; b < h.y; b++) {
            for (var c = w.x; c < w.y; c++) {
                let o = plane + (a * word(5u) + b) * word(6u) + c;
                if (index_load(index_offset() + o) == own) {
                    sum += g_load(g_offset() + o);
                }
            }
        }
    }
    out_store(out_offset() + at, sum);
}
