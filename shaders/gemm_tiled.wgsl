// The product of two matrices, tile by tile: the frame for matmul.wgsl and conv_*.wgsl.
//
// A workgroup of 64 makes 64 × 64 elements of C, 8 × 8 an invocation, from strips of 16 of A and B in workgroup
// memory (8 KiB); with the constant SHORT, for few rows, 32 × 64 and 4 × 8. In front of this stands a file that says what A, B and C are:
//   struct Row, struct Col                     what is known of a row of A or a column of B, worked out once
//   row(i, z) -> Row, column(j, z) -> Col      z: which product of the batch
//   struct Step, first_step(k), next_step      a place in the sum, and the one after it
//   load_a(Row, Step), load_b(Step, Col) -> W  called only inside the bounds
//   store(i, j, z, value)                      puts an element of C where it belongs
// Words 0 to 5: m, n, k, products, parts, depth of a part. With several parts, each workgroup sums up its part of k only
// and writes it to `out` as [parts, products, m, n], for gemm_join.wgsl. One workgroup a tile, rows of tiles first.

const HEIGHT = select(64u, 32u, SHORT);

var<workgroup> strip_a: array<vec4<W>, 256>;
var<workgroup> strip_b: array<vec4<W>, 256>;

fn put(i: u32, j: u32, zp: u32, values: vec4<W>) {
    if (i < word(0u)) {
        for (var c = 0u; c < 4u; c++) {
            if (j + c < word(1u)) {
                if (word(4u) == 1u) {
                    store(i, j + c, zp, values[c]);
                } else {
                    out_store((zp * word(0u) + i) * word(1u) + j + c, values[c]);
                }
            }
        }
    }
}

fn group(tile: u32, lane: u32) {
    let m = word(0u);
    let n = word(1u);
    let across = (n + 63u) / 64u;
    let down = (m + HEIGHT - 1u) / HEIGHT;
    let zp = tile / (across * down);
    let z = zp % word(3u);
    let start = zp / word(3u) * word(5u);
    let end = min(word(2u), start + word(5u));
    let i0 = tile / across % down * HEIGHT;
    let j0 = tile % across * 64u;

    // Each invocation fetches one row of A and one column of B.
    let r = row(min(i0 + lane, m - 1u), z);
    let c = column(min(j0 + lane, n - 1u), z);
    let row_in = i0 + lane < m && lane < HEIGHT;
    let col_in = j0 + lane < n;

    // And multiplies the eight (or four) rows from 4 · ti on with the eight columns from 4 · tj on.
    let ti = lane / 8u * (HEIGHT / 32u);
    let tj = lane % 8u * 2u;
    var c0 = vec4<W>();
    var d0 = vec4<W>();
    var c1 = vec4<W>();
    var d1 = vec4<W>();
    var c2 = vec4<W>();
    var d2 = vec4<W>();
    var c3 = vec4<W>();
    var d3 = vec4<W>();
    var c4 = vec4<W>();
    var d4 = vec4<W>();
    var c5 = vec4<W>();
    var d5 = vec4<W>();
    var c6 = vec4<W>();
    var d6 = vec4<W>();
    var c7 = vec4<W>();
    var d7 = vec4<W>();
    var step = first_step(start);
    for (var k0 = start; k0 < end; k0 += 16u) {
        for (var k = 0u; k < 16u; k++) {
            var a = W(0);
            var b = W(0);
            if (row_in && k0 + k < end) {
                a = load_a(r, step);
            }
            if (col_in && k0 + k < end) {
                b = load_b(step, c);
            }
            strip_a[k * 16u + lane / 4u][lane % 4u] = a;
            strip_b[k * 16u + lane / 4u][lane % 4u] = b;
            step = next_step(step);
        }
        workgroupBarrier();
        for (var k = 0u; k < 256u; k += 16u) {
            let a0 = strip_a[k + ti];
            let b0 = strip_b[k + tj];
            let b1 = strip_b[k + tj + 1u];
            c0 += a0.x * b0;
            d0 += a0.x * b1;
            c1 += a0.y * b0;
            d1 += a0.y * b1;
            c2 += a0.z * b0;
            d2 += a0.z * b1;
            c3 += a0.w * b0;
            d3 += a0.w * b1;
            if (!SHORT) {
                let a1 = strip_a[k + ti + 1u];
                c4 += a1.x * b0;
                d4 += a1.x * b1;
                c5 += a1.y * b0;
                d5 += a1.y * b1;
                c6 += a1.z * b0;
                d6 += a1.z * b1;
                c7 += a1.w * b0;
                d7 += a1.w * b1;
            }
        }
        workgroupBarrier();
    }
    let i = i0 + ti * 4u;
    let j = j0 + tj * 4u;
    put(i + 0u, j, zp, c0);
    put(i + 0u, j + 4u, zp, d0);
    put(i + 1u, j, zp, c1);
    put(i + 1u, j + 4u, zp, d1);
    put(i + 2u, j, zp, c2);
    put(i + 2u, j + 4u, zp, d2);
    put(i + 3u, j, zp, c3);
    put(i + 3u, j + 4u, zp, d3);
    if (!SHORT) {
        put(i + 4u, j, zp, c4);
        put(i + 4u, j + 4u, zp, d4);
        put(i + 5u, j, zp, c5);
        put(i + 5u, j + 4u, zp, d5);
        put(i + 6u, j, zp, c6);
        put(i + 6u, j + 4u, zp, d6);
        put(i + 7u, j, zp, c7);
        put(i + 7u, j + 4u, zp, d7);
    }
}
