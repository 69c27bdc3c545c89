//! Reductions: from many elements to few.

use crate::call::table;
use crate::core::{Dims, Operand, Out};
use rushlight::ops::{binary, reduce as r};
use rushlight::{DType, Error, Result, Scalar, Tensor};

fn list(dims: &Option<Dims>) -> &[i64] {
    dims.as_deref().unwrap_or(&[])
}

/// `correction` as it is given, or what `unbiased` says of it.
fn correction(correction: Option<Scalar>) -> f64 {
    correction.map_or(1.0, Scalar::to_f64)
}

fn sum(x: &Tensor, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>, out: Out) -> Result<Tensor> {
    r::sum(x, list(&dims), keepdim, dtype, out)
}

/// Dims for a variance: none in the list means all, but a list of none is what was asked for.
fn over<T>(dims: &Option<Dims>, f: impl FnOnce(&[i64]) -> Result<T>) -> Result<T> {
    f(list(dims))
}

fn order(p: Option<Scalar>) -> Result<f64> {
    match p {
        Some(Scalar::Complex(..)) => Err(Error::custom("norm", "norm does not support complex orders")),
        p => Ok(p.map_or(2.0, Scalar::to_f64)),
    }
}

fn norm(
    x: &Tensor,
    p: Option<Scalar>,
    dims: &[i64],
    keepdim: bool,
    dtype: Option<DType>,
    out: Out,
) -> Result<Tensor> {
    r::vector_norm(x, order(p)?, dims, keepdim, dtype, out)
}

fn named_norm(
    x: &Tensor,
    p: &str,
    dims: &[i64],
    keepdim: bool,
    dtype: Option<DType>,
    out: Out,
) -> Result<Tensor> {
    match p {
        "fro" => norm(x, None, dims, keepdim, dtype, out),
        "nuc" => {
            let dims = if dims.is_empty() { &[-2, -1] } else { dims };
            r::matrix_norm(x, r::Order::Name("nuc"), dims, keepdim, dtype, out)
        }
        _ => Err(Error::custom("norm", format!("norm(): p must be a number, 'fro' or 'nuc', got '{p}'"))),
    }
}

