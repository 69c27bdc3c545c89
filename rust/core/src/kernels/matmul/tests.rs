//! Every way, level, layout and type against sums in a wider type.

use super::*;
use crate::dtype::Complex;
use crate::kernels::threads::set_num_threads;
use half::{bf16, f16};
use std::sync::Mutex;

/// The number of threads belongs to the process.
static THREADS: Mutex<()> = Mutex::new(());

fn levels() -> impl Iterator<Item = Level> {
    [Level::Baseline, Level::Avx2, Level::Avx512].into_iter().filter(|l| *l <= level())
}

/// Numbers with few bits, so that they are exact in every type but sums are not trivial.
fn random(n: usize, seed: u64) -> impl Iterator<Item = i64> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n).map(move |_| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 40) as i64 % 256 - 128
    })
}

trait Value: Source + PartialEq + std::fmt::Debug {
    fn of(x: i64, y: i64) -> Self;
    /// As a complex number in f64.
    fn value(self) -> [f64; 2];
    /// Relative error of one sum of `k`, and of rounding it; `None` where sums are exact.
    const EPS: Option<f64>;
}

macro_rules! value {
    ($($t:ty, $eps:expr, $of:expr, $value:expr;)*) => {$(
        impl Value for $t {
            fn of(x: i64, y: i64) -> Self { $of(x, y) }
            fn value(self) -> [f64; 2] { $value(self) }
            const EPS: Option<f64> = $eps;
        }
    )*};
}
value! {
    f32, Some(6e-8), |x, _| x as f32 / 128., |x| [x as f64, 0.];
    f64, Some(2e-16), |x, _| x as f64 / 128., |x| [x, 0.];
    bf16, Some(4e-3), |x, _| bf16::from_f32(x as f32 / 128.), |x: bf16| [x.to_f64(), 0.];
    f16, Some(5e-4), |x, _| f16::from_f32(x as f32 / 128.), |x: f16| [x.to_f64(), 0.];
    Complex<f32>, Some(2e-7), |x, y| Complex::new(x as f32 / 128., y as f32 / 128.), |x: Self| [x.re as f64, x.im as f64];
    Complex<f64>, Some(5e-16), |x, y| Complex::new(x as f64 / 128., y as f64 / 128.), |x: Self| [x.re, x.im];
    i64, None, |x, y| x * 1_000_003 + y, |x| [x as f64, 0.];
    i32, None, |x, _| x as i32, |x| [x as f64, 0.];
    i16, None, |x, _| x as i16, |x| [x as f64, 0.];
    i8, None, |x, _| x as i8, |x| [x as f64, 0.];
    u8, None, |x, _| x as u8, |x| [x as f64, 0.];
}

/// A matrix (or a batch) and how it lies.
struct Data<T> {
    elements: Vec<T>,
    start: usize,
    shape: Vec<usize>,
    strides: Vec<isize>,
}

/// Row-major, column-major, both with gaps, neither, a broadcast row, and backwards.
const LAYOUTS: usize = 7;

impl<T: Value> Data<T> {
    fn new(batch: &[usize], [rows, cols]: [usize; 2], layout: usize, seed: u64) -> Data<T> {
        let (r, c) = (rows as isize, cols as isize);
        let steps = [[c, 1], [1, r], [c + 5, 1], [1, r + 3], [2 * c + 1, 2], [0, 1], [-c - 2, 1]][layout % LAYOUTS];
        let span =
            1 + rows.saturating_sub(1) * steps[0].unsigned_abs() + cols.saturating_sub(1) * steps[1].unsigned_abs();
        let start = if steps[0] < 0 { rows.saturating_sub(1) * steps[0].unsigned_abs() } else { 0 };
        let (mut strides, mut total) = (Vec::new(), span as isize);
        for size in batch.iter().rev() {
            strides.insert(0, total);
            total *= *size as isize;
        }
        strides.extend(steps);
        let mut y = random(total as usize, seed + 99);
        let elements = random(total as usize, seed).map(|x| T::of(x, y.next().unwrap_or(0))).collect();
        let mut shape = batch.to_vec();
        shape.extend([rows, cols]);
        Data { elements, start, shape, strides }
    }

