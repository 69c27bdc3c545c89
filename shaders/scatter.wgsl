// Values brought to the places that an index names along one dimension: scatter, index_add, index_put and the gradients
// of what gather.wgsl does. No float atomics: each element of the result collects its own, in order.
//
// Tensors: index (i32) and source as raw memory, out (any strides). With the constant SORTED, `index` holds lines of indices
// in order, filled up to word 6 with greater ones, and `order` where each stood. Workgroups of 64.
// The constant HOW: 0 the last value stays, 1 sum, 2 product, 3 greatest, 4 least; without INCLUDE the old value counts only if
// nothing meets it.
// Words: 0 elements of the result, 1 its dimensions, 2 places along the indexed dimension, 3 and 4 strides of index and
// source along it, 5 which dimension it is, counted from the last, 6 length of a sorted line, from 7 on for each
// dimension, from the last: size, how many the index covers, strides of index and source.

fn join(old: W, value: W) -> W {
    switch HOW {
        case 1: {
            return old + value;
        }
        case 2: {
            return old * value;
        }
        case 3: {
            // What is not a number stays.
            return select(max(old, value), old + value, old != old || value != value);
        }
        case 4: {
            return select(min(old, value), old + value, old != old || value != value);
        }
        default: {
            return value;
        }
    }
}

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    var rest = at;
    var index_at = index_offset();
    var source_at = source_offset();
    var own = 0;
    var covered = true;
    for (var d = 0u; d < word(1u); d++) {
        let k = rest % word(7u + 4u * d);
        rest /= word(7u + 4u * d);
        if (d == word(5u)) {
            own = i32(k);
        } else {
            covered = covered && k < word(8u + 4u * d);
            index_at += k * word(9u + 4u * d);
            source_at += k * word(10u + 4u * d);
        }
    }
    if (!covered) {
        return;
    }
    var value = out_get(at);
    var met = false;
    if (SORTED) {
        var low = 0u;
        var high = word(6u);
        while (low < high) {
            let middle = (low + high) / 2u;
            if (index_load(index_at + middle) < own) {
                low = middle + 1u;
            } else {
                high = middle;
            }
        }
        while (low < word(6u)) {
            let place = u32(order_load(index_at - index_offset() + order_offset() + low));
            if (index_load(index_at + low) != own || place >= word(2u)) {
                break;
            }
            let x = source_load(source_at + place * word(4u));
            if (!met && !INCLUDE) {
                value = x;
            } else {
                value = join(value, x);
            }
            met = true;
            low++;
        }
    } else {
        for (var k = 0u; k < word(2u); k++) {
            if (index_load(index_at + k * word(3u)) == own) {
                let x = source_load(source_at + k * word(4u));
                if (!met && !INCLUDE) {
                    value = x;
                } else {
                    value = join(value, x);
                }
                met = true;
            }
        }
    }
    if (met) {
        out_set(at, value);
    }
}
