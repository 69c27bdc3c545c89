// Work on rows, one workgroup of 256 a row: the frame for long rows (see rows_one.wgsl). The order of sums is fixed.

const LANES = 256u;

var<workgroup> shared_values: array<f32, 256>;
var<private> own_lane: u32;

fn total(x: f32) -> f32 {
    shared_values[own_lane] = x;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (own_lane < half) {
            shared_values[own_lane] += shared_values[own_lane + half];
        }
    }
    workgroupBarrier();
    let all = shared_values[0];
    workgroupBarrier();
    return all;
}

fn largest(x: f32) -> f32 {
    shared_values[own_lane] = x;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (own_lane < half) {
            shared_values[own_lane] = max(shared_values[own_lane], shared_values[own_lane + half]);
        }
    }
    workgroupBarrier();
    let all = shared_values[0];
    workgroupBarrier();
    return all;
}

fn group(id: u32, lane: u32) {
    own_lane = lane;
    on_row(id, lane);
}
