//! Circular functions and their inverses.
//!
//! Arguments are reduced by multiples of π/2 in double precision (Cody and Waite), exact to the last bit that matters while
//! |x| is below [`LIMIT`]; beyond it the standard library's exact reduction takes over, one number at a time.

use super::super::isa::Isa;
use super::bits::select;
use super::exp::ROUND;
use super::{fma, fmaf, poly, polyf};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4, PI};

/// 2¹⁹·π/2: the multiples below have 20 bits, and products with the 33 bits of a part of π/2 are exact.
pub const LIMIT: f64 = 823_549.6;

/// π/2 in parts of 33 bits, 33 bits and the rest.
const PART1: f64 = f64::from_bits(0x3ff9_21fb_5440_0000);
const PART2: f64 = f64::from_bits(0x3dd0_b461_1a60_0000);
const PART3: f64 = f64::from_bits(0x3ba3_198a_2e03_7073);
/// What the first part leaves of π/2.
const REST1: f64 = f64::from_bits(0x3dd0_b461_1a62_6331);
/// What `FRAC_PI_2` leaves of π/2.
const PI_2_LOW: f64 = 6.123_233_995_736_766e-17;

#[inline(always)]
pub fn raref(x: f32) -> bool {
    x.abs() >= LIMIT as f32
}
#[inline(always)]
pub fn rare(x: f64) -> bool {
    x.abs() >= LIMIT
}

/// x − k·π/2, and k in the low bits.
#[inline(always)]
fn reducef<I: Isa>(x: f32) -> (f32, u32) {
    let x = x as f64;
    let t = fma::<I>(x, FRAC_2_PI, ROUND);
    let n = t - ROUND;
    (fma::<I>(n, -REST1, fma::<I>(n, -PART1, x)) as f32, t.to_bits() as u32)
}
/// The same in two parts.
#[inline(always)]
fn reduce<I: Isa>(x: f64) -> (f64, f64, u64) {
    let t = fma::<I>(x, FRAC_2_PI, ROUND);
    let n = t - ROUND;
    let a = fma::<I>(n, -PART1, x);
    let b = n * PART2;
    let high = a - b;
    let low = fma::<I>(n, -PART3, (a - high) - b);
    let sum = high + low;
    (sum, (high - sum) + low, t.to_bits())
}

#[inline(always)]
fn sin_smallf<I: Isa>(r: f32) -> f32 {
    let z = r * r;
    fmaf::<I>(polyf::<I, _>(z, [-0.166_666_55, 0.008_332_178, -0.000_195_172_32]) * z, r, r)
}
#[inline(always)]
fn cos_smallf<I: Isa>(r: f32) -> f32 {
    let z = r * r;
    let p = polyf::<I, _>(z, [0.041_666_646, -0.001_388_736_8, 2.443_842_1e-5]);
    fmaf::<I>(z * z, p, fmaf::<I>(z, -0.5, 1.0))
}
/// sin(r + low) for |r| ≤ π/4.
#[inline(always)]
fn sin_small<I: Isa>(r: f64, low: f64) -> f64 {
    let z = r * r;
    let p = poly::<I, _>(
        z,
        [
            -0.16666666666666632,
            0.008333333333322427,
            -0.00019841269829816012,
            2.7557313694093557e-06,
            -2.5050758366887698e-08,
            1.589680600545408e-10,
        ],
    );
    r + fma::<I>(p * z, r, low * fma::<I>(z, -0.5, 1.0))
}
/// cos(r + low) for |r| ≤ π/4.
#[inline(always)]
fn cos_small<I: Isa>(r: f64, low: f64) -> f64 {
    let z = r * r;
    let p = poly::<I, _>(
        z,
        [
            0.0416666666666666,
            -0.001388888888887413,
            2.4801587289484542e-05,
            -2.7557314352864077e-07,
            2.087572332985676e-09,
            -1.1359650109386135e-11,
        ],
    );
    let half = 0.5 * z;
    let one = 1.0 - half;
    one + (((1.0 - one) - half) + fma::<I>(z * z, p, -(r * low)))
}

