//! Sorting, and what is found by order: the first few, the k-th, the middle, the most frequent (`Find`); quantiles; distinct
//! values (`distinct`); places in sorted sequences, and counts in bins (`bins`).

mod bins;
mod distinct;

pub use bins::{bincount, bucketize, histc, histogram, searchsorted};
pub use distinct::{unique, unique_consecutive, unique_dim};

use super::Term;
use super::binary::Operand as Arg;
use super::reduce::{all_or, reduced};
use super::ternary::where_op;
use crate::autograd::{Ctx, no_grad};
use crate::device::Gpu;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::iter::Operand;
use crate::kernels::sort::{Sought, find};
use crate::layout::{Layout, Shape, Strides, wrap_dim};
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, Out, apply, apply_all, new};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: Find, MedianAll);

/// What is sought in each row along `dim`: values and their places. Gradient: to those places.
#[derive(Clone, Debug)]
pub struct Find {
    pub sought: Sought,
    pub dim: usize,
    pub keepdim: bool,
}

impl Find {
    /// How many are found in a row of `n`.
    fn found(&self, n: usize) -> usize {
        match self.sought {
            Sought::Sorted { .. } => n,
            Sought::Top { k, .. } => k,
            _ => 1,
        }
    }
    fn many(&self) -> bool {
        matches!(self.sought, Sought::Sorted { .. } | Sought::Top { .. })
    }
}

impl Op for Find {
    fn name(&self) -> &'static str {
        match self.sought {
            Sought::Sorted { .. } => "sort",
            Sought::Top { .. } => "topk",
            Sought::Nth(_) => "kthvalue",
            Sought::Median { skip_nan: false } => "median",
            Sought::Median { skip_nan: true } => "nanmedian",
            Sought::Mode => "mode",
        }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (dtype, shape) = (inputs[0].dtype(), inputs[0].shape());
        if dtype.is_complex() {
            return Err(Error::DType { op: self.name(), expected: "a real dtype", given: dtype });
        }
        let n = shape.get(self.dim).copied().unwrap_or(1);
        let fails = match self.sought {
            Sought::Top { k, .. } => k > n,
            Sought::Nth(k) => k >= n,
            _ => false,
        };
        if fails {
            let what = if self.many() { "index" } else { "number" };
            let message =
                format!("{}(): selected {what} k out of range for dimension {} of size {n}", self.name(), self.dim);
            return Err(Error::custom(self.name(), message));
        }
        if !self.many() && n == 0 {
            let (op, d) = (self.name(), self.dim);
            return Err(Error::bad_index(op, format!("{op}(): Expected reduction dim {d} to have non-zero size.")));
        }
        let to: Shape = match self.many() {
            true => shape.iter().enumerate().map(|(d, &n)| if d == self.dim { self.found(n) } else { n }).collect(),
            false => reduced(shape, &[self.dim], self.keepdim),
        };
        Ok(smallvec![Meta::New(dtype, to.clone()), Meta::New(DType::I64, to)])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let x = &inputs[0];
        let one = |o: Operand<'_>| (o.ptr, o.size);
        // A 0-dim tensor is a row of one; a dimension that was dropped is put back.
        let shape: Shape = if x.ndim() == 0 { smallvec![1] } else { x.shape().into() };
        let strides: Strides = if x.ndim() == 0 { smallvec![1] } else { x.strides().into() };
        let from = Operand { shape: &shape, strides: &strides, ..x.operand() };
        let mut full = shape.clone();
        full[self.dim] = self.found(shape[self.dim]);
        let layouts: Vec<Layout> = outputs
            .iter()
            .map(|out| {
                let mut strides: Strides = out.strides().into();
                if strides.len() < full.len() {
                    strides.insert(self.dim, 1);
                }
                Layout::strided(full.clone(), strides, 0)
            })
            .collect();
        let to = |i: usize| {
            let (ptr, size) = one(outputs[i].operand());
            Operand { ptr, size, shape: layouts[i].shape(), strides: layouts[i].strides(), dense: false }
        };
        let (values, places) = (to(0), to(1));
        if full[self.dim] > 0 {
            // SAFETY: operands of live tensors, of the dtypes and shapes that `meta` promised.
            unsafe { find(self.sought, x.dtype(), self.dim, &from, Some(&values), &places) };
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        super::gpu::sort::find(gpu, self.sought, self.dim, &inputs[0], outputs)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (grad, places) = (ctx.grad(0)?, ctx.output(1)?);
        Ok(smallvec![Some(super::reduce::to_places(&grad, &places, ctx.shape(0), self.dim)?)])
    }
    crate::attributes!(sought, dim, keepdim);
}

