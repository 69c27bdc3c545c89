//! Tensors from Python's data, and back: nested lists, numbers, arrays, buffers.

pub mod buffer;
pub mod list;

use crate::args::{self, Object};
use crate::class;
use crate::error::Raise;
use crate::types::Device;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyComplex, PyDict, PyFloat, PyInt, PyString};
use rushlight::dtype::default_dtype;
use rushlight::{DType, Scalar, Tensor};
use smallvec::SmallVec;

const MOST_DIMS: usize = 64;

/// `torch.tensor(data)` without the last touches: a copy of the data, with the dtype that it suggests or the one given.
pub fn from_data(data: &Bound<PyAny>, dtype: Option<DType>, device: Option<Device>) -> PyResult<Tensor> {
    let tensor = copy_of(data, dtype)?;
    crate::types::to_device(tensor, device)
}

fn copy_of(data: &Bound<PyAny>, dtype: Option<DType>) -> PyResult<Tensor> {
    let object = data.as_borrowed();
    if class::is_tensor(object) {
        let tensor = class::tensor(object).detach();
        return tensor
            .to(dtype.unwrap_or(tensor.dtype()))
            .and_then(|t| if t.storage().same(tensor.storage()) { t.copy() } else { Ok(t) })
            .py();
    }
    if !args::is_number(object)
        && !args::is_sequence(object)
        && let Some(view) = buffer::view_of(data)?
    {
        return match dtype {
            Some(dtype) if dtype != view.dtype() => view.to(dtype).py(),
            _ => view.copy().py(),
        };
    }
    let dtype = match dtype {
        Some(dtype) => dtype,
        None => infer(object, 0)?.unwrap_or_else(default_dtype),
    };
    let shape = shape_of(data)?;
    let tensor = Tensor::empty(&shape, dtype).py()?;
    let mut writer = Writer { shape: &shape, to: tensor.ptr(), dtype };
    writer.write(object, 0)?;
    Ok(tensor)
}

fn is_string(object: Object) -> bool {
    object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>()
}

/// Something with a length and items, which is not a number, text or mapping. A tensor among data is a number, as in PyTorch.
fn is_sequence(object: Object) -> bool {
    if args::is_sequence(object) {
        return true;
    }
    if class::is_plain_python(object) || is_string(object) || object.is_instance_of::<PyDict>() {
        return false;
    }
    if class::is_tensor(object) {
        return false;
    }
    // SAFETY: asks for slots of the type.
    let indexed = unsafe { pyo3::ffi::PySequence_Check(object.as_ptr()) } != 0;
    indexed && !class::is_numpy_scalar(object, "generic") && object.len().is_ok()
}

/// A tuple or list of a sequence's items.
fn listed<'py>(object: Object<'py>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    if args::is_sequence(object) {
        // SAFETY: the same object, under the GIL that `py` stands for.
        return Ok(unsafe { Bound::from_borrowed_ptr(py, object.as_ptr()) });
    }
    let n = object.len()?;
    let items: Vec<_> = (0..n).map(|i| object.get_item(i)).collect::<PyResult<_>>()?;
    Ok(pyo3::types::PyList::new(py, items)?.into_any())
}

fn shape_of(data: &Bound<PyAny>) -> PyResult<SmallVec<[usize; 5]>> {
    let mut shape = SmallVec::new();
    let mut at = data.clone();
    while is_sequence(at.as_borrowed()) {
        shape.push(at.len()?);
        if shape.len() > MOST_DIMS {
            return Err(PyValueError::new_err("excessive nesting in the data of a tensor"));
        }
        if shape[shape.len() - 1] == 0 {
            break;
        }
        let first = at.get_item(0)?;
        if first.is(&at) {
            return Err(PyTypeError::new_err("new(): self-referential lists are incompatible"));
        }
        at = first;
    }
    Ok(shape)
}

