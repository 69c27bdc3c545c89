//! One pass of Stockham's transform: butterflies of one radix over all lines of a tile.

use crate::kernels::isa::{Isa, Kernel};
use std::ops::{Add, Mul, Sub};

/// f32 or f64.
pub trait Real:
    Copy + Send + Sync + Default + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + 'static
{
    const ZERO: Self;
    fn of_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
    fn of<S: Real>(x: S) -> Self {
        Self::of_f64(x.to_f64())
    }
    /// a·b + c
    fn fused(self, b: Self, c: Self, fma: bool) -> Self;
}
macro_rules! real {
    ($($t:ty),*) => {$(
        impl Real for $t {
            const ZERO: Self = 0.0;
            #[inline(always)]
            fn of_f64(x: f64) -> Self { x as $t }
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn fused(self, b: Self, c: Self, fma: bool) -> Self {
                if fma { self.mul_add(b, c) } else { self * b + c }
            }
        }
    )*};
}
real!(f32, f64);

/// A pass of radix R over n = R·m points, each of `s` numbers: those of R·(lines) points that earlier passes have made neighbours.
pub struct Pass<'a, T> {
    pub radix: usize,
    pub m: usize,
    pub s: usize,
    /// e^(−2πi·p·k/n) for p < m and 0 < k < R, real and imaginary parts in turn.
    pub turns: &'a [T],
    /// cos and sin of 2πj/R.
    pub roots: &'a [(T, T)],
    pub from: (&'a [T], &'a [T]),
    pub to: (&'a mut [T], &'a mut [T]),
}

impl<I: Isa, T: Real> Kernel<I> for Pass<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        match self.radix {
            2 => self.each::<I, 2>(),
            3 => self.each::<I, 3>(),
            4 => self.each::<I, 4>(),
            5 => self.each::<I, 5>(),
            _ => self.each::<I, 7>(),
        }
    }
}

impl<T: Real> Pass<'_, T> {
    #[inline(always)]
    fn each<I: Isa, const R: usize>(self) {
        let Pass { m, s, turns, roots, from, to, .. } = self;
        let roots: [(T, T); R] = std::array::from_fn(|j| roots[j]);
        let chunks = to.0.chunks_exact_mut(s * R).zip(to.1.chunks_exact_mut(s * R));
        for (p, (to_re, to_im)) in chunks.enumerate().take(m) {
            let w: [(T, T); R] = std::array::from_fn(|k| match k {
                0 => (T::of_f64(1.0), T::ZERO),
                k => (turns[2 * (p * (R - 1) + k - 1)], turns[2 * (p * (R - 1) + k - 1) + 1]),
            });
            let re: [&[T]; R] = std::array::from_fn(|j| &from.0[s * (p + m * j)..][..s]);
            let im: [&[T]; R] = std::array::from_fn(|j| &from.1[s * (p + m * j)..][..s]);
            let mut parts_re = to_re.chunks_exact_mut(s);
            let out_re: [&mut [T]; R] = std::array::from_fn(|_| parts_re.next().unwrap_or_default());
            let mut parts_im = to_im.chunks_exact_mut(s);
            let out_im: [&mut [T]; R] = std::array::from_fn(|_| parts_im.next().unwrap_or_default());
            if out_re.iter().chain(&out_im).any(|out| out.len() != s) {
                return;
            }
            for q in 0..s {
                let x: [(T, T); R] = std::array::from_fn(|j| (re[j][q], im[j][q]));
                let y = butterfly::<I, T, R>(x, &roots);
                out_re[0][q] = y[0].0;
                out_im[0][q] = y[0].1;
                for k in 1..R {
                    let ((a, b), (c, d)) = (y[k], w[k]);
                    out_re[k][q] = a.fused(c, T::ZERO - b * d, I::FMA);
                    out_im[k][q] = a.fused(d, b * c, I::FMA);
                }
            }
        }
    }
}

/// The transform of R points.
#[inline(always)]
fn butterfly<I: Isa, T: Real, const R: usize>(x: [(T, T); R], roots: &[(T, T); R]) -> [(T, T); R] {
    let add = |a: (T, T), b: (T, T)| (a.0 + b.0, a.1 + b.1);
    let sub = |a: (T, T), b: (T, T)| (a.0 - b.0, a.1 - b.1);
    let mut y = x;
    match R {
        2 => {
            y[0] = add(x[0], x[1]);
            y[1] = sub(x[0], x[1]);
        }
        4 => {
            let (sum, dif) = (add(x[0], x[2]), sub(x[0], x[2]));
            let (more, turned) = (add(x[1], x[3]), sub(x[1], x[3]));
            y[0] = add(sum, more);
            y[1] = (dif.0 + turned.1, dif.1 - turned.0);
            y[2] = sub(sum, more);
            y[3] = (dif.0 - turned.1, dif.1 + turned.0);
        }
        _ => {
            // An odd number: points j and R − j turn against each other.
            let half = R / 2;
            let mut sums = [(T::ZERO, T::ZERO); R];
            let mut difs = [(T::ZERO, T::ZERO); R];
            let mut all = x[0];
            for j in 1..=half {
                sums[j] = add(x[j], x[R - j]);
                difs[j] = sub(x[j], x[R - j]);
                all = add(all, sums[j]);
            }
            y[0] = all;
            for k in 1..=half {
                let (mut even, mut odd) = (x[0], (T::ZERO, T::ZERO));
                for j in 1..=half {
                    let (c, s) = roots[j * k % R];
                    even = (c.fused(sums[j].0, even.0, I::FMA), c.fused(sums[j].1, even.1, I::FMA));
                    odd = (s.fused(difs[j].0, odd.0, I::FMA), s.fused(difs[j].1, odd.1, I::FMA));
                }
                y[k] = (even.0 + odd.1, even.1 - odd.0);
                y[R - k] = (even.0 - odd.1, even.1 + odd.0);
            }
        }
    }
    y
}
