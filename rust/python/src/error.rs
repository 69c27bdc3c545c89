//! The core's typed errors as the exceptions that PyTorch raises for them: the only place that knows which is which.

use pyo3::exceptions::{PyIndexError, PyNotImplementedError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use rushlight::Error;
use std::sync::Arc;

/// An exception made in Python for a core that has none of its own: `OutOfMemoryError`, `LinAlgError`.
pub fn class<'py>(py: Python<'py>, name: &'static str) -> PyResult<Bound<'py, PyType>> {
    static CLASSES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module = CLASSES.get_or_try_init(py, || py.import("rushlight._classes").map(|m| m.into_any().unbind()))?;
    Ok(module.bind(py).getattr(name)?.cast_into()?)
}

/// As an exception, with the GIL held.
#[cold]
pub fn raise(error: Error) -> PyErr {
    let message = error.to_string();
    let special = |name| {
        // SAFETY: errors are raised on the way back to Python, which holds the GIL.
        let py = unsafe { Python::assume_attached() };
        match class(py, name) {
            Ok(class) => PyErr::from_type(class, message.clone()),
            Err(error) => error,
        }
    };
    match error {
        Error::Foreign { exception, .. } => match exception.downcast_ref::<PyErr>() {
            // SAFETY: as above.
            Some(exception) => exception.clone_ref(unsafe { Python::assume_attached() }),
            None => PyRuntimeError::new_err(message),
        },
        Error::Type { .. } => PyTypeError::new_err(message),
        Error::Value { .. } => PyValueError::new_err(message),
        Error::Index { .. } | Error::BadIndex { .. } => PyIndexError::new_err(message),
        Error::NotImplemented { .. } => PyNotImplementedError::new_err(message),
        Error::Memory { .. } => special("OutOfMemoryError"),
        Error::LinAlg { .. } => special("LinAlgError"),
        _ => PyRuntimeError::new_err(message),
    }
}

/// A Python exception on its way through the core.
pub fn foreign(error: PyErr) -> Error {
    Error::Foreign { message: error.to_string(), exception: Arc::new(error) }
}

/// `?` from the core's results into Python's.
pub trait Raise<T> {
    fn py(self) -> PyResult<T>;
}
impl<T> Raise<T> for rushlight::Result<T> {
    #[inline]
    fn py(self) -> PyResult<T> {
        self.map_err(raise)
    }
}
