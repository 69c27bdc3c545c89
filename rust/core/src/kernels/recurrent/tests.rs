//! A layer against its definition in f64, forward; gradients are checked in Python, against finite differences.

use super::*;

fn numbers(n: usize, seed: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f64 / 1001.0 - 1.0).collect()
}

#[test]
fn ragged_steps_in_both_directions() {
    let (sizes, hidden) = ([70usize, 66, 66, 3, 1], 37);
    let rows: usize = sizes.iter().sum();
    let (x, w, h0) = (numbers(rows * hidden, 1), numbers(hidden * hidden, 2), numbers(70 * hidden, 3));
    for reverse in [false, true] {
        let p = Problem {
            kind: Kind::Tanh,
            sizes: &sizes,
            reverse,
            hidden,
            x: x.as_ptr(),
            h0: h0.as_ptr(),
            c0: std::ptr::null(),
            w: w.as_ptr(),
            b: std::ptr::null(),
        };
        let (mut y, mut h) = (vec![0.0; rows * hidden], vec![0.0; 70 * hidden]);
        let null = std::ptr::null_mut();
        // SAFETY: vectors of these shapes.
        unsafe { forward(&p, &Results { y: y.as_mut_ptr(), h: h.as_mut_ptr(), c: null, gates: null, inner: null }) };
        let mut state = h0.clone();
        for step in p.steps() {
            let before = state.clone();
            for (r, u) in (0..step.rows).flat_map(|r| (0..hidden).map(move |u| (r, u))) {
                let sum: f64 = (0..hidden).map(|k| before[r * hidden + k] * w[u * hidden + k]).sum();
                let want = (sum + x[(step.at + r) * hidden + u]).tanh();
                assert!((y[(step.at + r) * hidden + u] - want).abs() < 1e-12, "{reverse} {step:?} {r} {u}");
                state[r * hidden + u] = want;
            }
        }
        assert!(h.iter().zip(&state).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
