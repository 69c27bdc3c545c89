//! The small classes beside Tensor: dtype, device, layout, memory_format. Each value is one Python object.

use crate::args::Object;
use crate::class;
use crate::error::Raise;
use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt, PyString, PyType};
use rushlight::device::Driver;
use rushlight::{DType, Tensor};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

// ---------------------------------------------------------------- dtype

#[pyclass(name = "dtype", module = "rushlight", frozen)]
pub struct PyDType(pub DType);

static DTYPES: PyOnceLock<Vec<Py<PyDType>>> = PyOnceLock::new();

/// The names that PyTorch knows a dtype by; the first one is its own.
const DTYPE_NAMES: [(DType, &[&str]); 12] = [
    (DType::Bool, &["bool"]),
    (DType::U8, &["uint8"]),
    (DType::I8, &["int8"]),
    (DType::I16, &["int16", "short"]),
    (DType::I32, &["int32", "int"]),
    (DType::I64, &["int64", "long"]),
    (DType::F16, &["float16", "half"]),
    (DType::BF16, &["bfloat16"]),
    (DType::F32, &["float32", "float"]),
    (DType::F64, &["float64", "double"]),
    (DType::C64, &["complex64", "cfloat"]),
    (DType::C128, &["complex128", "cdouble"]),
];

pub fn dtype_name(dtype: DType) -> &'static str {
    DTYPE_NAMES.iter().find(|(d, _)| *d == dtype).map_or("", |(_, names)| names[0])
}

/// The one object of a dtype.
pub fn dtype_object(py: Python<'_>, dtype: DType) -> PyResult<Bound<'_, PyAny>> {
    let all = DTYPES.get_or_try_init(py, || {
        DTYPE_NAMES.iter().map(|(dtype, _)| Py::new(py, PyDType(*dtype))).collect::<PyResult<Vec<_>>>()
    })?;
    let at = DTYPE_NAMES.iter().position(|(d, _)| *d == dtype).unwrap_or(0);
    Ok(all[at].bind(py).clone().into_any())
}

/// A dtype, or one of Python's types that stands for one.
pub fn is_dtype(object: Object) -> bool {
    object.is_exact_instance_of::<PyDType>() || python_type(object).is_some()
}

pub fn dtype(object: Object) -> PyResult<DType> {
    match object.cast::<PyDType>() {
        Ok(dtype) => Ok(dtype.get().0),
        Err(_) => python_type(object).ok_or_else(|| PyTypeError::new_err("expected a torch.dtype")),
    }
}

fn python_type(object: Object) -> Option<DType> {
    let class = object.cast::<PyType>().ok()?;
    let py = object.py();
    if class.is(py.get_type::<PyFloat>()) {
        Some(rushlight::dtype::default_dtype())
    } else if class.is(py.get_type::<PyInt>()) {
        Some(DType::I64)
    } else if class.is(py.get_type::<PyBool>()) {
        Some(DType::Bool)
    } else if class.is(py.get_type::<PyComplex>()) {
        Some(rushlight::dtype::default_dtype().to_complex())
    } else {
        None
    }
}

#[pymethods]
impl PyDType {
    fn __repr__(&self) -> String {
        format!("torch.{}", dtype_name(self.0))
    }
    /// A name in the module: pickle finds the very object again.
    fn __reduce__(&self) -> &'static str {
        dtype_name(self.0)
    }
    #[getter]
    fn is_floating_point(&self) -> bool {
        self.0.is_float()
    }
    #[getter]
    fn is_complex(&self) -> bool {
        self.0.is_complex()
    }
    #[getter]
    fn is_signed(&self) -> bool {
        self.0.is_signed()
    }
    #[getter]
    fn itemsize(&self) -> usize {
        self.0.size()
    }
    fn to_real<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        dtype_object(py, self.0.to_real())
    }
    fn to_complex<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        dtype_object(py, self.0.to_complex())
    }
}

// ---------------------------------------------------------------- device

