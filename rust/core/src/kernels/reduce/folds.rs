//! Reducers that fold one number after the other into lanes: sums, products, extremes, counts, norms.

use super::{Reduce, Runs, Typed, reduce};
use crate::dtype::{Complex, DType, Num, Ordered};
use crate::kernels::isa::Isa;
use std::marker::PhantomData;

/// What a lane does with one more number. `LANES` of them work side by side, in a fixed order.
pub(crate) trait Fold: Sync {
    type W: Num;
    type Acc: Num;
    fn start(&self) -> Self::Acc;
    fn step(&self, acc: Self::Acc, x: Self::W) -> Self::Acc;
    fn join(&self, a: Self::Acc, b: Self::Acc) -> Self::Acc;
    fn finish(&self, acc: Self::Acc) -> Self::Acc {
        acc
    }
    #[inline(always)]
    fn runs(&self, x: Runs<Self::W>) -> Self::Acc
    where
        Self: Sized,
    {
        match x.n {
            0..SOME => fold_short(self, x),
            SOME..512 => fold::<SOME, Self>(self, x),
            _ => fold::<LANES, Self>(self, x),
        }
    }
}

/// Lanes that a run is folded in, side by side in memory; few where the run is short.
const LANES: usize = 64;
const SOME: usize = 32;
/// Lanes that go through a piece of memory together, and how often before the next ones have their turn: so memory is read from
/// front to back, and an accumulator is loaded and stored rarely. (It does not live in registers: LLVM makes vectors too late.)
const WIDTH: usize = 16;
const DEEP: usize = 16;

/// On cache lines of its own: a vector that crosses from one to the next is slow to load back.
#[repr(align(64))]
struct Lines<T>(T);

/// Folds dense runs in `N` lanes and then the lanes: the order depends on nothing but the lengths. The loop over the
/// lanes is the one that the compiler turns into vectors.
#[inline(always)]
fn fold<const N: usize, F: Fold>(f: &F, x: Runs<F::W>) -> F::Acc {
    let mut lines = Lines([f.start(); N]);
    let acc = &mut lines.0;
    let mut i = 0;
    while i < x.count {
        let (rows, rest) = x.get(i).as_chunks::<N>();
        let (deep, rows) = rows.as_chunks::<DEEP>();
        for piece in deep {
            let (strips, _) = piece.as_flattened().as_chunks::<WIDTH>();
            for (acc, strip) in acc.as_chunks_mut::<WIDTH>().0.iter_mut().zip(strips.as_chunks::<DEEP>().0) {
                for k in 0..WIDTH {
                    acc[k] = strip.iter().fold(acc[k], |acc, row| f.step(acc, row[k]));
                }
            }
        }
        for row in rows {
            (0..N).for_each(|k| acc[k] = f.step(acc[k], row[k]));
        }
        acc.iter_mut().zip(rest).for_each(|(acc, x)| *acc = f.step(*acc, *x));
        i += 1;
    }
    across(f, acc)
}

/// The same for runs too short for lanes.
#[inline(always)]
fn fold_short<F: Fold>(f: &F, x: Runs<F::W>) -> F::Acc {
    (0..x.count).fold(f.start(), |acc, i| x.get(i).iter().fold(acc, |acc, x| f.step(acc, *x)))
}

/// Joins the halves of the lanes until one is left.
#[inline(always)]
fn across<F: Fold>(f: &F, acc: &mut [F::Acc]) -> F::Acc {
    halve(acc, |a, b| f.join(a, b))
}

#[inline(always)]
fn halve<A: Copy>(acc: &mut [A], join: impl Fn(A, A) -> A) -> A {
    let mut width = acc.len();
    while width > 1 {
        width /= 2;
        let (low, high) = acc.split_at_mut(width);
        low.iter_mut().zip(&high[..width]).for_each(|(a, b)| *a = join(*a, *b));
    }
    acc[0]
}

/// One dense run.
#[inline(always)]
pub(crate) fn fold_all<F: Fold>(f: &F, x: &[F::W]) -> F::Acc {
    f.runs(Runs::one(x))
}

/// Calls `f` with `state[k]` and element `k` of four rows, or of one, for all `k`. (Zipped slices are what vectorises.)
///
/// # Safety
/// The rows must hold as many elements as `state`.
#[inline(always)]
pub(crate) unsafe fn each4<W: Copy, S>(rows: &[*const W; 4], state: &mut [S], f: impl Fn(&mut S, [W; 4])) {
    let n = state.len();
    // SAFETY: the caller's promise.
    let [a, b, c, d] = rows.map(|r| unsafe { std::slice::from_raw_parts(r, n) });
    let all = state.iter_mut().zip(a).zip(b).zip(c).zip(d);
    all.for_each(|((((s, a), b), c), d)| f(s, [*a, *b, *c, *d]));
}

