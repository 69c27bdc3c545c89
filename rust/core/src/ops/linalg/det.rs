//! Determinants.

use super::*;
use crate::autograd::{Ctx, no_grad};
use crate::kernels::linalg::lu;
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, apply, apply_all};
use crate::ops::reduce::prod;
use smallvec::smallvec;

/// The determinant, the product of the diagonal of U. Gradient: det·A⁻ᴴ; of singular matrices, the adjugate by singular values.
#[derive(Debug)]
pub struct Det {}

impl Op for Det {
    fn name(&self) -> &'static str {
        "linalg_det"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        check_square("linalg.det", "A", &inputs[0])?;
        Ok(smallvec![Meta::New(inputs[0].dtype(), batch(&inputs[0]).into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, to) = (Stack::matrices(&inputs[0]), Stack::numbers(&outputs[0]));
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), cost(&a), |b| {
            let mut mat = a.get::<F>(b);
            let mut pivots = vec![0; mat.rows];
            lu::factor(&mut mat, &mut pivots);
            let start = F::of(lu::sign(&pivots), 0.0);
            to.put_vector(b, &[(0..mat.rows).fold(start, |all, i| all * mat[(i, i)])]);
        }));
        Ok(())
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).output(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (a, det, g) = (ctx.input(0)?, ctx.output(0)?, ctx.grad(0)?);
        let singular = no_grad(|| det.eq(0.0)?.any_all()?.item())?;
        let g = Term::from(g);
        if singular.is_zero() {
            let scale = (g * Term::from(det).conj()).unsqueeze(-1).unsqueeze(-1);
            return Ok(smallvec![Some((Term::from(a).then(inv).h() * scale).0?)]);
        }
        // adj(A)ᴴ = conj(det(U·Vᴴ))·U·diag(the products of all other singular values)·Vᴴ
        let (u, s, vh) = svd(&a, true)?;
        let unitary = Term::from(u.matmul(&vh)?).then(det_of).conj();
        let n = sizes(&a).0;
        let others = Term::from(s).unsqueeze(-2).then(|s| {
            let wide = s.expand(&join(batch(&a), &[n, n]))?;
            prod(&with_ones(&wide)?, Some(-1), false, None, Out::New)
        });
        let middle = Term::from(u) * others.unsqueeze(-2);
        let scale = (g * unitary).unsqueeze(-1).unsqueeze(-1);
        Ok(smallvec![Some((middle.mm(&Term::from(vh)) * scale).0?)])
    }
    crate::attributes!();
}

fn det_of(a: &Tensor) -> Result<Tensor> {
    apply(Det {}, [a])
}

pub fn det(a: &Tensor) -> Result<Tensor> {
    det_of(a)
}

/// The sign (or phase) of the determinant, and the logarithm of its absolute value.
#[derive(Debug)]
pub struct SlogDet {}

impl Op for SlogDet {
    fn name(&self) -> &'static str {
        "linalg_slogdet"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_square("linalg.slogdet", "A", a)?;
        Ok(smallvec![Meta::New(a.dtype(), batch(a).into()), Meta::New(a.dtype().to_real(), batch(a).into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let a = Stack::matrices(&inputs[0]);
        let (sign, log) = (Stack::numbers(&outputs[0]), Stack::numbers(&outputs[1]));
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), cost(&a), |b| {
            let mut mat = a.get::<F>(b);
            let mut pivots = vec![0; mat.rows];
            lu::factor(&mut mat, &mut pivots);
            let (mut phase, mut sum) = (F::of(lu::sign(&pivots), 0.0), 0.0);
            for i in 0..mat.rows {
                let (x, size) = (mat[(i, i)], mat[(i, i)].modulus());
                sum += size.ln();
                phase = if size == 0.0 { F::of(0.0, 0.0) } else { phase * x.scale(1.0 / size) };
            }
            sign.put_vector(b, &[phase]);
            log.put_vector(b, &[sum]);
        }));
        Ok(())
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).output(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        // d log det = tr(A⁻¹·dA); the sign turns with its imaginary part.
        let (a, sign) = (ctx.input(0)?, ctx.output(0)?);
        let mut scale = Term::from(ctx.grad(1)?);
        if a.dtype().is_complex() {
            let turn = Term::from(ctx.grad(0)?).conj() * Term::from(sign);
            let part = turn.then(|t| t.imag());
            scale = scale.then(|re| part.then(|im| crate::ops::complex::complex(re, &im.neg()?)).0);
        }
        let inverse = Term::from(a).then(|a| Ok(inv_ex(a, false)?.0));
        Ok(smallvec![Some((inverse.h() * scale.unsqueeze(-1).unsqueeze(-1)).0?)])
    }
    crate::attributes!();
}

pub fn slogdet(a: &Tensor) -> Result<(Tensor, Tensor)> {
    let mut both = apply_all(SlogDet {}, Inputs(&[Some(a)]))?;
    Ok((both.swap_remove(0), both.remove(0)))
}

/// The logarithm of the determinant; NaN where that is negative.
pub fn logdet(a: &Tensor) -> Result<Tensor> {
    check_square("logdet", "A", a)?;
    let (sign, log) = slogdet(a)?;
    if sign.dtype().is_complex() {
        return sign.log()?.add(&log);
    }
    let negative = no_grad(|| sign.eq(-1.0))?;
    where_op((&negative).into(), Scalar::Float(f64::NAN).into(), (&log).into(), Out::New)
}
