//! Properties and special methods of Tensor.

use super::{PyTensor, tensor_of};
use crate::error::Raise;
use crate::types::{self, Device};
use crate::{class, data, overrides};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

#[pymethods]
impl PyTensor {
    #[getter]
    fn shape<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        types::size(slf.py(), tensor_of(slf.as_any()).shape())
    }
    #[getter]
    fn dtype<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        types::dtype_object(slf.py(), tensor_of(slf.as_any()).dtype())
    }
    #[getter]
    fn device<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        types::device_object(slf.py(), Device::of(tensor_of(slf.as_any())))
    }
    #[getter]
    fn layout<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        types::layout(slf.py(), "strided")
    }
    #[getter]
    fn ndim(slf: &Bound<'_, Self>) -> usize {
        tensor_of(slf.as_any()).ndim()
    }
    #[getter]
    fn requires_grad(slf: &Bound<'_, Self>) -> bool {
        tensor_of(slf.as_any()).requires_grad()
    }
    #[setter]
    fn set_requires_grad(slf: &Bound<'_, Self>, on: bool) -> PyResult<()> {
        tensor_of(slf.as_any()).set_requires_grad(on).py()
    }
    #[getter]
    fn is_leaf(slf: &Bound<'_, Self>) -> bool {
        let tensor = tensor_of(slf.as_any());
        !tensor.requires_grad() || tensor.is_leaf()
    }
    #[getter]
    fn grad<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        match tensor_of(slf.as_any()).grad() {
            Some(grad) => class::wrap(slf.py(), grad),
            None => Ok(slf.py().None().into_bound(slf.py())),
        }
    }
    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        match tensor_of(slf.as_any()).shape() {
            [] => Err(PyTypeError::new_err("len() of a 0-d tensor")),
            [n, ..] => Ok(*n),
        }
    }
    fn __bool__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let tensor = tensor_of(slf.as_any());
        match tensor.numel() {
            1 => Ok(!tensor.item().py()?.is_zero()),
            0 => Err(PyRuntimeError::new_err("Boolean value of Tensor with no values is ambiguous")),
            _ => Err(PyRuntimeError::new_err("Boolean value of Tensor with more than one value is ambiguous")),
        }
    }
    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        (slf.as_ptr() as isize) >> 4
    }
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        if let Ok(module) = slf.py().import("rushlight._tensor_str") {
            return module.call_method1("_str", (slf,))?.extract();
        }
        let tensor = tensor_of(slf.as_any());
        let values = data::list::tolist(slf.py(), tensor)?;
        Ok(format!("tensor({}, dtype=torch.{})", values.repr()?, tensor.dtype().name()))
    }
    #[classattr]
    fn __array_priority__() -> f64 {
        1000.0
    }
    #[classmethod]
    #[pyo3(signature = (func, types, args, kwargs=None))]
    fn __torch_function__<'py>(
        cls: &Bound<'py, PyType>,
        func: &Bound<'py, PyAny>,
        types: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        for class in types.try_iter()? {
            let class = class?.cast_into::<PyType>()?;
            if class.is_subclass_of::<PyTensor>()? && !cls.is_subclass(&class)? {
                return Ok(cls.py().NotImplemented().into_bound(cls.py()));
            }
        }
        overrides::default(cls.as_any(), func, args, kwargs)
    }
}
