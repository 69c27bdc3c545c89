//! Python functions as hooks of the core.

use super::{objects, optional};
use crate::class;
use crate::error::foreign;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyWeakrefReference};
use rushlight::Tensor;
use rushlight::autograd::saved::{pop_saved_hooks, push_saved_hooks};
use rushlight::autograd::{Accumulated, Hook, HookHandle, PostHook, PreHook};
use std::sync::{Arc, Mutex, PoisonError};

/// Takes a hook away again.
#[pyclass(name = "RemovableHandle", module = "rushlight.utils.hooks", frozen)]
pub struct PyHandle(pub HookHandle);

#[pymethods]
impl PyHandle {
    fn remove(&self) {
        self.0.remove();
    }
    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<PyTuple>) {
        self.0.remove();
    }
}

/// Runs Python code from inside of the core; its exceptions pass through.
fn run<T>(work: impl FnOnce(Python) -> PyResult<T>) -> rushlight::Result<T> {
    Python::attach(|py| work(py).map_err(foreign))
}

/// A hook on a tensor: sees the gradient and may give another.
pub fn on_tensor(hook: Arc<Py<PyAny>>) -> Hook {
    Arc::new(move |grad: &Tensor| {
        run(|py| {
            let answer = hook.bind(py).call1((class::wrap(py, grad.clone())?,))?;
            replaced(&answer, grad)
        })
    })
}

fn replaced(answer: &Bound<PyAny>, grad: &Tensor) -> PyResult<Option<Tensor>> {
    if !answer.is_none() && !class::is_tensor(answer.as_borrowed()) {
        let class = answer.get_type();
        return Err(PyTypeError::new_err(format!("expected Variable, but hook returned '{}'", class.name()?)));
    }
    let answer = optional(answer)?;
    if let Some(new) = &answer
        && new.shape() != grad.shape()
    {
        let text =
            format!("hook has changed the size of value: it was {:?}, now it is {:?}", grad.shape(), new.shape());
        return Err(PyRuntimeError::new_err(text));
    }
    Ok(answer)
}

/// Called with the tensor after its gradient has gathered. Holds on to neither.
pub fn on_accumulated(tensor: &Bound<PyAny>, hook: Arc<Py<PyAny>>) -> PyResult<Accumulated> {
    let tensor = PyWeakrefReference::new(tensor)?.unbind();
    Ok(Arc::new(move || {
        run(|py| {
            use pyo3::types::PyWeakrefMethods;
            match tensor.bind(py).upgrade() {
                Some(tensor) => hook.bind(py).call1((tensor,)).map(|_| ()),
                None => Ok(()),
            }
        })
    }))
}

fn tuple<'py>(py: Python<'py>, grads: &[Option<Tensor>]) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, objects(py, grads.to_vec())?)
}

fn list(answer: &Bound<PyAny>) -> PyResult<Option<Vec<Option<Tensor>>>> {
    if answer.is_none() {
        return Ok(None);
    }
    if class::is_tensor(answer.as_borrowed()) {
        return Ok(Some(vec![optional(answer)?]));
    }
    answer.try_iter()?.map(|item| optional(&item?)).collect::<PyResult<_>>().map(Some)
}

/// A hook on a node, before its rule runs: sees the gradients of the outputs.
pub fn before_node(hook: Py<PyAny>) -> PreHook {
    Arc::new(move |grads: &[Option<Tensor>]| run(|py| list(&hook.bind(py).call1((tuple(py, grads)?,))?)))
}

/// A hook on a node, after its rule has run: sees the gradients of the inputs and of the outputs.
pub fn after_node(hook: Py<PyAny>) -> PostHook {
    Arc::new(move |inputs: &[Option<Tensor>], outputs: &[Option<Tensor>]| {
        run(|py| list(&hook.bind(py).call1((tuple(py, inputs)?, tuple(py, outputs)?))?))
    })
}

/// `saved_tensors_hooks`: what `pack` gives is kept, and `unpack` makes the tensor of it again.
#[pyfunction]
fn _push_saved_tensors_hooks(pack: Py<PyAny>, unpack: Py<PyAny>) -> PyResult<()> {
    if let Some(why) = &*DISABLED.lock().unwrap_or_else(PoisonError::into_inner) {
        return Err(PyRuntimeError::new_err(why.clone()));
    }
    let unpack = Arc::new(unpack);
    push_saved_hooks(Arc::new(move |tensor: &Tensor| {
        let packed = run(|py| pack.call1(py, (class::wrap(py, tensor.clone())?,)))?;
        let unpack = unpack.clone();
        Ok(Arc::new(move || {
            run(|py| {
                let tensor = unpack.bind(py).call1((packed.bind(py),))?;
                optional(&tensor)?.ok_or_else(|| {
                    PyTypeError::new_err("saved_tensors_hooks: expected a tensor from the unpack hook, got None")
                })
            })
        }))
    }));
    Ok(())
}

#[pyfunction]
fn _pop_saved_tensors_hooks() {
    pop_saved_hooks();
}

static DISABLED: Mutex<Option<String>> = Mutex::new(None);

/// With a message, no more hooks can be pushed; with None they can again.
#[pyfunction]
#[pyo3(signature = (why))]
fn _disable_saved_tensors_hooks(why: Option<String>) {
    *DISABLED.lock().unwrap_or_else(PoisonError::into_inner) = why;
}

/// The memory of a tensor was changed behind autograd's back.
#[pyfunction]
fn _increment_version(tensor: &Bound<PyAny>) -> PyResult<()> {
    if let Some(tensor) = optional(tensor)? {
        tensor.storage().modified_by("increment_version");
    }
    Ok(())
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_class::<PyHandle>()?;
    m.add_function(wrap_pyfunction!(_push_saved_tensors_hooks, m)?)?;
    m.add_function(wrap_pyfunction!(_pop_saved_tensors_hooks, m)?)?;
    m.add_function(wrap_pyfunction!(_disable_saved_tensors_hooks, m)?)?;
    m.add_function(wrap_pyfunction!(_increment_version, m)?)
}
