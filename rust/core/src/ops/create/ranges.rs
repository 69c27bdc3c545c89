//! Numbers at equal steps, the identity, and indices of parts of a matrix.

use crate::device::{Gpu, upload};
use crate::dispatch;
use crate::dtype::{DType, Element, Num, Scalar, default_dtype};
use crate::error::{Error, Result};
use crate::kernels::threads::{GRAIN, split};
use crate::op::{Inputs, Metas, Op, apply_all, new};
use crate::tensor::Tensor;

crate::entries!(OPS: Arange, Linspace);

/// `start + i · step`
#[derive(Debug)]
pub struct Arange {
    pub start: Scalar,
    pub step: Scalar,
    pub len: usize,
    pub dtype: DType,
}

struct Ptr(*mut u8);
// SAFETY: each thread writes elements of its own.
unsafe impl Sync for Ptr {}

/// Writes `value(i)` as element i of a dense tensor.
fn fill_with<W: Num>(op: &'static str, to: &Tensor, value: impl Fn(usize) -> W + Sync) -> Result<()> {
    let ptr = Ptr(to.ptr());
    dispatch!(op, to.dtype(), T in all => {
        split(to.numel(), GRAIN, &|from, until| {
            let ptr = &ptr;
            for i in from..until {
                // SAFETY: a new, dense output of this dtype.
                unsafe { ptr.0.cast::<T>().add(i).write(<T as Element>::convert(value(i))) };
            }
        });
    })
}

impl Op for Arange {
    fn name(&self) -> &'static str {
        "arange"
    }
    fn meta(&self, _: Inputs) -> Result<Metas> {
        new(self.dtype, &[self.len][..])
    }
    fn cpu(&self, _: Inputs, outputs: &[Tensor]) -> Result<()> {
        if self.dtype.is_differentiable() {
            let (start, step) = (self.start.to_f64(), self.step.to_f64());
            return fill_with("arange", &outputs[0], |i| start + step * i as f64);
        }
        let (start, step) = (self.start.to_i64(), self.step.to_i64());
        fill_with("arange", &outputs[0], |i| start.wrapping_add(step.wrapping_mul(i as i64)))
    }
    fn gpu(&self, gpu: &Gpu, _: Inputs, outputs: &[Tensor]) -> Result<bool> {
        send(self, gpu, &outputs[0])
    }
    crate::attributes!(start, step, len, dtype);
}

/// Has numbers made here, where they are exact, and sends them.
fn send(op: &dyn Op, gpu: &Gpu, to: &Tensor) -> Result<bool> {
    let here = Tensor::empty(to.shape(), to.dtype())?;
    op.cpu(Inputs(&[]), std::slice::from_ref(&here))?;
    gpu.copy(&upload(&here, gpu.driver)?, to).map(|()| true)
}

fn is_int(x: Scalar) -> bool {
    matches!(x, Scalar::Int(_) | Scalar::Bool(_))
}

/// How many steps fit, and the checks that go with it.
fn steps(op: &'static str, start: Scalar, end: Scalar, step: Scalar) -> Result<f64> {
    let fail = |message: String| Err(Error::custom(op, message));
    if [start, end, step].iter().any(|x| matches!(x, Scalar::Complex(..))) {
        return fail(format!("expected real numbers, got {start}, {end}, {step}"));
    }
    let (s, e, by) = (start.to_f64(), end.to_f64(), step.to_f64());
    if by == 0.0 {
        return fail("step must be nonzero".into());
    }
    if !s.is_finite() || !e.is_finite() {
        return fail(format!("unsupported range: {s} -> {e}"));
    }
    if by.is_nan() || (by > 0.0) != (e >= s) && e != s {
        return fail(format!("upper bound and lower bound inconsistent with step sign: {s} -> {e} in steps of {by}"));
    }
    Ok((e - s) / by)
}

/// From `start` to before `end`. Without a dtype: int64 for integers, else the default float.
pub fn arange(start: Scalar, end: Scalar, step: Scalar, dtype: Option<DType>) -> Result<Tensor> {
    let ints = is_int(start) && is_int(end) && is_int(step);
    let dtype = dtype.unwrap_or(if ints { DType::I64 } else { default_dtype() });
    if dtype.is_complex() || dtype == DType::Bool {
        return Err(Error::NotImplemented { op: "arange", what: "a bool or complex result" });
    }
    let count = steps("arange", start, end, step)?.ceil();
    if !dtype.is_float() && step.to_i64() == 0 {
        return Err(Error::value("arange", "another step for integers (step must be nonzero)", step));
    }
    let len = match ints || dtype == DType::I64 {
        true => {
            let (s, e, by) = (start.to_i64() as i128, end.to_i64() as i128, step.to_i64() as i128);
            (e - s + by - by.signum()) / by
        }
        false => count as i128,
    };
    let len = usize::try_from(len)
        .map_err(|_| Error::custom("arange", format!("invalid size, possible overflow: {count}")))?;
    Ok(apply_all(Arange { start, step, len, dtype }, Inputs(&[]))?.swap_remove(0))
}

/// From `start` to `end`, which is part of it.
pub fn range(start: Scalar, end: Scalar, step: Scalar, dtype: Option<DType>) -> Result<Tensor> {
    let len = steps("range", start, end, step)?.floor() as usize + 1;
    let dtype = dtype.unwrap_or_else(default_dtype);
    Ok(apply_all(Arange { start, step, len, dtype }, Inputs(&[]))?.swap_remove(0))
}

