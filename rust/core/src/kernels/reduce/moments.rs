//! Reducers that look twice at a block while it is in cache: mean and variance, log of a sum of exponentials.

use super::folds::{Extreme, Float, Sum, extreme, fold_all, fold_columns};
use super::{COLUMNS, Reduce, Typed, reduce};
use crate::dtype::DType;
use crate::kernels::isa::Isa;
use crate::kernels::math::Real;
use std::marker::PhantomData;

/// Mean, and the sum of squares of what is left without it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    pub count: f64,
    pub mean: f64,
    pub squares: f64,
}

impl Moments {
    pub const EMPTY: Moments = Moments { count: 0.0, mean: 0.0, squares: 0.0 };

    /// The moments of both together.
    pub fn join(self, other: Moments) -> Moments {
        let count = self.count + other.count;
        if self.count == 0.0 || other.count == 0.0 {
            return if self.count == 0.0 { other } else { self };
        }
        let (delta, share) = (other.mean - self.mean, other.count / count);
        Moments {
            count,
            mean: self.mean + delta * share,
            squares: self.squares + other.squares + delta * delta * self.count * share,
        }
    }

    /// From the mean as the compute type holds it, and the sums of what is left: the rounding of that mean is taken
    /// out of both.
    #[inline(always)]
    fn mended(count: f64, mean: f64, left: f64, squares: f64) -> Moments {
        Moments { count, mean: mean + left / count, squares: squares - left * left / count }
    }

    /// The moments of a dense block.
    #[inline(always)]
    pub(crate) fn of<W: Float>(x: &[W]) -> Moments {
        if x.is_empty() {
            return Moments::EMPTY;
        }
        let count = x.len() as f64;
        let mean = W::of_f64(fold_all(&Sum::<W>(PhantomData), x).to_f64() / count);
        const N: usize = 32;
        let (mut left, mut squares) = ([W::ZERO; N], [W::ZERO; N]);
        let (chunks, rest) = x.as_chunks::<N>();
        for chunk in chunks {
            for k in 0..N {
                let d = chunk[k] - mean;
                left[k] = left[k] + d;
                squares[k] = squares[k] + d * d;
            }
        }
        let total = |lanes: [W; N]| fold_all(&Sum::<W>(PhantomData), &lanes).to_f64();
        let (mut left, mut squares) = (total(left), total(squares));
        for x in rest {
            let d = *x - mean;
            left += d.to_f64();
            squares += (d * d).to_f64();
        }
        Moments::mended(count, mean.to_f64(), left, squares)
    }
}

/// How the variance is divided (count − correction) and whether its root is wanted.
struct Var<W> {
    correction: f64,
    root: bool,
    of: PhantomData<W>,
}

impl<W: Float> Reduce for Var<W> {
    type In = W;
    type Acc = Moments;
    type Out = W;
    type Also = W;
    fn empty(&self) -> Moments {
        Moments::EMPTY
    }
    #[inline(always)]
    fn block<I: Isa>(&self, x: &[W], _: usize) -> Moments {
        Moments::of(x)
    }
    #[inline(always)]
    unsafe fn columns<I: Isa>(&self, rows: &[*const W], _: usize, acc: &mut [Moments]) {
        if rows.is_empty() {
            return;
        }
        let (n, count) = (acc.len(), rows.len() as f64);
        let (mut mean, mut left, mut squares) = ([W::ZERO; COLUMNS], [W::ZERO; COLUMNS], [W::ZERO; COLUMNS]);
        let (mean, left, squares) = (&mut mean[..n], &mut left[..n], &mut squares[..n]);
        // SAFETY: the caller's promise.
        unsafe {
            fold_columns(&Sum::<W>(PhantomData), rows, mean);
            mean.iter_mut().for_each(|m| *m = *m * W::of_f64(1.0 / count));
            for r in rows {
                let row = std::slice::from_raw_parts(*r, n);
                for (((mean, left), squares), x) in mean.iter().zip(&mut *left).zip(&mut *squares).zip(row) {
                    let d = *x - *mean;
                    *left = *left + d;
                    *squares = *squares + d * d;
                }
            }
        }
        for (k, acc) in acc.iter_mut().enumerate() {
            *acc = Moments::mended(count, mean[k].to_f64(), left[k].to_f64(), squares[k].to_f64());
        }
    }
    fn join(&self, a: Moments, b: Moments) -> Moments {
        a.join(b)
    }
    fn finish(&self, m: Moments) -> (W, W) {
        let var = if m.count == 0.0 { f64::NAN } else { m.squares / (m.count - self.correction).max(0.0) };
        let mean = if m.count == 0.0 { f64::NAN } else { m.mean };
        (W::of_f64(if self.root { var.sqrt() } else { var }), W::of_f64(mean))
    }
}

