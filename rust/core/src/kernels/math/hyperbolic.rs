//! Hyperbolic functions and their inverses.

use super::super::isa::Isa;
use super::bits::select;
use super::exp::{clamp, clampf, exp_parts, exp_partsf, pow2, pow2f, scale, scalef};
use super::log::{log1p, log1pf};
use super::{fma, fmaf, poly, polyf};
use std::f64::consts::LN_2;

/// ≤ 2.5 ulp: `e / (e + 2)` with `e = exp(2|x|) − 1`, which keeps its digits near zero.
#[inline(always)]
pub fn tanhf<I: Isa>(x: f32) -> f32 {
    let a = 2.0 * x.abs();
    let (q, k) = exp_partsf::<I>(select(a > 20.0, 20.0, a));
    let s = pow2f(k);
    let e = fmaf::<I>(q, s, s - 1.0);
    (e / (e + 2.0)).copysign(x)
}
/// ≤ 3 ulp.
#[inline(always)]
pub fn tanh<I: Isa>(x: f64) -> f64 {
    let a = 2.0 * x.abs();
    let (q, k) = exp_parts::<I>(select(a > 42.0, 42.0, a), 0.0);
    let s = pow2(k);
    let e = fma::<I>(q, s, s - 1.0);
    (e / (e + 2.0)).copysign(x)
}

/// exp(|x|) / 2, where exp(|x|) itself may overflow.
#[inline(always)]
fn half_expf<I: Isa>(x: f32) -> f32 {
    let (q, k) = exp_partsf::<I>(clampf(x.abs(), 0.0, 91.0));
    scalef(q + 1.0, k - 1)
}
#[inline(always)]
fn half_exp<I: Isa>(x: f64) -> f64 {
    let (q, k) = exp_parts::<I>(clamp(x.abs(), 0.0, 712.0), 0.0);
    scale(q + 1.0, k - 1)
}

/// ≤ 2.5 ulp.
#[inline(always)]
pub fn sinhf<I: Isa>(x: f32) -> f32 {
    let h = half_expf::<I>(x);
    let z = x * x;
    let p = polyf::<I, _>(z, [0.166_666_67, 0.008_333_351, 0.000_198_359_62, 2.818_061_8e-6]);
    select(x.abs() < 1.0, fmaf::<I>(p * z, x, x), (h - 0.25 / h).copysign(x))
}
/// ≤ 2.5 ulp.
#[inline(always)]
pub fn sinh<I: Isa>(x: f64) -> f64 {
    let h = half_exp::<I>(x);
    let z = x * x;
    let p = poly::<I, _>(
        z,
        [
            0.16666666666666669,
            0.008333333333333127,
            0.00019841269841446263,
            2.7557319152541387e-06,
            2.5052123855098657e-08,
            1.6057203919147477e-10,
            7.760441604839986e-13,
        ],
    );
    select(x.abs() < 1.0, fma::<I>(p * z, x, x), (h - 0.25 / h).copysign(x))
}

/// ≤ 1.5 ulp.
#[inline(always)]
pub fn coshf<I: Isa>(x: f32) -> f32 {
    let h = half_expf::<I>(x);
    h + 0.25 / h
}
#[inline(always)]
pub fn cosh<I: Isa>(x: f64) -> f64 {
    let h = half_exp::<I>(x);
    h + 0.25 / h
}

/// ≤ 3 ulp: log(1 + (|x| + x² / (1 + √(1 + x²)))).
#[inline(always)]
pub fn asinhf<I: Isa>(x: f32) -> f32 {
    let a = x.abs();
    let big = a > 1e9;
    let z = a * a;
    let small = a + z / (1.0 + (z + 1.0).sqrt());
    let y = log1pf::<I>(select(big, a, small));
    select(big, y + std::f32::consts::LN_2, y).copysign(x)
}
#[inline(always)]
pub fn asinh<I: Isa>(x: f64) -> f64 {
    let a = x.abs();
    let big = a > 1e18;
    let z = a * a;
    let small = a + z / (1.0 + (z + 1.0).sqrt());
    let y = log1p::<I>(select(big, a, small));
    select(big, y + LN_2, y).copysign(x)
}

/// ≤ 3 ulp.
#[inline(always)]
pub fn acoshf<I: Isa>(x: f32) -> f32 {
    let t = x - 1.0;
    let big = x > 1e9;
    let y = log1pf::<I>(select(big, t, t + fmaf::<I>(t, t, 2.0 * t).sqrt()));
    select(x < 1.0, f32::NAN, select(big, y + std::f32::consts::LN_2, y))
}
#[inline(always)]
pub fn acosh<I: Isa>(x: f64) -> f64 {
    let t = x - 1.0;
    let big = x > 1e18;
    let y = log1p::<I>(select(big, t, t + fma::<I>(t, t, 2.0 * t).sqrt()));
    select(x < 1.0, f64::NAN, select(big, y + LN_2, y))
}

/// ≤ 3 ulp: half of log(1 + 2|x| / (1 − |x|)).
#[inline(always)]
pub fn atanhf<I: Isa>(x: f32) -> f32 {
    let a = x.abs();
    (0.5 * log1pf::<I>(2.0 * a / (1.0 - a))).copysign(x)
}
#[inline(always)]
pub fn atanh<I: Isa>(x: f64) -> f64 {
    let a = x.abs();
    (0.5 * log1p::<I>(2.0 * a / (1.0 - a))).copysign(x)
}
