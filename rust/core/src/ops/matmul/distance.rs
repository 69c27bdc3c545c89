//! Distances between rows.

use crate::autograd::Ctx;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::iter::Operand;
use crate::kernels::matmul::distance::{Float, Norm, distances};
use crate::kernels::matmul::fused;
use crate::layout::{Shape, broadcast};
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, apply, new};
use crate::ops::binary::pow;
use crate::ops::index::index_select;
use crate::ops::shape::unsqueeze;
use crate::ops::ternary::where_op;
use crate::tensor::Tensor;

crate::entries!(OPS: Cdist);

/// The p-norms of the differences between all rows of x `[…, m, d]` and of y `[…, n, d]`: `[…, m, n]`. Both are dense, and of one
/// batch. With `by_product`, squares come from a product of matrices: faster, and less exact for rows that lie close.
#[derive(Debug)]
pub struct Cdist {
    pub p: f64,
    pub by_product: bool,
}

impl Cdist {
    fn fill<T: Float + crate::kernels::matmul::Source>(
        &self,
        x: &Tensor,
        y: &Tensor,
        to: &Tensor,
        two: T::Wide,
        one: T::Wide,
    ) {
        let (m, n, d) = (x.shape()[x.ndim() - 2], y.shape()[y.ndim() - 2], x.shape()[x.ndim() - 1]);
        // SAFETY: dense live tensors of this dtype; the result is ours.
        let (xs, ys, out) = unsafe {
            (
                std::slice::from_raw_parts(x.ptr().cast::<T>(), x.numel()),
                std::slice::from_raw_parts(y.ptr().cast::<T>(), y.numel()),
                std::slice::from_raw_parts_mut(to.ptr().cast::<T>(), to.numel()),
            )
        };
        if !self.by_product {
            return distances(xs, ys, out, [m, n, d], Norm::of(self.p));
        }
        // |x - y|² = |x|² + |y|² - 2 x·y
        let squares = |all: &[T]| -> Vec<T> {
            let square = |row: &[T]| row.iter().fold(T::ZERO, |sum, v| sum + v.square());
            all.chunks_exact(d.max(1)).map(square).collect()
        };
        let (x_squares, y_squares) =
            if d == 0 { (vec![T::ZERO; out.len()], vec![T::ZERO; out.len()]) } else { (squares(xs), squares(ys)) };
        let turned = y.layout().transpose(y.ndim() - 2, y.ndim() - 1);
        let right = Operand { shape: turned.shape(), strides: turned.strides(), dense: false, ..y.operand() };
        let operands = [to.operand(), x.operand(), right];
        // What is added is |y|², the same for all rows of a matrix; |x|² follows.
        let batch = &to.shape()[..to.ndim() - 2];
        let shape: Shape = batch.iter().copied().chain([1, n]).collect();
        let layout = crate::layout::Layout::contiguous(&shape);
        let add = Operand {
            ptr: y_squares.as_ptr().cast_mut().cast(),
            size: size_of::<T>(),
            shape: layout.shape(),
            strides: layout.strides(),
            dense: true,
        };
        // SAFETY: as above; `add` has the batch of the result.
        unsafe { fused::<T>(&operands, two, one, &add) };
        for (row, square) in out.chunks_exact_mut(n.max(1)).zip(&x_squares) {
            for v in row {
                let sum = *v + *square;
                *v = if sum < T::ZERO { T::ZERO } else { sum.sqrt() };
            }
        }
    }
}

