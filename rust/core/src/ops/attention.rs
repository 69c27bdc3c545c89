//! Scaled dot-product attention. Forward and first backward are fused; a backward that is itself recorded, the gradient of a
//! mask, and attention with dropout are made of ops.

use super::matmul::MatMul;
use super::random::dropout;
use super::shape::{expand, unsqueeze};
use crate::autograd::{Ctx, Modes};
use crate::device::{Gpu, with_home};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::attention::{self as kernel, Gradients, Mask, Problem, Real, Side};
use crate::layout::broadcast;
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, Out, apply, apply_all};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: Attention);

const NAME: &str = "scaled_dot_product_attention";

/// `softmax(scale·q·kᵀ + mask)·v` over `[batch, heads, rows, width]`. Inputs: q, k, v and a mask of
/// `[batch, heads, queries, keys]` or none; a mask of bool says what is seen, one of floats is added. Keys and values may have
/// fewer heads, each of which then serves several heads of queries. A query that sees nothing gets zeros.
///
/// Outputs: the result, as `[batch, queries, heads, width]` if `turned`, and the logarithm of each query's sum of weights.
#[derive(Debug)]
pub struct Attention {
    pub scale: f64,
    /// Query i sees keys up to i.
    pub causal: bool,
    pub turned: bool,
}

/// A tensor as the kernels take it: of a compute type, the last dimension dense.
fn ready(x: &Tensor) -> Result<Tensor> {
    Modes { grad: false, capture: false, ..Modes::current() }.during(|| {
        let x = x.to(x.dtype().compute())?;
        let last = x.ndim() - 1;
        if x.shape()[last] > 1 && x.strides()[last] != 1 { x.contiguous() } else { Ok(x) }
    })
}

fn side<T>(x: &Tensor, turned: bool) -> Side<T> {
    let s = x.strides();
    let [head, row] = if turned { [s[2], s[1]] } else { [s[1], s[2]] };
    Side { ptr: x.ptr().cast(), batch: s[0], head, row }
}

/// The operands of a call, made ready.
struct Operands {
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Option<Tensor>,
}

impl Operands {
    fn of(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Result<Operands> {
        let quietly = Modes { grad: false, capture: false, ..Modes::current() };
        let mask = mask.map(|m| match m.dtype() {
            DType::Bool => Ok(m.clone()),
            _ => quietly.during(|| m.to(q.dtype().compute())),
        });
        Ok(Operands { q: ready(q)?, k: ready(k)?, v: ready(v)?, mask: mask.transpose()? })
    }

    fn problem<T: Real>(&self, op: &Attention) -> Problem<T> {
        let (q, k) = (self.q.shape(), self.k.shape());
        let mask = self.mask.as_ref().map(|m| {
            let s = m.strides();
            Mask { ptr: m.ptr(), added: m.dtype() != DType::Bool, steps: [s[0], s[1], s[2], s[3]] }
        });
        Problem {
            batch: q[0],
            heads: q[1],
            kv_heads: k[1],
            queries: q[2],
            keys: k[2],
            width: q[3],
            value_width: self.v.shape()[3],
            scale: T::of_f64(op.scale),
            causal: op.causal,
            mask,
            q: side(&self.q, false),
            k: side(&self.k, false),
            v: side(&self.v, false),
        }
    }
}

impl Attention {
    fn forward<T: Real>(&self, operands: &Operands, out: &Tensor, logs: &Tensor) {
        // SAFETY: live tensors whose shapes `meta` has checked; the outputs are new.
        unsafe { kernel::forward::<T>(&operands.problem(self), side(out, self.turned), logs.ptr().cast()) }
    }

