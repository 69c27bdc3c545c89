//! Losses against class indices: cross-entropy of logits, and the likelihood of a class in log probabilities.

use super::{Reduction, Term, first, whole_numbers};
use crate::autocast::full;
use crate::autograd::{Ctx, Modes};
use crate::device::Gpu;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::rows::loss as kernel;
use crate::kernels::rows::norm::Flat;
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, Out, apply, apply_all};
use crate::ops::gpu::{on_device, rows};
use crate::ops::ternary::where_op;
use crate::ops::{index, shape};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: CrossEntropy);

fn flat(x: &Tensor) -> Flat {
    Flat { dtype: x.dtype(), ptr: x.ptr() }
}

fn quiet<R>(work: impl FnOnce() -> R) -> R {
    Modes { grad: false, capture: false, ..Modes::current() }.during(work)
}

/// Cross-entropy of each row of logits `[N, C]` against class indices `[N]` (0 where ignored), weighted by class.
/// Outputs, in the compute type: the losses, and `log Σ exp` of each row for backward.
#[derive(Debug)]
pub struct CrossEntropy {
    pub ignore: i64,
    pub smoothing: f64,
}

impl CrossEntropy {
    fn classes(&self) -> rows::Classes {
        rows::Classes { ignore: self.ignore, smoothing: self.smoothing }
    }

    /// The weights of the targets added up, on the device that they are on.
    fn total_weight(&self, target: &Tensor, weight: Option<&Tensor>, dtype: DType) -> Result<Tensor> {
        let valid = target.ne(self.ignore)?;
        let Some(weight) = weight else { return valid.to(dtype)?.sum_all() };
        let safe = where_op((&valid).into(), target.into(), 0i64.into(), Out::New)?;
        weight.detach().index_select(0, &safe)?.mul(&valid.to(weight.dtype())?)?.sum_all()
    }

    fn with<R>(
        &self,
        x: &Tensor,
        target: &Tensor,
        weight: Option<&Tensor>,
        work: impl FnOnce(&kernel::CrossEntropy) -> R,
    ) -> Result<R> {
        let targets = whole_numbers("cross_entropy_loss", target)?;
        let weights = weight.map(|w| quiet(|| w.to(DType::F64)?.to_vec::<f64>())).transpose()?;
        let (rows, classes) = (x.shape()[0], x.shape()[1]);
        Ok(work(&kernel::CrossEntropy {
            rows,
            classes,
            targets: &targets,
            ignore: self.ignore,
            smoothing: self.smoothing,
            weights: weights.as_deref(),
        }))
    }
}

impl Op for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy_loss"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (dtype, shape) = (inputs[0].dtype(), inputs[0].shape());
        if !dtype.is_float() {
            return Err(Error::DType { op: self.name(), expected: "a floating point dtype", given: dtype });
        }
        let weighs = |w: &Tensor| shape.len() == 2 && w.numel() == shape[1];
        if shape.len() != 2 || inputs[1].numel() != shape[0] || inputs.get(2).is_some_and(|w| !weighs(w)) {
            let expected = "logits [N, C], N targets and C weights";
            return Err(Error::shape(self.name(), expected, shape));
        }
        let row = || Meta::New(dtype.compute(), smallvec![shape[0]]);
        Ok(smallvec![row(), row()])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let x = quiet(|| inputs[0].contiguous())?;
        self.with(&x, &inputs[1], inputs.get(2), |k| {
            if let Some(bad) = k.bad_target() {
                return Err(out_of_bounds(bad));
            }
            // SAFETY: dense logits; outputs for each row; targets checked.
            let ran = unsafe { k.forward(flat(&x), outputs[0].ptr(), outputs[1].ptr()) };
            debug_assert!(ran);
            Ok(())
        })?
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        rows::cross_entropy(gpu, self.classes(), [inputs.get(0), inputs.get(1), inputs.get(2)], outputs)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).input(1).input(2).output(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (x, target, weight) = (ctx.input(0)?, ctx.input(1)?, ctx.optional_input(2)?);
        let g = ctx.grad(0)?;
        if Modes::current().grad || ctx.some_grad(1).is_some() {
            return Ok(first(self.formula(ctx, x, &target, weight)?, ctx));
        }
        if let Some(driver) = x.driver() {
            let (gpu, level) = (Gpu { op: "cross_entropy_backward", driver: &driver }, ctx.output(1)?);
            let dx = rows::cross_entropy_backward(&gpu, self.classes(), [&x, &target, &level, &g], weight.as_ref())?;
            return Ok(first(dx, ctx));
        }
        let (x, lse) = (quiet(|| x.contiguous())?, ctx.output(1)?);
        let g = quiet(|| g.to(x.dtype().compute())?.contiguous())?;
        let dx = Tensor::empty(x.shape(), x.dtype())?;
        // SAFETY: dense tensors of the shapes that `meta` has checked; targets were checked on the way forward.
        let ran = self
            .with(&x, &target, weight.as_ref(), |k| unsafe { k.backward(flat(&x), lse.ptr(), g.ptr(), flat(&dx)) })?;
        debug_assert!(ran);
        Ok(first(dx, ctx))
    }
    crate::attributes!(ignore, smoothing);
}

