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

/// Moves a tensor's memory to where other processes can see it.
pub fn share(py: Python, storage: &Storage) -> PyResult<()> {
    if storage.shared().is_none() {
        register_reductions(py)?;
        storage.share().map_err(crate::error::raise)?;
    }
    Ok(())
}

/// From now on `multiprocessing` sends tensors by handle.
fn register_reductions(py: Python) -> PyResult<()> {
    py.import("rushlight.multiprocessing.reductions").map(drop)
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
        self.storage.ptr().map_or(self.storage.id(), |p| p as usize)
    }
    #[getter]
    fn _cdata(&self) -> usize {
        self.storage.id()
    }
    #[getter]
    fn device<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.storage.device_memory() {
            None => types::device_object(py, Device::CPU),
            Some(memory) => types::device_object(py, Device::parse(memory.driver().name())?),
        }
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
    /// Whether other processes can see the memory.
    fn is_shared(&self) -> bool {
        self.storage.shared().is_some()
    }
    /// Moves the memory, under all tensors over it, to where other processes can see it.
    fn share_memory_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        share(slf.py(), &slf.get().storage)?;
        Ok(slf.clone())
    }
    /// New memory, full of zeros, that other processes can see.
    #[staticmethod]
    fn _new_shared(py: Python, size: usize) -> PyResult<PyStorage> {
        register_reductions(py)?;
        Ok(PyStorage::new(Storage::new_shared(size).map_err(crate::error::raise)?))
    }
    /// Over the bytes of a file; with `shared`, what is written here is written there.
    #[staticmethod]
    #[pyo3(signature = (filename, shared=false, nbytes=0))]
    fn from_file<'py>(filename: &Bound<'py, PyAny>, shared: bool, nbytes: usize) -> PyResult<Bound<'py, PyAny>> {
        filename.py().import("rushlight._memory")?.call_method1("storage_from_file", (filename, shared, nbytes))
    }
    /// What another process needs to see the memory: a descriptor (which stays ours), a key and the size.
    fn _shared_handle(&self) -> PyResult<(i32, u128, usize)> {
        match self.storage.shared() {
            Some(shared) => Ok((shared.descriptor(), shared.key(), self.storage.bytes())),
            None => Err(PyRuntimeError::new_err("the storage is not in shared memory; call share_memory_() first")),
        }
    }
    /// The memory of another process. The descriptor is taken over; the same memory gives the same storage.
    #[staticmethod]
    fn _open_shared(descriptor: i32, key: u128, size: usize) -> PyResult<PyStorage> {
        Ok(PyStorage::new(Storage::open_shared(descriptor, size, key).map_err(crate::error::raise)?))
    }
    fn __repr__(&self) -> String {
        format!("<torch.UntypedStorage of {} bytes>", self.storage.bytes())
    }

    unsafe fn __getbuffer__(slf: Bound<Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let ptr = slf.get().storage.ptr().ok_or_else(|| PyBufferError::new_err("a storage on a device"))?;
        slf.get().storage.lend();
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
