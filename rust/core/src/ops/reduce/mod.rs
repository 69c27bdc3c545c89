//! Reductions over dimensions: sums, products, extremes, counts, norms (`Fold`), extremes with positions (`extremes`),
//! variances and logarithms of sums of exponentials (`moments`).

pub(crate) mod extremes;
pub(crate) mod moments;
mod norms;

pub(crate) use extremes::to_places;
pub use extremes::{Arg, Extreme, aminmax, argmax, argmin, max_all, max_dim, min_all, min_dim};
pub use moments::{LogSumExp, Var, logsumexp, std_mean, std_of, var, var_mean};
pub use norms::{Order, matrix_norm, norm, norm_except_dim, order_of, renorm, weight_norm};

use super::Term;
use super::gpu::reduce as on_gpu;
use super::ternary::where_op;
use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::iter::Operand;
use crate::kernels::reduce::folds::{self, Count, Kind};
use crate::layout::{Layout, Shape, Strides, wrap_dims};
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, apply, deliver, new};
use crate::tensor::Tensor;
use smallvec::{SmallVec, smallvec};

crate::entries!(OPS: Reduce);

/// What a reduction makes of the elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fold {
    Sum,
    /// The sum of what is not NaN.
    NanSum,
    Mean,
    Prod,
    Amax,
    Amin,
    Any,
    All,
    CountNonzero,
    /// The p-norm of real numbers, p of any value.
    Norm(f64),
}

crate::saved_variants! {
    Fold {
        Sum {}, NanSum {}, Mean {}, Prod {}, Amax {}, Amin {}, Any {}, All {}, CountNonzero {}, Norm { 0: p },
    }
}

/// A reduction over `dims`, with a result of `dtype` (which computes as the input's dtype does).
#[derive(Clone, Debug)]
pub struct Reduce {
    pub fold: Fold,
    pub dims: Shape,
    pub keepdim: bool,
    pub dtype: DType,
}

/// Dims as given, in order, or all of them for none.
pub(crate) fn all_or(op: &'static str, dims: &[i64], x: &Tensor) -> Result<Shape> {
    let mut dims = match dims {
        [] => (0..x.ndim()).collect(),
        dims => wrap_dims(op, dims, x.ndim())?,
    };
    // A 0-dim tensor takes 0 and -1, but has nothing to reduce.
    dims.retain(|d| *d < x.ndim());
    Ok(dims)
}

/// A shape with 1 in place of what is reduced.
pub(crate) fn kept(shape: &[usize], dims: &[usize]) -> Shape {
    shape.iter().enumerate().map(|(d, &n)| if dims.contains(&d) { 1 } else { n }).collect()
}

/// The shape of the result.
pub(crate) fn reduced(shape: &[usize], dims: &[usize], keepdim: bool) -> Shape {
    match keepdim {
        true => kept(shape, dims),
        false => (0..shape.len()).filter(|d| !dims.contains(d)).map(|d| shape[d]).collect(),
    }
}

/// The layout of a result with the reduced dimensions put back, as kernels take it.
pub(crate) fn kept_layout(out: &Tensor, shape: &[usize], dims: &[usize]) -> Layout {
    if out.ndim() == shape.len() {
        return Layout::strided(kept(shape, dims), out.strides().into(), 0);
    }
    let mut own = out.strides().iter();
    let strides: Strides =
        (0..shape.len()).map(|d| if dims.contains(&d) { 0 } else { own.next().copied().unwrap_or(0) }).collect();
    Layout::strided(kept(shape, dims), strides, 0)
}

/// A result as an operand under such a layout.
pub(crate) fn kept_operand<'a>(out: &Tensor, layout: &'a Layout) -> Operand<'a> {
    let dense = out.is_contiguous();
    Operand { ptr: out.ptr(), size: out.dtype().size(), shape: layout.shape(), strides: layout.strides(), dense }
}

/// A gradient of the result, brought to the shape of the input.
pub(crate) fn spread(grad: &Tensor, shape: &[usize], dims: &[usize]) -> Result<Tensor> {
    grad.reshape(&kept(shape, dims))?.expand(shape)
}

/// Elements that fall together in one.
pub(crate) fn count(shape: &[usize], dims: &[usize]) -> usize {
    dims.iter().map(|&d| shape[d]).product()
}

