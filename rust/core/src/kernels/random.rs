//! The distributions: PyTorch's streams for its CPU generator, to the last bit. Kernels fill dense memory of one compute type;
//! what dtype it ends in, and in what order a strided tensor is filled, is the op's business.
//!
//! Which bits become which number is PyTorch's choice (24 of 32 for a float, 53 of two words for a double, blocks of 16 for
//! normal numbers); single products and sums are fused as they are in its wheels. Functions of f64 are the platform's libm,
//! which the wheels call as well; where only a float remains of the result, ours do, which differ in the 53rd bit.

use super::isa::{Isa, Kernel, dispatch};
use super::math;
use super::threads;
use crate::random::{Engine, Mt19937, temper};
use std::f64::consts::{PI, TAU};

/// 2⁻²⁴ and 2⁻⁵³.
const ULP24: f32 = 1.0 / 16_777_216.0;
const ULP53: f64 = 1.0 / 9_007_199_254_740_992.0;
const MASK24: u32 = (1 << 24) - 1;
const MASK53: u64 = (1 << 53) - 1;

/// One loop over words, for each instruction set: `out[i] = f(word[i])`.
struct Words<'a, T, F>(&'a [u32], &'a mut [T], F);
impl<I: Isa, T, F: Fn(u32) -> T> Kernel<I> for Words<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (&word, y) in self.0.iter().zip(self.1) {
            *y = self.2(temper(word));
        }
    }
}
/// The same over pairs of words, the high one first.
struct Pairs<'a, T, F>(&'a [u32], &'a mut [T], F);
impl<I: Isa, T, F: Fn(u64) -> T> Kernel<I> for Pairs<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (pair, y) in self.0.as_chunks::<2>().0.iter().zip(self.1) {
            *y = self.2((temper(pair[0]) as u64) << 32 | temper(pair[1]) as u64);
        }
    }
}

/// `out[i] = f(32 random bits)`.
#[inline(always)]
fn from_words<T>(mt: &mut Mt19937, mut out: &mut [T], f: impl Fn(u32) -> T + Copy) {
    while !out.is_empty() {
        let words = mt.words(out.len());
        let (now, later) = out.split_at_mut(words.len());
        dispatch(Words(words, now, f));
        out = later;
    }
}
/// `out[i] = f(64 random bits)`.
#[inline(always)]
fn from_pairs<T>(mt: &mut Mt19937, mut out: &mut [T], f: impl Fn(u64) -> T + Copy) {
    while let Some((first, _)) = out.split_first_mut() {
        // A block may end between the words of a pair.
        if mt.remaining() == 1 {
            *first = f(mt.random64());
            out = &mut out[1..];
            continue;
        }
        let most = (2 * out.len()).min(if mt.remaining() == 0 { usize::MAX } else { mt.remaining() & !1 });
        let words = mt.words(most);
        let (now, later) = out.split_at_mut(words.len() / 2);
        dispatch(Pairs(words, now, f));
        out = later;
    }
}

/// Exact for 53 bits, and vectorised where a conversion of 64 bits is not at hand.
#[inline(always)]
fn unit53(bits: u64) -> f64 {
    let bits = bits & MASK53;
    ((bits >> 32) as i32 as f64 * 4_294_967_296.0 + (bits as u32) as f64) * ULP53
}

/// Uniform on [from, to).
pub fn uniform_f32(mt: &mut Mt19937, out: &mut [f32], from: f32, to: f32) {
    let range = to - from;
    if from == 0.0 && range == 1.0 {
        from_words(mt, out, |w| (w & MASK24) as i32 as f32 * ULP24);
    } else {
        from_words(mt, out, |w| ((w & MASK24) as i32 as f32 * ULP24).mul_add(range, from));
    }
}
/// Uniform on [from, to).
pub fn uniform_f64(mt: &mut Mt19937, out: &mut [f64], from: f64, to: f64) {
    let range = to - from;
    if from == 0.0 && range == 1.0 {
        from_pairs(mt, out, unit53);
    } else {
        from_pairs(mt, out, |w| unit53(w).mul_add(range, from));
    }
}

