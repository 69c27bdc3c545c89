//! Extremes with their positions: the first of equals, and the first NaN before everything.

use super::folds::extreme;
use super::{COLUMNS, Reduce, Typed, reduce};
use crate::dtype::{DType, Ordered};
use crate::kernels::isa::Isa;
use std::marker::PhantomData;

struct Arg<W, const LEAST: bool>(PhantomData<W>);

/// Whether `x`, found later, takes the place of `acc`.
#[inline(always)]
fn beats<W: Ordered, const LEAST: bool>(x: W, acc: W) -> bool {
    (if LEAST { x < acc } else { x > acc }) || (W::FLOAT && x.is_nan() && !acc.is_nan())
}

const CHUNK: usize = 32;

impl<W: Ordered, const LEAST: bool> Reduce for Arg<W, LEAST> {
    type In = W;
    type Acc = (W, i64);
    type Out = W;
    type Also = i64;
    const ORDERED: bool = true;

    /// No position: whatever comes takes its place.
    fn empty(&self) -> (W, i64) {
        (W::ZERO, -1)
    }
    #[inline(always)]
    fn block<I: Isa>(&self, x: &[W], first: usize) -> (W, i64) {
        if x.is_empty() {
            return self.empty();
        }
        let best = extreme::<W, LEAST>(x);
        let nan = W::FLOAT && best.is_nan();
        let is_it = |x: W| if nan { x.is_nan() } else { x == best };
        let (chunks, rest) = x.as_chunks::<CHUNK>();
        let (mut start, mut list) = (x.len() - rest.len(), rest);
        for (c, chunk) in chunks.iter().enumerate() {
            if chunk.iter().fold(false, |any, x| any | is_it(*x)) {
                (start, list) = (c * CHUNK, &chunk[..]);
                break;
            }
        }
        let mut at = start;
        for (i, x) in list.iter().enumerate() {
            if is_it(*x) {
                at = start + i;
                break;
            }
        }
        (x[at], (first + at) as i64)
    }
    #[inline(always)]
    unsafe fn columns<I: Isa>(&self, rows: &[*const W], first: usize, acc: &mut [(W, i64)]) {
        let [start, rest @ ..] = rows else { return };
        let n = acc.len();
        let (mut best, mut at) = ([W::ZERO; COLUMNS], [0u32; COLUMNS]);
        let (best, at) = (&mut best[..n], &mut at[..n]);
        // SAFETY: the caller's promise.
        unsafe {
            best.copy_from_slice(std::slice::from_raw_parts(*start, n));
            for (r, x) in rest.iter().enumerate() {
                let (r, row) = (r as u32 + 1, std::slice::from_raw_parts(*x, n));
                for ((best, at), x) in best.iter_mut().zip(&mut *at).zip(row) {
                    let beats = beats::<W, LEAST>(*x, *best);
                    *best = if beats { *x } else { *best };
                    *at = if beats { r } else { *at };
                }
            }
        }
        for ((acc, best), at) in acc.iter_mut().zip(best).zip(at) {
            *acc = (*best, first as i64 + *at as i64);
        }
    }
    fn join(&self, a: (W, i64), b: (W, i64)) -> (W, i64) {
        match (a.1, b.1) {
            (_, -1) => a,
            (-1, _) => b,
            _ if beats::<W, LEAST>(b.0, a.0) => b,
            _ => a,
        }
    }
    fn finish(&self, acc: (W, i64)) -> (W, i64) {
        acc
    }
}

/// Writes the extremes of `from` along `dim` to `values` and their positions to `positions`, where either is wanted. Both
/// have the dimensions of `from` with that of `dim` 1; `dim` must not be empty. Says whether the dtype has an order.
///
/// # Safety
/// The operands must be valid and of the given dtypes: values as `from`, positions i64.
pub unsafe fn run(least: bool, from: Typed, dim: usize, values: Option<Typed>, positions: Option<Typed>) -> bool {
    macro_rules! run {
        ($W:ty) => {
            // SAFETY: the caller's promise.
            match least {
                true => unsafe { reduce(&Arg::<$W, true>(PhantomData), from, &[dim], [values, positions]) },
                false => unsafe { reduce(&Arg::<$W, false>(PhantomData), from, &[dim], [values, positions]) },
            }
        };
    }
    match from.0.compute() {
        DType::F32 => run!(f32),
        DType::F64 => run!(f64),
        DType::I64 => run!(i64),
        _ => return false,
    }
    true
}
