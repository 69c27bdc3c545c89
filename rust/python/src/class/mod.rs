//! `Tensor` as a Python class, and the rule that one tensor has one face: while a Python object shows a tensor, that
//! very object comes back whenever the tensor does.
//!
//! `number.rs` has the operators, `index.rs` is `x[…]`, `props.rs` the properties, `special.rs` the other special
//! methods; all that has a name is in the tables of `functions/`.

mod index;
pub mod make;
pub mod number;
pub mod props;
mod sparse;
mod special;

use crate::args::{Fit, Object};
use crate::{gate, overrides};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use rushlight::Tensor;
use rushlight::autograd::HookHandle;
use std::cell::UnsafeCell;
use std::sync::Weak;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

#[pyclass(name = "Tensor", module = "rushlight", subclass, dict, weakref, frozen)]
pub struct PyTensor {
    /// Exchanged by `x.data = y`, with the GIL held; the old handle lives on until no call can be reading it.
    tensor: UnsafeCell<Tensor>,
    /// The Python hooks on this tensor, for the garbage collector; few have any, so a word must do. Touched with the GIL held.
    #[allow(clippy::box_collection)]
    hooks: UnsafeCell<Option<Box<Vec<HookRef>>>>,
}

/// A Python function that the tensor's place in the graph holds.
pub struct HookRef {
    pub function: Weak<Py<PyAny>>,
    pub handle: HookHandle,
}
// SAFETY: written in `replace` alone, which holds the GIL and keeps the old value for those who read it.
unsafe impl Sync for PyTensor {}
// SAFETY: a Tensor is Send.
unsafe impl Send for PyTensor {}

static TENSOR: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());
static SIZE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    let py = m.py();
    m.add_class::<PyTensor>()?;
    let class = py.get_type::<PyTensor>().as_type_ptr();
    // SAFETY: a living class, which nobody else has seen yet. Only messages read this name.
    unsafe { (*class).tp_name = c"Tensor".as_ptr() };
    TENSOR.store(class, Relaxed);
    measure(py)?;
    make::install(m)?;
    size_class(py).map(|_| ())
}

pub fn tensor_type(py: Python<'_>) -> Bound<'_, PyType> {
    py.get_type::<PyTensor>()
}

/// `torch.Size`; made in Python, found once.
pub fn size_class(py: Python) -> PyResult<*mut ffi::PyTypeObject> {
    let known = SIZE.load(Relaxed);
    if !known.is_null() {
        return Ok(known);
    }
    let class = py.import("rushlight._classes")?.getattr("Size")?.cast_into::<PyType>()?;
    SIZE.store(class.into_ptr().cast(), Relaxed); // kept for as long as the process lives
    Ok(SIZE.load(Relaxed))
}

/// The tensor that an object shows. Going in, the object becomes the tensor's face.
#[inline]
pub fn tensor<'a>(object: Object<'a>) -> &'a Tensor {
    // SAFETY: the caller has seen that this is a Tensor or of a subclass; `replace` keeps what we borrow.
    let tensor = unsafe { &*object.cast_unchecked::<PyTensor>().get().tensor.get() };
    if tensor.face().is_null() {
        tensor.set_face(object.as_ptr().cast());
    }
    tensor
}

