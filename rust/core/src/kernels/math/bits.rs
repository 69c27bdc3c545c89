//! What needs no series: bits, roots, remainders.

use super::super::isa::Isa;
use super::fma;

#[inline(always)]
pub(crate) fn select<T>(condition: bool, yes: T, no: T) -> T {
    if condition { yes } else { no }
}

#[inline(always)]
pub fn rsqrtf(x: f32) -> f32 {
    1.0 / x.sqrt()
}
#[inline(always)]
pub fn rsqrt(x: f64) -> f64 {
    1.0 / x.sqrt()
}

#[inline(always)]
pub fn reciprocalf(x: f32) -> f32 {
    1.0 / x
}
#[inline(always)]
pub fn reciprocal(x: f64) -> f64 {
    1.0 / x
}

/// `a · b` and what rounding lost of it.
#[inline(always)]
pub(crate) fn two_product<I: Isa>(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    if I::FMA {
        return (p, a.mul_add(b, -p));
    }
    let split = |x: f64| {
        let high = f64::from_bits(x.to_bits() & 0xffff_ffff_f800_0000);
        (high, x - high)
    };
    let ((a, c), (b, d)) = (split(a), split(b));
    (p, ((a * b - p) + a * d + c * b) + c * d)
}

macro_rules! nextafter {
    ($name:ident, $t:ty) => {
        /// The next number after `x` on the way to `to`.
        #[inline(always)]
        pub fn $name(x: $t, to: $t) -> $t {
            let bits = x.to_bits();
            let up = (to > x) == (x > 0.0);
            let moved = <$t>::from_bits(select(up, bits.wrapping_add(1), bits.wrapping_sub(1)));
            let y = select(x == 0.0, <$t>::from_bits(1).copysign(to), moved);
            let y = select(x == to, to, y);
            select(x.is_nan() || to.is_nan(), x + to, y)
        }
    };
}
nextafter!(nextafterf, f32);
nextafter!(nextafter, f64);

#[inline(always)]
pub fn frexpf(x: f32) -> (f32, i32) {
    let tiny = x.abs() < f32::MIN_POSITIVE;
    let y = select(tiny, x * 16_777_216.0, x);
    let bits = y.to_bits();
    let e = ((bits >> 23) & 0xff) as i32 - 126 - select(tiny, 24, 0);
    let m = f32::from_bits((bits & 0x807f_ffff) | 0x3f00_0000);
    let plain = x == 0.0 || !x.is_finite();
    (select(plain, x, m), select(plain, 0, e))
}

#[inline(always)]
pub fn frexp(x: f64) -> (f64, i32) {
    let tiny = x.abs() < f64::MIN_POSITIVE;
    let y = select(tiny, x * 18_014_398_509_481_984.0, x);
    let bits = y.to_bits();
    let e = ((bits >> 52) & 0x7ff) as i32 - 1022 - select(tiny, 54, 0);
    let m = f64::from_bits((bits & 0x800f_ffff_ffff_ffff) | 0x3fe0_0000_0000_0000);
    let plain = x == 0.0 || !x.is_finite();
    (select(plain, x, m), select(plain, 0, e))
}

/// Correctly rounded but for a hair: the squares are exact in double.
#[inline(always)]
pub fn hypotf<I: Isa>(x: f32, y: f32) -> f32 {
    let (a, b) = (x as f64, y as f64);
    let r = fma::<I>(a, a, b * b).sqrt() as f32;
    select(x.is_infinite() || y.is_infinite(), f32::INFINITY, r)
}

/// ≤ 1.5 ulp; both arguments are scaled by a power of two that keeps the squares within range.
#[inline(always)]
pub fn hypot<I: Isa>(x: f64, y: f64) -> f64 {
    const BIG: f64 = f64::from_bits((1023 + 600) << 52);
    const SMALL: f64 = f64::from_bits((1023 - 600) << 52);
    let large = x.abs().max(y.abs());
    let scale = select(large > 1e150, SMALL, select(large < 1e-140, BIG, 1.0));
    let back = select(large > 1e150, BIG, select(large < 1e-140, SMALL, 1.0));
    let (a, b) = (x * scale, y * scale);
    let r = fma::<I>(a, a, b * b).sqrt() * back;
    select(x.is_infinite() || y.is_infinite(), f64::INFINITY, r)
}

#[inline(always)]
pub fn fmodf(x: f32, y: f32) -> f32 {
    x % y
}
#[inline(always)]
pub fn fmod(x: f64, y: f64) -> f64 {
    x % y
}

/// In double, the quotient of two floats below 2²⁸ is off by less than one, and the product with it is exact.
#[inline(always)]
pub fn fmodf_fast<I: Isa>(x: f32, y: f32) -> f32 {
    let (a, b) = (x.abs() as f64, y.abs() as f64);
    let r = a - (a / b).trunc() * b;
    let r = select(r < 0.0, r + b, r);
    let r = select(b == f64::INFINITY && a < b, a, r);
    (r as f32).copysign(x)
}
#[inline(always)]
pub fn fmodf_rare(x: f32, y: f32) -> bool {
    x.abs() as f64 >= y.abs() as f64 * 268_435_456.0
}

/// With a fused product the rest is exact while the quotient is. It may be one too large; then the rest is negative.
#[inline(always)]
pub fn fmod_fast<I: Isa>(x: f64, y: f64) -> f64 {
    let (a, b) = (x.abs(), y.abs());
    let q = (a / b).trunc();
    let r = if I::FMA {
        (-q).mul_add(b, a)
    } else {
        let (p, low) = two_product::<I>(q, b);
        (a - p) - low
    };
    let r = select(r < 0.0, r + b, r);
    select(b == f64::INFINITY && a < b, a, r).copysign(x)
}
#[inline(always)]
pub fn fmod_rare(x: f64, y: f64) -> bool {
    let (a, b) = (x.abs(), y.abs());
    // Very small and very large numbers: the product could lose bits or overflow.
    a >= b * 4_503_599_627_370_496.0 || (b < 1e-280 && a > 0.0) || a > 1e290
}

macro_rules! remainder {
    ($name:ident, $fast:ident, $t:ty, $fmod:expr, $fmod_fast:ident) => {
        #[inline(always)]
        pub fn $name(x: $t, y: $t) -> $t {
            let r = $fmod(x, y);
            select(r != 0.0 && (r < 0.0) != (y < 0.0), r + y, r)
        }
        #[inline(always)]
        pub fn $fast<I: Isa>(x: $t, y: $t) -> $t {
            let r = $fmod_fast::<I>(x, y);
            select(r != 0.0 && (r < 0.0) != (y < 0.0), r + y, r)
        }
    };
}
remainder!(remainderf, remainderf_fast, f32, fmodf, fmodf_fast);
remainder!(remainder, remainder_fast, f64, fmod, fmod_fast);

/// −x² in two parts, for gaussians: their exponent must keep its digits.
#[inline(always)]
pub(crate) fn neg_square<I: Isa>(x: f64) -> (f64, f64) {
    let (high, low) = two_product::<I>(x, x);
    (-high, -low)
}