fn found(x: &Tensor, sought: Sought, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    let op = Find { sought, dim: 0, keepdim };
    let dim = wrap_dim(op.name(), dim, x.ndim())?;
    let mut both = apply_all(Find { dim, ..op }, Inputs(&[Some(x)]))?;
    Ok((both.swap_remove(0), both.remove(0)))
}

/// All elements along `dim` in order, NaN last (first if descending), and where they were. Equal ones keep their order.
pub fn sort(x: &Tensor, dim: i64, descending: bool) -> Result<(Tensor, Tensor)> {
    found(x, Sought::Sorted { descending }, dim, false)
}

/// The places that bring `x` into order along `dim`.
pub fn argsort(x: &Tensor, dim: i64, descending: bool) -> Result<Tensor> {
    Ok(sort(&x.detach(), dim, descending)?.1)
}

/// The `k` greatest (or least) elements along `dim`, in order, and where they were.
pub fn topk(x: &Tensor, k: i64, dim: i64, largest: bool) -> Result<(Tensor, Tensor)> {
    let Ok(k) = usize::try_from(k) else {
        return Err(Error::custom("topk", format!("topk(): selected index k out of range: {k}")));
    };
    found(x, Sought::Top { k, largest }, dim, false)
}

/// The k-th smallest element along `dim`, counted from 1, and where it is.
pub fn kthvalue(x: &Tensor, k: i64, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    match usize::try_from(k - 1) {
        Ok(k) => found(x, Sought::Nth(k), dim, keepdim),
        Err(_) => Err(Error::custom(
            "kthvalue",
            format!("kthvalue(): selected number k out of range for dimension {dim}: {k}"),
        )),
    }
}

/// The median along `dim` (the lower of two), and where it is.
pub fn median(x: &Tensor, skip_nan: bool, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    found(x, Sought::Median { skip_nan }, dim, keepdim)
}

/// The most frequent element along `dim` (the least of several), and where it is.
pub fn mode(x: &Tensor, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    found(x, Sought::Mode, dim, keepdim)
}

/// The median of all elements. Gradient: shared by all that equal it.
#[derive(Debug)]
pub struct MedianAll {
    pub skip_nan: bool,
}

impl Op for MedianAll {
    fn name(&self) -> &'static str {
        if self.skip_nan { "nanmedian" } else { "median" }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        match inputs[0].dtype().is_complex() {
            true => Err(Error::DType { op: self.name(), expected: "a real dtype", given: inputs[0].dtype() }),
            false => new(inputs[0].dtype(), &[][..]),
        }
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let quiet = crate::autograd::Modes { grad: false, capture: false, ..crate::autograd::Modes::current() };
        quiet.during(|| {
            let flat = inputs[0].detach().reshape(&[inputs[0].numel()])?;
            if flat.numel() == 0 {
                return outputs[0].fill_(f64::NAN);
            }
            outputs[0].copy_(&median(&flat, self.skip_nan, 0, false)?.0)
        })
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).output(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (x, y) = (ctx.input(0)?, ctx.output(0)?);
        let mask = no_grad(|| x.eq(&y)?.logical_or(&x.isnan()?.logical_and(&y.isnan()?)?))?;
        let mask = Term(mask.to(y.dtype()));
        let shares = mask.then(Tensor::sum_all);
        Ok(smallvec![Some((Term::from(ctx.grad(0)?) * mask / shares).0?)])
    }
    crate::attributes!(skip_nan);
}

/// The median of all elements, NaN left out or not.
pub fn median_all(x: &Tensor, skip_nan: bool) -> Result<Tensor> {
    apply(MedianAll { skip_nan }, [x])
}

/// How a quantile between two elements is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    Linear,
    Lower,
    Higher,
    Midpoint,
    Nearest,
}

