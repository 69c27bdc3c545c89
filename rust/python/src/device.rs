//! Devices beyond the CPU: the driver is Python's (`rushlight.gpu`), found when somebody first asks for it.

use crate::error::Raise;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rushlight::Tensor;
use rushlight::device::Driver;
use std::sync::{Arc, Mutex, PoisonError};

static GPU: Mutex<Option<Arc<dyn Driver>>> = Mutex::new(None);

/// Called by whoever brings a driver.
#[allow(dead_code)] // the driver comes with rushlight.gpu
pub fn install_gpu(driver: Arc<dyn Driver>) {
    *GPU.lock().unwrap_or_else(PoisonError::into_inner) = Some(driver);
}

/// A copy of a tensor on the GPU.
pub fn to_gpu(tensor: &Tensor, _index: u16) -> PyResult<Tensor> {
    let driver = GPU.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match driver {
        Some(driver) => rushlight::device::transfer(tensor, Some(driver)).py(),
        None => Err(PyRuntimeError::new_err(
            "no GPU driver is loaded: device 'gpu' needs the package wgpu (pip install 'rushlight[gpu]')",
        )),
    }
}
