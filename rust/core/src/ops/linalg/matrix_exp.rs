//! The exponential of matrices.

use super::*;
use crate::autograd::Ctx;
use crate::kernels::linalg::exp as kernel;
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, apply};
use crate::ops::join::cat;
use smallvec::smallvec;

/// eᴬ. Gradient: the upper right block of exp([Aᴴ, g; 0, Aᴴ]).
#[derive(Debug)]
pub struct MatrixExp {}

impl Op for MatrixExp {
    fn name(&self) -> &'static str {
        "linalg_matrix_exp"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        check_square("linalg.matrix_exp", "A", &inputs[0])?;
        Ok(smallvec![Meta::New(inputs[0].dtype(), inputs[0].shape().into())])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, to) = (Stack::matrices(&inputs[0]), Stack::matrices(&outputs[0]));
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), 10 * cost(&a), |b| {
            to.put(b, &kernel::exp(a.get::<F>(b)));
        }));
        Ok(())
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (a, g) = (adjoint(&ctx.input(0)?)?, ctx.grad(0)?);
        let n = sizes(&a).0;
        let zeros = Tensor::zeros(a.shape(), a.dtype())?;
        let upper = cat(&[a.clone(), g], -1)?;
        let lower = cat(&[zeros, a], -1)?;
        let whole = Term::from(matrix_exp(&cat(&[upper, lower], -2)?)?);
        Ok(smallvec![Some(whole.rows(0, n).columns(n, n).0?)])
    }
    crate::attributes!();
}

pub fn matrix_exp(a: &Tensor) -> Result<Tensor> {
    if matches!(a.dtype(), DType::F16 | DType::BF16) {
        return apply(MatrixExp {}, [&a.to(DType::F32)?])?.to(a.dtype());
    }
    apply(MatrixExp {}, [a])
}
