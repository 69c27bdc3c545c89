//! Sorts and selections against the standard library's.

use super::{Sought, distinct, find};
use crate::dtype::DType;
use crate::kernels::iter::Operand;
use crate::kernels::threads::set_num_threads;

fn noise(n: usize, kinds: u32) -> Vec<f32> {
    let of = |i: u32| (i.wrapping_mul(2654435761) >> 9) % kinds;
    (0..n as u32).map(|i| of(i) as f32 - kinds as f32 / 2.0).collect()
}

fn run(sought: Sought, x: &[f32], shape: &[usize; 2], dim: usize, k: usize) -> (Vec<f32>, Vec<i64>) {
    let strides = [shape[1] as isize, 1];
    let mut to = *shape;
    to[dim] = k;
    let out_strides = [to[1] as isize, 1];
    let (mut values, mut places) = (vec![0f32; to[0] * to[1]], vec![0i64; to[0] * to[1]]);
    let from = Operand { ptr: x.as_ptr().cast_mut().cast(), size: 4, shape, strides: &strides, dense: true };
    let out = |ptr: *mut u8, size| Operand { ptr, size, shape: &to, strides: &out_strides, dense: true };
    let (v, p) = (out(values.as_mut_ptr().cast(), 4), out(places.as_mut_ptr().cast(), 8));
    // SAFETY: operands of live vectors.
    unsafe { find(sought, DType::F32, dim, &from, Some(&v), &p) };
    (values, places)
}

fn ordered(row: &[f32], descending: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    let rank = |x: f32| if x.is_nan() { f32::INFINITY } else { x };
    let compare = |a: f32, b: f32| (rank(a), a.is_nan()).partial_cmp(&(rank(b), b.is_nan())).unwrap();
    order.sort_by(|&a, &b| if descending { compare(row[b], row[a]) } else { compare(row[a], row[b]) });
    order
}

#[test]
fn every_sort_is_stable_and_none_depends_on_threads() {
    for (n, kinds) in [(5, 3), (300, 40), (5000, 1 << 22), (70_000, 1000), (70_000, 1 << 22)] {
        let mut x = noise(n, kinds);
        x[n / 2] = f32::NAN;
        x[n / 3] = -0.0;
        for descending in [false, true] {
            let want = ordered(&x, descending);
            for threads in [1, 3] {
                set_num_threads(threads);
                let (values, places) = run(Sought::Sorted { descending }, &x, &[1, n], 1, n);
                assert!(places.iter().zip(&want).all(|(a, b)| *a as usize == *b), "{n} {descending}");
                assert!(values.iter().zip(&want).all(|(v, i)| v.to_bits() == x[*i].to_bits()));
            }
            for k in [1, 3, n / 20] {
                let (values, places) = run(Sought::Top { k, largest: descending }, &x, &[1, n], 1, k);
                assert!(places.iter().zip(&want).all(|(a, b)| *a as usize == *b), "top {k} of {n}");
                assert!(values.iter().zip(&want).all(|(v, i)| v.to_bits() == x[*i].to_bits()));
            }
        }
    }
}

#[test]
fn selections_along_either_dimension() {
    let x = noise(35, 9);
    for dim in [0, 1] {
        let (length, rows) = if dim == 1 { (7, 5) } else { (5, 7) };
        let row = |r: usize| -> Vec<f32> {
            (0..length).map(|i| if dim == 1 { x[r * 7 + i] } else { x[i * 7 + r] }).collect()
        };
        let (median, _) = run(Sought::Median { skip_nan: false }, &x, &[5, 7], dim, 1);
        let (third, at) = run(Sought::Nth(2), &x, &[5, 7], dim, 1);
        let (mode, _) = run(Sought::Mode, &x, &[5, 7], dim, 1);
        for r in 0..rows {
            let row = row(r);
            let order = ordered(&row, false);
            assert_eq!(median[r], row[order[(length - 1) / 2]]);
            assert_eq!((third[r], third[r]), (row[order[2]], row[at[r] as usize]));
            let count = |v: f32| row.iter().filter(|x| **x == v).count();
            let best = row.iter().map(|v| count(*v)).max().unwrap();
            let least = row.iter().copied().filter(|v| count(*v) == best).fold(f32::INFINITY, f32::min);
            assert_eq!(mode[r], least);
        }
    }
    let x = [2.0, f32::NAN, 1.0, 3.0, f32::NAN];
    assert_eq!(run(Sought::Median { skip_nan: true }, &x, &[1, 5], 1, 1), (vec![2.0], vec![0]));
    assert_eq!(run(Sought::Median { skip_nan: false }, &x, &[1, 5], 1, 1).1, [1]);
}

#[test]
fn distinct_values_in_order() {
    let x = [3i64, -1, 3, i64::MAX, -1, i64::MIN];
    // SAFETY: a live array.
    let all = unsafe { distinct(DType::I64, x.as_ptr().cast_mut().cast(), 6) };
    assert_eq!((all.first, all.inverse, all.counts), (vec![5, 1, 0, 3], vec![2, 1, 2, 3, 1, 0], vec![1, 2, 2, 1]));
    let x = [f32::NAN, 0.0, -0.0, f32::NAN];
    // SAFETY: a live array.
    let all = unsafe { distinct(DType::F32, x.as_ptr().cast_mut().cast(), 4) };
    assert_eq!(all.counts, [2, 1, 1]);
}
