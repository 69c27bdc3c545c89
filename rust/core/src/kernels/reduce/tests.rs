//! Reductions against the obvious, over layouts that take every road through the engine.

use super::folds::{Count, Kind, run};
use super::{Typed, arg, moments};
use crate::dtype::DType;
use crate::kernels::iter::Operand;
use crate::kernels::threads::set_num_threads;

fn noise(n: usize) -> Vec<f64> {
    let mut state = 12345u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / (1 << 23) as f64 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn dense(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    (1..shape.len()).rev().for_each(|d| strides[d - 1] = strides[d] * shape[d] as isize);
    strides
}

/// Every index of a shape, last dimension fastest.
fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let total = shape.iter().product();
    let of = |mut i: usize| -> Vec<usize> {
        let mut index = vec![0; shape.len()];
        for d in (0..shape.len()).rev() {
            index[d] = i % shape[d];
            i /= shape[d];
        }
        index
    };
    (0..total).map(of).collect()
}

struct Case {
    shape: Vec<usize>,
    strides: Vec<isize>,
    dims: Vec<usize>,
}

impl Case {
    fn out_shape(&self) -> Vec<usize> {
        (0..self.shape.len()).map(|d| if self.dims.contains(&d) { 1 } else { self.shape[d] }).collect()
    }

    /// What lands in each output, in order of position.
    fn groups(&self, data: &[f64]) -> Vec<Vec<f64>> {
        let (out_shape, kept) = (self.out_shape(), dense(&self.out_shape()));
        let mut groups = vec![Vec::new(); out_shape.iter().product()];
        for index in indices(&self.shape) {
            let at: isize = index.iter().zip(&self.strides).map(|(i, s)| *i as isize * s).sum();
            let to: isize =
                (0..index.len()).map(|d| if out_shape[d] == 1 { 0 } else { index[d] as isize * kept[d] }).sum();
            groups[to as usize].push(data[at as usize]);
        }
        groups
    }
}

fn cases() -> Vec<Case> {
    let case = |shape: &[usize], strides: &[isize], dims: &[usize]| Case {
        shape: shape.to_vec(),
        strides: strides.to_vec(),
        dims: dims.to_vec(),
    };
    let plain = |shape: &[usize], dims: &[usize]| case(shape, &dense(shape), dims);
    vec![
        plain(&[10000], &[0]),
        plain(&[5, 4099], &[1]),
        plain(&[700, 530], &[0]),
        plain(&[6, 70, 80], &[0, 2]),
        plain(&[6, 70, 80], &[1]),
        plain(&[300, 7], &[1]),
        plain(&[9001, 3], &[0]),
        plain(&[5, 90, 3], &[0, 1]),
        plain(&[4, 3, 5, 6], &[0, 2, 3]),
        case(&[80, 70], &[1, 80], &[1]),
        case(&[80, 70], &[1, 80], &[0]),
        case(&[40, 30], &[62, 2], &[1]),
        case(&[40, 30], &[0, 1], &[0]),
        case(&[3, 4, 5, 7], &[140, 1, 28, 4], &[0, 2, 3]),
        plain(&[3, 0, 2], &[1]),
        plain(&[], &[]),
        plain(&[4, 5], &[]),
    ]
}

fn call(case: &Case, data: &[f32], f: &dyn Fn(Typed, &[usize], &[Operand; 3])) -> (Vec<f32>, Vec<f32>, Vec<i64>) {
    let shape = case.out_shape();
    let (n, strides) = (shape.iter().product::<usize>(), dense(&shape));
    let (mut a, mut b, mut c) = (vec![9f32; n], vec![9f32; n], vec![9i64; n]);
    let out = |ptr: *mut u8, size: usize| Operand { ptr, size, shape: &shape, strides: &strides, dense: true };
    let to = [out(a.as_mut_ptr().cast(), 4), out(b.as_mut_ptr().cast(), 4), out(c.as_mut_ptr().cast(), 8)];
    let ptr = data.as_ptr().cast_mut().cast();
    let from = Operand { ptr, size: 4, shape: &case.shape, strides: &case.strides, dense: false };
    f((DType::F32, &from), &case.dims, &to);
    (a, b, c)
}

