//! `autograd.Function`: a node whose rule is Python's. What surrounds it is in `rushlight/autograd/function.py`.

use super::node::PyNode;
use super::{held, objects, optional};
use crate::error::{Raise, foreign};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rushlight::Tensor;
use rushlight::autograd::{Ctx, Modes};
use rushlight::graph::capture;
use rushlight::op::{Grads, Inputs, Metas, Op};
use rushlight::{Error, Result};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs `context._run_backward(*grads)`.
pub struct PyFunction {
    name: &'static str,
    pub context: Py<PyAny>,
    outputs: usize,
    saved: usize,
}

impl std::fmt::Debug for PyFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Op for PyFunction {
    fn name(&self) -> &'static str {
        self.name
    }
    fn meta(&self, _: Inputs) -> Result<Metas> {
        Err(Error::NotImplemented { op: self.name, what: "running a custom autograd.Function again" })
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Python::attach(|py| {
            let context = self.context.bind(py);
            let materialize = context.getattr("materialize_grads").and_then(|m| m.is_truthy()).map_err(foreign)?;
            let mut grads = Vec::new();
            for i in 0..self.outputs {
                grads.push(if materialize { Some(ctx.grad(i)?) } else { ctx.some_grad(i) });
            }
            let saved: Vec<_> = (0..self.saved).map(|i| ctx.saved(i).map(Some)).collect::<Result<_>>()?;
            let call = || -> PyResult<Grads> {
                context.setattr("_unpacked", PyTuple::new(py, objects(py, saved)?)?)?;
                let args = PyTuple::new(py, objects(py, grads)?)?;
                let answer = context.call_method1("_run_backward", args);
                context.setattr("_unpacked", py.None())?;
                answer?.try_iter()?.map(|grad| optional(&grad?)).collect()
            };
            call().map_err(foreign)
        })
    }
}

/// Names of custom functions: nodes want them for as long as the process lives, so each is kept once.
fn lasting(name: String) -> &'static str {
    static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    if let Some(known) = names.get(name.as_str()) {
        return known;
    }
    let name: &'static str = name.leak();
    names.insert(name);
    name
}

/// Records that `outputs` were made from `inputs` by the function whose context this is.
#[pyfunction]
fn _record_function(
    context: &Bound<PyAny>,
    inputs: &Bound<PyTuple>,
    outputs: &Bound<PyTuple>,
    saved: &Bound<PyTuple>,
) -> PyResult<()> {
    let (inputs, outputs, saved) = (held(inputs)?, held(outputs)?, held(saved)?);
    if Modes::current().capture {
        capture::leave("grad: a custom autograd.Function");
    }
    let name = lasting(context.get_type().name()?.to_string());
    let op = PyFunction { name, context: context.clone().unbind(), outputs: outputs.len(), saved: saved.len() };
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    rushlight::autograd::function(Arc::new(op), &inputs, &outputs, &saved).py()?;
    let made = outputs.iter().find_map(|output| output.grad_fn().ok().flatten());
    match (context.cast::<PyNode>(), made) {
        (Ok(context), Some(node)) => context.get().tie(&node),
        (Ok(_), None) => {}
        (Err(_), _) => return Err(PyRuntimeError::new_err("the context of a function must be a Node")),
    }
    Ok(())
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_record_function, m)?)
}
