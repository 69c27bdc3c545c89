//! Devices beyond the CPU: the driver is made by Python (`rushlight.gpu`) when somebody first asks for it.

use crate::error::Raise;
use crate::gpu::Gpu;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rushlight::Tensor;
use rushlight::device::{Driver, Philox};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

static GPU: Mutex<Option<Arc<Gpu>>> = Mutex::new(None);

/// Whether a GPU may be met anywhere: until then, calls do not look for one.
static IN_USE: AtomicBool = AtomicBool::new(false);

#[inline]
pub fn in_use() -> bool {
    IN_USE.load(Relaxed)
}

pub fn set_in_use() {
    IN_USE.store(true, Relaxed);
}

fn loaded() -> Option<Arc<Gpu>> {
    GPU.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The driver of `gpu:index`; the first call looks for an adapter.
#[cold]
pub fn gpu(index: u16) -> PyResult<Arc<dyn Driver>> {
    if index != 0 {
        let text = format!(
            "device gpu:{index} does not exist: Rushlight uses one GPU, gpu:0 (RUSHLIGHT_GPU_ADAPTER chooses it)"
        );
        return Err(PyRuntimeError::new_err(text));
    }
    if let Some(gpu) = loaded() {
        return Ok(gpu);
    }
    // `start` asks for an adapter and calls `_gpu_install`; its errors say what to install.
    Python::attach(|py| py.import("rushlight.gpu._driver")?.call_method0("start").map(|_| ()))?;
    match loaded() {
        Some(gpu) => Ok(gpu),
        None => Err(PyRuntimeError::new_err("rushlight.gpu._driver.start() brought no driver")),
    }
}

/// The tensor on the GPU.
pub fn to_gpu(tensor: &Tensor, index: u16) -> PyResult<Tensor> {
    rushlight::device::transfer(tensor, Some(gpu(index)?)).py()
}

/// Takes an adapter; from now on there is a GPU.
#[pyfunction]
fn _gpu_install(adapter: &Bound<PyAny>) -> PyResult<()> {
    let gpu = Gpu::new(adapter)?;
    set_in_use();
    *GPU.lock().unwrap_or_else(PoisonError::into_inner) = Some(gpu);
    Ok(())
}

/// What is queued, for the adapter's `flush`: constants and launches, or None.
#[pyfunction]
fn _gpu_take(py: Python<'_>) -> PyResult<Option<Bound<'_, PyTuple>>> {
    loaded().map_or(Ok(None), |gpu| gpu.take(py))
}

#[pyfunction]
fn _gpu_flush() -> PyResult<()> {
    loaded().map_or(Ok(()), |gpu| gpu.flush().py())
}

#[pyfunction]
fn _gpu_empty_cache() -> PyResult<()> {
    loaded().map_or(Ok(()), |gpu| gpu.empty_cache().py())
}

/// Counters of the driver; empty if no GPU was used yet.
#[pyfunction]
fn _gpu_stats(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    loaded().map_or_else(|| Ok(PyDict::new(py)), |gpu| gpu.stats(py))
}

#[pyfunction]
fn _gpu_reset_peak() {
    if let Some(gpu) = loaded() {
        gpu.reset_peak();
    }
}

/// Seed and offset of the GPU's random numbers.
#[pyfunction]
fn _gpu_random_state() -> (u64, u64) {
    let Philox { seed, offset } = rushlight::device::philox_state();
    (seed, offset)
}

#[pyfunction]
fn _gpu_set_random_state(seed: u64, offset: u64) {
    rushlight::device::set_philox_state(Philox { seed, offset });
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_gpu_install, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_take, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_flush, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_empty_cache, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_stats, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_reset_peak, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_random_state, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_set_random_state, m)?)
}
