//! Scalar functions without branches, so that a loop around them vectorises. Names ending in `f` take f32, the others f64,
//! as in C. Polynomials are minimax (Remez, weighted by the relative error of the result); errors are stated in ulp
//! over the whole range and tested beside the code. Functions that are seldom called in bulk (zeta, polygamma, …)
//! are plain functions of f64, shared by all instruction sets; f32 goes through them.
//!
//! `sin`, `cos`, `tan`, `fmod` and `remainder` need a slow exact path for a few arguments. They come in two pieces for
//! loops that vectorise: `x_fast`, right wherever `x_rare` is false, and the whole function.

// Coefficients are written as they were computed, and `!(a < b)` says what happens to NaN.
#![allow(clippy::excessive_precision, clippy::approx_constant, clippy::neg_cmp_op_on_partial_ord)]

pub mod bessel;
pub mod bits;
pub mod complex;
pub mod erf;
pub mod exp;
pub mod gamma;
pub mod hyperbolic;
pub mod log;
pub mod polynomials;
pub mod pow;
pub mod trig;

use super::isa::Isa;
use crate::dtype::Ordered;

/// `a * b + c`, in one rounding where the machine does that in one instruction.
#[inline(always)]
pub(crate) fn fma<I: Isa>(a: f64, b: f64, c: f64) -> f64 {
    if I::FMA { a.mul_add(b, c) } else { a * b + c }
}

/// [`fma`] in single precision.
#[inline(always)]
pub(crate) fn fmaf<I: Isa>(a: f32, b: f32, c: f32) -> f32 {
    if I::FMA { a.mul_add(b, c) } else { a * b + c }
}

/// A polynomial, coefficients from the constant upwards.
#[inline(always)]
pub(crate) fn poly<I: Isa, const N: usize>(x: f64, c: [f64; N]) -> f64 {
    let mut p = c[N - 1];
    for &c in c[..N - 1].iter().rev() {
        p = fma::<I>(p, x, c);
    }
    p
}

/// [`poly`] in single precision.
#[inline(always)]
pub(crate) fn polyf<I: Isa, const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let mut p = c[N - 1];
    for &c in c[..N - 1].iter().rev() {
        p = fmaf::<I>(p, x, c);
    }
    p
}

