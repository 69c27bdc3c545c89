// What to sort by: integers in the order of the elements, equal for equal ones, numbers before what is not a number;
// and the place of each. Lines are filled up to a power of two with what comes last.
//
// Tensors: x as raw memory, keys, order (i32, [lines, length]). Workgroups of 64. The constants: FLOAT, DOWN (the greatest first).
// Words: 0 elements of keys, 1 length, 2 elements of a line of x, 3 their distance, 4 how many dimensions the lines have,
// from 5 on for each, from the last: size, stride of x.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    let place = at % word(1u);
    var key = 0x7fffffff;
    if (place < word(2u)) {
        var rest = at / word(1u);
        var x_at = x_offset() + place * word(3u);
        for (var d = 0u; d < word(4u); d++) {
            x_at += rest % word(5u + 2u * d) * word(6u + 2u * d);
            rest /= word(5u + 2u * d);
        }
        let x = x_load(x_at);
        if (FLOAT) {
            let bits = bitcast<i32>(x);
            key = bits ^ ((bits >> 31u) & 0x7fffffff);
            if ((bits & 0x7fffffff) > 0x7f800000) {
                key = 0x7fffffff;
            }
            if (bits == i32(0x80000000u)) {
                key = 0;
            }
        } else {
            key = i32(x);
        }
        if (DOWN) {
            key = ~key;
        }
    }
    keys_store(at, key);
    order_store(at, i32(place));
}
