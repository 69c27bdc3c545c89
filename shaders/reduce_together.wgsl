// The states of a workgroup of 256 become one, in a tree.
var<workgroup> lanes: array<S, 256>;

fn together(s: S, lane: u32) -> S {
    lanes[lane] = s;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half >>= 1u) {
        if (lane < half) {
            lanes[lane] = join(lanes[lane], lanes[lane + half]);
        }
        workgroupBarrier();
    }
    return lanes[0];
}
