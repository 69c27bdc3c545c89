// Weighted sums along up to three dimensions: upsampling, and with the adjoint weights its gradient. Workgroups of 64.
//
// Tensors: x (dense), taps (i32: for each axis where the taps of each output place begin, then the input place of each tap,
// then the bits of its weight), out (dense).
// Words: 0 elements of the result, 1 to 3 input sizes, 4 to 6 output sizes, 7 to 9 where the beginnings of each axis lie in
// taps, 10 to 12 its places, 13 to 15 its weights. In front stands `finish(sum)`,
// which makes an element of it.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    let w = at % word(6u);
    let h = at / word(6u) % word(5u);
    let d = at / (word(6u) * word(5u)) % word(4u);
    let plane = x_offset() + at / (word(6u) * word(5u) * word(4u)) * (word(1u) * word(2u) * word(3u));
    let t0 = taps_offset();
    var sum = 0.0;
    for (var a = taps_load(t0 + word(7u) + d); a < taps_load(t0 + word(7u) + d + 1u); a++) {
        let x_d = u32(taps_load(t0 + word(10u) + u32(a))) * word(2u);
        let by_d = bitcast<f32>(taps_load(t0 + word(13u) + u32(a)));
        for (var b = taps_load(t0 + word(8u) + h); b < taps_load(t0 + word(8u) + h + 1u); b++) {
            let x_h = (x_d + u32(taps_load(t0 + word(11u) + u32(b)))) * word(3u);
            let by_h = bitcast<f32>(taps_load(t0 + word(14u) + u32(b)));
            var row = 0.0;
            for (var c = taps_load(t0 + word(9u) + w); c < taps_load(t0 + word(9u) + w + 1u); c++) {
                let by_w = bitcast<f32>(taps_load(t0 + word(15u) + u32(c)));
                row += by_w * f32(x_load(plane + x_h + u32(taps_load(t0 + word(12u) + u32(c)))));
            }
            sum += by_d * by_h * row;
        }
    }
    out_store(out_offset() + at, finish(sum));
}