/// `Σ exp(x) = sum · exp(max)`.
struct LogSumExp<W>(PhantomData<W>);

/// exp for either float type, with any instructions.
pub(crate) trait Exp: Float {
    fn exp_in<I: Isa>(self) -> Self;
}
macro_rules! analytic {
    ($($t:ty),*) => {$(
        impl Exp for $t {
            #[inline(always)]
            fn exp_in<I: Isa>(self) -> $t { Real::<I>::exp(self) }
        }
    )*};
}
analytic!(f32, f64);

/// What is taken from the exponents: the maximum, but not an infinite one.
#[inline(always)]
fn shift<W: Float>(max: W) -> W {
    if max == W::HIGHEST || max == W::LOWEST { W::ZERO } else { max }
}

impl<W: Exp> Reduce for LogSumExp<W> {
    type In = W;
    type Acc = (W, W);
    type Out = W;
    type Also = W;
    fn empty(&self) -> (W, W) {
        (W::LOWEST, W::ZERO)
    }
    #[inline(always)]
    fn block<I: Isa>(&self, x: &[W], _: usize) -> (W, W) {
        let max = extreme::<W, false>(x);
        let by = shift(max);
        const N: usize = 64;
        let mut lanes = [W::ZERO; N];
        let (chunks, rest) = x.as_chunks::<N>();
        for chunk in chunks {
            (0..N).for_each(|k| lanes[k] = lanes[k] + (chunk[k] - by).exp_in::<I>());
        }
        let mut last = [W::ZERO; N];
        last.iter_mut().zip(rest).for_each(|(last, x)| *last = (*x - by).exp_in::<I>());
        let sum = |x: &[W; N]| fold_all(&Sum::<W>(PhantomData), x);
        (max, sum(&lanes) + sum(&last))
    }
    #[inline(always)]
    unsafe fn columns<I: Isa>(&self, rows: &[*const W], _: usize, acc: &mut [(W, W)]) {
        let n = acc.len();
        let (mut max, mut sum) = ([W::LOWEST; COLUMNS], [W::ZERO; COLUMNS]);
        let (max, sum) = (&mut max[..n], &mut sum[..n]);
        // SAFETY: the caller's promise.
        unsafe {
            fold_columns(&Extreme::<W, false>(PhantomData), rows, max);
            for r in rows {
                let row = std::slice::from_raw_parts(*r, n);
                let all = sum.iter_mut().zip(&*max).zip(row);
                all.for_each(|((sum, max), x)| *sum = *sum + (*x - shift(*max)).exp_in::<I>());
            }
        }
        acc.iter_mut().zip(max.iter().zip(&*sum)).for_each(|(acc, (max, sum))| *acc = (*max, *sum));
    }
    fn join(&self, a: (W, W), b: (W, W)) -> (W, W) {
        let max = if Extreme::<W, false>::beats(b.0, a.0) { b.0 } else { a.0 };
        let part = |x: (W, W)| {
            // Nothing, or only −inf: no share, whatever the other has.
            if x.0 == W::LOWEST { x.1 } else { x.1 * W::of_f64((shift(x.0) - shift(max)).to_f64().exp()) }
        };
        (max, part(a) + part(b))
    }
    fn finish(&self, (max, sum): (W, W)) -> (W, W) {
        let y = W::of_f64(sum.to_f64().ln() + shift(max).to_f64());
        (y, y)
    }
}

/// Variance (or its root) of `from` over `dims`, and the mean where it is wanted. Says whether `from` is real.
///
/// # Safety
/// As for [`super::folds::run`].
pub unsafe fn var(root: bool, correction: f64, from: Typed, dims: &[usize], to: [Option<Typed>; 2]) -> bool {
    // SAFETY: the caller's promise.
    match from.0.compute() {
        DType::F32 => unsafe { reduce(&Var { correction, root, of: PhantomData::<f32> }, from, dims, to) },
        DType::F64 => unsafe { reduce(&Var { correction, root, of: PhantomData::<f64> }, from, dims, to) },
        _ => return false,
    }
    true
}

/// `log Σ exp` over `dims`, without overflow. Says whether `from` is real.
///
/// # Safety
/// As for [`super::folds::run`].
pub unsafe fn logsumexp(from: Typed, dims: &[usize], to: Typed) -> bool {
    // SAFETY: the caller's promise.
    match from.0.compute() {
        DType::F32 => unsafe { reduce(&LogSumExp::<f32>(PhantomData), from, dims, [Some(to), None]) },
        DType::F64 => unsafe { reduce(&LogSumExp::<f64>(PhantomData), from, dims, [Some(to), None]) },
        _ => return false,
    }
    true
}
