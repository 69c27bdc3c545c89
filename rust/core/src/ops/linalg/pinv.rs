//! Pseudoinverses and least squares.

use super::*;
use crate::autograd::{Ctx, no_grad};
use crate::kernels::linalg::{eigh, svd as singular};
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, apply};
use crate::ops::binary;
use smallvec::smallvec;

/// The pseudoinverse; singular values that are at most the second input (one number for each matrix) count as zero.
#[derive(Debug)]
pub struct Pinv {
    /// The matrices are Hermitian, and only their lower triangles read.
    pub hermitian: bool,
}

impl Op for Pinv {
    fn name(&self) -> &'static str {
        "linalg_pinv"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_matrices("linalg.pinv", "A", a)?;
        let (m, n) = sizes(a);
        if self.hermitian {
            check_square("linalg.pinv", "A", a)?;
        }
        if inputs[1].shape() != batch(a) || inputs[1].dtype() != a.dtype().to_real() {
            return Err(Error::shape(
                "linalg.pinv",
                format!("a tolerance for each of {:?} matrices", batch(a)),
                inputs[1].shape(),
            ));
        }
        Ok(smallvec![Meta::New(a.dtype(), join(batch(a), &[n, m]))])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, least) = (Stack::matrices(&inputs[0]), Stack::numbers(&inputs[1]));
        let to = Stack::matrices(&outputs[0]);
        let single = inputs[0].dtype().to_real() == DType::F32;
        let failed = std::sync::atomic::AtomicBool::new(false);
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), 20 * cost(&a), |b| {
            let k = a.rows.min(a.cols);
            let parts = if self.hermitian { spectral(a.get::<F>(b)) } else { singular::svd(a.get::<F>(b), Some([k, k])) };
            match parts {
                Some((u, s, mut v)) => {
                    let least = least.get::<f64>(b).data[0];
                    for (j, &s) in s.iter().enumerate() {
                        // Compared as the program would see it.
                        let seen = if single { s as f32 as f64 } else { s }.abs();
                        let by = if seen > least { 1.0 / s } else { 0.0 };
                        v.col_mut(j).iter_mut().for_each(|x| *x = x.scale(by));
                    }
                    to.put(b, &v.mul(&u.adjoint()));
                }
                None => failed.store(true, std::sync::atomic::Ordering::Relaxed),
            }
        }));
        if failed.into_inner() {
            let message =
                "The singular values did not converge; the input may hold numbers that are not finite.".into();
            return Err(Error::LinAlg { op: "linalg.pinv", message });
        }
        Ok(())
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).output(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        // −Pᴴ·g·Pᴴ + (1 − A·P)·gᴴ·P·Pᴴ + Pᴴ·P·gᴴ·(1 − P·A)
        let (a, p, g) = (Term::from(ctx.input(0)?), Term::from(ctx.output(0)?), Term::from(ctx.grad(0)?));
        let (ph, gh) = (p.h(), g.h());
        let mut grad = -ph.mm(&g).mm(&ph);
        let left = gh.mm(&p).mm(&ph);
        grad = grad + (&left - &a.mm(&p).mm(&left));
        let right = ph.mm(&p.mm(&gh));
        grad = grad + (&right - &right.mm(&p).mm(&a));
        Ok(smallvec![Some(grad.0?), None])
    }
    crate::attributes!(hermitian);
}

/// Eigenvectors and eigenvalues in the places of singular vectors and values; the values may be negative.
fn spectral<F: Field>(a: Mat<F>) -> Option<(Mat<F>, Vec<f64>, Mat<F>)> {
    let (values, vectors) = eigh::eigh(a, true)?;
    Some((vectors.clone(), values, vectors))
}

/// A tolerance as it is given: a number, or one for each matrix.
pub type Tolerance<'a> = Option<binary::Operand<'a>>;

fn number(x: Tolerance, dtype: DType) -> Result<Option<Tensor>> {
    match x {
        None => Ok(None),
        Some(binary::Operand::Tensor(t)) if t.dtype().is_complex() => {
            fail("linalg", "atol and rtol tensors must be of real dtype, got a complex one".into())
        }
        Some(binary::Operand::Tensor(t)) => Ok(Some(t.detach().to(dtype)?)),
        Some(binary::Operand::Scalar(x)) => Ok(Some(Tensor::scalar(x, dtype)?)),
    }
}

/// What singular values (or the absolute values of eigenvalues) must exceed to count: the greater of `atol` and `rtol` times the
/// greatest. Without either, `rtol` is max(m, n)·ε.
pub(super) fn threshold(a: &Tensor, values: &Tensor, atol: Tolerance, rtol: Tolerance) -> Result<Tensor> {
    no_grad(|| {
        let (dtype, (m, n)) = (values.dtype(), sizes(a));
        let eps = if dtype == DType::F32 { f32::EPSILON as f64 } else { f64::EPSILON };
        let (atol, rtol) = (number(atol, dtype)?, number(rtol, dtype)?);
        let standard = Tensor::scalar(Scalar::Float(eps * m.max(n) as f64), dtype)?;
        let zero = Tensor::scalar(Scalar::Float(0.0), dtype)?;
        let rtol = match (&atol, rtol) {
            (_, Some(rtol)) => rtol,
            (None, None) => standard,
            // A positive atol alone is all that counts.
            (Some(atol), None) => where_op((&atol.gt(0.0)?).into(), (&zero).into(), (&standard).into(), Out::New)?,
        };
        let values = values.detach();
        let greatest = if values.shape().last() == Some(&0) {
            Tensor::zeros(&values.shape()[..values.ndim() - 1], dtype)?
        } else {
            values.amax(&[-1], false)?
        };
        let relative = greatest.mul(&rtol)?;
        atol.map_or(Ok(relative.clone()), |atol| binary::maximum((&atol).into(), (&relative).into(), Out::New))
    })
}