impl CrossEntropy {
    /// The backward rule in ops.
    fn formula(&self, ctx: &Ctx, x: Tensor, target: &Tensor, weight: Option<Tensor>) -> Result<Tensor> {
        let classes = x.shape()[1];
        let target = target.to(DType::I64)?;
        let valid = target.ne(self.ignore)?;
        let safe = where_op((&valid).into(), (&target).into(), 0i64.into(), Out::New)?.unsqueeze(1)?;
        let p = Term::from(x.to(x.dtype().compute())?.softmax(1)?);
        let of = |t: &Tensor| t.to(x.dtype().compute());
        let hot = Term(Tensor::zeros(x.shape(), x.dtype().compute())?.scatter_add(
            1,
            &safe,
            &Tensor::ones(safe.shape(), x.dtype().compute())?,
        ));
        let weights = match &weight {
            Some(w) => of(w)?,
            None => Tensor::ones(&[classes], x.dtype().compute())?,
        };
        let own = Term(weights.index_select(0, &safe.reshape(&[safe.numel()])?)?.unsqueeze(1));
        let total = Term(weights.sum_all());
        let smooth = self.smoothing / classes as f64;
        let rule = own * (1.0 - self.smoothing) * (&p - hot) + (&p * total - Term::from(weights)) * smooth;
        let row = |g: Tensor| -> Result<Term> {
            let g = where_op((&valid).into(), (&g).into(), 0.0.into(), Out::New)?;
            Ok(Term(g.unsqueeze(1)))
        };
        let mut grad = row(ctx.grad(0)?)? * rule;
        if let Some(g) = ctx.some_grad(1) {
            grad = grad + Term(g.unsqueeze(1)) * p;
        }
        grad.0
    }
}

fn out_of_bounds(target: i64) -> Error {
    Error::bad_index("cross_entropy_loss", format!("Target {target} is out of bounds."))
}

/// Logits `[N, C, …]` as rows `[N · …, C]`; the shape of the targets.
fn as_rows(x: &Tensor) -> Result<(Tensor, Vec<usize>)> {
    match x.ndim() {
        1 => Ok((x.unsqueeze(0)?, vec![])),
        2 => Ok((x.clone(), vec![x.shape()[0]])),
        n => {
            let moved = shape::movedim(x, &[1], &[n as i64 - 1])?;
            let rows = moved.shape()[..n - 1].to_vec();
            Ok((moved.reshape(&[rows.iter().product(), x.shape()[1]])?, rows))
        }
    }
}

