// Steps of a bitonic sort of pairs (key, place): keys ascending, places ascending where keys are equal, so that equal
// elements keep their order. Tensors: keys, order (i32, [lines, length], both written).
//
// With the constant LOCAL, each workgroup of 256 sorts or merges a block of 512 in workgroup memory (4 KiB): runs of up to
// word 2 from word 1 on. Else each invocation compares two elements that are word 2 apart, in runs of word 1.
// Words: 0 pairs (half the elements), 1 and 2 as above, 3 length of a line.

var<workgroup> some_keys: array<i32, 512>;
var<workgroup> some_order: array<i32, 512>;

fn after(key: i32, place: i32, other_key: i32, other_place: i32) -> bool {
    return key > other_key || (key == other_key && place > other_place);
}

fn group(id: u32, lane: u32) {
    let pair = id * 256u + lane;
    if (LOCAL) {
        let start = id * 512u;
        let all = word(0u) * 2u;
        for (var i = lane; i < 512u; i += 256u) {
            var key = 0x7fffffff;
            var place = 0x7fffffff;
            if (start + i < all) {
                key = keys_load(start + i);
                place = order_load(start + i);
            }
            some_keys[i] = key;
            some_order[i] = place;
        }
        workgroupBarrier();
        for (var run = word(1u); run <= word(2u); run *= 2u) {
            for (var distance = min(run / 2u, 256u); distance > 0u; distance /= 2u) {
                let low = lane / distance * distance * 2u + lane % distance;
                let high = low + distance;
                // Within a line every other run goes down; the last run of a line goes up.
                let up = ((start + low) % word(3u) & run) == 0u;
                if (after(some_keys[low], some_order[low], some_keys[high], some_order[high]) == up) {
                    let key = some_keys[low];
                    let place = some_order[low];
                    some_keys[low] = some_keys[high];
                    some_order[low] = some_order[high];
                    some_keys[high] = key;
                    some_order[high] = place;
                }
                workgroupBarrier();
            }
        }
        for (var i = lane; i < 512u; i += 256u) {
            if (start + i < all) {
                keys_store(start + i, some_keys[i]);
                order_store(start + i, some_order[i]);
            }
        }
    } else if (pair < word(0u)) {
        let distance = word(2u);
        let low = pair / distance * distance * 2u + pair % distance;
        let high = low + distance;
        let up = (low % word(3u) & word(1u)) == 0u;
        let key = keys_load(low);
        let place = order_load(low);
        let other_key = keys_load(high);
        let other_place = order_load(high);
        if (after(key, place, other_key, other_place) == up) {
            keys_store(low, other_key);
            order_store(low, other_place);
            keys_store(high, key);
            order_store(high, place);
        }
    }
}
