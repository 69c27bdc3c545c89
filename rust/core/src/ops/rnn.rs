//! Recurrent layers and cells. A layer in one direction is one op, forward and first backward fused; a backward that is itself
//! recorded, complex numbers and projections run step by step.

use super::matmul::linear;
use super::random::dropout;
use super::shape::{alias, chunk};
use crate::autograd::{self, Ctx, Modes};
use crate::device::{Gpu, with_home};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::recurrent::{self as kernel, Back, Problem, Real, Results};
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, Outputs, apply_all};
use crate::tensor::Tensor;
use smallvec::smallvec;
use std::sync::Arc;

pub use crate::kernels::recurrent::Kind;

crate::entries!(OPS: Recurrent);

/// All steps of a layer in one direction. Inputs: what the input adds to the gates `[rows, gates · hidden]`, the state at the
/// start `[batch, hidden]`, the cell at the start (LSTM), the weights of the state `[gates · hidden, hidden]`, and what they add
/// besides (GRU; it must stand apart, since the reset gate multiplies it).
///
/// Outputs: the states of all steps, the last states, the last cells (LSTM); and with `tape`, for backward, the gates, and the
/// cells or what the state adds to GRU's new gate.
#[derive(Debug)]
pub struct Recurrent {
    pub kind: Kind,
    /// Rows of each step; they do not grow.
    pub sizes: Arc<[usize]>,
    pub reverse: bool,
    pub tape: bool,
}

fn dense(x: &Tensor) -> Result<Tensor> {
    Modes { grad: false, capture: false, ..Modes::current() }.during(|| x.contiguous())
}

/// A place in memory of an array that may be absent.
fn place<T>(x: Option<&Tensor>) -> *mut T {
    x.map_or(std::ptr::null_mut(), |x| x.ptr().cast())
}

/// The inputs, dense.
struct Operands {
    x: Option<Tensor>,
    h0: Tensor,
    c0: Option<Tensor>,
    w: Tensor,
    b: Option<Tensor>,
}

impl Operands {
    fn problem<'a, T>(&'a self, op: &'a Recurrent) -> Problem<'a, T> {
        Problem {
            kind: op.kind,
            sizes: &op.sizes,
            reverse: op.reverse,
            hidden: self.h0.shape()[1],
            x: place(self.x.as_ref()),
            h0: place(Some(&self.h0)),
            c0: place(self.c0.as_ref()),
            w: place(Some(&self.w)),
            b: place(self.b.as_ref()),
        }
    }
}

impl Recurrent {
    fn is_lstm(&self) -> bool {
        self.kind == Kind::Lstm
    }
    /// The output with the gates; the next has what is inside.
    fn gates_at(&self) -> Option<usize> {
        match self.kind {
            Kind::Lstm => Some(3),
            Kind::Gru => Some(2),
            _ => None,
        }
    }

    fn forward<T: Real>(&self, operands: &Operands, outputs: &[Tensor]) {
        let kept = |i: usize| place(self.gates_at().and_then(|at| outputs.get(at + i)));
        let c = place(outputs.get(2).filter(|_| self.is_lstm()));
        let to =
            Results::<T> { y: place(outputs.first()), h: place(outputs.get(1)), c, gates: kept(0), inner: kept(1) };
        // SAFETY: dense tensors whose shapes `meta` has checked; the outputs are new.
        unsafe { kernel::forward(&operands.problem(self), &to) }
    }
}

/// A state of another dtype than the weights; under autocast they may differ.
fn mixed<'a>(hx: &'a [Tensor], w_hh: &Tensor) -> Option<&'a Tensor> {
    hx.iter().find(|h| h.dtype() != w_hh.dtype()).filter(|_| !Modes::current().autocast)
}