/// Refuses to reduce nothing where there is no answer to it.
pub(crate) fn not_empty(op: &'static str, shape: &[usize], dims: &[usize]) -> Result<()> {
    if dims.is_empty() || !shape.contains(&0) {
        return Ok(());
    }
    match dims.iter().find(|&&d| shape[d] == 0) {
        Some(d) => Err(Error::bad_index(op, format!("{op}(): Expected reduction dim {d} to have non-zero size."))),
        None => Ok(()),
    }
}

impl Reduce {
    fn kind(&self, shape: &[usize]) -> Kind {
        let all = count(shape, &self.dims);
        match self.fold {
            Fold::Sum => Kind::Sum,
            Fold::NanSum => Kind::NanSum,
            Fold::Mean => Kind::Mean(all),
            Fold::Prod => Kind::Prod,
            Fold::Amax => Kind::Max,
            Fold::Amin => Kind::Min,
            Fold::Any => Kind::Count(Count::Any),
            Fold::All => Kind::Count(Count::All(all)),
            Fold::CountNonzero => Kind::Count(Count::NonZero),
            Fold::Norm(p) => match p {
                0.0 => Kind::Norm0,
                1.0 => Kind::Norm1,
                2.0 => Kind::Norm2,
                f64::INFINITY => Kind::NormMax,
                f64::NEG_INFINITY => Kind::NormMin,
                p => Kind::Norm(p),
            },
        }
    }
}

impl Op for Reduce {
    fn name(&self) -> &'static str {
        match self.fold {
            Fold::Sum => "sum",
            Fold::NanSum => "nansum",
            Fold::Mean => "mean",
            Fold::Prod => "prod",
            Fold::Amax => "amax",
            Fold::Amin => "amin",
            Fold::Any => "any",
            Fold::All => "all",
            Fold::CountNonzero => "count_nonzero",
            Fold::Norm(_) => "linalg.vector_norm",
        }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (dtype, shape) = (inputs[0].dtype(), inputs[0].shape());
        let bad = |expected| Err(Error::DType { op: self.name(), expected, given: dtype });
        match self.fold {
            Fold::Amax | Fold::Amin if dtype.is_complex() => return bad("a real dtype"),
            Fold::Norm(_) if !dtype.is_float() => return bad("a floating point dtype"),
            Fold::Mean | Fold::NanSum if !dtype.is_differentiable() => return bad("a floating point or complex dtype"),
            Fold::Amax | Fold::Amin => not_empty(self.name(), shape, &self.dims)?,
            _ => {}
        }
        new(self.dtype, reduced(shape, &self.dims, self.keepdim))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, out) = (&inputs[0], &outputs[0]);
        let layout = kept_layout(out, x.shape(), &self.dims);
        let (from, to) = (x.operand(), kept_operand(out, &layout));
        let kind = self.kind(x.shape());
        // SAFETY: operands of live tensors; the output has an element for each that is kept.
        match unsafe { folds::run(kind, (x.dtype(), &from), &self.dims, (out.dtype(), &to)) } {
            true => Ok(()),
            false => {
                Err(Error::DType { op: self.name(), expected: "a dtype that it is defined for", given: x.dtype() })
            }
        }
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let (x, out) = (&inputs[0], &outputs[0]);
        folded(self.fold, self.name(), gpu, x, &self.dims, out)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        let input = Keep::NOTHING.input(0);
        match self.fold {
            Fold::NanSum => input,
            Fold::Prod | Fold::Amax | Fold::Amin | Fold::Norm(_) => input.output(0),
            _ => Keep::NOTHING,
        }
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let shape = ctx.shape(0);
        let grad = ctx.grad(0)?;
        let g = || Term(spread(&grad, shape, &self.dims));
        let y = || Term(ctx.output(0).and_then(|y| y.reshape(&kept(shape, &self.dims))));
        let x = || ctx.input(0).map(Term::from);
        let term = match self.fold {
            Fold::Sum => g(),
            Fold::Mean => g() / count(shape, &self.dims) as f64,
            Fold::NanSum => {
                let (nan, g) = (x()?.then(Tensor::isnan), g().0?);
                Term(where_op(nan.get()?.into(), 0.0.into(), (&g).into(), Out::New))
            }
            Fold::Prod => prod_backward(&x()?, &y(), &grad, &self.dims)?,
            Fold::Amax | Fold::Amin => {
                let (x, y) = (x()?, y());
                let mask = Term(same(&x, &y)).then(|m| m.to(grad.dtype()));
                let dims: SmallVec<[i64; 5]> = self.dims.iter().map(|&d| d as i64).collect();
                let shares = if dims.is_empty() { mask.clone() } else { mask.sum_keep(&dims) };
                g() * mask / shares
            }
            Fold::Norm(p) => norm_backward(p, &x()?, &y(), &g(), &self.dims)?,
            Fold::Any | Fold::All | Fold::CountNonzero => return Ok(ctx.grads()),
        };
        Ok(smallvec![Some(term.0?)])
    }
    crate::attributes!(fold, dims, keepdim, dtype);
}

