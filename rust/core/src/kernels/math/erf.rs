//! The error function and the normal distribution.

use super::super::isa::Isa;
use super::bits::{neg_square, select};
use super::exp::{clamp, clampf, exp, exp_parts, exp_partsf, exp_sum, expf, scale};
use super::log::{log, log1p, logf};
use super::{fma, fmaf, poly, polyf};
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// 2/√π, and 1/√(2π).
const TWO_BY_ROOT_PI: f64 = 1.128_379_167_095_512_6;
const BY_ROOT_TAU: f64 = 0.398_942_280_401_432_7;

/// ≤ 2 ulp. An odd polynomial up to 0.92; beyond, 1 − exp(−p(x)), where p fits −log(erfc).
#[inline(always)]
pub fn erff<I: Isa>(x: f32) -> f32 {
    let a = clampf(x.abs(), 0.0, 4.0);
    let small = polyf::<I, _>(
        a * a,
        [1.128_379_1, -0.376_124_47, 0.112_813_21, -0.026_748_875, 0.004_967_511_6, -0.000_586_207_6],
    );
    let p = polyf::<I, _>(
        a,
        [
            -0.000_169_206_16,
            1.129_488_5,
            0.633_400_86,
            0.108_220_4,
            -0.025_080_625,
            0.004_156_258_4,
            -0.000_431_394_3,
            2.082_868_4e-5,
        ],
    );
    let (q, k) = exp_partsf::<I>(-p);
    let large = 1.0 - (q + 1.0) * super::exp::pow2f(k);
    select(x.abs() < 0.92, small * x, large.copysign(x))
}

/// erf(x) / x for |x| ≤ 1.
#[inline(always)]
fn erf_small<I: Isa>(x: f64) -> f64 {
    poly::<I, _>(
        x * x,
        [
            1.1283791670955126,
            -0.3761263890318352,
            0.112837916709442,
            -0.026866170643113415,
            0.005223977606130842,
            -0.0008548325929766244,
            0.0001205529358693695,
            -1.4924712439534814e-05,
            1.6447132699786621e-06,
            -1.6206318752969208e-07,
            1.3710988704190523e-08,
            -7.779462971761597e-10,
        ],
    )
}

/// exp(x²)·erfc(x) for x ≥ 0, over the whole half line: (1 + 2x) times it is smooth in t = (x − K) / (x + K).
#[inline(always)]
fn erfcx_positive<I: Isa>(x: f64) -> f64 {
    const K: f64 = 3.75;
    let x = select(x > 1e300, 1e300, x);
    let t = (x - K) / (x + K);
    let p = poly::<I, _>(
        t,
        [
            1.2375126308378275,
            -0.14024059858554563,
            0.0035854154854874313,
            0.08227673849002275,
            -0.10880393014278873,
            0.09230432116368079,
            -0.05869339857117906,
            0.028362277378077613,
            -0.009746579727716111,
            0.0017556261326305094,
            0.00029371458822776325,
            -0.0002901552456657025,
            5.164591141207802e-05,
            2.2387346301996625e-05,
            -1.1436881716585284e-05,
            -9.789780255260702e-07,
            1.7405708001848127e-06,
            -5.10708365350002e-08,
            -2.4751191335046775e-07,
            1.889142549543605e-08,
            3.153032570074292e-08,
            -1.9743095595290456e-09,
            -2.541010523841024e-09,
        ],
    );
    p / fma::<I>(2.0, x, 1.0)
}

/// erfc(|x|), 0 where it underflows.
#[inline(always)]
fn erfc_tail<I: Isa>(a: f64) -> f64 {
    let a = clamp(a, 0.0, 28.0);
    let (high, low) = neg_square::<I>(a);
    // The factor comes in before the scaling, so that a subnormal result is rounded once.
    let (q, k) = exp_parts::<I>(high, low);
    scale((q + 1.0) * erfcx_positive::<I>(a), k)
}