impl Op for Recurrent {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Lstm => "lstm",
            Kind::Gru => "gru",
            Kind::Tanh => "rnn_tanh",
            Kind::Relu => "rnn_relu",
        }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, h0, w) = (&inputs[0], &inputs[1], &inputs[3]);
        let (dtype, rows) = (x.dtype(), self.sizes.iter().sum::<usize>());
        let ([n, width], [batch, hidden]) = (x.shape(), h0.shape()) else {
            return Err(Error::shape(self.name(), "gates and a state of 2 dimensions", h0.shape()));
        };
        let first = self.sizes.first().copied().unwrap_or(0);
        let all = self.kind.gates() * hidden;
        let fits = *n == rows && *batch == first && *width == all && w.shape() == [all, *hidden];
        if !fits || inputs.get(2).is_some_and(|c| c.shape() != h0.shape()) || inputs.get(2).is_some() != self.is_lstm()
        {
            let expected = format!(
                "gates of shape [{rows}, {all}] and weights of shape [{all}, {hidden}] for a state of {first} rows"
            );
            let given = format!("{:?}, {:?} and {:?}", x.shape(), w.shape(), h0.shape());
            return Err(Error::argument(self.name(), expected, given));
        }
        if let Some(b) = inputs.get(4).filter(|b| b.shape() != [all]) {
            return Err(Error::shape(self.name(), format!("a bias of shape [{all}]"), b.shape()));
        }
        if !matches!(dtype, DType::F32 | DType::F64) || inputs.iter().any(|t| t.dtype() != dtype) {
            return Err(Error::DType { op: self.name(), expected: "one floating point dtype for all", given: dtype });
        }
        let new = |shape: &[usize]| Meta::New(dtype, shape.into());
        let mut metas: Metas = smallvec![new(&[rows, *hidden]), new(&[*batch, *hidden])];
        if self.is_lstm() {
            metas.push(new(&[*batch, *hidden]));
        }
        if self.tape && self.gates_at().is_some() {
            metas.extend([new(&[rows, all]), new(&[rows, *hidden])]);
        }
        Ok(metas)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let operands = Operands {
            x: Some(dense(&inputs[0])?),
            h0: dense(&inputs[1])?,
            c0: inputs.get(2).map(dense).transpose()?,
            w: dense(&inputs[3])?,
            b: inputs.get(4).map(dense).transpose()?,
        };
        match inputs[0].dtype() {
            DType::F64 => self.forward::<f64>(&operands, outputs),
            _ => self.forward::<f32>(&operands, outputs),
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        // In ops; the gates are for the CPU's backward pass alone.
        let weights = Weights { w: &inputs[3], b: inputs.get(4), projection: None };
        let states = with_home(Some(gpu.driver.clone()), || {
            super::gpu::quiet(|| unrolled(self, &inputs[0], &inputs[1], inputs.get(2), &weights))
        })?;
        for (to, from) in outputs.iter().zip(&states) {
            gpu.copy(from, to)?;
        }
        Ok(true)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        let inputs = (0..5).fold(Keep::NOTHING, Keep::input).output(0);
        match self.gates_at() {
            Some(at) => inputs.output(at).output(at + 1),
            None => inputs,
        }
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        if Modes::current().grad || super::gpu::on_device(&ctx.input(1)?) {
            return self.step_by_step(ctx);
        }
        let operands = Operands {
            x: None,
            h0: dense(&ctx.input(1)?)?,
            c0: ctx.optional_input(2)?.map(|c| dense(&c)).transpose()?,
            w: dense(&ctx.input(3)?)?,
            b: None,
        };
        let (dtype, rows, all) = (ctx.dtype(0), ctx.shape(0)[0], ctx.shape(0)[1]);
        // The kernel goes on from what comes back to the last states.
        let start = |i: usize| match ctx.some_grad(i) {
            Some(g) => g.copy(),
            None => Tensor::zeros(ctx.shape(1), dtype),
        };
        let y = ctx.output(0)?;
        let gy = ctx.some_grad(0).map(|g| dense(&g)).transpose()?;
        let dh = start(1)?;
        let dc = if self.is_lstm() { Some(start(2)?) } else { None };
        let dx = Tensor::empty(&[rows, all], dtype)?;
        let ds = if self.kind == Kind::Gru { Tensor::empty(&[rows, all], dtype)? } else { dx.clone() };
        let kept = |i: usize| self.gates_at().map(|at| ctx.output(at + i)).transpose();
        let (gates, inner) = (kept(0)?, kept(1)?);
        let arrays =
            [Some(&y), gates.as_ref(), inner.as_ref(), gy.as_ref(), Some(&dh), dc.as_ref(), Some(&dx), Some(&ds)];
        match dtype {
            DType::F64 => self.fused::<f64>(&operands, arrays),
            _ => self.fused::<f32>(&operands, arrays),
        }
        let mut grads = ctx.grads();
        if ctx.needs(3) {
            grads[3] = Some(ds.t()?.matmul(&self.states_before(&operands.h0, &y)?)?);
        }
        if ctx.needs(4) {
            grads[4] = Some(ds.sum(&[0], false)?);
        }
        (grads[0], grads[1], grads[2]) = (Some(dx), Some(dh), dc);
        Ok(grads)
    }
    crate::attributes!(kind, sizes, reverse, tape; op if op.sizes.iter().all(|n| *n > 0) && op.sizes.windows(2).all(|w| w[0] >= w[1]));
}

