//! LU with partial pivoting.

use super::*;
use crate::autograd::Ctx;
use crate::kernels::linalg::lu as kernel;
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, apply, apply_all};
use crate::ops::join::cat;
use crate::ops::shape::transpose;
use smallvec::smallvec;

/// L below the diagonal and U from it on, in one matrix; the row, from 1, that each row was exchanged with; the place of the first zero
/// pivot, or 0.
#[derive(Debug)]
pub struct LuFactor {}

impl Op for LuFactor {
    fn name(&self) -> &'static str {
        "linalg_lu_factor_ex"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_matrices("linalg.lu_factor", "A", a)?;
        let (m, n) = sizes(a);
        Ok(smallvec![
            Meta::New(a.dtype(), a.shape().into()),
            Meta::New(DType::I32, join(batch(a), &[m.min(n)])),
            Meta::New(DType::I32, batch(a).into()),
        ])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, lu) = (Stack::matrices(&inputs[0]), Stack::matrices(&outputs[0]));
        let (pivots, info) = (Stack::vectors(&outputs[1]), Stack::numbers(&outputs[2]));
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), cost(&a), |b| {
            let mut mat = a.get::<F>(b);
            let mut places = vec![0; pivots.rows];
            info.put_ints(b, &[kernel::factor(&mut mat, &mut places)]);
            lu.put(b, &mat);
            pivots.put_ints(b, &places);
        }));
        Ok(())
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(0).output(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (lu, pivots, g) = (Term::from(ctx.output(0)?), ctx.output(1)?, Term::from(ctx.grad(0)?));
        let (m, n) = (ctx.shape(0)[ctx.shape(0).len() - 2], ctx.shape(0)[ctx.shape(0).len() - 1]);
        let k = m.min(n);
        let p = Term(permutation(&pivots, m, lu.0.as_ref().map_err(Clone::clone)?.dtype()));
        let square = lu.rows(0, k).columns(0, k);
        let square = square.0?;
        let (gl, gu) = (g.columns(0, k).rows(0, k).tril(-1), g.rows(0, k).columns(0, k).triu(0));
        let (lower, upper) = (unit_lower(&square)?, Term::from(&square).triu(0));
        let lower_h = adjoint(&square)?;
        // L⁻ᴴ·X and X·U⁻ᴴ = (U⁻¹·Xᴴ)ᴴ
        let under = |x: &Term| x.then(|x| triangular(&lower_h, x, Form { upper: true, unit: true }));
        let over = |x: &Term| x.h().then(|x| triangular(&square, x, Form { upper: true, unit: false })).h();
        let (mut left, mut right) = (Term::from(lower).h().mm(&gl), gu.mm(&upper.h()));
        let mut beyond = None;
        if m < n {
            let (u2, gu2) = (lu.columns(k, n - k), g.columns(k, n - k));
            left = left - gu2.mm(&u2.h());
            beyond = Some((under(&gu2), -1));
        } else if m > n {
            let (l2, gl2) = (lu.rows(k, m - k), g.rows(k, m - k));
            right = right - l2.h().mm(&gl2);
            beyond = Some((over(&gl2), -2));
        }
        let inner = left.tril(-1) + right.triu(0);
        let mut grad = over(&under(&inner)).0?;
        if let Some((more, dim)) = beyond {
            grad = cat(&[grad, more.0?], dim)?;
        }
        Ok(smallvec![Some(p.mm(&Term::from(grad)).0?)])
    }
    crate::attributes!();
}

/// The unit lower triangle.
fn unit_lower(lu: &Tensor) -> Result<Tensor> {
    with_ones(&tril(lu, -1, Out::New)?)
}

/// P of A = P·L·U, `[…, m, m]`, as numbers of this dtype.
#[derive(Debug)]
pub struct Permutation {
    pub rows: usize,
    pub dtype: DType,
}

impl Op for Permutation {
    fn name(&self) -> &'static str {
        "lu_permutation"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let pivots = &inputs[0];
        let [before @ .., k] = pivots.shape() else {
            return Err(Error::shape("lu_unpack", "pivots of at least one dimension", pivots.shape()));
        };
        if pivots.dtype() != DType::I32 {
            return fail(
                "lu_unpack",
                "LU_pivots is expected to be a contiguous tensor of torch.int32 dtype. Note: \
                 this function is intended to be used with the output produced by torch.linalg.lu_factor"
                    .into(),
            );
        }
        if *k > self.rows {
            return Err(Error::shape("lu_unpack", format!("at most {} pivots", self.rows), pivots.shape()));
        }
        Ok(smallvec![Meta::New(self.dtype, join(before, &[self.rows, self.rows]))])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (pivots, to) = (Stack::vectors(&inputs[0]), Stack::matrices(&outputs[0]));
        let m = self.rows;
        for b in 0..pivots.batch() {
            let mut order: Vec<usize> = (0..m).collect();
            for (k, p) in pivots.get_ints(b).into_iter().enumerate() {
                let at = usize::try_from(p - 1).ok().filter(|&at| at < m);
                let Some(at) = at else {
                    return fail(
                        "lu_unpack",
                        format!(
                            "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive. Did you \
                                 properly pass the result of lu_factor? Got {p}"
                        ),
                    );
                };
                order.swap(k, at);
            }
            let mut p = Mat::<f64>::zeros(m, m);
            order.iter().enumerate().for_each(|(j, &i)| p[(i, j)] = 1.0);
            to.put(b, &p);
        }
        Ok(())
    }
    crate::attributes!(rows, dtype);
}