/// What each reduction does to a state, in WGSL.
fn folded(fold: Fold, name: &str, gpu: &Gpu, x: &Tensor, dims: &[usize], out: &Tensor) -> Result<bool> {
    let float = x.dtype().is_float();
    let p = if let Fold::Norm(p) = fold { p } else { 0.0 };
    let zero = if float { "0.0" } else { "0" };
    let (lowest, highest) = if float { ("-infinity()", "infinity()") } else { ("-2147483647 - 1", "2147483647") };
    let add = "return s + t;";
    // State, its beginning, an element, two states, the result.
    let (state, start, take, join, give) = match fold {
        Fold::Sum => ("T", zero, "return s + v;", add, "s"),
        Fold::Mean => ("T", zero, "return s + v;", add, "s / n"),
        Fold::NanSum => ("T", zero, "return select(s + v, s, is_nan(v));", add, "s"),
        Fold::Prod => ("T", if float { "1.0" } else { "1" }, "return s * v;", "return s * t;", "s"),
        Fold::Amax if float => ("T", lowest, "return greatest(s, v);", "return greatest(s, t);", "s"),
        Fold::Amin if float => ("T", highest, "return least(s, v);", "return least(s, t);", "s"),
        Fold::Amax => ("T", lowest, "return max(s, v);", "return max(s, t);", "s"),
        Fold::Amin => ("T", highest, "return min(s, v);", "return min(s, t);", "s"),
        Fold::Any => ("i32", "0", "return select(1, s, v == 0);", "return s | t;", "s"),
        Fold::All => ("i32", "1", "return select(s, 0, v == 0);", "return s & t;", "s"),
        Fold::CountNonzero => ("i32", "0", "return select(s + 1, s, v == 0);", add, "s"),
        Fold::Norm(0.0) => ("f32", "0.0", "return select(s + 1.0, s, v == 0);", add, "s"),
        Fold::Norm(1.0) => ("f32", "0.0", "return s + abs(v);", add, "s"),
        Fold::Norm(2.0) => ("f32", "0.0", "return s + v * v;", add, "sqrt(s)"),
        Fold::Norm(f64::INFINITY) => ("f32", "0.0", "return greatest(s, abs(v));", "return greatest(s, t);", "s"),
        Fold::Norm(f64::NEG_INFINITY) => ("f32", "infinity()", "return least(s, abs(v));", "return least(s, t);", "s"),
        Fold::Norm(_) => ("f32", "0.0", "return s + power(abs(v), p(0u));", add, "power(s, 1.0 / p(0u))"),
    };
    let state = if state != "T" {
        state
    } else if float {
        "f32"
    } else {
        "i32"
    };
    let kind = match p {
        0.0 | 1.0 | 2.0 => p.to_string(),
        _ if p.is_infinite() => p.to_string(),
        _ => "p".to_string(),
    };
    let result = if out.dtype().is_float() { "f32" } else { "i32" };
    let fold = on_gpu::Fold {
        name: format!("{name}{kind}{state}{result}"),
        state,
        words: 1,
        start,
        take,
        join,
        give: &format!("out_set(row, {result}({give}));"),
        parameters: &[p],
    };
    on_gpu::reduce(gpu, &fold, x, dims, &[("out", out)])
}

/// Where x equals y; NaN equals NaN.
fn same(x: &Term, y: &Term) -> Result<Tensor> {
    let (x, y) = (x.get()?, y.get()?);
    let (nan_x, nan_y) = (x.isnan()?, y.isnan()?);
    x.eq(y)?.logical_or(&nan_x.logical_and(&nan_y)?)
}