/// Sine or cosine by the quadrant: `turn` is 0 or 1.
#[inline(always)]
fn wavef<I: Isa>(x: f32, turn: u32) -> f32 {
    let (r, k) = reducef::<I>(x);
    let k = k.wrapping_add(turn);
    let y = select(k & 1 == 0, sin_smallf::<I>(r), cos_smallf::<I>(r));
    f32::from_bits(y.to_bits() ^ ((k & 2) << 30))
}
#[inline(always)]
fn wave<I: Isa>(x: f64, turn: u64) -> f64 {
    let (r, low, k) = reduce::<I>(x);
    let k = k.wrapping_add(turn);
    let y = select(k & 1 == 0, sin_small::<I>(r, low), cos_small::<I>(r, low));
    f64::from_bits(y.to_bits() ^ ((k & 2) << 62))
}

/// ≤ 1.5 ulp for |x| < [`LIMIT`].
#[inline(always)]
pub fn sinf_fast<I: Isa>(x: f32) -> f32 {
    select(x == 0.0, x, wavef::<I>(x, 0))
}
#[inline(always)]
pub fn cosf_fast<I: Isa>(x: f32) -> f32 {
    wavef::<I>(x, 1)
}
/// ≤ 3 ulp for |x| < [`LIMIT`].
#[inline(always)]
pub fn tanf_fast<I: Isa>(x: f32) -> f32 {
    let (r, k) = reducef::<I>(x);
    let (s, c) = (sin_smallf::<I>(r), cos_smallf::<I>(r));
    let y = select(k & 1 == 0, s, -c) / select(k & 1 == 0, c, s);
    select(x == 0.0, x, y)
}
/// ≤ 1 ulp for |x| < [`LIMIT`].
#[inline(always)]
pub fn sin_fast<I: Isa>(x: f64) -> f64 {
    select(x == 0.0, x, wave::<I>(x, 0))
}
#[inline(always)]
pub fn cos_fast<I: Isa>(x: f64) -> f64 {
    wave::<I>(x, 1)
}
/// ≤ 2.5 ulp for |x| < [`LIMIT`].
#[inline(always)]
pub fn tan_fast<I: Isa>(x: f64) -> f64 {
    let (r, low, k) = reduce::<I>(x);
    let (s, c) = (sin_small::<I>(r, low), cos_small::<I>(r, low));
    let y = select(k & 1 == 0, s, -c) / select(k & 1 == 0, c, s);
    select(x == 0.0, x, y)
}

macro_rules! whole {
    ($($name:ident $t:ident = $fast:ident, $rare:ident, $std:ident;)*) => {$(
        #[inline(always)]
        pub fn $name<I: Isa>(x: $t) -> $t {
            if $rare(x) { slow(f64::$std, x as f64) as $t } else { $fast::<I>(x) }
        }
    )*};
}
#[cold]
#[inline(never)]
fn slow(f: fn(f64) -> f64, x: f64) -> f64 {
    f(x)
}
whole! {
    sinf f32 = sinf_fast, raref, sin;
    cosf f32 = cosf_fast, raref, cos;
    tanf f32 = tanf_fast, raref, tan;
    sin f64 = sin_fast, rare, sin;
    cos f64 = cos_fast, rare, cos;
    tan f64 = tan_fast, rare, tan;
}

/// sin(πx): the reduction is exact, for x of any size.
#[inline(always)]
pub(crate) fn sinpi<I: Isa>(x: f64) -> f64 {
    let n = (x + x).round_ties_even();
    let r = (x - 0.5 * n) * PI;
    let k = n - 4.0 * (n * 0.25).floor();
    let y = select(k == 0.0 || k == 2.0, sin_small::<I>(r, 0.0), cos_small::<I>(r, 0.0));
    select(k >= 2.0, -y, y)
}

