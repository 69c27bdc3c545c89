//! Softmax and its logarithm, forward and backward.

use super::{COLUMNS, Panel, Row, map};
use crate::dtype::{DType, Num};
use crate::kernels::isa::Isa;
use crate::kernels::reduce::Typed;
use crate::kernels::reduce::folds::{Extreme, Float, Sum, extreme, fold_all};
use crate::kernels::reduce::moments::Exp;
use std::marker::PhantomData;

#[inline(always)]
pub(crate) fn sum<W: Num>(x: &[W]) -> W {
    fold_all(&Sum::<W>(PhantomData), x)
}

/// Σ a·b in lanes, the order fixed by the length.
#[inline(always)]
pub(crate) fn dot<W: Num>(a: &[W], b: &[W]) -> W {
    const N: usize = 128;
    let mut lanes = [W::ZERO; N];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<N>(), b.as_chunks::<N>());
    for (a, b) in a.iter().zip(b) {
        (0..N).for_each(|k| lanes[k] = lanes[k] + a[k] * b[k]);
    }
    let rest = a_rest.iter().zip(b_rest).fold(W::ZERO, |s, (a, b)| s + *a * *b);
    if a.is_empty() { rest } else { sum(&lanes) + rest }
}

/// Σ exp(x − max) without storing the terms.
#[inline(always)]
pub(crate) fn sum_exp<I: Isa, W: Exp>(x: &[W], max: W) -> W {
    const N: usize = 64;
    let mut lanes = [W::ZERO; N];
    let (chunks, rest) = x.as_chunks::<N>();
    for chunk in chunks {
        (0..N).for_each(|k| lanes[k] = lanes[k] + (chunk[k] - max).exp_in::<I>());
    }
    let mut last = [W::ZERO; N];
    last.iter_mut().zip(rest).for_each(|(last, x)| *last = (*x - max).exp_in::<I>());
    if chunks.is_empty() { sum(&last) } else { sum(&lanes) + sum(&last) }
}

#[inline(always)]
fn log<W: Float>(x: W) -> W {
    W::of_f64(x.to_f64().ln())
}

struct Softmax<W, const LOG: bool>(PhantomData<W>);
impl<W: Exp, const LOG: bool> Row for Softmax<W, LOG> {
    type W = W;

    #[inline(always)]
    fn row<I: Isa>(&self, [x, _]: [&[W]; 2], y: &mut [W], _: &mut [i64]) {
        let max = extreme::<W, false>(x);
        if LOG {
            // Of a row of −inf alone there is no logarithm: NaN, as the difference of infinities is.
            let by = log(sum_exp::<I, W>(x, max));
            y.iter_mut().zip(x).for_each(|(y, x)| *y = *x - max - by);
        } else {
            y.iter_mut().zip(x).for_each(|(y, x)| *y = (*x - max).exp_in::<I>());
            let scale = W::ONE.divide(sum(y));
            y.iter_mut().for_each(|y| *y = *y * scale);
        }
    }

    #[inline(always)]
    unsafe fn panel<I: Isa>(&self, [x, _]: [Panel<W>; 2], y: Panel<W>, _: Panel<i64>, length: usize) {
        let (mut max, mut sum) = ([W::LOWEST; COLUMNS], [W::ZERO; COLUMNS]);
        let beats = Extreme::<W, false>::beats;
        // SAFETY: the caller's promise.
        unsafe {
            for r in 0..length {
                max.iter_mut().zip(x.row(r)).for_each(|(m, x)| *m = if beats(*x, *m) { *x } else { *m });
            }
            for r in 0..length {
                let all = sum.iter_mut().zip(&max).zip(x.row(r)).zip(y.row_mut(r));
                for (((sum, max), x), y) in all {
                    let e = (*x - *max).exp_in::<I>();
                    *y = e;
                    *sum = *sum + e;
                }
            }
            if LOG {
                max.iter_mut().zip(&sum).for_each(|(m, s)| *m = *m + log(*s));
                for r in 0..length {
                    y.row_mut(r).iter_mut().zip(x.row(r)).zip(&max).for_each(|((y, x), m)| *y = *x - *m);
                }
            } else {
                sum.iter_mut().for_each(|s| *s = W::ONE.divide(*s));
                for r in 0..length {
                    y.row_mut(r).iter_mut().zip(&sum).for_each(|(y, s)| *y = *y * *s);
                }
            }
        }
    }
}

/// `x[0]` is the cotangent g, `x[1]` the result y of softmax: y·(g − Σ g·y), or of its logarithm: g − eʸ·Σ g.
struct Backward<W, const LOG: bool>(PhantomData<W>);
impl<W: Exp, const LOG: bool> Row for Backward<W, LOG> {
    type W = W;

    #[inline(always)]
    fn row<I: Isa>(&self, [g, y]: [&[W]; 2], to: &mut [W], _: &mut [i64]) {
        let total = if LOG { sum(g) } else { dot(g, y) };
        for ((to, g), y) in to.iter_mut().zip(g).zip(y) {
            *to = if LOG { *g - y.exp_in::<I>() * total } else { *y * (*g - total) };
        }
    }

    #[inline(always)]
    unsafe fn panel<I: Isa>(&self, [g, y]: [Panel<W>; 2], to: Panel<W>, _: Panel<i64>, length: usize) {
        let mut total = [W::ZERO; COLUMNS];
        // SAFETY: the caller's promise.
        unsafe {
            for r in 0..length {
                for ((total, g), y) in total.iter_mut().zip(g.row(r)).zip(y.row(r)) {
                    *total = *total + if LOG { *g } else { *g * *y };
                }
            }
            for r in 0..length {
                for (((to, total), g), y) in to.row_mut(r).iter_mut().zip(&total).zip(g.row(r)).zip(y.row(r)) {
                    *to = if LOG { *g - y.exp_in::<I>() * *total } else { *y * (*g - *total) };
                }
            }
        }
    }
}

macro_rules! by_float {
    ($kernel:ident, $log:expr, $dtype:expr, $args:expr) => {{
        let (dim, inputs, to) = $args;
        // SAFETY: the caller's promise.
        match ($dtype.compute(), $log) {
            (DType::F32, false) => unsafe { map(&$kernel::<f32, false>(PhantomData), dim, inputs, to, None) },
            (DType::F32, true) => unsafe { map(&$kernel::<f32, true>(PhantomData), dim, inputs, to, None) },
            (DType::F64, false) => unsafe { map(&$kernel::<f64, false>(PhantomData), dim, inputs, to, None) },
            (DType::F64, true) => unsafe { map(&$kernel::<f64, true>(PhantomData), dim, inputs, to, None) },
            _ => return false,
        }
        true
    }};
}

/// Softmax along `dim`, or its logarithm. Says whether the dtype is a real float.
///
/// # Safety
/// As for [`map`].
pub unsafe fn forward(log: bool, dim: usize, x: Typed, to: Typed) -> bool {
    by_float!(Softmax, log, x.0, (dim, &[x], to))
}

/// The gradient, from the cotangent and the result.
///
/// # Safety
/// As for [`map`].
pub unsafe fn backward(log: bool, dim: usize, g: Typed, y: Typed, to: Typed) -> bool {
    by_float!(Backward, log, y.0, (dim, &[g, y], to))
}
