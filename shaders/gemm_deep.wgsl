// The product of two matrices, one workgroup of 256 an element: the frame for long dot products, of which there are few
// (see gemm_tiled.wgsl for what stands in front of it; words 4 and 5 are not used). The order of the sum is fixed.

var<workgroup> parts: array<W, 256>;

fn group(at: u32, lane: u32) {
    let n = word(1u);
    let size = word(0u) * n;
    let z = at / size;
    let i = at % size / n;
    let j = at % n;
    let r = row(i, z);
    let c = column(j, z);
    var sum = W(0);
    for (var k = lane; k < word(2u); k += 256u) {
        let step = first_step(k);
        sum += load_a(r, step) * load_b(step, c);
    }
    parts[lane] = sum;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            parts[lane] += parts[lane + half];
        }
    }
    if (lane == 0u) {
        store(i, j, z, parts[0]);
    }
}