/// The argument is reduced before π comes in, so large ones keep all digits (and integers give 0).
#[inline(always)]
pub fn sinc<I: Isa>(x: f64) -> f64 {
    let y = sinpi::<I>(x) / (x * PI);
    select(x == 0.0, 1.0, select(x.is_infinite(), f64::NAN, y))
}
#[inline(always)]
pub fn sincf<I: Isa>(x: f32) -> f32 {
    sinc::<I>(x as f64) as f32
}

/// asin(s) on [0, ½], where z = s².
#[inline(always)]
fn asin_smallf<I: Isa>(s: f32, z: f32) -> f32 {
    let p = polyf::<I, _>(z, [0.166_667_54, 0.074_952_35, 0.045_478_15, 0.024_141_675, 0.042_229_753]);
    fmaf::<I>(p * z, s, s)
}
#[inline(always)]
fn asin_small<I: Isa>(s: f64, z: f64) -> f64 {
    let p = poly::<I, _>(
        z,
        [
            0.16666666666665375,
            0.07500000000344803,
            0.04464285682197799,
            0.030381959395244736,
            0.022371751946116944,
            0.01735979549003333,
            0.013884352072696149,
            0.01217493171790937,
            0.00650356394450292,
            0.01959422949247247,
            -0.0163265308275567,
            0.0319815876266554,
        ],
    );
    fma::<I>(p * z, s, s)
}

/// ≤ 2 ulp. Above ½: asin(x) = π/2 − 2 asin(√((1 − x)/2)).
#[inline(always)]
pub fn asinf<I: Isa>(x: f32) -> f32 {
    let a = x.abs();
    let far = a > 0.5;
    let z = select(far, fmaf::<I>(a, -0.5, 0.5), a * a);
    let s = select(far, z.sqrt(), a);
    let p = asin_smallf::<I>(s, z);
    let y = select(far, fmaf::<I>(p, -2.0, std::f32::consts::FRAC_PI_2), p);
    y.copysign(x)
}
#[inline(always)]
pub fn asin<I: Isa>(x: f64) -> f64 {
    let a = x.abs();
    let far = a > 0.5;
    let z = select(far, fma::<I>(a, -0.5, 0.5), a * a);
    let s = select(far, z.sqrt(), a);
    let p = asin_small::<I>(s, z);
    let y = select(far, fma::<I>(p, -2.0, PI_2_LOW) + FRAC_PI_2, p);
    y.copysign(x)
}

/// ≤ 2 ulp.
#[inline(always)]
pub fn acosf<I: Isa>(x: f32) -> f32 {
    let a = x.abs();
    let far = a > 0.5;
    let z = select(far, fmaf::<I>(a, -0.5, 0.5), a * a);
    let p = asin_smallf::<I>(select(far, z.sqrt(), a), z);
    let flip = select(x < 0.0, std::f32::consts::PI - 2.0 * p, 2.0 * p);
    const LOW: f32 = -4.371_139e-8;
    select(far, flip, std::f32::consts::FRAC_PI_2 - (p.copysign(x) - LOW))
}
#[inline(always)]
pub fn acos<I: Isa>(x: f64) -> f64 {
    let a = x.abs();
    let far = a > 0.5;
    let z = select(far, fma::<I>(a, -0.5, 0.5), a * a);
    let p = asin_small::<I>(select(far, z.sqrt(), a), z);
    let flip = select(x < 0.0, PI - 2.0 * (p - PI_2_LOW), 2.0 * p);
    select(far, flip, FRAC_PI_2 - (p.copysign(x) - PI_2_LOW))
}

