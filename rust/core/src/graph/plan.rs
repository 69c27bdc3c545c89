//! Running a graph fast: what each call needs is settled once, for inputs of given dtypes and shapes.
//!
//! A plan knows after which call a value is not read any more, so that its memory goes back to the pool and to the next call;
//! and where an elementwise call may write over an input that ends there. It records no history: under grad mode, for
//! inputs that need one, a plan replays its graph on the road.

use super::{Graph, Value};
use crate::attribute::Attribute;
use crate::autograd::Modes;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Shape;
use crate::op::{Inputs, Meta, Op, Outputs, apply_arc};
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::sync::{Arc, Mutex, PoisonError};

/// A graph with the memory plan for its shapes.
pub struct Plan {
    graph: Graph,
    steps: Vec<Step>,
}

#[derive(Default)]
struct Step {
    /// Values that are not read after this call.
    last: Vec<Value>,
    /// The input that the result may be written over.
    over: Option<usize>,
}

impl Plan {
    /// The graph simplified, with its elementwise calls fused. Its `metas` are those of the shapes that it is to run on.
    pub fn new(graph: &Graph, frozen: bool) -> Result<Plan> {
        Ok(Plan::of(graph.simplify(frozen)?.fuse()))
    }

    /// The graph as it is.
    pub fn of(graph: Graph) -> Plan {
        let mut steps: Vec<Step> = graph.calls.iter().map(|_| Step::default()).collect();
        let mut left = graph.uses();
        // Values in memory of their own, which nobody else sees: made by a call that is no view, and not looked at by one.
        let mut own = vec![false; graph.values()];
        for call in &graph.calls {
            let view = call.op.pointwise().is_none() && !super::fuse::is_fused(&*call.op);
            call.inputs.iter().flatten().filter(|_| view).for_each(|v| own[*v] = false);
            call.outputs.iter().for_each(|v| own[*v] = true);
        }
        graph.outputs.iter().for_each(|v| own[*v] = false);
        for (i, call) in graph.calls.iter().enumerate() {
            for value in call.inputs.iter().flatten() {
                left[*value] -= 1;
                if left[*value] == 0 {
                    steps[i].last.push(*value);
                }
            }
            let [output] = call.outputs[..] else { continue };
            let once = |v: Value| call.inputs.iter().flatten().filter(|x| **x == v).count() == 1;
            steps[i].over = call.inputs.iter().position(|v| {
                v.is_some_and(|v| {
                    let alike = graph.metas[v] == graph.metas[output] && super::fuse::may_write_over(call, v);
                    alike && own[v] && once(v) && steps[i].last.contains(&v)
                })
            });
        }
        Plan { graph, steps }
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Whether these inputs have the dtypes and shapes that the plan was made for.
    pub fn fits(&self, inputs: &[&Tensor]) -> bool {
        let alike = |(v, t): (&Value, &&Tensor)| {
            let (dtype, shape) = &self.graph.metas[*v];
            t.dtype() == *dtype && t.shape() == &shape[..]
        };
        inputs.len() == self.graph.inputs.len() && self.graph.inputs.iter().zip(inputs).all(alike)
    }

    /// How many calls write over an input, and how many there are.
    pub fn reuse(&self) -> (usize, usize) {
        (self.steps.iter().filter(|step| step.over.is_some()).count(), self.steps.len())
    }

    pub fn run(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let modes = Modes::current();
        let constants = || self.graph.constants.iter().map(|(_, t)| t);
        if modes.capture || modes.grad && inputs.iter().copied().chain(constants()).any(Tensor::requires_grad) {
            return self.graph.replay(inputs);
        }
        Modes { grad: false, ..modes }.during(|| self.run_plainly(inputs))
    }

    fn run_plainly(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let mut values = self.graph.start(inputs)?;
        for (call, step) in self.graph.calls.iter().zip(&self.steps) {
            let given: SmallVec<[Option<&Tensor>; 8]> = call.inputs.iter().map(|v| values[(*v)?].as_ref()).collect();
            let over = step.over.and_then(|i| given[i]);
            let made = match over.filter(|t| t.is_contiguous() && t.is_unique()) {
                Some(target) if metas_match(&call.op.meta(Inputs(&given))?, target) => {
                    crate::op::run_over(&*call.op, Inputs(&given), target)?;
                    Outputs::from_buf([target.clone()])
                }
                _ => apply_arc(call.op.clone(), Inputs(&given))?,
            };
            drop(given);
            call.outputs.iter().zip(made).for_each(|(v, t)| values[*v] = Some(t));
            step.last.iter().for_each(|v| values[*v] = None);
        }
        self.graph.finish(values, inputs)
    }
}

fn metas_match(metas: &[Meta], target: &Tensor) -> bool {
    matches!(metas, [Meta::New(dtype, shape)] if *dtype == target.dtype() && shape[..] == *target.shape())
}

/// The plans of one graph, for the inputs that it has met.
#[derive(Default)]
pub struct Plans(Mutex<Vec<Arc<Plan>>>);

impl Plans {
    /// Plans that are kept; the oldest goes.
    const MOST: usize = 8;

