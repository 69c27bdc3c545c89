//! Products of matrices.

use crate::args::Object;
use crate::call::table;
use crate::class;
use crate::core::Dims;
use crate::error::Raise;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rushlight::ops::matmul as m;
use rushlight::{Result, Scalar, Tensor};

type Added = fn(&Tensor, &Tensor, &Tensor, Scalar, Scalar) -> Result<Tensor>;

/// In the old order, where factors stand before what they scale.
fn scaled(f: Added, beta: Scalar, input: &Tensor, alpha: Scalar, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    f(input, a, b, beta, alpha)
}

/// The one of its kin that lets its target grow.
fn addbmm_(x: Object, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> PyResult<Py<PyAny>> {
    let target = class::tensor(x);
    let value = m::addbmm(target, a, b, beta, alpha).py()?;
    if value.shape() == target.shape() {
        target.copy_(&value).py()?;
        return Ok(x.to_owned().unbind());
    }
    if target.requires_grad() && target.is_leaf() && rushlight::autograd::Modes::current().grad {
        let text = "a leaf Variable that requires grad is being used in an in-place operation.";
        return Err(PyRuntimeError::new_err(text));
    }
    class::replace(x, value);
    Ok(x.to_owned().unbind())
}

table! {
    /// The product of matrices; vectors and batches of matrices may stand in their place. A vector on the left is a row, on
    /// the right a column; batch dimensions broadcast.
    fn method:
        "matmul(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => Tensor::matmul;
    /// The product of matrices; vectors and batches of matrices may stand in their place.
    linalg:
        "matmul(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => Tensor::matmul;
    /// The product of two matrices, `[m, k] × [k, n]`.
    fn method:
        "mm(Tensor self, Tensor mat2, *, Tensor? out=None) -> Tensor" => m::mm;
    /// The products of two batches of matrices, `[b, m, k] × [b, k, n]`.
    fn method:
        "bmm(Tensor self, Tensor mat2, *, Tensor? out=None) -> Tensor" => m::bmm;
    /// A matrix times a vector.
    fn method:
        "mv(Tensor self, Tensor vec, *, Tensor? out=None) -> Tensor" => m::mv;
    /// The sum of the products of the elements of two vectors.
    fn method:
        "dot(Tensor self, Tensor tensor, *, Tensor? out=None) -> Tensor" => m::dot;
    /// The sum of the products of the elements of two vectors, the first conjugated.
    fn method:
        "vdot(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => m::vdot;
    /// Sums of products along the last dimension of both.
    fn method:
        "inner(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => m::inner;
    /// The products of all elements of one vector with all of another.
    fn method:
        "outer(Tensor self, Tensor vec2, *, Tensor? out=None) -> Tensor" => m::outer;
    /// The products of all elements of one vector with all of another; the old name of `outer`.
    fn method:
        "ger(Tensor self, Tensor vec2, *, Tensor? out=None) -> Tensor" => m::outer;
    /// `beta * self + alpha * (mat1 @ mat2)`, in one pass. With `beta=0`, `self` is not read.
    fn method inplace:
        "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1, Tensor? out=None) -> Tensor"
            => m::addmm,
        "deprecated: addmm(Scalar beta, Tensor self, Scalar alpha, Tensor mat1, Tensor mat2, *, Tensor? out=None) -> Tensor"
            => |beta: Scalar, x: &Tensor, alpha: Scalar, a: &Tensor, b: &Tensor| scaled(m::addmm, beta, x, alpha, a, b),
        "deprecated: addmm(Scalar beta, Tensor self, Tensor mat1, Tensor mat2, *, Tensor? out=None) -> Tensor"
            => |beta: Scalar, x: &Tensor, a: &Tensor, b: &Tensor| scaled(m::addmm, beta, x, Scalar::Int(1), a, b);
    /// `beta * self + alpha * (mat @ vec)`, in one pass.
    fn method inplace:
        "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1, Tensor? out=None) -> Tensor"
            => m::addmv,
        "deprecated: addmv(Scalar beta, Tensor self, Scalar alpha, Tensor mat, Tensor vec, *, Tensor? out=None) -> Tensor"
            => |beta: Scalar, x: &Tensor, alpha: Scalar, a: &Tensor, b: &Tensor| scaled(m::addmv, beta, x, alpha, a, b),
        "deprecated: addmv(Scalar beta, Tensor self, Tensor mat, Tensor vec, *, Tensor? out=None) -> Tensor"
            => |beta: Scalar, x: &Tensor, a: &Tensor, b: &Tensor| scaled(m::addmv, beta, x, Scalar::Int(1), a, b);
    /// `beta * self + alpha * outer(vec1, vec2)`
    fn method inplace:
        "addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1, Tensor? out=None) -> Tensor"
            => m::addr,
        "deprecated: addr(Scalar beta, Tensor self, Scalar alpha, Tensor vec1, Tensor vec2, *, Tensor? out=None) -> Tensor"
            => |beta: Scalar, x: &Tensor, alpha: Scalar, a: &Tensor, b: &Tensor| scaled(m::addr, beta, x, alpha, a, b),
        "deprecated: addr(Scalar beta, Tensor self, Tensor vec1, Tensor vec2, *, Tensor? out=None) -> Tensor"
            => |beta: Scalar, x: &Tensor, a: &Tensor, b: &Tensor| scaled(m::addr, beta, x, Scalar::Int(1), a, b);
    /// `beta * self + alpha * (batch1 @ batch2)`, for each matrix of the batch.
    fn method inplace:
        "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1, Tensor? out=None) -> Tensor"
            => m::baddbmm,
        "deprecated: baddbmm(Scalar beta, Tensor self, Scalar alpha, Tensor batch1, Tensor batch2, *, Tensor? out=None) -> Tensor"
            => |beta: Scalar, x: &Tensor, alpha: Scalar, a: &Tensor, b: &Tensor| scaled(m::baddbmm, beta, x, alpha, a, b),
        "deprecated: baddbmm(Scalar beta, Tensor self, Tensor batch1, Tensor batch2, *, Tensor? out=None) -> Tensor"
            => |beta: Scalar, x: &Tensor, a: &Tensor, b: &Tensor| scaled(m::baddbmm, beta, x, Scalar::Int(1), a, b);
    /// `addbmm`, whose result replaces the value of `self`; a number or a single element grows to the result's shape.
    method:
        "addbmm_(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" => addbmm_,
        "deprecated: addbmm_(Tensor self, Scalar beta, Scalar alpha, Tensor batch1, Tensor batch2) -> Tensor"
            => |x: Object, beta: Scalar, alpha: Scalar, a: &Tensor, b: &Tensor| addbmm_(x, a, b, beta, alpha),
        "deprecated: addbmm_(Tensor self, Scalar beta, Tensor batch1, Tensor batch2) -> Tensor"
            => |x: Object, beta: Scalar, a: &Tensor, b: &Tensor| addbmm_(x, a, b, beta, Scalar::Int(1));
    /// `beta * self + alpha * sum(batch1 @ batch2)`, summed over the batch.
    fn method:
        "addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1, Tensor? out=None) -> Tensor"
            => m::addbmm,
        "deprecated: addbmm(Scalar beta, Tensor self, Scalar alpha, Tensor batch1, Tensor batch2, *, Tensor? out=None) -> Tensor"
            => |beta: Scalar, x: &Tensor, alpha: Scalar, a: &Tensor, b: &Tensor| scaled(m::addbmm, beta, x, alpha, a, b),
        "deprecated: addbmm(Scalar beta, Tensor self, Tensor batch1, Tensor batch2, *, Tensor? out=None) -> Tensor"
            => |beta: Scalar, x: &Tensor, a: &Tensor, b: &Tensor| scaled(m::addbmm, beta, x, Scalar::Int(1), a, b);
    /// `input @ weight.T + bias`, in one pass: input `[..., in]`, weight `[out, in]`, bias `[out]`.
    nn:
        "linear(Tensor input, Tensor weight, Tensor? bias=None, *, Tensor? out=None) -> Tensor" => m::linear;
    /// `sum(input1[i] * weight[o, i, j] * input2[j]) + bias[o]`
    fn:
        "bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor" => m::bilinear;
    /// The Kronecker product: each element of `self` times all of `other`.
    fn method:
        "kron(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => m::kron;
    /// Sums of products by a formula, as `torch.einsum` takes them once its arguments are sorted out.
    VF:
        "einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor"
            => |equation: &str, tensors: Vec<Tensor>, path: Option<Dims>| m::einsum(equation, &tensors, path.as_deref());
    /// Sums of products along the given dimensions of both.
    VF:
        "tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other, *, Tensor? out=None) -> Tensor"
            => |a: &Tensor, b: &Tensor, x: Dims, y: Dims| m::tensordot(a, b, &x, &y);
    /// The product of several matrices, in the order that costs least.
    VF:
        "chain_matmul(Tensor[] matrices, *, Tensor? out=None) -> Tensor"
            => |list: Vec<Tensor>| m::chain_matmul(&list);
    /// The p-norm distances between all rows of two matrices.
    VF:
        "cdist(Tensor x1, Tensor x2, float p=2, int? compute_mode=None) -> Tensor" => m::cdist;
    /// The p-norm distances between all pairs of rows of a matrix.
    fn nn:
        "pdist(Tensor self, float p=2) -> Tensor" => m::pdist;
    /// A square matrix times itself, `n` times.
    fn method:
        "matrix_power(Tensor self, int n, *, Tensor? out=None) -> Tensor" => m::matrix_power;
    /// A square matrix (or each of a batch) times itself, `n` times.
    linalg:
        "matrix_power(Tensor self, int n, *, Tensor? out=None) -> Tensor" => m::matrix_power;
    /// The product of several matrices in the order that costs least; the first and the last may be vectors.
    linalg:
        "multi_dot(Tensor[] tensors, *, Tensor? out=None) -> Tensor" => |list: Vec<Tensor>| m::multi_dot(&list);
    /// `sum(conj(x) * y)` along a dimension.
    linalg:
        "vecdot(Tensor x, Tensor y, *, int dim=-1, Tensor? out=None) -> Tensor" => m::vecdot;
}
