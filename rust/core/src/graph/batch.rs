//! One graph for batches of any size.
//!
//! A program captured on a batch of 8 has the 8 in its attributes: `view[shape=[8, 784]]`. Captured a second time, on a
//! batch of 9, it shows which numbers belong to the batch: those that differ. They are taken to grow evenly with it, and every
//! other size gives them a value between or beyond. A third capture, at a size of its own, checks that.

use super::{Graph, Value};
use crate::attribute::Attribute;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// What of a graph depends on the size of the batch.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The batch sizes of the graph itself and of the second capture.
    pub sizes: [usize; 2],
    /// The inputs whose first dimension is the batch.
    pub inputs: Vec<Value>,
}

impl Graph {
    /// Compares with the capture of a batch of another size, and remembers what differs. Says whether the two are one program.
    pub fn learn_batch(&mut self, other: &Graph, sizes: [usize; 2]) -> bool {
        let alike = |a: &Graph, b: &Graph| {
            let same = |(x, y): (&super::Call, &super::Call)| {
                x.inputs == y.inputs && x.outputs == y.outputs && x.grad == y.grad && x.op.name() == y.op.name()
            };
            let same_constants = a.constants.iter().zip(&b.constants).all(|((v, x), (w, y))| v == w && equal(x, y));
            a.calls.len() == b.calls.len()
                && a.calls.iter().zip(&b.calls).all(same)
                && (&a.inputs, &a.outputs, &a.updates) == (&b.inputs, &b.outputs, &b.updates)
                && a.constants.len() == b.constants.len()
                && same_constants
        };
        if !alike(self, other) {
            return false;
        }
        let inputs: Vec<Value> = self.inputs.iter().copied().filter(|v| self.metas[*v] != other.metas[*v]).collect();
        for (a, b) in self.calls.iter_mut().zip(&other.calls) {
            a.other = (a.op.attributes() != b.op.attributes()).then(|| b.op.clone());
            if a.other.is_some() && crate::ops::key(&*a.op) != crate::ops::key(&*b.op) {
                return false;
            }
        }
        self.batch = Some(Batch { sizes, inputs });
        self.for_batch(sizes[1].max(sizes[0]) + 1).is_ok()
    }

    /// The same program for a batch of this size.
    pub fn for_batch(&self, size: usize) -> Result<Graph> {
        let mut graph = self.clone();
        let Some(batch) = graph.batch.take() else { return Ok(graph) };
        for call in &mut graph.calls {
            let Some(other) = call.other.take() else { continue };
            let op = &call.op;
            let key = crate::ops::key(&**op).ok_or_else(|| Error::custom("graph", "an operation without a name"))?;
            let mut all = Vec::new();
            for ((name, a), (_, b)) in op.attributes().iter().zip(other.attributes()) {
                let value = between(a, &b, batch.sizes, size).ok_or_else(|| {
                    let given = format!(
                        "{} does not fit: {name} is {a} for {} and {b} for {}",
                        op.name(),
                        batch.sizes[0],
                        batch.sizes[1]
                    );
                    Error::custom("graph", format!("this program does not run on a batch of {size}: {given}"))
                })?;
                all.push((name.to_string(), value));
            }
            call.op = crate::ops::make(key, &all)?;
        }
        Ok(graph)
    }

    /// The batch size of these inputs, if this graph can be run on batches of any and they agree on one.
    pub(crate) fn batch_of(&self, inputs: &[&Tensor]) -> Option<usize> {
        let batch = self.batch.as_ref()?;
        let of =
            |v: &Value| self.inputs.iter().position(|w| w == v).and_then(|i| inputs.get(i)?.shape().first().copied());
        let mut sizes = batch.inputs.iter().map(of);
        let size = sizes.next()??;
        sizes.all(|other| other == Some(size)).then_some(size)
    }
}

/// Whether two constants hold the same.
fn equal(a: &Tensor, b: &Tensor) -> bool {
    if a.same(b) {
        return true;
    }
    let alike = a.dtype() == b.dtype() && a.shape() == b.shape() && a.is_contiguous() && b.is_contiguous();
    let bytes = |t: &Tensor| {
        // SAFETY: dense memory of a live tensor on the CPU.
        unsafe { std::slice::from_raw_parts(t.ptr(), t.numel() * t.dtype().size()) }
    };
    alike && a.driver().is_none() && b.driver().is_none() && bytes(a) == bytes(b)
}

/// The attribute for a batch of `size`, given those for two others.
fn between(a: &Attribute, b: &Attribute, sizes: [usize; 2], size: usize) -> Option<Attribute> {
    let line = |a: i64, b: i64| {
        let [from, to] = sizes.map(|n| n as i128);
        let (a, b) = (a as i128, b as i128);
        let grown = (b - a) * (size as i128 - from);
        (to != from && grown % (to - from) == 0).then(|| a + grown / (to - from))?.try_into().ok()
    };
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Attribute::Int(a), Attribute::Int(b)) => Attribute::Int(line(*a, *b)?),
        (Attribute::Ints(a), Attribute::Ints(b)) if a.len() == b.len() => {
            Attribute::Ints(a.iter().zip(b).map(|(a, b)| line(*a, *b)).collect::<Option<_>>()?)
        }
        // Lists that repeat one number, once for each of the batch.
        (Attribute::Ints(a), Attribute::Ints(b)) => {
            let first = *a.first()?;
            let len = line(a.len() as i64, b.len() as i64)?;
            let flat = a.iter().chain(b).all(|x| *x == first) && (0..=1 << 24).contains(&len);
            flat.then(|| Attribute::Ints(vec![first; len as usize]))?
        }
        (Attribute::List(a), Attribute::List(b)) if a.len() == b.len() => {
            Attribute::List(a.iter().zip(b).map(|(a, b)| between(a, b, sizes, size)).collect::<Option<_>>()?)
        }
        (Attribute::Op(k, a), Attribute::Op(l, b)) if k == l && a.len() == b.len() => {
            let one = |((name, a), (_, b)): (&(String, Attribute), &(String, Attribute))| {
                Some((name.clone(), between(a, b, sizes, size)?))
            };
            Attribute::Op(k.clone(), a.iter().zip(b).map(one).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
