//! `torch.Generator`: a stream of random numbers with a state of its own.

use crate::args::{Object, is_int};
use crate::class;
use crate::error::raise;
use crate::types::{self, Device};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rushlight::random::default_generator;
use rushlight::{DType, Generator, Tensor};

/// A stream of random numbers. Two generators of the same seed give the same numbers, and the same as PyTorch's.
#[pyclass(name = "Generator", module = "rushlight", subclass, frozen, weakref)]
pub struct PyGenerator(Generator);

pub fn of(object: Object) -> PyResult<Generator> {
    Ok(object.cast::<PyGenerator>()?.get().0.clone())
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_class::<PyGenerator>()?;
    m.add("default_generator", PyGenerator(default_generator().clone()))
}

#[pymethods]
impl PyGenerator {
    #[new]
    #[pyo3(signature = (device=None))]
    fn new(device: Option<&Bound<PyAny>>) -> PyResult<PyGenerator> {
        if let Some(device) = device {
            // There is one kind of generator; on other devices its numbers are drawn here and sent there.
            types::device(device.as_borrowed())?;
        }
        Ok(PyGenerator(Generator::default()))
    }
    #[getter]
    fn device<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        types::device_object(py, Device::CPU)
    }

    /// Seeds the generator, and returns it.
    fn manual_seed<'py>(slf: &Bound<'py, Self>, seed: &Bound<PyAny>) -> PyResult<Bound<'py, Self>> {
        slf.get().0.manual_seed(seed_of(seed)?);
        Ok(slf.clone())
    }
    /// Seeds with a number that is different each time, and returns it.
    fn seed(&self) -> u64 {
        self.0.seed()
    }
    /// The seed.
    fn initial_seed(&self) -> u64 {
        self.0.initial_seed()
    }

    /// The state, as a tensor of bytes.
    fn get_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let state = self.0.get_state();
        class::wrap(py, Tensor::from_slice(&state, &[state.len()]).map_err(raise)?)
    }
    /// Takes up a state that `get_state` gave.
    fn set_state(&self, new_state: &Bound<PyAny>) -> PyResult<()> {
        let object = new_state.as_borrowed();
        if !class::is_tensor(object) || class::tensor(object).dtype() != DType::U8 {
            return Err(PyTypeError::new_err("expected a torch.ByteTensor as RNG state"));
        }
        let state = class::tensor(object).to_vec::<u8>().map_err(raise)?;
        self.0.set_state(&state).map_err(raise)
    }

    /// Another generator, in the same state.
    fn clone_state(&self) -> PyGenerator {
        PyGenerator(self.0.fork())
    }
    fn graphsafe_get_state(&self) -> PyGenerator {
        PyGenerator(self.0.fork())
    }
    fn graphsafe_set_state(&self, state: &Bound<PyGenerator>) -> PyResult<()> {
        self.0.set_state(&state.get().0.get_state()).map_err(raise)
    }
    fn get_offset(&self) -> PyResult<u64> {
        Err(PyRuntimeError::new_err("CPU Generator does not use offset"))
    }
    fn set_offset(&self, offset: u64) -> PyResult<()> {
        let _ = offset;
        Err(PyRuntimeError::new_err("CPU Generator does not use offset"))
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>, Bound<'py, PyAny>)> {
        let py = slf.py();
        Ok((slf.get_type().into_any(), PyTuple::new(py, ["cpu"])?, slf.get().get_state(py)?))
    }
    fn __setstate__(&self, state: &Bound<PyAny>) -> PyResult<()> {
        self.set_state(state)
    }
    fn __deepcopy__(&self, memo: &Bound<PyAny>) -> PyGenerator {
        let _ = memo;
        self.clone_state()
    }
}

/// Any 64 bits; negative seeds wrap, as in PyTorch.
fn seed_of(seed: &Bound<PyAny>) -> PyResult<u64> {
    if !is_int(seed.as_borrowed()) {
        let given = seed.get_type().name()?.to_string();
        return Err(PyRuntimeError::new_err(format!("manual_seed expected a long, but got {given}")));
    }
    match seed.extract::<u64>() {
        Ok(seed) => Ok(seed),
        Err(_) => match seed.extract::<i64>() {
            Ok(seed) => Ok(seed as u64),
            Err(_) => Err(PyValueError::new_err(format!(
                "Overflow when unpacking long: expected a seed in [-0x8000_0000_0000_0000, 0xffff_ffff_ffff_ffff], got {seed}"
            ))),
        },
    }
}
