//! DLPack: tensors of other libraries without a copy, and ours for them.

use crate::error::Raise;
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rushlight::layout::Layout;
use rushlight::storage::Storage;
use rushlight::{DType, Tensor};
use std::ffi::{CStr, c_void};

/// The structs of dlpack.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct DLDataType {
    code: u8,
    bits: u8,
    lanes: u16,
}

#[repr(C)]
struct DLTensor {
    data: *mut c_void,
    device_type: i32,
    device_id: i32,
    ndim: i32,
    dtype: DLDataType,
    shape: *mut i64,
    strides: *mut i64,
    byte_offset: u64,
}

/// What a capsule held before version 1 of the protocol …
#[repr(C)]
struct DLManagedTensor {
    tensor: DLTensor,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut DLManagedTensor)>,
}

/// … and since then.
#[repr(C)]
struct DLManagedTensorVersioned {
    major: u32,
    minor: u32,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut DLManagedTensorVersioned)>,
    flags: u64,
    tensor: DLTensor,
}

const READ_ONLY: u64 = 1;
const IS_COPIED: u64 = 2;

const CPU: i32 = 1;
/// Page-locked memory, which the CPU sees as any other.
const CUDA_HOST: i32 = 3;
/// A device that WebGPU drives.
pub const WEBGPU: i32 = 15;
const NAME: &CStr = c"dltensor";
const USED: &CStr = c"used_dltensor";
const VERSIONED: &CStr = c"dltensor_versioned";
const VERSIONED_USED: &CStr = c"used_dltensor_versioned";

fn code_of(dtype: DType) -> DLDataType {
    let code = match dtype {
        DType::Bool => 6,
        DType::U8 => 1,
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => 0,
        DType::F16 | DType::F32 | DType::F64 => 2,
        DType::BF16 => 4,
        DType::C64 | DType::C128 => 5,
    };
    DLDataType { code, bits: dtype.size() as u8 * 8, lanes: 1 }
}

/// What a capsule holds of ours until its consumer is done: one of the two structs, and what it points at.
struct Lent<M> {
    managed: M,
    _shape: Vec<i64>,
    _strides: Vec<i64>,
    _tensor: Tensor,
}

unsafe extern "C" fn delete(managed: *mut DLManagedTensor) {
    if !managed.is_null() {
        // SAFETY: the consumer is done with what `to_dlpack` leaked, and calls this once.
        drop(unsafe { Box::from_raw((*managed).context.cast::<Lent<DLManagedTensor>>()) });
    }
}

unsafe extern "C" fn delete_versioned(managed: *mut DLManagedTensorVersioned) {
    if !managed.is_null() {
        // SAFETY: as above.
        drop(unsafe { Box::from_raw((*managed).context.cast::<Lent<DLManagedTensorVersioned>>()) });
    }
}

unsafe extern "C" fn drop_capsule(capsule: *mut ffi::PyObject) {
    // SAFETY: a capsule of ours that nobody has consumed still has its first name.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, NAME.as_ptr()) != 0 {
            delete(ffi::PyCapsule_GetPointer(capsule, NAME.as_ptr()).cast());
        } else if ffi::PyCapsule_IsValid(capsule, VERSIONED.as_ptr()) != 0 {
            delete_versioned(ffi::PyCapsule_GetPointer(capsule, VERSIONED.as_ptr()).cast());
        }
    }
}

