//! Running totals along a dimension: sums, products, extremes with their positions, logarithms of sums of exponentials.

use super::isa::Isa;
use super::reduce::Typed;
use super::reduce::folds::Float;
use super::rows::softmax::sum;
use super::rows::{COLUMNS, Panel, Row, map};
use crate::dtype::{Complex, DType, Num, Ordered};
use std::marker::PhantomData;

/// A number with a type to add many of them up in.
trait Total: Num {
    type Acc: Num;
    fn up(self) -> Self::Acc;
    fn down(acc: Self::Acc) -> Self;
}
macro_rules! total {
    ($($t:ty as $acc:ty: $up:expr, $down:expr;)*) => {$(
        impl Total for $t {
            type Acc = $acc;
            #[inline(always)]
            fn up(self) -> $acc { $up(self) }
            #[inline(always)]
            fn down(acc: $acc) -> $t { $down(acc) }
        }
    )*};
}
total! {
    f32 as f64: |x| x as f64, |x| x as f32;
    f64 as f64: |x| x, |x| x;
    i64 as i64: |x| x, |x| x;
    Complex<f64> as Complex<f64>: |x| x, |x| x;
}

/// The running sum, from the end if `reverse`.
struct CumSum<W> {
    reverse: bool,
    of: PhantomData<W>,
}

/// A row is summed in this many pieces side by side, so that one addition need not wait for the last.
const PIECES: usize = 8;
const PIECE: usize = 256;

impl<W: Total> Row for CumSum<W> {
    type W = W;

    #[inline(always)]
    fn row<I: Isa>(&self, [x, _]: [&[W]; 2], y: &mut [W], _: &mut [i64]) {
        let (n, mut carry) = (x.len(), W::Acc::ZERO);
        let block = PIECES * PIECE;
        let whole = n - n % block;
        for start in (0..whole).step_by(block) {
            // Blocks are taken from either end; within one, everything is counted in the direction of the sum.
            let from = if self.reverse { n - start - block } else { start };
            let (x, y) = (&x[from..from + block], &mut y[from..from + block]);
            let piece = |p: usize| if self.reverse { PIECES - 1 - p } else { p };
            let mut acc = [carry; PIECES];
            for p in 1..PIECES {
                acc[p] = acc[p - 1] + sum(&x[piece(p - 1) * PIECE..][..PIECE]).up();
            }
            for j in 0..PIECE {
                let j = if self.reverse { PIECE - 1 - j } else { j };
                for (p, acc) in acc.iter_mut().enumerate() {
                    let at = piece(p) * PIECE + j;
                    *acc = *acc + x[at].up();
                    y[at] = W::down(*acc);
                }
            }
            carry = acc[PIECES - 1];
        }
        for i in whole..n {
            let i = if self.reverse { n - 1 - i } else { i };
            carry = carry + x[i].up();
            y[i] = W::down(carry);
        }
    }

    #[inline(always)]
    unsafe fn panel<I: Isa>(&self, [x, _]: [Panel<W>; 2], y: Panel<W>, _: Panel<i64>, length: usize) {
        let mut acc = [W::Acc::ZERO; COLUMNS];
        for r in 0..length {
            let r = if self.reverse { length - 1 - r } else { r };
            // SAFETY: the caller's promise.
            for ((acc, x), y) in unsafe { acc.iter_mut().zip(x.row(r)).zip(y.row_mut(r)) } {
                *acc = *acc + x.up();
                *y = W::down(*acc);
            }
        }
    }
}

struct CumProd<W>(PhantomData<W>);
impl<W: Total> Row for CumProd<W> {
    type W = W;

    #[inline(always)]
    fn row<I: Isa>(&self, [x, _]: [&[W]; 2], y: &mut [W], _: &mut [i64]) {
        let mut acc = W::Acc::ONE;
        for (x, y) in x.iter().zip(y) {
            acc = acc * x.up();
            *y = W::down(acc);
        }
    }

    #[inline(always)]
    unsafe fn panel<I: Isa>(&self, [x, _]: [Panel<W>; 2], y: Panel<W>, _: Panel<i64>, length: usize) {
        let mut acc = [W::Acc::ONE; COLUMNS];
        for r in 0..length {
            // SAFETY: the caller's promise.
            for ((acc, x), y) in unsafe { acc.iter_mut().zip(x.row(r)).zip(y.row_mut(r)) } {
                *acc = *acc * x.up();
                *y = W::down(*acc);
            }
        }
    }
}

/// The running extreme and its position: the last of equals, and NaN once there was one.
struct CumExtreme<W, const LEAST: bool>(PhantomData<W>);

#[inline(always)]
fn replaces<W: Ordered, const LEAST: bool>(x: W, acc: W) -> bool {
    (W::FLOAT && x.is_nan()) || if LEAST { x <= acc } else { x >= acc }
}