/// # Safety
/// As for [`each4`].
#[inline(always)]
pub(crate) unsafe fn each1<W: Copy, S>(row: *const W, state: &mut [S], f: impl Fn(&mut S, W)) {
    // SAFETY: the caller's promise.
    let row = unsafe { std::slice::from_raw_parts(row, state.len()) };
    state.iter_mut().zip(row).for_each(|(s, x)| f(s, *x));
}

/// Folds column `k` of the rows into `acc[k]`.
///
/// # Safety
/// Each row must hold as many elements as `acc`.
#[inline(always)]
pub(crate) unsafe fn fold_columns<F: Fold>(f: &F, rows: &[*const F::W], acc: &mut [F::Acc]) {
    let (fours, rest) = rows.as_chunks::<4>();
    let step = |acc: &mut F::Acc, x: F::W| *acc = f.step(*acc, x);
    // SAFETY: the caller's promise.
    unsafe {
        fours
            .iter()
            .for_each(|r| each4(r, acc, |acc, [a, b, c, d]| *acc = f.step(f.step(f.step(f.step(*acc, a), b), c), d)));
        rest.iter().for_each(|r| each1(*r, acc, step));
    }
}

/// The extreme of a dense run.
#[inline(always)]
pub(crate) fn extreme<W: Ordered, const LEAST: bool>(x: &[W]) -> W {
    Extreme::<W, LEAST>(PhantomData).runs(Runs::one(x))
}

/// Extremes need not ask of every number whether it is NaN: sums of all of them tell whether there may be one. None: there may.
#[inline(always)]
fn extreme_of_numbers<W: Ordered, const LEAST: bool>(x: Runs<W>) -> Option<W> {
    let f = Extreme::<W, LEAST>(PhantomData);
    let (mut best, mut sums) = (Lines([f.start(); LANES]), Lines([W::ZERO; LANES]));
    let (best, sums) = (&mut best.0, &mut sums.0);
    let beats = |x: W, best: W| if LEAST { x < best } else { x > best };
    let wins = |best: W, x: W| if beats(x, best) { x } else { best };
    let mut i = 0;
    while i < x.count {
        let (rows, rest) = x.get(i).as_chunks::<LANES>();
        let (deep, rows) = rows.as_chunks::<DEEP>();
        for piece in deep {
            let (strips, _) = piece.as_flattened().as_chunks::<WIDTH>();
            let lanes = best.as_chunks_mut::<WIDTH>().0.iter_mut().zip(sums.as_chunks_mut::<WIDTH>().0);
            for ((best, sums), strip) in lanes.zip(strips.as_chunks::<DEEP>().0) {
                for k in 0..WIDTH {
                    let both = |(best, sum), row: &[W; WIDTH]| (wins(best, row[k]), sum + row[k]);
                    (best[k], sums[k]) = strip.iter().fold((best[k], sums[k]), both);
                }
            }
        }
        for row in rows {
            for k in 0..LANES {
                (best[k], sums[k]) = (wins(best[k], row[k]), sums[k] + row[k]);
            }
        }
        for ((best, sum), x) in best.iter_mut().zip(sums.iter_mut()).zip(rest) {
            (*best, *sum) = (wins(*best, *x), *sum + *x);
        }
        i += 1;
    }
    let none = !sums.iter().fold(false, |any, sum| any | sum.is_nan());
    none.then(|| halve(best, wins))
}

struct Lanes<F>(F);

impl<F: Fold> Reduce for Lanes<F> {
    type In = F::W;
    type Acc = F::Acc;
    type Out = F::Acc;
    type Also = F::Acc;
    fn empty(&self) -> F::Acc {
        self.0.start()
    }
    #[inline(always)]
    fn block<I: Isa>(&self, x: &[F::W], _: usize) -> F::Acc {
        fold_all(&self.0, x)
    }
    #[inline(always)]
    fn runs<I: Isa>(&self, x: Runs<F::W>, _: usize) -> F::Acc {
        self.0.runs(x)
    }
    #[inline(always)]
    unsafe fn columns<I: Isa>(&self, rows: &[*const F::W], _: usize, acc: &mut [F::Acc]) {
        // SAFETY: the caller's promise.
        unsafe { fold_columns(&self.0, rows, acc) }
    }
    fn join(&self, a: F::Acc, b: F::Acc) -> F::Acc {
        self.0.join(a, b)
    }
    fn finish(&self, acc: F::Acc) -> (F::Acc, F::Acc) {
        let acc = self.0.finish(acc);
        (acc, acc)
    }
}

