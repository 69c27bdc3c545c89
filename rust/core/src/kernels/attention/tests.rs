//! Against the definition, in f64; and the same bits for any number of threads.

use super::*;
use crate::kernels::threads::set_num_threads;

fn numbers(n: usize, seed: u64) -> Vec<f64> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn dense<T>(x: &mut [T], heads: usize, rows: usize, width: usize) -> Side<T> {
    let head = (rows * width) as isize;
    Side { ptr: x.as_mut_ptr(), batch: heads as isize * head, head, row: width as isize }
}

struct Case {
    heads: usize,
    kv: usize,
    queries: usize,
    keys: usize,
    width: usize,
    values: usize,
    causal: bool,
    /// 0: none; 1: bool; 2: added.
    mask: usize,
}

type Results<T> = [Vec<T>; 4];

fn fused<T: Real>(case: &Case) -> Results<T> {
    let of = |x: Vec<f64>| -> Vec<T> { x.into_iter().map(T::of_f64).collect() };
    let Case { heads, kv, queries, keys, width, values, causal, .. } = *case;
    let (mut q, mut k) = (of(numbers(2 * heads * queries * width, 1)), of(numbers(2 * kv * keys * width, 2)));
    let (mut v, mut g) = (of(numbers(2 * kv * keys * values, 3)), of(numbers(2 * heads * queries * values, 4)));
    let added = of(numbers(queries * keys, 5));
    let seen: Vec<u8> = numbers(queries * keys, 6).into_iter().map(|x| (x > -0.3) as u8).collect();
    let steps = [0, 0, keys as isize, 1];
    let mask = match case.mask {
        0 => None,
        1 => Some(Mask { ptr: seen.as_ptr(), added: false, steps }),
        _ => Some(Mask { ptr: added.as_ptr().cast(), added: true, steps }),
    };
    let problem = Problem {
        batch: 2,
        heads,
        kv_heads: kv,
        queries,
        keys,
        width,
        value_width: values,
        scale: T::of_f64(0.7),
        causal,
        mask,
        q: dense(&mut q, heads, queries, width),
        k: dense(&mut k, kv, keys, width),
        v: dense(&mut v, kv, keys, values),
    };
    let bad = |n: usize| vec![T::of_f64(f64::NAN); n];
    let (mut out, mut logs) = (bad(2 * heads * queries * values), bad(2 * heads * queries));
    let (mut dq, mut dk, mut dv) = (bad(q.len()), bad(k.len()), bad(v.len()));
    // SAFETY: vectors of these shapes.
    unsafe {
        forward(&problem, dense(&mut out, heads, queries, values), logs.as_mut_ptr());
        let gradients = Gradients {
            g: dense(&mut g, heads, queries, values),
            out: dense(&mut out, heads, queries, values),
            logs: logs.as_ptr(),
            dq: dense(&mut dq, heads, queries, width),
            dk: dense(&mut dk, kv, keys, width),
            dv: dense(&mut dv, kv, keys, values),
        };
        backward(&problem, &gradients);
    }
    [out, dq, dk, dv]
}

fn defined(case: &Case) -> Results<f64> {
    let Case { heads, kv, queries, keys, width, values, causal, .. } = *case;
    let (q, k) = (numbers(2 * heads * queries * width, 1), numbers(2 * kv * keys * width, 2));
    let (v, g) = (numbers(2 * kv * keys * values, 3), numbers(2 * heads * queries * values, 4));
    let (added, seen) = (numbers(queries * keys, 5), numbers(queries * keys, 6));
    let mut all = [vec![0.0; g.len()], vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]];
    for head in 0..2 * heads {
        let from = head / heads * kv + head % heads / (heads / kv);
        for i in 0..queries {
            let row = (head * queries + i) * width;
            let mut scores: Vec<f64> = (0..keys)
                .map(|j| {
                    let hidden = causal && j > i || case.mask == 1 && seen[i * keys + j] <= -0.3;
                    let dot: f64 = (0..width).map(|e| q[row + e] * k[(from * keys + j) * width + e]).sum();
                    let more = if case.mask == 2 { added[i * keys + j] } else { 0.0 };
                    if hidden { f64::NEG_INFINITY } else { 0.7 * dot + more }
                })
                .collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if most == f64::NEG_INFINITY {
                continue;
            }
            scores.iter_mut().for_each(|s| *s = (*s - most).exp());
            let total: f64 = scores.iter().sum();
            let back = &g[(head * queries + i) * values..][..values];
            let slopes: Vec<f64> =
                (0..keys).map(|j| (0..values).map(|e| back[e] * v[(from * keys + j) * values + e]).sum()).collect();
            let mean: f64 = (0..keys).map(|j| scores[j] / total * slopes[j]).sum();
            for j in 0..keys {
                let weight = scores[j] / total;
                for (e, back) in back.iter().enumerate() {
                    all[0][(head * queries + i) * values + e] += weight * v[(from * keys + j) * values + e];
                    all[3][(from * keys + j) * values + e] += weight * back;
                }
                let slope = 0.7 * weight * (slopes[j] - mean);
                for e in 0..width {
                    all[1][row + e] += slope * k[(from * keys + j) * width + e];
                    all[2][(from * keys + j) * width + e] += slope * q[row + e];
                }
            }
        }
    }
    all
}

#[test]
fn results_and_gradients_are_those_of_the_definition() {
    for (queries, keys) in [(1, 1), (1, 70), (50, 3), (49, 49), (100, 530), (20, 600)] {
        for (causal, mask) in [(false, 0), (true, 0), (false, 1), (false, 2), (true, 1)] {
            for (heads, kv, width, values) in [(2, 2, 8, 8), (4, 2, 5, 19)] {
                let case = Case { heads, kv, queries, keys, width, values, causal, mask };
                let (double, single, want) = (fused::<f64>(&case), fused::<f32>(&case), defined(&case));
                for part in 0..4 {
                    for (i, want) in want[part].iter().enumerate() {
                        let (d, s) = (double[part][i], single[part][i] as f64);
                        assert!(
                            (d - want).abs() < 1e-12,
                            "f64 {queries}x{keys} {causal} {mask} {part} {i}: {d} {want}"
                        );
                        assert!((s - want).abs() < 2e-5, "f32 {queries}x{keys} {causal} {mask} {part} {i}: {s} {want}");
                    }
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let case = Case { heads: 3, kv: 1, queries: 130, keys: 1100, width: 16, values: 16, causal: true, mask: 0 };
    set_num_threads(1);
    let one = fused::<f32>(&case);
    set_num_threads(3);
    assert_eq!(one, fused::<f32>(&case));
}
