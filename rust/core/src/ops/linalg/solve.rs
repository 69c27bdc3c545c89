//! Systems of equations and inverses.

use super::*;
use crate::autograd::Ctx;
use crate::kernels::linalg::{lu, triangular as kernel};
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, apply, apply_all};
use crate::ops::shape::transpose;
use smallvec::smallvec;

/// A and B are systems that fit: as many rows.
pub(super) fn check_system(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    check_same(op, a, b)?;
    let ((n, _), (rows, _)) = (sizes(a), sizes(b));
    if n != rows {
        let text = "Incompatible shapes of A and B for the equation AX = B";
        let (a, b) = (sizes(a), sizes(b));
        return fail(op, format!("{text} ({}x{} and {}x{})", a.0, a.1, b.0, b.1));
    }
    Ok(())
}

/// X of A·X = B, by LU with partial pivoting, and the place of the first zero pivot (from 1) or 0. A and B have one batch.
#[derive(Debug)]
pub struct Solve {}

impl Op for Solve {
    fn name(&self) -> &'static str {
        "linalg_solve_ex"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (a, b) = (&inputs[0], &inputs[1]);
        check_square("linalg.solve", "A", a)?;
        check_matrices("linalg.solve", "B", b)?;
        check_system("linalg.solve", a, b)?;
        check_batches("linalg.solve", a, batch(b))?;
        Ok(smallvec![Meta::New(b.dtype(), b.shape().into()), Meta::New(DType::I32, batch(b).into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, b) = (Stack::matrices(&inputs[0]), Stack::matrices(&inputs[1]));
        let (x, info) = (Stack::matrices(&outputs[0]), Stack::numbers(&outputs[1]));
        in_field!(inputs[0].dtype(), F => for_each(b.batch(), cost(&a) + cost(&b), |i| {
            let (mut mat, mut rhs) = (a.get::<F>(i), b.get::<F>(i));
            let mut pivots = vec![0; mat.rows];
            info.put_ints(i, &[lu::factor(&mut mat, &mut pivots)]);
            lu::solve_with(&mat, &pivots, &mut rhs, false);
            x.put(i, &rhs);
        }));
        Ok(())
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input(0).and(Keep::NOTHING.output(0).only_if(needs[0]))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let mut grads = ctx.grads();
        let gb = apply_all(Solve {}, Inputs(&[Some(&adjoint(&ctx.input(0)?)?), Some(&ctx.grad(0)?)]))?.swap_remove(0);
        if ctx.needs(0) {
            grads[0] = Some(gb.matmul(&adjoint(&ctx.output(0)?)?)?.neg()?);
        }
        grads[1] = Some(gb);
        Ok(grads)
    }
    crate::attributes!();
}

/// Whether B is a batch of vectors: of one dimension, or of one less than A and with all its sizes but the last.
fn is_vector(a: &Tensor, b: &Tensor) -> bool {
    b.ndim() == 1 || a.ndim() == b.ndim() + 1 && a.shape()[..a.ndim() - 1] == *b.shape()
}

/// X of A·X = B, or of X·A = B unless `left`, and for each matrix 0 or the place of its first zero pivot.
pub fn solve_ex(a: &Tensor, b: &Tensor, left: bool, check: bool) -> Result<(Tensor, Tensor)> {
    let op = "linalg.solve";
    check_square(op, "A", a)?;
    check_same(op, a, b)?;
    if b.ndim() == 0 {
        return fail(op, "The input tensor B must have at least 1 dimension".into());
    }
    let vector = is_vector(a, b);
    if vector && !left {
        return fail(
            op,
            "Vector broadcasting of the left hand side is not supported for left=False. In this case \
             linalg.solve is equivalent to B / A.squeeze(-1)"
                .into(),
        );
    }
    let column = if vector { b.unsqueeze(-1)? } else { b.clone() };
    let turn = |x: &Tensor| if left { Ok(x.clone()) } else { transpose(x, -2, -1) };
    let (a, column) = (turn(a)?, turn(&column)?);
    check_system(op, &a, &column)?;
    let (a, column) = broadcast_batches(op, &a, &column)?;
    let mut both = apply_all(Solve {}, Inputs(&[Some(&a), Some(&column)]))?;
    let (x, info) = (both.swap_remove(0), both.remove(0));
    if check {
        check_info(op, &info, |_| "The solver failed because the input matrix is singular.".into())?;
    }
    let x = turn(&x)?;
    Ok((if vector { crate::ops::shape::squeeze(&x, Some(&[-1]))? } else { x }, info))
}

pub fn solve(a: &Tensor, b: &Tensor, left: bool) -> Result<Tensor> {
    Ok(solve_ex(a, b, left, true)?.0)
}

/// A⁻¹, and the place of the first zero pivot (from 1) or 0.
#[derive(Debug)]
pub struct Inverse {}

impl Op for Inverse {
    fn name(&self) -> &'static str {
        "linalg_inv_ex"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_square("linalg.inv", "A", a)?;
        Ok(smallvec![Meta::New(a.dtype(), a.shape().into()), Meta::New(DType::I32, batch(a).into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, x, info) = (Stack::matrices(&inputs[0]), Stack::matrices(&outputs[0]), Stack::numbers(&outputs[1]));
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), 3 * cost(&a), |i| {
            let mut mat = a.get::<F>(i);
            let mut pivots = vec![0; mat.rows];
            let bad = lu::factor(&mut mat, &mut pivots);
            let mut inverse = Mat::eye(mat.rows, mat.rows);
            if bad == 0 {
                lu::solve_with(&mat, &pivots, &mut inverse, false);
            } else {
                inverse = a.get::<F>(i);
            }
            x.put(i, &inverse);
            info.put_ints(i, &[bad]);
        }));
        Ok(())
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let turned = Term::from(ctx.output(0)?).h();
        Ok(smallvec![Some((-turned.mm(&Term::from(ctx.grad(0)?)).mm(&turned)).0?)])
    }
    crate::attributes!();
}

