//! Logarithms, and what is made of them.

use super::super::isa::Isa;
use super::bits::select;
use super::exp::{LN2_HIGH, LN2_LOW, exp, exp2, exp2f, expf};
use super::{fma, fmaf, poly, polyf};
use std::f64::consts::LOG2_E;

/// `x = 2ᵏ·(1 + f)` with 1 + f in [√½, √2); x > 0 and finite.
#[inline(always)]
fn splitf(x: f32) -> (f32, f32) {
    let tiny = x < f32::MIN_POSITIVE;
    let y = select(tiny, x * 8_388_608.0, x);
    let bits = y.to_bits().wrapping_sub(0x3f35_04f3) as i32;
    let k = (bits >> 23) as f32 - select(tiny, 23.0, 0.0);
    (k, f32::from_bits(((bits & 0x007f_ffff) + 0x3f35_04f3) as u32) - 1.0)
}
#[inline(always)]
pub(crate) fn split(x: f64) -> (f64, f64) {
    const ROOT: u64 = 0x3fe6_a09e_667f_3bcd;
    let tiny = x < f64::MIN_POSITIVE;
    let y = select(tiny, x * 18_014_398_509_481_984.0, x);
    let bits = y.to_bits().wrapping_sub(ROOT);
    // The exponent, made a float by standing in the low bits of 2⁵²; the bias keeps it positive.
    let e = bits.wrapping_add(1024 << 52) >> 52;
    let k = f64::from_bits(0x4330_0000_0000_0000 | e) - (4_503_599_627_370_496.0 + 1024.0);
    let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + ROOT) - 1.0;
    (k - select(tiny, 54.0, 0.0), f)
}

/// log(1 + f) + low on the range of [`splitf`].
#[inline(always)]
fn log_smallf<I: Isa>(f: f32, low: f32) -> f32 {
    let p = polyf::<I, _>(
        f,
        [
            3.333_333e-1,
            -2.499_999_4e-1,
            2.000_071_5e-1,
            -1.666_805_8e-1,
            1.424_932_3e-1,
            -1.242_014_1e-1,
            1.167_699_9e-1,
            -1.151_461e-1,
            7.037_683_6e-2,
        ],
    );
    let square = f * f;
    fmaf::<I>(square, -0.5, fmaf::<I>(p * square, f, low)) + f
}
/// The same for f64, by way of s = f / (2 + f): log(1 + f) = 2 atanh(s).
#[inline(always)]
fn log_small<I: Isa>(f: f64, low: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * poly::<I, _>(
        z,
        [
            0.666666666666674,
            0.39999999999377983,
            0.28571428751301725,
            0.2222219758744783,
            0.18183618983870858,
            0.15312569971039353,
            0.14811539435246882,
        ],
    );
    let half = 0.5 * f * f;
    f - (half - fma::<I>(s, half + r, low))
}

/// What no polynomial knows: 0, ∞, the negative, NaN.
#[inline(always)]
fn edgesf(x: f32, y: f32) -> f32 {
    let y = select(x == f32::INFINITY, f32::INFINITY, y);
    let y = select(x == 0.0, f32::NEG_INFINITY, y);
    select(x < 0.0 || x.is_nan(), f32::NAN, y)
}
#[inline(always)]
fn edges(x: f64, y: f64) -> f64 {
    let y = select(x == f64::INFINITY, f64::INFINITY, y);
    let y = select(x == 0.0, f64::NEG_INFINITY, y);
    select(x < 0.0 || x.is_nan(), f64::NAN, y)
}

/// ≤ 1 ulp.
#[inline(always)]
pub fn logf<I: Isa>(x: f32) -> f32 {
    let (k, f) = splitf(x);
    edgesf(x, fmaf::<I>(k, 0.693_359_4, log_smallf::<I>(f, k * -2.121_944_4e-4)))
}
/// ≤ 1 ulp.
#[inline(always)]
pub fn log<I: Isa>(x: f64) -> f64 {
    let (k, f) = split(x);
    edges(x, fma::<I>(k, LN2_HIGH, log_small::<I>(f, k * LN2_LOW)))
}

/// ≤ 1.5 ulp; powers of two are exact.
#[inline(always)]
pub fn log2f<I: Isa>(x: f32) -> f32 {
    let (k, f) = splitf(x);
    let y = log_smallf::<I>(f, 0.0);
    edgesf(x, k + fmaf::<I>(y, std::f32::consts::LOG2_E, y * 1.925_963e-8))
}
/// ≤ 2 ulp; powers of two are exact.
#[inline(always)]
pub fn log2<I: Isa>(x: f64) -> f64 {
    let (k, f) = split(x);
    let y = log_small::<I>(f, 0.0);
    edges(x, k + fma::<I>(y, LOG2_E, y * 2.035_527_374_093_103_3e-17))
}