/// `g · y / x`; where x has zeros, the product of all the others, made of running products from both sides.
fn prod_backward(x: &Term, y: &Term, grad: &Tensor, dims: &[usize]) -> Result<Term> {
    let whole = x.get()?;
    let shape = whole.shape();
    let g = Term(spread(grad, shape, dims));
    let zeros = crate::autograd::no_grad(|| whole.eq(0i64)?.any_all()?.item())?;
    if zeros.is_zero() {
        return Ok(g * (y / x).conj());
    }
    // What is reduced goes to one last dimension.
    let others: Vec<usize> = (0..shape.len()).filter(|d| !dims.contains(d)).collect();
    let order: Vec<i64> = others.iter().chain(dims).map(|&d| d as i64).collect();
    let moved = super::shape::permute(whole, &order)?;
    let (full, n) = (Shape::from_slice(moved.shape()), count(shape, dims));
    let mut flat: Shape = others.iter().map(|&d| shape[d]).collect();
    flat.push(n);
    let line = moved.reshape(&flat)?;
    let mut one = flat.clone();
    let last = one.len() - 1;
    one[last] = 1;
    let ones = Tensor::ones(&one, line.dtype())?;
    let before = |line: &Tensor| -> Result<Tensor> {
        super::join::cat(&[ones.clone(), line.narrow(-1, 0, n - 1)?], -1)?.cumprod(-1)
    };
    let back = |line: &Tensor| super::shape::flip(line, &[-1]);
    let others = before(&line)?.mul(&back(&before(&back(&line)?)?)?)?;
    let mut inverse = vec![0i64; order.len()];
    order.iter().enumerate().for_each(|(i, &d)| inverse[d as usize] = i as i64);
    let others = Term(super::shape::permute(&others.reshape(&full)?, &inverse));
    Ok(g * others.conj())
}

fn power_of(x: &Tensor, p: f64) -> Result<Tensor> {
    super::binary::pow(x.into(), p.into(), Out::New)
}

/// The gradient of a norm of real numbers. Where the norm is 0 there is none, and 0 is taken.
fn norm_backward(p: f64, x: &Term, y: &Term, g: &Term, dims: &[usize]) -> Result<Term> {
    let sign = || x.then(|x| super::unary::sgn(x, Out::New));
    let at_zero = |of: &Term, term: Term| -> Term {
        let zero = of.then(|y| y.eq(0i64));
        term.then(|t| super::index::masked_fill_scalar(t, zero.get()?, Scalar::Float(0.0), Out::New))
    };
    Ok(match p {
        0.0 => g * 0.0,
        1.0 => g * sign(),
        2.0 => at_zero(y, x * (g / y)),
        _ if p.is_infinite() => {
            let mask = Term(same(&x.then(Tensor::abs), y)).then(|m| m.to(g.get()?.dtype()));
            let dims: SmallVec<[i64; 5]> = dims.iter().map(|&d| d as i64).collect();
            let shares = if dims.is_empty() { mask.clone() } else { mask.sum_keep(&dims) };
            g * sign() * mask / shares
        }
        _ if p < 1.0 => {
            let power = at_zero(x, x.then(Tensor::abs).then(|a| power_of(a, p - 1.0)));
            at_zero(y, sign() * power * g * y.then(|y| power_of(y, 1.0 - p)))
        }
        _ if p < 2.0 => at_zero(
            y,
            sign() * x.then(Tensor::abs).then(|a| power_of(a, p - 1.0)) * g * y.then(|y| power_of(y, 1.0 - p)),
        ),
        _ => {
            let rest = at_zero(y, g / y.then(|y| power_of(y, p - 1.0)));
            x * x.then(Tensor::abs).then(|a| power_of(a, p - 2.0)) * rest
        }
    })
}

fn fold(x: &Tensor, fold: Fold, dims: &[i64], keepdim: bool, dtype: DType, out: Out) -> Result<Tensor> {
    let op = Reduce { fold, dims: Shape::new(), keepdim, dtype };
    let dims = all_or(op.name(), dims, x)?;
    deliver(Reduce { dims, ..op }, Inputs(&[Some(x)]), out)
}

/// `x` in a dtype that computes as `dtype` does, for results of that dtype.
fn brought(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype().compute() == dtype.compute() { Ok(x.clone()) } else { x.to(dtype) }
}

