//! Arithmetic, comparison, logic and transcendental functions, element by element.

use crate::call::table;
use crate::core::{Operand, Out};
use rushlight::Scalar;
use rushlight::ops::{binary as b, unary as u};

table! {
    /// Adds `other`, times `alpha`, to `input`.
    fn method inplace:
        "add(Tensor self, Tensor other, *, Scalar alpha=1, Tensor? out=None) -> Tensor" => b::add_with_alpha,
        "deprecated: add(Tensor self, Scalar alpha, Tensor other) -> Tensor"
            => |x: Operand, alpha: Scalar, y: Operand, out: Out| b::add_with_alpha(x, y, alpha, out);

    /// Subtracts `other`, times `alpha`, from `input`.
    fn method inplace:
        "sub(Tensor self, Tensor other, *, Scalar alpha=1, Tensor? out=None) -> Tensor" => b::sub_with_alpha,
        "deprecated: sub(Tensor self, Scalar alpha, Tensor other) -> Tensor"
            => |x: Operand, alpha: Scalar, y: Operand, out: Out| b::sub_with_alpha(x, y, alpha, out);
    fn method:
        "rsub(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"
            => |x: Operand, y: Operand, alpha: Scalar| b::sub_with_alpha(y, x, alpha, Out::New);

    /// Multiplies `input` by `other`.
    fn method inplace: "mul(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::mul;

    fn method inplace: "eq(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::eq;
    fn method inplace: "ne(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::ne;
    fn method inplace: "lt(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::lt;
    fn method inplace: "le(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::le;
    fn method inplace: "gt(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::gt;
    fn method inplace: "ge(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => b::ge;

    /// eˣ
    fn method inplace: "exp(Tensor self, *, Tensor? out=None) -> Tensor" => u::exp;
    fn method inplace: "neg(Tensor self, *, Tensor? out=None) -> Tensor" => u::neg;
    fn method inplace: "tanh(Tensor self, *, Tensor? out=None) -> Tensor" => u::tanh;
    fn method inplace: "relu(Tensor self) -> Tensor" => u::relu;
}