/// True with probability p: 53 bits against p.
pub fn bernoulli(mt: &mut Mt19937, out: &mut [bool], p: f64) {
    // u·2⁻⁵³ < p as whole numbers.
    let below = (p * (1u64 << 53) as f64).ceil() as u64;
    from_pairs(mt, out, |w| (w & MASK53) < below);
}
/// True with probability p[i]: 24 bits for floats, 53 for doubles.
pub fn bernoulli_f32(mt: &mut Mt19937, out: &mut [bool], p: &[f32]) {
    let mut unit = [0f32; 512];
    for (out, p) in out.chunks_mut(512).zip(p.chunks(512)) {
        let unit = &mut unit[..out.len()];
        uniform_f32(mt, unit, 0.0, 1.0);
        out.iter_mut().zip(unit).zip(p).for_each(|((y, u), p)| *y = *u < *p);
    }
}
pub fn bernoulli_f64(mt: &mut Mt19937, out: &mut [bool], p: &[f64]) {
    let mut unit = [0f64; 512];
    for (out, p) in out.chunks_mut(512).zip(p.chunks(512)) {
        let unit = &mut unit[..out.len()];
        uniform_f64(mt, unit, 0.0, 1.0);
        out.iter_mut().zip(unit).zip(p).for_each(|((y, u), p)| *y = *u < *p);
    }
}

/// From this range on, two words are drawn for a whole number: fewer bits would show a bias.
pub const WIDE_RANGE: u64 = 1 << 28;

/// Whole numbers in [base, base + range), `range` > 0.
pub fn integers(mt: &mut Mt19937, out: &mut [i64], range: u64, base: i64) {
    if range >= WIDE_RANGE {
        return from_pairs(mt, out, |w| base.wrapping_add((w % range) as i64));
    }
    // The quotient in double is off by one at most, and the rest tells.
    let (range, inverse) = (range as i32, 1.0 / range as f64);
    from_words(mt, out, |w| {
        let q = (w as f64 * inverse) as i32;
        let r = w.wrapping_sub((q as u32).wrapping_mul(range as u32)) as i32;
        let r = if r < 0 { r + range } else { r };
        base.wrapping_add(if r >= range { r - range } else { r } as i64)
    });
}
/// All 64 bits.
pub fn full_integers(mt: &mut Mt19937, out: &mut [i64]) {
    from_pairs(mt, out, |w| w as i64);
}
/// Numbers of 32 bits in [0, range) (what `random_` without bounds draws for all but the widest dtypes), `range` ≤ 2³².
pub fn integers32(mt: &mut Mt19937, out: &mut [i64], range: u64) {
    from_words(mt, out, |w| (w as u64 % range) as i64);
}
/// The same of 64 bits.
pub fn integers64(mt: &mut Mt19937, out: &mut [i64], range: u64) {
    from_pairs(mt, out, |w| (w % range) as i64);
}

/// Beyond this length a word is not enough to choose among the rest without bias.
const LONG_PERMUTATION: usize = u32::MAX as usize / 20;

/// A permutation of 0 … n − 1 (Fisher and Yates).
pub fn permutation(mt: &mut Mt19937, out: &mut [i64]) {
    let n = out.len();
    for (i, y) in out.iter_mut().enumerate() {
        *y = i as i64;
    }
    if n >= LONG_PERMUTATION {
        for i in 0..n - 1 {
            out.swap(i, i + (mt.random64() % (n - i) as u64) as usize);
        }
        return;
    }
    let mut i = 0;
    while i + 1 < n {
        let words = mt.words(n - 1 - i);
        for &word in words {
            out.swap(i, i + (temper(word) % (n - i) as u32) as usize);
            i += 1;
        }
    }
}