pub fn pinv(a: &Tensor, atol: Tolerance, rtol: Tolerance, hermitian: bool) -> Result<Tensor> {
    let op = "linalg.pinv";
    check_matrices(op, "A", a)?;
    if hermitian {
        check_square(op, "A", a)?;
    }
    let (m, n) = sizes(a);
    if a.numel() == 0 {
        return a.reshape(&join(batch(a), &[n, m]));
    }
    let values = no_grad(|| if hermitian { eigvalsh(&a.detach(), "L")?.abs() } else { svdvals(&a.detach()) })?;
    let least = threshold(a, &values, atol, rtol)?.expand(batch(a))?;
    apply(Pinv { hermitian }, [a, &least])
}

/// The number of singular values that count; of eigenvalues, if the matrix is said to be Hermitian.
pub fn matrix_rank(a: &Tensor, atol: Tolerance, rtol: Tolerance, hermitian: bool) -> Result<Tensor> {
    let op = "linalg.matrix_rank";
    check_matrices(op, "A", a)?;
    no_grad(|| {
        let a = a.detach();
        if a.numel() == 0 {
            return Tensor::zeros(batch(&a), DType::I64);
        }
        let values = if hermitian { eigvalsh(&a, "L")?.abs()? } else { svdvals(&a)? };
        let least = threshold(&a, &values, atol, rtol)?.unsqueeze(-1)?;
        values.gt(&least)?.sum(&[-1], false)
    })
}

/// What `lstsq` gives: the solution, the squares of what is left over, the rank, and the singular values.
pub type LeastSquares = (Tensor, Tensor, Tensor, Tensor);

/// X that makes |A·X − B| least, and of those the shortest.
pub fn lstsq(a: &Tensor, b: &Tensor, rcond: Option<f64>, driver: Option<&str>) -> Result<LeastSquares> {
    let op = "torch.linalg.lstsq";
    check_matrices(op, "input", a)?;
    if b.ndim() == 0 {
        return fail(op, "other must have at least 1 dimension.".into());
    }
    if a.dtype() != b.dtype() {
        let (a, b) = (a.dtype().scalar_name(), b.dtype().scalar_name());
        return fail(
            op,
            format!("Expected input and other to have the same dtype, but got input's dtype {a} and other's dtype {b}"),
        );
    }
    let driver = driver.unwrap_or("gelsy");
    if !matches!(driver, "gels" | "gelsy" | "gelsd" | "gelss") {
        return fail(op, format!("parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver}"));
    }
    let vector = is_vector_of(a, b);
    let column = if vector { b.unsqueeze(-1)? } else { b.clone() };
    let (m, n) = sizes(a);
    if sizes(&column).0 != m {
        let at = if vector { "other.size(-1)" } else { "other.size(-2)" };
        return fail(op, format!("input.size(-2) should match {at}, got {m} and shape {:?}", b.shape()));
    }
    let real = a.dtype().to_real();
    let values = no_grad(|| svdvals(&a.detach()))?;
    let eps = if real == DType::F32 { f32::EPSILON as f64 } else { f64::EPSILON };
    let least = no_grad(|| {
        // `gels` takes the rank for full.
        let rcond = if driver == "gels" { 0.0 } else { rcond.unwrap_or(eps * m.max(n) as f64) };
        let greatest = if m.min(n) == 0 { Tensor::zeros(batch(a), real)? } else { values.amax(&[-1], false)? };
        greatest.mul(rcond)
    })?;
    let inverse = if a.numel() == 0 {
        Tensor::zeros(&join(batch(a), &[n, m]), a.dtype())?
    } else {
        apply(Pinv { hermitian: false }, [a, &least])?
    };
    let x = inverse.matmul(&column)?;
    let empty = |dtype| Tensor::empty(&[0], dtype);
    let rank = no_grad(|| values.gt(&least.unsqueeze(-1)?)?.sum(&[-1], false))?;
    let full = no_grad(|| rank.ne(n as i64)?.any_all()?.item())?.is_zero();
    let residuals = if m > n && (full || driver == "gels") {
        let left = a.matmul(&x)?.sub(&column)?;
        let size = if left.dtype().is_complex() { left.mul(&left.conj()?)?.real()? } else { left.square()? };
        size.sum(&[-2], false)?
    } else {
        empty(real)?
    };
    let rank = if driver == "gels" { empty(DType::I64)? } else { rank };
    let values = if matches!(driver, "gelsd" | "gelss") { values } else { empty(real)? };
    let x = if vector { crate::ops::shape::squeeze(&x, Some(&[-1]))? } else { x };
    Ok((x, residuals, rank, values))
}

fn is_vector_of(a: &Tensor, b: &Tensor) -> bool {
    b.ndim() == 1 || a.ndim() == b.ndim() + 1 && a.shape()[..a.ndim() - 1] == *b.shape()
}
