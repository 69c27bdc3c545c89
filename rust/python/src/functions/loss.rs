//! Losses. A reduction is a number: 0 none, 1 mean, 2 sum.

use crate::call::table;
use crate::core::Dims;
use rushlight::ops::loss::{self as l, Reduction};
use rushlight::{DType, Result, Scalar, Tensor};

fn nll(x: &Tensor, target: &Tensor, weight: Option<&Tensor>, reduction: i64, ignore: i64) -> Result<Tensor> {
    Ok(l::nll_loss(x, target, weight, Reduction::numbered("nll_loss", reduction)?, ignore)?.0)
}

fn lengths(t: &Tensor) -> Result<Vec<i64>> {
    t.to(DType::I64)?.to_vec::<i64>()
}

table! {
    /// (self − target)²
    nn:
        "mse_loss(Tensor self, Tensor target, int reduction=1, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, t: &Tensor, r: i64| l::mse_loss(x, t, Reduction::numbered("mse_loss", r)?);
    /// |self − target|
    nn:
        "l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor"
            => |x: &Tensor, t: &Tensor, r: i64| l::l1_loss(x, t, Reduction::numbered("l1_loss", r)?);
    /// Squares up to `beta`, absolute values beyond.
    nn:
        "smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.0, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, t: &Tensor, r: i64, beta: f64| l::smooth_l1_loss(x, t, Reduction::numbered("smooth_l1_loss", r)?, beta);
    /// Squares up to `delta`, and lines that go on from there.
    nn:
        "huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.0, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, t: &Tensor, r: i64, delta: f64| l::huber_loss(x, t, Reduction::numbered("huber_loss", r)?, delta);
    /// log(1 + exp(−target · self))
    nn:
        "soft_margin_loss(Tensor self, Tensor target, int reduction=1, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, t: &Tensor, r: i64| l::soft_margin_loss(x, t, Reduction::numbered("soft_margin_loss", r)?);
    /// −self[target], weighted by class, for log probabilities and class indices.
    nn:
        "nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor" => nll;
    /// The negative of the log probabilities that `target` points at, weighted by class and reduced.
    nn:
        "nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, *, Tensor? out=None) -> Tensor" => nll;
    /// `nll_loss` for log probabilities [N, C, H, W].
    nn:
        "nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, *, Tensor? out=None) -> Tensor" => nll;
    /// Cross-entropy of logits against class indices, or against probabilities of the logits' shape.
    nn:
        "cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.0) -> Tensor"
            => |x: &Tensor, t: &Tensor, weight: Option<&Tensor>, r: i64, ignore: i64, smoothing: f64|
                l::cross_entropy_loss(x, t, weight, Reduction::numbered("cross_entropy_loss", r)?, ignore, smoothing);
    /// Cross-entropy of probabilities against targets in 0..1.
    nn:
        "binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, t: &Tensor, weight: Option<&Tensor>, r: i64|
                l::binary_cross_entropy(x, t, weight, Reduction::numbered("binary_cross_entropy", r)?);
    /// Cross-entropy of sigmoid(self) against targets in 0..1.
    fn:
        "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor"
            => |x: &Tensor, t: &Tensor, weight: Option<&Tensor>, pos_weight: Option<&Tensor>, r: i64|
                l::binary_cross_entropy_with_logits(x, t, weight, pos_weight, Reduction::numbered("binary_cross_entropy_with_logits", r)?);
    /// target · (log target − self)
    fn:
        "kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor"
            => |x: &Tensor, t: &Tensor, r: i64, log_target: bool| l::kl_div(x, t, Reduction::numbered("kl_div", r)?, log_target);
    /// Negative log likelihood of counts with a Poisson distribution.
    fn:
        "poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor"
            => |x: &Tensor, t: &Tensor, log_input: bool, full: bool, eps: f64, r: i64|
                l::poisson_nll_loss(x, t, log_input, full, eps, Reduction::numbered("poisson_nll_loss", r)?);
    /// self where target is 1, max(0, margin − self) where it is −1.
    fn:
        "hinge_embedding_loss(Tensor self, Tensor target, float margin=1.0, int reduction=1) -> Tensor"
            => |x: &Tensor, t: &Tensor, margin: f64, r: i64| l::hinge_embedding_loss(x, t, margin, Reduction::numbered("hinge_embedding_loss", r)?);
    /// max(0, −target · (input1 − input2) + margin)
    fn:
        "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=1) -> Tensor"
            => |a: &Tensor, b: &Tensor, t: &Tensor, margin: f64, r: i64|
                l::margin_ranking_loss(a, b, t, margin, Reduction::numbered("margin_ranking_loss", r)?);
    /// Σ max(0, margin − self[target] + self[j])^p / C over the other classes j.
    nn:
        "multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, t: &Tensor, p: Scalar, margin: Scalar, weight: Option<&Tensor>, r: i64|
                l::multi_margin_loss(x, t, p.to_f64(), margin.to_f64(), weight, Reduction::numbered("multi_margin_loss", r)?);
    /// Σ max(0, 1 − self[j] + self[i]) / C over target classes j and other classes i.
    nn:
        "multilabel_margin_loss(Tensor self, Tensor target, int reduction=1, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, t: &Tensor, r: i64|
                l::multilabel_margin_loss(x, t, Reduction::numbered("multilabel_margin_loss", r)?).map(|both| both.0);
    /// max(0, d(anchor, positive) − d(anchor, negative) + margin)
    fn:
        "triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2, float eps=1e-06, bool swap=False, int reduction=1) -> Tensor"
            => |a: &Tensor, b: &Tensor, c: &Tensor, margin: f64, p: f64, eps: f64, swap: bool, r: i64|
                l::triplet_margin_loss(a, b, c, margin, p, eps, swap, Reduction::numbered("triplet_margin_loss", r)?);
    /// 1 − cos(input1, input2) where target is 1, max(0, cos − margin) where it is −1.
    fn:
        "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=1) -> Tensor"
            => |a: &Tensor, b: &Tensor, t: &Tensor, margin: f64, r: i64|
                l::cosine_embedding_loss(a, b, t, margin, Reduction::numbered("cosine_embedding_loss", r)?);
    /// The cosine of the angle between vectors along `dim`.
    fn:
        "cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor"
            => |a: &Tensor, b: &Tensor, dim: i64, eps: f64| l::cosine_similarity(a, b, dim, eps);
    /// The p-norm of x1 − x2 + eps over the last dimension.
    fn:
        "pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False) -> Tensor"
            => |a: &Tensor, b: &Tensor, p: f64, eps: f64, keepdim: bool| l::pairwise_distance(a, b, p, eps, keepdim);
    /// The negative log likelihood of label sequences under all their alignments with log probabilities [T, N, C].
    fn:
        "ctc_loss(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor"
            => |x: &Tensor, t: &Tensor, xs: Dims, ts: Dims, blank: i64, r: i64, zero: bool|
                l::ctc_loss(x, t, xs.to_vec(), ts.to_vec(), blank, Reduction::numbered("ctc_loss", r)?, zero),
        "ctc_loss(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor"
            => |x: &Tensor, t: &Tensor, xs: &Tensor, ts: &Tensor, blank: i64, r: i64, zero: bool|
                l::ctc_loss(x, t, lengths(xs)?, lengths(ts)?, blank, Reduction::numbered("ctc_loss", r)?, zero);
}