fn permutation(pivots: &Tensor, rows: usize, dtype: DType) -> Result<Tensor> {
    apply(Permutation { rows, dtype }, [pivots])
}

fn check_pivot(op: &'static str, pivot: bool) -> Result<()> {
    if !pivot {
        return fail(op, "LU without pivoting is not implemented on the CPU".into());
    }
    Ok(())
}

pub fn lu_factor_ex(a: &Tensor, pivot: bool, check: bool) -> Result<(Tensor, Tensor, Tensor)> {
    let op = "linalg.lu_factor";
    check_matrices(op, "A", a)?;
    check_pivot(op, pivot)?;
    let mut all = apply_all(LuFactor {}, Inputs(&[Some(a)]))?.into_iter();
    let (Some(lu), Some(pivots), Some(info)) = (all.next(), all.next(), all.next()) else {
        return fail(op, "a result is missing".into());
    };
    if check {
        check_info("torch.linalg.lu_factor", &info, |place| {
            format!(
                "U[{place},{place}] is zero and using it on lu_solve would result in a division by zero. If you \
                     still want to perform the factorization, consider calling linalg.lu(A, pivot) or \
                     linalg.lu_factor_ex(A, pivot)"
            )
        })?;
    }
    Ok((lu, pivots, info))
}

pub fn lu_factor(a: &Tensor, pivot: bool) -> Result<(Tensor, Tensor)> {
    let (lu, pivots, _) = lu_factor_ex(a, pivot, true)?;
    Ok((lu, pivots))
}

/// P, L and U from what `lu_factor` gives; empty tensors where they are not wanted.
pub fn lu_unpack(lu: &Tensor, pivots: &Tensor, data: bool, wants_pivots: bool) -> Result<(Tensor, Tensor, Tensor)> {
    let op = "lu_unpack";
    check_matrices(op, "LU_data", lu)?;
    let (m, n) = sizes(lu);
    let k = m.min(n);
    let none = || Tensor::empty(&[0], lu.dtype());
    let p = if wants_pivots { permutation(pivots, m, lu.dtype())? } else { none()? };
    if !data {
        return Ok((p, none()?, none()?));
    }
    let l = unit_lower(&lu.narrow(-1, 0, k)?)?;
    Ok((p, l, triu(&lu.narrow(-2, 0, k)?, 0, Out::New)?))
}

/// P, L and U of A = P·L·U.
pub fn lu(a: &Tensor, pivot: bool) -> Result<(Tensor, Tensor, Tensor)> {
    check_matrices("linalg.lu", "A", a)?;
    check_pivot("linalg.lu", pivot)?;
    let (lu, pivots, _) = lu_factor_ex(a, true, false)?;
    lu_unpack(&lu, &pivots, true, true)
}

/// X of A·X = B (of Aᴴ·X = B if `turned`), or with X on the left, from A's factors.
pub fn lu_solve(lu: &Tensor, pivots: &Tensor, b: &Tensor, left: bool, turned: bool) -> Result<Tensor> {
    let op = "linalg.lu_solve";
    check_square(op, "LU", lu)?;
    check_matrices(op, "B", b)?;
    check_same(op, lu, b)?;
    if pivots.dtype() != DType::I32 {
        return fail(
            op,
            format!("pivots should be a Tensor of scalar type torch.int32, got {}", pivots.dtype().scalar_name()),
        );
    }
    let n = sizes(lu).0;
    if pivots.shape() != &join(batch(lu), &[n])[..] {
        return fail(
            op,
            format!(
                "Number of pivots per batch should be same as the dimension of the matrix: {n} of them expected, \
                     got shape {:?}",
                pivots.shape()
            ),
        );
    }
    if !left {
        // X·A = B is Aᵀ·Xᵀ = Bᵀ, and Aᵀ is conj(Aᴴ).
        let x = lu_solve(&lu.conj()?, pivots, &transpose(b, -2, -1)?, true, !turned)?;
        return transpose(&x, -2, -1);
    }
    check_system(op, lu, b)?;
    let p = permutation(pivots, n, lu.dtype())?;
    let (lu, b) = broadcast_batches(op, lu, b)?;
    if turned {
        let h = adjoint(&lu)?;
        let middle = triangular(&h, &b, Form { upper: false, unit: false })?;
        return p.matmul(&triangular(&h, &middle, Form { upper: true, unit: true })?);
    }
    let start = transpose(&p, -2, -1)?.matmul(&b)?;
    let middle = triangular(&lu, &start, Form { upper: false, unit: true })?;
    triangular(&lu, &middle, Form { upper: true, unit: false })
}
