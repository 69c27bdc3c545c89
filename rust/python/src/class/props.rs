//! Properties of Tensor: what it is, where it lives, its place in autograd, and other looks at its memory.

use super::{PyTensor, is_tensor, replace, tensor_of, wrap};
use crate::autograd;
use crate::error::Raise;
use crate::types::{self, Device};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyUserWarning};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rushlight::{DType, Tensor};

/// `FloatTensor`: what PyTorch calls the type of a CPU tensor.
pub fn type_name(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "BoolTensor",
        DType::U8 => "ByteTensor",
        DType::I8 => "CharTensor",
        DType::I16 => "ShortTensor",
        DType::I32 => "IntTensor",
        DType::I64 => "LongTensor",
        DType::F16 => "HalfTensor",
        DType::BF16 => "BFloat16Tensor",
        DType::F32 => "FloatTensor",
        DType::F64 => "DoubleTensor",
        DType::C64 => "ComplexFloatTensor",
        DType::C128 => "ComplexDoubleTensor",
    }
}

fn view<'py>(
    slf: &Bound<'py, PyTensor>,
    look: fn(&Tensor) -> rushlight::Result<Tensor>,
) -> PyResult<Bound<'py, PyAny>> {
    wrap(slf.py(), look(tensor_of(slf.as_any())).py()?)
}

/// All dimensions the other way round.
fn reversed(x: &Tensor) -> rushlight::Result<Tensor> {
    let n = x.ndim() as i64;
    let mut result = if n < 2 { crate::functions::alias(x)? } else { x.clone() };
    for d in 0..n / 2 {
        result = result.transpose(d, n - 1 - d)?;
    }
    Ok(result)
}

