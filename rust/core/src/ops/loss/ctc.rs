//! Connectionist temporal classification: the likelihood of a sequence of labels under all its alignments.

use super::{Reduction, Term, first, whole_numbers};
use crate::autograd::{Ctx, Modes};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::threads::split;
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, apply, new};
use crate::ops::ternary::{clamp, where_op};
use crate::tensor::Tensor;

crate::entries!(OPS: CtcLoss, CtcLossBackward);

/// How long the inputs and the targets are.
pub type Lengths = Vec<i64>;

/// The negative log likelihood `[N]` of targets given log probabilities `[T, N, C]`. Targets are padded `[N, S]` or concatenated.
#[derive(Debug, Clone)]
pub struct CtcLoss {
    pub input_lengths: Lengths,
    pub target_lengths: Lengths,
    pub blank: i64,
    pub zero_infinity: bool,
}

crate::saved_fields! {
    CtcLoss { input_lengths, target_lengths, blank, zero_infinity }
}

/// What a sample needs.
struct Sample<'a> {
    /// Log probabilities in f64, `[T, N, C]`.
    logs: &'a [f64],
    batch: usize,
    classes: usize,
    n: usize,
    time: usize,
    labels: &'a [i64],
    blank: i64,
}

const NONE: f64 = f64::NEG_INFINITY;

fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if high == NONE { NONE } else { high + (low - high).exp().ln_1p() }
}

impl Sample<'_> {
    /// The label at state s: blanks stand between labels and at both ends.
    fn label(&self, s: usize) -> usize {
        (if s.is_multiple_of(2) { self.blank } else { self.labels[s / 2] }) as usize
    }
    fn states(&self) -> usize {
        2 * self.labels.len() + 1
    }
    fn log(&self, t: usize, class: usize) -> f64 {
        self.logs[(t * self.batch + self.n) * self.classes + class]
    }
    /// Whether a path may step from state s − 2 to s.
    fn skips(&self, s: usize) -> bool {
        s >= 2 && s % 2 == 1 && self.labels[s / 2] != self.labels[s / 2 - 1]
    }

    /// log Σ over all ways into each state at each time.
    fn alpha(&self) -> Vec<f64> {
        let states = self.states();
        let mut alpha = vec![NONE; self.time * states];
        for t in 0..self.time {
            for s in 0..states {
                let before = |s: usize| alpha[(t - 1) * states + s];
                let way = match t {
                    0 if s < 2 => 0.0,
                    0 => NONE,
                    _ => {
                        let mut way = before(s);
                        if s >= 1 {
                            way = log_add(way, before(s - 1));
                        }
                        if self.skips(s) {
                            way = log_add(way, before(s - 2));
                        }
                        way
                    }
                };
                alpha[t * states + s] = way + self.log(t, self.label(s));
            }
        }
        alpha
    }

    /// log Σ over all ways on from each state at each time, that state's own probability among them.
    fn beta(&self) -> Vec<f64> {
        let states = self.states();
        let mut beta = vec![NONE; self.time * states];
        for t in (0..self.time).rev() {
            for s in (0..states).rev() {
                let after = |s: usize| beta[(t + 1) * states + s];
                let way = if t + 1 == self.time {
                    if s + 2 >= states { 0.0 } else { NONE }
                } else {
                    let mut way = after(s);
                    if s + 1 < states {
                        way = log_add(way, after(s + 1));
                    }
                    if s + 2 < states && self.skips(s + 2) {
                        way = log_add(way, after(s + 2));
                    }
                    way
                };
                beta[t * states + s] = way + self.log(t, self.label(s));
            }
        }
        beta
    }

    fn loss(&self, alpha: &[f64]) -> f64 {
        if self.time == 0 {
            return if self.labels.is_empty() { 0.0 } else { f64::INFINITY };
        }
        let last = &alpha[(self.time - 1) * self.states()..];
        let end = last[self.states() - 1];
        -(if self.states() > 1 { log_add(end, last[self.states() - 2]) } else { end })
    }
}

