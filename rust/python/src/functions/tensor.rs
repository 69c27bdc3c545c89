//! What a tensor says of itself, its way to other types and devices, and its place in autograd.

use crate::call::table;
use crate::{data, types};
use pyo3::prelude::*;
use rushlight::dtype::default_dtype;
use rushlight::Tensor;

/// A place in Python's sense, counted from the end if negative.
fn dim(x: &Tensor, dim: i64) -> rushlight::Result<usize> {
    rushlight::layout::wrap_dim("size", dim, x.ndim())
}

table! {
    /// How many elements there are.
    fn method: "numel(Tensor self) -> int" => Tensor::numel;
    method: "nelement(Tensor self) -> int" => Tensor::numel;
    method: "dim(Tensor self) -> int" => Tensor::ndim;
    method: "ndimension(Tensor self) -> int" => Tensor::ndim;
    method: "element_size(Tensor self) -> int" => |x: &Tensor| x.dtype().size();
    method: "storage_offset(Tensor self) -> int" => |x: &Tensor| x.layout().offset();
    method: "data_ptr(Tensor self) -> int" => |x: &Tensor| if x.numel() == 0 { 0 } else { x.ptr() as usize };

    /// The shape, or one of its sizes.
    method: "size(Tensor self, int? dim=None) -> Any" => |x: &Tensor, at: Option<i64>| -> PyResult<Py<PyAny>> {
        // SAFETY: functions of the table are called with the GIL held.
        let py = unsafe { Python::assume_attached() };
        match at {
            Some(at) => Ok(x.shape()[one_dim(x, at)?].into_pyobject(py)?.into_any().unbind()),
            None => Ok(types::size(py, x.shape())?.unbind()),
        }
    };
    method: "stride(Tensor self, int? dim=None) -> Any" => |x: &Tensor, at: Option<i64>| -> PyResult<Py<PyAny>> {
        // SAFETY: as above.
        let py = unsafe { Python::assume_attached() };
        match at {
            Some(at) => Ok(x.strides()[one_dim(x, at)?].into_pyobject(py)?.into_any().unbind()),
            None => Ok(pyo3::types::PyTuple::new(py, x.strides())?.into_any().unbind()),
        }
    };

    /// The value of a tensor of one element as a Python number.
    method: "item(Tensor self) -> Scalar" => Tensor::item;
    /// The elements in nested lists; a number for a 0-dim tensor.
    method: "tolist(Tensor self) -> Any" => |x: &Tensor| -> PyResult<Py<PyAny>> {
        // SAFETY: as above.
        Ok(data::list::tolist(unsafe { Python::assume_attached() }, x)?.unbind())
    };
    /// A NumPy array over the same memory.
    method: "numpy(Tensor self, *, bool force=False) -> Any" => |x: &Tensor, force: bool| -> PyResult<Py<PyAny>> {
        // SAFETY: as above.
        Ok(data::buffer::to_array(unsafe { Python::assume_attached() }, x, force)?.unbind())
    };

    fn method: "is_floating_point(Tensor self) -> bool" => |x: &Tensor| x.dtype().is_float();
    fn method: "is_complex(Tensor self) -> bool" => |x: &Tensor| x.dtype().is_complex();
    fn method: "is_signed(Tensor self) -> bool" => |x: &Tensor| x.dtype().is_signed();

    /// The same memory, outside of the graph.
    fn method: "detach(Tensor self) -> Tensor" => Tensor::detach;
    fn method: "clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor"
        => |x: &Tensor, _: Option<types::MemoryFormat>| x.copy();
    method: "contiguous(Tensor self, *, MemoryFormat memory_format=contiguous_format) -> Tensor"
        => |x: &Tensor, _: types::MemoryFormat| x.contiguous();

    fn: "get_default_dtype() -> ScalarType" => default_dtype;
}

fn one_dim(x: &Tensor, at: i64) -> PyResult<usize> {
    if x.ndim() == 0 {
        let text = "Dimension specified as ".to_string() + &at.to_string() + " but tensor has no dimensions";
        return Err(pyo3::exceptions::PyIndexError::new_err(text));
    }
    dim(x, at).map_err(crate::error::raise)
}
