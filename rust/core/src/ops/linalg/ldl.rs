//! Factors of symmetric and Hermitian matrices that need not be positive.

use super::*;
use crate::kernels::linalg::ldl as kernel;
use crate::op::{Inputs, Meta, Metas, Op, apply, apply_all};
use smallvec::smallvec;

/// L and D in one matrix, the pivots as LAPACK's `sytrf` gives them, and the place of the first zero block, or 0.
#[derive(Debug)]
pub struct LdlFactor {
    pub hermitian: bool,
}

impl Op for LdlFactor {
    fn name(&self) -> &'static str {
        "linalg_ldl_factor_ex"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_square("torch.linalg.ldl_factor_ex", "A", a)?;
        Ok(smallvec![
            Meta::New(a.dtype(), a.shape().into()),
            Meta::New(DType::I32, join(batch(a), &[sizes(a).0])),
            Meta::New(DType::I32, batch(a).into()),
        ])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, to) = (Stack::matrices(&inputs[0]), Stack::matrices(&outputs[0]));
        let (pivots, info) = (Stack::vectors(&outputs[1]), Stack::numbers(&outputs[2]));
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), cost(&a), |b| {
            let mut mat = a.get::<F>(b);
            let mut places = vec![0; mat.rows];
            info.put_ints(b, &[kernel::factor(&mut mat, &mut places, self.hermitian)]);
            for j in 1..mat.cols {
                mat.col_mut(j)[..j].fill(Default::default());
            }
            to.put(b, &mat);
            pivots.put_ints(b, &places);
        }));
        Ok(())
    }
    crate::attributes!(hermitian);
}

pub fn ldl_factor_ex(a: &Tensor, hermitian: bool, check: bool) -> Result<(Tensor, Tensor, Tensor)> {
    let op = "torch.linalg.ldl_factor_ex";
    let mut all = apply_all(LdlFactor { hermitian }, Inputs(&[Some(a)]))?.into_iter();
    let (Some(ld), Some(pivots), Some(info)) = (all.next(), all.next(), all.next()) else {
        return fail(op, "a result is missing".into());
    };
    if check {
        check_info(op, &info, |place| {
            format!(
                "The diagonal block {place} of D is zero: the factorization is complete, but solving with it would \
                     divide by zero"
            )
        })?;
    }
    Ok((ld, pivots, info))
}

pub fn ldl_factor(a: &Tensor, hermitian: bool) -> Result<(Tensor, Tensor)> {
    let (ld, pivots, _) = ldl_factor_ex(a, hermitian, true)?;
    Ok((ld, pivots))
}

/// X of A·X = B, from A's factors.
#[derive(Debug)]
pub struct LdlSolve {
    pub hermitian: bool,
}

impl Op for LdlSolve {
    fn name(&self) -> &'static str {
        "linalg_ldl_solve"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (ld, pivots, b) = (&inputs[0], &inputs[1], &inputs[2]);
        let op = "torch.linalg.ldl_solve";
        check_square(op, "LD", ld)?;
        check_matrices(op, "B", b)?;
        check_system(op, ld, b)?;
        check_batches(op, ld, batch(b))?;
        if pivots.dtype() != DType::I32 || pivots.shape() != &join(batch(ld), &[sizes(ld).0])[..] {
            return Err(Error::shape(op, "int32 pivots, one for each row", pivots.shape()));
        }
        Ok(smallvec![Meta::New(b.dtype(), b.shape().into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, pivots) = (Stack::matrices(&inputs[0]), Stack::vectors(&inputs[1]));
        let (b, x) = (Stack::matrices(&inputs[2]), Stack::matrices(&outputs[0]));
        in_field!(inputs[0].dtype(), F => for_each(b.batch(), cost(&a), |i| {
            let mut rhs = b.get::<F>(i);
            if rhs.rows > 0 {
                kernel::solve(&a.get::<F>(i), &pivots.get_ints(i), &mut rhs, self.hermitian);
            }
            x.put(i, &rhs);
        }));
        Ok(())
    }
    crate::attributes!(hermitian);
}

pub fn ldl_solve(ld: &Tensor, pivots: &Tensor, b: &Tensor, hermitian: bool) -> Result<Tensor> {
    let op = "torch.linalg.ldl_solve";
    check_square(op, "LD", ld)?;
    check_matrices(op, "B", b)?;
    check_system(op, ld, b)?;
    if pivots.dtype() != DType::I32 {
        return fail(op, format!("Expected pivots to be integers. Got {}", pivots.dtype().scalar_name()));
    }
    let n = sizes(ld).0;
    if pivots.shape() != &join(batch(ld), &[n])[..] {
        return fail(
            op,
            format!(
                "Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape {:?} instead",
                pivots.shape()
            ),
        );
    }
    let shape = broadcast(op, batch(ld), batch(b))?;
    let (ld, b) = broadcast_batches(op, ld, b)?;
    let pivots = pivots.expand(&join(&shape, &[n]))?;
    apply(LdlSolve { hermitian }, [&ld, &pivots, &b])
}
