//! Cholesky's factorisation, and QR.

use super::*;
use crate::autograd::Ctx;
use crate::kernels::linalg::triangular::{Triangle, solve as solve_triangle};
use crate::kernels::linalg::{cholesky as kernel, qr};
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, apply, apply_all};
use smallvec::smallvec;

/// L of A = L·Lᴴ, from the lower triangle of A; and what went wrong, 0 for nothing.
#[derive(Debug)]
pub struct Cholesky {}

impl Op for Cholesky {
    fn name(&self) -> &'static str {
        "linalg_cholesky_ex"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_square("linalg.cholesky", "A", a)?;
        Ok(smallvec![Meta::New(a.dtype(), a.shape().into()), Meta::New(DType::I32, batch(a).into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, l, info) = (Stack::matrices(&inputs[0]), Stack::matrices(&outputs[0]), Stack::numbers(&outputs[1]));
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), cost(&a), |b| {
            let mut mat = a.get::<F>(b);
            let bad = kernel::factor(&mut mat);
            for j in 1..mat.cols {
                mat.col_mut(j)[..j].fill(Default::default());
            }
            l.put(b, &mat);
            info.put_ints(b, &[bad]);
        }));
        Ok(())
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        // A = L⁻ᴴ·S·L⁻¹ with S the Hermitian half of Φ(Lᴴ·g): the lower triangle with half of the diagonal.
        let (l, g) = (Term::from(ctx.output(0)?), Term::from(ctx.grad(0)?));
        let inner = l.h().mm(&g).half_lower();
        let sum = (&inner + &inner.h()) * 0.5;
        let upper = Form { upper: true, unit: false };
        let lh = l.h();
        let left = lh.then(|lh| sum.then(|s| triangular(lh, s, upper)).0);
        // X·L⁻¹ = (L⁻ᴴ·Xᴴ)ᴴ
        let right = lh.then(|lh| left.h().then(|s| triangular(lh, s, upper)).0);
        Ok(smallvec![Some(right.h().0?)])
    }
    crate::attributes!();
}

/// L, or its adjoint if `upper`, of the triangle that is named; and for each matrix 0, or the order of the first leading minor that is
/// not positive.
pub fn cholesky_ex(a: &Tensor, upper: bool, check: bool) -> Result<(Tensor, Tensor)> {
    let op = "linalg.cholesky";
    check_square(op, "A", a)?;
    let turned = if upper { adjoint(a)? } else { a.clone() };
    let mut both = apply_all(Cholesky {}, Inputs(&[Some(&turned)]))?;
    let (l, info) = (both.swap_remove(0), both.remove(0));
    if check {
        check_info(op, &info, |order| {
            format!(
                "The factorization could not be completed because the input is not positive-definite (the leading minor of \
                 order {order} is not positive-definite)."
            )
        })?;
    }
    Ok((if upper { adjoint(&l)? } else { l }, info))
}

pub fn cholesky(a: &Tensor, upper: bool) -> Result<Tensor> {
    Ok(cholesky_ex(a, upper, true)?.0)
}

/// X of A·X = B, from A's factor, which is the triangle named of input 1. B and the factor have one batch.
#[derive(Debug)]
pub struct CholeskySolve {
    pub upper: bool,
}

