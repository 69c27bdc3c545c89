//! `x.grad_fn`: a step of the tape as a Python object, of a class named as PyTorch names it (`AddBackward0`).

use super::function::PyFunction;
use super::hooks::{self, PyHandle};
use crate::class;
use crate::error::Raise;
use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use rushlight::Tensor;
use rushlight::autograd::{Edge, Gradient, Node};
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError, Weak};

#[pyclass(name = "Node", module = "rushlight.autograd.graph", subclass, frozen, weakref, dict)]
pub struct PyNode(Mutex<Step>);

/// What a Python node stands for.
#[derive(Clone, Default)]
enum Step {
    #[default]
    Nothing,
    Node(Arc<Node>),
    /// The context of a custom function, which its node owns.
    Context(Weak<Node>),
    Leaf(Arc<Gradient>),
}

thread_local!(static PENDING: RefCell<Step> = const { RefCell::new(Step::Nothing) });

impl PyNode {
    fn step(&self) -> Step {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Ties the context of a custom function to its node.
    pub fn tie(&self, node: &Arc<Node>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Step::Context(Arc::downgrade(node));
    }
    pub fn node(&self) -> PyResult<Arc<Node>> {
        match self.step() {
            Step::Node(node) => Some(node),
            Step::Context(node) => node.upgrade(),
            _ => None,
        }
        .ok_or_else(|| PyRuntimeError::new_err("this node of the graph is gone: no tensor that it made is alive"))
    }
}

fn make<'py>(py: Python<'py>, step: Step, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let classes = CLASSES.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let class = match classes.get_item(name)? {
        Some(class) => class,
        None => {
            let members = PyDict::new(py);
            members.set_item("__module__", "torch.autograd")?;
            let class = py.get_type::<PyType>().call1((name, (py.get_type::<PyNode>(),), members))?;
            classes.set_item(name, &class)?;
            class
        }
    };
    PENDING.set(step);
    let object = class.call0();
    PENDING.set(Step::Nothing);
    object
}

/// The Python object of a node: of a custom function, its context.
pub fn object<'py>(py: Python<'py>, node: Arc<Node>) -> PyResult<Bound<'py, PyAny>> {
    let op: &dyn std::any::Any = &**node.op() as &dyn rushlight::op::Op;
    if let Some(function) = op.downcast_ref::<PyFunction>() {
        return Ok(function.context.bind(py).clone());
    }
    let name = node.class_name();
    make(py, Step::Node(node), &name)
}

pub fn grad_fn<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    match tensor.grad_fn().py()? {
        Some(node) => object(py, node),
        None => Ok(py.None().into_bound(py)),
    }
}

#[pymethods]
impl PyNode {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<PyTuple>, _kwargs: Option<&Bound<PyDict>>) -> PyNode {
        PyNode(Mutex::new(PENDING.take()))
    }
    fn name(slf: &Bound<'_, Self>) -> PyResult<String> {
        match slf.get().step() {
            Step::Node(node) => Ok(node.class_name()),
            Step::Leaf(_) => Ok("torch::autograd::AccumulateGrad".into()),
            _ => Ok(slf.get_type().name()?.to_string()),
        }
    }
    /// The nodes that this one passes gradients to, each with the number of the output that it was given.
    #[getter]
    fn next_functions<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        if let Step::Leaf(_) = slf.get().step() {
            return Ok(PyTuple::empty(py));
        }
        let mut next = Vec::new();
        for edge in slf.get().node()?.edges() {
            next.push(match edge {
                Some(Edge::Node(node, index)) => (object(py, node.clone())?, *index),
                Some(Edge::Leaf(leaf)) => (make(py, Step::Leaf(leaf.clone()), "AccumulateGrad")?, 0),
                None => (py.None().into_bound(py), 0),
            });
        }
        PyTuple::new(py, next)
    }
    fn register_hook(&self, hook: Py<PyAny>) -> PyResult<PyHandle> {
        self.no_leaf("register_hook")?;
        Ok(PyHandle(self.node()?.register_hook(hooks::after_node(hook))))
    }
    fn register_prehook(&self, hook: Py<PyAny>) -> PyResult<PyHandle> {
        self.no_leaf("register_prehook")?;
        Ok(PyHandle(self.node()?.register_prehook(hooks::before_node(hook))))
    }
    /// What was saved for backward.
    #[getter]
    fn _saved_tensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let saved = self.node()?.saved_tensors().py()?;
        PyTuple::new(py, saved.into_iter().map(|t| class::wrap(py, t)).collect::<PyResult<Vec<_>>>()?)
    }
    #[getter]
    fn metadata<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let attributes = slf.getattr("__dict__")?.cast_into::<PyDict>()?;
        if attributes.get_item("_metadata")?.is_none() {
            attributes.set_item("_metadata", PyDict::new(slf.py()))?;
        }
        Ok(attributes.get_item("_metadata")?.unwrap_or_else(|| PyDict::new(slf.py()).into_any()))
    }
    fn __eq__(&self, other: &Bound<PyAny>) -> bool {
        other.cast::<PyNode>().is_ok_and(|other| self.address() == other.get().address())
    }
    fn __hash__(&self) -> usize {
        self.address() >> 4
    }
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!("<{} object at {:#x}>", slf.get_type().name()?, slf.as_ptr() as usize))
    }
}

impl PyNode {
    fn address(&self) -> usize {
        match self.step() {
            Step::Node(node) => Arc::as_ptr(&node) as usize,
            Step::Context(node) if node.strong_count() > 0 => node.as_ptr() as usize,
            Step::Leaf(leaf) => Arc::as_ptr(&leaf) as usize,
            _ => self as *const PyNode as usize,
        }
    }
    fn no_leaf(&self, what: &str) -> PyResult<()> {
        match self.step() {
            Step::Leaf(_) => Err(PyNotImplementedError::new_err(format!(
                "{what} on AccumulateGrad: use Tensor.register_hook or Tensor.register_post_accumulate_grad_hook"
            ))),
            _ => Ok(()),
        }
    }
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_class::<PyNode>()
}
