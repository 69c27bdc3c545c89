//! Losses. Most are formulas in ops; those of classes (`classes`) and of sequences (`ctc`) have kernels.

pub(crate) mod classes;
pub(crate) mod ctc;
mod margins;

pub use classes::{CrossEntropy, cross_entropy_loss, nll_loss};
pub use ctc::{CtcLoss, Lengths, ctc_loss};
pub use margins::{
    cosine_embedding_loss, cosine_similarity, hinge_embedding_loss, margin_ranking_loss, multi_margin_loss,
    multilabel_margin_loss, pairwise_distance, soft_margin_loss, triplet_margin_loss,
};

use super::binary::{Operand, common_dtype, xlogy};
use super::ternary::{clamp, where_op};
use super::{Term, activation, index};
use crate::autocast::full;
use crate::autograd::{Ctx, Modes, no_grad};
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::layout::broadcast;
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, apply, new};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: BinaryCrossEntropy);

/// What becomes of the losses of all elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    None,
    Mean,
    Sum,
}

impl Reduction {
    /// As PyTorch numbers them.
    pub fn numbered(op: &'static str, n: i64) -> Result<Reduction> {
        match n {
            0 => Ok(Reduction::None),
            1 => Ok(Reduction::Mean),
            2 => Ok(Reduction::Sum),
            _ => Err(Error::argument(op, "a reduction of 0 (none), 1 (mean) or 2 (sum)", n)),
        }
    }

    pub(crate) fn of(self, losses: Term) -> Result<Tensor> {
        let losses = losses.0?;
        match self {
            Reduction::None => Ok(losses),
            Reduction::Mean => super::reduce::mean(&losses, &[], false, None, Out::New),
            Reduction::Sum => losses.sum_all(),
        }
    }
}

/// Input and target in one dtype.
fn together(x: &Tensor, target: &Tensor) -> Result<(Term, Term)> {
    let (x, target) = (full(x)?, full(target)?);
    let dtype = common_dtype(&x, &target);
    Ok((x.to(dtype)?.into(), target.to(dtype)?.into()))
}

fn at_least(t: &Term, low: f64) -> Term {
    t.then(|t| clamp(t, Some(Operand::Scalar(Scalar::Float(low))), None, Out::New))
}

fn choose(condition: &Term, yes: Term, no: Term) -> Term {
    Term((|| where_op(condition.get()?.into(), yes.get()?.into(), no.get()?.into(), Out::New))())
}

fn less(t: &Term, than: f64) -> Term {
    t.then(|t| t.lt(than))
}

/// (x − target)²
pub fn mse_loss(x: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let (x, target) = together(x, target)?;
    let d = x - target;
    reduction.of(&d * &d)
}

/// |x − target|
pub fn l1_loss(x: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let (x, target) = together(x, target)?;
    reduction.of((x - target).then(Tensor::abs))
}

/// Squares up to `beta`, absolute values beyond.
pub fn smooth_l1_loss(x: &Tensor, target: &Tensor, reduction: Reduction, beta: f64) -> Result<Tensor> {
    if beta < 0.0 {
        return Err(Error::custom("smooth_l1_loss", "smooth_l1_loss does not support negative values for beta."));
    }
    if beta == 0.0 {
        return l1_loss(x, target, reduction);
    }
    let (x, target) = together(x, target)?;
    let d = x - target;
    let a = d.then(Tensor::abs);
    reduction.of(choose(&less(&a, beta), &d * &d * (0.5 / beta), &a - 0.5 * beta))
}

/// Squares up to `delta`, and lines that go on from there.
pub fn huber_loss(x: &Tensor, target: &Tensor, reduction: Reduction, delta: f64) -> Result<Tensor> {
    if delta <= 0.0 {
        return Err(Error::custom("huber_loss", "huber_loss does not support non-positive values for delta."));
    }
    let (x, target) = together(x, target)?;
    let d = x - target;
    let a = d.then(Tensor::abs);
    let near = a.then(|a| a.le(delta));
    reduction.of(choose(&near, &d * &d * 0.5, (&a - 0.5 * delta) * delta))
}

/// `−t·log x − (1 − t)·log(1 − x)`, with logarithms no less than −100. Its gradient is bounded where x is 0 or 1.
#[derive(Debug)]
pub struct BinaryCrossEntropy {}