    fn operand(&self) -> Operand<'_> {
        // SAFETY: the start lies in the data, or both are empty.
        let ptr = unsafe { self.elements.as_ptr().add(self.start) }.cast_mut().cast();
        Operand { ptr, size: size_of::<T>(), shape: &self.shape, strides: &self.strides, dense: false }
    }

    fn get(&self, q: usize, i: usize, j: usize) -> T {
        let at = |d: usize, i: usize| if self.shape[d] == 1 { 0 } else { i as isize * self.strides[d] };
        let d = self.shape.len() - 2;
        let mut offset = self.start as isize + at(d, i) + at(d + 1, j);
        if d == 1 {
            offset += at(0, q);
        }
        self.elements[offset as usize]
    }
}

fn product<T: Value>(level: Level, c: &Data<T>, a: &Data<T>, b: &Data<T>, add: Option<(&Data<T>, T::Wide, T::Wide)>) {
    let operands = [c.operand(), a.operand(), b.operand()];
    // SAFETY: shapes fit, C is not shared.
    unsafe {
        match add {
            None => run::<T>(&operands, T::UNIT, None, level),
            Some((add, alpha, beta)) => {
                run::<T>(&operands, T::scalar(alpha), Some((&add.operand(), T::scalar(beta))), level)
            }
        }
    }
}

fn times(x: [f64; 2], y: [f64; 2]) -> [f64; 2] {
    [x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]]
}

/// `alpha·a·b + beta·add` against sums in f64, or exactly for integers, which wrap.
fn check<T: Value>([m, k, n]: [usize; 3], [la, lb, lc]: [usize; 3], batch: usize, scaled: bool) {
    let list = if batch == 1 { vec![] } else { vec![batch] };
    let (a, b) = (Data::<T>::new(&list, [m, k], la, 1), Data::<T>::new(&list, [k, n], lb, 2));
    // A bias row for a batch, else a whole matrix.
    let add = if batch > 1 { Data::new(&[], [1, n], 0, 3) } else { Data::<T>::new(&[], [m, n], la + 1, 3) };
    let (alpha, beta) =
        (T::of(64, 32).widen(), if lb % 2 == 0 { T::of(128, 0).widen() } else { T::of(-32, 16).widen() });
    for level in levels() {
        let c = Data::<T>::new(&list, [m, n], lc, 4);
        product(level, &c, &a, &b, scaled.then_some((&add, alpha, beta)));
        for (q, i, j) in (0..batch).flat_map(|q| (0..m).flat_map(move |i| (0..n).map(move |j| (q, i, j)))) {
            let got = c.get(q, i, j);
            let here = || format!("{level:?} {m}x{k}x{n} layouts {la} {lb} {lc} at {q},{i},{j}, scaled {scaled}");
            let (mut sum, mut size, mut exact) = ([0.; 2], 0., 0i64);
            for p in 0..k {
                let (x, y) = (a.get(q, i, p), b.get(q, p, j));
                let term = times(x.value(), y.value());
                size += term[0].abs() + term[1].abs();
                sum = [sum[0] + term[0], sum[1] + term[1]];
                if T::EPS.is_none() {
                    exact = exact.wrapping_add(as_i64(x).wrapping_mul(as_i64(y)));
                }
            }
            let Some(eps) = T::EPS else {
                if scaled {
                    let (alpha, beta) = (as_i64(T::narrow(alpha)), as_i64(T::narrow(beta)));
                    exact = exact.wrapping_mul(alpha).wrapping_add(beta.wrapping_mul(as_i64(add.get(q, i, j))));
                }
                let bits = 64 - 8 * size_of::<T>() as u32;
                assert_eq!(as_i64(got) << bits, exact << bits, "{}", here());
                continue;
            };
            if scaled {
                let (alpha, beta) = (T::narrow(alpha).value(), T::narrow(beta).value());
                sum = times(alpha, sum);
                let term = times(beta, add.get(q, i, j).value());
                size += term[0].abs() + term[1].abs();
                sum = [sum[0] + term[0], sum[1] + term[1]];
            }
            let got = got.value();
            let error = (got[0] - sum[0]).abs().max((got[1] - sum[1]).abs());
            let bound = eps.min(2e-7) * size * (2. + k as f64 / 16.) + eps * (sum[0].abs() + sum[1].abs());
            assert!(error <= bound, "{}: {got:?} for {sum:?}, {error:e} over {bound:e}", here());
        }
    }
}