impl Op for CholeskySolve {
    fn name(&self) -> &'static str {
        "cholesky_solve"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (b, a) = (&inputs[0], &inputs[1]);
        check_square("cholesky_solve", "A", a)?;
        check_matrices("cholesky_solve", "B", b)?;
        check_system("cholesky_solve", a, b)?;
        check_batches("cholesky_solve", a, batch(b))?;
        Ok(smallvec![Meta::New(b.dtype(), b.shape().into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (b, a, to) = (Stack::matrices(&inputs[0]), Stack::matrices(&inputs[1]), Stack::matrices(&outputs[0]));
        let kind = |adjoint| Triangle { upper: self.upper, unit: false, adjoint };
        in_field!(inputs[0].dtype(), F => for_each(b.batch(), 2 * a.rows * a.rows * b.cols.max(1), |i| {
            let (factor, mut x) = (a.get::<F>(i), b.get::<F>(i));
            solve_triangle(&factor, &mut x, kind(self.upper));
            solve_triangle(&factor, &mut x, kind(!self.upper));
            to.put(i, &x);
        }));
        Ok(())
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input(1).and(Keep::NOTHING.output(0).only_if(needs[1]))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let mut grads = ctx.grads();
        let factor = ctx.input(1)?;
        let gb = apply(CholeskySolve { upper: self.upper }, [&ctx.grad(0)?, &factor])?;
        if ctx.needs(1) {
            // As PyTorch has it: of the whole matrix, whose other triangle is taken for zeros that may move.
            let product = Term::from(&gb).mm(&Term::from(ctx.output(0)?).h());
            let both = &product + &product.h();
            let factor = Term::from(factor);
            grads[1] = Some((-if self.upper { factor.triu(0).mm(&both) } else { both.mm(&factor.tril(0)) }).0?);
        }
        grads[0] = Some(gb);
        Ok(grads)
    }
    crate::attributes!(upper);
}

/// X of A·X = B, from A's factor.
pub fn cholesky_solve(b: &Tensor, factor: &Tensor, upper: bool) -> Result<Tensor> {
    let op = "cholesky_solve";
    for (name, x) in [("b", b), ("u", factor)] {
        if x.ndim() < 2 {
            return fail(
                op,
                format!("{name} should have at least 2 dimensions, but has {} dimensions instead", x.ndim()),
            );
        }
    }
    check_square(op, "A", factor)?;
    check_system(op, factor, b)?;
    let (factor, b) = broadcast_batches(op, factor, b)?;
    apply(CholeskySolve { upper }, [&b, &factor])
}

/// A⁻¹ from A's factor.
pub fn cholesky_inverse(factor: &Tensor, upper: bool) -> Result<Tensor> {
    let op = "cholesky_inverse";
    check_square(op, "A", factor)?;
    let eye = eye_like(factor, sizes(factor).0)?;
    cholesky_solve(&eye.expand(factor.shape())?, factor, upper)
}

/// Q and R of A = Q·R, by Householder's reflections.
#[derive(Debug)]
pub struct Qr {
    /// A square Q, and as many rows of R.
    pub complete: bool,
    /// R alone; Q is empty.
    pub only_r: bool,
}

impl Op for Qr {
    fn name(&self) -> &'static str {
        "linalg_qr"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_matrices("linalg.qr", "A", a)?;
        let (m, n) = sizes(a);
        let k = if self.complete { m } else { m.min(n) };
        let q = if self.only_r { Shape::from_slice(&[0]) } else { join(batch(a), &[m, k]) };
        Ok(smallvec![Meta::New(a.dtype(), q), Meta::New(a.dtype(), join(batch(a), &[k, n]))])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, r) = (Stack::matrices(&inputs[0]), Stack::matrices(&outputs[1]));
        let q = (!self.only_r).then(|| Stack::matrices(&outputs[0]));
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), cost(&a), |b| {
            let mut mat = a.get::<F>(b);
            let taus = qr::factor(&mut mat);
            if let Some(q) = &q {
                q.put(b, &qr::form(&mat, &taus, q.cols, 0));
            }
            for j in 0..mat.cols {
                let rows = mat.rows;
                mat.col_mut(j)[(j + 1).min(rows)..].fill(Default::default());
            }
            r.put(b, &mat);
        }));
        Ok(())
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(0).output(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let op = "linalg_qr_backward";
        if self.only_r {
            return fail(
                op,
                "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please \
                 use mode='reduced' or 'complete'."
                    .into(),
            );
        }
        let (m, n) = (ctx.shape(0)[ctx.shape(0).len() - 2], ctx.shape(0)[ctx.shape(0).len() - 1]);
        if self.complete && m > n {
            return fail(
                op,
                "The QR decomposition is not differentiable when mode='complete' and nrows > ncols".into(),
            );
        }
        let (q, r) = (Term::from(ctx.output(0)?), Term::from(ctx.output(1)?));
        let (mut gq, gr) = (Term::from(ctx.grad(0)?), Term::from(ctx.grad(1)?));
        let (r1, gr1) = if m < n { (r.columns(0, m), gr.columns(0, m)) } else { (r.clone(), gr.clone()) };
        let beyond = (m < n).then(|| (r.columns(m, n - m), gr.columns(m, n - m)));
        if let Some((r2, gr2)) = &beyond {
            gq = gq + q.mm(&r2.mm(&gr2.h()));
        }
        // With N = Qᴴ·gQ − gR·Rᴴ: gA = (gQ − Q·Qᴴ·gQ + Q·(gR·Rᴴ + Φ(N − Nᴴ)))·R⁻ᴴ
        let (own, rows) = (q.h().mm(&gq), gr1.mm(&r1.h()));
        let n = &own - &rows;
        let inner = rows + (&n - &n.h()).half_lower() - own;
        let sum = gq + q.mm(&inner);
        // X·R⁻ᴴ = (R⁻¹·Xᴴ)ᴴ
        let grad = r1.then(|r| sum.h().then(|s| triangular(r, s, Form { upper: true, unit: false })).0).h();
        let grad = match beyond {
            Some((_, gr2)) => crate::ops::join::cat(&[grad.0?, q.mm(&gr2).0?], -1)?,
            None => grad.0?,
        };
        Ok(smallvec![Some(grad)])
    }
    crate::attributes!(complete, only_r);
}

/// `mode` is "reduced", "complete" or "r".
pub fn qr(a: &Tensor, mode: &str) -> Result<(Tensor, Tensor)> {
    let (complete, only_r) = match mode {
        "reduced" => (false, false),
        "complete" => (true, false),
        "r" => (false, true),
        _ => {
            return fail(
                "linalg.qr",
                format!(
                    "qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
                ),
            );
        }
    };
    let mut both = apply_all(Qr { complete, only_r }, Inputs(&[Some(a)]))?;
    Ok((both.swap_remove(0), both.remove(0)))
}
