//! How an op runs on a device: with its shader, or on the CPU for want of one; and where tensors out of nothing go.

use super::{Driver, Form, Gpu, transfer};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::{Inputs, Op};
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

thread_local!(static HOME: RefCell<Option<Arc<dyn Driver>>> = const { RefCell::new(None) });
/// Whether any thread ever had a home, so that programs without a GPU do not look.
static USED: AtomicBool = AtomicBool::new(false);

/// Where ops without inputs (a tensor of zeros) put their result now; none is the CPU.
pub fn home() -> Option<Arc<dyn Driver>> {
    if USED.load(Relaxed) { HOME.with_borrow(Clone::clone) } else { None }
}

/// A list that a function has made, where its tensors are. What that device cannot hold stays on the CPU.
pub(crate) fn homed(tensor: Tensor) -> Result<Tensor> {
    match home() {
        Some(driver) if Form::of(tensor.dtype(), &driver).is_ok() => super::upload(&tensor, &driver),
        _ => Ok(tensor),
    }
}

/// Runs `work` with this home: the device that a factory was given, or the one that a function's tensors are on.
pub fn with_home<R>(driver: Option<Arc<dyn Driver>>, work: impl FnOnce() -> R) -> R {
    if driver.is_none() && !USED.load(Relaxed) {
        return work();
    }
    USED.store(true, Relaxed);
    struct Restore(Option<Arc<dyn Driver>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            HOME.with_borrow_mut(|home| *home = self.0.take());
        }
    }
    let _restore = Restore(HOME.with_borrow_mut(|home| std::mem::replace(home, driver)));
    work()
}

/// Fills the outputs on a device.
pub(crate) fn on_device(op: &dyn Op, inputs: Inputs, outputs: &[Tensor], driver: &Arc<dyn Driver>) -> Result<()> {
    let numbers = op.pointwise().is_some();
    let mut away = false;
    for tensor in inputs.iter() {
        match tensor.storage().device_memory() {
            None if tensor.ndim() > 0 && !takes_indices(op.name(), tensor) => {
                return Err(mixed(op.name(), driver, "cpu"));
            }
            None => away |= !numbers,
            Some(memory) if !Arc::ptr_eq(memory.driver(), driver) => {
                return Err(mixed(op.name(), driver, memory.driver().name()));
            }
            _ => {}
        }
    }
    if outputs.iter().any(|t| t.storage().device_memory().is_none()) {
        return Err(mixed(op.name(), driver, "cpu"));
    }
    let gpu = Gpu { op: op.name(), driver };
    let ran = if away {
        // What lies on the CPU is sent along; a number beside a tensor takes a dtype that the device has.
        let all: SmallVec<[Option<Tensor>; 4]> = inputs
            .0
            .iter()
            .map(|input| match input {
                Some(t) if t.storage().device_memory().is_none() => send(t, driver).map(Some),
                other => Ok(other.cloned()),
            })
            .collect::<Result<_>>()?;
        let all: SmallVec<[Option<&Tensor>; 4]> = all.iter().map(Option::as_ref).collect();
        op.gpu(&gpu, Inputs(&all), outputs)?
    } else {
        op.gpu(&gpu, inputs, outputs)?
    };
    if ran {
        return Ok(());
    }
    driver.fallback(op.name())?;
    on_cpu_instead(op, inputs, outputs, &gpu)
}

fn send(x: &Tensor, driver: &Arc<dyn Driver>) -> Result<Tensor> {
    let x = if x.dtype() == DType::F64 { &x.detach().to(DType::F32)? } else { x };
    super::upload(x, driver)
}

/// PyTorch lets indices stay on the CPU.
fn takes_indices(op: &str, tensor: &Tensor) -> bool {
    matches!(op, "index" | "index_put" | "index_put_" | "index_backward")
        && matches!(tensor.dtype(), DType::I64 | DType::I32 | DType::Bool | DType::U8)
}

#[cold]
fn mixed(op: &'static str, driver: &Arc<dyn Driver>, other: &str) -> Error {
    let message = format!(
        "Expected all tensors to be on the same device, but found at least two devices, {} and {other}! (in the arguments of \
         {op}; bring them together with .to('{}') or .cpu())",
        driver.name(),
        driver.name().split(':').next().unwrap_or("gpu")
    );
    Error::custom(op, message)
}

/// An op without a shader: fetch the inputs, compute here, write the outputs back.
fn on_cpu_instead(op: &dyn Op, inputs: Inputs, outputs: &[Tensor], gpu: &Gpu) -> Result<()> {
    let here: SmallVec<[Option<Tensor>; 4]> =
        inputs.0.iter().map(|t| t.map(super::to_host).transpose()).collect::<Result<_>>()?;
    let mut results: SmallVec<[Tensor; 1]> = SmallVec::new();
    for output in outputs {
        // An op that updates its first input finds it in the output.
        let own = inputs.0.iter().position(|t| t.is_some_and(|t| t.same(output)));
        match own.and_then(|i| here[i].clone()) {
            Some(tensor) => results.push(tensor),
            None => results.push(Tensor::empty(output.shape(), output.dtype())?),
        }
    }
    let here: SmallVec<[Option<&Tensor>; 4]> = here.iter().map(Option::as_ref).collect();
    with_home(None, || op.cpu(Inputs(&here), &results))?;
    for (to, from) in outputs.iter().zip(&results) {
        let whole = to.is_contiguous() && to.storage().bytes() == to.numel() * to.dtype().size();
        match whole {
            true => transfer::write(to.storage(), from)?,
            false => gpu.copy(&super::upload(from, gpu.driver)?, to)?,
        }
    }
    Ok(())
}

/// Refuses to look at device memory as elements that are held otherwise there.
pub(crate) fn check_view(op: &'static str, x: &Tensor, dtype: DType) -> Result<()> {
    if x.dtype() == dtype || x.storage().device_memory().is_none() {
        return Ok(());
    }
    let alike = match (Form::any(x.dtype()), Form::any(dtype)) {
        (Some(a), Some(b)) => x.dtype().size() == dtype.size() && (a.name == b.name || x.dtype().size() == 4),
        _ => false,
    };
    match alike {
        true => Ok(()),
        false => Err(Error::NotImplemented {
            op,
            what: "a view of a GPU tensor as another dtype (elements there have 32 bits whatever the dtype is; use .cpu() first)",
        }),
    }
}