fn check_target(op: &'static str, x: &Tensor, target: &Tensor) -> Result<()> {
    let fits = match x.ndim() {
        0 => false,
        1 => target.ndim() == 0,
        n => target.ndim() == n - 1 && target.shape()[0] == x.shape()[0] && target.shape()[1..] == x.shape()[2..],
    };
    if fits {
        return Ok(());
    }
    if x.ndim() >= 2 && target.ndim() >= 1 && x.shape()[0] != target.shape()[0] {
        let expected = format!("input batch_size ({}) to match target batch_size", x.shape()[0]);
        return Err(Error::value(op, expected, format!("target batch_size ({})", target.shape()[0])));
    }
    let message = format!(
        "{op}: expected a target with the input's shape {:?} without its class dimension, got {:?}",
        x.shape(),
        target.shape()
    );
    Err(Error::custom(op, message))
}

fn check_weight(op: &'static str, x: &Tensor, classes: usize, weight: Option<&Tensor>) -> Result<()> {
    if let Some(w) = weight.filter(|w| w.dtype() != x.dtype()) {
        let (expected, found) = (x.dtype().scalar_name(), w.dtype().scalar_name());
        return Err(Error::custom(op, format!("{op}: expected scalar type {expected} but found {found} for weight")));
    }
    match weight.filter(|w| w.ndim() != 1 || w.numel() != classes) {
        Some(w) => {
            let message = format!(
                "{op}: weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {:?}",
                w.shape()
            );
            Err(Error::custom(op, message))
        }
        None => Ok(()),
    }
}

/// Cross-entropy of logits against class indices, or against probabilities of the logits' shape.
pub fn cross_entropy_loss(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: Reduction,
    ignore: i64,
    smoothing: f64,
) -> Result<Tensor> {
    const OP: &str = "cross_entropy_loss";
    let x = &full(x)?;
    if !(0.0..=1.0).contains(&smoothing) {
        let message = format!("label_smoothing must be between 0.0 and 1.0. Got: {smoothing}");
        return Err(Error::custom(OP, message));
    }
    if x.shape() == target.shape() && !(x.ndim() == 1 && target.dtype().is_int()) {
        if ignore >= 0 {
            return Err(Error::custom(OP, "ignore_index is not supported for floating point target"));
        }
        return of_probabilities(x, target, weight, reduction, smoothing);
    }
    if !target.dtype().is_int() {
        let message = format!("expected scalar type Long but found {}", target.dtype().scalar_name());
        return Err(Error::custom(OP, message));
    }
    check_target(OP, x, target)?;
    let classes = if x.ndim() == 1 { x.shape()[0] } else { x.shape()[1] };
    check_weight(OP, x, classes, weight)?;
    let (rows, shape) = as_rows(x)?;
    let flat = target.reshape(&[rows.shape()[0]])?;
    let losses = apply_all(CrossEntropy { ignore, smoothing }, Inputs(&[Some(&rows), Some(&flat), weight]))?;
    let losses = losses[0].to(x.dtype())?;
    match reduction {
        Reduction::None => losses.reshape(&shape),
        Reduction::Sum => losses.sum_all(),
        Reduction::Mean if on_device(x) => {
            let total =
                quiet(|| CrossEntropy { ignore, smoothing }.total_weight(&flat.detach(), weight, losses.dtype()))?;
            losses.sum_all()?.div(&total)
        }
        Reduction::Mean => {
            let op = CrossEntropy { ignore, smoothing };
            let total = op.with(&rows, &flat, weight, |k| k.total_weight())?;
            losses.sum_all()?.div(total)
        }
    }
}

fn of_probabilities(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: Reduction,
    smoothing: f64,
) -> Result<Tensor> {
    const OP: &str = "cross_entropy_loss";
    if !target.dtype().is_float() {
        let message = format!(
            "Expected floating point type for target with class probabilities, got {}",
            target.dtype().scalar_name()
        );
        return Err(Error::custom(OP, message));
    }
    let dim = if x.ndim() == 1 { 0 } else { 1 };
    let classes = x.shape()[dim];
    check_weight(OP, x, classes, weight)?;
    let mut target = Term::from(target);
    if smoothing > 0.0 {
        target = target * (1.0 - smoothing) + smoothing / classes as f64;
    }
    let mut loss = Term(x.log_softmax(dim as i64)) * target;
    if let Some(w) = weight {
        let mut shape = vec![1; x.ndim()];
        shape[dim] = classes;
        loss = loss * Term(w.reshape(&shape));
    }
    let rows = (x.numel() / classes.max(1)) as f64;
    match reduction {
        Reduction::None => (-loss.then(|l| l.sum(&[dim as i64], false))).0,
        Reduction::Sum => (-loss.then(Tensor::sum_all)).0,
        Reduction::Mean => (-loss.then(Tensor::sum_all) / rows).0,
    }
}

