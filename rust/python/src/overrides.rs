//! `__torch_function__`: a call with an argument that answers it is passed on, in Python's form. Never on the fast road:
//! `class::fits` compares a type pointer, and only what is not exactly a Tensor gets as far as looking for the attribute.

use crate::args::Object;
use crate::call::{Call, Function};
use crate::class;
use crate::schema::Form;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

thread_local!(static DISABLED: Cell<u8> = const { Cell::new(0) });
/// How many `TorchFunctionMode`s are entered, in all threads.
static MODES: AtomicUsize = AtomicUsize::new(0);

const SUBCLASSES: u8 = 1;
const ALL: u8 = 2;

/// Whether subclasses of Tensor are asked nothing at the moment.
pub fn disabled() -> bool {
    DISABLED.get() > 0
}

#[inline]
pub fn modes_are_on() -> bool {
    MODES.load(Relaxed) > 0
}

/// Hands a call to whoever overrides it. None: nobody does after all.
#[cold]
pub fn call<'a>(function: &'static Function, call: &Call<'a>, overridden: bool) -> PyResult<Option<Bound<'a, PyAny>>> {
    let py = call.py;
    if !overridden && DISABLED.get() & ALL != 0 {
        return Ok(None);
    }
    let args: Vec<Object> = call.this.iter().chain(call.args).copied().collect();
    let args = PyTuple::new(py, args)?;
    let kwargs = PyDict::new(py);
    for (name, value) in call.names.iter().zip(call.named) {
        kwargs.set_item(name, value)?;
    }
    let mut relevant = Vec::new();
    for arg in args.iter().chain(call.named.iter().map(|&o| o.to_owned())) {
        relevant.push(arg);
    }
    let name = function.signatures(py)?[0].name;
    let public = match call.form {
        Form::Function(None) => py.import("rushlight._rushlight")?.getattr(name)?,
        Form::Function(Some(namespace)) => py.import("rushlight._rushlight")?.getattr(namespace)?.getattr(name)?,
        form => class::tensor_type(py).getattr(form.name(name))?,
    };
    ask(&public, &relevant, &args, &kwargs, name)
}

/// Asks the modes, then the arguments: subclasses before their bases, otherwise left to right.
pub fn ask<'py>(
    public: &Bound<'py, PyAny>,
    relevant: &[Bound<'py, PyAny>],
    args: &Bound<'py, PyTuple>,
    kwargs: &Bound<'py, PyDict>,
    name: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = public.py();
    let mut askable: Vec<Bound<PyAny>> = Vec::new();
    for arg in relevant {
        let several = arg.is_instance_of::<PyList>() || arg.is_instance_of::<PyTuple>();
        let inner: Vec<Bound<PyAny>> =
            if several { arg.try_iter()?.collect::<PyResult<_>>()? } else { vec![arg.clone()] };
        for arg in inner {
            let known = |other: &Bound<PyAny>| other.get_type().is(arg.get_type());
            if class::overrides(arg.as_borrowed()) && !askable.iter().any(known) {
                let base = |other: &Bound<PyAny>| arg.get_type().is_subclass(&other.get_type()).unwrap_or(false);
                let at = askable.iter().position(base);
                askable.insert(at.unwrap_or(askable.len()), arg);
            }
        }
    }
    let types = PyTuple::new(py, askable.iter().map(|arg| arg.get_type()))?;
    if modes_are_on() && DISABLED.get() & ALL == 0 {
        let answer = py.import("rushlight.overrides")?.call_method1("_ask_modes", (public, &types, args, kwargs))?;
        if !answer.is(py.NotImplemented()) {
            return Ok(Some(answer));
        }
        if askable.is_empty() {
            return Ok(None);
        }
    }
    if askable.is_empty() {
        return Ok(None);
    }
    for arg in &askable {
        let answer = arg.call_method1("__torch_function__", (public, &types, args, kwargs))?;
        if !answer.is(py.NotImplemented()) {
            return Ok(Some(answer));
        }
    }
    let text =
        format!("no implementation found for 'torch.{name}' on types that implement __torch_function__: {types}");
    Err(PyTypeError::new_err(text))
}

/// `Tensor.__torch_function__`: run it as if nobody overrode, then give the results the subclass's type.
pub fn default<'py>(
    cls: &Bound<'py, PyAny>,
    func: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let before = DISABLED.replace(DISABLED.get() | SUBCLASSES);
    let result = func.call(args, kwargs);
    DISABLED.set(before);
    convert(result?, cls)
}