impl Recurrent {
    fn fused<T: Real>(&self, operands: &Operands, arrays: [Option<&Tensor>; 8]) {
        let [y, gates, inner, gy, dh, dc, dx, ds] = arrays.map(place::<T>);
        let back = Back { y, gates, inner, gy, dh, dc, dx, ds };
        // SAFETY: dense tensors of the shapes that `meta` has checked; what is written is new.
        unsafe { kernel::backward(&operands.problem(self), &back) }
    }

    /// For each row of each step the state before it.
    fn states_before(&self, h0: &Tensor, y: &Tensor) -> Result<Tensor> {
        let mut parts = Vec::new();
        let at: Vec<usize> = self.sizes.iter().scan(0, |at, n| Some(std::mem::replace(at, *at + n))).collect();
        let uniform = self.sizes.iter().all(|n| Some(n) == self.sizes.first());
        if uniform {
            let (batch, rows) = (h0.shape()[0], y.shape()[0]);
            let most = rows.saturating_sub(batch);
            let states = y.narrow(0, if self.reverse { rows - most } else { 0 }, most)?;
            parts = if self.reverse { vec![states, h0.clone()] } else { vec![h0.clone(), states] };
            return Tensor::cat(&parts, 0);
        }
        for (t, &rows) in self.sizes.iter().enumerate() {
            let before = if self.reverse { Some(t + 1).filter(|&t| t < at.len()) } else { t.checked_sub(1) };
            let known = before.map_or(0, |t| self.sizes[t].min(rows));
            if let Some(t) = before.filter(|_| known > 0) {
                parts.push(y.narrow(0, at[t], known)?);
            }
            if rows > known {
                parts.push(h0.narrow(0, known, rows - known)?);
            }
        }
        Tensor::cat(&parts, 0)
    }

    /// The backward rule as that of the steps made anew.
    fn step_by_step(&self, ctx: &Ctx) -> Result<Grads> {
        let (twice, recording) = (Modes::current().grad, Modes { grad: true, ..Modes::current() });
        let given: Vec<Option<Tensor>> = recording
            .during(|| (0..5).map(|i| ctx.optional_input(i)?.as_ref().map(alias).transpose()).collect::<Result<_>>())?;
        let [Some(x), Some(h0), c0, Some(w), b] = &given[..] else {
            return Err(Error::custom(self.name(), "an input was not kept"));
        };
        let weights = Weights { w, b: b.as_ref(), projection: None };
        let outputs = recording.during(|| unrolled(self, x, h0, c0.as_ref(), &weights))?;
        let wanted: Vec<usize> = (0..outputs.len()).filter(|&i| ctx.some_grad(i).is_some()).collect();
        let roots: Vec<&Tensor> = wanted.iter().map(|&i| &outputs[i]).collect();
        let back: Vec<Option<Tensor>> = wanted.iter().map(|&i| ctx.some_grad(i)).collect();
        let needed: Vec<usize> = (0..5).filter(|&i| given[i].is_some() && ctx.needs(i)).collect();
        let to: Vec<&Tensor> = needed.iter().filter_map(|&i| given[i].as_ref()).collect();
        let mut grads = ctx.grads();
        if !roots.is_empty() {
            for (i, grad) in needed.into_iter().zip(autograd::grad(&roots, &to, &back, twice, twice)?) {
                grads[i] = grad;
            }
        }
        Ok(grads)
    }
}

/// What the state is multiplied by.
struct Weights<'a> {
    w: &'a Tensor,
    b: Option<&'a Tensor>,
    /// From the output gate's state to the state proper (LSTM).
    projection: Option<&'a Tensor>,
}

