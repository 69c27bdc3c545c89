//! `torch.Generator`: a stream of random numbers with a state of its own.

use crate::args::Object;
use crate::class;
use crate::error::Raise;
use crate::types::{self, Device};
use pyo3::prelude::*;
use rushlight::random::Generator;
use rushlight::{DType, Tensor};

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
        Ok(PyGenerator(Generator::default()))
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
    /// The state, as a tensor of bytes in PyTorch's layout.
    fn get_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let state = self.0.get_state();
        class::wrap(py, Tensor::from_slice(&state, &[state.len()]).py()?)
    }
    fn set_state<'py>(slf: &Bound<'py, Self>, state: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        if !class::is_tensor(state.as_borrowed()) {
            return Err(pyo3::exceptions::PyTypeError::new_err(
                "expected a torch.ByteTensor as the state of a generator",
            ));
        }
        let state = class::tensor(state.as_borrowed());
        if state.dtype() != DType::U8 {
            return Err(pyo3::exceptions::PyTypeError::new_err(
                "expected a torch.ByteTensor as the state of a generator",
            ));
        }
        slf.get().0.set_state(&state.to_vec::<u8>().py()?).py()?;
        Ok(slf.clone())
    }
    fn clone_state(&self) -> PyGenerator {
        PyGenerator(self.0.fork())
    }
}

/// Any 64 bits; negative seeds wrap, as in PyTorch.
pub fn seed_of(seed: &Bound<PyAny>) -> PyResult<u64> {
    match seed.extract::<u64>() {
        Ok(seed) => Ok(seed),
        Err(_) => Ok(seed.extract::<i64>()? as u64),
    }
}
