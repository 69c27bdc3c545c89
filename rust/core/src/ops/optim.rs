//! Optimiser steps over all parameters of a group in one call. They change parameters and state in place, outside of the graph.

use crate::autograd::no_grad;
use crate::device::Gpu;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gate;
use crate::kernels::isa::{Fused, Fused512, Plain};
use crate::kernels::math::Real;
use crate::kernels::optim::{Rule, Slices, step};
use crate::ops::gpu::optim::Rule as OnGpu;
use crate::tensor::Tensor;

pub use crate::kernels::optim::{Adam, Sgd};

/// A tensor as dense memory of a dtype, and whether that is its own.
fn dense(x: &Tensor, dtype: DType) -> Result<(Tensor, bool)> {
    if x.dtype() == dtype && x.is_contiguous() {
        return Ok((x.clone(), true));
    }
    Ok((x.detach().to(dtype)?.contiguous()?, false))
}

/// Runs a rule on one parameter: where its memory lies, or by way of dense copies in the dtype of the arithmetic.
fn apply<R: Rule + OnGpu + Send>(
    op: &'static str,
    rule: R,
    param: &Tensor,
    grad: &Tensor,
    state: &[&Tensor],
) -> Result<()> {
    if let Some(odd) = [grad].into_iter().chain(state.iter().copied()).find(|t| t.shape() != param.shape()) {
        return Err(Error::shape(
            op,
            format!("a gradient and state of the parameter's shape {:?}", param.shape()),
            odd.shape(),
        ));
    }
    if let Some(t) = [param].into_iter().chain(state.iter().copied()).find(|t| !t.storage().is_writable()) {
        let message = format!(
            "the memory of a parameter or its state (shape {:?}) is read-only; clone() the tensor first",
            t.shape()
        );
        return Err(Error::custom(op, message));
    }
    let dtype = match param.dtype() {
        DType::F64 => DType::F64,
        DType::F32 | DType::F16 | DType::BF16 => DType::F32,
        given => return Err(Error::DType { op, expected: "parameters of a floating point dtype", given }),
    };
    if let Some(driver) = param.driver() {
        if !rule.launch(&Gpu { op, driver: &driver }, param, grad, state)? {
            return Err(Error::NotImplemented { op, what: "this step on the GPU (use fused=False)" });
        }
        [param].iter().chain(state).for_each(|t| t.storage().modified_by(op));
        return Ok(());
    }
    let (p, own) = dense(param, dtype)?;
    let (g, _) = dense(grad, dtype)?;
    let states = state.iter().map(|s| dense(s, dtype)).collect::<Result<Vec<_>>>()?;
    let run = || {
        if dtype == DType::F64 { on::<f64, R>(rule, &p, &g, &states) } else { on::<f32, R>(rule, &p, &g, &states) }
    };
    gate::work(param.numel() * (2 + state.len()), run);
    let written =
        [(param, &p, own)].into_iter().chain(state.iter().zip(&states).map(|(to, (from, own))| (*to, from, *own)));
    for (to, from, own) in written {
        if own { to.storage().modified_by(op) } else { no_grad(|| to.copy_(from))? }
    }
    Ok(())
}

fn on<T, R: Rule>(rule: R, p: &Tensor, g: &Tensor, states: &[(Tensor, bool)])
where
    T: Real<Plain> + Real<Fused> + Real<Fused512>,
{
    let state = std::array::from_fn(|i| states.get(i).map_or(std::ptr::null_mut(), |(t, _)| t.ptr().cast()));
    let slices = Slices::<T> { param: p.ptr().cast(), grad: g.ptr().cast(), state, len: p.numel() };
    // SAFETY: dense tensors of this type and of one shape, which `apply` has seen to and holds.
    unsafe { step(rule, &slices) }
}

fn same_length(op: &'static str, params: usize, lists: &[(&str, usize)]) -> Result<()> {
    match lists.iter().find(|(_, n)| *n != params) {
        None => Ok(()),
        Some((name, n)) => Err(Error::argument(op, format!("{params} {name}, one for each parameter"), n)),
    }
}

/// One step of SGD for each parameter; `buffers` is empty without momentum.
pub fn fused_sgd(params: &[Tensor], grads: &[Tensor], buffers: &[Tensor], rule: Sgd) -> Result<()> {
    const OP: &str = "_fused_sgd_";
    same_length(OP, params.len(), &[("gradients", grads.len())])?;
    if rule.momentum != 0.0 {
        same_length(OP, params.len(), &[("momentum buffers", buffers.len())])?;
    }
    for (i, (param, grad)) in params.iter().zip(grads).enumerate() {
        let state: &[&Tensor] = if rule.momentum != 0.0 { &[&buffers[i]] } else { &[] };
        apply(OP, rule, param, grad, state)?;
    }
    Ok(())
}

/// One step of Adam or AdamW for each parameter; `steps` hold the number of this step, `most` is empty without amsgrad.
pub fn fused_adam(
    params: &[Tensor],
    grads: &[Tensor],
    means: &[Tensor],
    squares: &[Tensor],
    most: &[Tensor],
    steps: &[Tensor],
    rule: Adam,
) -> Result<()> {
    const OP: &str = "_fused_adam_";
    let lists = [
        ("gradients", grads.len()),
        ("exp_avgs", means.len()),
        ("exp_avg_sqs", squares.len()),
        ("state_steps", steps.len()),
    ];
    same_length(OP, params.len(), &lists)?;
    if rule.amsgrad {
        same_length(OP, params.len(), &[("max_exp_avg_sqs", most.len())])?;
    }
    for (i, (param, grad)) in params.iter().zip(grads).enumerate() {
        let count = steps[i].item()?.to_f64();
        let rule =
            Adam { correction1: 1.0 - rule.beta1.powf(count), correction2: 1.0 - rule.beta2.powf(count), ..rule };
        let two = [&means[i], &squares[i]];
        match most.get(i) {
            Some(most) if rule.amsgrad => apply(OP, rule, param, grad, &[two[0], two[1], most])?,
            _ => apply(OP, rule, param, grad, &two)?,
        }
    }
    Ok(())
}