/// The dtype that the data suggests; none for an empty list.
fn infer(object: Object, depth: usize) -> PyResult<Option<DType>> {
    if object.is_exact_instance_of::<PyFloat>() {
        return Ok(Some(default_dtype()));
    } else if object.is_exact_instance_of::<PyInt>() {
        return Ok(Some(DType::I64));
    } else if object.is_exact_instance_of::<PyBool>() {
        return Ok(Some(DType::Bool));
    } else if class::is_tensor(object) {
        return Ok(Some(class::tensor(object).dtype()));
    } else if class::is_numpy_scalar(object, "generic") || class::is_array(object) {
        return buffer::dtype_of(&object.to_owned()).map(Some);
    } else if object.is_instance_of::<PyFloat>() {
        return Ok(Some(default_dtype()));
    } else if object.is_instance_of::<PyInt>() {
        return Ok(Some(DType::I64));
    } else if object.is_instance_of::<PyComplex>() {
        return Ok(Some(default_dtype().to_complex()));
    } else if is_string(object) {
        let class = object.get_type();
        return Err(PyTypeError::new_err(format!("new(): invalid data type '{}'", class.name()?)));
    }
    if !is_sequence(object) {
        let class = object.get_type();
        return Err(PyRuntimeError::new_err(format!("Could not infer dtype of {}", class.name()?)));
    }
    if depth > MOST_DIMS {
        return Err(PyValueError::new_err("excessive nesting in the data of a tensor"));
    }
    let list = listed(object, object.py())?;
    let mut dtype: Option<DType> = None;
    for &item in args::items(list.as_borrowed()) {
        let own = match item.get_type_ptr() {
            _ if item.is_exact_instance_of::<PyFloat>() => default_dtype(),
            _ => match infer(item, depth + 1)? {
                Some(own) => own,
                None => continue,
            },
        };
        dtype = Some(dtype.map_or(own, |d| if d == own { d } else { d.promote(own) }));
    }
    Ok(dtype)
}

struct Writer<'a> {
    shape: &'a [usize],
    to: *mut u8,
    dtype: DType,
}

impl Writer<'_> {
    fn write(&mut self, object: Object, dim: usize) -> PyResult<()> {
        if dim == self.shape.len() {
            return self.one(object);
        }
        if !is_sequence(object) {
            return Err(PyTypeError::new_err("not a sequence"));
        }
        let list = listed(object, object.py())?;
        let (n, expected) = (list.len()?, self.shape[dim]);
        if n != expected {
            let text = format!("expected sequence of length {expected} at dim {dim} (got {n})");
            return Err(PyValueError::new_err(text));
        }
        if dim + 1 == self.shape.len() && self.row(args::items(list.as_borrowed())) {
            return Ok(());
        }
        for i in 0..n {
            // Converting an item may run Python code, which may change the list.
            let Some(item) = args::items(list.as_borrowed()).get(i).map(|item| item.to_owned()) else {
                return Err(PyValueError::new_err("the list changed while it was read"));
            };
            self.write(item.as_borrowed(), dim + 1)?;
        }
        Ok(())
    }

    /// A row of Python floats (or ints) into one of the usual dtypes, quickly; false if there is anything else in it.
    fn row(&mut self, items: &[Object]) -> bool {
        let floats = items.iter().all(|item| item.is_exact_instance_of::<PyFloat>());
        let value = |item: &Object| unsafe { pyo3::ffi::PyFloat_AS_DOUBLE(item.as_ptr()) };
        match self.dtype {
            // SAFETY: exact floats; `to` is inside the new tensor, which has room for the row.
            DType::F32 if floats => unsafe {
                let to = std::slice::from_raw_parts_mut(self.to.cast::<f32>(), items.len());
                to.iter_mut().zip(items).for_each(|(to, item)| *to = value(item) as f32);
            },
            // SAFETY: as above.
            DType::F64 if floats => unsafe {
                let to = std::slice::from_raw_parts_mut(self.to.cast::<f64>(), items.len());
                to.iter_mut().zip(items).for_each(|(to, item)| *to = value(item));
            },
            _ => return false,
        }
        self.to = self.to.wrapping_add(items.len() * self.dtype.size());
        true
    }

    fn one(&mut self, object: Object) -> PyResult<()> {
        let scalar = number(object, self.dtype)?;
        // SAFETY: inside the new tensor: `write` goes once over its shape.
        unsafe { rushlight::tensor::store(self.to, self.dtype, scalar) };
        self.to = self.to.wrapping_add(self.dtype.size());
        Ok(())
    }
}

