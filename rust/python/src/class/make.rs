//! `Tensor(…)` and what else makes a Python object for a tensor.

use super::{PyTensor, is_tensor, pending, tensor_of, wrap_as};
use crate::args::{self, Value};
use crate::error::Raise;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use rushlight::dtype::default_dtype;
use rushlight::{DType, Tensor};

#[pymethods]
impl PyTensor {
    /// `Tensor()`, `Tensor(2, 3)`, `Tensor(sequence)`, `Tensor(tensor)`: the constructor from before `torch.tensor`.
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn __new__(args: &Bound<PyTuple>, kwargs: Option<&Bound<PyDict>>) -> PyResult<PyTensor> {
        match pending() {
            Some(tensor) => Ok(PyTensor::new(tensor)),
            None => legacy(args, kwargs, default_dtype()).map(PyTensor::new),
        }
    }

    /// `x.new(…)`: the old constructor, with the dtype of x.
    #[pyo3(name = "new", signature = (*args, **kwargs))]
    fn new_legacy<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        super::wrap(slf.py(), legacy(args, kwargs, tensor_of(slf.as_any()).dtype())?)
    }

    /// A tensor of the class `cls` over the memory of `data`, outside of data's graph.
    #[staticmethod]
    #[pyo3(signature = (cls, data, require_grad=false))]
    fn _make_subclass<'py>(
        cls: &Bound<'py, PyType>,
        data: &Bound<'py, PyAny>,
        require_grad: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !is_tensor(data.as_borrowed()) {
            let text = format!("_make_subclass(): argument 'data' must be Tensor, not {}", data.get_type().name()?);
            return Err(PyTypeError::new_err(text));
        }
        let tensor = tensor_of(data).detach();
        tensor.set_requires_grad(require_grad).py()?;
        wrap_as(tensor, cls)
    }

    /// The same tensor as an object of the class `cls`, in the graph.
    fn as_subclass<'py>(slf: &Bound<'py, Self>, cls: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
        if !cls.is_subclass_of::<PyTensor>()? {
            return Err(PyTypeError::new_err(format!("as_subclass(): {} is no subclass of Tensor", cls.name()?)));
        }
        let tensor = tensor_of(slf.as_any());
        wrap_as(crate::functions::alias(tensor).py()?, cls)
    }
}

/// The old constructors, also of `FloatTensor` and its like.
pub fn legacy(args: &Bound<PyTuple>, kwargs: Option<&Bound<PyDict>>, dtype: DType) -> PyResult<Tensor> {
    let py = args.py();
    if let Some(kwargs) = kwargs {
        for (name, value) in kwargs {
            match name.extract::<String>()?.as_str() {
                "device" if value.is_none() || crate::types::device(value.as_borrowed())?.is_cpu() => {}
                "device" => return Err(PyTypeError::new_err("Tensor(): the old constructor makes CPU tensors")),
                "data" if args.is_empty() => return legacy(&PyTuple::new(py, [value])?, None, dtype),
                other => {
                    let text = format!("new() received an invalid combination of arguments: unknown keyword '{other}'");
                    return Err(PyTypeError::new_err(text));
                }
            }
        }
    }
    let items = args::items(args.as_any().as_borrowed());
    match items {
        [] => return Tensor::empty(&[0], dtype).py(),
        [one] if is_tensor(*one) => {
            let tensor = super::tensor(*one);
            if tensor.dtype() != dtype {
                let text = format!("expected {dtype} (got {})", tensor.dtype());
                return Err(PyTypeError::new_err(text));
            }
            return crate::functions::alias(&tensor.detach()).py();
        }
        [one] if one.get_type().name()? == "Size" => {
            return empty(&args::dims(Value::One(*one), None)?, dtype);
        }
        [one] if !args::is_int(*one) => return crate::data::from_data(&one.to_owned(), Some(dtype), None),
        _ => {}
    }
    if items.iter().all(|item| args::is_int(*item)) {
        return empty(&args::dims(Value::Rest(items), None)?, dtype);
    }
    let given: Vec<String> = args.iter().map(|a| a.get_type().to_string()).collect();
    let text = format!("new() received an invalid combination of arguments - got ({})", given.join(", "));
    Err(PyTypeError::new_err(text))
}

fn empty(size: &[i64], dtype: DType) -> PyResult<Tensor> {
    Tensor::empty(&crate::functions::shape("empty", size).py()?, dtype).py()
}

/// `FloatTensor(…)` and its like.
#[pyfunction]
#[pyo3(signature = (dtype, *args, **kwargs))]
fn _legacy_tensor<'py>(
    dtype: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    super::wrap(args.py(), legacy(args, kwargs, crate::types::dtype(dtype.as_borrowed())?)?)
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_legacy_tensor, m)?)
}
