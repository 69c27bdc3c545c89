//! A tensor's place in autograd.

use crate::args::Object;
use crate::autograd::hooks::{self, PyHandle};
use crate::autograd::{_backward, held};
use crate::call::table;
use crate::class;
use crate::error::Raise;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rushlight::Tensor;
use rushlight::autograd::HookHandle;
use std::sync::Arc;

fn hook_of(hook: Object) -> PyResult<Arc<Py<PyAny>>> {
    if hook.is_callable() {
        return Ok(Arc::new(hook.to_owned().unbind()));
    }
    let class = hook.get_type();
    Err(PyTypeError::new_err(format!("a hook must be callable, not {}", class.name()?)))
}

/// The handle of a hook on `x`, of which the garbage collector is told.
fn handle(x: Object, function: &Arc<Py<PyAny>>, handle: rushlight::Result<HookHandle>) -> PyResult<Py<PyAny>> {
    let handle = handle.py()?;
    let hook = class::HookRef { function: Arc::downgrade(function), handle: handle.clone() };
    class::remember_hook(x, hook);
    Ok(Py::new(x.py(), PyHandle(handle))?.into_any())
}

fn backward(x: Object, gradient: Option<&Tensor>, retain: Option<bool>, create_graph: bool, inputs: Object) -> PyResult<()> {
    let py = x.py();
    if inputs.is_none() && gradient.is_none() {
        let root = class::tensor(x).clone();
        return rushlight::autograd::backward(&[&root], &[None], retain.unwrap_or(create_graph), create_graph).py();
    }
    let gradient = match gradient {
        Some(gradient) => class::wrap(py, gradient.clone())?,
        None => py.None().into_bound(py),
    };
    let inputs = match () {
        () if inputs.is_none() => None,
        () if class::is_tensor(inputs) => Some(PyTuple::new(py, [inputs])?),
        () => Some(PyTuple::new(py, inputs.try_iter()?.collect::<PyResult<Vec<_>>>()?)?),
    };
    if let Some(inputs) = &inputs {
        if inputs.is_empty() {
            return Err(pyo3::exceptions::PyRuntimeError::new_err("'inputs' argument to backward cannot be empty."));
        }
        held(inputs)?;
    }
    let (roots, grads) = (PyTuple::new(py, [x])?, PyTuple::new(py, [gradient])?);
    _backward(&roots, &grads, retain.unwrap_or(create_graph), create_graph, inputs.as_ref())
}

table! {
    /// Fills `grad` of the leaves that this tensor was made from.
    method: "backward(Tensor self, Tensor? gradient=None, bool? retain_graph=None, bool create_graph=False, Any inputs=None) -> ()"
        => |x: Object, gradient: Option<&Tensor>, retain: Option<bool>, create_graph: bool, inputs: Object|
            backward(x, gradient, retain, create_graph, inputs);

    /// Says whether autograd is to follow this tensor.
    method: "requires_grad_(Tensor self, bool requires_grad=True) -> Tensor"
        => |x: &Tensor, on: bool| class::props::set_requires_grad(x, on).map(|()| x.clone());

    /// The same memory, outside of the graph.
    fn method: "detach(Tensor self) -> Tensor" => Tensor::detach;
    /// Takes the tensor out of its graph: it becomes a leaf that needs no gradient.
    fn method: "detach_(Tensor self) -> Tensor" => |x: &Tensor| x.detach_().map(|()| x.clone());

    /// Has backward fill `grad` of a tensor that is no leaf.
    method: "retain_grad(Tensor self) -> ()" => Tensor::retain_grad;

    /// Calls `hook(grad)` with the complete gradient of this tensor; what it gives replaces the gradient.
    method: "register_hook(Tensor self, Any hook) -> Any"
        => |x: Object, hook: Object| {
            let function = hook_of(hook)?;
            handle(x, &function, class::tensor(x).register_hook(hooks::on_tensor(function.clone())))
        };
    /// Calls `hook(tensor)` each time after the gradient of this leaf has gathered.
    method: "register_post_accumulate_grad_hook(Tensor self, Any hook) -> Any" => |x: Object, hook: Object| {
        let function = hook_of(hook)?;
        let told = hooks::on_accumulated(&x.to_owned(), function.clone())?;
        handle(x, &function, class::tensor(x).register_post_accumulate_grad_hook(told))
    };

    /// Whether the tensor was made in inference mode.
    fn method: "is_inference(Tensor self) -> bool" => Tensor::is_inference;
    /// Whether the tensor is a view of another.
    method: "_is_view(Tensor self) -> bool" => |x: &Tensor| x.base().is_some();
}
