//! What makes a captured graph smaller without changing what it computes, bit for bit.

use super::{Call, Graph, Value};
use crate::autograd::no_grad;
use crate::error::Result;
use crate::op::{Inputs, Op, apply_arc};
use crate::tensor::Tensor;
use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};

/// Elements of a result that may be computed ahead, if it is larger than what it is made of.
const AHEAD: usize = 1 << 12;

/// Whether an op draws random numbers: it is run every time, in its order.
pub(crate) fn is_random(op: &dyn Op) -> bool {
    op.attributes().iter().any(|(name, _)| *name == "generator")
}

impl Graph {
    /// All passes. With `frozen`, parameters are constants like all others.
    pub fn simplify(&self, frozen: bool) -> Result<Graph> {
        let mut graph = self.clone();
        graph.remove_dead();
        graph.fold_constants(frozen)?;
        graph.join_equal();
        graph.remove_dead();
        Ok(graph)
    }

    /// Removes calls whose results nobody reads, and constants that no call does.
    pub fn remove_dead(&mut self) {
        let mut wanted: HashSet<Value> = self.outputs.iter().copied().collect();
        wanted.extend(self.updates.iter().flat_map(|(old, new)| [*old, *new]));
        let mut keep = vec![false; self.calls.len()];
        for (i, call) in self.calls.iter().enumerate().rev() {
            keep[i] = call.outputs.iter().any(|v| wanted.contains(v)) || is_random(&*call.op);
            if keep[i] {
                wanted.extend(call.inputs.iter().flatten());
            }
        }
        let mut keep = keep.into_iter();
        self.calls.retain(|_| keep.next() == Some(true));
        self.constants.retain(|(v, _)| wanted.contains(v) || self.names.contains_key(v));
    }

    /// Computes what is made of constants alone.
    pub fn fold_constants(&mut self, frozen: bool) -> Result<()> {
        let fixed = |v: &Value| frozen || !self.names.contains_key(v);
        let mut constants: HashMap<Value, Tensor> =
            self.constants.iter().filter(|(v, _)| fixed(v)).map(|(v, t)| (*v, t.clone())).collect();
        self.updates.iter().for_each(|(old, _)| drop(constants.remove(old)));
        let mut calls = Vec::new();
        for call in std::mem::take(&mut self.calls) {
            let given: Vec<Option<&Tensor>> = call.inputs.iter().map(|v| constants.get(&(*v)?)).collect();
            let all = call.inputs.iter().zip(&given).all(|(v, t)| v.is_none() || t.is_some());
            let size = given.iter().flatten().map(|t| t.numel()).sum::<usize>().max(AHEAD);
            let small = call.outputs.iter().all(|v| self.metas[*v].1.iter().product::<usize>() <= size);
            let plain = given.iter().flatten().all(|t| !t.requires_grad());
            if !(all && small && plain) || call.other.is_some() || is_random(&*call.op) {
                calls.push(call);
                continue;
            }
            let made = no_grad(|| apply_arc(call.op.clone(), Inputs(&given)))?;
            for (value, tensor) in call.outputs.iter().zip(made) {
                // A view would keep all of its memory, and change with it.
                let tensor = if tensor.base().is_some() { no_grad(|| tensor.copy())? } else { tensor };
                self.constants.push((*value, tensor.clone()));
                constants.insert(*value, tensor);
            }
        }
        self.calls = calls;
        Ok(())
    }

    /// Makes one of calls that compute the same.
    pub fn join_equal(&mut self) {
        let mut seen: HashMap<(TypeId, String, Vec<Option<Value>>, bool), Vec<Value>> = HashMap::new();
        let mut instead: HashMap<Value, Value> = HashMap::new();
        // Two results stay two tensors.
        let fixed: HashSet<Value> =
            self.outputs.iter().chain(self.updates.iter().map(|(_, new)| new)).copied().collect();
        let mut calls: Vec<Call> = Vec::new();
        for mut call in std::mem::take(&mut self.calls) {
            for value in call.inputs.iter_mut().flatten() {
                *value = instead.get(value).copied().unwrap_or(*value);
            }
            if is_random(&*call.op) || call.outputs.iter().any(|v| fixed.contains(v)) {
                calls.push(call);
                continue;
            }
            let kind = (&*call.op as &dyn Any).type_id();
            let key = (kind, format!("{:?} {:?}", call.op, call.other), call.inputs.clone(), call.grad);
            match seen.get(&key) {
                Some(outputs) => instead.extend(call.outputs.iter().copied().zip(outputs.iter().copied())),
                None => {
                    seen.insert(key, call.outputs.clone());
                    calls.push(call);
                }
            }
        }
        self.calls = calls;
    }
}