/// The next normal number: pairs by Box and Muller, the second of which waits in the engine.
pub fn next_normal(engine: &mut Engine) -> f64 {
    if let Some(waiting) = engine.next_normal.take() {
        return waiting;
    }
    let (a, b) = (engine.mt.uniform(), engine.mt.uniform());
    let (radius, angle) = ((-2.0 * (-b).ln_1p()).sqrt(), TAU * a);
    engine.next_normal = Some(radius * angle.sin());
    radius * angle.cos()
}

/// Normal numbers one by one: what is drawn for fewer than [`NORMAL_BLOCK`] numbers, or for strided memory.
pub fn normal_serial(engine: &mut Engine, out: &mut [f64], mean: f64, std: f64) {
    for y in out {
        *y = next_normal(engine).mul_add(std, mean);
    }
}

/// Dense tensors of at least this many elements are filled in blocks of this many.
pub const NORMAL_BLOCK: usize = 16;

/// Normal numbers in blocks; `out` has at least [`NORMAL_BLOCK`] elements. A last, partial block is drawn anew with those
/// before it. `fresh_tail` says whether the numbers of the partial block are drawn first and thrown away (they are, but for
/// half-precision dtypes).
pub fn normal_f32(mt: &mut Mt19937, out: &mut [f32], mean: f32, std: f32, fresh_tail: bool) {
    let whole = out.len() - out.len() % NORMAL_BLOCK;
    uniform_f32(mt, &mut out[..whole], 0.0, 1.0);
    let rest = out.len() - whole;
    if rest > 0 && !fresh_tail {
        uniform_f32(mt, &mut out[whole..], 0.0, 1.0);
    }
    by_blocks(&mut out[..whole], |blocks| dispatch(BoxMuller32 { blocks, mean, std }));
    if rest > 0 {
        let from = out.len() - NORMAL_BLOCK;
        let last = &mut out[from..];
        uniform_f32(mt, last, 0.0, 1.0);
        dispatch(BoxMuller32 { blocks: last, mean, std });
    }
}
/// The same in double precision.
pub fn normal_f64(mt: &mut Mt19937, out: &mut [f64], mean: f64, std: f64) {
    let whole = out.len() - out.len() % NORMAL_BLOCK;
    uniform_f64(mt, out, 0.0, 1.0);
    by_blocks(&mut out[..whole], |blocks| box_muller64(blocks, mean, std));
    if whole < out.len() {
        let from = out.len() - NORMAL_BLOCK;
        let last = &mut out[from..];
        uniform_f64(mt, last, 0.0, 1.0);
        box_muller64(last, mean, std);
    }
}

/// Hands out blocks of 16, to many threads where there are many.
fn by_blocks<T: Send>(out: &mut [T], f: impl Fn(&mut [T]) + Sync) {
    struct Start<T>(*mut T);
    // SAFETY: threads write to pieces of their own.
    unsafe impl<T: Send> Sync for Start<T> {}
    impl<T> Start<T> {
        fn at(&self, i: usize) -> *mut T {
            self.0.wrapping_add(i)
        }
    }
    let start = Start(out.as_mut_ptr());
    threads::split(out.len() / NORMAL_BLOCK, 1024, &|from, to| {
        let (from, len) = (from * NORMAL_BLOCK, (to - from) * NORMAL_BLOCK);
        // SAFETY: the pieces lie within `out` and do not overlap.
        f(unsafe { std::slice::from_raw_parts_mut(start.at(from), len) });
    });
}

fn box_muller64(blocks: &mut [f64], mean: f64, std: f64) {
    for block in blocks.as_chunks_mut::<NORMAL_BLOCK>().0 {
        for j in 0..8 {
            let radius = (-2.0 * (1.0 - block[j]).ln()).sqrt();
            let (sin, cos) = (TAU * block[j + 8]).sin_cos();
            block[j] = (radius * cos).mul_add(std, mean);
            block[j + 8] = (radius * sin).mul_add(std, mean);
        }
    }
}

