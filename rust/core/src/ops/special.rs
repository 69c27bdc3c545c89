//! Special functions: rows of the unary table.

use super::binary::{Operand, binary, common_dtype};
use super::term::Term;
use crate::autograd::Ctx;
use crate::dispatch;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::isa::Isa;
use crate::kernels::map::{self, Dense, Function, Pointwise};
use crate::kernels::math::Real;
pub use crate::kernels::math::polynomials::Family;
use crate::kernels::math::polynomials::polynomial;
use crate::layout::broadcast;
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, deliver, new};
use crate::tensor::Tensor;
use smallvec::smallvec;
use std::f64::consts::{FRAC_2_SQRT_PI, PI};

unary! {
    [SPECIAL]

    /// The error function.
    real Erf = erf: |_, x| x.erf(); "erf(a)"; |g, input x| g * (-(x * x)).exp() * FRAC_2_SQRT_PI;

    /// 1 − erf(x), exact in the tail.
    real Erfc = erfc: |_, x| x.erfc(); "erfc(a)"; |g, input x| g * (-(x * x)).exp() * -FRAC_2_SQRT_PI;

    /// exp(x²) · erfc(x)
    real Erfcx = erfcx: |_, x| x.erfcx(); ""; |g, input x, output y| g * (2.0 * x * y - FRAC_2_SQRT_PI);

    /// The inverse of the error function.
    real Erfinv = erfinv: |_, x| x.erfinv(); "erfinv(a)"; |g, output y| g * (y * y).exp() * (1.0 / FRAC_2_SQRT_PI);

    /// log |Γ(x)|
    real Lgamma = lgamma: |_, x| x.lgamma(); "lgamma(a)"; |g, input x| g * x.digamma();

    /// The derivative of log Γ.
    real Digamma = digamma: |_, x| x.digamma(); "digamma(a)"; |g, input x| g * x.then(|x| polygamma(1, x, Out::New));

    /// The n-th derivative of the digamma function.
    real Polygamma { n: i64 } = polygamma_of as "polygamma": |op, x| x.polygamma(op.n); ""; |g, input x| g * x.then(|x| polygamma(op.n + 1, x, Out::New));

    /// The normal distribution's cdf.
    real Ndtr = ndtr: |_, x| x.ndtr(); "ndtr(a)"; |g, input x| g * (-0.5 * (x * x)).exp() * 0.398_942_280_401_432_7;

    /// The inverse of the normal distribution's cdf.
    real Ndtri = ndtri: |_, x| x.ndtri(); "1.4142135623730951 * erfinv(2.0 * a - 1.0)"; |g, output y| g * (0.5 * (y * y)).exp() * 2.506_628_274_631_000_2;

    /// The logarithm of the normal distribution's cdf.
    real LogNdtr = log_ndtr: |_, x| x.log_ndtr(); "";
        |g, input x| g / (x * -std::f64::consts::FRAC_1_SQRT_2).erfcx() * (2.0 / PI).sqrt();

    /// −x · log x
    real Entr = entr: |_, x| x.entr(); "select(select(-a * log_of(a), -infinity(), a < 0.0), 0.0, a == 0.0)"; |g, input x| g * (-x.log() - 1.0);

    /// sin(πx) / (πx)
    real Sinc = sinc: |_, x| x.sinc(); "select(sin_of(3.141592653589793 * a) / (3.141592653589793 * a), 1.0, a == 0.0)"; |g, input x| {
        let angle = &(x * PI);
        let slope = &((angle * angle.cos() - angle.sin()) / (angle * x));
        Term((|| super::ternary::where_op((&x.get()?.eq(0.0)?).into(), 0.0.into(), (slope.get()?).into(), Out::New))()) * g
    };

    /// The modified Bessel function I₀.
    real I0 = i0: |_, x| x.i0(); ""; |g, input x| g * x.i1();

    /// I₀ scaled by exp(−|x|).
    real I0e = i0e: |_, x| x.i0e(); ""; |g, input x, output y| g * (x.i1e() - x.sign() * y);

    /// The modified Bessel function I₁.
    real I1 = i1: |_, x| x.i1(); ""; |g, input x, output y| g * by_x(x, y, &x.i0(), 0.5);

    /// I₁ scaled by exp(−|x|).
    real I1e = i1e: |_, x| x.i1e(); ""; |g, input x, output y| {
        let slope = &(x.i0e() - y * (x.sign() + x.reciprocal()));
        Term((|| super::ternary::where_op((&x.get()?.eq(0.0)?).into(), 0.5.into(), (slope.get()?).into(), Out::New))()) * g
    };

    /// The Bessel function J₀.
    real BesselJ0 = bessel_j0: |_, x| x.j0(); "";
    /// The Bessel function J₁.
    real BesselJ1 = bessel_j1: |_, x| x.j1(); "";
    /// The Bessel function Y₀.
    real BesselY0 = bessel_y0: |_, x| x.y0(); "";
    /// The Bessel function Y₁.
    real BesselY1 = bessel_y1: |_, x| x.y1(); "";
    /// The modified Bessel function K₀.
    real BesselK0 = modified_bessel_k0: |_, x| x.k0(); "";
    /// The modified Bessel function K₁.
    real BesselK1 = modified_bessel_k1: |_, x| x.k1(); "";
    /// K₀ scaled by eˣ.
    real BesselK0e = scaled_modified_bessel_k0: |_, x| x.k0e(); "";
    /// K₁ scaled by eˣ.
    real BesselK1e = scaled_modified_bessel_k1: |_, x| x.k1e(); "";
    /// sin(x) / x
    real SphericalJ0 = spherical_bessel_j0: |_, x| x.spherical_j0(); "";
    /// Airy's function Ai.
    real AiryAi = airy_ai: |_, x| x.airy_ai(); "";
}

