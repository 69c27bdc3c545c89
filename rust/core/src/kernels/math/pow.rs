//! Powers.

use super::super::isa::Isa;
use super::bits::{select, two_product};
use super::exp::{LN2_HIGH, LN2_LOW, clamp, exp_sum};
use super::log::split;
use super::{fma, poly};

macro_rules! edges {
    ($name:ident, $t:ident) => {
        /// What |x|ʸ lacks of xʸ: signs and the many special cases of IEEE 754.
        #[inline(always)]
        fn $name(x: $t, y: $t, r: $t) -> $t {
            let whole = y.floor() == y;
            let half = 0.5 * y;
            let odd = whole && half.floor() != half;
            let negative = x.is_sign_negative();
            let r = select(x == 0.0, select(y < 0.0, $t::INFINITY, 0.0), r);
            let r = select(x.is_infinite(), select(y < 0.0, 0.0, $t::INFINITY), r);
            let r = select(negative && odd, -r, r);
            let r = select(x < 0.0 && !whole && x.is_finite(), $t::NAN, r);
            let r = select(x == -1.0 && y.is_infinite(), 1.0, r);
            let r = select(x.is_nan() || y.is_nan(), x + y, r);
            select(x == 1.0 || y == 0.0, 1.0, r)
        }
    };
}
edges!(edgesf, f32);
edges!(edges, f64);

/// ≤ 0.6 ulp: in double, where 40 good bits of the logarithm are enough.
#[inline(always)]
pub fn powf<I: Isa>(x: f32, y: f32) -> f32 {
    let a = x.abs() as f64;
    // Every float is a normal double, so the split needs no care for subnormals; 0, ∞ and NaN are mended below.
    let (k, f) = split(select(a > 0.0 && a < f64::INFINITY, a, 1.0));
    let s = f / (2.0 + f);
    let z = s * s;
    let p = poly::<I, _>(
        z,
        [0.6666666667626268, 0.39999995444292386, 0.28572129943007835, 0.22175245535051388, 0.19598711345652786],
    );
    let log = fma::<I>(k, std::f64::consts::LN_2, fma::<I>(p * z, s, s + s));
    let e = clamp(log * y as f64, -120.0, 100.0);
    edgesf(x, y, super::exp::exp::<I>(e) as f32)
}

/// ≤ 1.5 ulp: the logarithm is carried in two parts with 65 good bits.
#[inline(always)]
pub fn pow<I: Isa>(x: f64, y: f64) -> f64 {
    let a = x.abs();
    let (k, f) = split(select(a > 0.0 && a < f64::INFINITY, a, 1.0));
    // s = f / (2 + f) in two parts.
    let d = 2.0 + f;
    let d_low = f - (d - 2.0);
    let s = f / d;
    let (p, e) = two_product::<I>(s, d);
    let s_low = (((f - p) - e) - s * d_low) / d;
    // log(1 + f) = 2s + ⅔s³ + s⁵·Q(s²); the first two terms in two parts.
    let (z, mut z_low) = two_product::<I>(s, s);
    z_low += 2.0 * s * s_low;
    let (c, mut c_low) = two_product::<I>(z, s);
    c_low += z * s_low + z_low * s;
    const THIRD: f64 = 2.0 / 3.0;
    const THIRD_LOW: f64 = 3.700743415417188e-17;
    let (t, mut t_low) = two_product::<I>(c, THIRD);
    t_low += c * THIRD_LOW + c_low * THIRD;
    let q = poly::<I, _>(
        z,
        [
            0.40000000000002417,
            0.2857142857001816,
            0.22222222535143665,
            0.18181782981099728,
            0.1538682342661272,
            0.1325523133110568,
            0.1321145166090937,
        ],
    );
    let tail = q * (z * c);
    // Sum: k·ln 2 + 2s + t + tail, from large to small, what is lost gathered in `low`.
    let n = k * LN2_HIGH;
    let sum = n + 2.0 * s;
    let lost = select(k == 0.0, 0.0, (n - sum) + 2.0 * s);
    let sum2 = sum + t;
    let lost2 = (sum - sum2) + t;
    let low = (lost + lost2) + (tail + (t_low + (2.0 * s_low + k * LN2_LOW)));
    let high = sum2 + low;
    let low = (sum2 - high) + low;
    // y · log x, and its exponential.
    let e = high * y;
    let (p, p_low) = two_product::<I>(high, select(e.abs() < 1e4, y, 0.0));
    let big = !(e.abs() < 1e4);
    let p = select(big, select(e > 0.0, 1e4, -1e4), p);
    let p_low = select(big, 0.0, fma::<I>(low, y, p_low));
    edges(x, y, exp_sum::<I>(p, p_low))
}