/// The object that shows a tensor: its face if it has one, else a new one.
#[inline]
pub fn wrap(py: Python<'_>, tensor: Tensor) -> PyResult<Bound<'_, PyAny>> {
    let face = tensor.face().cast::<ffi::PyObject>();
    // SAFETY: a face is cleared before its object is freed. One that is being freed (its weakref callbacks are running)
    // has no references left, and is no face any more.
    if !face.is_null() && unsafe { ffi::Py_REFCNT(face) } > 0 {
        // SAFETY: as above.
        return Ok(unsafe { Bound::from_borrowed_ptr(py, face) });
    }
    let object = new_object(py, tensor)?;
    tensor_of(&object).set_face(object.as_ptr().cast());
    Ok(object)
}

/// Where a PyTensor lies in its Python object; 0 if it is not as `new_object` needs it.
static OFFSET: AtomicUsize = AtomicUsize::new(0);

/// A new Tensor object. PyO3's way calls `object.__new__`, which makes a `__dict__` that hardly any tensor needs, so the
/// memory is asked for and filled here.
#[inline]
fn new_object(py: Python<'_>, tensor: Tensor) -> PyResult<Bound<'_, PyAny>> {
    let (class, offset) = (TENSOR.load(Relaxed), OFFSET.load(Relaxed));
    if offset == 0 {
        return Ok(Bound::new(py, PyTensor::new(tensor))?.into_any());
    }
    // SAFETY: zeroed memory of our class's size, in which `__dict__` and the weak references may be null and there is
    // nothing else but the PyTensor (`measure` has seen to that); it is filled before anybody sees the object.
    unsafe {
        let object = ffi::PyType_GenericAlloc(class, 0);
        if object.is_null() {
            return Err(PyErr::fetch(py));
        }
        object.byte_add(offset).cast::<PyTensor>().write(PyTensor::new(tensor));
        Ok(Bound::from_owned_ptr(py, object))
    }
}

/// Finds out where PyO3 puts a PyTensor, and that only two pointers (`__dict__`, weak references) surround it.
fn measure(py: Python) -> PyResult<()> {
    let zero = Tensor::empty(&[0], rushlight::DType::Bool).map_err(crate::error::raise)?;
    let object = Bound::new(py, PyTensor::new(zero))?;
    let offset = std::ptr::from_ref(object.get()) as usize - object.as_ptr() as usize;
    let expected = size_of::<ffi::PyObject>() + size_of::<PyTensor>() + 2 * size_of::<*mut ()>();
    // SAFETY: a living class.
    if unsafe { (*TENSOR.load(Relaxed)).tp_basicsize } as usize == expected {
        OFFSET.store(offset, Relaxed);
    }
    Ok(())
}

/// Lets an object show another tensor.
pub fn replace(object: Object, new: Tensor) {
    // SAFETY: as in `tensor`; the GIL is held, so nobody else exchanges it now.
    let slot = unsafe { &mut *object.cast_unchecked::<PyTensor>().get().tensor.get() };
    if slot.same(&new) {
        return;
    }
    new.set_face(object.as_ptr().cast());
    let old = std::mem::replace(slot, new);
    if old.face() == object.as_ptr().cast() {
        old.set_face(std::ptr::null_mut());
    }
    gate::retire(old);
}

/// A new object of the class `cls` that shows a tensor. The tensor must have no face yet.
pub fn wrap_as<'py>(tensor: Tensor, cls: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let py = cls.py();
    if cls.is(tensor_type(py)) {
        return wrap(py, tensor);
    }
    PENDING.set(Some(tensor));
    // SAFETY: Tensor's own `tp_new`, with a subclass of Tensor, as `object.__new__(cls)` would call it.
    let object = unsafe {
        match (*TENSOR.load(Relaxed)).tp_new {
            Some(new) => new(cls.as_type_ptr(), PyTuple::empty(py).as_ptr(), std::ptr::null_mut()),
            None => std::ptr::null_mut(),
        }
    };
    PENDING.set(None);
    // SAFETY: a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
    tensor_of(&object).set_face(object.as_ptr().cast());
    Ok(object)
}

thread_local!(static PENDING: std::cell::Cell<Option<Tensor>> = const { std::cell::Cell::new(None) });

/// The tensor for which `wrap_as` makes an object.
pub fn pending() -> Option<Tensor> {
    PENDING.take()
}

pub fn tensor_of<'a>(object: &'a Bound<PyAny>) -> &'a Tensor {
    tensor(object.as_borrowed())
}