/// One step in ops: state and cell after it.
fn step(kind: Kind, x: &Tensor, h: &Tensor, c: Option<&Tensor>, weights: &Weights) -> Result<(Tensor, Option<Tensor>)> {
    let s = linear(h, weights.w, weights.b)?;
    match (kind, c) {
        (Kind::Lstm, Some(c)) => {
            let z = chunk(&x.add(&s)?, 4, 1)?;
            let c = z[1].sigmoid()?.mul(c)?.add(&z[0].sigmoid()?.mul(&z[2].tanh()?)?)?;
            let h = z[3].sigmoid()?.mul(&c.tanh()?)?;
            let h = weights.projection.map_or(Ok(h.clone()), |w| linear(&h, w, None))?;
            Ok((h, Some(c)))
        }
        (Kind::Gru, _) => {
            let (x, s) = (chunk(x, 3, 1)?, chunk(&s, 3, 1)?);
            let (r, z) = (x[0].add(&s[0])?.sigmoid()?, x[1].add(&s[1])?.sigmoid()?);
            let n = x[2].add(&r.mul(&s[2])?)?.tanh()?;
            Ok((n.add(&z.mul(&h.sub(&n)?)?)?, None))
        }
        (Kind::Relu, _) => Ok((x.add(&s)?.relu()?, None)),
        _ => Ok((x.add(&s)?.tanh()?, None)),
    }
}

/// All steps in ops: the states of all, the last states, the last cells (LSTM).
fn unrolled(op: &Recurrent, x: &Tensor, h0: &Tensor, c0: Option<&Tensor>, weights: &Weights) -> Result<Outputs> {
    let at: Vec<usize> = op.sizes.iter().scan(0, |at, n| Some(std::mem::replace(at, *at + n))).collect();
    let mut order: Vec<usize> = (0..at.len()).collect();
    if op.reverse {
        order.reverse();
    }
    // States of the sequences that are on their way; those that have ended, longest last.
    let first = order.first().map_or(0, |&t| op.sizes[t]);
    let mut states = vec![(h0, h0.narrow(0, 0, first)?)];
    if let Some(c0) = c0 {
        states.push((c0, c0.narrow(0, 0, first)?));
    }
    let mut ended: Vec<Vec<Tensor>> = vec![Vec::new(); states.len()];
    let mut all = vec![None; at.len()];
    for t in order {
        let rows = op.sizes[t];
        for ((start, state), ended) in states.iter_mut().zip(&mut ended) {
            let have = state.shape()[0];
            if rows < have {
                ended.push(state.narrow(0, rows, have - rows)?);
                *state = state.narrow(0, 0, rows)?;
            } else if rows > have {
                *state = Tensor::cat(&[state.clone(), start.narrow(0, have, rows - have)?], 0)?;
            }
        }
        let x = x.narrow(0, at[t], rows)?;
        let (h, c) = step(op.kind, &x, &states[0].1, states.get(1).map(|s| &s.1), weights)?;
        all[t] = Some(h.clone());
        states[0].1 = h;
        if let (Some(state), Some(c)) = (states.get_mut(1), c) {
            state.1 = c;
        }
    }
    let all: Vec<Tensor> = all.into_iter().flatten().collect();
    let mut outputs: Outputs = smallvec![Tensor::cat(&all, 0)?];
    for ((_, state), mut ended) in states.into_iter().zip(ended) {
        ended.push(state);
        ended.reverse();
        outputs.push(Tensor::cat(&ended, 0)?);
    }
    Ok(outputs)
}

/// The parameters of one layer in one direction.
#[derive(Clone, Copy)]
struct Layer<'a> {
    w_ih: &'a Tensor,
    w_hh: &'a Tensor,
    b_ih: Option<&'a Tensor>,
    b_hh: Option<&'a Tensor>,
    projection: Option<&'a Tensor>,
}