impl Op for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        "binary_cross_entropy"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let shape = broadcast(self.name(), inputs[0].shape(), inputs[1].shape())?;
        if !inputs[0].dtype().is_float() {
            let (op, given) = (self.name(), inputs[0].dtype());
            return Err(Error::DType { op, expected: "a floating point dtype", given });
        }
        new(inputs[0].dtype(), shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, t) = (Term::from(inputs[0].detach()), Term::from(inputs[1].detach()));
        Modes { grad: false, capture: false, ..Modes::current() }.during(|| {
            let (yes, no) = (at_least(&x.log(), -100.0), at_least(&(-&x).then(Tensor::log1p), -100.0));
            let loss = (&t - 1.0) * no - &t * yes;
            outputs[0].copy_(loss.get()?)
        })
    }
    fn gpu(&self, _: &crate::device::Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        self.cpu(inputs, outputs).map(|()| true)
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input(0).and(Keep::NOTHING.input(1).only_if(needs[0]))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (mut grads, g, x) = (ctx.grads(), Term::from(ctx.grad(0)?), Term::from(ctx.input(0)?));
        if ctx.needs(0) {
            let t = Term::from(ctx.input(1)?);
            grads[0] = Some((&g * (&x - t) / at_least(&((1.0 - &x) * &x), 1e-12)).0?);
        }
        if ctx.needs(1) {
            grads[1] = Some((g * ((-&x).then(Tensor::log1p) - x.log())).0?);
        }
        Ok(grads)
    }
    crate::attributes!();
}

fn weighted(loss: Term, weight: Option<&Tensor>) -> Term {
    match weight {
        Some(weight) => loss * Term::from(weight),
        None => loss,
    }
}

/// Cross-entropy of probabilities `x` against `target`.
pub fn binary_cross_entropy(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    const OP: &str = "binary_cross_entropy";
    let (x, target) = (&full(x)?, &full(target)?);
    if x.dtype() != target.dtype() {
        let message = format!("Found dtype {} but expected {}", target.dtype().scalar_name(), x.dtype().scalar_name());
        return Err(Error::custom(OP, message));
    }
    // On a device nobody waits to look at the elements.
    if x.numel() > 0 && !super::gpu::on_device(x) {
        let (low, high) = no_grad(|| super::reduce::aminmax(&x.detach(), None, false))?;
        if low.item()?.to_f64() < 0.0 || high.item()?.to_f64() > 1.0 {
            return Err(Error::custom(OP, "all elements of input should be between 0 and 1"));
        }
    }
    let loss = Term(apply(BinaryCrossEntropy {}, [x, target]));
    reduction.of(weighted(loss, weight))
}

/// Cross-entropy of sigmoid(x) against `target`; `pos_weight` weighs the positives.
pub fn binary_cross_entropy_with_logits(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    pos_weight: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let (x, t) = (Term::full(x), Term::full(target));
    let log = x.then(|x| activation::log_sigmoid(x, Out::New));
    let log = match pos_weight {
        Some(p) => log * ((Term::from(p) - 1.0) * &t + 1.0),
        None => log,
    };
    reduction.of(weighted((1.0 - &t) * &x - log, weight))
}

/// `target · (log target − x)`, for x and (if `log_target`) the target in logarithms.
pub fn kl_div(x: &Tensor, target: &Tensor, reduction: Reduction, log_target: bool) -> Result<Tensor> {
    if x.dtype().is_complex() || target.dtype().is_complex() {
        return Err(Error::custom("kl_div", "kl_div: Complex inputs not supported."));
    }
    let (x, t) = (Term::full(x), Term::full(target));
    reduction.of(match log_target {
        true => t.exp() * (&t - &x),
        false => t.then(|t| xlogy(t.into(), t.into(), Out::New)) - &t * &x,
    })
}

/// Negative log likelihood of Poisson distributed counts; `full` adds Stirling's approximation of log target!.
pub fn poisson_nll_loss(
    x: &Tensor,
    target: &Tensor,
    log_input: bool,
    full: bool,
    eps: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    let (x, t) = (Term::full(x), Term::full(target));
    let mut loss = if log_input { x.exp() - &t * &x } else { &x - &t * (&x + eps).log() };
    if full {
        let stirling = &t * t.log() - &t + (&t * std::f64::consts::TAU).log() * 0.5;
        let small = t.then(|t| t.le(1.0));
        let stirling = stirling.then(|s| index::masked_fill_scalar(s, small.get()?, Scalar::Float(0.0), Out::New));
        loss = loss + stirling;
    }
    reduction.of(loss)
}

/// Whether the elements of an integer tensor all pass.
pub(crate) fn whole_numbers(op: &'static str, t: &Tensor) -> Result<Vec<i64>> {
    use crate::dtype::DType;
    if !t.dtype().is_int() {
        return Err(Error::DType { op, expected: "integers", given: t.dtype() });
    }
    Modes { grad: false, capture: false, ..Modes::current() }.during(|| t.to(DType::I64)?.to_vec::<i64>())
}

/// One gradient for the first of several inputs.
pub(crate) fn first(grad: Tensor, ctx: &Ctx) -> Grads {
    let mut grads = ctx.grads();
    if let Some(place) = grads.first_mut() {
        *place = Some(grad);
    }
    debug_assert!(!grads.is_empty());
    if grads.is_empty() { smallvec![None] } else { grads }
}
