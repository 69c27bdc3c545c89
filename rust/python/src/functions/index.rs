//! Reading and writing at indices.

use crate::call::table;
use crate::core::{Dims, Operand, Out};
use crate::error::Raise;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rushlight::ops::index as i;
use rushlight::ops::index::{Bag, BagOptions, Reduce};
use rushlight::ops::ternary;
use rushlight::{Error, Result, Scalar, Tensor};

fn bag(
    weight: &Tensor,
    indices: &Tensor,
    offsets: &Tensor,
    by_freq: bool,
    mode: i64,
    weights: Option<&Tensor>,
    last_offset: bool,
    padding: Option<i64>,
) -> Result<(Tensor, Tensor, Tensor, Tensor)> {
    let mode = match mode {
        0 => Bag::Sum,
        1 => Bag::Mean,
        2 => Bag::Max,
        _ => return Err(Error::argument("embedding_bag", "a mode of 0 (sum), 1 (mean) or 2 (max)", mode)),
    };
    let options = BagOptions { by_freq, mode, weights, last_offset, padding };
    i::embedding_bag(weight, indices, offsets, options).map(|[a, b, c, d]| (a, b, c, d))
}

fn of_number(number: Scalar, beside: &Tensor) -> Result<Tensor> {
    let dtype = if beside.dtype().is_int() && number.dtype().is_int() { beside.dtype() } else { number.dtype() };
    Tensor::scalar(number, dtype)
}

