//! Losses of margins and distances: formulas in ops.

use super::{Reduction, Term, at_least, choose, whole_numbers};
use crate::autocast::full;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::op::Out;
use crate::ops::{activation, binary, index, reduce, ternary};
use crate::tensor::Tensor;

/// `log(1 + exp(−target · x))`
pub fn soft_margin_loss(x: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let z = -(Term::full(x) * Term::full(target));
    reduction.of(z.then(|z| activation::softplus(z, 1.0, 20.0, Out::New)))
}

/// x where the target is 1, `max(0, margin − x)` where it is −1.
pub fn hinge_embedding_loss(x: &Tensor, target: &Tensor, margin: f64, reduction: Reduction) -> Result<Tensor> {
    let (x, t) = (Term::full(x), Term::full(target));
    let zero = x.then(|x| Tensor::zeros(&[], x.dtype()));
    let far = at_least(&(margin - &x), 0.0);
    let far = choose(&t.then(|t| t.ne(1.0)), far, zero.clone());
    let own = choose(&t.then(|t| t.ne(-1.0)), x, zero);
    reduction.of(far + own)
}

/// `max(0, −target · (a − b) + margin)`
pub fn margin_ranking_loss(
    a: &Tensor,
    b: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    if a.ndim() != target.ndim() || b.ndim() != target.ndim() {
        let message = format!(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {:?}, input2: {:?}, target: {:?}",
            a.shape(),
            b.shape(),
            target.shape()
        );
        return Err(Error::custom("margin_ranking_loss", message));
    }
    let (a, b, t) = (Term::full(a), Term::full(b), Term::full(target));
    reduction.of(at_least(&(-t * (a - b) + margin), 0.0))
}

/// `Σ_{j ≠ y} max(0, margin − x[y] + x[j])^p / C`, weighted by the class y.
pub fn multi_margin_loss(
    x: &Tensor,
    target: &Tensor,
    p: f64,
    margin: f64,
    weight: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    const OP: &str = "multi_margin_loss";
    if p != 1.0 && p != 2.0 {
        return Err(Error::custom(OP, "only p == 1 and p == 2 supported"));
    }
    let flat = x.ndim() < 2;
    let classes = x.shape().last().copied().unwrap_or(1);
    let rows = x.numel() / classes.max(1);
    if x.ndim() > 2 || classes == 0 || target.numel() != rows || target.ndim() > 1 {
        let message = format!(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: {:?} (target of shape {:?}: inconsistent target size)",
            x.shape(),
            target.shape()
        );
        return Err(Error::custom(OP, message));
    }
    if let Some(w) = weight.filter(|w| w.numel() != classes) {
        return Err(Error::custom(OP, format!("inconsistent weight size, expected {classes} but got {:?}", w.shape())));
    }
    if whole_numbers(OP, target)?.iter().any(|t| !(0..classes as i64).contains(t)) {
        return Err(Error::custom(OP, "target out of range"));
    }
    let x = full(x)?.reshape(&[rows, classes])?;
    let target = target.to(DType::I64)?.reshape(&[rows, 1])?;
    let own = Term(x.gather(1, &target));
    let mut z = at_least(&(margin - own + Term::from(&x)), 0.0);
    if p == 2.0 {
        z = &z * &z;
    }
    if let Some(w) = weight {
        z = z * Term(w.index_select(0, &target.reshape(&[rows])?)?.reshape(&[rows, 1]));
    }
    let ones = Tensor::ones(&[rows, 1], DType::F32)?;
    let hot = Tensor::zeros(&[rows, classes], DType::F32)?.scatter_add(1, &target, &ones)?.to(DType::Bool)?;
    let z = z.then(|z| index::masked_fill_scalar(z, &hot, Scalar::Float(0.0), Out::New));
    let loss = z.then(|z| z.sum(&[1], false)) / classes as f64;
    reduction.of(if flat && reduction == Reduction::None { loss.then(|l| l.reshape(&[])) } else { loss })
}

/// For each target class j and each other class i: `max(0, 1 − x[j] + x[i]) / C`. Targets end at the first −1. Gives the losses,
/// and which classes are targets.
pub fn multilabel_margin_loss(x: &Tensor, target: &Tensor, reduction: Reduction) -> Result<(Tensor, Tensor)> {
    const OP: &str = "multilabel_margin_loss";
    let classes = x.shape().last().copied().unwrap_or(1);
    if x.ndim() > 2 || x.shape() != target.shape() && x.numel() != target.numel() || classes == 0 {
        let message = format!(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: {:?}; inconsistent target size: {:?}",
            x.shape(),
            target.shape()
        );
        return Err(Error::custom(OP, message));
    }
    let x = &full(x)?;
    let rows = x.numel() / classes;
    let targets = whole_numbers(OP, target)?;
    if targets.iter().any(|&t| t >= classes as i64 || t < -1) {
        return Err(Error::custom(OP, "argument #2 'target' is out of range"));
    }
    let (mut places, mut valid, mut hot) =
        (vec![0i64; rows * classes], vec![false; rows * classes], vec![0.0f64; rows * classes]);
    for r in 0..rows {
        for (k, &t) in targets[r * classes..][..classes].iter().enumerate().take_while(|(_, t)| **t >= 0) {
            places[r * classes + k] = t;
            valid[r * classes + k] = true;
            hot[r * classes + t as usize] = 1.0;
        }
    }
    let shape = [rows, classes];
    let places = Tensor::from_slice(&places, &shape)?;
    let valid: Vec<f64> = valid.into_iter().map(|v| v as u8 as f64).collect();
    let valid = Tensor::from_slice(&valid, &[rows, classes, 1])?.to(x.dtype())?;
    let hot = Tensor::from_slice(&hot, &shape)?.to(x.dtype())?;
    let flat = x.reshape(&shape)?;
    let own = Term(flat.gather(1, &places)?.unsqueeze(2));
    let z = at_least(&(1.0 - own + Term(flat.unsqueeze(1))), 0.0);
    let others = 1.0 - Term(hot.unsqueeze(1));
    let loss = (z * Term::from(valid) * others).then(|z| z.sum(&[1, 2], false)) / classes as f64;
    let loss = if x.ndim() < 2 { loss.then(|l| l.reshape(&[])) } else { loss };
    Ok((reduction.of(loss)?, hot.reshape(target.shape())?))
}

