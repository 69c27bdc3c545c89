//! NumPy arrays and everything else that lends its memory through Python's buffer protocol: no copy, and NumPy is never
//! imported here unless a NumPy array is asked for.

use crate::error::Raise;
use crate::storage::PyStorage;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use rushlight::layout::Layout;
use rushlight::storage::Storage;
use rushlight::{DType, Tensor};

/// A buffer that somebody lent us; given back when the last tensor over it is gone.
struct Lent(Box<ffi::Py_buffer>);
// SAFETY: the memory is plain; giving it back takes the GIL.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: asks whether there is still an interpreter.
        if unsafe { ffi::Py_IsInitialized() } != 0 {
            // SAFETY: the buffer was filled by `PyObject_GetBuffer` and is released once, with the GIL held.
            Python::attach(|_| unsafe { ffi::PyBuffer_Release(&mut *self.0) });
        }
    }
}

impl Lent {
    fn borrow(object: &Bound<PyAny>) -> PyResult<Lent> {
        let mut buffer = Box::new(ffi::Py_buffer::new());
        // SAFETY: a buffer on the heap, where it stays until it is released.
        match unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &mut *buffer, ffi::PyBUF_FULL_RO) } {
            0 => Ok(Lent(buffer)),
            _ => Err(PyErr::fetch(object.py())),
        }
    }
    fn format(&self) -> &str {
        if self.0.format.is_null() {
            return "B";
        }
        // SAFETY: a C string that lives as long as the buffer.
        unsafe { std::ffi::CStr::from_ptr(self.0.format) }.to_str().unwrap_or("?")
    }
}

/// The dtype of a buffer format, in native byte order.
fn dtype_of_format(format: &str, size: usize) -> Option<DType> {
    let native = format.strip_prefix(['=', '@', '<']).unwrap_or(format);
    Some(match (native, size) {
        ("?", 1) => DType::Bool,
        ("B", 1) => DType::U8,
        ("b", 1) => DType::I8,
        ("h", 2) => DType::I16,
        ("i" | "l" | "q", 4) => DType::I32,
        ("l" | "q" | "i", 8) => DType::I64,
        ("e", 2) => DType::F16,
        ("f", 4) => DType::F32,
        ("d", 8) => DType::F64,
        ("Zf", 8) => DType::C64,
        ("Zd", 16) => DType::C128,
        _ => return None,
    })
}

const SUPPORTED: &str = "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint8, and bool";

/// The dtype of a NumPy array or scalar.
pub fn dtype_of(object: &Bound<PyAny>) -> PyResult<DType> {
    let dtype = object.getattr("dtype")?;
    let (kind, size): (String, usize) = (dtype.getattr("kind")?.extract()?, dtype.getattr("itemsize")?.extract()?);
    Ok(match (kind.as_str(), size) {
        ("b", 1) => DType::Bool,
        ("u", 1) => DType::U8,
        ("i", 1) => DType::I8,
        ("i", 2) => DType::I16,
        ("i", 4) => DType::I32,
        ("i", 8) => DType::I64,
        ("f", 2) => DType::F16,
        ("f", 4) => DType::F32,
        ("f", 8) => DType::F64,
        ("c", 8) => DType::C64,
        ("c", 16) => DType::C128,
        _ => return Err(unsupported(object)),
    })
}

fn unsupported(array: &Bound<PyAny>) -> PyErr {
    let ty = array.getattr("dtype").and_then(|d| d.getattr("type")?.getattr("__name__")?.extract::<String>());
    let ty = ty.unwrap_or_else(|_| "object".into());
    PyTypeError::new_err(format!(
        "can't convert np.ndarray of type numpy.{ty}. The only supported types are: {SUPPORTED}."
    ))
}

/// A tensor over the memory of an array; None if the object lends none, or is a plain string of bytes.
pub fn view_of(object: &Bound<PyAny>) -> PyResult<Option<Tensor>> {
    // SAFETY: asks for slots of the type.
    let lends = unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) } != 0;
    let text = object.is_instance_of::<pyo3::types::PyBytes>() || object.is_instance_of::<pyo3::types::PyByteArray>();
    if lends && !text {
        return from_array(object).map(Some);
    }
    if class_has(object, "__array_interface__") || class_has(object, "__array__") {
        let array = object.py().import("numpy")?.call_method1("asarray", (object,))?;
        return from_array(&array).map(Some);
    }
    if class_has(object, "__dlpack__") {
        return super::super::dlpack::from_dlpack(object, None).map(Some);
    }
    Ok(None)
}

fn class_has(object: &Bound<PyAny>, name: &str) -> bool {
    !crate::class::is_plain_python(object.as_borrowed()) && object.hasattr(name).unwrap_or(false)
}