/// Box and Muller's method on blocks of 16, with the logarithm, sine and cosine of the Cephes library as PyTorch's AVX2 kernel
/// has them: the same operations in the same order, so the same bits.
struct BoxMuller32<'a> {
    blocks: &'a mut [f32],
    mean: f32,
    std: f32,
}

impl<I: Isa> Kernel<I> for BoxMuller32<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        // Eight blocks at a time, so that the loop fills the widest registers.
        const WIDE: usize = 8 * NORMAL_BLOCK;
        let (wide, rest) = self.blocks.as_chunks_mut::<WIDE>();
        for chunk in wide {
            pairs::<64>(chunk, self.mean, self.std);
        }
        for block in rest.as_chunks_mut::<NORMAL_BLOCK>().0 {
            pairs::<8>(block, self.mean, self.std);
        }
    }
}

#[inline(always)]
fn pairs<const H: usize>(chunk: &mut [f32], mean: f32, std: f32) {
    let (mut u, mut v) = ([0f32; H], [0f32; H]);
    for (k, block) in chunk.as_chunks::<NORMAL_BLOCK>().0.iter().enumerate() {
        u[8 * k..8 * k + 8].copy_from_slice(&block[..8]);
        v[8 * k..8 * k + 8].copy_from_slice(&block[8..]);
    }
    for (u, v) in u.iter_mut().zip(&mut v) {
        let radius = (-2.0 * cephes_log(1.0 - *u)).sqrt();
        let (sin, cos) = cephes_sin_cos(std::f32::consts::TAU * *v);
        *u = (radius * cos).mul_add(std, mean);
        *v = (radius * sin).mul_add(std, mean);
    }
    for (k, block) in chunk.as_chunks_mut::<NORMAL_BLOCK>().0.iter_mut().enumerate() {
        block[..8].copy_from_slice(&u[8 * k..8 * k + 8]);
        block[8..].copy_from_slice(&v[8 * k..8 * k + 8]);
    }
}

#[inline(always)]
fn cephes_log(x: f32) -> f32 {
    let x = if x < f32::MIN_POSITIVE { f32::MIN_POSITIVE } else { x };
    let bits = x.to_bits();
    let e = ((bits >> 23) as i32 - 127) as f32 + 1.0;
    let m = f32::from_bits((bits & 0x807f_ffff) | 0x3f00_0000);
    let small = m < std::f32::consts::FRAC_1_SQRT_2;
    let e = e - if small { 1.0 } else { 0.0 };
    let x = (m - 1.0) + if small { m } else { 0.0 };
    let z = x * x;
    let y = 7.037_683_6e-2f32
        .mul_add(x, -1.151_461e-1)
        .mul_add(x, 1.167_699_9e-1)
        .mul_add(x, -1.242_014_1e-1)
        .mul_add(x, 1.424_932_3e-1)
        .mul_add(x, -1.666_805_8e-1)
        .mul_add(x, 2.000_071_5e-1)
        .mul_add(x, -2.499_999_4e-1)
        .mul_add(x, 3.333_333e-1);
    let y = (y * x).mul_add(z, e * -2.121_944_4e-4);
    let y = (-z).mul_add(0.5, y);
    e.mul_add(0.693_359_4, x + y)
}

/// For 0 ≤ x ≤ 2π.
#[inline(always)]
fn cephes_sin_cos(x: f32) -> (f32, f32) {
    // SAFETY: the product is small and not negative.
    let octant: i32 = unsafe { (x * 1.273_239_5).to_int_unchecked() };
    let octant = (octant + 1) & !1;
    let n = octant as f32;
    let x = n.mul_add(-3.774_895e-8, n.mul_add(-2.418_756_5e-4, n.mul_add(-0.785_156_25, x)));
    let z = x * x;
    let c = 2.443_315_7e-5f32.mul_add(z, -1.388_731_6e-3).mul_add(z, 4.166_664_6e-2) * z;
    let c = c.mul_add(z, -(z * 0.5)) + 1.0;
    let s = -1.951_529_6e-4f32;
    let s = s.mul_add(z, 8.332_161e-3).mul_add(z, -1.666_665_5e-1) * z;
    let s = s.mul_add(x, x);
    let (sin, cos) = if octant & 2 == 0 { (s, c) } else { (c, s) };
    let flip = |x: f32, bit: i32| f32::from_bits(x.to_bits() ^ ((bit as u32) << 29));
    (flip(sin, octant & 4), flip(cos, !octant.wrapping_sub(2) & 4))
}