/// Integers and bool add up to int64.
pub(crate) fn sum_dtype(x: &Tensor, dtype: Option<DType>) -> DType {
    dtype.unwrap_or(if x.dtype().is_differentiable() { x.dtype() } else { DType::I64 })
}

/// The sum over `dims`, over all for none.
pub fn sum(x: &Tensor, dims: &[i64], keepdim: bool, dtype: Option<DType>, out: Out) -> Result<Tensor> {
    let to = sum_dtype(x, dtype);
    // Narrow integers wrap only at the end, as a conversion before would; bool must become what is asked for first.
    fold(&if to == DType::Bool { x.to(to)? } else { brought(x, to)? }, Fold::Sum, dims, keepdim, to, out)
}

/// The sum of all that is not NaN.
pub fn nansum(x: &Tensor, dims: &[i64], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    if x.dtype().is_complex() {
        return Err(Error::custom("nansum", "nansum does not support complex inputs"));
    }
    let to = sum_dtype(x, dtype);
    match to.is_differentiable() {
        true => fold(&brought(x, to)?, Fold::NanSum, dims, keepdim, to, Out::New),
        false => sum(x, dims, keepdim, dtype, Out::New),
    }
}

/// The mean over `dims`, over all for none.
pub fn mean(x: &Tensor, dims: &[i64], keepdim: bool, dtype: Option<DType>, out: Out) -> Result<Tensor> {
    let to = dtype.unwrap_or(x.dtype());
    if !to.is_differentiable() {
        let (what, name) = if dtype.is_some() { ("Got", "Optional dtype") } else { ("Got", "Input dtype") };
        let message = format!(
            "mean(): could not infer output dtype. {name} must be either a floating point or complex dtype. {what}: {}",
            to.scalar_name()
        );
        return Err(Error::custom("mean", message));
    }
    fold(&brought(x, to)?, Fold::Mean, dims, keepdim, to, out)
}

/// The mean of all that is not NaN.
pub fn nanmean(x: &Tensor, dims: &[i64], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    if !x.dtype().is_differentiable() {
        let message = format!(
            "nanmean(): expected input to have floating point or complex dtype but got {}",
            x.dtype().scalar_name()
        );
        return Err(Error::custom("nanmean", message));
    }
    let count = sum(&x.isnan()?.logical_not()?, dims, keepdim, None, Out::New)?;
    nansum(x, dims, keepdim, dtype)?.div(&count)
}

/// The product of all elements, or along one dimension.
pub fn prod(x: &Tensor, dim: Option<i64>, keepdim: bool, dtype: Option<DType>, out: Out) -> Result<Tensor> {
    let x = &crate::autocast::full(x)?;
    let to = sum_dtype(x, dtype);
    let dims: &[i64] = dim.as_slice();
    fold(&if to == DType::Bool { x.to(to)? } else { brought(x, to)? }, Fold::Prod, dims, keepdim, to, out)
}

/// The extreme of nothing at all asks for a dimension.
fn something(op: &'static str, x: &Tensor, dims: &[i64]) -> Result<()> {
    if !dims.is_empty() || x.numel() > 0 {
        return Ok(());
    }
    let message = format!(
        "{op}(): Expected reduction dim to be specified for input.numel() == 0 (shape {:?}). Specify the reduction dim with the \
         'dim' argument.",
        x.shape()
    );
    Err(Error::custom(op, message))
}

/// The greatest elements over `dims`; NaN counts as the greatest.
pub fn amax(x: &Tensor, dims: &[i64], keepdim: bool, out: Out) -> Result<Tensor> {
    something("amax", x, dims)?;
    fold(x, Fold::Amax, dims, keepdim, x.dtype(), out)
}

/// The least elements over `dims`; NaN counts as the least.
pub fn amin(x: &Tensor, dims: &[i64], keepdim: bool, out: Out) -> Result<Tensor> {
    something("amin", x, dims)?;
    fold(x, Fold::Amin, dims, keepdim, x.dtype(), out)
}

fn truth(x: &Tensor, fold_: Fold, dims: &[i64], keepdim: bool, out: Out) -> Result<Tensor> {
    let dtype = if x.dtype() == DType::U8 { DType::U8 } else { DType::Bool };
    fold(x, fold_, dims, keepdim, dtype, out)
}