#[track_caller]
fn close(got: &[f32], want: impl Iterator<Item = f64>, what: &str) {
    for (got, want) in got.iter().zip(want) {
        let error = (*got as f64 - want).abs();
        let fine = error <= 1e-5 + 3e-6 * want.abs() || *got as f64 == want || got.is_nan() && want.is_nan();
        assert!(fine, "{what}: {got} instead of {want}");
    }
}

#[test]
fn every_layout_gives_what_a_loop_gives() {
    for (i, case) in cases().iter().enumerate() {
        let wide = noise(400_000).into_iter().map(|x| x as f32 as f64).collect::<Vec<_>>();
        let data: Vec<f32> = wide.iter().map(|x| *x as f32).collect();
        let groups = case.groups(&wide);
        let of = |f: fn(&[f64]) -> f64| groups.iter().map(move |g| f(g));
        let fold = |kind| {
            let go = |from: Typed, dims: &[usize], to: &[Operand; 3]| {
                // SAFETY: operands of live vectors.
                assert!(unsafe { run(kind, from, dims, (DType::F32, &to[0])) });
            };
            call(case, &data, &go).0
        };
        close(&fold(Kind::Sum), of(|g| g.iter().sum()), &format!("sum {i}"));
        close(&fold(Kind::Prod), of(|g| g.iter().product()), &format!("prod {i}"));
        close(&fold(Kind::Norm1), of(|g| g.iter().map(|x| x.abs()).sum()), &format!("norm 1 {i}"));
        close(&fold(Kind::Norm2), of(|g| g.iter().map(|x| x * x).sum::<f64>().sqrt()), &format!("norm 2 {i}"));
        let cube = |g: &[f64]| g.iter().map(|x| x.abs().powi(3)).sum::<f64>().powf(1.0 / 3.0);
        close(&fold(Kind::Norm(3.0)), of(cube), &format!("norm 3 {i}"));
        close(&fold(Kind::NormMax), of(|g| g.iter().fold(0.0, |a, x| a.max(x.abs()))), &format!("norm inf {i}"));
        let max = |g: &[f64]| g.iter().fold(f64::NEG_INFINITY, |a, x| a.max(*x));
        close(&fold(Kind::Max), of(max), &format!("max {i}"));
        let min = |g: &[f64]| g.iter().fold(f64::INFINITY, |a, x| a.min(*x));
        close(&fold(Kind::Min), of(min), &format!("min {i}"));

        let (lse, ..) = call(case, &data, &|from, dims, to| {
            // SAFETY: as above.
            assert!(unsafe { moments::logsumexp(from, dims, (DType::F32, &to[0])) });
        });
        close(&lse, of(|g| g.iter().map(|x| x.exp()).sum::<f64>().ln()), &format!("logsumexp {i}"));

        let (var, mean, _) = call(case, &data, &|from, dims, to| {
            let to = [Some((DType::F32, &to[0])), Some((DType::F32, &to[1]))];
            // SAFETY: as above.
            assert!(unsafe { moments::var(false, 1.0, from, dims, to) });
        });
        let mean_of = |g: &[f64]| g.iter().sum::<f64>() / g.len() as f64;
        close(&mean, groups.iter().map(|g| mean_of(g)), &format!("mean {i}"));
        let var_of = |g: &Vec<f64>| match g.len() {
            0 | 1 => f64::NAN,
            n => g.iter().map(|x| (x - mean_of(g)).powi(2)).sum::<f64>() / (n - 1) as f64,
        };
        close(&var, groups.iter().map(var_of), &format!("var {i}"));

        let [dim] = case.dims[..] else { continue };
        if case.shape[dim] == 0 {
            continue;
        }
        let (values, _, at) = call(case, &data, &|from, _, to| {
            // SAFETY: as above.
            assert!(unsafe { arg::run(false, from, dim, Some((DType::F32, &to[0])), Some((DType::I64, &to[2]))) });
        });
        close(&values, of(max), &format!("max along {i}"));
        for (at, group) in at.iter().zip(&groups) {
            let want = group.iter().position(|x| *x == max(group));
            assert_eq!(Some(*at as usize), want, "argmax {i}");
        }
    }
}