/// What is drawn from one uniform number of 53 bits each. With `fast`, in our own functions (see the head of this file).
pub fn exponential(mt: &mut Mt19937, out: &mut [f64], lambda: f64, fast: bool) {
    uniform_f64(mt, out, 0.0, 1.0);
    let scale = -1.0 / lambda;
    if fast {
        struct Fast<'a>(&'a mut [f64], f64);
        impl<I: Isa> Kernel<I> for Fast<'_> {
            type Output = ();
            #[inline(always)]
            fn run(self) {
                for y in self.0 {
                    *y = self.1 * math::log::log1p::<I>(-*y);
                }
            }
        }
        return dispatch(Fast(out, scale));
    }
    out.iter_mut().for_each(|y| *y = scale * (-*y).ln_1p());
}
/// How many trials until the first success.
pub fn geometric(mt: &mut Mt19937, out: &mut [f64], p: f64) {
    uniform_f64(mt, out, 0.0, 1.0);
    let log = (-p).ln_1p();
    out.iter_mut().for_each(|y| *y = (y.ln() / log).ceil());
}
pub fn cauchy(mt: &mut Mt19937, out: &mut [f64], median: f64, sigma: f64) {
    uniform_f64(mt, out, 0.0, 1.0);
    out.iter_mut().for_each(|y| *y = (PI * (*y - 0.5)).tan().mul_add(sigma, median));
}
pub fn log_normal(engine: &mut Engine, out: &mut [f64], mean: f64, std: f64) {
    normal_serial(engine, out, mean, std);
    out.iter_mut().for_each(|y| *y = y.exp());
}

/// A Poisson number: products of uniform numbers below 10, Hörmann's transformed rejection (PTRS) from there on.
pub fn poisson(mt: &mut Mt19937, rate: f64) -> f64 {
    if rate == 0.0 || rate.is_nan() {
        return rate;
    }
    if rate >= 10.0 {
        let (root, log) = (rate.sqrt(), rate.ln());
        let b = 0.931 + 2.53 * root;
        let a = -0.059 + 0.024_83 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let vr = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let (u, v) = (mt.uniform() - 0.5, mt.uniform());
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + rate + 0.43).floor();
            if us >= 0.07 && v <= vr {
                return k;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            if v.ln() + inverse_alpha.ln() - (a / (us * us) + b).ln() <= -rate + k * log - math::gamma::lgamma(k + 1.0)
            {
                return k;
            }
        }
    }
    let (limit, mut count, mut product) = ((-rate).exp(), 0.0, 1.0);
    loop {
        product *= mt.uniform();
        if product.is_nan() || product <= limit {
            return count;
        }
        count += 1.0;
    }
}

/// What Stirling's formula leaves of log k!.
fn stirling_tail(k: f64) -> f64 {
    const TABLE: [f64; 10] = [
        0.0810614667953272,
        0.0413406959554092,
        0.0276779256849983,
        0.0207906721037650,
        0.0166446911898211,
        0.0138761288230707,
        0.0118967099458917,
        0.0104112652619720,
        0.00925546218271273,
        0.00833056343336287,
    ];
    if k <= 9.0 {
        return TABLE[k as usize];
    }
    let square = (k + 1.0) * (k + 1.0);
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)
}

