//! The special methods of Tensor that are no operators.

use super::{PyTensor, number, tensor_of, wrap};
use crate::error::Raise;
use crate::{args, data, dlpack, graph, output, overrides};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyTuple, PyType};
use rushlight::{DType, Scalar};

/// The one element, for Python's conversions.
fn only(slf: &Bound<PyTensor>, what: &str) -> PyResult<Scalar> {
    let tensor = tensor_of(slf.as_any());
    graph::looks_at(slf.py(), tensor, what)?;
    if tensor.numel() != 1 {
        let text = format!("a Tensor with {} elements cannot be converted to Scalar", tensor.numel());
        return Err(PyRuntimeError::new_err(text));
    }
    tensor.item().py()
}

#[pymethods]
impl PyTensor {
    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        graph::sizes_are_fixed(slf, "Using len to get tensor shape")?;
        match tensor_of(slf.as_any()).shape() {
            [] => Err(PyTypeError::new_err("len() of a 0-d tensor")),
            [n, ..] => Ok(*n),
        }
    }
    fn __bool__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        match tensor_of(slf.as_any()).numel() {
            1 => Ok(!only(slf, "a Python boolean")?.is_zero()),
            0 => Err(PyRuntimeError::new_err("Boolean value of Tensor with no values is ambiguous")),
            _ => Err(PyRuntimeError::new_err("Boolean value of Tensor with more than one value is ambiguous")),
        }
    }
    fn __int__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match only(slf, "a Python integer")? {
            Scalar::Complex(re, im) if im != 0.0 => {
                let text = format!("value cannot be converted to type int64_t without overflow: {re}+{im}j");
                Err(PyRuntimeError::new_err(text))
            }
            Scalar::Float(f) | Scalar::Complex(f, _) => {
                py.get_type::<pyo3::types::PyInt>().call1((f,)) // Python's int() has its own words for nan and inf
            }
            scalar => Ok(scalar.to_i64().into_pyobject(py)?.into_any()),
        }
    }
    fn __float__(slf: &Bound<'_, Self>) -> PyResult<f64> {
        match only(slf, "a Python float")? {
            Scalar::Complex(re, im) if im != 0.0 => {
                let text = format!("value cannot be converted to type double without overflow: {re}+{im}j");
                Err(PyRuntimeError::new_err(text))
            }
            scalar => Ok(scalar.to_f64()),
        }
    }
    fn __complex__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let scalar = only(slf, "a Python complex number")?.to_complex();
        output::number(slf.py(), Scalar::Complex(scalar.re, scalar.im))
    }
    fn __index__(slf: &Bound<'_, Self>) -> PyResult<i64> {
        let tensor = tensor_of(slf.as_any());
        if tensor.numel() != 1 || !(tensor.dtype().is_int() || tensor.dtype() == DType::Bool) {
            return Err(PyTypeError::new_err("only integer tensors of a single element can be converted to an index"));
        }
        Ok(only(slf, "a Python index")?.to_i64())
    }
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyIterator>> {
        if let Some(answer) = number::asked("__iter__", slf.as_any())? {
            return answer.try_iter();
        }
        let tensor = tensor_of(slf.as_any());
        let Some(&n) = tensor.shape().first() else { return Err(PyTypeError::new_err("iteration over a 0-d tensor")) };
        graph::sizes_are_fixed(slf, "Iterating over a tensor")?;
        let items: Vec<_> = (0..n).map(|i| wrap(slf.py(), tensor.select(0, i as _).py()?)).collect::<PyResult<_>>()?;
        PyTuple::new(slf.py(), items)?.try_iter()
    }
    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        (slf.as_ptr() as isize) >> 4
    }
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        if let Some(answer) = number::asked("__repr__", slf.as_any())? {
            return answer.extract();
        }
        slf.py().import("rushlight._tensor_str")?.call_method1("_str", (slf,))?.extract()
    }

    // ---- arrays of others

    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = data::buffer::to_array(slf.py(), tensor_of(slf.as_any()), false)?;
        let array = match dtype.filter(|dtype| !dtype.is_none()) {
            Some(dtype) if copy == Some(false) && !array.getattr("dtype")?.eq(dtype)? => {
                let text = "Unable to avoid copy while creating an array as requested.";
                return Err(PyValueError::new_err(text));
            }
            Some(dtype) => {
                let no_copy = PyDict::new(slf.py());
                no_copy.set_item("copy", false)?;
                array.call_method("astype", (dtype,), Some(&no_copy))?
            }
            None => array,
        };
        if copy == Some(true) { array.call_method0("copy") } else { Ok(array) }
    }
    /// What NumPy's functions give for a tensor comes back as a tensor.
    #[pyo3(signature = (array, context=None, return_scalar=false))]
    fn __array_wrap__<'py>(
        slf: &Bound<'py, Self>,
        array: &Bound<'py, PyAny>,
        context: Option<&Bound<'py, PyAny>>,
        return_scalar: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = (context, return_scalar);
        wrap(slf.py(), data::as_tensor(array.as_borrowed(), None, None)?)
    }
    #[pyo3(signature = (*, stream=None, max_version=None, dl_device=None, copy=None))]
    fn __dlpack__<'py>(
        slf: &Bound<'py, Self>,
        stream: Option<&Bound<'py, PyAny>>,
        max_version: Option<&Bound<'py, PyAny>>,
        dl_device: Option<(i32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if stream.is_some_and(|stream| !stream.is_none() && stream.extract::<i64>().is_err()) {
            return Err(PyTypeError::new_err("stream must be int or none"));
        }
        if dl_device.is_some_and(|(kind, _)| kind != 1) {
            return Err(PyValueError::new_err(format!(
                "__dlpack__: expected dl_device (1, 0), the CPU, got {dl_device:?}"
            )));
        }
        let versioned = match max_version {
            Some(version) if !version.is_none() => version.get_item(0)?.extract::<i64>()? >= 1,
            _ => false,
        };
        let tensor = tensor_of(slf.as_any());
        match copy {
            Some(true) => dlpack::to_dlpack(slf.py(), &tensor.detach().to_cpu().py()?.copy().py()?, versioned, true),
            _ => dlpack::to_dlpack(slf.py(), tensor, versioned, false),
        }
    }
    fn __dlpack_device__(slf: &Bound<Self>) -> (i32, i32) {
        let on_device = tensor_of(slf.as_any()).storage().device_memory().is_some();
        (if on_device { dlpack::WEBGPU } else { 1 }, 0)
    }

    // ---- overriding

    #[classmethod]
    #[pyo3(signature = (func, types, args=None, kwargs=None))]
    fn __torch_function__<'py>(
        cls: &Bound<'py, PyType>,
        func: &Bound<'py, PyAny>,
        types: &Bound<'py, PyAny>,
        args: Option<&Bound<'py, PyAny>>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = cls.py();
        for class in types.try_iter()? {
            let class = class?.cast_into::<PyType>()?;
            if !cls.is_subclass(&class)? {
                return Ok(py.NotImplemented().into_bound(py));
            }
        }
        let args = match args {
            Some(args) => PyTuple::new(py, args.try_iter()?.collect::<PyResult<Vec<_>>>()?)?,
            None => PyTuple::empty(py),
        };
        overrides::default(cls.as_any(), func, &args, kwargs)
    }

    // ---- Python's protocols for copies and text, whose work is in `rushlight/_tensor.py`

    fn __deepcopy__<'py>(slf: &Bound<'py, Self>, memo: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        in_python(slf, "_deepcopy", (slf, memo))
    }
    fn __reduce_ex__<'py>(slf: &Bound<'py, Self>, protocol: i64) -> PyResult<Bound<'py, PyAny>> {
        in_python(slf, "_reduce_ex", (slf, protocol))
    }
    fn __setstate__<'py>(slf: &Bound<'py, Self>, state: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        in_python(slf, "_setstate", (slf, state))
    }
    fn __format__<'py>(slf: &Bound<'py, Self>, spec: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        in_python(slf, "_format", (slf, spec))
    }
    fn __contains__<'py>(slf: &Bound<'py, Self>, item: &Bound<'py, PyAny>) -> PyResult<bool> {
        if !args::is_number(item.as_borrowed()) && !super::is_tensor(item.as_borrowed()) {
            let class = item.get_type();
            return Err(PyRuntimeError::new_err(format!(
                "Tensor.__contains__ only supports Tensor or scalar, but you passed in a {class}."
            )));
        }
        in_python(slf, "_contains", (slf, item))?.is_truthy()
    }
    fn __reversed__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let tensor = tensor_of(slf.as_any());
        if tensor.ndim() == 0 { Ok(slf.clone().into_any()) } else { slf.call_method1("flip", (0,)) }
    }
    fn __dir__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        in_python(slf, "_dir", (slf,))
    }
}

fn in_python<'py, A>(slf: &Bound<'py, PyTensor>, name: &str, args: A) -> PyResult<Bound<'py, PyAny>>
where
    A: pyo3::call::PyCallArgs<'py>,
{
    slf.py().import("rushlight._tensor")?.call_method1(name, args)
}
