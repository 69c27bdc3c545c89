//! Householder's reflections as they are stored, and what is made of them.

use super::*;
use crate::autograd::Modes;
use crate::kernels::linalg::qr as kernel;
use crate::op::{Inputs, Meta, Metas, Op, apply, apply_all};
use smallvec::smallvec;

/// R, with the reflections below its diagonal, and their τ: what `householder_product` and `ormqr` take.
#[derive(Debug)]
pub struct Geqrf {}

impl Op for Geqrf {
    fn name(&self) -> &'static str {
        "geqrf"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_matrices("geqrf", "input", a)?;
        let (m, n) = sizes(a);
        Ok(smallvec![Meta::New(a.dtype(), a.shape().into()), Meta::New(a.dtype(), join(batch(a), &[m.min(n)]))])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let a = Stack::matrices(&inputs[0]);
        let (to, tau) = (Stack::matrices(&outputs[0]), Stack::vectors(&outputs[1]));
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), cost(&a), |b| {
            let mut mat = a.get::<F>(b);
            let taus = kernel::factor(&mut mat);
            to.put(b, &mat);
            tau.put_vector(b, &taus);
        }));
        Ok(())
    }
    crate::attributes!();
}

pub fn geqrf(a: &Tensor) -> Result<(Tensor, Tensor)> {
    let mut both = apply_all(Geqrf {}, Inputs(&[Some(a)]))?;
    Ok((both.swap_remove(0), both.remove(0)))
}

/// The first columns of H₁·H₂·…, as many as A has. Where a gradient is wanted, [`reflect`] makes it of ops instead.
#[derive(Debug)]
pub struct HouseholderProduct {}

impl Op for HouseholderProduct {
    fn name(&self) -> &'static str {
        "linalg_householder_product"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        check_reflections("linalg.householder_product", &inputs[0], &inputs[1])?;
        Ok(smallvec![Meta::New(inputs[0].dtype(), inputs[0].shape().into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, tau) = (Stack::matrices(&inputs[0]), Stack::vectors(&inputs[1]));
        let to = Stack::matrices(&outputs[0]);
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), cost(&a), |b| {
            let mat = a.get::<F>(b);
            to.put(b, &kernel::form(&mat, &tau.get::<F>(b).data, mat.cols, 0));
        }));
        Ok(())
    }
    crate::attributes!();
}

fn check_reflections(op: &'static str, a: &Tensor, tau: &Tensor) -> Result<()> {
    check_matrices(op, "A", a)?;
    let (m, n) = sizes(a);
    if m < n {
        return fail(op, format!("input.shape[-2] must be greater than or equal to input.shape[-1], got {m} < {n}"));
    }
    check_tau(op, a, tau, n)
}

fn check_tau(op: &'static str, a: &Tensor, tau: &Tensor, most: usize) -> Result<()> {
    if tau.ndim() + 1 != a.ndim() {
        return fail(
            op,
            format!(
                "Expected tau to have one dimension less than input, but got tau.ndim equal to {} and input.ndim is \
                     equal to {}",
                tau.ndim(),
                a.ndim()
            ),
        );
    }
    let (batch_tau, k) = tau.shape().split_at(tau.ndim() - 1);
    if k[0] > most {
        return fail(
            op,
            format!("input.shape[-1] must be greater than or equal to tau.shape[-1], got {most} < {}", k[0]),
        );
    }
    if batch_tau != batch(a) {
        return fail(
            op,
            format!("Expected batch dimensions of tau to be equal to input.shape[:-2], but got {batch_tau:?}"),
        );
    }
    if tau.dtype() != a.dtype() {
        return fail(
            op,
            format!("tau dtype {} does not match input dtype {}", tau.dtype().scalar_name(), a.dtype().scalar_name()),
        );
    }
    Ok(())
}

