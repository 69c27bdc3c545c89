//! The one gate between Python and the core: errors and panics become exceptions, the GIL is let go for long work,
//! Ctrl-C is answered, and a handle that somebody may still be reading is not dropped.

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use rushlight::Tensor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Calls that hold borrowed tensors: in a kernel with the GIL released, or around Python code that they run.
/// Changed with the GIL held only, so a plain load and store will do.
static ENTERED: AtomicUsize = AtomicUsize::new(0);
static RETIRED_COUNT: AtomicUsize = AtomicUsize::new(0);
static RETIRED: Mutex<Vec<Tensor>> = Mutex::new(Vec::new());

/// Held by a call for as long as it holds borrowed tensors.
pub struct Entered(());

impl Entered {
    #[inline]
    pub fn new() -> Entered {
        ENTERED.store(ENTERED.load(Relaxed) + 1, Relaxed);
        Entered(())
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        let left = ENTERED.load(Relaxed).saturating_sub(1);
        ENTERED.store(left, Relaxed);
        if left == 0 && RETIRED_COUNT.load(Relaxed) > 0 {
            bury();
        }
    }
}

#[cold]
fn bury() {
    let dead = std::mem::take(&mut *RETIRED.lock().unwrap_or_else(PoisonError::into_inner));
    RETIRED_COUNT.store(0, Relaxed);
    drop(dead);
}

/// Takes a handle that was just replaced (`x.data = y`), and drops it once no call can be reading it.
pub fn retire(tensor: Tensor) {
    if ENTERED.load(Relaxed) > 0 {
        RETIRED.lock().unwrap_or_else(PoisonError::into_inner).push(tensor);
        RETIRED_COUNT.fetch_add(1, Relaxed);
    }
}

/// Every call from Python passes here: errors become exceptions, and so do panics (a bug of ours, never a crash).
#[inline]
pub fn guard<'py>(py: Python<'py>, call: impl FnOnce() -> PyResult<Bound<'py, PyAny>>) -> *mut ffi::PyObject {
    let _entered = Entered::new();
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(object)) => object.into_ptr(),
        Ok(Err(error)) => {
            error.restore(py);
            std::ptr::null_mut()
        }
        Err(panic) => {
            panicked(panic).restore(py);
            std::ptr::null_mut()
        }
    }
}

/// The same for what PyO3 calls, which would make a panic an exception that no `except Exception` catches.
#[inline]
pub fn caught<T>(call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let _entered = Entered::new();
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(panicked(panic)))
}

#[cold]
pub fn panicked(panic: Box<dyn std::any::Any + Send>) -> PyErr {
    if let Some(error) = panic.downcast_ref::<rushlight::Error>() {
        return crate::error::raise(error.clone()); // a kernel that found no memory
    }
    let text = panic.downcast_ref::<&str>().map(|s| s.to_string());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    PyRuntimeError::new_err(format!("internal error in Rushlight, please report it: {text}"))
}

/// The core calls this around work that takes longer than handing over the GIL does.
pub fn release(kernel: &mut (dyn FnMut() + Send)) {
    // SAFETY: may be called from any thread. A worker, or a call inside released work, does not hold the GIL.
    match unsafe { ffi::PyGILState_Check() } {
        0 => kernel(),
        // SAFETY: this thread was just seen to be attached.
        _ => unsafe { Python::assume_attached() }.detach(kernel),
    }
}

/// Fails with KeyboardInterrupt if the user has pressed Ctrl-C.
fn check() -> rushlight::Result<()> {
    // SAFETY: asks whether this thread holds the GIL, and if it does, looks for signals.
    unsafe {
        if ffi::PyGILState_Check() != 0 && ffi::PyErr_CheckSignals() != 0 {
            return Err(crate::error::foreign(PyErr::fetch(Python::assume_attached())));
        }
    }
    Ok(())
}

/// File, line and function of the Python code that is running, innermost last.
fn trace() -> String {
    Python::attach(|py| {
        let text = || -> PyResult<String> {
            let stack = py.import("traceback")?.call_method0("format_stack")?;
            Ok(stack.extract::<Vec<String>>()?.concat())
        };
        text().unwrap_or_default()
    })
}

/// In a forked child only this thread lives on: what others had borrowed is borrowed no more.
#[pyfunction]
fn _after_fork() {
    ENTERED.store(0, Relaxed);
    if RETIRED_COUNT.load(Relaxed) > 0 {
        bury();
    }
}

/// Tells the core of this gate.
pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    rushlight::gate::install(rushlight::gate::Gate { release, check, trace });
    let after = pyo3::types::PyDict::new(m.py());
    after.set_item("after_in_child", wrap_pyfunction!(_after_fork, m)?)?;
    if let Ok(register) = m.py().import("os")?.getattr("register_at_fork") {
        register.call((), Some(&after))?; // where there is a fork
    }
    Ok(())
}