/// One element, checked against the dtype as PyTorch does.
pub fn number(object: Object, dtype: DType) -> PyResult<Scalar> {
    let scalar = if class::is_tensor(object) {
        let tensor = class::tensor(object);
        if tensor.numel() != 1 {
            let shape = tensor.shape();
            return Err(PyValueError::new_err(format!(
                "only one element tensors can be converted to Python scalars, got one of shape {shape:?}: torch.stack \
                 or torch.cat join tensors"
            )));
        }
        tensor.item().py()?
    } else if args::is_number(object) {
        match dtype {
            DType::Bool => Scalar::Bool(object.is_truthy()?),
            _ => args::scalar(object).map_err(|error| wide_int(object, dtype, error))?,
        }
    } else if is_sequence(object) {
        let n = object.len()?;
        if n != 1 || !class::is_array(object) {
            return Err(PyValueError::new_err("only one element tensors can be converted to Python scalars"));
        }
        args::scalar(object.call_method0("item")?.as_borrowed())?
    } else {
        let class = object.get_type();
        let text = if dtype.is_float() || dtype.is_complex() {
            "must be real number, not"
        } else {
            "an integer is required, not"
        };
        return Err(PyTypeError::new_err(format!("{text} {}", class.name()?)));
    };
    check(scalar, dtype)?;
    Ok(scalar)
}

/// A Python int beyond 64 bits is fine where floats are wanted.
fn wide_int(object: Object, dtype: DType, error: PyErr) -> PyErr {
    match (dtype.is_differentiable(), object.extract::<f64>()) {
        (true, Ok(_)) => error,
        _ => error,
    }
}

fn check(scalar: Scalar, dtype: DType) -> PyResult<()> {
    let range = match dtype {
        DType::U8 => (0, 255),
        DType::I8 => (-128, 127),
        DType::I16 => (-32768, 32767),
        DType::I32 => (i32::MIN as i64, i32::MAX as i64),
        _ => {
            return if matches!(scalar, Scalar::Complex(_, im) if im != 0.0)
                && !dtype.is_complex()
                && dtype != DType::Bool
            {
                let name = dtype.name();
                Err(PyRuntimeError::new_err(format!("value cannot be converted to type {name} without overflow")))
            } else {
                Ok(())
            };
        }
    };
    match scalar {
        // PyTorch lets negative numbers wrap into uint8, and nothing else.
        Scalar::Int(i) if i < range.0 - if dtype == DType::U8 { 255 } else { 0 } || i > range.1 => {
            let name = dtype.name();
            Err(PyRuntimeError::new_err(format!("value cannot be converted to type {name} without overflow")))
        }
        _ => Ok(()),
    }
}

/// `torch.tensor`.
pub fn tensor(data: Object, dtype: Option<DType>, device: Option<Device>, requires_grad: bool) -> PyResult<Tensor> {
    if class::is_tensor(data) {
        let text = "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or \
                    sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).";
        PyErr::warn(data.py(), &data.py().get_type::<PyUserWarning>(), &std::ffi::CString::new(text)?, 1)?;
    }
    let tensor = from_data(&data.to_owned(), dtype, device)?;
    if requires_grad {
        tensor.set_requires_grad(true).py()?;
    }
    Ok(tensor)
}

/// `torch.as_tensor`: no copy where none is needed.
pub fn as_tensor(data: Object, dtype: Option<DType>, device: Option<Device>) -> PyResult<Tensor> {
    let shared = if class::is_tensor(data) {
        Some(class::tensor(data).clone())
    } else if !args::is_number(data) && !args::is_sequence(data) {
        buffer::view_of(&data.to_owned())?
    } else {
        None
    };
    match shared {
        Some(shared) => {
            let tensor = shared.to(dtype.unwrap_or(shared.dtype())).py()?;
            match device {
                Some(device) => crate::types::to_device(tensor, Some(device)),
                None => Ok(tensor),
            }
        }
        None => from_data(&data.to_owned(), dtype, device),
    }
}

/// `torch.asarray`.
pub fn as_array(
    data: Object,
    dtype: Option<DType>,
    device: Option<Device>,
    copy: Option<bool>,
    requires_grad: bool,
) -> PyResult<Tensor> {
    let tensor = match copy {
        Some(true) => from_data(&data.to_owned(), dtype, device)?,
        _ => as_tensor(data, dtype, device)?,
    };
    let shares = || -> PyResult<bool> {
        Ok(match () {
            () if class::is_tensor(data) => tensor.storage().same(class::tensor(data).storage()),
            () => tensor.storage().owner().is_some(),
        })
    };
    if copy == Some(false) && !shares()? {
        return Err(PyValueError::new_err(
            "asarray(): can't alias the data: it needs a copy, and copy=False forbids one",
        ));
    }
    if class::is_tensor(data) && tensor.requires_grad() == requires_grad {
        return Ok(tensor);
    }
    let tensor = if tensor.requires_grad() || requires_grad { tensor.detach() } else { tensor };
    tensor.set_requires_grad(requires_grad).py()?;
    Ok(tensor)
}