impl PyTensor {
    pub fn new(tensor: Tensor) -> PyTensor {
        PyTensor { tensor: UnsafeCell::new(tensor), hooks: UnsafeCell::new(None) }
    }
}

/// Remembers a hook for the garbage collector.
pub fn remember_hook(object: Object, hook: HookRef) {
    // SAFETY: the caller has seen that this is a tensor; the GIL is held and nothing else runs.
    let hooks = unsafe { &mut *object.cast_unchecked::<PyTensor>().get().hooks.get() }.get_or_insert_default();
    hooks.retain(|hook| hook.function.strong_count() > 0);
    hooks.push(hook);
}

#[pymethods]
impl PyTensor {
    /// A hook is ours alone if nobody else holds the tensor or its place in the graph: then the collector may see it.
    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        // SAFETY: the collector runs with the GIL held.
        let (tensor, hooks) = unsafe { (&*self.tensor.get(), &*self.hooks.get()) };
        if let Some(hooks) = hooks
            && tensor.is_sole_owner()
        {
            for function in hooks.iter().filter_map(|hook| hook.function.upgrade()) {
                visit.call(&*function)?;
            }
        }
        Ok(())
    }
    fn __clear__(&self) {
        // SAFETY: as above.
        if let Some(hooks) = unsafe { &mut *self.hooks.get() }.take() {
            hooks.iter().for_each(|hook| hook.handle.remove());
        }
    }
}

impl Drop for PyTensor {
    fn drop(&mut self) {
        let me: *const PyTensor = self;
        let tensor = self.tensor.get_mut();
        let face = tensor.face().cast::<ffi::PyObject>();
        if !face.is_null() {
            // SAFETY: Python frees objects with the GIL held, and the face is this object or a younger, living one.
            let shown = unsafe { Borrowed::from_ptr(Python::assume_attached(), face).cast_unchecked::<PyTensor>() };
            if std::ptr::eq(shown.get(), me) {
                tensor.set_face(std::ptr::null_mut());
            }
        }
    }
}

#[inline]
pub fn is_exact(object: Object) -> bool {
    object.get_type_ptr() == TENSOR.load(Relaxed)
}

#[inline]
pub fn is_tensor(object: Object) -> bool {
    is_exact(object) || object.is_instance_of::<PyTensor>()
}

/// Is this a tensor, and does it answer `__torch_function__`? An exact Tensor costs one comparison.
#[inline]
pub fn fits(object: Object) -> Fit {
    if is_exact(object) {
        return Fit::Yes;
    }
    match nature(object) {
        Nature::Plain => Fit::Yes,
        Nature::Overrides if overrides::disabled() && object.is_instance_of::<PyTensor>() => Fit::Yes,
        Nature::Overrides => Fit::Override,
        Nature::Other => Fit::No,
    }
}

/// A tensor of which nobody overrides anything.
#[inline]
pub fn is_plain_tensor(object: Object) -> bool {
    is_exact(object) || matches!(nature(object), Nature::Plain)
}

#[cold]
pub fn overrides(object: Object) -> bool {
    match nature(object) {
        Nature::Overrides => !(overrides::disabled() && object.is_instance_of::<PyTensor>()),
        _ => false,
    }
}

/// What an object's class says of it.
#[derive(Clone, Copy, PartialEq)]
enum Nature {
    Other,
    /// A tensor, and `__torch_function__` is Tensor's own or disabled.
    Plain,
    /// Answers `__torch_function__`, be it a tensor or not.
    Overrides,
}

/// The nature of a class is looked up once and remembered by the class's version, which changes when anything in the
/// class does. `Parameter` is on every hot path of training.
struct Known {
    class: AtomicUsize,
    version_and_nature: AtomicUsize,
}
static KNOWN: [Known; 64] =
    [const { Known { class: AtomicUsize::new(0), version_and_nature: AtomicUsize::new(0) } }; 64];