macro_rules! real {
    (
        same { $($(#[$same_doc:meta])* $same:ident($($same_arg:ident),*) = $single:path, $double:path;)* }
        test { $($(#[$test_doc:meta])* $test:ident($($test_arg:ident),*) = $test_single:path, $test_double:path;)* }
        wide { $($(#[$wide_doc:meta])* $wide:ident($($wide_arg:ident),*) = $by:path;)* }
    ) => {
        /// Numbers with the functions of analysis. `I` says how the machine multiplies and adds.
        pub trait Real<I: Isa>: Ordered + std::ops::Neg<Output = Self> + std::ops::Div<Output = Self> {
            $($(#[$same_doc])* fn $same(self $(, $same_arg: Self)*) -> Self;)*
            $($(#[$test_doc])* fn $test(self $(, $test_arg: Self)*) -> bool;)*
            $($(#[$wide_doc])* fn $wide(self $(, $wide_arg: Self)*) -> Self;)*
            /// The n-th derivative of [`digamma`](Real::digamma), n ≥ 0.
            fn polygamma(self, n: i64) -> Self;
            /// `self = m · 2^e` with ½ ≤ |m| < 1; zeros, infinities and NaN come back with e = 0.
            fn frexp(self) -> (Self, i32);
        }
        impl<I: Isa> Real<I> for f32 {
            $(#[inline(always)] fn $same(self $(, $same_arg: f32)*) -> f32 { $single(self $(, $same_arg)*) })*
            $(#[inline(always)] fn $test(self $(, $test_arg: f32)*) -> bool { $test_single(self $(, $test_arg)*) })*
            $(#[inline(always)] fn $wide(self $(, $wide_arg: f32)*) -> f32 { $by(self as f64 $(, $wide_arg as f64)*) as f32 })*
            #[inline(always)]
            fn polygamma(self, n: i64) -> f32 { gamma::polygamma(n, self as f64) as f32 }
            #[inline(always)]
            fn frexp(self) -> (f32, i32) { bits::frexpf(self) }
        }
        impl<I: Isa> Real<I> for f64 {
            $(#[inline(always)] fn $same(self $(, $same_arg: f64)*) -> f64 { $double(self $(, $same_arg)*) })*
            $(#[inline(always)] fn $test(self $(, $test_arg: f64)*) -> bool { $test_double(self $(, $test_arg)*) })*
            $(#[inline(always)] fn $wide(self $(, $wide_arg: f64)*) -> f64 { $by(self $(, $wide_arg)*) })*
            #[inline(always)]
            fn polygamma(self, n: i64) -> f64 { gamma::polygamma(n, self) }
            #[inline(always)]
            fn frexp(self) -> (f64, i32) { bits::frexp(self) }
        }
    };
}

real! {
    same {
        /// `self * b + c`.
        fma(b, c) = fmaf::<I>, fma::<I>;
        abs() = f32::abs, f64::abs;
        sqrt() = f32::sqrt, f64::sqrt;
        rsqrt() = bits::rsqrtf, bits::rsqrt;
        reciprocal() = bits::reciprocalf, bits::reciprocal;
        floor() = f32::floor, f64::floor;
        ceil() = f32::ceil, f64::ceil;
        trunc() = f32::trunc, f64::trunc;
        /// To the nearest integer, halves to the even one.
        round() = f32::round_ties_even, f64::round_ties_even;
        /// `self` with the sign of the argument.
        copysign(sign) = f32::copysign, f64::copysign;
        nextafter(to) = bits::nextafterf, bits::nextafter;
        /// √(x² + y²) without overflow on the way.
        hypot(y) = bits::hypotf::<I>, bits::hypot::<I>;
        /// `self · 2^e`, as PyTorch computes it: a product with `exp2(e)`.
        ldexp(e) = exp::ldexpf::<I>, exp::ldexp::<I>;
        /// x − y·trunc(x / y), exact: the sign is that of x.
        fmod(y) = bits::fmodf, bits::fmod;
        fmod_fast(y) = bits::fmodf_fast::<I>, bits::fmod_fast::<I>;
        /// Python's `%`: the sign is that of y.
        remainder(y) = bits::remainderf, bits::remainder;
        remainder_fast(y) = bits::remainderf_fast::<I>, bits::remainder_fast::<I>;

        exp() = exp::expf::<I>, exp::exp::<I>;
        exp2() = exp::exp2f::<I>, exp::exp2::<I>;
        expm1() = exp::expm1f::<I>, exp::expm1::<I>;
        sigmoid() = exp::sigmoidf::<I>, exp::sigmoid::<I>;
        /// x · sigmoid(x).
        silu() = exp::siluf::<I>, exp::silu::<I>;
        log() = log::logf::<I>, log::log::<I>;
        log2() = log::log2f::<I>, log::log2::<I>;
        log10() = log::log10f::<I>, log::log10::<I>;
        log1p() = log::log1pf::<I>, log::log1p::<I>;
        /// log(sigmoid(x)).
        log_sigmoid() = log::log_sigmoidf::<I>, log::log_sigmoid::<I>;
        /// log(1 + eˣ).
        softplus() = log::softplusf::<I>, log::softplus::<I>;
        /// log(eˣ + eʸ).
        logaddexp(y) = log::logaddexpf::<I>, log::logaddexp::<I>;
        /// log₂(2ˣ + 2ʸ).
        logaddexp2(y) = log::logaddexp2f::<I>, log::logaddexp2::<I>;
        /// x · log y, 0 where x = 0 unless y is NaN.
        xlogy(y) = log::xlogyf::<I>, log::xlogy::<I>;
        /// x · log(1 + y), 0 where x = 0 unless y is NaN.
        xlog1py(y) = log::xlog1pyf::<I>, log::xlog1py::<I>;
        /// −x · log x for x > 0, 0 at 0, −∞ below.
        entr() = log::entrf::<I>, log::entr::<I>;
        /// log(x / (1 − x)).
        logit() = log::logitf::<I>, log::logit::<I>;
        pow(y) = pow::powf::<I>, pow::pow::<I>;

        sin() = trig::sinf::<I>, trig::sin::<I>;
        cos() = trig::cosf::<I>, trig::cos::<I>;
        tan() = trig::tanf::<I>, trig::tan::<I>;
        sin_fast() = trig::sinf_fast::<I>, trig::sin_fast::<I>;
        cos_fast() = trig::cosf_fast::<I>, trig::cos_fast::<I>;
        tan_fast() = trig::tanf_fast::<I>, trig::tan_fast::<I>;
        /// sin(πx) / (πx).
        sinc() = trig::sincf::<I>, trig::sinc::<I>;
        asin() = trig::asinf::<I>, trig::asin::<I>;
        acos() = trig::acosf::<I>, trig::acos::<I>;
        atan() = trig::atanf::<I>, trig::atan::<I>;
        /// The angle of the point (x, self).
        atan2(x) = trig::atan2f::<I>, trig::atan2::<I>;

        sinh() = hyperbolic::sinhf::<I>, hyperbolic::sinh::<I>;
        cosh() = hyperbolic::coshf::<I>, hyperbolic::cosh::<I>;
        tanh() = hyperbolic::tanhf::<I>, hyperbolic::tanh::<I>;
        asinh() = hyperbolic::asinhf::<I>, hyperbolic::asinh::<I>;
        acosh() = hyperbolic::acoshf::<I>, hyperbolic::acosh::<I>;
        atanh() = hyperbolic::atanhf::<I>, hyperbolic::atanh::<I>;

        erf() = erf::erff::<I>, erf::erf::<I>;
        erfc() = erf::erfcf::<I>, erf::erfc::<I>;
        /// exp(x²) · erfc(x).
        erfcx() = erf::erfcxf::<I>, erf::erfcx::<I>;
        erfinv() = erf::erfinvf::<I>, erf::erfinv;
        /// The standard normal distribution's cdf.
        ndtr() = erf::ndtrf::<I>, erf::ndtr::<I>;
        /// The logarithm of [`ndtr`](Real::ndtr), good far into the tail.
        log_ndtr() = erf::log_ndtrf::<I>, erf::log_ndtr::<I>;
        /// The standard normal distribution's density.
        normal_pdf() = erf::normal_pdff::<I>, erf::normal_pdf::<I>;
        /// x · Φ(x).
        gelu() = erf::geluf::<I>, erf::gelu::<I>;
        /// The tanh form of gelu.
        gelu_tanh() = erf::gelu_tanhf::<I>, erf::gelu_tanh::<I>;
    }
    test {
        /// Where `sin_fast`, `cos_fast` and `tan_fast` do not hold.
        trig_rare() = trig::raref, trig::rare;
        /// Where `fmod_fast` and `remainder_fast` do not hold.
        fmod_rare(y) = bits::fmodf_rare, bits::fmod_rare;
        is_finite() = f32::is_finite, f64::is_finite;
        is_infinite() = f32::is_infinite, f64::is_infinite;
        /// Whether the sign bit is set: true for −0.
        is_negative() = f32::is_sign_negative, f64::is_sign_negative;
    }
    wide {
        /// The inverse of [`ndtr`](Real::ndtr).
        ndtri() = erf::ndtri;
        /// log |Γ(x)|.
        lgamma() = gamma::lgamma;
        /// The derivative of log Γ.
        digamma() = gamma::digamma;
        /// The derivative of [`digamma`](Real::digamma).
        trigamma() = gamma::trigamma;
        /// Hurwitz's ζ(x, q).
        zeta(q) = gamma::zeta;
        /// The lower incomplete gamma function P(a, x), regularised.
        igamma(x) = gamma::igamma;
        /// The upper incomplete gamma function Q(a, x), regularised.
        igammac(x) = gamma::igammac;
        /// Modified Bessel functions of the first kind; `e` scaled by exp(−|x|).
        i0() = bessel::i0;
        i0e() = bessel::i0e;
        i1() = bessel::i1;
        i1e() = bessel::i1e;
        /// Modified Bessel functions of the second kind; `e` scaled by exp(x).
        k0() = bessel::k0;
        k0e() = bessel::k0e;
        k1() = bessel::k1;
        k1e() = bessel::k1e;
        /// Bessel functions of the first kind.
        j0() = bessel::j0;
        j1() = bessel::j1;
        /// Bessel functions of the second kind.
        y0() = bessel::y0;
        y1() = bessel::y1;
        /// sin(x) / x.
        spherical_j0() = bessel::spherical_j0;
        /// Airy's Ai.
        airy_ai() = bessel::airy_ai;
    }
}

#[cfg(test)]
mod tests;