/// The p-norm of `a − b + eps` over the last dimension.
pub fn pairwise_distance(a: &Tensor, b: &Tensor, p: f64, eps: f64, keepdim: bool) -> Result<Tensor> {
    reduce::vector_norm(&a.sub(b)?.add(eps)?, p, &[-1], keepdim, None, Out::New)
}

/// `max(0, d(anchor, positive) − d(anchor, negative) + margin)`; with `swap` the nearer of anchor and positive to the negative
/// counts.
#[allow(clippy::too_many_arguments)]
pub fn triplet_margin_loss(
    anchor: &Tensor,
    positive: &Tensor,
    negative: &Tensor,
    margin: f64,
    p: f64,
    eps: f64,
    swap: bool,
    reduction: Reduction,
) -> Result<Tensor> {
    if anchor.ndim() != positive.ndim() || positive.ndim() != negative.ndim() {
        let message = format!(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor {}D, positive {}D, and negative {}D inputs",
            anchor.ndim(),
            positive.ndim(),
            negative.ndim()
        );
        return Err(Error::custom("triplet_margin_loss", message));
    }
    let (anchor, positive, negative) = (&full(anchor)?, &full(positive)?, &full(negative)?);
    let near = Term(pairwise_distance(anchor, positive, p, eps, false));
    let mut far = Term(pairwise_distance(anchor, negative, p, eps, false));
    if swap {
        let other = pairwise_distance(positive, negative, p, eps, false)?;
        far = far.then(|far| binary::minimum(far.into(), (&other).into(), Out::New));
    }
    reduction.of(at_least(&(near - far + margin), 0.0))
}

/// The cosine of the angle between vectors along `dim`; norms count as at least `eps`.
pub fn cosine_similarity(a: &Tensor, b: &Tensor, dim: i64, eps: f64) -> Result<Tensor> {
    let common = binary::common_dtype(a, b);
    if !common.is_float() {
        let message =
            format!("expected common dtype to be floating point, yet common dtype is {}", common.scalar_name());
        return Err(Error::custom("cosine_similarity", message));
    }
    let shape = crate::layout::broadcast("cosine_similarity", a.shape(), b.shape())?;
    let (a, b) = (a.to(common)?.expand(&shape)?, b.to(common)?.expand(&shape)?);
    let unit = |x: &Tensor| -> Result<Term> {
        let norm = reduce::vector_norm(x, 2.0, &[dim], true, None, Out::New)?;
        // Where a norm is below eps the gradient does not go through it.
        let norm = ternary::clamp(&norm, Some(eps.into()), None, Out::New)?;
        Ok(Term::from(x) / Term::from(norm))
    };
    (unit(&a)? * unit(&b)?).then(|t| t.sum(&[dim], false)).0
}

/// `1 − cos(a, b)` where the target is 1, `max(0, cos(a, b) − margin)` where it is −1.
pub fn cosine_embedding_loss(
    a: &Tensor,
    b: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    const OP: &str = "cosine_embedding_loss";
    if target.ndim() > 1 {
        return Err(Error::custom(
            OP,
            format!("{OP}: 0D or 1D target tensor expected, multi-target not supported; got {:?}", target.shape()),
        ));
    }
    if a.ndim() != target.ndim() + 1 || b.ndim() != target.ndim() + 1 {
        let message = format!(
            "{OP}: {}D target tensor expects {}D input tensors, but found inputs with sizes {:?} and {:?}.",
            target.ndim(),
            target.ndim() + 1,
            a.shape(),
            b.shape()
        );
        return Err(Error::custom(OP, message));
    }
    let (a, b, target) = (&full(a)?, &full(b)?, &full(target)?);
    const EPS: f64 = 1e-12;
    let (a, b, t) = (Term::full(a), Term::full(b), Term::full(target));
    let dim = [target.ndim() as i64];
    let sum = |t: Term| t.then(|t| t.sum(&dim, false));
    let norms = (sum(&a * &a) + EPS) * (sum(&b * &b) + EPS);
    let cos = sum(&a * &b) / norms.sqrt();
    let zero = cos.then(|c| Tensor::zeros(c.shape(), c.dtype()));
    let same = choose(&t.then(|t| t.eq(1.0)), 1.0 - &cos, zero.clone());
    let other = choose(&t.then(|t| t.eq(-1.0)), at_least(&(&cos - margin), 0.0), zero);
    reduction.of(same + other)
}
