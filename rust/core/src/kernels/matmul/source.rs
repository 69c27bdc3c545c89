//! What matrices hold in memory, and how that becomes what is summed.

use super::vector::{Real, Vector};
use crate::dtype::{Complex, Element};
use half::{bf16, f16};

/// An element of memory that is summed as a `T`.
pub trait Source: Element {
    type T: Real;
    /// A factor: `T`, or two of them.
    type Scalar: Copy + PartialEq;
    /// Whether memory holds `T` itself.
    const SAME: bool;
    /// 2 for complex numbers, which are multiplied as pairs of real ones; else 1.
    const PARTS: usize;
    const UNIT: Self::Scalar;
    fn scalar(x: Self::Wide) -> Self::Scalar;
    fn part(self, i: usize) -> Self::T;
    /// `alpha·sum + beta·add`, where `sum` points to PARTS sums.
    ///
    /// # Safety
    /// It does.
    unsafe fn blend(sum: *const Self::T, alpha: Self::Scalar, add: Option<(Self, Self::Scalar)>) -> Self;
}

macro_rules! source {
    ($($s:ty, $t:ty, $same:literal, $wide:expr, $back:expr;)*) => {$(
        impl Source for $s {
            type T = $t;
            type Scalar = $t;
            const SAME: bool = $same;
            const PARTS: usize = 1;
            const UNIT: $t = <$t>::ONE;
            #[inline(always)]
            fn scalar(x: Self::Wide) -> $t { x as $t }
            #[inline(always)]
            fn part(self, _: usize) -> $t { $wide(self) }
            #[inline(always)]
            unsafe fn blend(sum: *const $t, alpha: $t, add: Option<(Self, $t)>) -> $s {
                // SAFETY: the caller's promise.
                let sum = alpha.times(unsafe { *sum });
                $back(match add {
                    Some((x, beta)) => beta.times($wide(x)).plus(sum),
                    None => sum,
                })
            }
        }
    )*};
}
source! {
    f32, f32, true, |x| x, |x| x;
    f64, f64, true, |x| x, |x| x;
    i64, i64, true, |x| x, |x| x;
    i32, i32, true, |x| x, |x| x;
    i16, i32, false, |x| x as i32, |x| x as i16;
    i8, i32, false, |x| x as i32, |x| x as i8;
    u8, i32, false, |x| x as i32, |x| x as u8;
    bf16, f32, false, bf16::widen, bf16::narrow;
    f16, f32, false, f16::widen, f16::narrow;
}

macro_rules! complex {
    ($($t:ty;)*) => {$(
        impl Source for Complex<$t> {
            type T = $t;
            type Scalar = Complex<$t>;
            const SAME: bool = false;
            const PARTS: usize = 2;
            const UNIT: Complex<$t> = Complex::new(1.0, 0.0);
            #[inline(always)]
            fn scalar(x: Self::Wide) -> Complex<$t> { Complex::new(x.re as $t, x.im as $t) }
            #[inline(always)]
            fn part(self, i: usize) -> $t { if i == 0 { self.re } else { self.im } }
            #[inline(always)]
            unsafe fn blend(sum: *const $t, alpha: Self, add: Option<(Self, Self)>) -> Self {
                let times = |x: Self, y: Self| Complex::new(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re);
                // SAFETY: the caller's promise.
                let sum = unsafe { Complex::new(*sum, *sum.add(1)) };
                // A product with one would make NaN of infinity.
                let sum = if alpha == Self::UNIT { sum } else { times(alpha, sum) };
                match add {
                    Some((x, beta)) => {
                        let x = if beta == Self::UNIT { x } else { times(beta, x) };
                        Complex::new(x.re + sum.re, x.im + sum.im)
                    }
                    None => sum,
                }
            }
        }
    )*};
}
complex! {
    f32;
    f64;
}

/// The first `n` elements (at most LANES) as a vector.
///
/// # Safety
/// As `Vector::load_first`.
#[inline(always)]
pub unsafe fn load<V: Vector<T = S::T>, S: Source>(n: usize, from: *const S) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        if S::SAME {
            return if n >= V::LANES { V::load(from.cast()) } else { V::load_first(n, from.cast()) };
        }
        let mut lanes = [S::T::ZERO; 16];
        if n >= V::LANES {
            for (i, lane) in lanes.iter_mut().enumerate().take(V::LANES) {
                *lane = (*from.add(i)).part(0);
            }
        } else {
            for (i, lane) in lanes.iter_mut().enumerate().take(n) {
                *lane = (*from.add(i)).part(0);
            }
        }
        V::load(lanes.as_ptr())
    }
}
