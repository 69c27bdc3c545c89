//! Membership.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::{Inputs, Metas, Op, apply, new};
use crate::ops::binary::common_dtype;
use crate::tensor::Tensor;

crate::entries!(OPS: IsIn);

/// Whether each element of input 0 occurs in input 1; or, if `invert`, does not.
#[derive(Debug)]
pub struct IsIn {
    pub invert: bool,
}

impl Op for IsIn {
    fn name(&self) -> &'static str {
        "isin"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        if let Some(x) = inputs.iter().find(|x| x.dtype().is_complex() || x.dtype() == DType::Bool) {
            let message = format!("Unsupported input type encountered for isin(): {}", x.dtype());
            return Err(Error::custom("isin", message));
        }
        new(DType::Bool, inputs[0].shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let found: Vec<u8> = if common_dtype(&inputs[0], &inputs[1]).is_int() {
            let numbers = |i: usize| inputs[i].detach().to(DType::I64)?.to_vec::<i64>();
            let mut tests = numbers(1)?;
            tests.sort_unstable();
            numbers(0)?.iter().map(|x| (tests.binary_search(x).is_ok() != self.invert) as u8).collect()
        } else {
            let common = common_dtype(&inputs[0], &inputs[1]);
            let numbers = |i: usize| inputs[i].detach().to(common)?.to(DType::F64)?.to_vec::<f64>();
            let mut tests = numbers(1)?;
            tests.retain(|x| !x.is_nan());
            tests.sort_by(f64::total_cmp);
            // −0 and 0 are equal, but not in the total order: adding 0 makes them one.
            tests.iter_mut().for_each(|x| *x += 0.0);
            let known = |x: f64| !x.is_nan() && tests.binary_search_by(|t| t.total_cmp(&(x + 0.0))).is_ok();
            numbers(0)?.iter().map(|&x| (known(x) != self.invert) as u8).collect()
        };
        // SAFETY: a new bool output with an element for each of input 0.
        unsafe { outputs[0].ptr().copy_from_nonoverlapping(found.as_ptr(), found.len()) };
        Ok(())
    }
    crate::attributes!(invert);
}

pub fn isin(elements: &Tensor, tests: &Tensor, invert: bool) -> Result<Tensor> {
    apply(IsIn { invert }, [elements, tests])
}
