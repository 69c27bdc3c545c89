//! Row kernels against the obvious, along dense rows, across memory, and through conversions.

use super::softmax;
use crate::dtype::DType;
use crate::kernels::iter::Operand;
use crate::kernels::scan::{self, Kind};
use half::bf16;

fn noise(n: usize) -> Vec<f64> {
    (0..n as u32).map(|i| (i.wrapping_mul(2654435761) >> 8) as f64 / (1 << 23) as f64 - 1.0).collect()
}

/// Where row `r` of `rows` has its place `i`, for each layout of `[rows, length]`.
fn layouts(rows: usize, length: usize) -> Vec<([usize; 2], [isize; 2], usize)> {
    vec![
        ([rows, length], [length as isize, 1], 1),
        ([length, rows], [rows as isize, 1], 0),
        ([rows, length], [1, rows as isize], 1),
        ([rows, length], [3 * length as isize, 3], 1),
    ]
}

type Naive = fn(&[f64]) -> Vec<f64>;

fn check(name: &str, tolerance: f64, naive: Naive, run: &dyn Fn(usize, (DType, &Operand), (DType, &Operand))) {
    for (rows, length) in [(3, 5000), (70, 33), (150, 70), (4, 1)] {
        for (shape, strides, dim) in layouts(rows, length) {
            let data = noise(3 * rows * length);
            let at = |r: usize, i: usize| (r as isize * strides[1 - dim] + i as isize * strides[dim]) as usize;
            let operand = |ptr: *mut u8, size| Operand { ptr, size, shape: &shape, strides: &strides, dense: false };
            let x: Vec<f32> = data.iter().map(|x| *x as f32).collect();
            let mut y = vec![0f32; x.len()];
            let (from, to) = (operand(x.as_ptr().cast_mut().cast(), 4), operand(y.as_mut_ptr().cast(), 4));
            run(dim, (DType::F32, &from), (DType::F32, &to));
            let x16: Vec<bf16> = data.iter().map(|x| bf16::from_f64(*x)).collect();
            let mut y16 = vec![bf16::ZERO; x.len()];
            let (from, to) = (operand(x16.as_ptr().cast_mut().cast(), 2), operand(y16.as_mut_ptr().cast(), 2));
            run(dim, (DType::BF16, &from), (DType::BF16, &to));
            for r in 0..rows {
                let want = naive(&(0..length).map(|i| x[at(r, i)] as f64).collect::<Vec<_>>());
                let want16 = naive(&(0..length).map(|i| x16[at(r, i)].to_f64()).collect::<Vec<_>>());
                for i in 0..length {
                    let (got, want, got16, want16) = (y[at(r, i)] as f64, want[i], y16[at(r, i)].to_f64(), want16[i]);
                    assert!((got - want).abs() <= tolerance * (0.1 + want.abs()), "{name} {shape:?}: {got} {want}");
                    assert!((got16 - want16).abs() <= 0.01 * (0.1 + want16.abs()), "{name} bf16: {got16} {want16}");
                }
            }
        }
    }
}

fn softmax_of(x: &[f64]) -> Vec<f64> {
    let total: f64 = x.iter().map(|x| x.exp()).sum();
    x.iter().map(|x| x.exp() / total).collect()
}

fn scanned(x: &[f64], start: f64, f: fn(f64, f64) -> f64) -> Vec<f64> {
    x.iter()
        .scan(start, |acc, x| {
            *acc = f(*acc, *x);
            Some(*acc)
        })
        .collect()
}

#[test]
fn rows_along_and_across_memory() {
    // SAFETY: `check` gives operands of live vectors, here and below.
    check("softmax", 3e-6, softmax_of, &|dim, x, y| unsafe { assert!(softmax::forward(false, dim, x, y)) });
    let log = |x: &[f64]| softmax_of(x).iter().map(|y| y.ln()).collect();
    check("log_softmax", 3e-6, log, &|dim, x, y| unsafe { assert!(softmax::forward(true, dim, x, y)) });
    // The gradient with cotangent x at a result y = x.
    let back = |x: &[f64]| {
        let dot: f64 = x.iter().map(|x| x * x).sum();
        x.iter().map(|x| x * (x - dot)).collect()
    };
    check("softmax backward", 1e-5, back, &|dim, x, y| unsafe { assert!(softmax::backward(false, dim, x, x, y)) });
    let back = |x: &[f64]| x.iter().map(|g| g - g.exp() * x.iter().sum::<f64>()).collect();
    check("log_softmax backward", 1e-3, back, &|dim, x, y| unsafe { assert!(softmax::backward(true, dim, x, x, y)) });
    let scan = |kind| {
        move |dim: usize, x: (DType, &Operand), y: (DType, &Operand)| unsafe {
            assert!(scan::run(kind, dim, x, y, None))
        }
    };
    check("cumsum", 1e-4, |x| scanned(x, 0.0, |a, x| a + x), &scan(Kind::Sum { reverse: false }));
    let backwards = |x: &[f64]| {
        let mut x = x.to_vec();
        x.reverse();
        let mut y = scanned(&x, 0.0, |a, x| a + x);
        y.reverse();
        y
    };
    check("cumsum reversed", 1e-4, backwards, &scan(Kind::Sum { reverse: true }));
    check("cumprod", 3e-6, |x| scanned(x, 1.0, |a, x| a * x), &scan(Kind::Prod));
    let lse = |x: &[f64]| scanned(x, f64::NEG_INFINITY, |a, x| (a.exp() + x.exp()).ln());
    check("logcumsumexp", 3e-6, lse, &scan(Kind::LogSumExp));
}

#[test]
fn running_extremes_know_their_places() {
    let x = [1.0f32, 3.0, 2.0, 3.0, f32::NAN, 9.0];
    let (mut y, mut z) = ([0f32; 6], [0i64; 6]);
    for strides in [[6, 1], [1, 1]] {
        let (shape, dim) = if strides == [6, 1] { ([1, 6], 1) } else { ([6, 1], 0) };
        let operand = |ptr: *mut u8, size| Operand { ptr, size, shape: &shape, strides: &strides, dense: true };
        let from = operand(x.as_ptr().cast_mut().cast(), 4);
        let (to, at) = (operand(y.as_mut_ptr().cast(), 4), operand(z.as_mut_ptr().cast(), 8));
        let kind = Kind::Extreme { least: false };
        // SAFETY: operands of live arrays.
        assert!(unsafe { scan::run(kind, dim, (DType::F32, &from), (DType::F32, &to), Some((DType::I64, &at))) });
        assert_eq!(y[..4], [1.0, 3.0, 3.0, 3.0]);
        assert!(y[4].is_nan() && y[5].is_nan());
        assert_eq!(z, [0, 1, 1, 3, 4, 4]);
    }
}