/// Q·C, or Qᴴ·C if `turned`, one reflection at a time, in ops.
fn reflect(a: &Tensor, tau: &Tensor, c: &Tensor, turned: bool) -> Result<Tensor> {
    let (mut c, k, n) = (c.clone(), tau.shape()[tau.ndim() - 1], sizes(a).1);
    if k == 0 {
        // Nothing to reflect, but gradients of zero flow.
        let none = tau.sum(&[-1], true)?.unsqueeze(-1)?;
        return c.add(&none);
    }
    let vectors = with_ones(&tril(&a.narrow(-1, 0, k.min(n))?, -1, Out::New)?)?;
    for i in 0..k {
        let i = if turned { i } else { k - 1 - i };
        let (v, t) = (Term::from(vectors.narrow(-1, i, 1)?), tau.narrow(-1, i, 1)?.unsqueeze(-1)?);
        let t = if turned { t.conj()? } else { t };
        let along = v.h().mm(&Term::from(&c)) * Term::from(t);
        c = (Term::from(c) - v.mm(&along)).0?;
    }
    Ok(c)
}

fn wants_grad(inputs: &[&Tensor]) -> bool {
    Modes::current().grad && inputs.iter().any(|t| t.requires_grad())
}

pub fn householder_product(a: &Tensor, tau: &Tensor) -> Result<Tensor> {
    check_reflections("linalg.householder_product", a, tau)?;
    if wants_grad(&[a, tau]) {
        let (m, n) = sizes(a);
        let eye = crate::ops::create::eye(m as i64, n as i64, a.dtype())?;
        return reflect(a, tau, &eye.expand(a.shape())?, false);
    }
    apply(HouseholderProduct {}, [a, tau])
}

/// Q·C or Qᴴ·C, for Q of as many columns as rows.
#[derive(Debug)]
pub struct Ormqr {
    pub turned: bool,
}

impl Op for Ormqr {
    fn name(&self) -> &'static str {
        "ormqr"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        check_product(&inputs[0], &inputs[1], &inputs[2], true)?;
        Ok(smallvec![Meta::New(inputs[2].dtype(), inputs[2].shape().into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, tau) = (Stack::matrices(&inputs[0]), Stack::vectors(&inputs[1]));
        let (c, to) = (Stack::matrices(&inputs[2]), Stack::matrices(&outputs[0]));
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), cost(&a) + cost(&c), |b| {
            let mut mat = c.get::<F>(b);
            kernel::apply(&a.get::<F>(b), &tau.get::<F>(b).data, &mut mat, self.turned);
            to.put(b, &mat);
        }));
        Ok(())
    }
    crate::attributes!(turned);
}

fn check_product(a: &Tensor, tau: &Tensor, c: &Tensor, left: bool) -> Result<()> {
    let op = "ormqr";
    check_matrices(op, "input", a)?;
    check_matrices(op, "other", c)?;
    let ((m, n), (rows, cols)) = (sizes(a), sizes(c));
    check_tau(op, a, tau, m.min(n))?;
    let (name, size) = if left { ("other.shape[-2]", rows) } else { ("other.shape[-1]", cols) };
    if size != m {
        return fail(op, format!("{name} must be equal to input.shape[-2], got {size} and {m}"));
    }
    if batch(c) != batch(a) {
        return fail(
            op,
            format!("Expected batch dimensions of other to be equal to input.shape[:-2], but got {:?}", batch(c)),
        );
    }
    if c.dtype() != a.dtype() {
        return fail(
            op,
            format!(
                "Expected input and other to have the same dtype, but input has dtype {} and other has dtype {}",
                a.dtype().scalar_name(),
                c.dtype().scalar_name()
            ),
        );
    }
    Ok(())
}

/// Q·C, or C·Q unless `left`; Qᴴ for Q if `turned`.
pub fn ormqr(a: &Tensor, tau: &Tensor, c: &Tensor, left: bool, turned: bool) -> Result<Tensor> {
    check_product(a, tau, c, left)?;
    if !left {
        // C·Q = (Qᴴ·Cᴴ)ᴴ
        return adjoint(&ormqr(a, tau, &adjoint(c)?, true, !turned)?);
    }
    if wants_grad(&[a, tau, c]) {
        return reflect(a, tau, c, turned);
    }
    apply(Ormqr { turned }, [a, tau, c])
}

/// The old form of `qr`.
pub fn old_qr(a: &Tensor, some: bool) -> Result<(Tensor, Tensor)> {
    qr(a, if some { "reduced" } else { "complete" })
}
