// What the three products of a convolution share; it stands behind conv_*.wgsl, which say what is summed over.
//
// Words: 9 + 3i: sizes of the input (i = 0), output (1), kernel (2), stride (3), padding (4), dilation (5). The constant STEPS says
// which of them a sum walks over.

struct Row { at: u32 }
struct Col { at: u32, d: i32, h: i32, w: i32 }

fn three(i: u32) -> vec3<u32> {
    return vec3<u32>(word(9u + 3u * i), word(10u + 3u * i), word(11u + 3u * i));
}

// A place in the sum: a channel or an image, and a place within it. It goes forward without divisions.
struct Step { c: u32, z: u32, y: u32, x: u32 }

fn first_step(k: u32) -> Step {
    let size = three(STEPS);
    return Step(k / (size.x * size.y * size.z), k / (size.z * size.y) % size.x, k / size.z % size.y, k % size.z);
}

fn next_step(s: Step) -> Step {
    let size = three(STEPS);
    var t = Step(s.c, s.z, s.y, s.x + 1u);
    if (t.x == size.z) {
        t.x = 0u;
        t.y += 1u;
    }
    if (t.y == size.y) {
        t.y = 0u;
        t.z += 1u;
    }
    if (t.z == size.x) {
        t.z = 0u;
        t.c += 1u;
    }
    return t;
}