table! {
    /// The sum of all elements, or of those along `dim`.
    fn method:
        "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor"
            => |x: &Tensor, dtype: Option<DType>| r::sum(x, &[], false, dtype, Out::New),
        "sum(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor" => sum;
    /// The sum of all elements that are not NaN, or of those along `dim`.
    fn method:
        "nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>| r::nansum(x, list(&dims), keepdim, dtype);
    /// The mean of all elements, or of those along `dim`.
    fn method:
        "mean(Tensor self, *, ScalarType? dtype=None) -> Tensor"
            => |x: &Tensor, dtype: Option<DType>| r::mean(x, &[], false, dtype, Out::New),
        "mean(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>, out: Out|
                r::mean(x, list(&dims), keepdim, dtype, out);
    /// The mean of all elements that are not NaN, or of those along `dim`.
    fn method:
        "nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>| r::nanmean(x, list(&dims), keepdim, dtype);
    /// The product of all elements, or of those along `dim`.
    fn method:
        "prod(Tensor self, *, ScalarType? dtype=None) -> Tensor"
            => |x: &Tensor, dtype: Option<DType>| r::prod(x, None, false, dtype, Out::New),
        "prod(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, keepdim: bool, dtype: Option<DType>, out: Out| r::prod(x, Some(dim), keepdim, dtype, out);
    /// The greatest elements over `dim`; equal ones share the gradient.
    fn method:
        "amax(Tensor self, int[1] dim=[], bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Dims, keepdim: bool, out: Out| r::amax(x, &dims, keepdim, out);
    /// The least elements over `dim`; equal ones share the gradient.
    fn method:
        "amin(Tensor self, int[1] dim=[], bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Dims, keepdim: bool, out: Out| r::amin(x, &dims, keepdim, out);
    /// The least and the greatest elements, of all or along `dim`.
    fn method:
        "aminmax(Tensor self, *, int? dim=None, bool keepdim=False, Tensor[]? out=None) -> (Tensor min, Tensor max)"
            => |x: &Tensor, dim: Option<i64>, keepdim: bool| r::aminmax(x, dim, keepdim);
    /// The greatest element; or those along `dim` with their places; or, of two tensors, the greater elements.
    fn method:
        "max(Tensor self) -> Tensor" => r::max_all,
        "max(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, other: &Tensor, out: Out| binary::maximum(x.into(), other.into(), out),
        "max(Tensor self, int dim, bool keepdim=False, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, dim: i64, keepdim: bool| r::max_dim(x, dim, keepdim);
    /// The least element; or those along `dim` with their places; or, of two tensors, the lesser elements.
    fn method:
        "min(Tensor self) -> Tensor" => r::min_all,
        "min(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, other: &Tensor, out: Out| binary::minimum(x.into(), other.into(), out),
        "min(Tensor self, int dim, bool keepdim=False, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, dim: i64, keepdim: bool| r::min_dim(x, dim, keepdim);
    /// The place of the greatest element: along `dim`, or among all, counted in order.
    fn method:
        "argmax(Tensor self, int? dim=None, bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: Option<i64>, keepdim: bool| r::argmax(x, dim, keepdim);
    /// The place of the least element: along `dim`, or among all, counted in order.
    fn method:
        "argmin(Tensor self, int? dim=None, bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: Option<i64>, keepdim: bool| r::argmin(x, dim, keepdim);
    /// Whether any element is not zero.
    fn method:
        "any(Tensor self, *, Tensor? out=None) -> Tensor" => |x: &Tensor, out: Out| r::any(x, &[], false, out),
        "any(Tensor self, int dim, bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, keepdim: bool, out: Out| r::any(x, &[dim], keepdim, out),
        "any(Tensor self, int[]? dim=None, bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Option<Dims>, keepdim: bool, out: Out| r::any(x, list(&dims), keepdim, out);
    /// Whether all elements are not zero.
    fn method:
        "all(Tensor self, *, Tensor? out=None) -> Tensor" => |x: &Tensor, out: Out| r::all(x, &[], false, out),
        "all(Tensor self, int dim, bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, keepdim: bool, out: Out| r::all(x, &[dim], keepdim, out),
        "all(Tensor self, int[]? dim=None, bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Option<Dims>, keepdim: bool, out: Out| r::all(x, list(&dims), keepdim, out);
    /// How many elements are not zero.
    fn method:
        "count_nonzero(Tensor self, int[] dim) -> Tensor" => |x: &Tensor, dims: Dims| r::count_nonzero(x, &dims),
        "count_nonzero(Tensor self, int? dim=None) -> Tensor"
            => |x: &Tensor, dim: Option<i64>| r::count_nonzero(x, dim.as_slice());
    /// The variance of all elements, or of those along `dim`, divided by their number less `correction`.
    fn method:
        "var(Tensor self, bool unbiased=True) -> Tensor"
            => |x: &Tensor, unbiased: bool| r::var(x, &[], unbiased as u8 as f64, false),
        "var(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Option<Dims>, unbiased: bool, keepdim: bool|
                over(&dims, |d| r::var(x, d, unbiased as u8 as f64, keepdim)),
        "var(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Option<Dims>, c: Option<Scalar>, keepdim: bool|
                over(&dims, |d| r::var(x, d, correction(c), keepdim));
    /// The standard deviation of all elements, or of those along `dim`.
    fn method:
        "std(Tensor self, bool unbiased=True) -> Tensor"
            => |x: &Tensor, unbiased: bool| r::std_of(x, &[], unbiased as u8 as f64, false),
        "std(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Option<Dims>, unbiased: bool, keepdim: bool|
                over(&dims, |d| r::std_of(x, d, unbiased as u8 as f64, keepdim)),
        "std(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Option<Dims>, c: Option<Scalar>, keepdim: bool|
                over(&dims, |d| r::std_of(x, d, correction(c), keepdim));
    /// Variance and mean at once.
    fn:
        "var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)"
            => |x: &Tensor, unbiased: bool| r::var_mean(x, &[], unbiased as u8 as f64, false),
        "var_mean(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)"
            => |x: &Tensor, dims: Option<Dims>, unbiased: bool, keepdim: bool|
                over(&dims, |d| r::var_mean(x, d, unbiased as u8 as f64, keepdim)),
        "var_mean(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)"
            => |x: &Tensor, dims: Option<Dims>, c: Option<Scalar>, keepdim: bool|
                over(&dims, |d| r::var_mean(x, d, correction(c), keepdim));
    /// Standard deviation and mean at once.
    fn:
        "std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)"
            => |x: &Tensor, unbiased: bool| r::std_mean(x, &[], unbiased as u8 as f64, false),
        "std_mean(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)"
            => |x: &Tensor, dims: Option<Dims>, unbiased: bool, keepdim: bool|
                over(&dims, |d| r::std_mean(x, d, unbiased as u8 as f64, keepdim)),
        "std_mean(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)"
            => |x: &Tensor, dims: Option<Dims>, c: Option<Scalar>, keepdim: bool|
                over(&dims, |d| r::std_mean(x, d, correction(c), keepdim));
    /// The logarithm of the sum of exponentials over `dim`.
    fn method special:
        "logsumexp(Tensor self, int[1] dim, bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Dims, keepdim: bool| r::logsumexp(x, &dims, keepdim);
    /// The p-norm of all elements, or of those over `dim`.
    fn method:
        "norm(Tensor self, str p='fro', int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, p: &str, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>, out: Out|
                named_norm(x, p, list(&dims), keepdim, dtype, out),
        "norm(Tensor self, Scalar? p, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, p: Option<Scalar>, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>, out: Out|
                norm(x, p, list(&dims), keepdim, dtype, out),
        "norm(Tensor self, Scalar? p, int[1]? dim, bool keepdim, ScalarType? dtype) -> Tensor"
            => |x: &Tensor, p: Option<Scalar>, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>|
                norm(x, p, list(&dims), keepdim, dtype, Out::New);
    /// The p-norm over `dim`, of all elements if it is None.
    linalg:
        "vector_norm(Tensor x, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, p: Scalar, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>, out: Out|
                norm(x, Some(p), list(&dims), keepdim, dtype, out);
    /// The norm of the matrices in the last two dimensions, or those in `dim`: "fro" (the root of the sum of squares), "nuc" (the
    /// sum of the singular values), 2 and -2 (the greatest and least of them), 1 and -1 (the greatest and least sum of a
    /// column), inf and -inf (of a row).
    linalg:
        "matrix_norm(Tensor A, Scalar ord, int[] dim=[-2,-1], bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, p: Scalar, dims: Dims, keepdim: bool, dtype: Option<DType>, out: Out|
                r::matrix_norm(x, r::Order::Number(r::order_of("linalg.matrix_norm", p)?), &dims, keepdim, dtype, out),
        "matrix_norm(Tensor A, str ord='fro', int[] dim=[-2,-1], bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, p: &str, dims: Dims, keepdim: bool, dtype: Option<DType>, out: Out|
                r::matrix_norm(x, r::Order::Name(p), &dims, keepdim, dtype, out);
    /// The norm of a vector, or of a matrix: of all numbers if `ord` is None, else by the number of dimensions it is taken over.
    linalg:
        "norm(Tensor A, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, p: Option<Scalar>, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>, out: Out| {
                let order = p.map(|p| r::order_of("linalg.norm", p)).transpose()?.map(r::Order::Number);
                r::norm(x, order, dims.as_deref(), keepdim, dtype, out)
            },
        "norm(Tensor A, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, p: &str, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>, out: Out|
                r::norm(x, Some(r::Order::Name(p)), dims.as_deref(), keepdim, dtype, out);
    /// The norms of the slices along `dim`, each in its place; of all numbers, if `dim` is -1.
    fn: "norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor"
        => |x: &Tensor, p: i64, dim: i64| r::norm_except_dim(x, p as f64, dim);
    /// `v` with the slices along `dim` brought to the norms `g`.
    fn: "_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor" => r::weight_norm;
    /// The slices along `dim`, each with its p-norm brought down to `maxnorm` where it is greater.
    fn method inplace:
        "renorm(Tensor self, Scalar p, int dim, Scalar maxnorm, *, Tensor? out=None) -> Tensor" => r::renorm;
    /// The p-norm of the difference.
    fn method:
        "dist(Tensor self, Tensor other, Scalar p=2) -> Tensor"
            => |x: &Tensor, other: &Tensor, p: Scalar| norm(&x.sub(Operand::Tensor(other))?, Some(p), &[], false, None, Out::New);
    /// The Frobenius norm over `dim`.
    fn:
        "frobenius_norm(Tensor self, int[1] dim, bool keepdim=False, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dims: Dims, keepdim: bool, out: Out| norm(x, None, &dims, keepdim, None, out);
}