fn convert<'py>(result: Bound<'py, PyAny>, cls: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = result.py();
    if cls.is(class::tensor_type(py)) || cls.is(py.import("rushlight")?.getattr("Tensor")?) {
        return Ok(result);
    }
    if class::is_tensor(result.as_borrowed()) {
        return if result.is_instance(cls)? { Ok(result) } else { result.call_method1("as_subclass", (cls,)) };
    }
    let convert_all = |items: Vec<Bound<'py, PyAny>>| -> PyResult<Vec<Bound<'py, PyAny>>> {
        items.into_iter().map(|item| convert(item, cls)).collect()
    };
    if let Ok(tuple) = result.cast_exact::<PyTuple>() {
        return Ok(PyTuple::new(py, convert_all(tuple.iter().collect())?)?.into_any());
    } else if let Ok(list) = result.cast_exact::<PyList>() {
        return Ok(PyList::new(py, convert_all(list.iter().collect())?)?.into_any());
    } else if result.is_instance_of::<PyTuple>() && result.hasattr("n_sequence_fields")? {
        let items: Vec<Bound<PyAny>> = result.try_iter()?.collect::<PyResult<_>>()?;
        return result.get_type().call1((PyList::new(py, convert_all(items)?)?,));
    }
    Ok(result)
}

/// `torch._C.DisableTorchFunctionSubclass`, and `DisableTorchFunction` for modes too.
#[pyclass(name = "DisableTorchFunctionSubclass", module = "rushlight._rushlight", frozen, subclass)]
pub struct Disable(std::sync::Mutex<Vec<u8>>);

#[pymethods]
impl Disable {
    #[new]
    fn new() -> Disable {
        Disable(Default::default())
    }
    fn __enter__(&self) {
        let before = DISABLED.replace(DISABLED.get() | SUBCLASSES);
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(before);
    }
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<PyTuple>) {
        if let Some(before) = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop() {
            DISABLED.set(before);
        }
    }
}

#[pyfunction]
#[pyo3(signature = (*_args, **_kwargs))]
fn _disabled_torch_function_impl(_args: &Bound<PyTuple>, _kwargs: Option<&Bound<PyDict>>) -> PyResult<()> {
    Err(PyTypeError::new_err("__torch_function__ is disabled for this class"))
}

/// Whether any of the arguments answers `__torch_function__`, or a mode is entered.
#[pyfunction]
#[pyo3(signature = (*args))]
fn _has_torch_function_variadic(args: &Bound<PyTuple>) -> bool {
    modes_are_on() && DISABLED.get() & ALL == 0 || args.iter().any(|arg| class::overrides(arg.as_borrowed()))
}

#[pyfunction]
fn _has_torch_function(args: &Bound<PyAny>) -> PyResult<bool> {
    if modes_are_on() && DISABLED.get() & ALL == 0 {
        return Ok(true);
    }
    for arg in args.try_iter()? {
        if class::overrides(arg?.as_borrowed()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Hands a call to whoever of `relevant` answers it.
#[pyfunction]
fn _handle_torch_function<'py>(
    public: &Bound<'py, PyAny>,
    relevant: &Bound<'py, PyTuple>,
    args: &Bound<'py, PyTuple>,
    kwargs: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let relevant: Vec<Bound<PyAny>> = relevant.iter().collect();
    let name = public.getattr("__name__").and_then(|name| name.extract::<String>()).unwrap_or_default();
    match ask(public, &relevant, args, kwargs, &name)? {
        Some(answer) => Ok(answer),
        None => {
            // Only a mode was there to ask, and it let the call pass: run it as if nobody overrode.
            let before = DISABLED.replace(DISABLED.get() | ALL);
            let answer = public.call(args, Some(kwargs));
            DISABLED.set(before);
            answer
        }
    }
}

/// One more (or one less) mode is entered.
#[pyfunction]
fn _count_torch_function_modes(change: isize) {
    MODES.fetch_add(change as usize, Relaxed);
}

/// Sets what is disabled (1: subclasses, 2: modes) and tells what was.
#[pyfunction]
fn _set_torch_function_disabled(bits: u8) -> u8 {
    DISABLED.replace(bits)
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_class::<Disable>()?;
    m.add_function(wrap_pyfunction!(_disabled_torch_function_impl, m)?)?;
    m.add_function(wrap_pyfunction!(_has_torch_function_variadic, m)?)?;
    m.add_function(wrap_pyfunction!(_has_torch_function, m)?)?;
    m.add_function(wrap_pyfunction!(_handle_torch_function, m)?)?;
    m.add_function(wrap_pyfunction!(_count_torch_function_modes, m)?)?;
    m.add_function(wrap_pyfunction!(_set_torch_function_disabled, m)?)
}
