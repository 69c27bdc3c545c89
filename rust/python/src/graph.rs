//! Captured programs for Python: recording, running, files. What `torch.jit` and `torch.compile` are made of.
//!
//! Here a graph has its parameters as further inputs: Python hands over those that the module has at the moment.

use crate::class::{tensor_of, wrap};
use crate::error::Raise;
use crate::gate;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use rushlight::Tensor;
use rushlight::autograd::Modes;
use rushlight::graph::capture;
use rushlight::graph::file::{Extras, Program};
use rushlight::graph::plan::Plans;
use rushlight::graph::{Graph, Plan};
use std::sync::OnceLock;

fn tensors(list: &Bound<PyList>) -> PyResult<Vec<Tensor>> {
    list.iter()
        .map(|object| match crate::class::is_tensor(object.as_borrowed()) {
            true => Ok(tensor_of(&object).clone()),
            false => Err(PyTypeError::new_err(format!("expected a Tensor, got {}", object.get_type().name()?))),
        })
        .collect()
}

fn list(py: Python<'_>, tensors: Vec<Tensor>) -> PyResult<Bound<'_, PyList>> {
    PyList::new(py, tensors.into_iter().map(|t| wrap(py, t)).collect::<PyResult<Vec<_>>>()?)
}

/// Starts to record what this thread does.
#[pyfunction]
fn _graph_begin(inputs: &Bound<PyList>, names: Vec<String>, parameters: &Bound<PyList>) -> PyResult<()> {
    let (inputs, parameters) = (tensors(inputs)?, tensors(parameters)?);
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let named: Vec<(String, Tensor)> = names.into_iter().zip(parameters).collect();
    capture::begin(&inputs, &named).py()?;
    Modes { capture: true, ..Modes::current() }.set();
    Ok(())
}

/// Ends the recording: the graph, and what it does not show.
#[pyfunction]
fn _graph_end(outputs: &Bound<PyList>) -> PyResult<(PyGraph, Vec<String>)> {
    Modes { capture: false, ..Modes::current() }.set();
    let outputs = tensors(outputs)?;
    let recording = capture::end(&outputs).py()?;
    Ok((PyGraph::new(Program::new(recording.graph)), recording.left))
}

#[pyfunction]
fn _graph_abandon() {
    Modes { capture: false, ..Modes::current() }.set();
    capture::abandon();
}

#[pyfunction]
fn _graph_active() -> bool {
    capture::active() && Modes::current().capture
}

/// Notes that the program does something that no graph shows.
#[pyfunction]
fn _graph_leave(what: String) {
    capture::leave(what);
}

/// Before Python sees a tensor's elements: while recording, what follows from them is not in the graph.
#[inline]
pub fn looks_at(py: Python, tensor: &Tensor, what: &str) -> PyResult<()> {
    if Modes::current().capture { looked_at(py, tensor, what) } else { Ok(()) }
}

#[cold]
fn looked_at(py: Python, tensor: &Tensor, what: &str) -> PyResult<()> {
    if capture::looks_at(tensor) {
        capture::leave(format!("look: {what}"));
        py.import("rushlight.jit")?.call_method1("_looked", (what,))?;
    }
    Ok(())
}

/// While tracing, a warning that a size becomes part of the program.
#[inline]
pub fn sizes_are_fixed(tensor: &Bound<crate::class::PyTensor>, what: &str) -> PyResult<()> {
    if Modes::current().capture && capture::looks_at(tensor_of(tensor.as_any())) {
        tensor.py().import("rushlight.jit")?.call_method1("_fixed", (what,))?;
    }
    Ok(())
}

/// A program with its parameters, as Python holds it.
#[pyclass(name = "Graph", module = "rushlight._C", frozen)]
pub struct PyGraph {
    program: Program,
    /// The same with the parameters as further inputs.
    open: Graph,
    plans: Plans,
    plan: OnceLock<Plan>,
}

impl PyGraph {
    fn new(program: Program) -> PyGraph {
        let open = program.graph().opened();
        PyGraph { program, open, plans: Plans::default(), plan: OnceLock::new() }
    }
}

#[pymethods]
impl PyGraph {
    /// Runs the program on its inputs and its parameters, of any dtypes and shapes that its operations take.
    fn run<'py>(&self, py: Python<'py>, inputs: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
        let inputs = tensors(inputs)?;
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        list(py, gate::caught(|| self.plans.run(&self.open, &inputs).py())?)
    }

    /// The same for inputs of the dtypes and shapes that it was recorded with; None for others.
    fn run_as_recorded<'py>(
        &self,
        py: Python<'py>,
        inputs: &Bound<'py, PyList>,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let inputs = tensors(inputs)?;
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let made = gate::caught(|| {
            let plan = match self.plan.get() {
                Some(plan) => plan,
                None => {
                    let plan = Plan::new(&self.open, false).py()?;
                    self.plan.get_or_init(|| plan)
                }
            };
            if plan.fits(&inputs) { plan.run(&inputs).map(Some).py() } else { Ok(None) }
        })?;
        made.map(|made| list(py, made)).transpose()
    }

    /// Names and tensors of the parameters and buffers, in the order in which `run` takes them.
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        let all = self.program.graph().parameters();
        all.map(|(name, tensor)| Ok((name.to_string(), wrap(py, tensor.clone())?))).collect()
    }

    /// The names of those that the program writes to.
    fn written(&self) -> Vec<String> {
        let graph = self.program.graph();
        graph.updates.iter().filter_map(|(old, _)| graph.names.get(old).cloned()).collect()
    }

    /// The program with the values that its parameters have now as constants, and all that follows from them computed.
    fn frozen(&self, parameters: &Bound<PyList>) -> PyResult<PyGraph> {
        let graph = self.program.graph().with_parameters(&tensors(parameters)?);
        let mut graph = graph.simplify(true).py()?;
        graph.names.clear();
        Ok(PyGraph::new(Program::new(graph)))
    }

    /// Whether `other`, recorded on a batch of another size, is the same program; if so this one runs on any.
    fn learn_batch(&self, other: &Bound<PyGraph>, sizes: [usize; 2]) -> Option<PyGraph> {
        let mut graph = self.program.graph().clone();
        let same = graph.learn_batch(other.get().program.graph(), sizes);
        same.then(|| PyGraph::new(Program::new(graph)))
    }

    #[getter]
    fn any_batch(&self) -> bool {
        self.program.graph().batch.is_some()
    }

    /// The program without what nobody reads, for listings and files.
    fn simplified(&self) -> PyResult<PyGraph> {
        let mut graph = self.program.graph().clone();
        graph.remove_dead();
        Ok(PyGraph::new(Program::new(graph)))
    }

    /// The file's bytes, with the values that the parameters have now.
    fn to_bytes<'py>(
        &self,
        py: Python<'py>,
        parameters: &Bound<'py, PyList>,
        host: String,
        files: Vec<(String, Vec<u8>)>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let graph = self.program.graph().with_parameters(&tensors(parameters)?);
        Ok(PyBytes::new(py, &graph.to_bytes(&Extras { host, files }).py()?))
    }

    #[staticmethod]
    fn load(path: std::path::PathBuf) -> PyResult<PyGraph> {
        gate::caught(|| Graph::load(path).map(PyGraph::new).py())
    }

    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<PyGraph> {
        gate::caught(|| Graph::from_bytes(bytes).map(PyGraph::new).py())
    }

    /// What the host saved with the program.
    #[getter]
    fn host(&self) -> String {
        self.program.extras().host.clone()
    }

    #[getter]
    fn files<'py>(&self, py: Python<'py>) -> Vec<(String, Bound<'py, PyBytes>)> {
        let files = self.program.extras().files.iter();
        files.map(|(name, bytes)| (name.clone(), PyBytes::new(py, bytes))).collect()
    }

    /// How many inputs there are, without the parameters.
    #[getter]
    fn inputs(&self) -> usize {
        self.program.graph().inputs.len()
    }

    /// Calls as recorded, and, where a plan was made, after fusion and how many of those write over an input.
    fn counts(&self) -> (usize, Option<(usize, usize)>) {
        let plan = self.plan.get().map(|plan| (plan.graph().calls.len(), plan.reuse().0));
        (self.program.graph().calls.len(), plan)
    }

    /// The program as its plan runs it.
    fn planned(&self) -> Option<String> {
        self.plan.get().map(|plan| plan.graph().to_string())
    }

    /// As lines of Python, for reading.
    #[getter]
    fn code(&self) -> String {
        self.program.graph().code()
    }

    fn __str__(&self) -> String {
        self.program.graph().to_string()
    }
    fn __repr__(&self) -> String {
        self.program.graph().to_string()
    }
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_class::<PyGraph>()?;
    m.add_function(wrap_pyfunction!(_graph_begin, m)?)?;
    m.add_function(wrap_pyfunction!(_graph_end, m)?)?;
    m.add_function(wrap_pyfunction!(_graph_abandon, m)?)?;
    m.add_function(wrap_pyfunction!(_graph_active, m)?)?;
    m.add_function(wrap_pyfunction!(_graph_leave, m)?)
}