impl Between {
    pub fn named(name: &str) -> Result<Between> {
        Ok(match name {
            "linear" => Between::Linear,
            "lower" => Between::Lower,
            "higher" => Between::Higher,
            "midpoint" => Between::Midpoint,
            "nearest" => Between::Nearest,
            _ => {
                let message = format!(
                    "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {name}"
                );
                return Err(Error::custom("quantile", message));
            }
        })
    }
}

/// The `q` quantiles of all elements, or along `dim`; the dimension of `q` comes first. With `skip_nan`, NaN is left out.
pub fn quantile(
    x: &Tensor,
    q: &Tensor,
    dim: Option<i64>,
    keepdim: bool,
    between: Between,
    skip_nan: bool,
) -> Result<Tensor> {
    const OP: &str = "quantile";
    let fail = |message: &str| Err(Error::custom(OP, message));
    if x.numel() == 0 {
        return fail("quantile() input tensor must be non-empty");
    }
    if q.ndim() > 1 {
        return fail("quantile() q must be a scalar or 1D tensor");
    }
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
        return fail("quantile() input tensor must be either float or double dtype");
    }
    if q.dtype() != x.dtype() {
        return fail("quantile() q tensor must be same dtype as the input tensor");
    }
    let out_of_range = no_grad(|| q.lt(0.0)?.logical_or(&q.gt(1.0)?)?.any_all()?.item())?;
    if q.numel() > 0 && !out_of_range.is_zero() {
        return fail("quantile() q values must be in the range [0, 1]");
    }
    // The rows that are sorted come last.
    let (rows, shape): (Tensor, Shape) = match dim {
        None => (x.reshape(&[x.numel()])?, if keepdim { smallvec![1; x.ndim()] } else { smallvec![] }),
        Some(dim) => {
            let dims = all_or(OP, &[dim], x)?;
            let last = if x.ndim() == 0 { x.reshape(&[1])? } else { super::shape::movedim(x, &[dim], &[-1])? };
            (last, reduced(x.shape(), &dims, keepdim))
        }
    };
    let (sorted, _) = sort(&rows, -1, false)?;
    let n = rows.shape()[rows.ndim() - 1];
    let mut head = Shape::from_slice(&rows.shape()[..rows.ndim() - 1]);
    head.push(1);
    let flat_q = q.reshape(&[q.numel()])?;
    // Ranks in the sorted rows: [..., q].
    let nan = rows.isnan()?;
    let ranks = if skip_nan {
        let count = nan.logical_not()?.sum(&[-1], true)?.to(x.dtype())?;
        let ranks = flat_q.mul(&count.sub(1.0)?)?;
        where_op((&ranks.lt(0.0)?).into(), 0.0.into(), (&ranks).into(), Out::New)?
    } else {
        let ranks = flat_q.mul((n - 1) as f64)?;
        let any = super::reduce::any(&nan, &[-1], true, Out::New)?;
        let last = Scalar::Float((n - 1) as f64);
        where_op((&any).into(), Arg::Scalar(last), (&ranks).into(), Out::New)?
    };
    let mut wanted = head.clone();
    wanted[head.len() - 1] = flat_q.numel();
    let ranks = match between {
        Between::Lower => ranks.floor()?,
        Between::Higher => ranks.ceil()?,
        Between::Nearest => ranks.round()?,
        _ => ranks,
    }
    .expand(&wanted)?;
    let below = ranks.detach().floor()?;
    let mut result = sorted.gather(-1, &below.to(DType::I64)?)?;
    if matches!(between, Between::Linear | Between::Midpoint) {
        let weight = match between {
            Between::Midpoint => Tensor::full(ranks.shape(), 0.5, x.dtype())?,
            _ => ranks.sub(&below)?,
        };
        let above = sorted.gather(-1, &ranks.detach().ceil()?.to(DType::I64)?)?;
        result = super::ternary::lerp(&result, &above, (&weight).into(), Out::New)?;
    }
    if q.ndim() == 0 {
        return result.reshape(&shape);
    }
    let mut full: Shape = smallvec![flat_q.numel()];
    full.extend(shape);
    super::shape::movedim(&result, &[-1], &[0])?.reshape(&full)
}