/// atan(n / d) for 0 ≤ n ≤ d: beyond tan(π/8) turned by π/4.
#[inline(always)]
fn atan_ratiof<I: Isa>(n: f32, d: f32) -> f32 {
    let far = n > 0.414_213_57 * d;
    let t = select(far, n - d, n) / select(far, n + d, d);
    let z = t * t;
    let p = polyf::<I, _>(z, [-0.333_329_53, 0.199_778_7, -0.138_791_59, 0.080_578_364]);
    fmaf::<I>(p * z, t, t) + select(far, std::f32::consts::FRAC_PI_4, 0.0)
}
#[inline(always)]
fn atan_ratio<I: Isa>(n: f64, d: f64) -> f64 {
    let far = n > 0.414213562373095 * d;
    let t = select(far, n - d, n) / select(far, n + d, d);
    let z = t * t;
    let p = poly::<I, _>(
        z,
        [
            -0.333333333333332,
            0.19999999999953666,
            -0.14285714280204193,
            0.11111110783819887,
            -0.09090897767180581,
            0.07692060363026987,
            -0.06663105466249314,
            0.058478974558205686,
            -0.050393310878542374,
            0.0380649612262197,
            -0.017907350650550956,
        ],
    );
    let y = fma::<I>(p * z, t, t);
    y + select(far, FRAC_PI_4 + 0.5 * PI_2_LOW, 0.0)
}

/// ≤ 2.5 ulp.
#[inline(always)]
pub fn atanf<I: Isa>(x: f32) -> f32 {
    let a = x.abs();
    let far = a > 1.0;
    let (n, d) = (select(far, 1.0, a), select(far, a, 1.0));
    let p = select(a == f32::INFINITY, 0.0, atan_ratiof::<I>(n, d));
    select(far, std::f32::consts::FRAC_PI_2 - p, p).copysign(x)
}
#[inline(always)]
pub fn atan<I: Isa>(x: f64) -> f64 {
    let a = x.abs();
    let far = a > 1.0;
    let (n, d) = (select(far, 1.0, a), select(far, a, 1.0));
    let p = select(a == f64::INFINITY, 0.0, atan_ratio::<I>(n, d));
    select(far, FRAC_PI_2 - (p - PI_2_LOW), p).copysign(x)
}

/// ≤ 3 ulp. The smaller coordinate over the larger one, then back by symmetry.
#[inline(always)]
pub fn atan2f<I: Isa>(y: f32, x: f32) -> f32 {
    let (a, b) = (y.abs(), x.abs());
    let steep = a > b;
    let (n, d) = (select(steep, b, a), select(steep, a, b));
    // Both infinite stand for 1 / 1, both zero for 0 / 1; very large ones are scaled so that their sum is finite.
    let infinite = d == f32::INFINITY;
    let scale = select(d > 1e37, 0.25, select(d < 1e-30, 16_777_216.0, 1.0));
    let n = select(infinite, select(n == d, 1.0, 0.0), n * scale);
    let d = select(infinite || d == 0.0, 1.0, d * scale);
    let p = atan_ratiof::<I>(n, d);
    let p = select(steep, std::f32::consts::FRAC_PI_2 - p, p);
    let p = select(x.is_sign_negative(), std::f32::consts::PI - p, p);
    select(x.is_nan() || y.is_nan(), x + y, p.copysign(y))
}
#[inline(always)]
pub fn atan2<I: Isa>(y: f64, x: f64) -> f64 {
    let (a, b) = (y.abs(), x.abs());
    let steep = a > b;
    let (n, d) = (select(steep, b, a), select(steep, a, b));
    let infinite = d == f64::INFINITY;
    let scale = select(d > 1e300, 0.25, select(d < 1e-290, 9_007_199_254_740_992.0, 1.0));
    let n = select(infinite, select(n == d, 1.0, 0.0), n * scale);
    let d = select(infinite || d == 0.0, 1.0, d * scale);
    let p = atan_ratio::<I>(n, d);
    let p = select(steep, FRAC_PI_2 - (p - PI_2_LOW), p);
    let p = select(x.is_sign_negative(), PI - (p - 2.0 * PI_2_LOW), p);
    select(x.is_nan() || y.is_nan(), x + y, p.copysign(y))
}
