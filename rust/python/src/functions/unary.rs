//! Functions of one tensor, element by element.

use crate::call::table;
use crate::core::Out;
use rushlight::ops::{activation as a, special as s, unary as u};
use rushlight::Tensor;

table! {
    /// eˣ.
    fn method inplace: "exp(Tensor self, *, Tensor? out=None) -> Tensor" => u::exp;
    /// 2ˣ.
    fn method inplace: "exp2(Tensor self, *, Tensor? out=None) -> Tensor" => u::exp2;
    /// eˣ − 1, exact near zero.
    fn method inplace: "expm1(Tensor self, *, Tensor? out=None) -> Tensor" => u::expm1;
    /// The natural logarithm.
    fn method inplace: "log(Tensor self, *, Tensor? out=None) -> Tensor" => u::log;
    /// The logarithm to base 2.
    fn method inplace: "log2(Tensor self, *, Tensor? out=None) -> Tensor" => u::log2;
    /// The logarithm to base 10.
    fn method inplace: "log10(Tensor self, *, Tensor? out=None) -> Tensor" => u::log10;
    /// Each element as `mantissa · 2**exponent` with ½ ≤ |mantissa| < 1; the exponents are of int32.
    fn method: "frexp(Tensor self, *, Tensor[]? out=None) -> (Tensor mantissa, Tensor exponent)" => u::frexp;
    /// log(1 + x), exact near zero.
    fn method inplace: "log1p(Tensor self, *, Tensor? out=None) -> Tensor" => u::log1p;
    /// The square root.
    fn method inplace: "sqrt(Tensor self, *, Tensor? out=None) -> Tensor" => u::sqrt;
    /// 1 / √x.
    fn method inplace: "rsqrt(Tensor self, *, Tensor? out=None) -> Tensor" => u::rsqrt;
    /// 1 / x.
    fn method inplace: "reciprocal(Tensor self, *, Tensor? out=None) -> Tensor" => u::reciprocal;
    /// x².
    fn method inplace: "square(Tensor self, *, Tensor? out=None) -> Tensor" => |x: &Tensor, out: Out| match x.dtype() {
        rushlight::DType::Bool => u::square(&x.to(rushlight::DType::I64)?, out),
        _ => u::square(x, out),
    };
    /// The sine of an angle in radians.
    fn method inplace: "sin(Tensor self, *, Tensor? out=None) -> Tensor" => u::sin;
    /// The cosine of an angle in radians.
    fn method inplace: "cos(Tensor self, *, Tensor? out=None) -> Tensor" => u::cos;
    /// The tangent of an angle in radians.
    fn method inplace: "tan(Tensor self, *, Tensor? out=None) -> Tensor" => u::tan;
    /// The angle in [−π/2, π/2] with this sine.
    fn method inplace: "asin(Tensor self, *, Tensor? out=None) -> Tensor" => u::asin;
    /// The angle in [0, π] with this cosine.
    fn method inplace: "acos(Tensor self, *, Tensor? out=None) -> Tensor" => u::acos;
    /// The angle in [−π/2, π/2] with this tangent.
    fn method inplace: "atan(Tensor self, *, Tensor? out=None) -> Tensor" => u::atan;
    /// The hyperbolic sine.
    fn method inplace: "sinh(Tensor self, *, Tensor? out=None) -> Tensor" => u::sinh;
    /// The hyperbolic cosine.
    fn method inplace: "cosh(Tensor self, *, Tensor? out=None) -> Tensor" => u::cosh;
    /// The hyperbolic tangent.
    fn method inplace: "tanh(Tensor self, *, Tensor? out=None) -> Tensor" => u::tanh;
    /// The number with this hyperbolic sine.
    fn method inplace: "asinh(Tensor self, *, Tensor? out=None) -> Tensor" => u::asinh;
    /// The number ≥ 0 with this hyperbolic cosine.
    fn method inplace: "acosh(Tensor self, *, Tensor? out=None) -> Tensor" => u::acosh;
    /// The number with this hyperbolic tangent.
    fn method inplace: "atanh(Tensor self, *, Tensor? out=None) -> Tensor" => u::atanh;
    /// −x.
    fn method inplace: "neg(Tensor self, *, Tensor? out=None) -> Tensor" => u::negative;
    /// |x|; real also for complex numbers.
    fn method inplace: "abs(Tensor self, *, Tensor? out=None) -> Tensor" => u::abs;
    /// −1, 0 or 1.
    fn method inplace: "sign(Tensor self, *, Tensor? out=None) -> Tensor" => u::sign;
    /// The sign; of a complex number the one of length 1 in its direction.
    fn method inplace: "sgn(Tensor self, *, Tensor? out=None) -> Tensor" => u::sgn;
    /// The greatest integer ≤ x.
    fn method inplace: "floor(Tensor self, *, Tensor? out=None) -> Tensor" => u::floor;
    /// The least integer ≥ x.
    fn method inplace: "ceil(Tensor self, *, Tensor? out=None) -> Tensor" => u::ceil;
    /// The nearest integer towards zero.
    fn method inplace: "trunc(Tensor self, *, Tensor? out=None) -> Tensor" => u::trunc;
    /// What is behind the point, with the sign of x.
    fn method inplace: "frac(Tensor self, *, Tensor? out=None) -> Tensor" => u::frac;
    /// The opposite bits; of bools, not.
    fn method inplace: "bitwise_not(Tensor self, *, Tensor? out=None) -> Tensor" => u::bitwise_not;
    /// Whether x is zero.
    fn method inplace: "logical_not(Tensor self, *, Tensor? out=None) -> Tensor" => u::logical_not;
    /// The nearest integer, halves to the even one; or the nearest number of `decimals` decimals.
    fn method inplace:
        "round(Tensor self, *, Tensor? out=None) -> Tensor" => u::round,
        "round(Tensor self, *, int decimals, Tensor? out=None) -> Tensor" => u::round_to;
    /// 1 / (1 + e⁻ˣ).
    fn method inplace: "sigmoid(Tensor self, *, Tensor? out=None) -> Tensor" => a::sigmoid;
    /// max(x, 0).
    fn method inplace: "relu(Tensor self) -> Tensor" => a::relu;
    /// The angle in the complex plane, in radians.
    fn method: "angle(Tensor self, *, Tensor? out=None) -> Tensor" => u::angle;
    /// The complex conjugate.
    fn method inplace: "conj_physical(Tensor self, *, Tensor? out=None) -> Tensor" => u::conj_physical;
    /// Degrees to radians.
    fn method inplace: "deg2rad(Tensor self, *, Tensor? out=None) -> Tensor" => u::deg2rad;
    /// Radians to degrees.
    fn method inplace: "rad2deg(Tensor self, *, Tensor? out=None) -> Tensor" => u::rad2deg;
    /// NaN and infinities replaced: by 0 and by the greatest and least finite numbers, unless told otherwise.
    fn method inplace:
        "nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None, *, Tensor? out=None) -> Tensor" => u::nan_to_num;
    /// log(x / (1 − x)), with x kept in [eps, 1 − eps].
    fn method inplace: "logit(Tensor self, float? eps=None, *, Tensor? out=None) -> Tensor" => a::logit;
    /// Whether x is not a number.
    fn method: "isnan(Tensor self) -> Tensor" => |x: &Tensor| u::isnan(x, Out::New);
    /// Whether x is infinite.
    fn method: "isinf(Tensor self) -> Tensor" => u::isinf;
    /// Whether x is neither infinite nor NaN.
    fn method: "isfinite(Tensor self) -> Tensor" => u::isfinite;
    /// Whether x is real: has no imaginary part, or one of zero.
    fn method: "isreal(Tensor self) -> Tensor" => |x: &Tensor| match x.dtype().is_complex() {
        true => u::logical_not(&x.imag()?, Out::New),
        false => Tensor::ones(x.shape(), rushlight::DType::Bool),
    };
    /// Whether x is +∞.
    fn method: "isposinf(Tensor self, *, Tensor? out=None) -> Tensor" => u::isposinf;
    /// Whether x is −∞.
    fn method: "isneginf(Tensor self, *, Tensor? out=None) -> Tensor" => u::isneginf;
    /// Whether the sign bit is set.
    fn method: "signbit(Tensor self, *, Tensor? out=None) -> Tensor" => u::signbit;
    /// The error function.
    fn method inplace: "erf(Tensor self, *, Tensor? out=None) -> Tensor" => s::erf;
    /// 1 − erf(x), exact in the tail.
    fn method inplace: "erfc(Tensor self, *, Tensor? out=None) -> Tensor" => s::erfc;
    /// The inverse of the error function.
    fn method inplace: "erfinv(Tensor self, *, Tensor? out=None) -> Tensor" => s::erfinv;
    /// log |Γ(x)|.
    fn method inplace: "lgamma(Tensor self, *, Tensor? out=None) -> Tensor" => s::lgamma;
    /// The derivative of log Γ.
    fn method inplace: "digamma(Tensor self, *, Tensor? out=None) -> Tensor" => s::digamma;
    /// The modified Bessel function I₀.
    fn method inplace: "i0(Tensor self, *, Tensor? out=None) -> Tensor" => s::i0;
    /// sin(πx) / (πx).
    fn method inplace: "sinc(Tensor self, *, Tensor? out=None) -> Tensor" => s::sinc;
    /// The n-th derivative of the digamma function.
    fn method inplace: "polygamma(int n, Tensor self, *, Tensor? out=None) -> Tensor" => s::polygamma;
    /// log Γ_p(x).
    fn method inplace: "mvlgamma(Tensor self, int p, *, Tensor? out=None) -> Tensor" => s::mvlgamma;
}
