//! A tensor's elements as Python numbers in nested lists.

use crate::error::Raise;
use crate::output::number;
use pyo3::ffi;
use pyo3::prelude::*;
use rushlight::{DType, Tensor};

/// `x.tolist()`; a number for a 0-dim tensor.
pub fn tolist<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    crate::graph::looks_at(py, tensor, "a Python list")?;
    let tensor = tensor.to_cpu().py()?;
    let (shape, strides) = (tensor.shape(), tensor.strides());
    nest(py, tensor.ptr(), tensor.dtype(), shape, strides)
}

fn nest<'py>(
    py: Python<'py>,
    from: *mut u8,
    dtype: DType,
    shape: &[usize],
    strides: &[isize],
) -> PyResult<Bound<'py, PyAny>> {
    let ([n, shape @ ..], [stride, strides @ ..]) = (shape, strides) else {
        // SAFETY: an element inside the tensor, which the caller keeps.
        return number(py, unsafe { rushlight::tensor::load(from, dtype) });
    };
    // SAFETY: a new list of n empty slots, each of which is filled or the list dropped with what it has.
    let list = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyList_New(*n as ffi::Py_ssize_t))? };
    for i in 0..*n {
        let at = from.wrapping_offset(i as isize * stride * dtype.size() as isize);
        let item = match (shape, dtype) {
            // SAFETY: an element inside the tensor.
            ([], DType::F32) => unsafe {
                Bound::from_owned_ptr_or_err(py, ffi::PyFloat_FromDouble(at.cast::<f32>().read_unaligned() as f64))?
            },
            _ => nest(py, at, dtype, shape, strides)?,
        };
        // SAFETY: slot i of the new list is empty.
        unsafe { ffi::PyList_SET_ITEM(list.as_ptr(), i as ffi::Py_ssize_t, item.into_ptr()) };
    }
    Ok(list)
}