impl Layer<'_> {
    /// Runs over `x`, `[…, inputs]`: the states of all steps, the last states, the last cells.
    fn run(
        &self,
        kind: Kind,
        x: &Tensor,
        sizes: &Arc<[usize]>,
        reverse: bool,
        h0: &Tensor,
        c0: Option<&Tensor>,
    ) -> Result<Outputs> {
        let (bias, apart) = match (self.b_ih, self.b_hh) {
            (b, apart) if kind == Kind::Gru => (b.cloned(), apart),
            (Some(a), Some(b)) => (Some(a.add(b)?), None),
            (a, b) => (a.or(b).cloned(), None),
        };
        let gates = linear(x, self.w_ih, bias.as_ref())?;
        let gates = gates.reshape(&[sizes.iter().sum(), self.w_ih.shape()[0]])?;
        let tape = Modes::current().grad
            && [&gates, h0, self.w_hh].into_iter().chain(c0).chain(apart).any(Tensor::requires_grad);
        let op = Recurrent { kind, sizes: sizes.clone(), reverse, tape };
        if self.projection.is_some() || gates.dtype().is_complex() {
            return unrolled(&op, &gates, h0, c0, &Weights { w: self.w_hh, b: apart, projection: self.projection });
        }
        let dtype = gates.dtype();
        if matches!(dtype, DType::F32 | DType::F64) {
            let mut outputs = apply_all(op, Inputs(&[Some(&gates), Some(h0), c0, Some(self.w_hh), apart]))?;
            outputs.truncate(if kind == Kind::Lstm { 3 } else { 2 });
            return Ok(outputs);
        }
        let wide = |t: &Tensor| t.to(dtype.compute());
        let (c0, apart) = (c0.map(wide).transpose()?, apart.map(wide).transpose()?);
        let (gates, h0, w) = (wide(&gates)?, wide(h0)?, wide(self.w_hh)?);
        let outputs = apply_all(op, Inputs(&[Some(&gates), Some(&h0), c0.as_ref(), Some(&w), apart.as_ref()]))?;
        // Under autocast the state of a GRU stays as wide as it came.
        let dtype = if kind == Kind::Gru && Modes::current().autocast { dtype.compute() } else { dtype };
        outputs.iter().take(if kind == Kind::Lstm { 3 } else { 2 }).map(|t| t.to(dtype)).collect()
    }
}

/// What a call of `lstm`, `gru`, `rnn_tanh` or `rnn_relu` says besides its tensors.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentOptions {
    pub has_biases: bool,
    pub layers: i64,
    pub dropout: f64,
    pub train: bool,
    pub bidirectional: bool,
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Lstm => "lstm",
        Kind::Gru => "gru",
        Kind::Tanh => "rnn_tanh",
        Kind::Relu => "rnn_relu",
    }
}

/// All layers over a packed input `[rows, inputs]` or a padded one `[steps, batch, inputs]`; the results are as the input is.
fn stack(
    kind: Kind,
    x: &Tensor,
    sizes: Arc<[usize]>,
    hx: &[Tensor],
    params: &[Tensor],
    options: RecurrentOptions,
) -> Result<Outputs> {
    let op = name(kind);
    let fail = |text: String| Err(Error::custom(op, text));
    let directions = if options.bidirectional { 2 } else { 1 };
    let count = usize::try_from(options.layers).unwrap_or(0) * directions;
    if let Some(state) = hx.iter().find(|h| h.ndim() != 3) {
        return Err(Error::shape(op, "states of 3 dimensions", state.shape()));
    }
    let projected = kind == Kind::Lstm && hx[0].shape()[2] != hx[1].shape()[2];
    let each = if options.has_biases { 4 } else { 2 } + projected as usize;
    if params.len() != count * each || count == 0 {
        let what = format!("{count} layers and directions of {each} parameters each");
        return fail(format!("got an incorrect number of RNN parameters: expected {what}, got {}", params.len()));
    }
    let batch = sizes.first().copied().unwrap_or(0);
    for state in hx {
        if state.shape()[0] != count || state.shape()[1] != batch {
            let want = format!("[{count}, {batch}, {}]", state.shape()[2]);
            return fail(format!("Expected hidden size {want}, got {:?}", state.shape()));
        }
    }
    if !(0.0..=1.0).contains(&options.dropout) {
        return fail(format!("dropout probability has to be between 0 and 1, but got {}", options.dropout));
    }
    let mut x = x.clone();
    let mut last: Vec<Vec<Tensor>> = vec![Vec::new(); hx.len()];
    for (index, params) in params.chunks_exact(each * directions).enumerate() {
        let mut sides = Vec::new();
        for (side, params) in params.chunks_exact(each).enumerate() {
            let bias = |i: usize| params.get(i).filter(|_| options.has_biases);
            let layer = Layer {
                w_ih: &params[0],
                w_hh: &params[1],
                b_ih: bias(2),
                b_hh: bias(3),
                projection: params.last().filter(|_| projected),
            };
            check_layer(op, kind, &x, &layer, hx)?;
            let start: Vec<Tensor> =
                hx.iter().map(|h| h.select(0, index * directions + side)).collect::<Result<_>>()?;
            let outputs = layer.run(kind, &x, &sizes, side == 1, &start[0], start.get(1))?;
            last.iter_mut().zip(&outputs[1..]).for_each(|(all, one)| all.push(one.clone()));
            let width = outputs[0].shape()[1];
            let shape = [&x.shape()[..x.ndim() - 1], &[width]].concat();
            sides.push(outputs[0].reshape(&shape)?);
        }
        x = if directions == 2 { Tensor::cat(&sides, -1)? } else { sides.swap_remove(0) };
        if options.dropout > 0.0 && options.train && (index as i64) + 1 < options.layers {
            x = dropout(&x, options.dropout, true)?;
        }
    }
    let mut outputs: Outputs = smallvec![x];
    for states in last {
        outputs.push(if states.len() == 1 { states[0].unsqueeze(0)? } else { Tensor::stack(&states, 0)? });
    }
    Ok(outputs)
}