/// Not compiled for wide vectors: made of masks, this chain is several times as slow as made of branches.
#[inline(never)]
fn running_extreme<W: Ordered, const LEAST: bool>(x: &[W], y: &mut [W], z: &mut [i64]) {
    let (mut best, mut at) = (x[0], 0);
    for (i, ((x, y), z)) in x.iter().zip(y).zip(z).enumerate() {
        if replaces::<W, LEAST>(*x, best) {
            (best, at) = (*x, i as i64);
        }
        (*y, *z) = (best, at);
    }
}

impl<W: Ordered, const LEAST: bool> Row for CumExtreme<W, LEAST> {
    type W = W;

    #[inline(always)]
    fn row<I: Isa>(&self, [x, _]: [&[W]; 2], y: &mut [W], z: &mut [i64]) {
        running_extreme::<W, LEAST>(x, y, z);
    }

    #[inline(always)]
    unsafe fn panel<I: Isa>(&self, [x, _]: [Panel<W>; 2], y: Panel<W>, z: Panel<i64>, length: usize) {
        let (mut best, mut at) = ([W::ZERO; COLUMNS], [0i64; COLUMNS]);
        // SAFETY: the caller's promise.
        unsafe {
            best.iter_mut().zip(x.row(0)).for_each(|(best, x)| *best = *x);
            for r in 0..length {
                let out = y.row_mut(r).iter_mut().zip(z.row_mut(r));
                for (((best, at), x), (y, z)) in best.iter_mut().zip(&mut at).zip(x.row(r)).zip(out) {
                    let replaces = replaces::<W, LEAST>(*x, *best);
                    *best = if replaces { *x } else { *best };
                    *at = if replaces { r as i64 } else { *at };
                    (*y, *z) = (*best, *at);
                }
            }
        }
    }
}

struct LogCumSumExp<W>(PhantomData<W>);

/// log(eᵃ + eᵇ) for a total and one more number.
#[inline(always)]
fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a.is_nan() || a > b { (b, a) } else { (a, b) };
    if low == high && high.is_infinite() { high } else { high + (low - high).exp().ln_1p() }
}

impl<W: Float> Row for LogCumSumExp<W> {
    type W = W;

    #[inline(always)]
    fn row<I: Isa>(&self, [x, _]: [&[W]; 2], y: &mut [W], _: &mut [i64]) {
        let mut acc = f64::NEG_INFINITY;
        for (x, y) in x.iter().zip(y) {
            acc = log_add(acc, x.to_f64());
            *y = W::of_f64(acc);
        }
    }

    #[inline(always)]
    unsafe fn panel<I: Isa>(&self, [x, _]: [Panel<W>; 2], y: Panel<W>, _: Panel<i64>, length: usize) {
        let mut acc = [f64::NEG_INFINITY; COLUMNS];
        for r in 0..length {
            // SAFETY: the caller's promise.
            for ((acc, x), y) in unsafe { acc.iter_mut().zip(x.row(r)).zip(y.row_mut(r)) } {
                *acc = log_add(*acc, x.to_f64());
                *y = W::of_f64(*acc);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// From the end if `reverse`. Any dtype.
    Sum { reverse: bool },
    /// Any dtype.
    Prod,
    /// Real ones, with positions.
    Extreme { least: bool },
    /// Real floats.
    LogSumExp,
}

/// Runs a scan along `dim`. Says whether it is defined for the dtype of `x`; that of `to` must compute in the same type.
///
/// # Safety
/// As for [`map`]; extremes need `positions`.
pub unsafe fn run(kind: Kind, dim: usize, x: Typed, to: Typed, positions: Option<Typed>) -> bool {
    macro_rules! go {
        ($kernel:expr) => {
            // SAFETY: the caller's promise.
            unsafe { map(&$kernel, dim, &[x], to, positions) }
        };
    }
    macro_rules! every {
        ($W:ty) => {
            match kind {
                Kind::Sum { reverse } => go!(CumSum::<$W> { reverse, of: PhantomData }),
                Kind::Prod => go!(CumProd::<$W>(PhantomData)),
                _ => return false,
            }
        };
    }
    macro_rules! ordered {
        ($W:ty) => {
            match kind {
                Kind::Extreme { least: true } => go!(CumExtreme::<$W, true>(PhantomData)),
                Kind::Extreme { least: false } => go!(CumExtreme::<$W, false>(PhantomData)),
                _ => every!($W),
            }
        };
    }
    match (x.0.compute(), kind) {
        (DType::F32, Kind::LogSumExp) => go!(LogCumSumExp::<f32>(PhantomData)),
        (DType::F64, Kind::LogSumExp) => go!(LogCumSumExp::<f64>(PhantomData)),
        (DType::F32, _) => ordered!(f32),
        (DType::F64, _) => ordered!(f64),
        (DType::I64, _) => ordered!(i64),
        _ => every!(Complex<f64>),
    }
    true
}