    fn fused<T: Real>(&self, operands: &Operands, [g, out, logs]: [&Tensor; 3], to: [&Tensor; 3]) {
        let [dq, dk, dv] = to.map(|t| side(t, self.turned));
        let (g, out) = (side(g, self.turned), side(out, self.turned));
        let gradients = Gradients { g, out, logs: logs.ptr().cast_const().cast(), dq, dk, dv };
        // SAFETY: live tensors of the shapes that `meta` has checked; what is written is new.
        unsafe { kernel::backward::<T>(&operands.problem(self), &gradients) }
    }
}

impl Op for Attention {
    fn name(&self) -> &'static str {
        NAME
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (q, k, v) = (&inputs[0], &inputs[1], &inputs[2]);
        let ([b, h, rows, width], [kb, kh, keys, k_width], [vb, vh, values, v_width]) =
            (q.shape(), k.shape(), v.shape())
        else {
            return Err(Error::shape(NAME, "queries, keys and values of 4 dimensions", q.shape()));
        };
        if [k, v].iter().any(|t| t.dtype() != q.dtype()) {
            return Err(Error::DType { op: NAME, expected: "keys and values of the queries' dtype", given: k.dtype() });
        }
        if !q.dtype().is_float() {
            return Err(Error::DType { op: NAME, expected: "a floating point dtype", given: q.dtype() });
        }
        if kb != b
            || vb != b
            || kh != vh
            || width != k_width
            || keys != values
            || *kh == 0 && *h > 0
            || *kh > 0 && h % kh > 0
        {
            let expected = format!("keys and values that fit queries of shape {:?}", q.shape());
            let given = format!("keys of shape {:?} and values of shape {:?}", k.shape(), v.shape());
            return Err(Error::argument(NAME, expected, given));
        }
        if let Some(mask) = inputs.get(3).filter(|m| m.shape() != [*b, *h, *rows, *keys]) {
            return Err(Error::shape(NAME, format!("a mask of shape {:?}", [b, h, rows, keys]), mask.shape()));
        }
        let out = if self.turned { [*b, *rows, *h, *v_width] } else { [*b, *h, *rows, *v_width] };
        let logs = [*b, *h, *rows];
        Ok(smallvec![Meta::New(q.dtype(), out[..].into()), Meta::New(q.dtype().compute(), logs[..].into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let operands = Operands::of(&inputs[0], &inputs[1], &inputs[2], inputs.get(3))?;
        let compute = inputs[0].dtype().compute();
        let narrow = outputs[0].dtype() != compute;
        let out = if narrow { Tensor::empty(outputs[0].shape(), compute)? } else { outputs[0].clone() };
        match compute {
            DType::F64 => self.forward::<f64>(&operands, &out, &outputs[1]),
            _ => self.forward::<f32>(&operands, &out, &outputs[1]),
        }
        if narrow {
            super::shape::convert(&outputs[0], &out);
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        // In ops; the logarithms (output 1) are for the CPU's backward pass alone.
        let (q, k, v) = (&inputs[0], &inputs[1], &inputs[2]);
        let value = with_home(Some(gpu.driver.clone()), || {
            super::gpu::quiet(|| {
                let group = q.shape()[1] / k.shape()[1].max(1);
                let (k, v) = (repeat_heads(k, group)?, repeat_heads(v, group)?);
                weights(q, &k, inputs.get(3), self.causal, self.scale)?.matmul(&v)
            })
        })?;
        gpu.copy(&if self.turned { value.transpose(1, 2)? } else { value }, &outputs[0]).map(|()| true)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).input(1).input(2).input(3).output(0).output(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let masked = ctx.inputs() > 3;
        if Modes::current().grad || masked && ctx.needs(3) || super::gpu::on_device(&ctx.grad(0)?) {
            return self.formula(ctx);
        }
        let mask = if masked { ctx.optional_input(3)? } else { None };
        let operands = Operands::of(&ctx.input(0)?, &ctx.input(1)?, &ctx.input(2)?, mask.as_ref())?;
        let (g, out, logs) = (ready(&ctx.grad(0)?)?, ready(&ctx.output(0)?)?, ctx.output(1)?);
        let compute = out.dtype();
        let [dq, dk, dv] = [0, 1, 2].map(|i| {
            let s = ctx.shape(i);
            Tensor::empty(&if self.turned { [s[0], s[2], s[1], s[3]] } else { [s[0], s[1], s[2], s[3]] }, compute)
        });
        let (dq, dk, dv) = (dq?, dk?, dv?);
        match compute {
            DType::F64 => self.fused::<f64>(&operands, [&g, &out, &logs], [&dq, &dk, &dv]),
            _ => self.fused::<f32>(&operands, [&g, &out, &logs], [&dq, &dk, &dv]),
        }
        let mut grads = ctx.grads();
        for (i, grad) in [dq, dk, dv].into_iter().enumerate().filter(|(i, _)| ctx.needs(*i)) {
            grads[i] = Some(if self.turned { grad.transpose(1, 2)? } else { grad });
        }
        Ok(grads)
    }
    crate::attributes!(scale, causal, turned);
}

impl Attention {
    /// The backward rule in ops, which make the weights anew.
    fn formula(&self, ctx: &Ctx) -> Result<Grads> {
        let (q, k, v) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
        let mask = if ctx.inputs() > 3 { ctx.optional_input(3)? } else { None };
        let group = q.shape()[1] / k.shape()[1].max(1);
        let (many_k, many_v) = (repeat_heads(&k, group)?, repeat_heads(&v, group)?);
        let weights = weights(&q, &many_k, mask.as_ref(), self.causal, self.scale)?;
        let g = if self.turned { ctx.grad(0)?.transpose(1, 2)? } else { ctx.grad(0)? };
        let mut grads = ctx.grads();
        if ctx.needs(2) {
            grads[2] = Some(sum_heads(weights.t()?.matmul(&g)?, group)?);
        }
        let slope = g.matmul(&many_v.t()?)?;
        let slope = slope.sub(&slope.mul(&weights)?.sum(&[-1], true)?)?.mul(&weights)?;
        if grads.len() > 3 && ctx.needs(3) {
            grads[3] = Some(slope.clone());
        }
        let slope = slope.mul(self.scale)?;
        if ctx.needs(0) {
            grads[0] = Some(slope.matmul(&many_k)?);
        }
        if ctx.needs(1) {
            grads[1] = Some(sum_heads(slope.t()?.matmul(&q)?, group)?);
        }
        Ok(grads)
    }
}

/// Each head (dim 1) `group` times.
fn repeat_heads(x: &Tensor, group: usize) -> Result<Tensor> {
    if group == 1 {
        return Ok(x.clone());
    }
    let [b, h, rows, width] = [0, 1, 2, 3].map(|d| x.shape()[d]);
    unsqueeze(x, 2)?.expand(&[b, h, group, rows, width])?.reshape(&[b, h * group, rows, width])
}

/// The sum over the copies that `repeat_heads` makes.
fn sum_heads(x: Tensor, group: usize) -> Result<Tensor> {
    if group == 1 {
        return Ok(x);
    }
    let [b, h, rows, width] = [0, 1, 2, 3].map(|d| x.shape()[d]);
    x.reshape(&[b, h / group, group, rows, width])?.sum(&[2], false)
}

/// `softmax(scale·q·kᵀ + mask)`, zero for a query that sees nothing.
fn weights(q: &Tensor, k: &Tensor, mask: Option<&Tensor>, causal: bool, scale: f64) -> Result<Tensor> {
    let scores = apply(MatMul {}, [q, &k.t()?])?.mul(scale)?;
    let low = Scalar::Float(f64::NEG_INFINITY);
    let hide =
        |scores: &Tensor, seen: &Tensor| super::index::masked_fill_scalar(scores, &seen.logical_not()?, low, Out::New);
    let scores = match mask {
        Some(mask) if mask.dtype() == DType::Bool => hide(&scores, mask)?,
        Some(mask) => scores.add(mask)?,
        None => scores,
    };
    let scores = if causal {
        let size = &q.shape()[..q.ndim() - 1];
        let square = [size[size.len() - 1], k.shape()[k.ndim() - 2]];
        let seen = super::shape::tril(&Tensor::ones(&square, DType::Bool)?, 0, Out::New)?;
        hide(&scores, &seen)?
    } else {
        scores
    };
    if mask.is_none() || scores.numel() == 0 {
        return scores.softmax(-1);
    }
    let blind = scores.amax(&[-1], true)?.eq(f64::NEG_INFINITY)?;
    let weights = scores.softmax(-1)?;
    super::index::masked_fill_scalar(&weights, &blind, Scalar::Float(0.0), Out::New)
}

/// What a call of `scaled_dot_product_attention` may say.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionOptions {
    pub dropout: f64,
    pub causal: bool,
    /// What products of queries and keys are multiplied by; absent, 1/√width.
    pub scale: Option<f64>,
    /// Keys and values may have fewer heads than queries.
    pub grouped: bool,
}

fn dims(x: &Tensor) -> (usize, usize) {
    let s = x.shape();
    (s[s.len() - 2], s[s.len() - 1])
}

fn check(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, options: AttentionOptions) -> Result<()> {
    let fail = |text: String| Err(Error::custom(NAME, text));
    if q.ndim() < 2 || k.ndim() < 2 || v.ndim() < 2 {
        return fail(format!(
            "Expected query, key, and value to all be at least 2 dimensional, got shapes {:?}, {:?} and {:?}",
            q.shape(),
            k.shape(),
            v.shape()
        ));
    }
    if q.dtype() != k.dtype() || q.dtype() != v.dtype() {
        return fail(format!(
            "Expected query, key, and value to have the same dtype, but got query.dtype: {} key.dtype: {} and value.dtype: {}",
            q.dtype(),
            k.dtype(),
            v.dtype()
        ));
    }
    if let Some(mask) = mask {
        if options.causal {
            return fail("Explicit attn_mask should not be set when is_causal=True".into());
        }
        let narrow = mask.dtype() == DType::F32 && matches!(q.dtype(), DType::F16 | DType::BF16);
        if mask.dtype() != DType::Bool && mask.dtype() != q.dtype() && !narrow {
            return fail(format!(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {} and query.dtype: {}",
                mask.dtype(),
                q.dtype()
            ));
        }
    }
    if !(0.0..=1.0).contains(&options.dropout) {
        return fail(format!("dropout probability has to be between 0 and 1, but got {}", options.dropout));
    }
    let ((_, width), (keys, k_width), (values, _)) = (dims(q), dims(k), dims(v));
    if width != k_width || keys != values {
        return fail(format!(
            "mat1 and mat2 shapes cannot be multiplied: expected keys as wide as queries and as many values as keys, got query {:?}, key {:?}, value {:?}",
            q.shape(),
            k.shape(),
            v.shape()
        ));
    }
    Ok(())
}

/// `softmax(scale·q·kᵀ + mask)·v` for q `[…, queries, width]`, k `[…, keys, width]`, v `[…, keys, value width]`, whose leading
/// dimensions broadcast. The mask broadcasts to `[…, queries, keys]`: bool says what is seen, floats are added.
pub fn scaled_dot_product_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    options: AttentionOptions,
) -> Result<Tensor> {
    check(q, k, v, mask, options)?;
    let scale = options.scale.unwrap_or(1.0 / (dims(q).1 as f64).sqrt());
    // Leading dimensions: the last of them are heads, which may be grouped.
    let lead = |x: &Tensor| x.shape()[..x.ndim() - 2].to_vec();
    let (mut all, kv) = (lead(q), broadcast(NAME, &lead(k), &lead(v))?);
    let grouped = options.grouped && !all.is_empty() && !kv.is_empty() && all.last() != kv.last();
    let heads = |of: &[usize]| of.last().copied().unwrap_or(1);
    if grouped {
        if heads(&kv) == 0 || heads(&all) % heads(&kv) != 0 {
            let text = format!(
                "Number of heads in key and value must divide the number of heads in query, got {} and {}",
                heads(&kv),
                heads(&all)
            );
            return Err(Error::custom(NAME, text));
        }
        let (h, few) = (heads(&all), heads(&kv));
        let batch = broadcast(NAME, &all[..all.len() - 1], &kv[..kv.len() - 1])?;
        all = [&batch[..], &[h]].concat();
        let kv = [&batch[..], &[few]].concat();
        return attend([q, k, v], mask, &all, &kv, options, scale);
    }
    let all = broadcast(NAME, &all, &kv)?.to_vec();
    attend([q, k, v], mask, &all, &all, options, scale)
}

/// The same for given leading dimensions of queries and of keys and values.
fn attend(
    [q, k, v]: [&Tensor; 3],
    mask: Option<&Tensor>,
    all: &[usize],
    kv: &[usize],
    options: AttentionOptions,
    scale: f64,
) -> Result<Tensor> {
    // As batch and heads.
    let four = |x: &Tensor, lead: &[usize]| -> Result<Tensor> {
        let tail = &x.shape()[x.ndim() - 2..];
        let whole = [lead, tail].concat();
        let x = if x.shape() == whole { x.clone() } else { x.expand(&whole)? };
        match lead {
            [_, _] => Ok(x),
            [] => unsqueeze(&unsqueeze(&x, 0)?, 0),
            [_] => unsqueeze(&x, 0),
            [batch @ .., h] => x.reshape(&[batch.iter().product(), *h, tail[0], tail[1]]),
        }
    };
    let scores = [all, &[dims(q).0, dims(k).0]].concat();
    let mask = match mask {
        None => None,
        Some(mask) => {
            let size: Vec<i64> = scores.iter().map(|&n| n as i64).collect();
            let fits = mask.ndim() <= scores.len()
                && broadcast(NAME, mask.shape(), &scores).is_ok_and(|s| s[..] == scores[..]);
            if !fits {
                let text = format!(
                    "The size of attn_mask {:?} must match the attention weights: expected a shape that expands to {scores:?}",
                    mask.shape()
                );
                return Err(Error::custom(NAME, text));
            }
            Some(four(&expand(mask, &size)?, all)?)
        }
    };
    let (q, k, v) = (four(q, all)?, four(k, kv)?, four(v, kv)?);
    let out = if options.dropout > 0.0 {
        let group = q.shape()[1] / k.shape()[1].max(1);
        let (k, v) = (repeat_heads(&k, group)?, repeat_heads(&v, group)?);
        let weights = weights(&q, &k, mask.as_ref(), options.causal, scale)?;
        dropout(&weights, options.dropout, true)?.matmul(&v)?
    } else {
        // The result lies in memory as the queries do: where heads are inside of rows, they are so again.
        let turned = q.shape()[1] > 1 && q.strides()[1] < q.strides()[2];
        let op = Attention { scale, causal: options.causal, turned };
        let out = apply_all(op, Inputs(&[Some(&q), Some(&k), Some(&v), mask.as_ref()]))?.swap_remove(0);
        if turned { out.transpose(1, 2)? } else { out }
    };
    match all {
        [_, _] => Ok(out),
        _ => out.reshape(&[all, &out.shape()[2..]].concat()),
    }
}
