//! `torch.special`: special functions of one tensor. Those of two are in `pointwise.rs`.

use crate::call::table;
use crate::core::{Operand, Out};
use rushlight::ops::{activation as a, binary as b, special as s, unary as u};

table! {
    /// 2ˣ.
    special: "exp2(Tensor self, *, Tensor? out=None) -> Tensor" => u::exp2;
    /// eˣ − 1.
    special: "expm1(Tensor self, *, Tensor? out=None) -> Tensor" => u::expm1;
    /// log(1 + x).
    special: "log1p(Tensor self, *, Tensor? out=None) -> Tensor" => u::log1p;
    /// The error function.
    special: "erf(Tensor self, *, Tensor? out=None) -> Tensor" => s::erf;
    /// 1 − erf(x).
    special: "erfc(Tensor self, *, Tensor? out=None) -> Tensor" => s::erfc;
    /// The inverse of the error function.
    special: "erfinv(Tensor self, *, Tensor? out=None) -> Tensor" => s::erfinv;
    /// exp(x²) · erfc(x).
    special: "erfcx(Tensor self, *, Tensor? out=None) -> Tensor" => s::erfcx;
    /// log |Γ(x)|.
    special: "gammaln(Tensor self, *, Tensor? out=None) -> Tensor" => s::lgamma;
    /// The derivative of log Γ.
    special: "digamma(Tensor self, *, Tensor? out=None) -> Tensor" => s::digamma;
    /// The derivative of log Γ.
    special: "psi(Tensor self, *, Tensor? out=None) -> Tensor" => s::digamma;
    /// The normal distribution's cdf.
    special: "ndtr(Tensor self, *, Tensor? out=None) -> Tensor" => s::ndtr;
    /// The inverse of the normal distribution's cdf.
    special: "ndtri(Tensor self, *, Tensor? out=None) -> Tensor" => s::ndtri;
    /// The logarithm of the normal distribution's cdf.
    special: "log_ndtr(Tensor self, *, Tensor? out=None) -> Tensor" => s::log_ndtr;
    /// −x · log x.
    special: "entr(Tensor self, *, Tensor? out=None) -> Tensor" => s::entr;
    /// The lower incomplete gamma function P(input, other), regularised.
    special: "gammainc(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::igamma;
    /// The upper incomplete gamma function Q(input, other), regularised.
    special: "gammaincc(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::igammac;
    /// The modified Bessel function I₀.
    special: "i0(Tensor self, *, Tensor? out=None) -> Tensor" => s::i0;
    /// I₀ scaled by exp(−|x|).
    special: "i0e(Tensor self, *, Tensor? out=None) -> Tensor" => s::i0e;
    /// The modified Bessel function I₁.
    special: "i1(Tensor self, *, Tensor? out=None) -> Tensor" => s::i1;
    /// I₁ scaled by exp(−|x|).
    special: "i1e(Tensor self, *, Tensor? out=None) -> Tensor" => s::i1e;
    /// sin(πx) / (πx).
    special: "sinc(Tensor self, *, Tensor? out=None) -> Tensor" => s::sinc;
    /// 1 / (1 + e⁻ˣ).
    special: "expit(Tensor self, *, Tensor? out=None) -> Tensor" => a::sigmoid;
    /// The Bessel function J₀.
    special: "bessel_j0(Tensor self, *, Tensor? out=None) -> Tensor" => s::bessel_j0;
    /// The Bessel function J₁.
    special: "bessel_j1(Tensor self, *, Tensor? out=None) -> Tensor" => s::bessel_j1;
    /// The Bessel function Y₀.
    special: "bessel_y0(Tensor self, *, Tensor? out=None) -> Tensor" => s::bessel_y0;
    /// The Bessel function Y₁.
    special: "bessel_y1(Tensor self, *, Tensor? out=None) -> Tensor" => s::bessel_y1;
    /// The modified Bessel function I₀.
    special: "modified_bessel_i0(Tensor self, *, Tensor? out=None) -> Tensor" => s::i0;
    /// The modified Bessel function I₁.
    special: "modified_bessel_i1(Tensor self, *, Tensor? out=None) -> Tensor" => s::i1;
    /// The modified Bessel function K₀.
    special: "modified_bessel_k0(Tensor self, *, Tensor? out=None) -> Tensor" => s::modified_bessel_k0;
    /// The modified Bessel function K₁.
    special: "modified_bessel_k1(Tensor self, *, Tensor? out=None) -> Tensor" => s::modified_bessel_k1;
    /// K₀ scaled by eˣ.
    special: "scaled_modified_bessel_k0(Tensor self, *, Tensor? out=None) -> Tensor" => s::scaled_modified_bessel_k0;
    /// K₁ scaled by eˣ.
    special: "scaled_modified_bessel_k1(Tensor self, *, Tensor? out=None) -> Tensor" => s::scaled_modified_bessel_k1;
    /// sin(x) / x.
    special: "spherical_bessel_j0(Tensor self, *, Tensor? out=None) -> Tensor" => s::spherical_bessel_j0;
    /// Airy's function Ai.
    special: "airy_ai(Tensor self, *, Tensor? out=None) -> Tensor" => s::airy_ai;
    /// log(x / (1 − x)), with x kept in [eps, 1 − eps].
    special: "logit(Tensor self, float? eps=None, *, Tensor? out=None) -> Tensor" => a::logit;
    /// The nearest integer, or number of `decimals` decimals.
    special: "round(Tensor self, *, int decimals=0, Tensor? out=None) -> Tensor" => u::round_to;
    /// The n-th derivative of the digamma function.
    special: "polygamma(int n, Tensor self, *, Tensor? out=None) -> Tensor" => s::polygamma;
    /// log Γ_p(x).
    special: "multigammaln(Tensor self, int p, *, Tensor? out=None) -> Tensor" => s::mvlgamma;
    /// Chebyshev's polynomial of the first kind, of degree n at input.
    special: "chebyshev_polynomial_t(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::T, false, x, n, out);
    /// Chebyshev's polynomial of the first kind, of degree n at 2 · input − 1.
    special: "shifted_chebyshev_polynomial_t(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::T, true, x, n, out);
    /// Chebyshev's polynomial of the second kind, of degree n at input.
    special: "chebyshev_polynomial_u(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::U, false, x, n, out);
    /// Chebyshev's polynomial of the second kind, of degree n at 2 · input − 1.
    special: "shifted_chebyshev_polynomial_u(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::U, true, x, n, out);
    /// Chebyshev's polynomial of the third kind, of degree n at input.
    special: "chebyshev_polynomial_v(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::V, false, x, n, out);
    /// Chebyshev's polynomial of the third kind, of degree n at 2 · input − 1.
    special: "shifted_chebyshev_polynomial_v(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::V, true, x, n, out);
    /// Chebyshev's polynomial of the fourth kind, of degree n at input.
    special: "chebyshev_polynomial_w(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::W, false, x, n, out);
    /// Chebyshev's polynomial of the fourth kind, of degree n at 2 · input − 1.
    special: "shifted_chebyshev_polynomial_w(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::W, true, x, n, out);
    /// Hermite's polynomial, as physicists have it, of degree n at input.
    special: "hermite_polynomial_h(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::H, false, x, n, out);
    /// Hermite's polynomial, as probabilists have it, of degree n at input.
    special: "hermite_polynomial_he(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::He, false, x, n, out);
    /// Laguerre's polynomial, of degree n at input.
    special: "laguerre_polynomial_l(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::L, false, x, n, out);
    /// Legendre's polynomial, of degree n at input.
    special: "legendre_polynomial_p(Scalar|Tensor self, Scalar|Tensor n, *, Tensor? out=None) -> Tensor"
        => |x: Operand, n: Operand, out: Out| s::polynomial_of(s::Family::P, false, x, n, out);
}