/// I₁'s derivative `I₀ − I₁ / x`, which is `at_zero` at zero.
fn by_x(x: &Term, y: &Term, i0: &Term, at_zero: f64) -> Term {
    let slope = &(i0 - y / x);
    Term((|| super::ternary::where_op((&x.get()?.eq(0.0)?).into(), at_zero.into(), (slope.get()?).into(), Out::New))())
}

/// The n-th derivative of the digamma function, n ≥ 0.
pub fn polygamma(n: i64, x: &Tensor, out: Out) -> Result<Tensor> {
    if n < 0 {
        return Err(Error::custom("polygamma", "polygamma(n, x) does not support negative n."));
    }
    polygamma_of(x, n, out)
}

/// log Γ_p(x) = p(p − 1)/4 · log π + Σ log Γ(x − j/2) over 0 ≤ j < p.
pub fn mvlgamma(x: &Tensor, p: i64) -> Result<Tensor> {
    if p < 1 {
        return Err(Error::custom("mvlgamma", "p has to be greater than or equal to 1"));
    } else if p > 1 << 20 {
        return Err(Error::argument("mvlgamma", "p of at most 2^20", p));
    }
    let x = x.to(x.dtype().to_float())?;
    let mut sum = x.mul(0.0)?.add((p * (p - 1)) as f64 / 4.0 * PI.ln())?;
    for j in 0..p {
        sum = sum.add(&x.sub(j as f64 / 2.0)?.lgamma()?)?;
    }
    Ok(sum)
}

binary! {
    [SPECIAL_BINARY]

    /// The polynomial of this family of degree b at a, or, if `shifted`, at 2a − 1.
    real OrthogonalPolynomial { family: i64, shifted: bool } = orthogonal_polynomial: |op, a, b| {
        let x: f64 = a.cast();
        let x = if op.shifted { x + x - 1.0 } else { x };
        T::of_f64(polynomial(FAMILIES[op.family as usize], x, b.cast()))
    }; "";
}

const FAMILIES: [Family; 8] = [Family::T, Family::U, Family::V, Family::W, Family::H, Family::He, Family::L, Family::P];

/// A family's polynomial of degree n at x.
pub fn polynomial_of(family: Family, shifted: bool, x: Operand, n: Operand, out: Out) -> Result<Tensor> {
    let place = FAMILIES.iter().position(|f| *f == family).unwrap_or(0) as i64;
    orthogonal_polynomial(x, n, place, shifted, out)
}