fn check_layer(op: &'static str, kind: Kind, x: &Tensor, layer: &Layer, hx: &[Tensor]) -> Result<()> {
    let inputs = x.shape()[x.ndim() - 1];
    let (state, hidden) = (hx[0].shape()[2], hx[hx.len() - 1].shape()[2]);
    let rows = kind.gates() * hidden;
    let mut wanted = vec![("weight_ih", Some(layer.w_ih), vec![rows, inputs])];
    wanted.push(("weight_hh", Some(layer.w_hh), vec![rows, state]));
    wanted.push(("bias_ih", layer.b_ih, vec![rows]));
    wanted.push(("bias_hh", layer.b_hh, vec![rows]));
    wanted.push(("weight_hr", layer.projection, vec![state, hidden]));
    for (name, tensor, shape) in wanted {
        if let Some(tensor) = tensor.filter(|t| t.shape() != shape) {
            let text = format!(
                "expected {name} of shape {shape:?} for an input of shape {:?} and states of shape {:?}, got {:?}",
                x.shape(),
                hx[0].shape(),
                tensor.shape()
            );
            return Err(Error::custom(op, text));
        }
    }
    if let Some(h) = mixed(hx, layer.w_hh) {
        let (a, b) = (h.dtype().name(), layer.w_hh.dtype().name());
        return Err(Error::custom(op, format!("expected states and weights of the same dtype, but got: {a} != {b}")));
    }
    Ok(())
}

/// `lstm` has two tensors of states, the others one.
fn check_states(kind: Kind, hx: &[Tensor]) -> Result<()> {
    match (kind, hx.len()) {
        (Kind::Lstm, 2) => Ok(()),
        (Kind::Lstm, n) => Err(Error::custom("lstm", format!("lstm expects two hidden states, got {n}"))),
        (_, 1) => Ok(()),
        (kind, n) => Err(Error::custom(name(kind), format!("expected one hidden state, got {n}"))),
    }
}

/// A recurrent network over padded sequences, `[steps, batch, inputs]`, or `[batch, steps, inputs]`. Results: the last layer's
/// states, the last states of all layers, and their cells (LSTM).
pub fn recurrent(
    kind: Kind,
    x: &Tensor,
    hx: &[Tensor],
    params: &[Tensor],
    options: RecurrentOptions,
    batch_first: bool,
) -> Result<Outputs> {
    check_states(kind, hx)?;
    if x.ndim() != 3 {
        return Err(Error::shape(name(kind), "an input of 3 dimensions", x.shape()));
    }
    let x = if batch_first { x.transpose(0, 1)? } else { x.clone() };
    if x.shape()[0] == 0 {
        return Err(Error::custom(name(kind), "Expected sequence length to be larger than 0 in RNN"));
    }
    let sizes: Arc<[usize]> = vec![x.shape()[1]; x.shape()[0]].into();
    let mut outputs = stack(kind, &x, sizes, hx, params, options)?;
    if batch_first {
        outputs[0] = outputs[0].transpose(0, 1)?;
    }
    Ok(outputs)
}