pub fn inv_ex(a: &Tensor, check: bool) -> Result<(Tensor, Tensor)> {
    let op = "linalg.inv";
    let mut both = apply_all(Inverse {}, Inputs(&[Some(a)]))?;
    let (x, info) = (both.swap_remove(0), both.remove(0));
    if check {
        check_info(op, &info, |place| {
            format!(
                "The diagonal element {place} is zero, the inversion could not be completed because the input \
                     matrix is singular."
            )
        })?;
    }
    Ok((x, info))
}

pub fn inv(a: &Tensor) -> Result<Tensor> {
    Ok(inv_ex(a, true)?.0)
}

/// Which triangle holds a matrix, and whether its diagonal is taken for ones.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub upper: bool,
    pub unit: bool,
}

/// X of A·X = B, where A is a triangle. A and B have one batch.
#[derive(Debug)]
pub struct SolveTriangular {
    pub upper: bool,
    pub unit: bool,
}

impl Op for SolveTriangular {
    fn name(&self) -> &'static str {
        "linalg_solve_triangular"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (a, b) = (&inputs[0], &inputs[1]);
        check_square("linalg.solve_triangular", "A", a)?;
        check_matrices("linalg.solve_triangular", "B", b)?;
        check_system("linalg.solve_triangular", a, b)?;
        check_batches("linalg.solve_triangular", a, batch(b))?;
        Ok(smallvec![Meta::New(b.dtype(), b.shape().into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, b, x) = (Stack::matrices(&inputs[0]), Stack::matrices(&inputs[1]), Stack::matrices(&outputs[0]));
        let kind = kernel::Triangle { upper: self.upper, unit: self.unit, adjoint: false };
        in_field!(inputs[0].dtype(), F => for_each(b.batch(), a.rows * a.rows * b.cols.max(1), |i| {
            let mut rhs = b.get::<F>(i);
            kernel::solve(&a.get::<F>(i), &mut rhs, kind);
            x.put(i, &rhs);
        }));
        Ok(())
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input(0).and(Keep::NOTHING.output(0).only_if(needs[0]))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let mut grads = ctx.grads();
        let turned = Form { upper: !self.upper, unit: self.unit };
        let gb = triangular(&adjoint(&ctx.input(0)?)?, &ctx.grad(0)?, turned)?;
        if ctx.needs(0) {
            let grad = -Term::from(&gb).mm(&Term::from(ctx.output(0)?).h());
            let from = self.unit as i64;
            grads[0] = Some(if self.upper { grad.triu(from) } else { grad.tril(-from) }.0?);
        }
        grads[1] = Some(gb);
        Ok(grads)
    }
    crate::attributes!(upper, unit);
}

pub(super) fn triangular(a: &Tensor, b: &Tensor, form: Form) -> Result<Tensor> {
    apply(SolveTriangular { upper: form.upper, unit: form.unit }, [a, b])
}

/// X of A·X = B, or of X·A = B unless `left`, where A is a triangle.
pub fn solve_triangular(a: &Tensor, b: &Tensor, upper: bool, left: bool, unit: bool) -> Result<Tensor> {
    let op = "linalg.solve_triangular";
    check_square(op, "A", a)?;
    check_matrices(op, "B", b)?;
    check_same(op, a, b)?;
    let (given_a, given_b) = (sizes(a), sizes(b));
    if given_a.0 != if left { given_b.0 } else { given_b.1 } {
        let equation = if left { "AX = B" } else { "XA = B" };
        let text = format!("Incompatible shapes of A and B for the equation {equation}");
        return fail(op, format!("{text} ({}x{} and {}x{})", given_a.0, given_a.1, given_b.0, given_b.1));
    }
    if left {
        let (a, b) = broadcast_batches(op, a, b)?;
        return triangular(&a, &b, Form { upper, unit });
    }
    let (a, b) = broadcast_batches(op, &transpose(a, -2, -1)?, &transpose(b, -2, -1)?)?;
    transpose(&triangular(&a, &b, Form { upper: !upper, unit })?, -2, -1)
}

/// The old form: X of op(A)·X = b, and A as it was taken.
pub fn triangular_solve(b: &Tensor, a: &Tensor, upper: bool, turn: bool, unit: bool) -> Result<(Tensor, Tensor)> {
    let op = "triangular_solve";
    for (name, x) in [("b", b), ("A", a)] {
        if x.ndim() < 2 {
            return fail(
                op,
                format!("Expected {name} to have at least 2 dimensions, but it has {} dimensions instead", x.ndim()),
            );
        }
    }
    check_square(op, "A", a)?;
    check_system(op, a, b)?;
    let (a, b) = broadcast_batches(op, a, b)?;
    let (form, used) = if turn { (!upper, transpose(&a, -2, -1)?) } else { (upper, a.clone()) };
    Ok((triangular(&used, &b, Form { upper: form, unit })?, a.copy()?))
}