    /// Runs `graph` by the plan for these inputs. The first time there is none: the graph runs as it is, call by call, with checks that
    /// its constants fit, and a plan is made by what is seen.
    pub fn run(&self, graph: &Graph, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().iter().find(|plan| plan.fits(inputs)).cloned();
        if let Some(plan) = known {
            return plan.run(inputs);
        }
        let mut graph = match graph.batch_of(inputs) {
            Some(size) => graph.for_batch(size)?,
            None => Graph { batch: None, ..graph.clone() },
        };
        let outputs = graph.measure(inputs)?;
        let plan = Arc::new(Plan::new(&graph, false)?);
        let mut plans = lock();
        if plans.len() == Plans::MOST {
            plans.remove(0);
        }
        plans.push(plan);
        Ok(outputs)
    }
}

impl Graph {
    /// Runs the graph as it stands and learns the dtypes and shapes of its values.
    fn measure(&mut self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let mut values = self.start(inputs)?;
        for call in &self.calls {
            let given: SmallVec<[Option<&Tensor>; 8]> = call.inputs.iter().map(|v| values[(*v)?].as_ref()).collect();
            check_dims(&*call.op, Inputs(&given))?;
            let grad = Modes::current().grad && call.grad;
            let run = || apply_arc(call.op.clone(), Inputs(&given));
            let made = Modes { grad, ..Modes::current() }.during(run)?;
            drop(given);
            if made.len() != call.outputs.len() {
                let message = format!("{} gives {} results, not {}", call.op.name(), made.len(), call.outputs.len());
                return Err(Error::custom("graph", message));
            }
            for (value, tensor) in call.outputs.iter().zip(made) {
                // A view that does not lie inside of the memory it looks at.
                let reach = tensor.layout().reach(call.op.name())?;
                if reach.checked_mul(tensor.dtype().size()).is_none_or(|bytes| bytes > tensor.storage().bytes()) {
                    return Err(Error::custom(call.op.name(), "looks outside of its input's memory"));
                }
                values[*value] = Some(tensor);
            }
        }
        for (meta, tensor) in self.metas.iter_mut().zip(&values) {
            if let Some(tensor) = tensor {
                *meta = (tensor.dtype(), Shape::from_slice(tensor.shape()));
            }
        }
        self.finish(values, inputs)
    }
}

/// Whether the dimensions that an op names are there: its own functions have wrapped them, a file may say anything.
fn check_dims(op: &dyn Op, inputs: Inputs) -> Result<()> {
    let most = inputs.iter().map(Tensor::ndim).max().unwrap_or(0);
    let refuse = |name: &str| {
        let message = format!("{name} names a dimension that inputs of {most} dimensions do not have");
        Err(Error::custom(op.name(), message))
    };
    for (name, value) in op.attributes() {
        match (name, value) {
            // A new dimension may stand after the last.
            ("dim" | "a" | "b" | "start", Attribute::Int(d)) if d < 0 || d as usize > most => return refuse(name),
            ("dims", Attribute::Int(d)) if inputs.get(0).is_none_or(|t| d as usize > t.ndim()) => return refuse(name),
            ("dims", Attribute::Ints(dims)) => {
                let twice = dims.iter().enumerate().any(|(i, d)| dims[..i].contains(d));
                if twice || dims.iter().any(|d| *d < 0 || *d as usize >= most.max(1)) {
                    return refuse(name);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Dtypes and shapes, by which plans are chosen.
pub fn signature(inputs: &[&Tensor]) -> Vec<(DType, Shape)> {
    inputs.iter().map(|t| (t.dtype(), Shape::from_slice(t.shape()))).collect()
}