/// `torch.from_numpy`.
pub fn from_array(array: &Bound<PyAny>) -> PyResult<Tensor> {
    let lent = match Lent::borrow(array) {
        Ok(lent) => lent,
        Err(_) if crate::class::is_array(array.as_borrowed()) => return Err(unsupported(array)),
        Err(error) => return Err(error),
    };
    let (format, size) = (lent.format(), lent.0.itemsize as usize);
    if format.starts_with(['>', '!']) && size > 1 {
        return Err(PyValueError::new_err(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is \
             currently not supported.",
        ));
    }
    let Some(dtype) = dtype_of_format(format, size) else {
        if crate::class::is_array(array.as_borrowed()) {
            return Err(unsupported(array));
        }
        return Err(PyTypeError::new_err(format!("can't convert a buffer of format '{format}' to a tensor")));
    };
    let n = lent.0.ndim as usize;
    // SAFETY: PyBUF_FULL_RO asks for shape and strides; a 0-dim buffer may leave them null.
    let (shape, strides) = unsafe {
        let of = |p: *mut ffi::Py_ssize_t| if n == 0 || p.is_null() { &[] } else { std::slice::from_raw_parts(p, n) };
        (of(lent.0.shape), of(lent.0.strides))
    };
    if strides.iter().zip(shape).any(|(&s, &n)| s < 0 && n > 1) {
        return Err(PyValueError::new_err(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not \
             currently supported. (You can probably work around this by making a copy of your array with array.copy().)",
        ));
    }
    if strides.iter().any(|s| s % size as isize != 0) {
        return Err(PyValueError::new_err(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the \
             memory.",
        ));
    }
    let shape: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
    let strides: Vec<isize> = match strides {
        [] if !shape.is_empty() => Layout::contiguous(&shape).strides().to_vec(),
        strides => strides
            .iter()
            .zip(&shape)
            .map(|(&s, &n)| if n > 1 { s / size as isize } else { (s / size as isize).max(0) })
            .collect(),
    };
    let layout = Layout::strided(shape.into_iter().collect(), strides.into_iter().collect(), 0);
    let reach = layout.reach("from_numpy").py()?;
    let (ptr, writable) = (lent.0.buf.cast::<u8>(), lent.0.readonly == 0);
    if !writable {
        warn_read_only(array.py())?;
    }
    // SAFETY: the lender keeps the memory where it is until `lent` is dropped, with the storage.
    let storage = unsafe { Storage::external(ptr, reach * size, writable, Box::new(lent)) };
    Tensor::on(storage, layout, dtype).py()
}

/// Where PyTorch warns of writing, which may end in a crash (a mapped file), writing is an error here.
fn warn_read_only(py: Python) -> PyResult<()> {
    static WARNED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    if WARNED.swap(true, std::sync::atomic::Ordering::Relaxed) {
        return Ok(());
    }
    let text =
        c"The given NumPy array is not writable: in-place operations on the tensor over its memory will be refused. \
                 Copy the array, or clone() the tensor, to have one that can be changed. (This warning comes once.)";
    PyErr::warn(py, &py.get_type::<pyo3::exceptions::PyUserWarning>(), text, 1)
}

/// `torch.frombuffer`.
pub fn from_buffer(object: &Bound<PyAny>, dtype: DType, count: i64, offset: i64) -> PyResult<Tensor> {
    // SAFETY: asks for slots of the type.
    if unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) } == 0 {
        return Err(PyValueError::new_err("object does not implement Python buffer protocol."));
    }
    let lent = Lent::borrow(object)?;
    let (have, size) = (lent.0.len as i64, dtype.size() as i64);
    let fail = |text: String| Err(PyValueError::new_err(text));
    if have == 0 || count == 0 {
        return fail(format!("both buffer length ({have}) and count ({count}) must not be 0"));
    }
    if offset < 0 || offset >= have {
        return fail(format!(
            "offset ({offset} bytes) must be non-negative and no greater than buffer length ({have} bytes) - 1"
        ));
    }
    if count > 0 && count.checked_mul(size).and_then(|bytes| bytes.checked_add(offset)).is_none_or(|end| end > have) {
        return fail(format!(
            "requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than actual \
             buffer length ({have} bytes)"
        ));
    }
    if count < 0 && (have - offset) % size != 0 {
        return fail(format!(
            "buffer length ({} bytes) after offset ({offset} bytes) must be a multiple of element size ({size})",
            have - offset
        ));
    }
    let count = if count < 0 { (have - offset) / size } else { count } as usize;
    let writable = lent.0.readonly == 0;
    if !writable {
        warn_read_only(object.py())?;
    }
    let ptr = lent.0.buf.cast::<u8>().wrapping_add(offset as usize);
    // SAFETY: inside the lent buffer, which stays until the storage is gone.
    let storage = unsafe { Storage::external(ptr, count * size as usize, writable, Box::new(lent)) };
    Tensor::on(storage, Layout::contiguous(&[count]), dtype).py()
}

/// The names that NumPy knows our dtypes by.
fn numpy_name(dtype: DType) -> PyResult<&'static str> {
    match dtype {
        DType::BF16 => Err(PyTypeError::new_err("Got unsupported ScalarType BFloat16")),
        dtype => Ok(crate::types::dtype_name(dtype)),
    }
}

/// `x.numpy()`: an array over the same memory.
pub fn to_array<'py>(py: Python<'py>, tensor: &Tensor, force: bool) -> PyResult<Bound<'py, PyAny>> {
    crate::graph::looks_at(py, tensor, "a NumPy array")?;
    let name = numpy_name(tensor.dtype())?;
    if !force {
        if tensor.storage().device_memory().is_some() {
            return Err(PyTypeError::new_err(
                "can't convert gpu:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
            ));
        }
        if tensor.requires_grad() {
            return Err(PyRuntimeError::new_err(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.",
            ));
        }
    }
    let tensor = tensor.detach().to_cpu().py()?;
    static NDARRAY: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();
    let (ndarray, dtype) = NDARRAY.get_or_try_init(py, || -> PyResult<_> {
        let numpy = py.import("numpy")?;
        Ok((numpy.getattr("ndarray")?.unbind(), numpy.getattr("dtype")?.unbind()))
    })?;
    let size = tensor.dtype().size();
    let strides = PyTuple::new(py, tensor.strides().iter().map(|s| s * size as isize))?;
    let shape = PyTuple::new(py, tensor.shape())?;
    let offset = tensor.layout().offset() * size;
    let dtype = dtype.bind(py).call1((name,))?;
    let base = Bound::new(py, PyStorage::new(tensor.storage().clone()))?;
    if tensor.numel() == 0 {
        return ndarray.bind(py).call1((shape, dtype));
    }
    ndarray.bind(py).call1((shape, dtype, base, offset, strides))
}
