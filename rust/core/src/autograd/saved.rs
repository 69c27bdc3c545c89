//! A tensor that a node keeps for backward: with the version that it must still have then, or packed by the program's own
//! hooks, which may put it wherever they like.

use super::Modes;
use super::node::{Edge, Node};
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use std::cell::RefCell;
use std::sync::Arc;

/// Takes a tensor that is to be saved, and gives what makes it again.
pub type Pack = Arc<dyn Fn(&Tensor) -> Result<Unpack> + Send + Sync>;
pub type Unpack = Arc<dyn Fn() -> Result<Tensor> + Send + Sync>;

thread_local! {
    static HOOKS: RefCell<Vec<Pack>> = const { RefCell::new(Vec::new()) };
}

/// From now on, tensors that this thread saves go through `pack` (the last one pushed).
pub fn push_saved_hooks(pack: Pack) {
    HOOKS.with_borrow_mut(|hooks| hooks.push(pack));
    Modes { packs: true, ..Modes::current() }.set();
}

/// Undoes the last push.
pub fn pop_saved_hooks() {
    let left = HOOKS.with_borrow_mut(|hooks| {
        hooks.pop();
        hooks.len()
    });
    Modes { packs: left > 0, ..Modes::current() }.set();
}

#[derive(Clone)]
pub(super) struct Saved {
    what: What,
    /// An output is saved without its history, which would be a cycle, and gets it back when it is read.
    output: Option<usize>,
}

#[derive(Clone)]
enum What {
    Tensor(Tensor, u32),
    Packed(Unpack, Option<Edge>),
}

impl Saved {
    pub fn new(tensor: Tensor, output: Option<usize>) -> Result<Saved> {
        if Modes::current().packs
            && let Some(pack) = HOOKS.with_borrow(|hooks| hooks.last().cloned())
        {
            let edge = if output.is_some() { None } else { tensor.edge()? };
            let unpack = Modes { packs: false, ..Modes::current() }.during(|| pack(&tensor.detach()))?;
            return Ok(Saved { what: What::Packed(unpack, edge), output });
        }
        Ok(Saved { what: What::Tensor(tensor.clone(), tensor.storage().version()), output })
    }

    /// The tensor, if nobody has written over it.
    pub fn read(&self, node: &Arc<Node>) -> Result<Tensor> {
        let tensor = match &self.what {
            What::Tensor(tensor, version) => {
                check(node, tensor, *version)?;
                tensor.clone()
            }
            What::Packed(unpack, edge) => {
                let tensor = Modes { packs: false, ..Modes::current() }.during(|| unpack())?.detach();
                match edge {
                    Some(Edge::Node(from, index)) => tensor.inner().state.attach(from.clone(), *index as usize),
                    Some(Edge::Leaf(leaf)) => tensor.inner().state.adopt(leaf.clone()),
                    None => {}
                }
                tensor
            }
        };
        match self.output {
            Some(index) if tensor.dtype().is_differentiable() => {
                let tensor = tensor.detach();
                tensor.inner().state.attach(node.clone(), index);
                Ok(tensor)
            }
            _ => Ok(tensor),
        }
    }
}

fn check(node: &Node, tensor: &Tensor, expected: u32) -> Result<()> {
    let given = tensor.storage().version();
    if given == expected {
        return Ok(());
    }
    let (by, shape) = (tensor.storage().author(), tensor.shape().to_vec());
    Err(Error::Modified { op: node.name(), by, shape, expected, given })
}