pub(crate) struct Sum<W>(pub PhantomData<W>);
impl<W: Num> Fold for Sum<W> {
    type W = W;
    type Acc = W;
    #[inline(always)]
    fn start(&self) -> W {
        W::ZERO
    }
    #[inline(always)]
    fn step(&self, acc: W, x: W) -> W {
        acc + x
    }
    #[inline(always)]
    fn join(&self, a: W, b: W) -> W {
        a + b
    }
}

/// A sum of something made of each number: a square, a power, a part.
struct SumOf<W, F>(F, PhantomData<W>);
impl<W: Num, F: Fn(W) -> W + Sync> Fold for SumOf<W, F> {
    type W = W;
    type Acc = W;
    #[inline(always)]
    fn start(&self) -> W {
        W::ZERO
    }
    #[inline(always)]
    fn step(&self, acc: W, x: W) -> W {
        acc + (self.0)(x)
    }
    #[inline(always)]
    fn join(&self, a: W, b: W) -> W {
        a + b
    }
}

struct Prod<W>(PhantomData<W>);
impl<W: Num> Fold for Prod<W> {
    type W = W;
    type Acc = W;
    #[inline(always)]
    fn start(&self) -> W {
        W::ONE
    }
    #[inline(always)]
    fn step(&self, acc: W, x: W) -> W {
        acc * x
    }
    #[inline(always)]
    fn join(&self, a: W, b: W) -> W {
        a * b
    }
}

/// The greatest, or the least; NaN wins over both.
pub(crate) struct Extreme<W, const LEAST: bool>(pub PhantomData<W>);
impl<W: Ordered, const LEAST: bool> Extreme<W, LEAST> {
    #[inline(always)]
    pub(crate) fn beats(x: W, acc: W) -> bool {
        (if LEAST { x < acc } else { x > acc }) || (W::FLOAT && x.is_nan())
    }
}
impl<W: Ordered, const LEAST: bool> Fold for Extreme<W, LEAST> {
    type W = W;
    type Acc = W;
    #[inline(always)]
    fn start(&self) -> W {
        if LEAST { W::HIGHEST } else { W::LOWEST }
    }
    #[inline(always)]
    fn step(&self, acc: W, x: W) -> W {
        if Self::beats(x, acc) { x } else { acc }
    }
    #[inline(always)]
    fn join(&self, a: W, b: W) -> W {
        if Self::beats(b, a) { b } else { a }
    }
    #[inline(always)]
    fn runs(&self, x: Runs<W>) -> W {
        if x.n >= DEEP * SOME
            && W::FLOAT
            && let Some(most) = extreme_of_numbers::<W, LEAST>(x)
        {
            return most;
        }
        if x.n < SOME { fold_short(self, x) } else { fold::<SOME, Self>(self, x) }
    }
}

/// An extreme of absolute values.
struct ExtremeAbs<W, const LEAST: bool>(PhantomData<W>);
impl<W: Ordered, const LEAST: bool> Fold for ExtremeAbs<W, LEAST> {
    type W = W;
    type Acc = W;
    #[inline(always)]
    fn start(&self) -> W {
        if LEAST { W::HIGHEST } else { W::ZERO }
    }
    #[inline(always)]
    fn step(&self, acc: W, x: W) -> W {
        let x = if x < W::ZERO { x.negate() } else { x };
        if Extreme::<W, LEAST>::beats(x, acc) { x } else { acc }
    }
    #[inline(always)]
    fn join(&self, a: W, b: W) -> W {
        if Extreme::<W, LEAST>::beats(b, a) { b } else { a }
    }
}

/// What of each number is counted, and what is said of the count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Count {
    NonZero,
    Any,
    All(usize),
}
impl Count {
    fn answer(self, count: i64) -> (i64, i64) {
        let answer = match self {
            Count::NonZero => count,
            Count::Any => (count > 0) as i64,
            Count::All(of) => (count == of as i64) as i64,
        };
        (answer, answer)
    }
}