/// What PyTorch calls its kinds of devices; `gpu` is ours.
const DEVICES: &[&str] = &[
    "cpu",
    "gpu",
    "cuda",
    "mps",
    "meta",
    "xpu",
    "xla",
    "vulkan",
    "ipu",
    "hpu",
    "mtia",
    "lazy",
    "privateuseone",
    "hip",
    "opengl",
    "opencl",
    "ideep",
    "fpga",
    "maia",
    "ve",
    "mkldnn",
];
const CPU: u8 = 0;
const GPU: u8 = 1;
const META: u8 = 4;

/// Where a tensor lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Device {
    kind: u8,
    index: Option<u16>,
}

impl Default for Device {
    fn default() -> Device {
        Device::CPU
    }
}

impl Device {
    pub const CPU: Device = Device { kind: CPU, index: None };

    pub fn parse(text: &str) -> PyResult<Device> {
        let (kind, index) = text.split_once(':').map_or((text, None), |(kind, index)| (kind, Some(index)));
        let Some(found) = DEVICES.iter().position(|name| *name == kind) else {
            let names = DEVICES.join(", ");
            let text = format!("Expected one of {names} device type at start of device string: {text}");
            return Err(PyRuntimeError::new_err(text));
        };
        let index = index.map(|index| match index.parse() {
            Ok(n) if index == "0" || !index.starts_with('0') => Ok(n),
            _ => Err(PyRuntimeError::new_err(format!("Invalid device string: '{text}'"))),
        });
        Ok(Device { kind: found as u8, index: index.transpose()? })
    }
    pub fn kind(self) -> &'static str {
        DEVICES[self.kind as usize]
    }
    pub fn index(self) -> Option<u16> {
        self.index
    }
    pub fn is_cpu(self) -> bool {
        self.kind == CPU
    }
    /// Its driver; none for the CPU.
    pub fn driver(self) -> PyResult<Option<Arc<dyn Driver>>> {
        if self.kind == GPU { crate::device::gpu(self.index.unwrap_or(0)).map(Some) } else { Ok(None) }
    }
    pub fn of(tensor: &Tensor) -> Device {
        if tensor.storage().device_memory().is_none() { Device::CPU } else { Device { kind: GPU, index: Some(0) } }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}:{index}", self.kind()),
            None => f.write_str(self.kind()),
        }
    }
}

#[pyclass(name = "device", module = "rushlight", frozen)]
pub struct PyDevice(pub Device);