fn as_i64<T: Value>(x: T) -> i64 {
    // Integer types widen to i64.
    let wide = x.widen();
    // SAFETY: only called for those.
    unsafe { std::mem::transmute_copy::<T::Wide, i64>(&wide) }
}

fn shapes<T: Value>(sizes: &[usize]) {
    let mut count = 0;
    for &m in sizes {
        for &k in sizes {
            for &n in sizes {
                count += 1;
                let layouts = [count % LAYOUTS, (count / 2 + m) % LAYOUTS, [0, 1, 2, 4][count % 4]];
                check::<T>([m, k, n], layouts, 1, count % 3 == 0);
            }
        }
    }
    for la in 0..LAYOUTS {
        for lb in 0..LAYOUTS {
            check::<T>([9, 21, 34], [la, lb, 0], 1, la == lb);
        }
    }
    check::<T>([3, 5, 4], [0, 1, 0], 5, true);
    check::<T>([1, 17, 6], [0, 0, 0], 4, true);
}

#[test]
fn floats() {
    let _guard = THREADS.lock();
    shapes::<f32>(&[1, 2, 5, 16, 33, 65]);
    shapes::<f64>(&[1, 2, 5, 16, 33]);
}

#[test]
fn halves() {
    let _guard = THREADS.lock();
    shapes::<bf16>(&[1, 2, 15, 33]);
    shapes::<f16>(&[1, 3, 17, 33]);
}

#[test]
fn complex() {
    let _guard = THREADS.lock();
    shapes::<Complex<f32>>(&[1, 2, 9, 33]);
    shapes::<Complex<f64>>(&[1, 3, 17]);
}

#[test]
fn integers() {
    let _guard = THREADS.lock();
    shapes::<i64>(&[1, 2, 9, 33]);
    shapes::<i32>(&[1, 3, 17, 33]);
    shapes::<i16>(&[1, 5, 18]);
    shapes::<i8>(&[1, 5, 18]);
    shapes::<u8>(&[1, 5, 18]);
}

#[test]
fn large_ones_take_every_way() {
    let _guard = THREADS.lock();
    for (i, size) in [
        [31, 129, 64],
        [64, 784, 128],
        [65, 257, 33],
        [100, 128, 1025],
        [1, 1000, 300],
        [1, 300, 40],
        [3, 700, 200],
        [300, 1000, 1],
        [257, 1, 513],
        [7, 5000, 9],
        [140, 300, 530],
    ]
    .into_iter()
    .enumerate()
    {
        for l in 0..4 {
            check::<f32>(size, [(l + i) % LAYOUTS, l, 0], 1, l == 2);
        }
    }
    check::<f64>([100, 700, 130], [0, 1, 0], 1, false);
    check::<Complex<f32>>([140, 300, 60], [1, 0, 0], 1, false);
    check::<bf16>([140, 600, 70], [0, 1, 0], 1, false);
}