/// How many are not zero.
struct Counter<W>(Count, PhantomData<W>);
impl<W: Num> Reduce for Counter<W> {
    type In = W;
    type Acc = i64;
    type Out = i64;
    type Also = i64;
    fn empty(&self) -> i64 {
        0
    }
    #[inline(always)]
    fn block<I: Isa>(&self, x: &[W], _: usize) -> i64 {
        let mut lanes = [0u32; 32];
        let (chunks, rest) = x.as_chunks::<32>();
        for chunk in chunks {
            (0..32).for_each(|k| lanes[k] += (chunk[k] != W::ZERO) as u32);
        }
        let rest: i64 = rest.iter().map(|x| (*x != W::ZERO) as i64).sum();
        rest + lanes.iter().map(|&n| n as i64).sum::<i64>()
    }
    #[inline(always)]
    unsafe fn columns<I: Isa>(&self, rows: &[*const W], _: usize, acc: &mut [i64]) {
        for r in rows {
            // SAFETY: the caller's promise.
            let row = unsafe { std::slice::from_raw_parts(*r, acc.len()) };
            acc.iter_mut().zip(row).for_each(|(acc, x)| *acc += (*x != W::ZERO) as i64);
        }
    }
    fn join(&self, a: i64, b: i64) -> i64 {
        a + b
    }
    fn finish(&self, acc: i64) -> (i64, i64) {
        self.0.answer(acc)
    }
}

/// Raw bytes: counts those that are not zero, or adds them up.
struct Bytes<const SUM: bool>(Count);
impl<const SUM: bool> Bytes<SUM> {
    #[inline(always)]
    fn value(x: u8) -> u8 {
        if SUM { x } else { (x != 0) as u8 }
    }
}
impl<const SUM: bool> Reduce for Bytes<SUM> {
    type In = u8;
    type Acc = i64;
    type Out = i64;
    type Also = i64;
    fn empty(&self) -> i64 {
        0
    }
    #[inline(always)]
    fn block<I: Isa>(&self, x: &[u8], _: usize) -> i64 {
        let mut total = 0u64;
        for block in x.chunks(4096) {
            let mut lanes = [0u16; 64];
            let (chunks, rest) = block.as_chunks::<64>();
            for chunk in chunks {
                (0..64).for_each(|k| lanes[k] += Self::value(chunk[k]) as u16);
            }
            total += rest.iter().map(|x| Self::value(*x) as u64).sum::<u64>();
            total += lanes.iter().map(|&n| n as u64).sum::<u64>();
        }
        total as i64
    }
    #[inline(always)]
    unsafe fn columns<I: Isa>(&self, rows: &[*const u8], _: usize, acc: &mut [i64]) {
        for (col, acc) in acc.chunks_mut(64).enumerate() {
            let mut lanes = [0u16; 64];
            for some in rows.chunks(255) {
                for r in some {
                    // SAFETY: the caller's promise.
                    let row = unsafe { std::slice::from_raw_parts(r.add(col * 64), acc.len()) };
                    lanes.iter_mut().zip(row).for_each(|(lane, x)| *lane += Self::value(*x) as u16);
                }
                acc.iter_mut().zip(&mut lanes).for_each(|(acc, lane)| *acc += std::mem::take(lane) as i64);
            }
        }
    }
    fn join(&self, a: i64, b: i64) -> i64 {
        a + b
    }
    fn finish(&self, acc: i64) -> (i64, i64) {
        if SUM { (acc, acc) } else { self.0.answer(acc) }
    }
}

/// The reductions that fold one number after the other. In comments: which compute types they take.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// All.
    Sum,
    /// Floats and complex: the sum, divided by a count.
    Mean(usize),
    /// Floats and complex.
    NanSum,
    /// All.
    Prod,
    /// Real ones. Of nothing: the least number that there is.
    Max,
    Min,
    /// All; the answer is i64.
    Count(Count),
    /// Floats: how many are not 0, Σ|x|, √Σx², max |x|, min |x|, (Σ|x|ᵖ)^(1/p).
    Norm0,
    Norm1,
    Norm2,
    NormMax,
    NormMin,
    Norm(f64),
}

macro_rules! run {
    ($fold:expr, $args:expr) => {{
        let (from, dims, to) = $args;
        // SAFETY: the promise of `run`'s caller.
        unsafe { reduce(&$fold, from, dims, [Some(to), None]) }
    }};
}

fn floats<W: Ordered + Float>(kind: Kind, args: (Typed, &[usize], Typed)) -> bool {
    match kind {
        Kind::NanSum => {
            run!(Lanes(SumOf::<W, _>(|x: W| if x.is_nan() { W::ZERO } else { x }, PhantomData)), args)
        }
        Kind::Norm0 => {
            run!(Lanes(SumOf::<W, _>(|x: W| if x == W::ZERO { W::ZERO } else { W::ONE }, PhantomData)), args)
        }
        Kind::Norm1 => run!(Lanes(SumOf::<W, _>(W::abs, PhantomData)), args),
        Kind::Norm2 => run!(Lanes(Root(SumOf::<W, _>(|x: W| x * x, PhantomData), 2.0)), args),
        Kind::NormMax => run!(Lanes(ExtremeAbs::<W, false>(PhantomData)), args),
        Kind::NormMin => run!(Lanes(ExtremeAbs::<W, true>(PhantomData)), args),
        Kind::Norm(p) => run!(Lanes(Root(SumOf::<W, _>(move |x: W| x.abs_pow(p), PhantomData), p)), args),
        _ => return reals::<W>(kind, args),
    }
    true
}

