// Windows of poolings in up to three dimensions: what pool_*.wgsl share. Words: 0 elements of the result, 1 to 3 sizes
// of the input (depth, height, width), 4 to 6 of the output, 7 to 9 kernel, 10 to 12 stride, 13 to 15 padding,
// 16 to 18 dilation, 19 whether padding counts in a mean, 20 what to divide sums by (i32; 0: by the window's size).
// With the constant ADAPTIVE the windows are as even as possible, and words from 7 on say nothing.

// Where window o of an axis begins, and where it ends, padding included.
fn first(axis: u32, o: u32) -> i32 {
    if (ADAPTIVE) {
        return i32(o * word(1u + axis) / word(4u + axis));
    }
    return i32(o * word(10u + axis)) - int(13u + axis);
}

fn last(axis: u32, o: u32) -> i32 {
    if (ADAPTIVE) {
        let size = word(4u + axis);
        return i32(((o + 1u) * word(1u + axis) + size - 1u) / size);
    }
    return first(axis, o) + int(7u + axis) * int(16u + axis);
}

// From one element of a window to the next.
fn apart(axis: u32) -> i32 {
    if (ADAPTIVE) {
        return 1;
    }
    return int(16u + axis);
}

// The first element that is inside the input.
fn inside(axis: u32, o: u32) -> i32 {
    let from_first = first(axis, o);
    if (from_first >= 0) {
        return from_first;
    }
    let step = apart(axis);
    return from_first + (step - 1 - from_first) / step * step;
}

// What one axis contributes to the size that a mean is divided by.
fn share(axis: u32, o: u32) -> i32 {
    let end = last(axis, o);
    if (!ADAPTIVE && word(19u) != 0u) {
        return min(end, int(1u + axis) + int(13u + axis)) - first(axis, o);
    }
    return min(end, int(1u + axis)) - inside(axis, o);
}

fn divisor(o: vec3<u32>) -> f32 {
    if (int(20u) != 0) {
        return f32(int(20u));
    }
    return f32(share(0u, o.x) * share(1u, o.y) * share(2u, o.z));
}

// The windows that input place i may lie in: the first, and one past the last.
fn covering(axis: u32, i: u32) -> vec2<u32> {
    let input = word(1u + axis);
    let output = word(4u + axis);
    if (ADAPTIVE) {
        return vec2<u32>(i * output / input, ((i + 1u) * output + input - 1u) / input);
    }
    let stride = word(10u + axis);
    let at = i + word(13u + axis);
    let reach = (word(7u + axis) - 1u) * word(16u + axis);
    var low = 0u;
    if (at > reach) {
        low = (at - reach + stride - 1u) / stride;
    }
    return vec2<u32>(low, min(output, at / stride + 1u));
}

fn three(i: u32, base: u32) -> vec3<u32> {
    let h = word(base + 1u);
    let w = word(base + 2u);
    return vec3<u32>(i / (h * w) % word(base), i / w % h, i % w);
}

fn output_places() -> u32 {
    return word(4u) * word(5u) * word(6u);
}

fn input_places() -> u32 {
    return word(1u) * word(2u) * word(3u);
}
