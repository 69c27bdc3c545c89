//! Autograd as Python sees it: modes, `backward` and `grad`, hooks, nodes, custom functions.

mod autocast;
mod function;
pub mod hooks;
mod node;

use crate::class;
use crate::error::Raise;
use crate::gate::caught;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rushlight::Tensor;
use rushlight::autograd::{self, Modes};
use rushlight::graph::capture;

pub use node::grad_fn;

const GRAD: u8 = 1;
const INFERENCE: u8 = 2;
const ANOMALY: u8 = 4;

/// The modes of this thread in bits, for those who set them and put them back.
#[pyfunction]
fn _get_modes() -> u8 {
    let modes = Modes::current();
    (GRAD * modes.grad as u8) | (INFERENCE * modes.inference as u8) | (ANOMALY * modes.anomaly as u8)
}

#[pyfunction]
fn _set_modes(bits: u8) -> u8 {
    let before = _get_modes();
    let on = |bit| bits & bit != 0;
    Modes { grad: on(GRAD), inference: on(INFERENCE), anomaly: on(ANOMALY), ..Modes::current() }.set();
    before
}

/// Sets grad mode alone.
#[pyfunction]
fn _set_grad_enabled(on: bool) {
    Modes { grad: on, ..Modes::current() }.set();
}

#[pyfunction]
fn is_grad_enabled() -> bool {
    Modes::current().grad
}

#[pyfunction]
fn is_inference_mode_enabled() -> bool {
    Modes::current().inference
}

#[pyfunction]
fn is_anomaly_enabled() -> bool {
    Modes::current().anomaly
}

/// The tensors of a tuple, held for as long as Python code may run.
pub fn held(tuple: &Bound<PyTuple>) -> PyResult<Vec<Tensor>> {
    tuple.iter().map(|item| one(&item)).collect()
}

fn one(object: &Bound<PyAny>) -> PyResult<Tensor> {
    if class::is_tensor(object.as_borrowed()) {
        return Ok(class::tensor_of(object).clone());
    }
    let text = format!("expected Tensor, got {}", object.get_type().name()?);
    Err(PyTypeError::new_err(text))
}

pub fn optional(object: &Bound<PyAny>) -> PyResult<Option<Tensor>> {
    if object.is_none() { Ok(None) } else { one(object).map(Some) }
}

/// Fills the gradients of the leaves (of `inputs` alone, if there are any).
#[pyfunction]
pub fn _backward(
    roots: &Bound<PyTuple>,
    grads: &Bound<PyTuple>,
    retain: bool,
    create_graph: bool,
    inputs: Option<&Bound<PyTuple>>,
) -> PyResult<()> {
    caught(|| backward(roots, grads, retain, create_graph, inputs))
}

fn backward(
    roots: &Bound<PyTuple>,
    grads: &Bound<PyTuple>,
    retain: bool,
    create_graph: bool,
    inputs: Option<&Bound<PyTuple>>,
) -> PyResult<()> {
    if Modes::current().capture {
        capture::leave("state: backward()");
    }
    let roots = held(roots)?;
    let roots: Vec<&Tensor> = roots.iter().collect();
    let grads: Vec<Option<Tensor>> = grads.iter().map(|g| optional(&g)).collect::<PyResult<_>>()?;
    let Some(inputs) = inputs else { return autograd::backward(&roots, &grads, retain, create_graph).py() };
    let inputs = held(inputs)?;
    let borrowed: Vec<&Tensor> = inputs.iter().collect();
    let found = autograd::grad(&roots, &borrowed, &grads, retain, create_graph).py()?;
    for (input, grad) in inputs.iter().zip(found) {
        if let Some(grad) = grad {
            let gather = || match input.grad() {
                Some(old) => old.add(&grad),
                None => Ok(grad.clone()),
            };
            let sum = if create_graph { gather() } else { autograd::no_grad(gather) };
            input.set_grad(Some(sum.py()?));
        }
    }
    Ok(())
}

/// The gradients with respect to `inputs`; None for those that the roots do not depend on.
#[pyfunction]
fn _grad<'py>(
    roots: &Bound<'py, PyTuple>,
    grads: &Bound<'py, PyTuple>,
    inputs: &Bound<'py, PyTuple>,
    retain: bool,
    create_graph: bool,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = roots.py();
    if Modes::current().capture {
        capture::leave("grad: autograd.grad()");
    }
    let (roots, inputs) = (held(roots)?, held(inputs)?);
    let (roots, inputs): (Vec<&Tensor>, Vec<&Tensor>) = (roots.iter().collect(), inputs.iter().collect());
    let grads: Vec<Option<Tensor>> = grads.iter().map(|g| optional(&g)).collect::<PyResult<_>>()?;
    let found = caught(|| autograd::grad(&roots, &inputs, &grads, retain, create_graph).py())?;
    PyTuple::new(py, objects(py, found)?)
}

/// Tensors as Python objects, None where there is none.
pub fn objects(py: Python<'_>, tensors: Vec<Option<Tensor>>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let object = |t: Option<Tensor>| t.map_or_else(|| Ok(py.None().into_bound(py)), |t| class::wrap(py, t));
    tensors.into_iter().map(object).collect()
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(_get_modes, m)?,
        wrap_pyfunction!(_set_modes, m)?,
        wrap_pyfunction!(_set_grad_enabled, m)?,
        wrap_pyfunction!(is_grad_enabled, m)?,
        wrap_pyfunction!(is_inference_mode_enabled, m)?,
        wrap_pyfunction!(is_anomaly_enabled, m)?,
        wrap_pyfunction!(_backward, m)?,
        wrap_pyfunction!(_grad, m)?,
    ] {
        m.add_function(function)?;
    }
    autocast::install(m)?;
    node::install(m)?;
    function::install(m)?;
    hooks::install(m)
}
