//! Powers of e and 2, and what is made of them.

use super::super::isa::Isa;
use super::bits::select;
use super::{fma, fmaf, poly, polyf};

/// 1.5 · 2²³: adding it rounds a small float to an integer, which stands in the low bits.
pub(crate) const ROUNDF: f32 = 12_582_912.0;
/// 1.5 · 2⁵²: the same for f64.
pub(crate) const ROUND: f64 = 6_755_399_441_055_744.0;

/// ln 2 in two parts, of which the first has zeros enough to be multiplied exactly by an exponent.
const LN2_HIGHF: f32 = 0.693_359_4;
const LN2_LOWF: f32 = -2.121_944_4e-4;
pub(crate) const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
pub(crate) const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// 2ᵏ for −126 ≤ k ≤ 127.
#[inline(always)]
pub(crate) fn pow2f(k: i32) -> f32 {
    f32::from_bits((k.wrapping_add(127) as u32) << 23)
}

/// 2ᵏ for −1022 ≤ k ≤ 1023.
#[inline(always)]
pub(crate) fn pow2(k: i64) -> f64 {
    f64::from_bits((k.wrapping_add(1023) as u64) << 52)
}

/// `y · 2ᵏ` by two factors, which reach the subnormals and the last binade.
#[inline(always)]
pub(crate) fn scalef(y: f32, k: i32) -> f32 {
    let half = k >> 1;
    y * pow2f(half) * pow2f(k.wrapping_sub(half))
}
#[inline(always)]
pub(crate) fn scale(y: f64, k: i64) -> f64 {
    // An arithmetic shift of 64 bits is not in AVX2: halve through an offset.
    let half = ((k.wrapping_add(4096) as u64) >> 1) as i64 - 2048;
    y * pow2(half) * pow2(k.wrapping_sub(half))
}

/// eʳ − 1 for |r| ≤ ln 2 / 2.
#[inline(always)]
pub(crate) fn exp_smallf<I: Isa>(r: f32) -> f32 {
    let p = polyf::<I, _>(r, [0.5, 0.166_666_67, 0.041_666_27, 0.008_333_264, 0.001_394_617_8, 0.000_199_185_32]);
    fmaf::<I>(p * r, r, r)
}
#[inline(always)]
pub(crate) fn exp_small<I: Isa>(r: f64) -> f64 {
    let p = poly::<I, _>(
        r,
        [
            0.5000000000000013,
            0.166666666666667,
            0.04166666666651447,
            0.008333333333307099,
            0.0013888888947300685,
            0.0001984126991756556,
            2.4801489614655763e-05,
            2.7557216167004338e-06,
            2.7631407547833663e-07,
            2.5117898710573707e-08,
        ],
    );
    fma::<I>(p * r, r, r)
}

/// `x = k·ln 2 + r`; gives (eʳ − 1, k).
#[inline(always)]
pub(crate) fn exp_partsf<I: Isa>(x: f32) -> (f32, i32) {
    let t = fmaf::<I>(x, std::f32::consts::LOG2_E, ROUNDF);
    let k = (t.to_bits() as i32).wrapping_sub(ROUNDF.to_bits() as i32);
    let n = t - ROUNDF;
    let r = fmaf::<I>(n, -LN2_LOWF, fmaf::<I>(n, -LN2_HIGHF, x));
    (exp_smallf::<I>(r), k)
}
/// The same for `x + low`.
#[inline(always)]
pub(crate) fn exp_parts<I: Isa>(x: f64, low: f64) -> (f64, i64) {
    let t = fma::<I>(x, std::f64::consts::LOG2_E, ROUND);
    let k = t.to_bits().wrapping_sub(ROUND.to_bits()) as i64;
    let n = t - ROUND;
    let r = fma::<I>(n, -LN2_LOW, fma::<I>(n, -LN2_HIGH, x)) + low;
    (exp_small::<I>(r), k)
}