/// Numbers at equal steps from `start` to `end`; with a base, its powers with these exponents.
#[derive(Debug)]
pub struct Linspace {
    pub start: Scalar,
    pub end: Scalar,
    pub steps: usize,
    pub base: Option<f64>,
    pub dtype: DType,
}

impl Linspace {
    /// Counted from the nearer end, so that both are met exactly. `fma` is a·b + c, in one rounding where PyTorch has one.
    fn at<W: Num>(&self, start: W, end: W, fma: fn(W, W, W) -> W) -> impl Fn(usize) -> W + Sync {
        let steps = self.steps;
        let by = (end - start).divide(W::of_i64(steps as i64 - 1));
        move |i| match i < steps / 2 {
            _ if steps == 1 => start,
            true => fma(by, W::of_i64(i as i64), start),
            false => fma(by, W::of_i64(i as i64 + 1 - steps as i64), end),
        }
    }
}

impl Op for Linspace {
    fn name(&self) -> &'static str {
        if self.base.is_some() { "logspace" } else { "linspace" }
    }
    fn meta(&self, _: Inputs) -> Result<Metas> {
        new(self.dtype, &[self.steps][..])
    }
    fn cpu(&self, _: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (start, end) = (self.start, self.end);
        let whole = |x: Scalar| if self.dtype.is_differentiable() { x.to_f64() } else { x.to_f64().trunc() };
        match (self.base, self.dtype) {
            (None, dtype) if dtype.is_complex() => {
                fill_with("linspace", &outputs[0], self.at(start.to_complex(), end.to_complex(), |a, b, c| a * b + c))
            }
            (None, DType::F32) => {
                fill_with("linspace", &outputs[0], self.at(start.to_f64() as f32, end.to_f64() as f32, f32::mul_add))
            }
            (None, _) => fill_with("linspace", &outputs[0], self.at(whole(start), whole(end), f64::mul_add)),
            (Some(base), dtype) if dtype.is_complex() => {
                let (at, log) = (self.at(start.to_complex(), end.to_complex(), |a, b, c| a * b + c), base.ln());
                fill_with("logspace", &outputs[0], |i| {
                    let x = at(i);
                    let (length, angle) = ((x.re * log).exp(), x.im * log);
                    crate::dtype::Complex::new(length * angle.cos(), length * angle.sin())
                })
            }
            (Some(base), dtype) => {
                let base = if dtype.is_differentiable() { base } else { base.trunc() };
                let at = self.at(whole(start), whole(end), f64::mul_add);
                fill_with("logspace", &outputs[0], |i| base.powf(at(i)))
            }
        }
    }
    fn gpu(&self, gpu: &Gpu, _: Inputs, outputs: &[Tensor]) -> Result<bool> {
        send(self, gpu, &outputs[0])
    }
    crate::attributes!(start, end, steps, base, dtype);
}

/// `steps` numbers from `start` to `end`; with a base, its powers with these exponents.
pub fn linspace(start: Scalar, end: Scalar, steps: i64, base: Option<f64>, dtype: Option<DType>) -> Result<Tensor> {
    let op = if base.is_some() { "logspace" } else { "linspace" };
    let steps = usize::try_from(steps)
        .map_err(|_| Error::custom(op, format!("number of steps must be non-negative, got {steps}")))?;
    let complex = matches!(start, Scalar::Complex(..)) || matches!(end, Scalar::Complex(..));
    let usual = if complex { default_dtype().to_complex() } else { default_dtype() };
    let dtype = dtype.unwrap_or(usual);
    if complex && !dtype.is_complex() {
        return Err(Error::custom(op, format!("inferred dtype {usual} can't be safely cast to passed dtype {dtype}")));
    }
    Ok(apply_all(Linspace { start, end, steps, base, dtype }, Inputs(&[]))?.swap_remove(0))
}

/// Ones on the diagonal, zeros elsewhere.
pub fn eye(rows: i64, columns: i64, dtype: DType) -> Result<Tensor> {
    for (name, n) in [("n", rows), ("m", columns)] {
        if n < 0 {
            return Err(Error::custom("eye", format!("{name} must be greater or equal to 0, got {n}")));
        }
    }
    let whole = Tensor::zeros(&[rows as usize, columns as usize], dtype)?;
    crate::autograd::no_grad(|| crate::ops::shape::diagonal(&whole, 0, 0, 1)?.fill_(1i64))?;
    Ok(whole)
}

/// The rows and columns of the lower (or upper) triangle of a matrix, as two rows of a tensor.
pub fn triangle_indices(
    op: &'static str,
    rows: i64,
    columns: i64,
    offset: i64,
    upper: bool,
    dtype: DType,
) -> Result<Tensor> {
    if rows < 0 || columns < 0 {
        return Err(Error::custom(op, format!("row and col must be non-negative, got {rows} and {columns}")));
    }
    if !matches!(dtype, DType::I32 | DType::I64) {
        return Err(Error::NotImplemented { op, what: "a result that is not int32 or int64" });
    }
    let (mut r, mut c) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let edge = row.saturating_add(offset);
        let (from, to) =
            if upper { (edge.clamp(0, columns), columns) } else { (0, edge.saturating_add(1).clamp(0, columns)) };
        for column in from..to {
            r.push(row);
            c.push(column);
        }
    }
    let len = r.len();
    r.extend_from_slice(&c);
    Tensor::from_slice(&r, &[2, len])?.to(dtype)
}
