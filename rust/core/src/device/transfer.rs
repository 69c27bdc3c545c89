//! Tensors on their way between the CPU and a device.

use super::form::Form;
use super::{Driver, Gpu, device_bytes};
use crate::autograd::Ctx;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::op::{Grads, Inputs, Metas, Op, new, placed};
use crate::storage::Storage;
use crate::tensor::Tensor;
use smallvec::smallvec;
use std::sync::Arc;

/// The same values elsewhere: on a device, or (none) on the CPU.
#[derive(Debug)]
pub struct Transfer {
    pub from: Option<Arc<dyn Driver>>,
    pub to: Option<Arc<dyn Driver>>,
}

impl Op for Transfer {
    fn name(&self) -> &'static str {
        "to"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        new(inputs[0].dtype(), inputs[0].shape())
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(transfer(&ctx.grad(0)?, self.from.clone())?)])
    }
}

/// The tensor on a device, or (none) on the CPU; itself if it is there. Differentiable.
pub fn transfer(x: &Tensor, to: Option<Arc<dyn Driver>>) -> Result<Tensor> {
    let from = x.driver();
    let there = match (&from, &to) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        _ => false,
    };
    if there {
        return Ok(x.clone());
    }
    let moved = match &to {
        None => to_host(x)?,
        Some(driver) => upload(&to_host(x)?, driver)?,
    };
    placed(Arc::new(Transfer { from, to }), x, moved)
}

/// A dense copy on the device of a tensor on the CPU, outside of the graph.
pub fn upload(x: &Tensor, driver: &Arc<dyn Driver>) -> Result<Tensor> {
    if x.storage().device_memory().is_some() {
        return Ok(x.detach());
    }
    let bytes = device_bytes(driver, x.dtype(), x.numel())?;
    let dense = crate::autograd::no_grad(|| x.detach().contiguous())?;
    let storage = Storage::on_device(driver.alloc_to_write(bytes)?, x.numel() * x.dtype().size());
    write(&storage, &dense)?;
    Ok(Tensor::build(storage, Layout::contiguous(x.shape()), x.dtype(), None))
}

/// Fills the beginning of a storage with the elements of a dense tensor on the CPU.
pub(crate) fn write(to: &Storage, dense: &Tensor) -> Result<()> {
    let Some(memory) = to.device_memory() else {
        return Err(Error::custom("to", "the target is not on a device"));
    };
    if dense.numel() == 0 {
        return Ok(());
    }
    // SAFETY: dense, on the CPU, and alive through the copy.
    let bytes = unsafe { std::slice::from_raw_parts(dense.ptr(), dense.numel() * dense.dtype().size()) };
    if matches!(dense.dtype().size(), 4) || dense.dtype() == crate::dtype::DType::F16 {
        return memory.driver().write(to, 0, bytes);
    }
    memory.driver().write(to, 0, &Form::to_device(dense.dtype(), bytes)?)
}

/// A dense copy on the CPU, outside of the graph; the tensor itself if it is there.
pub fn to_host(x: &Tensor) -> Result<Tensor> {
    let Some(driver) = x.driver() else { return Ok(x.clone()) };
    let copy = Tensor::empty(x.shape(), x.dtype())?;
    if x.numel() == 0 {
        return Ok(copy);
    }
    let form = Form::of(x.dtype(), &driver)?;
    let dense = Gpu { op: "to", driver: &driver }.dense(x)?;
    let bytes = driver.read(dense.storage(), dense.layout().offset() * form.bytes, x.numel() * form.bytes)?;
    let bytes = Form::to_host(x.dtype(), bytes);
    // SAFETY: fresh memory of as many elements.
    unsafe { copy.ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len().min(x.numel() * x.dtype().size())) };
    Ok(copy)
}
