//! Fused optimiser steps.

use crate::call::table;
use rushlight::ops::optim::{Adam, Sgd, fused_adam, fused_sgd};
use rushlight::{Result, Tensor};

#[allow(clippy::too_many_arguments)]
fn adam(
    params: Vec<Tensor>,
    grads: Vec<Tensor>,
    exp_avgs: Vec<Tensor>,
    exp_avg_sqs: Vec<Tensor>,
    max_exp_avg_sqs: Vec<Tensor>,
    state_steps: Vec<Tensor>,
    lr: f64,
    beta1: f64,
    beta2: f64,
    weight_decay: f64,
    eps: f64,
    amsgrad: bool,
    maximize: bool,
    decoupled_weight_decay: bool,
) -> Result<()> {
    let (correction1, correction2) = (1.0, 1.0);
    let rule =
        Adam { lr, beta1, beta2, weight_decay, eps, amsgrad, maximize, decoupled_weight_decay, correction1, correction2 };
    fused_adam(&params, &grads, &exp_avgs, &exp_avg_sqs, &max_exp_avg_sqs, &state_steps, rule)
}

#[allow(clippy::too_many_arguments)]
fn sgd(
    params: Vec<Tensor>,
    grads: Vec<Tensor>,
    buffers: Vec<Tensor>,
    lr: f64,
    momentum: f64,
    weight_decay: f64,
    dampening: f64,
    nesterov: bool,
    maximize: bool,
    is_first_step: bool,
) -> Result<()> {
    let rule = Sgd { lr, momentum, weight_decay, dampening, nesterov, maximize, is_first_step };
    fused_sgd(&params, &grads, &buffers, rule)
}

table! {
    /// One step of Adam or AdamW for all parameters of a group, in place. `state_steps` hold the number of this step.
    fn:
        "_fused_adam_(Tensor[] params, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs, Tensor[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, bool decoupled_weight_decay) -> ()"
            => adam;

    /// One step of SGD for all parameters of a group, in place. The buffers begin as the gradients if `is_first_step`.
    fn:
        "_fused_sgd_(Tensor[] params, Tensor[] grads, Tensor[] momentum_buffers, *, float lr, float momentum, float weight_decay, float dampening, bool nesterov, bool maximize, bool is_first_step) -> ()"
            => sgd;
}
