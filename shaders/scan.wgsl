// Running totals along a dimension, one invocation a line. The constant HOW: 1 sum, 2 product, 3 greatest, 4 least,
// 5 log Σ exp; REVERSE goes from the end. In front stands `keep(at, place)`, for where the extreme stood (the last of equal
// ones). Tensors, dense: x, out, perhaps places (i32). Workgroups of 64. Words: 0 lines, 1 elements of a line, 2 their distance.

fn group(id: u32, lane: u32) {
    let line = id * 64u + lane;
    if (line >= word(0u)) {
        return;
    }
    let n = word(1u);
    let apart = word(2u);
    let base = line / apart * n * apart + line % apart;
    var value = W(0);
    var place = 0;
    for (var k = 0u; k < n; k++) {
        var i = k;
        if (REVERSE) {
            i = n - 1u - k;
        }
        let x = x_load(x_offset() + base + i * apart);
        if (k == 0u) {
            value = x;
            place = i32(i);
        } else {
            switch HOW {
                case 1: {
                    value += x;
                }
                case 2: {
                    value *= x;
                }
                case 5: {
                    let top = max(f32(value), f32(x));
                    let both = exp(f32(value) - top) + exp(f32(x) - top);
                    value = W(select(top + log(both), top, f32(value) == f32(x) && abs(top) > 3.4e38));
                }
                default: {
                    let further = select(x >= value, x <= value, HOW == 4);
                    if (further || x != x) {
                        value = x;
                        place = i32(i);
                    }
                }
            }
        }
        out_store(out_offset() + base + i * apart, value);
        keep(base + i * apart, place);
    }
}
