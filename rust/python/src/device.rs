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
        Some(driver) => copy_to(tensor, &driver).py(),
        None => Err(PyRuntimeError::new_err(
            "no GPU driver is loaded: device 'gpu' needs the package wgpu (pip install 'rushlight[gpu]')",
        )),
    }
}

fn copy_to(tensor: &Tensor, driver: &Arc<dyn Driver>) -> rushlight::Result<Tensor> {
    let dense = tensor.detach().to_cpu()?.contiguous()?;
    let bytes = dense.numel() * dense.dtype().size();
    let storage = driver.alloc(bytes)?;
    // SAFETY: dense, and alive through the copy.
    driver.write(&storage, unsafe { std::slice::from_raw_parts(dense.ptr(), bytes) })?;
    Tensor::on(storage, rushlight::layout::Layout::contiguous(dense.shape()), dense.dtype())
}