/// Hörmann's BTRS, for n·p ≥ 10 and p ≤ ½.
fn binomial_rejection(mt: &mut Mt19937, n: f64, p: f64) -> f64 {
    let std = (n * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * std;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let c = n * p + 0.5;
    let vr = 0.92 - 4.2 / b;
    let r = p / (1.0 - p);
    let alpha = (2.83 + 5.1 / b) * std;
    let m = ((n + 1.0) * p).floor();
    loop {
        let (u, v) = (mt.uniform() - 0.5, mt.uniform());
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + c).floor();
        if us >= 0.07 && v <= vr {
            return k;
        }
        if k < 0.0 || k > n {
            continue;
        }
        let v = (v * alpha / (a / (us * us) + b)).ln();
        let bound = (m + 0.5) * ((m + 1.0) / (r * (n - m + 1.0))).ln()
            + (n + 1.0) * ((n - m + 1.0) / (n - k + 1.0)).ln()
            + (k + 0.5) * (r * (n - k + 1.0) / (k + 1.0)).ln()
            + stirling_tail(m)
            + stirling_tail(n - m)
            - stirling_tail(k)
            - stirling_tail(n - k);
        if v <= bound {
            return k;
        }
    }
}

/// Geometric steps until they pass n, for small n·p.
fn binomial_inversion(mt: &mut Mt19937, n: f64, p: f64) -> f64 {
    let log = (-p).ln_1p();
    let (mut sum, mut count) = (0.0, 0.0);
    loop {
        sum += (mt.uniform().ln() / log).ceil();
        if sum.is_nan() || sum > n {
            return count;
        }
        count += 1.0;
    }
}

/// How many of n trials succeed. NaN stays NaN.
pub fn binomial(mt: &mut Mt19937, n: f64, p: f64) -> f64 {
    let few = |mt: &mut Mt19937, p: f64| {
        if n * p >= 10.0 { binomial_rejection(mt, n, p) } else { binomial_inversion(mt, n, p) }
    };
    if n <= 0.0 || p <= 0.0 {
        0.0
    } else if p >= 1.0 {
        n
    } else if !n.is_finite() {
        f64::NAN
    } else if p <= 0.5 {
        few(mt, p)
    } else if p > 0.5 {
        n - few(mt, 1.0 - p)
    } else {
        f64::NAN
    }
}

/// A gamma number of shape alpha (Marsaglia and Tsang). With `single`, the constants are rounded as they are for float tensors.
pub fn gamma(engine: &mut Engine, alpha: f64, single: bool) -> f64 {
    const THIRD: f32 = 1.0 / 3.0;
    let mut scale = 1.0;
    let mut shape = alpha;
    if alpha < 1.0 {
        if alpha == 0.0 {
            return 0.0;
        }
        let power = if single { (1.0 / alpha as f32) as f64 } else { 1.0 / alpha };
        scale = (1.0 - engine.mt.uniform()).powf(power);
        shape = if single { (alpha as f32 + 1.0) as f64 } else { alpha + 1.0 };
    }
    let d = if single { (shape as f32 - THIRD) as f64 } else { shape - THIRD as f64 };
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let (mut x, mut y);
        loop {
            x = next_normal(engine);
            y = 1.0 + c * x;
            if y.is_nan() || y > 0.0 {
                break;
            }
        }
        let v = y * y * y;
        let u = 1.0 - engine.mt.uniform();
        let square = x * x;
        if v.is_nan() || u < 1.0 - 0.0331f32 as f64 * square * square {
            return scale * d * v;
        }
        if u.ln() < 0.5 * square + d * (1.0 - v + v.ln()) {
            return scale * d * v;
        }
    }
}

/// Draws `out.len()` categories with replacement, given the running sum of their weights (the last of which is 1).
pub fn categories<T: Copy + Into<f64>>(mt: &mut Mt19937, out: &mut [i64], sums: &[T]) {
    for y in out {
        let u = mt.uniform();
        *y = sums.partition_point(|&s| s.into() < u) as i64;
    }
}

#[cfg(test)]
mod tests;