#[inline(always)]
pub(crate) fn clampf(x: f32, low: f32, high: f32) -> f32 {
    let x = select(x > high, high, x);
    select(x < low, low, x)
}
#[inline(always)]
pub(crate) fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let x = select(x > high, high, x);
    select(x < low, low, x)
}

/// ≤ 1 ulp.
#[inline(always)]
pub fn expf<I: Isa>(x: f32) -> f32 {
    let (q, k) = exp_partsf::<I>(clampf(x, -104.0, 89.0));
    scalef(q + 1.0, k)
}
/// ≤ 1 ulp.
#[inline(always)]
pub fn exp<I: Isa>(x: f64) -> f64 {
    exp_sum::<I>(x, 0.0)
}
/// exp(x + low), where low is less than an ulp of x or so.
#[inline(always)]
pub(crate) fn exp_sum<I: Isa>(x: f64, low: f64) -> f64 {
    let (q, k) = exp_parts::<I>(clamp(x, -746.0, 710.0), low);
    scale(q + 1.0, k)
}

/// ≤ 1 ulp.
#[inline(always)]
pub fn exp2f<I: Isa>(x: f32) -> f32 {
    let x = clampf(x, -151.0, 129.0);
    let t = x + ROUNDF;
    let k = (t.to_bits() as i32).wrapping_sub(ROUNDF.to_bits() as i32);
    scalef(exp_smallf::<I>((x - (t - ROUNDF)) * std::f32::consts::LN_2) + 1.0, k)
}
/// ≤ 1 ulp.
#[inline(always)]
pub fn exp2<I: Isa>(x: f64) -> f64 {
    let x = clamp(x, -1076.0, 1025.0);
    let t = x + ROUND;
    let k = t.to_bits().wrapping_sub(ROUND.to_bits()) as i64;
    scale(exp_small::<I>((x - (t - ROUND)) * std::f64::consts::LN_2) + 1.0, k)
}

/// ≤ 2 ulp: (eʳ − 1)·2ᵏ + (2ᵏ − 1) keeps the digits near zero.
#[inline(always)]
pub fn expm1f<I: Isa>(x: f32) -> f32 {
    let (q, k) = exp_partsf::<I>(clampf(x, -30.0, 89.0));
    let last = select(k > 127, 1.0, 0.0);
    let s = pow2f(select(k > 127, 127, k));
    let e = fmaf::<I>(q, s, s - 1.0);
    select(x == 0.0, x, e + e * last)
}
/// ≤ 2 ulp.
#[inline(always)]
pub fn expm1<I: Isa>(x: f64) -> f64 {
    let (q, k) = exp_parts::<I>(clamp(x, -60.0, 710.0), 0.0);
    let last = select(k > 1023, 1.0, 0.0);
    let s = pow2(select(k > 1023, 1023, k));
    let e = fma::<I>(q, s, s - 1.0);
    select(x == 0.0, x, e + e * last)
}

/// ≤ 2.5 ulp on both sides: only exp(−|x|) is taken, which never overflows.
#[inline(always)]
pub fn sigmoidf<I: Isa>(x: f32) -> f32 {
    let e = expf::<I>(-x.abs());
    select(x < 0.0, e, 1.0) / (1.0 + e)
}
#[inline(always)]
pub fn sigmoid<I: Isa>(x: f64) -> f64 {
    let e = exp::<I>(-x.abs());
    select(x < 0.0, e, 1.0) / (1.0 + e)
}

#[inline(always)]
pub fn siluf<I: Isa>(x: f32) -> f32 {
    x * sigmoidf::<I>(x)
}
#[inline(always)]
pub fn silu<I: Isa>(x: f64) -> f64 {
    x * sigmoid::<I>(x)
}

#[inline(always)]
pub fn ldexpf<I: Isa>(x: f32, e: f32) -> f32 {
    x * exp2f::<I>(e)
}
#[inline(always)]
pub fn ldexp<I: Isa>(x: f64, e: f64) -> f64 {
    x * exp2::<I>(e)
}
