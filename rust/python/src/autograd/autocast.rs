//! Autocast as Python sets it: `torch.amp.autocast` and the functions under it.

use crate::types;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rushlight::DType;
use rushlight::autocast::{self, Kind};

fn kind(device_type: &str) -> PyResult<Kind> {
    match device_type {
        "cpu" => Ok(Kind::Cpu),
        "gpu" => Ok(Kind::Gpu),
        _ => Err(PyRuntimeError::new_err(format!(
            "autocast: Rushlight has no {device_type} devices; use 'cpu' or 'gpu'"
        ))),
    }
}

/// Whether autocast is on for a kind of device, and its dtype.
#[pyfunction]
fn _get_autocast<'py>(py: Python<'py>, device_type: &str) -> PyResult<(bool, Bound<'py, PyAny>)> {
    let (on, dtype) = autocast::get(kind(device_type)?);
    Ok((on, types::dtype_object(py, dtype)?))
}

/// Switches it on or off in this thread.
#[pyfunction]
fn _set_autocast(device_type: &str, on: bool, dtype: &Bound<PyAny>) -> PyResult<()> {
    let dtype = types::dtype(dtype.as_borrowed())?;
    if !matches!(dtype, DType::F16 | DType::BF16 | DType::F32) {
        let given = types::dtype_name(dtype);
        return Err(PyRuntimeError::new_err(format!("autocast: the dtype must be bfloat16 or float16, got {given}")));
    }
    autocast::set(kind(device_type)?, on, dtype);
    Ok(())
}

/// Whether weights that were converted are kept until the outermost block ends.
#[pyfunction]
fn is_autocast_cache_enabled() -> bool {
    autocast::caches()
}

#[pyfunction]
fn set_autocast_cache_enabled(enabled: bool) {
    autocast::set_caches(enabled);
}

#[pyfunction]
fn autocast_increment_nesting() -> usize {
    autocast::nest(true)
}

#[pyfunction]
fn autocast_decrement_nesting() -> usize {
    autocast::nest(false)
}

#[pyfunction]
fn clear_autocast_cache() {
    autocast::clear();
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(_get_autocast, m)?,
        wrap_pyfunction!(_set_autocast, m)?,
        wrap_pyfunction!(is_autocast_cache_enabled, m)?,
        wrap_pyfunction!(set_autocast_cache_enabled, m)?,
        wrap_pyfunction!(autocast_increment_nesting, m)?,
        wrap_pyfunction!(autocast_decrement_nesting, m)?,
        wrap_pyfunction!(clear_autocast_cache, m)?,
    ] {
        m.add_function(function)?;
    }
    Ok(())
}
