//! `torch.UntypedStorage`: the bytes under a tensor. Lends them through the buffer protocol.

use crate::types::{self, Device};
use pyo3::exceptions::{PyBufferError, PyIndexError, PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use rushlight::storage::Storage;
use std::ffi::{c_int, c_void};

#[pyclass(name = "UntypedStorage", module = "rushlight", subclass, weakref, frozen)]
pub struct PyStorage {
    storage: Storage,
}

impl PyStorage {
    pub fn new(storage: Storage) -> PyStorage {
        PyStorage { storage }
    }
    pub fn storage(&self) -> &Storage {
        &self.storage
    }
    fn bytes(&self) -> PyResult<*mut u8> {
        let text = "a storage on a device has no bytes that the CPU sees; use .cpu()";
        self.storage.ptr().ok_or_else(|| PyTypeError::new_err(text))
    }
    fn writable(&self) -> PyResult<()> {
        match self.storage.is_writable() {
            true => Ok(()),
            false => Err(PyRuntimeError::new_err("the memory of the storage is read-only; clone() it first")),
        }
    }
    fn place(&self, index: isize) -> PyResult<usize> {
        let n = self.storage.bytes() as isize;
        let at = if index < 0 { index + n } else { index };
        if (0..n).contains(&at) {
            Ok(at as usize)
        } else {
            Err(PyIndexError::new_err(format!("index {index} out of range for storage of size {n}")))
        }
    }
}

#[pymethods]
impl PyStorage {
    #[new]
    #[pyo3(signature = (size=0, *, device=None))]
    fn __new__(size: usize, device: Option<&Bound<PyAny>>) -> PyResult<PyStorage> {
        let _ = device.map(|d| types::device(d.as_borrowed())).transpose()?;
        Ok(PyStorage::new(Storage::new(size).map_err(crate::error::raise)?))
    }
    fn nbytes(&self) -> usize {
        self.storage.bytes()
    }
    fn size(&self) -> usize {
        self.storage.bytes()
    }
    fn __len__(&self) -> usize {
        self.storage.bytes()
    }
    fn element_size(&self) -> usize {
        1
    }
    fn data_ptr(&self) -> usize {
        self.storage.ptr().map_or(0, |p| p as usize)
    }
    #[getter]
    fn _cdata(&self) -> usize {
        self.storage.id()
    }
    #[getter]
    fn device<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        types::device_object(py, Device::CPU)
    }
    fn __getitem__(&self, index: isize) -> PyResult<u8> {
        let (ptr, at) = (self.bytes()?, self.place(index)?);
        // SAFETY: inside of the storage.
        Ok(unsafe { ptr.add(at).read() })
    }
    fn __setitem__(&self, index: isize, value: u8) -> PyResult<()> {
        let (ptr, at) = (self.bytes()?, self.place(index)?);
        self.writable()?;
        // SAFETY: inside of the storage; who writes while others read has to synchronise, as in PyTorch.
        unsafe { ptr.add(at).write(value) };
        self.storage.modified_by("storage item assignment");
        Ok(())
    }
    fn tolist(&self) -> PyResult<Vec<u16>> {
        let ptr = self.bytes()?;
        // SAFETY: the whole storage.
        Ok(unsafe { std::slice::from_raw_parts(ptr, self.storage.bytes()) }.iter().map(|&b| b as u16).collect())
    }
    fn cpu<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }
    fn clone(&self) -> PyResult<PyStorage> {
        let (from, new) = (self.bytes()?, Storage::new(self.storage.bytes()).map_err(crate::error::raise)?);
        if let Some(to) = new.ptr() {
            // SAFETY: two storages of this many bytes, the second one new.
            unsafe { to.copy_from_nonoverlapping(from, self.storage.bytes()) };
        }
        Ok(PyStorage::new(new))
    }
    /// Fills this storage with the bytes of another of the same size.
    #[pyo3(signature = (source, non_blocking=None))]
    fn copy_<'py>(
        slf: &Bound<'py, Self>,
        source: &Bound<'py, PyStorage>,
        non_blocking: Option<bool>,
    ) -> PyResult<Bound<'py, Self>> {
        let _ = non_blocking;
        let (to, from) = (slf.get().bytes()?, source.get().bytes()?);
        slf.get().writable()?;
        let n = slf.get().storage.bytes();
        if n != source.get().storage.bytes() {
            return Err(PyTypeError::new_err(format!(
                "copy_(): expected a storage of {n} bytes, got {}",
                source.get().storage.bytes()
            )));
        }
        // SAFETY: both have n bytes.
        unsafe { to.copy_from(from, n) };
        slf.get().storage.modified_by("storage copy_");
        Ok(slf.clone())
    }
    fn is_shared(&self) -> bool {
        false
    }
    fn __repr__(&self) -> String {
        format!("<torch.UntypedStorage of {} bytes>", self.storage.bytes())
    }

    unsafe fn __getbuffer__(slf: Bound<Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let ptr = slf.get().storage.ptr().ok_or_else(|| PyBufferError::new_err("a storage on a device"))?;
        let (bytes, readonly) = (slf.get().storage.bytes(), !slf.get().storage.is_writable());
        // SAFETY: fills the view that CPython gave; the view holds a reference to us, and we hold the memory.
        match unsafe {
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), ptr.cast::<c_void>(), bytes as isize, readonly as c_int, flags)
        } {
            0 => Ok(()),
            _ => Err(PyErr::fetch(slf.py())),
        }
    }
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {}
}