fn reals<W: Ordered>(kind: Kind, args: (Typed, &[usize], Typed)) -> bool {
    match kind {
        Kind::Max => run!(Lanes(Extreme::<W, false>(PhantomData)), args),
        Kind::Min => run!(Lanes(Extreme::<W, true>(PhantomData)), args),
        _ => return numbers::<W>(kind, args),
    }
    true
}

fn numbers<W: Num>(kind: Kind, args: (Typed, &[usize], Typed)) -> bool {
    match kind {
        Kind::Sum => run!(Lanes(Sum::<W>(PhantomData)), args),
        Kind::Prod => run!(Lanes(Prod::<W>(PhantomData)), args),
        Kind::Mean(count) => run!(Lanes(Over(Sum::<W>(PhantomData), count)), args),
        Kind::Count(count) => run!(Counter::<W>(count, PhantomData), args),
        _ => return false,
    }
    true
}

/// A sum divided by a count.
struct Over<W>(Sum<W>, usize);
impl<W: Num> Fold for Over<W> {
    type W = W;
    type Acc = W;
    #[inline(always)]
    fn start(&self) -> W {
        W::ZERO
    }
    #[inline(always)]
    fn step(&self, acc: W, x: W) -> W {
        acc + x
    }
    #[inline(always)]
    fn join(&self, a: W, b: W) -> W {
        a + b
    }
    fn finish(&self, acc: W) -> W {
        acc.divide(W::of_f64(self.1 as f64))
    }
}

/// The root that makes a norm of a sum of powers.
struct Root<F>(F, f64);
impl<W: Float, F: Fold<W = W, Acc = W>> Fold for Root<F> {
    type W = W;
    type Acc = W;
    #[inline(always)]
    fn start(&self) -> W {
        self.0.start()
    }
    #[inline(always)]
    fn step(&self, acc: W, x: W) -> W {
        self.0.step(acc, x)
    }
    #[inline(always)]
    fn join(&self, a: W, b: W) -> W {
        self.0.join(a, b)
    }
    fn finish(&self, acc: W) -> W {
        acc.root(self.1)
    }
}

/// The few functions of real floats that reductions need.
pub(crate) trait Float: Ordered {
    fn abs(self) -> Self;
    fn abs_pow(self, p: f64) -> Self;
    fn root(self, p: f64) -> Self;
    fn to_f64(self) -> f64;
}
macro_rules! float {
    ($($t:ty),*) => {$(
        impl Float for $t {
            #[inline(always)]
            fn abs(self) -> $t { <$t>::abs(self) }
            #[inline(always)]
            fn abs_pow(self, p: f64) -> $t { <$t>::abs(self).powf(p as $t) }
            #[inline(always)]
            fn root(self, p: f64) -> $t { if p == 2.0 { self.sqrt() } else { self.powf((1.0 / p) as $t) } }
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
        }
    )*};
}
float!(f32, f64);

/// Reduces `from` over `dims` into `to`, which has the dimensions of `from` with those in `dims` of size 1. Says
/// whether the kind is defined for the dtype. The result is computed in the compute type of `from` (i64 for counts)
/// and stored as the dtype of `to`, which must compute in the same type.
///
/// # Safety
/// The operands must be valid and of the given dtypes; elements of `to` distinct.
pub unsafe fn run(kind: Kind, from: Typed, dims: &[usize], to: Typed) -> bool {
    let args = (from, dims, to);
    match (kind, from.0) {
        (Kind::Count(count), DType::Bool | DType::U8 | DType::I8) => run!(Bytes::<false>(count), args),
        (Kind::Sum, DType::Bool | DType::U8) => run!(Bytes::<true>(Count::NonZero), args),
        _ => {
            return match from.0.compute() {
                DType::F32 => floats::<f32>(kind, args),
                DType::F64 => floats::<f64>(kind, args),
                DType::I64 => reals::<i64>(kind, args),
                _ => match kind {
                    Kind::NanSum => {
                        let clean = |x: Complex<f64>| if x.is_nan() { Num::ZERO } else { x };
                        run!(Lanes(SumOf(clean, PhantomData)), args);
                        true
                    }
                    _ => numbers::<Complex<f64>>(kind, args),
                },
            };
        }
    }
    true
}
