//! How the families run on a GPU: which file of `shaders/` an op takes, with which constants and how many workgroups. An op's
//! `gpu` calls one function of this module.
//!
//! A shader is put together from lines that say its constants, then the files, the frame (`gemm_*`, `rows_*`) among them. Each file
//! begins with what it expects: its tensors, its words, how wide its workgroups are.

pub mod gemm;
pub mod index;
pub mod norm;
pub mod optim;
pub mod pool;
pub mod random;
pub mod reduce;
pub mod rows;
pub mod scan;
pub mod sort;

use crate::autograd::Modes;
use crate::device::{Form, Wide, transfer, with_home};
use crate::dtype::DType;
use crate::error::Result;
use crate::tensor::Tensor;
use std::fmt::Write;

/// The text of a file of `shaders/`.
macro_rules! wgsl {
    ($name:literal) => {
        include_str!(concat!("../../../../../shaders/", $name, ".wgsl"))
    };
}
pub(crate) use wgsl;

/// Invocations of a workgroup where each works alone.
pub(crate) const SIDE: usize = 64;

/// What a shader cannot get a number for at a bad index.
pub(crate) const NOT_A_NUMBER: f64 = f64::NAN;

/// Whether a tensor lies on a device, where no CPU kernel can see it.
pub(crate) fn on_device(x: &Tensor) -> bool {
    x.storage().device_memory().is_some()
}

/// Runs ops of which nobody is to be told: their results are the inside of another.
pub(crate) fn quiet<R>(work: impl FnOnce() -> R) -> R {
    Modes { grad: false, capture: false, ..Modes::current() }.during(work)
}

/// For functions that are no ops and read memory themselves: runs one on copies of its tensors on the CPU, and sends the results
/// to where the tensors are. None if they are on the CPU.
pub(crate) fn by_cpu<const N: usize>(
    op: &'static str,
    tensors: &[&Tensor],
    work: impl FnOnce(&[Tensor]) -> Result<[Tensor; N]>,
) -> Result<Option<[Tensor; N]>> {
    let Some(driver) = tensors.iter().find_map(|t| t.driver()) else { return Ok(None) };
    driver.fallback(op)?;
    let here = tensors.iter().map(|t| t.to_cpu()).collect::<Result<Vec<_>>>()?;
    let mut results = with_home(None, || work(&here))?;
    for result in &mut results {
        *result = transfer(result, Some(driver.clone()))?;
    }
    Ok(Some(results))
}

/// `const NAME = value;` for each flag, and the type `W` that a dtype computes in.
pub(crate) fn head(dtype: DType, flags: &[(&str, bool)]) -> String {
    let wide = Form::any(dtype).map_or(Wide::F32, |form| form.wide);
    let mut text = format!("alias W = {};\n", wide.name());
    for (name, value) in flags {
        let _ = writeln!(text, "const {name} = {value};");
    }
    text
}

/// The flags in the key of a pipeline.
pub(crate) fn tag(flags: &[(&str, bool)]) -> String {
    flags.iter().map(|(_, value)| if *value { '1' } else { '0' }).collect()
}

/// Workgroups of [`SIDE`] for so many invocations.
pub(crate) fn sides(count: usize) -> usize {
    count.div_ceil(SIDE)
}
