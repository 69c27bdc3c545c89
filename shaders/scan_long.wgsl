// Running sums or products along a dimension, one workgroup of 256 a line: each lane has a stretch of it. The constant HOW: 1 sum,
// 2 product; REVERSE goes from the end. Tensors, dense: x, out. Words: 0 lines, 1 elements of a line, 2 their distance.

var<workgroup> ends: array<W, 256>;

fn join(a: W, b: W) -> W {
    if (HOW == 1) {
        return a + b;
    }
    return a * b;
}

fn group(line: u32, lane: u32) {
    let n = word(1u);
    let apart = word(2u);
    let base = line / apart * n * apart + line % apart;
    let stretch = (n + 255u) / 256u;
    let start = min(lane * stretch, n);
    let end = min(start + stretch, n);
    var value = W(HOW - 1);
    for (var k = start; k < end; k++) {
        let i = select(k, n - 1u - k, REVERSE);
        value = join(value, x_load(x_offset() + base + i * apart));
    }
    ends[lane] = value;
    workgroupBarrier();
    value = W(HOW - 1);
    for (var k = 0u; k < lane; k++) {
        value = join(value, ends[k]);
    }
    for (var k = start; k < end; k++) {
        let i = select(k, n - 1u - k, REVERSE);
        value = join(value, x_load(x_offset() + base + i * apart));
        out_store(out_offset() + base + i * apart, value);
    }
}
