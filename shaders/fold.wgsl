// Windows of images as columns; with the constant BACK the sums of columns in an image, each pixel collecting its own.
//
// Tensors, dense: x, out. Workgroups of 64. Words: 0 elements of the result; height and width of: 1, 2 the image,
// 3, 4 the grid of windows, 5, 6 kernel, 7, 8 stride, 9, 10 padding, 11, 12 dilation.

fn group(id: u32, lane: u32) {
    let at = id * 64u + lane;
    if (at >= word(0u)) {
        return;
    }
    let windows = word(3u) * word(4u);
    let taps = word(5u) * word(6u);
    var value = W(0);
    if (BACK) {
        let plane = at / (word(1u) * word(2u));
        let y = at / word(2u) % word(1u) + word(9u);
        let x = at % word(2u) + word(10u);
        for (var tap = 0u; tap < taps; tap++) {
            let up = y - tap / word(6u) * word(11u);
            let left = x - tap % word(6u) * word(12u);
            let oy = up / word(7u);
            let ox = left / word(8u);
            // Below zero is far above any grid, as unsigned numbers go.
            if (i32(up) >= 0 && i32(left) >= 0 && up % word(7u) == 0u && left % word(8u) == 0u && oy < word(3u) && ox < word(4u)) {
                value += x_load(x_offset() + (plane * taps + tap) * windows + oy * word(4u) + ox);
            }
        }
    } else {
        let window = at % windows;
        let tap = at / windows % taps;
        let plane = at / (windows * taps);
        let y = window / word(4u) * word(7u) + tap / word(6u) * word(11u) - word(9u);
        let x = window % word(4u) * word(8u) + tap % word(6u) * word(12u) - word(10u);
        if (y < word(1u) && x < word(2u)) {
            value = x_load(x_offset() + (plane * word(1u) + y) * word(2u) + x);
        }
    }
    out_store(out_offset() + at, value);
}