/// ≤ 1.5 ulp.
#[inline(always)]
pub fn erf<I: Isa>(x: f64) -> f64 {
    let a = x.abs();
    select(a < 1.0, x * erf_small::<I>(clamp(a, 0.0, 1.0)), (1.0 - erfc_tail::<I>(a)).copysign(x))
}
/// ≤ 3 ulp.
#[inline(always)]
pub fn erfc<I: Isa>(x: f64) -> f64 {
    let a = x.abs();
    let tail = erfc_tail::<I>(a);
    let y = select(a < 0.5, 1.0 - x * erf_small::<I>(clamp(a, 0.0, 1.0)), select(x < 0.0, 2.0 - tail, tail));
    select(x.is_nan(), x, y)
}
#[inline(always)]
pub fn erfcf<I: Isa>(x: f32) -> f32 {
    erfc::<I>(x as f64) as f32
}

/// ≤ 3 ulp for x ≥ 0; below, 2·exp(x²) minus its mirror image.
#[inline(always)]
pub fn erfcx<I: Isa>(x: f64) -> f64 {
    let mirror = erfcx_positive::<I>(x.abs());
    let (high, low) = neg_square::<I>(x);
    let y = 2.0 * exp_sum::<I>(-high, select(low.is_finite(), -low, 0.0)) - mirror;
    select(x < 0.0, y, select(x == f64::INFINITY, 0.0, mirror))
}
#[inline(always)]
pub fn erfcxf<I: Isa>(x: f32) -> f32 {
    erfcx::<I>(x as f64) as f32
}

/// ≤ 4 ulp: a polynomial in w = −log(1 − x²), or in √w near ±1.
#[inline(always)]
pub fn erfinvf<I: Isa>(x: f32) -> f32 {
    let w = -logf::<I>((1.0 - x) * (1.0 + x));
    let near = polyf::<I, _>(
        w - 2.5,
        [
            1.501_409_4,
            0.246_640_73,
            -0.004_177_707_7,
            -0.001_253_707_9,
            0.000_218_602_25,
            -4.396_676e-6,
            -3.528_882_4e-6,
            3.437_186_5e-7,
            2.853_733_2e-8,
        ],
    );
    let far = polyf::<I, _>(
        w.sqrt() - 3.0,
        [
            2.832_977,
            1.001_674_8,
            0.009_430_893,
            -0.007_635_842,
            0.005_790_676_5,
            -0.003_623_058_3,
            0.001_239_408_4,
            5.108_213e-5,
            -0.000_121_599_16,
        ],
    );
    let y = select(w < 5.0, near, far) * x;
    select(x.abs() == 1.0, f32::INFINITY.copysign(x), y)
}

/// z with erfc(z) = q, for 0 < q ≤ 1: a first guess, then Halley's steps, which triple the digits.
fn erfcinv_small(q: f64) -> f64 {
    type I = super::super::isa::Plain;
    // w = −log(1 − x²) with x = 1 − q; the guess is good to seven digits while w < 17, and asymptotic beyond.
    let w = -(log::<I>(q) + log::<I>(2.0 - q));
    let mut z = if w < 16.5 {
        erfinvf::<I>((1.0 - q) as f32) as f64
    } else {
        (w - 0.5 * log::<I>(std::f64::consts::PI * w)).sqrt()
    };
    if !(z < 6.0) && w < 16.5 {
        z = w.sqrt();
    }
    for _ in 0..3 {
        // u = (erfc(z) − q) / erfc′(z), by way of erfcx: the exponentials cancel but for q·exp(z²).
        let (high, low) = neg_square::<I>(z);
        let scaled = q * exp_sum::<I>(-high, -low);
        let u = -(erfcx_positive::<I>(z) - scaled) / TWO_BY_ROOT_PI;
        let next = z - u / (1.0 + z * u);
        if (next - z).abs() <= 1e-16 * z.abs() {
            return next;
        }
        z = next;
    }
    z
}

/// ≤ 3 ulp or so.
pub fn erfinv(x: f64) -> f64 {
    type I = super::super::isa::Plain;
    let a = x.abs();
    if !(a < 1.0) {
        return if a == 1.0 { f64::INFINITY.copysign(x) } else { f64::NAN };
    }
    if a > 0.7 {
        return erfcinv_small(1.0 - a).copysign(x);
    }
    if a < 1e-8 {
        return x / TWO_BY_ROOT_PI;
    }
    let mut z = erfinvf::<I>(a as f32) as f64;
    for _ in 0..2 {
        let u = (erf::<I>(z) - a) / (TWO_BY_ROOT_PI * exp::<I>(-z * z));
        z -= u / (1.0 + z * u);
    }
    z.copysign(x)
}

