//! DLPack: tensors of other libraries without a copy, and ours for them.

use crate::error::Raise;
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use rushlight::layout::Layout;
use rushlight::storage::Storage;
use rushlight::{DType, Tensor};
use std::ffi::c_void;

/// The structs of dlpack.h, as the protocol before version 1 has them.
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

#[repr(C)]
struct DLManagedTensor {
    tensor: DLTensor,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut DLManagedTensor)>,
}

const CPU: i32 = 1;
const NAME: &std::ffi::CStr = c"dltensor";
const USED: &std::ffi::CStr = c"used_dltensor";

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

/// What a capsule holds of ours until its consumer is done.
struct Lent {
    managed: DLManagedTensor,
    shape: Vec<i64>,
    strides: Vec<i64>,
    _tensor: Tensor,
}

unsafe extern "C" fn delete(managed: *mut DLManagedTensor) {
    if !managed.is_null() {
        // SAFETY: the consumer is done with what `to_dlpack` leaked, and calls this once.
        drop(unsafe { Box::from_raw((*managed).context.cast::<Lent>()) });
    }
}

unsafe extern "C" fn drop_capsule(capsule: *mut ffi::PyObject) {
    // SAFETY: a capsule of ours that nobody has consumed still has its first name.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, NAME.as_ptr()) != 0 {
            delete(ffi::PyCapsule_GetPointer(capsule, NAME.as_ptr()).cast());
        }
    }
}

/// `x.__dlpack__()`
pub fn to_dlpack<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    if tensor.requires_grad() {
        return Err(PyBufferError::new_err("Can't export tensors that require gradient, use tensor.detach()"));
    }
    if !tensor.storage().is_writable() {
        let text = "Can't export a tensor over read-only memory, which the receiver might write to; use clone() first";
        return Err(PyBufferError::new_err(text));
    }
    if tensor.storage().device_memory().is_some() {
        return Err(PyBufferError::new_err(
            "a tensor on the gpu has no memory that others could read; use .cpu() first",
        ));
    }
    let mut lent = Box::new(Lent {
        managed: DLManagedTensor {
            tensor: DLTensor {
                data: tensor.ptr().cast(),
                device_type: CPU,
                device_id: 0,
                ndim: tensor.ndim() as i32,
                dtype: code_of(tensor.dtype()),
                shape: std::ptr::null_mut(),
                strides: std::ptr::null_mut(),
                byte_offset: 0,
            },
            context: std::ptr::null_mut(),
            deleter: Some(delete),
        },
        shape: tensor.shape().iter().map(|&n| n as i64).collect(),
        strides: tensor.strides().iter().map(|&n| n as i64).collect(),
        _tensor: tensor.detach(),
    });
    lent.managed.tensor.shape = lent.shape.as_mut_ptr();
    lent.managed.tensor.strides = lent.strides.as_mut_ptr();
    let lent = Box::into_raw(lent);
    // SAFETY: the box lives until `delete`; the capsule's destructor or its consumer calls that.
    unsafe {
        (*lent).managed.context = lent.cast();
        let capsule = ffi::PyCapsule_New((&raw mut (*lent).managed).cast(), NAME.as_ptr(), Some(drop_capsule));
        if capsule.is_null() {
            drop(Box::from_raw(lent));
        }
        Bound::from_owned_ptr_or_err(py, capsule)
    }
}

/// Somebody else's tensor; told when we are done with it.
struct Borrowed(*mut DLManagedTensor);
// SAFETY: the protocol allows the deleter in any thread.
unsafe impl Send for Borrowed {}
// SAFETY: as above; nothing else is called on it.
unsafe impl Sync for Borrowed {}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // SAFETY: taken out of its capsule, so this is ours to delete, once. Deleters of Python libraries want the GIL.
        unsafe {
            if let Some(deleter) = (*self.0).deleter
                && ffi::Py_IsInitialized() != 0
            {
                Python::attach(|_| deleter(self.0));
            }
        }
    }
}

/// `torch.from_dlpack`: of a capsule, or of an object with `__dlpack__`.
pub fn from_dlpack(object: &Bound<PyAny>) -> PyResult<Tensor> {
    let capsule = if object.hasattr("__dlpack__")? { object.call_method0("__dlpack__")? } else { object.clone() };
    // SAFETY: a valid capsule of this name holds a managed tensor, by the protocol; renaming it makes it ours.
    let borrowed = unsafe {
        if ffi::PyCapsule_IsValid(capsule.as_ptr(), NAME.as_ptr()) == 0 {
            let text =
                "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once.";
            return Err(PyTypeError::new_err(text));
        }
        let managed = ffi::PyCapsule_GetPointer(capsule.as_ptr(), NAME.as_ptr()).cast::<DLManagedTensor>();
        ffi::PyCapsule_SetName(capsule.as_ptr(), USED.as_ptr());
        Borrowed(managed)
    };
    // SAFETY: as above.
    let t = unsafe { &(*borrowed.0).tensor };
    if t.device_type != CPU {
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
    let n = t.ndim as usize;
    // SAFETY: by the protocol, `ndim` sizes, and as many strides unless the tensor is dense.
    let (shape, strides) = unsafe {
        let of = |p: *mut i64| if n == 0 || p.is_null() { &[] } else { std::slice::from_raw_parts(p, n) };
        (of(t.shape), of(t.strides))
    };
    let shape: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
    let layout = match strides {
        [] => Layout::contiguous(&shape),
        strides => Layout::strided(shape.into_iter().collect(), strides.iter().map(|&s| s as isize).collect(), 0),
    };
    let bytes = layout.reach("from_dlpack").py()? * dtype.size();
    let ptr = t.data.cast::<u8>().wrapping_add(t.byte_offset as usize);
    // SAFETY: the memory stays until `borrowed` is dropped, with the storage.
    let storage = unsafe { Storage::external(ptr, bytes, true, Box::new(borrowed)) };
    Tensor::on(storage, layout, dtype).py()
}