fn matrices(x: &Tensor, what: &str) -> PyResult<()> {
    if x.ndim() >= 2 {
        return Ok(());
    }
    let text =
        format!("tensor.{what} is only supported on matrices or batches of matrices. Got {}-D tensor.", x.ndim());
    Err(PyRuntimeError::new_err(text))
}

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
    fn itemsize(slf: &Bound<'_, Self>) -> usize {
        tensor_of(slf.as_any()).dtype().size()
    }
    #[getter]
    fn nbytes(slf: &Bound<'_, Self>) -> usize {
        let tensor = tensor_of(slf.as_any());
        tensor.numel() * tensor.dtype().size()
    }
    #[getter]
    fn names<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        let none = slf.py().None();
        pyo3::types::PyTuple::new(slf.py(), (0..tensor_of(slf.as_any()).ndim()).map(|_| none.bind(slf.py())))
    }
    #[getter]
    fn name(&self) -> Option<String> {
        None
    }
    #[getter]
    fn _backward_hooks(&self) -> Option<String> {
        None
    }

    // ---- device and layout

    #[getter]
    fn is_cpu(slf: &Bound<'_, Self>) -> bool {
        Device::of(tensor_of(slf.as_any())).is_cpu()
    }
    #[getter]
    fn is_gpu(slf: &Bound<'_, Self>) -> bool {
        !Device::of(tensor_of(slf.as_any())).is_cpu()
    }
    #[getter]
    fn is_cuda(&self) -> bool {
        false
    }
    #[getter]
    fn is_mps(&self) -> bool {
        false
    }
    #[getter]
    fn is_xpu(&self) -> bool {
        false
    }
    #[getter]
    fn is_xla(&self) -> bool {
        false
    }
    #[getter]
    fn is_vulkan(&self) -> bool {
        false
    }
    #[getter]
    fn is_meta(&self) -> bool {
        false
    }
    #[getter]
    fn is_sparse(&self) -> bool {
        false
    }
    #[getter]
    fn is_sparse_csr(&self) -> bool {
        false
    }
    #[getter]
    fn is_quantized(&self) -> bool {
        false
    }
    #[getter]
    fn is_nested(&self) -> bool {
        false
    }
    #[getter]
    fn is_mkldnn(&self) -> bool {
        false
    }

    // ---- autograd

    #[getter]
    fn requires_grad(slf: &Bound<'_, Self>) -> bool {
        tensor_of(slf.as_any()).requires_grad()
    }
    #[setter]
    fn set_requires_grad(slf: &Bound<'_, Self>, on: &Bound<'_, PyAny>) -> PyResult<()> {
        let on =
            on.cast::<pyo3::types::PyBool>().map_err(|_| PyRuntimeError::new_err("requires_grad must be a bool"))?;
        set_requires_grad(tensor_of(slf.as_any()), on.is_true())
    }
    #[getter]
    fn is_leaf(slf: &Bound<'_, Self>) -> bool {
        let tensor = tensor_of(slf.as_any());
        !tensor.requires_grad() || tensor.is_leaf()
    }
    #[getter]
    fn retains_grad(slf: &Bound<'_, Self>) -> bool {
        tensor_of(slf.as_any()).retains_grad()
    }
    #[getter]
    fn grad_fn<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        autograd::grad_fn(slf.py(), tensor_of(slf.as_any()))
    }
    #[getter]
    fn output_nr(slf: &Bound<'_, Self>) -> u32 {
        tensor_of(slf.as_any()).output_nr()
    }
    #[getter]
    fn _version(slf: &Bound<'_, Self>) -> PyResult<u32> {
        let tensor = tensor_of(slf.as_any());
        match tensor.is_inference() {
            true => Err(PyRuntimeError::new_err("Inference tensors do not track version counter.")),
            false => Ok(tensor.storage().version()),
        }
    }
    #[getter]
    fn _base<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        match tensor_of(slf.as_any()).base() {
            Some(base) => wrap(slf.py(), base.clone()),
            None => Ok(slf.py().None().into_bound(slf.py())),
        }
    }
    #[getter]
    fn _cdata(slf: &Bound<'_, Self>) -> usize {
        tensor_of(slf.as_any()).address()
    }

    #[getter]
    fn grad<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let tensor = tensor_of(slf.as_any());
        match tensor.grad() {
            Some(grad) => wrap(slf.py(), grad),
            None => {
                if tensor.requires_grad() && !tensor.is_leaf() && !tensor.retains_grad() {
                    let text = c"The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.";
                    PyErr::warn(slf.py(), &slf.py().get_type::<PyUserWarning>(), text, 1)?;
                }
                Ok(slf.py().None().into_bound(slf.py()))
            }
        }
    }
    #[setter]
    fn set_grad(slf: &Bound<'_, Self>, grad: &Bound<'_, PyAny>) -> PyResult<()> {
        let tensor = tensor_of(slf.as_any());
        if grad.is_none() {
            tensor.set_grad(None);
            return Ok(());
        }
        if !is_tensor(grad.as_borrowed()) {
            let class = grad.get_type();
            let text = format!("assigned grad expected to be a Tensor or None but got grad of type {}", class.name()?);
            return Err(PyTypeError::new_err(text));
        }
        let grad = tensor_of(grad);
        let fail = |text: String| Err(PyRuntimeError::new_err(text));
        if grad.same(tensor) {
            return fail("can't assign Variable as its own grad".into());
        } else if grad.dtype() != tensor.dtype() {
            let (own, given) = (tensor.dtype(), grad.dtype());
            return fail(format!("assigned grad has data of a different type: expected {own}, got {given}"));
        } else if Device::of(grad) != Device::of(tensor) {
            return fail("assigned grad has data located on a different device".into());
        } else if grad.shape() != tensor.shape() {
            let (own, given) = (tensor.shape(), grad.shape());
            return fail(format!("assigned grad has data of a different size: expected {own:?}, got {given:?}"));
        }
        tensor.set_grad(Some(grad.clone()));
        Ok(())
    }
    #[deleter]
    fn delete_grad(slf: &Bound<'_, Self>) {
        tensor_of(slf.as_any()).set_grad(None);
    }

    /// The tensor outside of the graph, with a version of its own.
    #[getter]
    fn data<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        wrap(slf.py(), tensor_of(slf.as_any()).data())
    }
    /// Exchanges the memory (and the shape, and the dtype) under a tensor; its place in the graph stays.
    #[setter]
    fn set_data(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        if rushlight::autograd::Modes::current().capture {
            rushlight::graph::capture::leave("state: x.data = y");
        }
        if !is_tensor(data.as_borrowed()) {
            let class = data.get_type();
            return Err(PyTypeError::new_err(format!("Variable data has to be a tensor, but got {}", class.name()?)));
        }
        let (tensor, data) = (tensor_of(slf.as_any()), tensor_of(data));
        if tensor.requires_grad() && !data.dtype().is_differentiable() {
            let text = "data set to a tensor that requires gradients must be floating point or complex dtype";
            return Err(PyRuntimeError::new_err(text));
        }
        replace(slf.as_any().as_borrowed(), tensor.with_data_of(data));
        Ok(())
    }

    // ---- other looks

    #[getter]
    #[pyo3(name = "T")]
    fn t_property<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if tensor_of(slf.as_any()).ndim() > 2 {
            let text = c"The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an error in a future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.";
            PyErr::warn(slf.py(), &slf.py().get_type::<PyUserWarning>(), text, 1)?;
        }
        view(slf, reversed)
    }
    #[getter]
    #[pyo3(name = "mT")]
    fn mt_property<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        matrices(tensor_of(slf.as_any()), "mT")?;
        view(slf, |x| x.transpose(-2, -1))
    }
    #[getter]
    #[pyo3(name = "H")]
    fn h_property<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        match tensor_of(slf.as_any()).ndim() {
            0 | 2 => view(slf, |x| reversed(x)?.conj()),
            n => Err(PyRuntimeError::new_err(format!(
                "tensor.H is only supported on matrices (2-D tensors). Got {n}-D tensor. For batches of matrices, consider using tensor.mH"
            ))),
        }
    }
    #[getter]
    #[pyo3(name = "mH")]
    fn mh_property<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        matrices(tensor_of(slf.as_any()), "mH")?;
        view(slf, |x| x.transpose(-2, -1)?.conj())
    }
    #[getter(real)]
    fn real_property<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, Tensor::real)
    }
    #[setter(real)]
    fn set_real(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        fill_part(&tensor_of(slf.as_any()).real().py()?, value)
    }
    #[getter(imag)]
    fn imag_property<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, Tensor::imag)
    }
    #[setter(imag)]
    fn set_imag(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        fill_part(&tensor_of(slf.as_any()).imag().py()?, value)
    }

    // ---- for others

    /// The array interface of NumPy, version 3: how others find our memory without knowing us.
    #[getter]
    fn __array_interface__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let (py, tensor) = (slf.py(), tensor_of(slf.as_any()));
        let code = match tensor.dtype() {
            _ if tensor.requires_grad() || !Device::of(tensor).is_cpu() => None,
            DType::Bool => Some("|b1"),
            DType::U8 => Some("|u1"),
            DType::I8 => Some("|i1"),
            DType::I16 => Some("<i2"),
            DType::I32 => Some("<i4"),
            DType::I64 => Some("<i8"),
            DType::F16 => Some("<f2"),
            DType::BF16 => None,
            DType::F32 => Some("<f4"),
            DType::F64 => Some("<f8"),
            DType::C64 => Some("<c8"),
            DType::C128 => Some("<c16"),
        };
        let Some(code) = code else {
            // An AttributeError: NumPy asks `__array__` next, which says what is wrong.
            return Err(pyo3::exceptions::PyAttributeError::new_err("__array_interface__"));
        };
        let interface = PyDict::new(py);
        let size = tensor.dtype().size() as isize;
        interface.set_item("version", 3)?;
        interface.set_item("typestr", code)?;
        interface.set_item("shape", pyo3::types::PyTuple::new(py, tensor.shape())?)?;
        interface.set_item("strides", pyo3::types::PyTuple::new(py, tensor.strides().iter().map(|s| s * size))?)?;
        interface.set_item("data", (tensor.ptr() as usize, false))?;
        Ok(interface)
    }
    #[classattr]
    fn __array_priority__() -> f64 {
        1000.0
    }
}

fn fill_part(part: &Tensor, value: &Bound<PyAny>) -> PyResult<()> {
    match is_tensor(value.as_borrowed()) {
        true => part.copy_(tensor_of(value)).py(),
        false => part.fill_(crate::args::scalar(value.as_borrowed())?).py(),
    }
}

/// What `x.requires_grad = on` and `x.requires_grad_(on)` do.
pub fn set_requires_grad(tensor: &Tensor, on: bool) -> PyResult<()> {
    if rushlight::autograd::Modes::current().capture {
        rushlight::graph::capture::leave("grad: requires_grad_()");
    }
    tensor.set_requires_grad(on).py()
}