table! {
    /// Elements along `dim` at the places that `index` names.
    fn method:
        "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, index: &Tensor, _: bool, out: Out| i::gather(x, dim, index, out);
    /// Values written at the places that `index` names along `dim`; with `reduce` added to or multiplied into what is there.
    fn method inplace:
        "scatter(Tensor self, int dim, Tensor index, Tensor src, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, index: &Tensor, src: &Tensor, out: Out| i::scatter(x, dim, index, src, Reduce::Set, out),
        "scatter(Tensor self, int dim, Tensor index, Tensor src, *, str reduce, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, index: &Tensor, src: &Tensor, reduce: &str, out: Out|
                i::scatter(x, dim, index, src, Reduce::joined(reduce)?, out),
        "scatter(Tensor self, int dim, Tensor index, Scalar value, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, index: &Tensor, value: Scalar, out: Out| i::scatter_value(x, dim, index, value, Reduce::Set, out),
        "scatter(Tensor self, int dim, Tensor index, Scalar value, *, str reduce, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, index: &Tensor, value: Scalar, reduce: &str, out: Out|
                i::scatter_value(x, dim, index, value, Reduce::joined(reduce)?, out);
    /// Values added at the places that `index` names along `dim`.
    fn method inplace:
        "scatter_add(Tensor self, int dim, Tensor index, Tensor src, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, index: &Tensor, src: &Tensor, out: Out| i::scatter(x, dim, index, src, Reduce::Sum, out);
    /// Values reduced (sum, prod, mean, amax, amin) into the places that `index` names along `dim`.
    fn method inplace:
        "scatter_reduce(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, index: &Tensor, src: &Tensor, reduce: &str, own: bool, out: Out|
                i::scatter_reduce(x, dim, index, src, reduce, own, out);

    /// Whole slices at a list of places along `dim`.
    fn method: "index_select(Tensor self, int dim, Tensor index, *, Tensor? out=None) -> Tensor" => i::index_select_to;
    /// Slices added at a list of places along `dim`.
    fn method inplace:
        "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1, Tensor? out=None) -> Tensor" => i::index_add;
    /// Slices written at a list of places along `dim`.
    fn method inplace: "index_copy(Tensor self, int dim, Tensor index, Tensor source, *, Tensor? out=None) -> Tensor" => i::index_copy;
    /// One value in the slices at a list of places along `dim`.
    fn method inplace:
        "index_fill(Tensor self, int dim, Tensor index, Tensor value) -> Tensor" => i::index_fill,
        "index_fill(Tensor self, int dim, Tensor index, Scalar value) -> Tensor"
            => |x: &Tensor, dim: i64, index: &Tensor, value: Scalar, out: Out|
                i::index_fill(x, dim, index, &Tensor::scalar(value, value.dtype())?, out);
    /// Slices reduced (prod, mean, amax, amin) into a list of places along `dim`.
    fn method inplace:
        "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, index: &Tensor, source: &Tensor, reduce: &str, own: bool, out: Out|
                i::index_reduce(x, dim, index, source, reduce, own, out);

    /// Values at the places that tensors name, dimension by dimension.
    fn method inplace:
        "index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor"
            => |x: &Tensor, indices: Vec<Option<Tensor>>, values: &Tensor, accumulate: bool, out: Out|
                i::index_put(x, &indices, values, accumulate, out);

    /// Elements of the whole, seen as one row.
    fn method: "take(Tensor self, Tensor index, *, Tensor? out=None) -> Tensor" => i::take;
    /// Elements written to places of the whole, seen as one row.
    fn method inplace: "put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor" => i::put_at;
    /// Elements along `dim` at places that broadcast against the input.
    fn method: "take_along_dim(Tensor self, Tensor indices, int? dim=None, *, Tensor? out=None) -> Tensor" => i::take_along_dim;

    /// A value where the mask is true.
    fn method inplace:
        "masked_fill(Tensor self, Tensor mask, Tensor value) -> Tensor" => i::masked_fill,
        "masked_fill(Tensor self, Tensor mask, Scalar value) -> Tensor" => i::masked_fill_scalar;
    /// The elements that the mask lets through, in a row.
    fn method: "masked_select(Tensor self, Tensor mask, *, Tensor? out=None) -> Tensor" => i::masked_select_to;
    /// The elements of `source`, in order, where the mask is true.
    fn method inplace: "masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor" => i::masked_scatter;

    /// The indices of what is not zero: a row for each place, or with `as_tuple` a tensor for each dimension.
    fn method:
        "nonzero(Tensor self, *, Tensor? out=None) -> Tensor" => i::nonzero,
        "nonzero(Tensor self, *, bool as_tuple) -> Any" => |x: &Tensor, columns: bool| -> PyResult<Py<PyAny>> {
            // SAFETY: functions of the table are called with the GIL held.
            let py = unsafe { Python::assume_attached() };
            if !columns {
                return Ok(crate::class::wrap(py, i::nonzero(x).py()?)?.unbind());
            }
            let columns = i::nonzero_columns(x).py()?.into_iter().map(|t| crate::class::wrap(py, t));
            Ok(PyTuple::new(py, columns.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
        };
    /// The places of the elements that are not zero, one a row: int64 [count, dims].
    fn method: "argwhere(Tensor self) -> Tensor" => i::nonzero;
    /// The places of the first `size` elements that are not zero, filled up with `fill_value`.
    fn method: "nonzero_static(Tensor self, *, int size, int fill_value=-1, Tensor? out=None) -> Tensor" => i::nonzero_static;

    /// `input` where the condition is true, else `other`; with a condition alone, the indices of what is not zero.
    fn:
        "where(Tensor condition, Tensor input, Tensor other, *, Tensor? out=None) -> Tensor"
            => |condition: &Tensor, a: &Tensor, b: &Tensor, out: Out| ternary::where_op(condition.into(), a.into(), b.into(), out),
        "where(Tensor condition, Scalar self, Tensor other) -> Tensor"
            => |condition: &Tensor, a: Scalar, b: &Tensor| ternary::where_op(condition.into(), Operand::Scalar(a), b.into(), Out::New),
        "where(Tensor condition, Tensor input, Scalar other) -> Tensor"
            => |condition: &Tensor, a: &Tensor, b: Scalar| ternary::where_op(condition.into(), a.into(), Operand::Scalar(b), Out::New),
        "where(Tensor condition, Scalar self, Scalar other) -> Tensor"
            => |condition: &Tensor, a: Scalar, b: Scalar|
                ternary::where_op(condition.into(), Operand::Scalar(a), Operand::Scalar(b), Out::New),
        "where(Tensor condition) -> Tensor[]" => i::nonzero_columns;
    /// The tensor where `condition` holds, `other` elsewhere.
    method:
        "where(Tensor self, Tensor condition, Tensor other) -> Tensor"
            => |a: &Tensor, condition: &Tensor, b: &Tensor| ternary::where_op(condition.into(), a.into(), b.into(), Out::New),
        "where(Tensor self, Tensor condition, Scalar other) -> Tensor"
            => |a: &Tensor, condition: &Tensor, b: Scalar| ternary::where_op(condition.into(), a.into(), Operand::Scalar(b), Out::New);

    /// Whether each element occurs among others.
    fn:
        "isin(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, tests: &Tensor, _: bool, invert: bool| i::isin(x, tests, invert),
        "isin(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, test: Scalar, _: bool, invert: bool| i::isin(x, &of_number(test, x)?, invert),
        "isin(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False, Tensor? out=None) -> Tensor"
            => |x: Scalar, tests: &Tensor, _: bool, invert: bool| i::isin(&of_number(x, tests)?, tests, invert);

    /// Coordinates of places in the row of a tensor's elements.
    fn: "unravel_index(Tensor indices, int[1] shape) -> Tensor[]"
        => |places: &Tensor, shape: Dims| i::unravel_index(places, &shape);

    /// Rows of a table at the indices.
    fn: "embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor"
        => |weight: &Tensor, indices: &Tensor, padding: i64, by_freq: bool, _: bool| i::embedding(weight, indices, padding, by_freq);
    /// The gradient of an embedding's weight: rows of `grad_output` added up by their indices.
    fn: "embedding_dense_backward(Tensor grad_output, Tensor indices, int num_weights, int padding_idx, bool scale_grad_by_freq) -> Tensor"
        => i::embedding_backward;
    /// Shortens the rows asked for that are longer than `max_norm`, in place.
    fn: "embedding_renorm_(Tensor self, Tensor indices, float max_norm, float norm_type) -> Tensor"
        => |weight: &Tensor, indices: &Tensor, max_norm: f64, p: f64|
            i::embedding_renorm_(weight, indices, max_norm, p).map(|()| weight.clone());
    /// Sums, means or maxima of bags of rows of a table.
    fn:
        "embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)"
            => |w: &Tensor, at: &Tensor, offsets: &Tensor, by_freq: bool, mode: i64, _: bool, each: Option<&Tensor>, last: bool|
                bag(w, at, offsets, by_freq, mode, each, last, None),
        "embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> (Tensor, Tensor, Tensor, Tensor)"
            => |w: &Tensor, at: &Tensor, offsets: &Tensor, by_freq: bool, mode: i64, _: bool, each: Option<&Tensor>, last: bool, padding: Option<i64>|
                bag(w, at, offsets, by_freq, mode, each, last, padding);
    /// 1 at each index, 0 elsewhere, in a new last dimension.
    nn: "one_hot(Tensor self, int num_classes=-1) -> Tensor" => i::one_hot;
}