/// `−x[target]`, weighted by class, for log probabilities `[N, C, …]` and class indices; and the sum of the weights.
pub fn nll_loss(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: Reduction,
    ignore: i64,
) -> Result<(Tensor, Tensor)> {
    const OP: &str = "nll_loss";
    let x = &full(x)?;
    if x.ndim() == 0 {
        return Err(Error::shape(OP, "an input of at least 1 dimension", x.shape()));
    }
    if !target.dtype().is_int() {
        let message = format!("expected scalar type Long but found {}", target.dtype().scalar_name());
        return Err(Error::custom(OP, message));
    }
    check_target(OP, x, target)?;
    let dim = if x.ndim() == 1 { 0 } else { 1 };
    let classes = x.shape()[dim];
    check_weight(OP, x, classes, weight)?;
    // On a device nobody waits to look at the targets.
    let there = on_device(target);
    let targets = if there { Vec::new() } else { whole_numbers(OP, target)? };
    if let Some(bad) = targets.iter().find(|&&t| t != ignore && !(0..classes as i64).contains(&t)) {
        return Err(out_of_bounds(*bad));
    }
    let ignored = there || targets.contains(&ignore);
    let target = target.to(DType::I64)?;
    let valid = if ignored { Some(target.ne(ignore)?) } else { None };
    let safe = match &valid {
        Some(valid) => where_op(valid.into(), (&target).into(), 0i64.into(), Out::New)?,
        None => target,
    };
    let place = safe.unsqueeze(dim as i64)?;
    let picked = x.gather(dim as i64, &place)?.select(dim as i64, 0)?;
    let mut loss = -Term::from(picked);
    let mut total = Term(match &valid {
        Some(valid) if there => valid.to(x.dtype())?.sum_all(),
        _ => {
            let count = targets.iter().filter(|&&t| t != ignore).count();
            Tensor::full(&[], Scalar::Float(count as f64), x.dtype())
        }
    });
    if let Some(w) = weight {
        let own = w.index_select(0, &safe.reshape(&[safe.numel()])?)?.reshape(safe.shape())?;
        let own = match &valid {
            Some(valid) => index::masked_fill_scalar(&own, &valid.logical_not()?, Scalar::Float(0.0), Out::New)?,
            None => own,
        };
        total = Term(own.detach().sum_all());
        loss = loss * Term::from(own);
    }
    if let Some(valid) = &valid {
        let not = valid.logical_not()?;
        loss = loss.then(|l| index::masked_fill_scalar(l, &not, Scalar::Float(0.0), Out::New));
    }
    let total_weight = total.clone().0?;
    let loss = match reduction {
        Reduction::None => loss,
        Reduction::Sum => loss.then(Tensor::sum_all),
        Reduction::Mean => loss.then(Tensor::sum_all) / total,
    };
    Ok((loss.0?, total_weight))
}

impl Tensor {
    /// Mean cross-entropy of logits `[N, C]` against class indices `[N]`.
    pub fn cross_entropy(&self, target: &Tensor) -> Result<Tensor> {
        cross_entropy_loss(self, target, None, Reduction::Mean, -100, 0.0)
    }
    /// The loss of each row.
    pub fn cross_entropy_rows(&self, target: &Tensor) -> Result<Tensor> {
        apply(CrossEntropy { ignore: -100, smoothing: 0.0 }, [Some(self), Some(target), None])
    }
}