/// The numbers of a one-dimensional int64 tensor.
pub(super) fn lengths_of(op: &'static str, lengths: &Tensor) -> Result<Vec<i64>> {
    if lengths.ndim() != 1 || lengths.dtype() != DType::I64 {
        let (n, dtype) = (lengths.ndim(), lengths.dtype());
        let text = format!("'lengths' argument should be a 1D CPU int64 tensor, but got {n}D {dtype} tensor");
        return Err(Error::custom(op, text));
    }
    lengths.to_vec()
}

/// The same over packed sequences, `[rows, inputs]`, with the rows of each step.
pub fn recurrent_packed(
    kind: Kind,
    data: &Tensor,
    batch_sizes: &Tensor,
    hx: &[Tensor],
    params: &[Tensor],
    options: RecurrentOptions,
) -> Result<Outputs> {
    check_states(kind, hx)?;
    if data.ndim() != 2 {
        return Err(Error::shape(name(kind), "packed data of 2 dimensions", data.shape()));
    }
    let sizes = lengths_of(name(kind), batch_sizes)?;
    let falls = sizes.windows(2).all(|w| w[0] >= w[1]) && sizes.iter().all(|&n| n > 0);
    if !falls || sizes.iter().sum::<i64>() != data.shape()[0] as i64 || sizes.is_empty() {
        let expected = format!("batch sizes that fall and add up to {}", data.shape()[0]);
        return Err(Error::argument(name(kind), expected, format!("{sizes:?}")));
    }
    let sizes: Arc<[usize]> = sizes.into_iter().map(|n| n as usize).collect();
    stack(kind, data, sizes, hx, params, options)
}

/// One step of a recurrent network: input `[batch, inputs]`, state (and cell) `[batch, hidden]`.
pub fn cell(
    kind: Kind,
    x: &Tensor,
    hx: &[Tensor],
    weights: [&Tensor; 2],
    biases: [Option<&Tensor>; 2],
) -> Result<Outputs> {
    let op = ["lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"][kind as usize];
    let fail = |text: String| Err(Error::custom(op, text));
    if kind == Kind::Lstm && hx.len() != 2 {
        return fail("lstm_cell expects two hidden states".into());
    }
    let [w_ih, w_hh] = weights;
    for (name, t) in [("input", x), ("weight_ih", w_ih), ("weight_hh", w_hh), ("hidden state", &hx[0])] {
        if t.ndim() != 2 {
            return Err(Error::shape(op, format!("{name} of 2 dimensions"), t.shape()));
        }
    }
    let (batch, inputs, hidden) = (x.shape()[0], x.shape()[1], w_hh.shape()[1]);
    if inputs != w_ih.shape()[1] {
        return fail(format!("input has inconsistent input_size: got {inputs} expected {}", w_ih.shape()[1]));
    }
    for (i, h) in hx.iter().enumerate() {
        if h.ndim() != 2 || h.shape()[0] != batch {
            let got = h.shape().first().copied().unwrap_or(0);
            return fail(format!("Input batch size {batch} doesn't match hidden{i} batch size {got}"));
        }
        if h.shape()[1] != hidden {
            return fail(format!("hidden{i} has inconsistent hidden_size: got {}, expected {hidden}", h.shape()[1]));
        }
    }
    let (gates, rows) = (kind.gates(), kind.gates() * hidden);
    for (name, w) in [("weight_ih", w_ih), ("weight_hh", w_hh)] {
        if w.shape()[0] != rows {
            let got = w.shape()[0];
            return fail(format!("{name} first dim must be {gates} * hidden_size = {rows}, but got {got}"));
        }
    }
    for (name, b) in [("bias_ih", biases[0]), ("bias_hh", biases[1])] {
        if let Some(b) = b.filter(|b| b.shape() != [rows]) {
            return fail(format!("{name} must have shape [{rows}], but got {:?}", b.shape()));
        }
    }
    if let Some(h) = mixed(hx, w_hh) {
        let (a, b) = (h.dtype().name(), w_hh.dtype().name());
        return fail(format!("expected states and weights of the same dtype, but got: {a} != {b}"));
    }
    let layer = Layer { w_ih, w_hh, b_ih: biases[0], b_hh: biases[1], projection: None };
    let mut outputs = layer.run(kind, x, &vec![batch].into(), false, &hx[0], hx.get(1))?;
    // The last state is the state of the only step.
    outputs.remove(1);
    Ok(outputs)
}