/// ≤ 2 ulp.
#[inline(always)]
pub fn log10f<I: Isa>(x: f32) -> f32 {
    let (k, f) = splitf(x);
    let y = log_smallf::<I>(f, 0.0);
    let low = fmaf::<I>(k, 4.605_039e-6, y * std::f32::consts::LOG10_E);
    edgesf(x, fmaf::<I>(k, 0.301_025_39, low))
}
/// ≤ 2 ulp.
#[inline(always)]
pub fn log10<I: Isa>(x: f64) -> f64 {
    let (k, f) = split(x);
    let y = log_small::<I>(f, 0.0);
    let low = fma::<I>(k, 3.694_239_077_158_930_8e-13, y * std::f64::consts::LOG10_E);
    edges(x, fma::<I>(k, 3.010_299_956_636_117_7e-1, low))
}

/// ≤ 2 ulp: the logarithm of the rounded sum, mended by what the sum lost.
#[inline(always)]
pub fn log1pf<I: Isa>(x: f32) -> f32 {
    let u = 1.0 + x;
    let lost = (x - (u - 1.0)) / u;
    let y = logf::<I>(u);
    select(x == 0.0, x, select(u.is_finite() && u > 0.0, y + lost, y))
}
/// ≤ 2 ulp.
#[inline(always)]
pub fn log1p<I: Isa>(x: f64) -> f64 {
    let u = 1.0 + x;
    let lost = select(x > 1e15, 0.0, (x - (u - 1.0)) / u);
    let y = log::<I>(u);
    select(x == 0.0, x, select(u.is_finite() && u > 0.0, y + lost, y))
}

macro_rules! made {
    ($t:ident: $log_sigmoid:ident $softplus:ident $logaddexp:ident $logaddexp2:ident $xlogy:ident $xlog1py:ident
     $entr:ident $logit:ident | $exp:ident $exp2:ident $log:ident $log1p:ident $log2_e:expr) => {
        #[inline(always)]
        pub fn $log_sigmoid<I: Isa>(x: $t) -> $t {
            select(x < 0.0, x, 0.0) - $log1p::<I>($exp::<I>(-x.abs()))
        }
        #[inline(always)]
        pub fn $softplus<I: Isa>(x: $t) -> $t {
            select(x > 0.0, x, 0.0) + $log1p::<I>($exp::<I>(-x.abs()))
        }
        #[inline(always)]
        pub fn $logaddexp<I: Isa>(x: $t, y: $t) -> $t {
            let (high, gap) = (select(x > y, x, y), -(x - y).abs());
            select(x == y && x.is_infinite(), x, high + $log1p::<I>($exp::<I>(gap)))
        }
        #[inline(always)]
        pub fn $logaddexp2<I: Isa>(x: $t, y: $t) -> $t {
            let (high, gap) = (select(x > y, x, y), -(x - y).abs());
            let sum = high + $log1p::<I>($exp2::<I>(gap)) * $log2_e;
            select(x == y && x.is_infinite(), x, sum)
        }
        #[inline(always)]
        pub fn $xlogy<I: Isa>(x: $t, y: $t) -> $t {
            select(x == 0.0 && !y.is_nan(), 0.0, x * $log::<I>(y))
        }
        #[inline(always)]
        pub fn $xlog1py<I: Isa>(x: $t, y: $t) -> $t {
            select(x == 0.0 && !y.is_nan(), 0.0, x * $log1p::<I>(y))
        }
        #[inline(always)]
        pub fn $entr<I: Isa>(x: $t) -> $t {
            let y = select(x > 0.0, -x * $log::<I>(x), $t::NEG_INFINITY);
            select(x == 0.0, 0.0, select(x.is_nan(), x, y))
        }
        #[inline(always)]
        pub fn $logit<I: Isa>(x: $t) -> $t {
            $log::<I>(x / (1.0 - x))
        }
    };
}
made!(f32: log_sigmoidf softplusf logaddexpf logaddexp2f xlogyf xlog1pyf entrf logitf
    | expf exp2f logf log1pf std::f32::consts::LOG2_E);
made!(f64: log_sigmoid softplus logaddexp logaddexp2 xlogy xlog1py entr logit | exp exp2 log log1p LOG2_E);