fn nature(object: Object) -> Nature {
    if is_exact(object) {
        return Nature::Plain;
    } else if is_plain_python(object) {
        return Nature::Other;
    }
    let class = object.get_type_ptr();
    let known = &KNOWN[(class as usize >> 5) % 64];
    // SAFETY: a living object's class.
    let version = || unsafe { (*class).tp_version_tag } as usize;
    let remembered = known.version_and_nature.load(Relaxed);
    if known.class.load(Relaxed) == class as usize && remembered >> 2 == version() && version() != 0 {
        return [Nature::Other, Nature::Plain, Nature::Overrides][remembered & 3];
    }
    let nature = look_up_nature(object);
    known.class.store(class as usize, Relaxed);
    known.version_and_nature.store(version() << 2 | nature as usize, Relaxed);
    nature
}

#[cold]
fn look_up_nature(object: Object) -> Nature {
    static DISABLED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = object.py();
    let disabled = DISABLED.get_or_try_init(py, || -> PyResult<_> {
        Ok(py.import("rushlight._rushlight")?.getattr("_disabled_torch_function_impl")?.unbind())
    });
    let tensor = object.is_instance_of::<PyTensor>();
    let answers = match (object.get_type().getattr(pyo3::intern!(py, "__torch_function__")), disabled) {
        (Ok(found), Ok(disabled)) => !found.is(disabled),
        (found, _) => found.is_ok(),
    };
    match (answers, tensor) {
        (true, _) => Nature::Overrides,
        (false, true) => Nature::Plain,
        (false, false) => Nature::Other,
    }
}

/// Python's own types answer nothing; most arguments that are no tensors are of these.
pub fn is_plain_python(o: Object) -> bool {
    o.is_none()
        || is_exact_number(o)
        || o.is_exact_instance_of::<PyString>()
        || o.is_exact_instance_of::<PyTuple>()
        || o.is_exact_instance_of::<PyList>()
        || o.is_exact_instance_of::<pyo3::types::PyBool>()
}
#[inline]
pub fn is_exact_number(o: Object) -> bool {
    o.is_exact_instance_of::<PyFloat>() || o.is_exact_instance_of::<PyInt>()
}

/// NumPy's classes, once the program has imported NumPy; asked without ever importing it.
struct NumPy {
    generic: Py<PyAny>,
    integer: Py<PyAny>,
    floating: Py<PyAny>,
    bool_: Py<PyAny>,
    ndarray: Py<PyAny>,
}

fn numpy(py: Python<'_>) -> Option<&'static NumPy> {
    static NUMPY: PyOnceLock<NumPy> = PyOnceLock::new();
    if let Some(numpy) = NUMPY.get(py) {
        return Some(numpy);
    }
    let modules = py.import("sys").ok()?.getattr("modules").ok()?;
    let numpy = modules.get_item("numpy").ok()?;
    let class = |name: &str| numpy.getattr(name).map(Bound::unbind).ok();
    let found = NumPy {
        generic: class("generic")?,
        integer: class("integer")?,
        floating: class("floating")?,
        bool_: class("bool_")?,
        ndarray: class("ndarray")?,
    };
    let _ = NUMPY.set(py, found);
    NUMPY.get(py)
}

/// A NumPy scalar of the class `numpy.<kind>`.
#[cold]
pub fn is_numpy_scalar(object: Object, kind: &str) -> bool {
    if is_plain_python(object) || is_tensor(object) {
        return false;
    }
    let Some(numpy) = numpy(object.py()) else { return false };
    let class = match kind {
        "integer" => &numpy.integer,
        "floating" => &numpy.floating,
        "bool_" => &numpy.bool_,
        _ => &numpy.generic,
    };
    object.is_instance(class.bind(object.py())).unwrap_or(false)
}

/// A NumPy array.
#[cold]
pub fn is_array(object: Object) -> bool {
    !is_plain_python(object)
        && numpy(object.py()).is_some_and(|numpy| object.is_instance(numpy.ndarray.bind(object.py())).unwrap_or(false))
}
