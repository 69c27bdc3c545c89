// The end of a product that was made in parts: adds them up in order and stores the sums, one invocation an element,
// workgroups of 64. The file of the product stands in front (see gemm_tiled.wgsl); `parts` is [parts, products, m, n].

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    let size = word(0u) * word(1u);
    let all = word(3u) * size;
    if (at >= all) {
        return;
    }
    var sum = W(0);
    for (var p = 0u; p < word(4u); p++) {
        sum += parts_load(p * all + at);
    }
    store(at % size / word(1u), at % word(1u), at / size, sum);
}