impl Op for Cdist {
    fn name(&self) -> &'static str {
        "cdist"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, y) = (&inputs[0], &inputs[1]);
        let ([batch @ .., m, d], [batch_y @ .., n, e]) = (x.shape(), y.shape()) else {
            return Err(Error::shape("cdist", "two batches of rows", x.shape()));
        };
        let dense = x.is_contiguous() && y.is_contiguous();
        if batch != batch_y || d != e || !dense || x.dtype() != y.dtype() {
            return Err(Error::shape("cdist", format!("dense rows as in {:?}", x.shape()), y.shape()));
        }
        if !matches!(x.dtype(), DType::F32 | DType::F64) {
            return Err(Error::DType { op: "cdist", expected: "float32 or float64", given: x.dtype() });
        }
        let mut shape = Shape::from_slice(batch);
        shape.extend([*m, *n]);
        new(x.dtype(), shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, y, to) = (&inputs[0], &inputs[1], &outputs[0]);
        match x.dtype() {
            DType::F32 => self.fill::<f32>(x, y, to, -2.0, 1.0),
            _ => self.fill::<f64>(x, y, to, -2.0, 1.0),
        }
        Ok(())
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input(0).input(1).output(0).only_if(needs[0] || needs[1])
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (mut grads, g) = (ctx.grads(), ctx.grad(0)?);
        let (x, y, distance) = (ctx.input(0)?, ctx.input(1)?, ctx.output(0)?);
        let zero = distance.eq(0.0)?;
        // Rows that coincide pull in no direction.
        let unless_zero = |v: &Tensor| where_op((&zero).into(), 0.0.into(), v.into(), Out::New);
        if self.p == 2.0 {
            let ratio = unless_zero(&g.div(&distance)?)?;
            if ctx.needs(0) {
                grads[0] = Some(x.mul(&ratio.sum(&[-1], true)?)?.sub(&ratio.matmul(&y)?)?);
            }
            if ctx.needs(1) {
                let turned = ratio.t()?;
                grads[1] = Some(y.mul(&turned.sum(&[-1], true)?)?.sub(&turned.matmul(&x)?)?);
            }
            return Ok(grads);
        }
        let difference = unsqueeze(&x, -2)?.sub(&unsqueeze(&y, -3)?)?;
        let (g, distance) = (unsqueeze(&g, -1)?, unsqueeze(&distance, -1)?);
        let sign = difference.sign()?;
        let pull = match Norm::of(self.p) {
            Norm::Count => sign.mul(0.0)?.mul(&g)?,
            Norm::Sum => sign.mul(&g)?,
            Norm::Max => sign.mul(&difference.abs()?.eq(&distance)?)?.mul(&g)?,
            _ => {
                let rest = difference.abs()?.div(&distance)?;
                let rest = pow((&rest).into(), (self.p - 1.0).into(), Out::New)?;
                let still = difference.eq(0.0)?;
                let rest = where_op((&still).into(), 0.0.into(), (&rest).into(), Out::New)?;
                sign.mul(&rest)?.mul(&g)?
            }
        };
        if ctx.needs(0) {
            grads[0] = Some(pull.sum(&[-2], false)?);
        }
        if ctx.needs(1) {
            grads[1] = Some(pull.sum(&[-3], false)?.neg()?);
        }
        Ok(grads)
    }
    crate::attributes!(p, by_product);
}

fn fail<T>(op: &'static str, text: String) -> Result<T> {
    Err(Error::custom(op, text))
}

/// `mode` says when squares may come from a product of matrices, for p = 2: 0 or none, if there are more than 25 rows; 1,
/// always; 2, never.
pub fn cdist(x: &Tensor, y: &Tensor, p: f64, mode: Option<i64>) -> Result<Tensor> {
    let (x, y) = (&crate::autocast::full(x)?, &crate::autocast::full(y)?);
    for (name, t) in [("X1", x), ("X2", y)] {
        if !t.dtype().is_float() {
            let text = format!("cdist only supports floating-point dtypes, {name} got: {}", t.dtype().scalar_name());
            return fail("cdist", text);
        }
        if t.ndim() < 2 {
            return fail("cdist", format!("{name} must have at least two dimensions, got shape {:?}", t.shape()));
        }
    }
    if x.dtype() != y.dtype() {
        let (x, y) = (x.dtype().scalar_name(), y.dtype().scalar_name());
        return fail("cdist", format!("expected scalar type {x} but found {y}"));
    }
    let mode = mode.unwrap_or(0);
    if p.is_nan() || p < 0.0 {
        return fail("cdist", format!("only supports non-negative p values, got {p}"));
    }
    if !(0..=2).contains(&mode) {
        return fail("cdist", format!("possible modes: 0, 1, 2, but was: {mode}"));
    }
    let ([batch_x @ .., m, d], [batch_y @ .., n, e]) = (x.shape(), y.shape()) else {
        return fail("cdist", "two batches of rows are needed".into());
    };
    if d != e {
        return fail("cdist", format!("X1 and X2 must have the same number of columns. X1: {d} X2: {e}"));
    }
    let batch = broadcast("cdist", batch_x, batch_y)?;
    // f16 and bf16 are measured in f32.
    let dtype = if x.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let dense = |t: &Tensor| -> Result<Tensor> {
        let shape = [&batch[..], &t.shape()[t.ndim() - 2..]].concat();
        t.to(dtype)?.expand(&shape)?.contiguous()
    };
    let by_product = p == 2.0 && (mode == 1 || mode == 0 && (*m > 25 || *n > 25));
    apply(Cdist { p, by_product }, [&dense(x)?, &dense(y)?])?.to(x.dtype())
}

/// The distances between all pairs of different rows of one matrix: those above the diagonal of `cdist(x, x)`, in order.
pub fn pdist(x: &Tensor, p: f64) -> Result<Tensor> {
    if x.ndim() != 2 {
        return fail("pdist", format!("only supports 2D tensors, got: {}D", x.ndim()));
    }
    if !x.dtype().is_float() {
        return fail("pdist", "only supports floating-point dtypes".into());
    }
    if p.is_nan() || p < 0.0 {
        return fail("pdist", format!("only supports non-negative p values, got {p}"));
    }
    let n = x.shape()[0] as i64;
    let places: Vec<i64> = (0..n).flat_map(|i| (i + 1..n).map(move |j| i * n + j)).collect();
    let all = cdist(x, x, p, Some(2))?.reshape(&[(n * n) as usize])?;
    index_select(&all, 0, &Tensor::from_slice(&places, &[places.len()])?)
}
