// The product of two matrices, one invocation an element: the frame for products with few rows or columns (see
// gemm_tiled.wgsl for what stands in front of it and for the words). Workgroups of 64.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    let n = word(1u);
    let size = word(0u) * n;
    let zp = at / size;
    if (zp >= word(3u) * word(4u)) {
        return;
    }
    let z = zp % word(3u);
    let start = zp / word(3u) * word(5u);
    let end = min(word(2u), start + word(5u));
    let i = at % size / n;
    let j = at % n;
    let r = row(i, z);
    let c = column(j, z);
    var sum = W(0);
    var step = first_step(start);
    for (var k = start; k < end; k++) {
        sum += load_a(r, step) * load_b(step, c);
        step = next_step(step);
    }
    if (word(4u) == 1u) {
        store(i, j, z, sum);
    } else {
        out_store(at, sum);
    }
}
