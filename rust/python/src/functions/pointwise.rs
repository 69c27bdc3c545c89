//! Arithmetic, comparison and logic of two or three tensors, element by element.

use crate::call::table;
use crate::core::{Operand, Out};
use rushlight::ops::{activation as a, binary as b, logic as l, ternary as t};
use rushlight::{Result, Scalar, Tensor};

table! {
    /// `other / self`, as Python 2 called it.
    method: "__rdiv__(Tensor self, Scalar|Tensor other) -> Tensor" => |x: &Tensor, other: Operand| b::div(other, x.into(), Out::New);
    /// `input + alpha · other`, with broadcasting and type promotion.
    fn method inplace:
        "add(Tensor self, Tensor other, *, Scalar alpha=1, Tensor? out=None) -> Tensor" => b::add_with_alpha,
        "deprecated: add(Tensor self, Scalar alpha, Tensor other) -> Tensor"
            => |x: Operand, alpha: Scalar, y: Operand, out: Out| b::add_with_alpha(x, y, alpha, out);

    /// `input - alpha · other`, with broadcasting and type promotion.
    fn method inplace:
        "sub(Tensor self, Tensor other, *, Scalar alpha=1, Tensor? out=None) -> Tensor" => b::sub_with_alpha,
        "deprecated: sub(Tensor self, Scalar alpha, Tensor other) -> Tensor"
            => |x: Operand, alpha: Scalar, y: Operand, out: Out| b::sub_with_alpha(x, y, alpha, out);

    /// `other - alpha · input`.
    fn method:
        "rsub(Tensor self, Scalar|Tensor other, *, Scalar alpha=1) -> Tensor"
            => |x: Operand, y: Operand, alpha: Scalar| b::sub_with_alpha(y, x, alpha, Out::New);

    /// `input · other`, with broadcasting and type promotion.
    fn method inplace: "mul(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::mul;

    /// `input / other`; with `rounding_mode` "trunc" towards zero, with "floor" downwards.
    fn method inplace:
        "div(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::div,
        "div(Tensor self, Tensor other, *, str? rounding_mode, Tensor? out=None) -> Tensor" => b::div_with_mode;

    /// ⌊input / other⌋.
    fn method inplace: "floor_divide(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::floor_divide;
    /// The remainder of a division towards zero: it has the sign of `input`.
    fn method inplace: "fmod(Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::fmod;
    /// The remainder of a division downwards, as Python's `%`: it has the sign of `other`.
    fn method inplace: "remainder(Scalar|Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::remainder;
    /// `input` to the power of `exponent`. Integers stay integers.
    fn method inplace: "pow(Scalar|Tensor self, Scalar|Tensor exponent, *, Tensor? out=None) -> Tensor" => b::pow;

    /// `input` to the power of `exponent`, computed in double precision.
    fn method inplace: "float_power(Scalar|Tensor self, Scalar|Tensor exponent, *, Tensor? out=None) -> Tensor" => float_power;
    /// The greater of the two; NaN wins.
    fn method: "maximum(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::maximum;
    /// The lesser of the two; NaN wins.
    fn method: "minimum(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::minimum;
    /// The greater of the two; a number beats NaN.
    fn method: "fmax(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::fmax;
    /// The lesser of the two; a number beats NaN.
    fn method: "fmin(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::fmin;
    /// The angle of the point (`other`, `input`), in radians.
    fn method inplace: "atan2(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::atan2;
    /// √(input² + other²).
    fn method inplace: "hypot(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::hypot;
    /// |input| with the sign of `other`.
    fn method inplace: "copysign(Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::copysign;
    /// The next number after `input` in the direction of `other`.
    fn method inplace: "nextafter(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::nextafter;
    /// input · 2^other.
    fn method inplace: "ldexp(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => |x: &Tensor, y: &Tensor, out: Out| {
        match x.dtype().is_complex() || y.dtype().is_complex() {
            true => b::mul(x.into(), (&y.exp2()?).into(), out),
            false => b::ldexp(x.into(), y.into(), out),
        }
    };
    /// input · log(other), 0 where `input` is 0.
    fn method inplace: "xlogy(Scalar|Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::xlogy;
    /// The greatest common divisor.
    fn method inplace: "gcd(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::gcd;
    /// The least common multiple.
    fn method inplace: "lcm(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::lcm;
    /// The lower incomplete gamma function P(input, other), regularised.
    fn method inplace: "igamma(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::igamma;
    /// The upper incomplete gamma function Q(input, other), regularised.
    fn method inplace: "igammac(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::igammac;
    /// log(e^input + e^other).
    fn method: "logaddexp(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::logaddexp;
    /// log₂(2^input + 2^other).
    fn method: "logaddexp2(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::logaddexp2;
    /// 0 where `input` is below zero, 1 above, `values` at zero.
    fn method inplace: "heaviside(Tensor self, Tensor values, *, Tensor? out=None) -> Tensor" => b::heaviside;
    /// Hurwitz's ζ(input, other).
    special: "zeta(Scalar|Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::zeta;
    /// input · log(1 + other), 0 where `input` is 0.
    special: "xlog1py(Scalar|Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::xlog1py;
    /// input · log(other), 0 where `input` is 0.
    special: "xlogy(Scalar|Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::xlogy;
    /// Whether input == other.
    fn method inplace: "eq(Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => l::eq;
    /// Whether input != other.
    fn method inplace: "ne(Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => l::ne;
    /// Whether input < other.
    fn method inplace: "lt(Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => l::lt;
    /// Whether input <= other.
    fn method inplace: "le(Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => l::le;
    /// Whether input > other.
    fn method inplace: "gt(Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => l::gt;
    /// Whether input >= other.
    fn method inplace: "ge(Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => l::ge;
    /// Whether both are not zero.
    fn method inplace: "logical_and(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => l::logical_and;
    /// Whether one or both are not zero.
    fn method inplace: "logical_or(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => l::logical_or;
    /// Whether just one is not zero.
    fn method inplace: "logical_xor(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => l::logical_xor;
    /// The bits that both have; of bools, and.
    fn method inplace: "bitwise_and(Scalar|Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::bitwise_and;
    /// The bits that one or both have; of bools, or.
    fn method inplace: "bitwise_or(Scalar|Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::bitwise_or;
    /// The bits that just one has; of bools, xor.
    fn method inplace: "bitwise_xor(Scalar|Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::bitwise_xor;
    /// input · 2^other, bits falling off.
    fn method inplace:
        "bitwise_left_shift(Scalar|Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::left_shift;
    /// input / 2^other, rounded downwards.
    fn method inplace:
        "bitwise_right_shift(Scalar|Tensor self, Scalar|Tensor other, *, Tensor? out=None) -> Tensor" => b::right_shift;

    /// Whether |input − other| <= atol + rtol · |other|, element by element.
    fn method:
        "isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor" => l::isclose;

    /// Whether all elements are close; see `isclose`.
    fn method:
        "allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool" => l::allclose;

    /// Whether both tensors have the same shape and the same elements.
    fn method: "equal(Tensor self, Tensor other) -> bool" => l::equal;

    /// `input + value · tensor1 · tensor2`.
    fn method inplace:
        "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1, Tensor? out=None) -> Tensor" => t::addcmul,
        "deprecated: addcmul(Tensor self, Scalar value, Tensor tensor1, Tensor tensor2) -> Tensor"
            => |x: Operand, value: Scalar, y: Operand, z: Operand, out: Out| t::addcmul(x, y, z, value, out);

    /// `input + value · tensor1 / tensor2`.
    fn method inplace:
        "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1, Tensor? out=None) -> Tensor" => t::addcdiv,
        "deprecated: addcdiv(Tensor self, Scalar value, Tensor tensor1, Tensor tensor2) -> Tensor"
            => |x: &Tensor, value: Scalar, y: &Tensor, z: &Tensor, out: Out| t::addcdiv(x, y, z, value, out);

    /// `input + weight · (end − input)`, exact at both ends.
    fn method inplace:
        "lerp(Tensor self, Tensor end, Scalar|Tensor weight, *, Tensor? out=None) -> Tensor" => t::lerp;

    /// `input` where it lies between the bounds, else the nearer one. Either bound may be None.
    fn method inplace:
        "clamp(Tensor self, Scalar? min=None, Scalar? max=None, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, min: Option<Scalar>, max: Option<Scalar>, out: Out|
                t::clamp(x, min.map(Operand::Scalar), max.map(Operand::Scalar), out),
        "clamp(Tensor self, Tensor? min=None, Tensor? max=None, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, min: Option<&Tensor>, max: Option<&Tensor>, out: Out|
                t::clamp(x, min.map(Operand::Tensor), max.map(Operand::Tensor), out);

    /// `input`, but at least `min`.
    fn method inplace: "clamp_min(Tensor self, Scalar|Tensor min, *, Tensor? out=None) -> Tensor" => a::at_least;

    /// `input`, but at most `max`.
    fn method inplace: "clamp_max(Tensor self, Scalar|Tensor max, *, Tensor? out=None) -> Tensor" => a::at_most;
}

/// In double precision throughout.
fn float_power(x: Operand, exponent: Operand, out: Out) -> Result<Tensor> {
    use rushlight::DType::{C128, F64};
    let is_complex = |o: &Operand| match o {
        Operand::Tensor(t) => t.dtype().is_complex(),
        Operand::Scalar(s) => s.dtype().is_complex(),
    };
    let dtype = if is_complex(&x) || is_complex(&exponent) { C128 } else { F64 };
    let wide = |o: Operand| match o {
        Operand::Tensor(t) => t.to(dtype),
        Operand::Scalar(s) => Tensor::scalar(s, dtype),
    };
    let (x, exponent) = (wide(x)?, wide(exponent)?);
    let (x, exponent) = (Operand::Tensor(&x), Operand::Tensor(&exponent));
    match out {
        // The base of an in-place call is the target: it takes the result only if that is its dtype.
        Out::InPlace(target) if target.dtype() != dtype => {
            let (from, to) = (target.dtype().scalar_name(), dtype.scalar_name());
            let message = format!("the base given to float_power_ has dtype {from} but the operation's result requires dtype {to}");
            Err(rushlight::Error::custom("float_power_", message))
        }
        out => b::pow(x, exponent, out),
    }
}