pub fn device_object(py: Python<'_>, device: Device) -> PyResult<Bound<'_, PyAny>> {
    static CPU_OBJECT: PyOnceLock<Py<PyDevice>> = PyOnceLock::new();
    if device == Device::CPU {
        let cpu = CPU_OBJECT.get_or_try_init(py, || Py::new(py, PyDevice(device)))?;
        return Ok(cpu.bind(py).clone().into_any());
    }
    Ok(Bound::new(py, PyDevice(device))?.into_any())
}

pub fn is_device(object: Object) -> bool {
    object.is_instance_of::<PyDevice>() || object.is_instance_of::<PyString>() || object.is_exact_instance_of::<PyInt>()
}

pub fn device(object: Object) -> PyResult<Device> {
    if let Ok(device) = object.cast::<PyDevice>() {
        return Ok(device.get().0);
    }
    if object.is_exact_instance_of::<PyInt>() {
        return Ok(Device { kind: GPU, index: Some(object.extract()?) });
    }
    Device::parse(&object.extract::<String>()?)
}

static DEFAULT_DEVICE: AtomicU32 = AtomicU32::new(0);

/// Where new tensors go if the call names no device.
pub fn default_device() -> Device {
    let packed = DEFAULT_DEVICE.load(Relaxed);
    Device { kind: packed as u8, index: (packed >> 8).checked_sub(1).map(|i| i as u16) }
}

pub fn set_default_device(device: Device) {
    if device.kind == GPU {
        crate::device::set_in_use();
    }
    DEFAULT_DEVICE.store(device.kind as u32 | device.index.map_or(0, |i| i as u32 + 1) << 8, Relaxed);
}

/// The tensor on a device; itself if it is there.
pub fn to_device(tensor: Tensor, device: Option<Device>) -> PyResult<Tensor> {
    if device.is_none() && crate::device::in_use() {
        return match rushlight::device::home() {
            Some(home) => rushlight::device::transfer(&tensor, Some(home)).py(),
            None => Ok(tensor),
        };
    }
    let device = device.unwrap_or_else(default_device);
    if device.is_cpu() && Device::of(&tensor).is_cpu() {
        return Ok(tensor);
    }
    move_to(&tensor, device)
}

#[cold]
pub fn move_to(tensor: &Tensor, device: Device) -> PyResult<Tensor> {
    match device.kind {
        CPU => rushlight::device::transfer(tensor, None).py(),
        GPU => crate::device::to_gpu(tensor, device.index.unwrap_or(0)),
        META => Err(PyNotImplementedError::new_err("device 'meta' is not in Rushlight yet; make the tensor on 'cpu'")),
        _ => Err(PyRuntimeError::new_err(format!(
            "device '{device}' is not available: Rushlight computes on 'cpu' and on 'gpu' (through WebGPU)"
        ))),
    }
}

#[pymethods]
impl PyDevice {
    #[new]
    #[pyo3(signature = (r#type, index=None))]
    fn new(r#type: &Bound<PyAny>, index: Option<u16>) -> PyResult<PyDevice> {
        if !is_device(r#type.as_borrowed()) {
            let given = r#type.get_type();
            let text = format!("device(): argument 'type' must be str, int or torch.device, not {}", given.name()?);
            return Err(PyTypeError::new_err(text));
        }
        let device = device(r#type.as_borrowed())?;
        match (device.index, index) {
            (Some(_), Some(_)) => Err(PyRuntimeError::new_err(format!(
                "type (string) must not include an index because index was passed explicitly: {device}"
            ))),
            (own, index) => Ok(PyDevice(Device { index: own.or(index), ..device })),
        }
    }
    #[getter]
    fn r#type(&self) -> &'static str {
        self.0.kind()
    }
    #[getter]
    fn index(&self) -> Option<u16> {
        self.0.index
    }
    fn __repr__(&self) -> String {
        match self.0.index {
            Some(index) => format!("device(type='{}', index={index})", self.0.kind()),
            None => format!("device(type='{}')", self.0.kind()),
        }
    }
    fn __str__(&self) -> String {
        self.0.to_string()
    }
    fn __hash__(&self) -> u64 {
        let mut hasher = std::collections::hash_map::DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }
    fn __eq__(&self, other: &Bound<PyAny>) -> bool {
        other.cast::<PyDevice>().is_ok_and(|other| other.get().0 == self.0)
    }
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String, Option<u16>))> {
        let device = slf.get().0;
        Ok((slf.get_type().into_any(), (device.kind().to_string(), device.index)))
    }
    /// `with torch.device('cpu'):` sets where new tensors go.
    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        ENTERED.with_borrow_mut(|stack| stack.push(default_device()));
        set_default_device(slf.get().0);
        slf.clone()
    }
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<pyo3::types::PyTuple>) {
        if let Some(before) = ENTERED.with_borrow_mut(Vec::pop) {
            set_default_device(before);
        }
    }
    /// As a decorator: the function runs inside of `with device:`.
    fn __call__<'py>(slf: &Bound<'py, Self>, func: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let context = slf.py().import("rushlight._classes")?.getattr("context_decorator")?;
        context.call1((slf, func))
    }
}

thread_local!(static ENTERED: std::cell::RefCell<Vec<Device>> = const { std::cell::RefCell::new(Vec::new()) });

// ---------------------------------------------------------------- layout, memory format

#[pyclass(name = "layout", module = "rushlight", frozen)]
pub struct Layout(&'static str);

const LAYOUTS: [&str; 7] = ["strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged"];
static LAYOUT_OBJECTS: PyOnceLock<Vec<Py<Layout>>> = PyOnceLock::new();

#[pymethods]
impl Layout {
    fn __repr__(&self) -> String {
        format!("torch.{}", self.0)
    }
    fn __reduce__(&self) -> &'static str {
        self.0
    }
}

pub fn layout<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let all = LAYOUT_OBJECTS
        .get_or_try_init(py, || LAYOUTS.iter().map(|name| Py::new(py, Layout(name))).collect::<PyResult<Vec<_>>>())?;
    let at = LAYOUTS.iter().position(|known| *known == name).unwrap_or(0);
    Ok(all[at].bind(py).clone().into_any())
}