/// The inverse of [`ndtr`].
pub fn ndtri(p: f64) -> f64 {
    if p == 0.0 {
        f64::NEG_INFINITY
    } else if p == 1.0 {
        f64::INFINITY
    } else if !(p > 0.0 && p < 1.0) {
        f64::NAN
    } else if p < 0.15 {
        -SQRT_2 * erfcinv_small(2.0 * p)
    } else if p > 0.85 {
        SQRT_2 * erfcinv_small(2.0 * (1.0 - p))
    } else {
        SQRT_2 * erfinv(2.0 * p - 1.0)
    }
}

#[inline(always)]
pub fn ndtr<I: Isa>(x: f64) -> f64 {
    0.5 * erfc::<I>(-x * FRAC_1_SQRT_2)
}
#[inline(always)]
pub fn ndtrf<I: Isa>(x: f32) -> f32 {
    ndtr::<I>(x as f64) as f32
}

#[inline(always)]
pub fn log_ndtr<I: Isa>(x: f64) -> f64 {
    let t = x * FRAC_1_SQRT_2;
    let low = log::<I>(0.5 * erfcx_positive::<I>(t.abs())) - t * t;
    let high = log1p::<I>(-0.5 * erfc::<I>(t));
    select(x < -1.0, low, high)
}
#[inline(always)]
pub fn log_ndtrf<I: Isa>(x: f32) -> f32 {
    log_ndtr::<I>(x as f64) as f32
}

#[inline(always)]
pub fn normal_pdf<I: Isa>(x: f64) -> f64 {
    BY_ROOT_TAU * exp::<I>(-0.5 * x * x)
}
#[inline(always)]
pub fn normal_pdff<I: Isa>(x: f32) -> f32 {
    BY_ROOT_TAU as f32 * expf::<I>(-0.5 * x * x)
}

/// To 1e-7 of the greater of |x| and 1, which is what `½x(1 + erf)` in floats has: half of erfc(|x| / √2), where −log(erfc(a)) / a
/// is one polynomial on [0, 4] (weighted by erfc), without a second branch near zero.
#[inline(always)]
pub fn geluf<I: Isa>(x: f32) -> f32 {
    let a = x.abs() * FRAC_1_SQRT_2 as f32;
    let p = polyf::<I, _>(
        clampf(a, 0.0, 4.0),
        [
            1.128_380_3,
            0.636_597_75,
            0.102_919_616,
            -0.019_583_965,
            0.000_536_937_97,
            0.001_032_399_3,
            -0.000_308_801_68,
            3.144_013e-5,
        ],
    );
    let (q, k) = exp_partsf::<I>(-p * clampf(a, 0.0, 4.0));
    let tail = select(a < 4.0, 0.5 * (q + 1.0) * super::exp::pow2f(k), 0.0);
    x * select(x < 0.0, tail, 1.0 - tail)
}
#[inline(always)]
pub fn gelu<I: Isa>(x: f64) -> f64 {
    0.5 * x * (1.0 + erf::<I>(x * FRAC_1_SQRT_2))
}

/// ½x(1 + tanh u) is x / (1 + exp(−2u)).
#[inline(always)]
pub fn gelu_tanhf<I: Isa>(x: f32) -> f32 {
    const A: f32 = -2.0 * 0.797_884_6;
    const B: f32 = A * 0.044_715;
    x / (1.0 + expf::<I>(x * fmaf::<I>(B, x * x, A)))
}
#[inline(always)]
pub fn gelu_tanh<I: Isa>(x: f64) -> f64 {
    const A: f64 = -2.0 * 0.797_884_560_802_865_4;
    const B: f64 = A * 0.044_715;
    x / (1.0 + exp::<I>(x * fma::<I>(B, x * x, A)))
}