impl CtcLoss {
    /// Where each sample's labels lie.
    fn labels(&self, targets: &Tensor, n: usize) -> (usize, usize) {
        let length = self.target_lengths[n] as usize;
        let start = match targets.ndim() {
            2 => n * targets.shape()[1],
            _ => self.target_lengths[..n].iter().sum::<i64>() as usize,
        };
        (start, length)
    }

    /// Runs `work` for every sample; each gives a row of results that `to` has a place for.
    fn samples<R: Send + Clone>(
        &self,
        logs: &Tensor,
        targets: &Tensor,
        none: R,
        work: &(dyn Fn(Sample) -> R + Sync),
    ) -> Result<Vec<R>> {
        let quiet = Modes { grad: false, capture: false, ..Modes::current() };
        let numbers = quiet.during(|| logs.detach().to(DType::F64)?.to_vec::<f64>())?;
        let labels = whole_numbers("ctc_loss", targets)?;
        let (batch, classes) = (logs.shape()[1], logs.shape()[2]);
        let results = std::sync::Mutex::new(vec![none; batch]);
        split(batch, 1, &|from, to| {
            for n in from..to {
                let (start, length) = self.labels(targets, n);
                let sample = Sample {
                    logs: &numbers,
                    batch,
                    classes,
                    n,
                    time: self.input_lengths[n] as usize,
                    labels: &labels[start..start + length],
                    blank: self.blank,
                };
                let result = work(sample);
                results.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[n] = result;
            }
        });
        Ok(results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Op for CtcLoss {
    fn name(&self) -> &'static str {
        "ctc_loss"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (logs, targets) = (&inputs[0], &inputs[1]);
        let fail = |message: String| Err(Error::custom("ctc_loss", message));
        if logs.ndim() != 3 {
            return Err(Error::shape("ctc_loss", "log_probs of shape [T, N, C]", logs.shape()));
        }
        if !logs.dtype().is_float() {
            return Err(Error::DType { op: "ctc_loss", expected: "a floating point dtype", given: logs.dtype() });
        }
        let (time, batch, classes) = (logs.shape()[0], logs.shape()[1], logs.shape()[2]);
        if !(0..classes as i64).contains(&self.blank) {
            return fail("blank must be in label range".into());
        }
        if self.input_lengths.len() != batch || self.target_lengths.len() != batch {
            return fail(format!(
                "input_lengths and target_lengths must be of size batch_size ({batch}), got {} and {}",
                self.input_lengths.len(),
                self.target_lengths.len()
            ));
        }
        if let Some(bad) = self.input_lengths.iter().find(|&&l| l < 0 || l > time as i64) {
            return fail(format!("Expected input_lengths to have value at most {time}, but got value {bad}"));
        }
        let total: i64 = self.target_lengths.iter().sum();
        let widest = self.target_lengths.iter().copied().max().unwrap_or(0);
        let fits = match targets.ndim() {
            1 => targets.numel() as i64 >= total,
            2 => targets.shape()[0] == batch && targets.shape()[1] as i64 >= widest,
            _ => false,
        };
        if !fits || self.target_lengths.iter().any(|l| *l < 0) {
            return fail(format!(
                "Expected tensor to have size at least {widest} at dimension 1, but got size {:?} for targets",
                targets.shape()
            ));
        }
        new(logs.dtype(), &[batch][..])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let classes = inputs[0].shape()[2] as i64;
        let labels = whole_numbers("ctc_loss", &inputs[1])?;
        for n in 0..inputs[0].shape()[1] {
            let (start, length) = self.labels(&inputs[1], n);
            if let Some(bad) = labels[start..start + length].iter().find(|l| !(0..classes).contains(l)) {
                return Err(Error::custom("ctc_loss", format!("target {bad} is not in the label range 0..{classes}")));
            }
        }
        let losses = self.samples(&inputs[0], &inputs[1], 0.0, &|sample| sample.loss(&sample.alpha()))?;
        let quiet = Modes { grad: false, capture: false, ..Modes::current() };
        quiet.during(|| outputs[0].copy_(&Tensor::from_slice(&losses, outputs[0].shape())?))
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).input(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let op = CtcLossBackward { loss: self.clone() };
        let grad = apply(op, [&ctx.grad(0)?, &ctx.input(0)?, &ctx.input(1)?])?;
        Ok(first(grad, ctx))
    }
    crate::attributes!(input_lengths, target_lengths, blank, zero_infinity);
}

/// The gradient of [`CtcLoss`], as it is after a log softmax: e^log − (what the alignments give each class).
#[derive(Debug)]
pub struct CtcLossBackward {
    loss: CtcLoss,
}

impl Op for CtcLossBackward {
    fn name(&self) -> &'static str {
        "ctc_loss_backward"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        new(inputs[1].dtype(), inputs[1].shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (g, logs, targets) = (&inputs[0], &inputs[1], &inputs[2]);
        let quiet = Modes { grad: false, capture: false, ..Modes::current() };
        let g = quiet.during(|| g.to(DType::F64)?.to_vec::<f64>())?;
        let zero_infinity = self.loss.zero_infinity;
        let rows = self.loss.samples(logs, targets, Vec::new(), &|sample| {
            let (alpha, beta) = (sample.alpha(), sample.beta());
            let nll = sample.loss(&alpha);
            let mut row = vec![0.0; sample.time * sample.classes];
            if zero_infinity && nll == f64::INFINITY || sample.time == 0 {
                return row;
            }
            let states = sample.states();
            for t in 0..sample.time {
                let mut shares = vec![NONE; sample.classes];
                for s in 0..states {
                    let share = &mut shares[sample.label(s)];
                    *share = log_add(*share, alpha[t * states + s] + beta[t * states + s]);
                }
                for (c, share) in shares.into_iter().enumerate() {
                    let log = sample.log(t, c);
                    row[t * sample.classes + c] = (log.exp() - (share + nll - log).exp()) * g[sample.n];
                }
            }
            row
        })?;
        let (batch, classes) = (logs.shape()[1], logs.shape()[2]);
        let mut all = vec![0.0; logs.numel()];
        for (n, row) in rows.iter().enumerate() {
            for (t, values) in row.chunks(classes.max(1)).enumerate() {
                all[(t * batch + n) * classes..][..classes].copy_from_slice(values);
            }
        }
        quiet.during(|| outputs[0].copy_(&Tensor::from_slice(&all, logs.shape())?))
    }
    crate::attributes!(loss);
}

/// CTC loss of log probabilities `[T, N, C]`, or `[T, C]` for one sequence. The mean divides each loss by its target's length
/// first.
pub fn ctc_loss(
    logs: &Tensor,
    targets: &Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: i64,
    reduction: Reduction,
    zero_infinity: bool,
) -> Result<Tensor> {
    let logs = &crate::autocast::full(logs)?;
    let single = logs.ndim() == 2;
    let logs = if single { logs.unsqueeze(1)? } else { logs.clone() };
    let targets = if single && targets.ndim() == 1 { targets.unsqueeze(0)? } else { targets.clone() };
    let lengths = target_lengths.clone();
    let op = CtcLoss { input_lengths, target_lengths, blank, zero_infinity };
    let mut loss = Term(apply(op, [&logs, &targets]));
    if zero_infinity {
        let infinite = loss.then(|l| l.eq(f64::INFINITY));
        loss = loss.then(|l| where_op(infinite.get()?.into(), Scalar::Float(0.0).into(), l.into(), Out::New));
    }
    match reduction {
        Reduction::None if single => loss.then(|l| l.reshape(&[])).0,
        Reduction::Mean => {
            let lengths = Tensor::from_slice(&lengths, &[lengths.len()])?;
            let lengths = clamp(&lengths, Some(1i64.into()), None, Out::New)?;
            let dtype = logs.dtype();
            Reduction::Mean.of(loss / Term(lengths.to(dtype)))
        }
        reduction => reduction.of(loss),
    }
}