/// The layout that all our tensors have.
#[derive(Clone, Copy, Debug)]
pub struct Strided;

pub fn strided(object: Object) -> PyResult<Strided> {
    match object.cast::<Layout>()?.get().0 {
        "strided" => Ok(Strided),
        other => Err(PyNotImplementedError::new_err(format!(
            "layout torch.{other} is not in Rushlight yet; tensors are torch.strided"
        ))),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryFormat {
    Contiguous,
    Preserve,
    ChannelsLast,
    ChannelsLast3d,
}

#[pyclass(name = "memory_format", module = "rushlight", frozen)]
pub struct PyMemoryFormat(pub MemoryFormat);

const FORMATS: [(MemoryFormat, &str); 4] = [
    (MemoryFormat::Contiguous, "contiguous_format"),
    (MemoryFormat::Preserve, "preserve_format"),
    (MemoryFormat::ChannelsLast, "channels_last"),
    (MemoryFormat::ChannelsLast3d, "channels_last_3d"),
];
static FORMAT_OBJECTS: PyOnceLock<Vec<Py<PyMemoryFormat>>> = PyOnceLock::new();

#[pymethods]
impl PyMemoryFormat {
    fn name(&self) -> &'static str {
        FORMATS.iter().find(|(format, _)| *format == self.0).map_or("", |(_, name)| name)
    }
    fn __repr__(&self) -> String {
        format!("torch.{}", self.name())
    }
    fn __reduce__(&self) -> &'static str {
        self.name()
    }
}

pub fn memory_format<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let all = FORMAT_OBJECTS.get_or_try_init(py, || {
        FORMATS.iter().map(|(format, _)| Py::new(py, PyMemoryFormat(*format))).collect::<PyResult<Vec<_>>>()
    })?;
    let at = FORMATS.iter().position(|(_, known)| *known == name).unwrap_or(0);
    Ok(all[at].bind(py).clone().into_any())
}

pub fn memory_format_of(object: Object) -> PyResult<MemoryFormat> {
    Ok(object.cast::<PyMemoryFormat>()?.get().0)
}

// ---------------------------------------------------------------- torch.Size

/// `torch.Size`, a tuple of ints.
pub fn size<'py>(py: Python<'py>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    use pyo3::ffi;
    let class = class::size_class(py)?;
    // SAFETY: Size is a subclass of tuple without anything of its own, so tuple's layout; each slot is filled.
    unsafe {
        let object = match (*class).tp_alloc {
            Some(alloc) => alloc(class, shape.len() as ffi::Py_ssize_t),
            None => std::ptr::null_mut(),
        };
        if object.is_null() {
            return Err(PyErr::fetch(py));
        }
        for (i, &n) in shape.iter().enumerate() {
            ffi::PyTuple_SET_ITEM(object, i as ffi::Py_ssize_t, ffi::PyLong_FromSsize_t(n as isize));
        }
        Ok(Bound::from_owned_ptr(py, object))
    }
}

#[pyfunction]
#[pyo3(signature = (device))]
fn _set_default_device(device: Option<&Bound<PyDevice>>) {
    set_default_device(device.map_or(Device::CPU, |device| device.get().0));
}

#[pyfunction]
fn _get_default_device(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    device_object(py, default_device())
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    let py = m.py();
    m.add_function(wrap_pyfunction!(_set_default_device, m)?)?;
    m.add_function(wrap_pyfunction!(_get_default_device, m)?)?;
    m.add_class::<PyDType>()?;
    m.add_class::<PyDevice>()?;
    m.add_class::<Layout>()?;
    m.add_class::<PyMemoryFormat>()?;
    for (dtype, names) in DTYPE_NAMES {
        for name in names {
            m.add(*name, dtype_object(py, dtype)?)?;
        }
    }
    for name in LAYOUTS {
        m.add(name, layout(py, name)?)?;
    }
    for (_, name) in FORMATS {
        m.add(name, memory_format(py, name)?)?;
    }
    Ok(())
}
