//! Linear algebra: factorisations, systems, determinants, spectra.

use crate::call::table;
use crate::core::{Dims, Operand};
use rushlight::ops::linalg as l;
use rushlight::ops::reduce::{Order, order_of};
use rushlight::{Error, Result, Scalar, Tensor};

fn cond(x: &Tensor, p: Option<Scalar>) -> Result<Tensor> {
    let order = p.map(|p| order_of("linalg.cond", p)).transpose()?;
    l::cond(x, order.map(Order::Number))
}

/// The one tolerance of the old forms.
fn number<'a>(x: f64) -> Option<Operand<'a>> {
    Some(Operand::Scalar(Scalar::Float(x)))
}

fn float<'a>(x: Option<f64>) -> Option<Operand<'a>> {
    x.map(|x| Operand::Scalar(Scalar::Float(x)))
}

fn tensor(x: Option<&Tensor>) -> Option<Operand<'_>> {
    x.map(Operand::Tensor)
}

table! {
    /// The lower factor L of a Hermitian positive-definite matrix A = L·Lᴴ (or the upper one), read from the triangle named.
    linalg: "cholesky(Tensor self, *, bool upper=False, Tensor? out=None) -> Tensor" => l::cholesky;
    /// `cholesky` with `info` instead of an error: 0, or the order of the first leading minor that is not positive.
    linalg: "cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False, Tensor[]? out=None) -> (Tensor L, Tensor info)"
        => l::cholesky_ex;
    /// The lower factor L of a Hermitian positive-definite matrix A = L·Lᴴ, or the upper one.
    fn method: "cholesky(Tensor self, bool upper=False, *, Tensor? out=None) -> Tensor" => l::cholesky;
    /// The inverse of the matrix whose Cholesky factor is given.
    fn method: "cholesky_inverse(Tensor self, bool upper=False, *, Tensor? out=None) -> Tensor" => l::cholesky_inverse;
    /// X of A·X = self, where A's Cholesky factor is given.
    fn method: "cholesky_solve(Tensor self, Tensor input2, bool upper=False, *, Tensor? out=None) -> Tensor" => l::cholesky_solve;

    /// The inverse of square matrices; a LinAlgError if one is singular.
    linalg: "inv(Tensor A, *, Tensor? out=None) -> Tensor" => l::inv;
    /// `inv` with `info` instead of an error: 0, or the place of the first zero pivot.
    linalg: "inv_ex(Tensor A, *, bool check_errors=False, Tensor[]? out=None) -> (Tensor inverse, Tensor info)" => l::inv_ex;
    /// The inverse of square matrices; a LinAlgError if one is singular.
    fn method: "inverse(Tensor self, *, Tensor? out=None) -> Tensor" => l::inv;
    /// X of A·X = B (or of X·A = B with `left=False`); B may be a batch of vectors.
    linalg: "solve(Tensor A, Tensor B, *, bool left=True, Tensor? out=None) -> Tensor" => l::solve;
    /// `solve` with `info` instead of an error: 0, or the place of the first zero pivot.
    linalg:
        "solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False, Tensor[]? out=None) -> (Tensor result, Tensor info)"
            => l::solve_ex;
    /// X of A·X = B (or of X·A = B with `left=False`) for a triangular A.
    linalg:
        "solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False, Tensor? out=None) -> Tensor"
            => l::solve_triangular;
    /// X of op(A)·X = self for a triangular A, and A.
    fn method:
        "triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False, *, Tensor[]? out=None) -> (Tensor solution, Tensor cloned_coefficient)"
            => l::triangular_solve;

    /// L and U in one matrix, with the pivots: A = P·L·U.
    linalg: "lu_factor(Tensor A, *, bool pivot=True, Tensor[]? out=None) -> (Tensor LU, Tensor pivots)" => l::lu_factor;
    /// `lu_factor` with `info` instead of an error: 0, or the place of the first zero pivot.
    linalg:
        "lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False, Tensor[]? out=None) -> (Tensor LU, Tensor pivots, Tensor info)"
            => l::lu_factor_ex;
    /// P, L and U with A = P·L·U.
    linalg: "lu(Tensor A, *, bool pivot=True, Tensor[]? out=None) -> (Tensor P, Tensor L, Tensor U)" => l::lu;
    /// L and U in one matrix, the pivots, and, if asked for, where a pivot is zero. (`torch.linalg.lu_factor` is its successor.)
    fn method: "lu(Tensor self, bool pivot=True, bool get_infos=False) -> Tensor" => |a: &Tensor, pivot: bool, infos: bool| {
        let (lu, pivots, info) = l::lu_factor_ex(a, pivot, !infos)?;
        Ok::<_, Error>(if infos { vec![lu, pivots, info] } else { vec![lu, pivots] })
    };
    /// X of A·X = B from the factors of `lu_factor`; `left=False` and `adjoint=True` as their names say.
    linalg:
        "lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False, Tensor? out=None) -> Tensor"
            => l::lu_solve;
    /// X of A·X = self from the factors of `lu_factor`.
    fn method: "lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots, *, Tensor? out=None) -> Tensor"
        => |b: &Tensor, lu: &Tensor, pivots: &Tensor| l::lu_solve(lu, pivots, b, true, false);
    /// P, L and U from the factors of `lu_factor`.
    fn:
        "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True, *, Tensor[]? out=None) -> (Tensor P, Tensor L, Tensor U)"
            => l::lu_unpack;
    /// L and U in one matrix, the pivots, and `info`.
    fn: "_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor LU, Tensor pivots, Tensor info)"
        => l::lu_factor_ex;

    /// Q and R of A = Q·R; `mode` is "reduced", "complete" or "r" (R alone).
    linalg: "qr(Tensor A, str mode='reduced', *, Tensor[]? out=None) -> (Tensor Q, Tensor R)" => l::qr;
    /// Q and R of A = Q·R; with `some=False` Q is square.
    fn method: "qr(Tensor self, bool some=True, *, Tensor[]? out=None) -> (Tensor Q, Tensor R)" => l::old_qr;
    /// R with Householder's reflections below its diagonal, and their scales.
    fn method: "geqrf(Tensor self, *, Tensor[]? out=None) -> (Tensor a, Tensor tau)" => l::geqrf;
    /// The first columns of the product of Householder's reflections.
    linalg: "householder_product(Tensor input, Tensor tau, *, Tensor? out=None) -> Tensor" => l::householder_product;
    /// The first columns of the product of Householder's reflections.
    fn method: "orgqr(Tensor self, Tensor input2, *, Tensor? out=None) -> Tensor" => l::householder_product;
    /// The product of Householder's reflections, of its adjoint, with a matrix on its right or left.
    fn method:
        "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False, *, Tensor? out=None) -> Tensor"
            => l::ormqr;

    /// Factors of a symmetric (or Hermitian) matrix that need not be positive: A = L·D·Lᵀ, with Bunch and Kaufman's pivots.
    linalg: "ldl_factor(Tensor self, *, bool hermitian=False, Tensor[]? out=None) -> (Tensor LD, Tensor pivots)" => l::ldl_factor;
    /// `ldl_factor` with `info` instead of an error: 0, or the place of the first zero block.
    linalg:
        "ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False, Tensor[]? out=None) -> (Tensor LD, Tensor pivots, Tensor info)"
            => l::ldl_factor_ex;
    /// X of A·X = B from the factors of `ldl_factor`.
    linalg: "ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False, Tensor? out=None) -> Tensor" => l::ldl_solve;

    /// Eigenvalues, ascending, and eigenvectors of Hermitian matrices, read from the triangle `UPLO`.
    linalg: "eigh(Tensor self, str UPLO='L', *, Tensor[]? out=None) -> (Tensor eigenvalues, Tensor eigenvectors)" => l::eigh;
    /// The eigenvalues of Hermitian matrices, ascending.
    linalg: "eigvalsh(Tensor self, str UPLO='L', *, Tensor? out=None) -> Tensor" => l::eigvalsh;
    /// Eigenvalues and eigenvectors of square matrices, as complex numbers.
    linalg: "eig(Tensor self, *, Tensor[]? out=None) -> (Tensor eigenvalues, Tensor eigenvectors)" => l::eig;
    /// The eigenvalues of square matrices, as complex numbers.
    linalg: "eigvals(Tensor self, *, Tensor? out=None) -> Tensor" => l::eigvals;
    /// U, the singular values, descending, and Vᴴ: A = U·diag(S)·Vᴴ. With `full_matrices=False` only the columns that are needed.
    linalg: "svd(Tensor A, bool full_matrices=True, *, str? driver=None, Tensor[]? out=None) -> (Tensor U, Tensor S, Tensor Vh)"
        => |a: &Tensor, full: bool, _driver: Option<&str>| l::svd(a, full);
    /// The singular values, descending.
    linalg: "svdvals(Tensor A, *, str? driver=None, Tensor? out=None) -> Tensor" => |a: &Tensor, _driver: Option<&str>| l::svdvals(a);
    /// U, S and V with A = U·diag(S)·Vᴴ.
    fn method: "svd(Tensor self, bool some=True, bool compute_uv=True, *, Tensor[]? out=None) -> (Tensor U, Tensor S, Tensor V)"
        => l::old_svd;

    /// The determinants of square matrices.
    linalg: "det(Tensor A, *, Tensor? out=None) -> Tensor" => l::det;
    /// The determinants of square matrices.
    fn method: "det(Tensor self) -> Tensor" => l::det;
    /// The signs of determinants, and the logarithms of their absolute values.
    linalg: "slogdet(Tensor A, *, Tensor[]? out=None) -> (Tensor sign, Tensor logabsdet)" => l::slogdet;
    /// The signs of determinants, and the logarithms of their absolute values.
    fn method: "slogdet(Tensor self, *, Tensor[]? out=None) -> (Tensor sign, Tensor logabsdet)" => l::slogdet;
    /// The logarithms of determinants; NaN where they are negative.
    fn method: "logdet(Tensor self) -> Tensor" => l::logdet;

    /// The pseudoinverse; singular values of at most max(atol, rtol · the greatest) count as zero.
    linalg:
        "pinv(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, a: Option<f64>, r: Option<f64>, hermitian: bool| l::pinv(x, float(a), float(r), hermitian),
        "pinv(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, a: Option<&Tensor>, r: Option<&Tensor>, hermitian: bool| l::pinv(x, tensor(a), tensor(r), hermitian),
        "pinv(Tensor self, float rcond, bool hermitian=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, rcond: f64, hermitian: bool| l::pinv(x, number(0.0), number(rcond), hermitian),
        "pinv(Tensor self, Tensor rcond, bool hermitian=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, rcond: &Tensor, hermitian: bool| l::pinv(x, number(0.0), Some(rcond.into()), hermitian);
    /// The pseudoinverse; singular values of at most `rcond` times the greatest count as zero.
    fn method: "pinverse(Tensor self, float rcond=1e-15) -> Tensor"
        => |x: &Tensor, rcond: f64| l::pinv(x, number(0.0), number(rcond), false);
    /// How many singular values exceed max(atol, rtol · the greatest).
    linalg:
        "matrix_rank(Tensor input, *, float? atol=None, float? rtol=None, bool hermitian=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, a: Option<f64>, r: Option<f64>, hermitian: bool| l::matrix_rank(x, float(a), float(r), hermitian),
        "matrix_rank(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, a: Option<&Tensor>, r: Option<&Tensor>, hermitian: bool|
                l::matrix_rank(x, tensor(a), tensor(r), hermitian),
        "matrix_rank(Tensor self, float tol, bool hermitian=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, tol: f64, hermitian: bool| l::matrix_rank(x, number(tol), number(0.0), hermitian),
        "matrix_rank(Tensor input, Tensor tol, bool hermitian=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, tol: &Tensor, hermitian: bool| l::matrix_rank(x, Some(tol.into()), number(0.0), hermitian);
    /// X that makes |A·X − B| least: the solution, the squares of what is left over, the rank, the singular values.
    linalg:
        "lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None, Tensor[]? out=None) -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)"
            => l::lstsq;
    /// The condition number in a norm; of singular values, if none is named.
    linalg:
        "cond(Tensor self, Scalar? p=None, *, Tensor? out=None) -> Tensor" => cond,
        "cond(Tensor self, str p, *, Tensor? out=None) -> Tensor" => |x: &Tensor, p: &str| l::cond(x, Some(Order::Name(p)));
    /// The exponential of square matrices.
    linalg: "matrix_exp(Tensor self) -> Tensor" => l::matrix_exp;
    /// The exponential of square matrices.
    fn method: "matrix_exp(Tensor self) -> Tensor" => l::matrix_exp;
    /// The inverse of a tensor as a map between tensors, whose first `ind` dimensions belong to the result.
    linalg: "tensorinv(Tensor self, int ind=2, *, Tensor? out=None) -> Tensor" => l::tensorinv;
    /// X of tensordot(self, X) = other.
    linalg: "tensorsolve(Tensor self, Tensor other, int[]? dims=None, *, Tensor? out=None) -> Tensor"
        => |a: &Tensor, b: &Tensor, dims: Option<Dims>| l::tensorsolve(a, b, dims.as_deref());
}
