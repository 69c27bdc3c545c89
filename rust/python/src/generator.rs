//! `torch.Generator`: a stream of random numbers with a state of its own.

use crate::args::Object;
use crate::core::Generator;
use crate::types::{self, Device};
use pyo3::prelude::*;

#[pyclass(name = "Generator", module = "rushlight", subclass, frozen)]
pub struct PyGenerator(pub Generator);

pub fn of(object: Object) -> PyResult<Generator> {
    Ok(object.cast::<PyGenerator>()?.get().0.clone())
}

#[pymethods]
impl PyGenerator {
    #[new]
    #[pyo3(signature = (device=None))]
    fn new(device: Option<&Bound<PyAny>>) -> PyResult<PyGenerator> {
        if let Some(device) = device {
            types::device(device.as_borrowed())?;
        }
        Ok(PyGenerator(Generator::new()))
    }
    #[getter]
    fn device<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        types::device_object(py, Device::CPU)
    }
    fn manual_seed<'py>(slf: &Bound<'py, Self>, seed: &Bound<PyAny>) -> PyResult<Bound<'py, Self>> {
        slf.get().0.manual_seed(seed_of(seed)?);
        Ok(slf.clone())
    }
    fn seed(&self) -> u64 {
        self.0.seed()
    }
    fn initial_seed(&self) -> u64 {
        self.0.initial_seed()
    }
}

/// Any 64 bits; negative seeds wrap, as in PyTorch.
pub fn seed_of(seed: &Bound<PyAny>) -> PyResult<u64> {
    match seed.extract::<u64>() {
        Ok(seed) => Ok(seed),
        Err(_) => Ok(seed.extract::<i64>()? as u64),
    }
}