/// Whether any element is not zero; a byte tensor answers in bytes.
pub fn any(x: &Tensor, dims: &[i64], keepdim: bool, out: Out) -> Result<Tensor> {
    truth(x, Fold::Any, dims, keepdim, out)
}

/// Whether no element is zero.
pub fn all(x: &Tensor, dims: &[i64], keepdim: bool, out: Out) -> Result<Tensor> {
    truth(x, Fold::All, dims, keepdim, out)
}

/// How many elements are not zero.
pub fn count_nonzero(x: &Tensor, dims: &[i64]) -> Result<Tensor> {
    fold(x, Fold::CountNonzero, dims, false, DType::I64, Out::New)
}

/// The norm of order `p` over `dims`, over all for none.
pub fn vector_norm(x: &Tensor, p: f64, dims: &[i64], keepdim: bool, dtype: Option<DType>, out: Out) -> Result<Tensor> {
    const OP: &str = "linalg.vector_norm";
    if !x.dtype().is_differentiable() {
        let message = format!(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
            x.dtype().scalar_name()
        );
        return Err(Error::custom(OP, message));
    }
    if let Some(to) = dtype {
        if to.is_complex() != x.dtype().is_complex() || !to.is_differentiable() {
            let kind = if x.dtype().is_complex() { "complex" } else { "real" };
            let message = format!(
                "linalg.vector_norm: dtype should be floating point or complex, and {kind} if the input is; got {}",
                to.scalar_name()
            );
            return Err(Error::custom(OP, message));
        }
        if x.dtype().promote(to) != to {
            let message = format!(
                "linalg.vector_norm: the dtype of the input ({}) should be convertible without narrowing to the specified dtype ({})",
                x.dtype().scalar_name(),
                to.scalar_name()
            );
            return Err(Error::custom(OP, message));
        }
    }
    let to = dtype.unwrap_or(x.dtype()).to_real();
    let x = if x.dtype().is_complex() { x.to(dtype.unwrap_or(x.dtype()))?.abs()? } else { x.clone() };
    let wrapped = all_or(OP, dims, &x)?;
    let empty = count(x.shape(), &wrapped) == 0 && reduced(x.shape(), &wrapped, false).iter().all(|n| *n > 0);
    if empty && (p < 0.0 || p == f64::INFINITY) {
        let message = format!(
            "linalg.vector_norm cannot compute the {p} norm on an empty tensor because the operation does not have an identity"
        );
        return Err(Error::custom(OP, message));
    }
    fold(&brought(&x, to)?, Fold::Norm(p), dims, keepdim, to, out)
}

impl Tensor {
    /// Sum over `dims`; over all of them if none is named.
    pub fn sum(&self, dims: &[i64], keepdim: bool) -> Result<Tensor> {
        sum(self, dims, keepdim, None, Out::New)
    }

    pub fn sum_all(&self) -> Result<Tensor> {
        self.sum(&[], false)
    }

    pub fn mean(&self, dims: &[i64], keepdim: bool) -> Result<Tensor> {
        mean(&self.to(self.dtype().to_float())?, dims, keepdim, None, Out::New)
    }

    pub fn amax(&self, dims: &[i64], keepdim: bool) -> Result<Tensor> {
        amax(self, dims, keepdim, Out::New)
    }

    pub fn amin(&self, dims: &[i64], keepdim: bool) -> Result<Tensor> {
        amin(self, dims, keepdim, Out::New)
    }

    /// Undoes a broadcast from `shape`, by summing.
    pub fn sum_to(&self, shape: &[usize]) -> Result<Tensor> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        let new = self.ndim() - shape.len();
        let repeated = |d: &usize| *d < new || (shape[d - new] == 1 && self.shape()[*d] != 1);
        let dims: Shape = (0..self.ndim()).filter(repeated).collect();
        let sum = match dims.is_empty() {
            true => self.clone(),
            false => {
                let dtype = sum_dtype(self, None);
                apply(Reduce { fold: Fold::Sum, dims, keepdim: true, dtype }, [&brought(self, dtype)?])?
            }
        };
        sum.reshape(shape)
    }

    /// Whether anything is not zero.
    pub fn any_all(&self) -> Result<Tensor> {
        fold(self, Fold::Any, &[], false, DType::Bool, Out::New)
    }
}