#[test]
fn without_terms_sums_are_zero_and_without_elements_nothing_happens() {
    for level in levels() {
        let c = Data::<f32>::new(&[], [3, 4], 0, 1);
        let (a, b) = (Data::new(&[], [3, 0], 0, 1), Data::new(&[], [0, 4], 0, 1));
        product(level, &c, &a, &b, None);
        assert!(c.elements[..12].iter().all(|x| *x == 0.));
        let add = Data::<f32>::new(&[], [1, 4], 0, 5);
        product(level, &c, &a, &b, Some((&add, 3., 2.)));
        assert!((0..12).all(|i| c.elements[i] == 2. * add.elements[i % 4]));
        for [m, n] in [[0, 4], [3, 0], [0, 0]] {
            let c = Data::<f32>::new(&[], [m, n], 0, 1);
            product(level, &c, &Data::new(&[], [m, 5], 0, 1), &Data::new(&[], [5, n], 0, 1), None);
        }
    }
}

fn bits<T: Value>(c: &Data<T>) -> Vec<u64> {
    c.elements.iter().map(|x| x.value()[0].to_bits()).collect()
}

fn same_bits<T: Value>() {
    let cases = [
        ([200, 300, 500], 1),
        ([64, 64, 64], 1),
        ([700, 1, 90], 1),
        ([200, 40, 30], 1),
        ([1, 700, 600], 1),
        ([8, 300, 900], 1),
        ([3, 900, 700], 1),
        ([33, 40, 50], 30),
    ];
    for level in levels() {
        for (size @ [m, k, n], batch) in cases {
            for layout in 0..2 {
                let list = if batch == 1 { vec![] } else { vec![batch] };
                let (a, b) = (Data::new(&list, [m, k], layout, 7), Data::new(&list, [k, n], layout, 8));
                let of = |threads| {
                    set_num_threads(threads);
                    let c = Data::<T>::new(&list, [m, n], 0, 9);
                    product(level, &c, &a, &b, None);
                    bits(&c)
                };
                let one = of(1);
                for threads in [2, 5] {
                    let here = format!("{level:?} {size:?} batch {batch} layout {layout} on {threads} threads");
                    assert!(of(threads) == one, "{here}");
                }
            }
        }
    }
    set_num_threads(2);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let _guard = THREADS.lock();
    same_bits::<f32>();
    same_bits::<bf16>();
}

#[test]
fn broadcast_over_the_batch() {
    let _guard = THREADS.lock();
    for [ba, bb] in [[4, 1], [1, 4], [4, 4]] {
        for m in [1, 5, 40] {
            let a = Data::<f32>::new(&[ba], [m, 30], 0, 1);
            let b = Data::<f32>::new(&[bb], [30, 20], 1, 2);
            let c = Data::<f32>::new(&[4], [m, 20], 0, 3);
            product(level(), &c, &a, &b, None);
            for (q, i, j) in (0..4).flat_map(|q| (0..m).flat_map(move |i| (0..20).map(move |j| (q, i, j)))) {
                let want: f64 = (0..30).map(|p| a.get(q, i, p) as f64 * b.get(q, p, j) as f64).sum();
                assert!((c.get(q, i, j) as f64 - want).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn nan_and_infinity_stay_in_their_rows_and_columns() {
    for level in levels() {
        for (size @ [m, k, n], layout) in
            [([5, 7, 9], 0), ([40, 300, 70], 0), ([40, 300, 70], 1), ([2, 50, 40], 1), ([1, 90, 70], 0)]
        {
            for x in [f32::NAN, f32::INFINITY] {
                let (mut a, b) = (Data::<f32>::new(&[], [m, k], 0, 5), Data::<f32>::new(&[], [k, n], layout, 6));
                a.elements[(m - 1) * k + k / 2] = x;
                let c = Data::<f32>::new(&[], [m, n], 0, 7);
                product(level, &c, &a, &b, None);
                for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let c = c.get(0, i, j);
                    let touched = i == m - 1;
                    let zero = b.get(0, k / 2, j) == 0.;
                    let want = if !touched {
                        c.is_finite()
                    } else if x.is_nan() || zero {
                        c.is_nan()
                    } else {
                        c.is_infinite()
                    };
                    assert!(want, "{level:?} {size:?} layout {layout}: {x} gives {c} at {i},{j}");
                }
            }
        }
    }
}