/// `x.__dlpack__()`: for a consumer that knows version 1 (it says so), or one from before.
pub fn to_dlpack<'py>(py: Python<'py>, tensor: &Tensor, versioned: bool, copied: bool) -> PyResult<Bound<'py, PyAny>> {
    if tensor.requires_grad() {
        return Err(PyBufferError::new_err("Can't export tensors that require gradient, use tensor.detach()"));
    }
    let writable = tensor.storage().is_writable();
    if !writable && !versioned {
        let text = "Can't export a tensor over read-only memory, which the receiver might write to; use clone() first";
        return Err(PyBufferError::new_err(text));
    }
    if tensor.storage().device_memory().is_some() {
        return Err(PyBufferError::new_err(
            "a tensor on the gpu has no memory that others could read; use .cpu() first",
        ));
    }
    tensor.storage().lend();
    let mut shape: Vec<i64> = tensor.shape().iter().map(|&n| n as i64).collect();
    let mut strides: Vec<i64> = tensor.strides().iter().map(|&n| n as i64).collect();
    let about = DLTensor {
        data: tensor.ptr().cast(),
        device_type: CPU,
        device_id: 0,
        ndim: tensor.ndim() as i32,
        dtype: code_of(tensor.dtype()),
        shape: shape.as_mut_ptr(), // on the heap, where they stay when the vectors move
        strides: strides.as_mut_ptr(),
        byte_offset: 0,
    };
    let (tensor, context) = (tensor.detach(), std::ptr::null_mut());
    if versioned {
        let flags = if writable { 0 } else { READ_ONLY } | if copied { IS_COPIED } else { 0 };
        let deleter = Some(delete_versioned as unsafe extern "C" fn(*mut DLManagedTensorVersioned));
        let managed = DLManagedTensorVersioned { major: 1, minor: 0, context, deleter, flags, tensor: about };
        let lent = Box::into_raw(Box::new(Lent { managed, _shape: shape, _strides: strides, _tensor: tensor }));
        // SAFETY: the box lives until its deleter is called.
        unsafe {
            (*lent).managed.context = lent.cast();
            capsule(py, (&raw mut (*lent).managed).cast(), VERSIONED).inspect_err(|_| drop(Box::from_raw(lent)))
        }
    } else {
        let managed = DLManagedTensor { tensor: about, context, deleter: Some(delete) };
        let lent = Box::into_raw(Box::new(Lent { managed, _shape: shape, _strides: strides, _tensor: tensor }));
        // SAFETY: as above.
        unsafe {
            (*lent).managed.context = lent.cast();
            capsule(py, (&raw mut (*lent).managed).cast(), NAME).inspect_err(|_| drop(Box::from_raw(lent)))
        }
    }
}

/// # Safety
/// `managed` must be the struct that the name promises, and live until `drop_capsule` or a consumer deletes it.
unsafe fn capsule<'py>(py: Python<'py>, managed: *mut c_void, name: &'static CStr) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: by the caller's promise; the name lives forever.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyCapsule_New(managed, name.as_ptr(), Some(drop_capsule))) }
}

/// Somebody else's tensor; told when we are done with it.
enum Borrowed {
    Old(*mut DLManagedTensor),
    Versioned(*mut DLManagedTensorVersioned),
}
// SAFETY: the protocol allows the deleter in any thread.
unsafe impl Send for Borrowed {}
// SAFETY: as above; nothing else is called on it.
unsafe impl Sync for Borrowed {}

impl Borrowed {
    /// Takes the tensor out of its capsule.
    fn from(capsule: &Bound<PyAny>) -> Option<Borrowed> {
        let object = capsule.as_ptr();
        let take = |name: &CStr, used: &'static CStr| {
            // SAFETY: a valid capsule of this name holds what the protocol says; renaming it makes that ours.
            unsafe {
                (ffi::PyCapsule_IsValid(object, name.as_ptr()) != 0).then(|| {
                    let managed = ffi::PyCapsule_GetPointer(object, name.as_ptr());
                    ffi::PyCapsule_SetName(object, used.as_ptr());
                    managed
                })
            }
        };
        let versioned = || take(VERSIONED, VERSIONED_USED).map(|managed| Borrowed::Versioned(managed.cast()));
        take(NAME, USED).map(|managed| Borrowed::Old(managed.cast())).or_else(versioned)
    }

    fn tensor(&self) -> &DLTensor {
        // SAFETY: alive until we delete it.
        unsafe {
            match self {
                Borrowed::Old(managed) => &(**managed).tensor,
                Borrowed::Versioned(managed) => &(**managed).tensor,
            }
        }
    }

    /// The version, and the flags that it has since version 1.
    fn version(&self) -> (u32, u64) {
        match self {
            Borrowed::Old(_) => (0, 0),
            // SAFETY: as above; these fields stand in the same place in all versions.
            Borrowed::Versioned(managed) => unsafe { ((**managed).major, (**managed).flags) },
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // SAFETY: taken out of its capsule, so this is ours to delete, once. Deleters of Python libraries want the GIL.
        unsafe {
            if ffi::Py_IsInitialized() == 0 {
                return;
            }
            Python::attach(|_| match self {
                Borrowed::Old(managed) => (**managed).deleter.into_iter().for_each(|delete| delete(*managed)),
                Borrowed::Versioned(managed) => (**managed).deleter.into_iter().for_each(|delete| delete(*managed)),
            });
        }
    }
}