#[test]
fn nan_wins_and_the_first_of_equals_does() {
    let case = Case { shape: vec![4, 200], strides: vec![200, 1], dims: vec![1] };
    let across = Case { shape: vec![200, 4], strides: vec![1, 200], dims: vec![0] };
    let mut data = vec![0.5f32; 800];
    (data[150], data[170], data[330], data[420], data[500]) = (f32::NAN, f32::NAN, 0.75, 0.25, 0.25);
    for case in [case, across] {
        for (least, want) in [(false, [150, 130, 0, 0]), (true, [150, 0, 20, 0])] {
            let (values, _, at) = call(&case, &data, &|from, dims, to| {
                let values = Some((DType::F32, &to[0]));
                // SAFETY: operands of live vectors.
                assert!(unsafe { arg::run(least, from, dims[0], values, Some((DType::I64, &to[2]))) });
            });
            assert_eq!(at, want);
            assert!(values[0].is_nan() && values[3] == 0.5);
        }
        let (max, ..) = call(&case, &data, &|from, dims, to| {
            // SAFETY: as above.
            assert!(unsafe { run(Kind::Max, from, dims, (DType::F32, &to[0])) });
        });
        assert!(max[0].is_nan() && max[1..] == [0.75, 0.5, 0.5]);
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let data: Vec<f32> = noise(400_000).iter().map(|x| *x as f32).collect();
    for (shape, dims) in [(vec![400_000], vec![0]), (vec![200, 2000], vec![0]), (vec![50, 2, 4000], vec![0, 2])] {
        let case = Case { strides: dense(&shape), shape, dims };
        let once = |threads| {
            set_num_threads(threads);
            let sum = call(&case, &data, &|from, dims, to| {
                // SAFETY: operands of live vectors.
                assert!(unsafe { run(Kind::Sum, from, dims, (DType::F32, &to[0])) });
            });
            let var = call(&case, &data, &|from, dims, to| {
                // SAFETY: as above.
                assert!(unsafe { moments::var(true, 0.0, from, dims, [Some((DType::F32, &to[0])), None]) });
            });
            [sum.0, var.0]
        };
        let first = once(1);
        assert!([2, 3, 7].into_iter().all(|threads| once(threads) == first));
    }
}

#[test]
fn bytes_and_small_integers() {
    let data: Vec<u8> = (0..5000u32).map(|i| (i * 7 % 256) as u8).collect();
    for (dims, shape) in [(vec![1], [5, 1000]), (vec![0], [5, 1000]), (vec![0], [1250, 4])] {
        let case = Case { strides: dense(&shape), shape: shape.to_vec(), dims };
        let wide: Vec<f64> = data.iter().map(|x| *x as f64).collect();
        let groups = case.groups(&wide);
        let from =
            Operand { ptr: data.as_ptr().cast_mut(), size: 1, shape: &shape, strides: &case.strides, dense: true };
        let (out_shape, n) = (case.out_shape(), groups.len());
        let strides = dense(&out_shape);
        for (kind, dtype, want) in [
            (Kind::Sum, DType::U8, (|g| g.iter().sum::<f64>() as i64) as fn(&Vec<f64>) -> i64),
            (Kind::Sum, DType::I8, |g| g.iter().map(|x| *x as u8 as i8 as i64).sum()),
            (Kind::Max, DType::I8, |g| g.iter().map(|x| *x as u8 as i8 as i64).max().unwrap_or(0)),
            (Kind::Count(Count::NonZero), DType::U8, |g| g.iter().filter(|x| **x != 0.0).count() as i64),
            (Kind::Count(Count::All(1000)), DType::I8, |g| {
                g.iter().all(|x| *x != 0.0) as i64 * (g.len() == 1000) as i64
            }),
            (Kind::Count(Count::Any), DType::U8, |g| g.iter().any(|x| *x != 0.0) as i64),
        ] {
            let mut out = vec![-1i64; n];
            let ptr = out.as_mut_ptr().cast();
            let to = Operand { ptr, size: 8, shape: &out_shape, strides: &strides, dense: true };
            // SAFETY: operands of live vectors.
            assert!(unsafe { run(kind, (dtype, &from), &case.dims, (DType::I64, &to)) });
            assert_eq!(out, groups.iter().map(want).collect::<Vec<_>>(), "{dtype:?}");
        }
    }
}
