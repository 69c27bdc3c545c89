//! Autocast: inside of a block, products run in a lower precision, and what would suffer from that in f32.
//!
//! It hangs on the road: before an op's `meta` sees its inputs, [`cast`] converts those that the op's [`policy`] names. The
//! conversions are ops, so gradients come back in the dtype of the original. Losses that are formulas of many ops convert by
//! [`full`]. Weights are converted once per outermost block: [`State`] keeps the copies until it ends.

use crate::autograd::Modes;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::Inputs;
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::cell::RefCell;

/// What an op wants of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    /// The block's lower precision.
    Low,
    /// f32 where they are lower.
    Full,
}

/// The kinds of devices, each of which is switched on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Cpu,
    Gpu,
}

fn policy(op: &str, kind: Kind) -> Option<Policy> {
    match op {
        "matmul" | "addmm" | "linear" | "convolution" | "scaled_dot_product_attention" | "prelu" => Some(Policy::Low),
        "cross_entropy_loss" | "binary_cross_entropy" | "ctc_loss" | "cdist" | "view_as_complex" => Some(Policy::Full),
        "exp" | "expm1" | "log" | "log10" | "log1p" | "log2" | "pow" | "sum" | "cumsum" | "cumprod" | "softmax"
        | "log_softmax" | "layer_norm" | "group_norm" | "reciprocal" | "rsqrt" | "softplus" | "norm"
            if kind == Kind::Gpu =>
        {
            Some(Policy::Full) // f16 would overflow
        }
        _ if op.starts_with("linalg_") || op.starts_with("fft_") => Some(Policy::Full),
        _ => None,
    }
}

/// What this thread's blocks have set.
struct State {
    /// The lower precision of CPU and GPU, and whether it is on.
    kinds: [(bool, DType); 2],
    caches: bool,
    /// Blocks that are open.
    depth: usize,
    /// Leaves that were converted, at the version that they had.
    cache: Vec<Kept>,
}

struct Kept {
    source: Tensor,
    version: u32,
    with_history: bool,
    cast: Tensor,
}

thread_local! {
    static STATE: RefCell<State> = const {
        RefCell::new(State { kinds: [(false, DType::BF16), (false, DType::F16)], caches: true, depth: 0, cache: Vec::new() })
    };
}

/// Whether autocast is on for a kind of device in this thread, and its dtype.
pub fn get(kind: Kind) -> (bool, DType) {
    STATE.with_borrow(|s| s.kinds[kind as usize])
}

/// Switches it on or off.
pub fn set(kind: Kind, on: bool, dtype: DType) {
    let any = STATE.with_borrow_mut(|s| {
        s.kinds[kind as usize] = (on, dtype);
        s.kinds.iter().any(|k| k.0)
    });
    Modes { autocast: any, ..Modes::current() }.set();
}

/// Whether converted weights are kept.
pub fn caches() -> bool {
    STATE.with_borrow(|s| s.caches)
}

pub fn set_caches(on: bool) {
    STATE.with_borrow_mut(|s| s.caches = on);
}

/// A block begins or ends; at the end of the outermost one the kept copies go. Gives the number of open ones.
pub fn nest(begins: bool) -> usize {
    let (depth, gone) = STATE.with_borrow_mut(|s| {
        s.depth = if begins { s.depth + 1 } else { s.depth.saturating_sub(1) };
        (s.depth, if s.depth == 0 { std::mem::take(&mut s.cache) } else { Vec::new() })
    });
    drop(gone);
    depth
}

/// Forgets the kept copies.
pub fn clear() {
    let gone = STATE.with_borrow_mut(|s| std::mem::take(&mut s.cache));
    drop(gone);
}

fn kind_of(tensor: &Tensor) -> Kind {
    if tensor.driver().is_none() { Kind::Cpu } else { Kind::Gpu }
}

/// Whether conversions touch a tensor: floats, but not f64.
fn eligible(tensor: &Tensor) -> bool {
    matches!(tensor.dtype(), DType::F32 | DType::F16 | DType::BF16)
}

/// The inputs as the op wants them; None if they are so already.
#[cold]
pub(crate) fn cast(op: &str, inputs: Inputs) -> Result<Option<SmallVec<[Option<Tensor>; 4]>>> {
    let Some(kind) = inputs.iter().next().map(kind_of) else { return Ok(None) };
    let (true, low) = get(kind) else { return Ok(None) };
    let Some(policy) = policy(op, kind) else { return Ok(None) };
    let wanted = if policy == Policy::Low { low } else { DType::F32 };
    if !inputs.iter().any(|t| eligible(t) && t.dtype() != wanted) {
        return Ok(None);
    }
    let convert = |t: &Tensor| if eligible(t) { converted(t, wanted) } else { Ok(t.clone()) };
    inputs.0.iter().map(|t| t.map(convert).transpose()).collect::<Result<_>>().map(Some)
}

/// A tensor in another dtype; of an f32 leaf that is trained, the copy that was made before.
fn converted(tensor: &Tensor, dtype: DType) -> Result<Tensor> {
    let modes = Modes::current();
    let keeps = tensor.dtype() == DType::F32 && tensor.requires_grad() && tensor.is_leaf() && tensor.base().is_none();
    if !keeps || !caches() || modes.capture {
        return tensor.to(dtype);
    }
    let version = tensor.storage().version();
    let found = STATE.with_borrow(|s| {
        let same = |k: &&Kept| k.source.same(tensor) && k.cast.dtype() == dtype && k.with_history == modes.grad;
        s.cache.iter().find(same).map(|k| (k.version, k.cast.clone()))
    });
    match found {
        Some((then, cast)) if then == version => return Ok(cast),
        Some(_) => STATE.with_borrow_mut(|s| s.cache.retain(|k| !k.source.same(tensor))),
        None => {}
    }
    let cast = tensor.to(dtype)?;
    let kept = Kept { source: tensor.clone(), version, with_history: modes.grad, cast: cast.clone() };
    STATE.with_borrow_mut(|s| {
        if s.depth > 0 {
            s.cache.push(kept);
        }
    });
    Ok(cast)
}

/// For formulas of many ops that want f32: the tensor in it, if autocast is on for its device and it is lower.
pub(crate) fn full(tensor: &Tensor) -> Result<Tensor> {
    let low = matches!(tensor.dtype(), DType::F16 | DType::BF16);
    if low && Modes::current().autocast && get(kind_of(tensor)).0 { tensor.to(DType::F32) } else { Ok(tensor.clone()) }
}