/// Asks for version 1, and in the old way those who do not know it.
fn ask<'py>(object: &Bound<'py, PyAny>, copy: Option<bool>) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let kwargs = PyDict::new(py);
    kwargs.set_item("max_version", (1, 0))?;
    if copy.is_some() {
        kwargs.set_item("copy", copy)?;
    }
    match object.call_method("__dlpack__", (), Some(&kwargs)) {
        Err(error) if error.is_instance_of::<PyTypeError>(py) => object.call_method0("__dlpack__"),
        answer => answer,
    }
}

/// `torch.from_dlpack`: of a capsule, or of an object with `__dlpack__`.
pub fn from_dlpack(object: &Bound<PyAny>, copy: Option<bool>) -> PyResult<Tensor> {
    let capsule = if object.hasattr("__dlpack__")? { ask(object, copy)? } else { object.clone() };
    let Some(borrowed) = Borrowed::from(&capsule) else {
        let text = "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once.";
        return Err(PyTypeError::new_err(text));
    };
    let (major, flags) = borrowed.version();
    if major > 1 {
        return Err(PyBufferError::new_err(format!("from_dlpack: expected DLPack version 1 or older, got {major}")));
    }
    let t = borrowed.tensor();
    if t.device_type != CPU && t.device_type != CUDA_HOST {
        return Err(PyValueError::new_err(format!(
            "from_dlpack: expected a tensor in CPU memory, got device type {}",
            t.device_type
        )));
    }
    let same = |d: &DType| {
        let code = code_of(*d);
        (code.code, code.bits, code.lanes) == (t.dtype.code, t.dtype.bits, t.dtype.lanes)
    };
    let Some(dtype) = DType::ALL.into_iter().find(same) else {
        let DLDataType { code, bits, lanes } = t.dtype;
        return Err(PyTypeError::new_err(format!(
            "from_dlpack: unsupported type code {code}, {bits} bits, {lanes} lanes"
        )));
    };
    let Ok(n) = usize::try_from(t.ndim) else {
        return Err(PyValueError::new_err(format!("from_dlpack: a tensor of {} dimensions", t.ndim)));
    };
    // SAFETY: by the protocol, `ndim` sizes, and as many strides unless the tensor is dense.
    let (shape, strides) = unsafe {
        let of = |p: *mut i64| if n == 0 || p.is_null() { &[] } else { std::slice::from_raw_parts(p, n) };
        (of(t.shape), of(t.strides))
    };
    if shape.len() != n || shape.iter().any(|&n| n < 0) {
        return Err(PyValueError::new_err(format!("from_dlpack: invalid shape {shape:?} of {n} dimensions")));
    }
    if strides.iter().zip(shape).any(|(&s, &n)| s < 0 && n > 1) {
        return Err(PyValueError::new_err(
            "from_dlpack: tensors with negative strides are not supported; make a contiguous copy first",
        ));
    }
    let shape: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
    let layout = match strides {
        [] => Layout::contiguous(&shape),
        strides => {
            Layout::strided(shape.into_iter().collect(), strides.iter().map(|&s| s.max(0) as isize).collect(), 0)
        }
    };
    let bytes = layout.reach("from_dlpack").py()? * dtype.size();
    let ptr = t.data.cast::<u8>().wrapping_add(t.byte_offset as usize);
    // Who was asked for a copy and did not know of it has given its own memory.
    let still_to_copy = copy == Some(true) && flags & IS_COPIED == 0;
    // SAFETY: the memory stays until `borrowed` is dropped, with the storage.
    let storage = unsafe { Storage::external(ptr, bytes, flags & READ_ONLY == 0, Box::new(borrowed)) };
    let tensor = Tensor::on(storage, layout, dtype).py()?;
    if still_to_copy { tensor.copy().py() } else { Ok(tensor) }
}
