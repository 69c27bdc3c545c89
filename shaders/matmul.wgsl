// alpha · A · B + beta · D for batches of matrices of any strides; one of the frames gemm_*.wgsl stands behind it.
//
// Tensors: a, b, d (read only if word 6 says so; else a again) as raw memory; out (dense).
// Words: 0 to 5 as the frame says; 6 whether there is alpha, beta and D; 7, 8 bits of alpha and beta;
// 9 to 14 strides of rows and columns of A, B, D; 15 to 30 four dimensions of the batch, from the last: size, strides of
// A, B, D. All counted in elements.

struct Row { at: u32 }
struct Col { at: u32 }

// A place in the sum: nothing but k here.
struct Step { k: u32 }

fn first_step(k: u32) -> Step {
    return Step(k);
}

fn next_step(s: Step) -> Step {
    return Step(s.k + 1u);
}

// Where the matrix of product z starts after the first; operand 0, 1, 2: A, B, D.
fn start_of(operand: u32, z: u32) -> u32 {
    var at = 0u;
    var rest = z;
    for (var d = 15u; d < 31u; d += 4u) {
        at += rest % word(d) * word(d + 1u + operand);
        rest /= word(d);
    }
    return at;
}

fn row(i: u32, z: u32) -> Row {
    return Row(a_offset() + start_of(0u, z) + i * word(9u));
}

fn column(j: u32, z: u32) -> Col {
    return Col(b_offset() + start_of(1u, z) + j * word(12u));
}

fn load_a(r: Row, s: Step) -> W {
    return a_load(r.at + s.k * word(10u));
}

fn load_b(s: Step, c: Col) -> W {
    return b_load(c.at + s.k * word(11u));
}

fn store(i: u32, j: u32, z: u32, value: W) {
    var v = value;
    if (word(6u) != 0u) {
        v *= bitcast<W>(word(7u));
        let beta = bitcast<W>(word(8u));
        if (beta != W(0)) {
            v += beta * d_load(d_offset() + start_of(2u, z) + i * word(13u) + j * word(14u));
        }
    }
    out_store((z * word(0u) + i) * word(1u) + j, v);
}
