//! How batches come from the workers of a DataLoader: `_Segment` is shared memory that a worker fills and the main process
//! looks at, in turns; `_Lease` is such a look.

use crate::class;
use crate::error::Raise;
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use rushlight::layout::Layout;
use rushlight::storage::Storage;
use rushlight::storage::shared::{Lease, Segment};
use rushlight::{DType, Tensor};

/// Tensors begin at multiples of this.
const ALIGN: usize = 64;
/// Bytes from which on a copy lets go of the interpreter's lock.
const LONG: usize = 1 << 20;

#[pyclass(name = "_Segment", module = "rushlight._rushlight", frozen)]
pub struct PySegment(Segment);

#[pyclass(name = "_Lease", module = "rushlight._rushlight", frozen)]
pub struct PyLease(Lease);

fn place(segment: &Segment, at: usize, bytes: usize) -> PyResult<*mut u8> {
    match at.checked_add(bytes) {
        Some(end) if end <= segment.room() => Ok(segment.ptr().wrapping_add(at)),
        _ => {
            let text = format!("{bytes} bytes at {at} lie outside of a segment of {}", segment.room());
            Err(PyIndexError::new_err(text))
        }
    }
}

fn dtype_of(code: usize) -> PyResult<DType> {
    DType::ALL.get(code).copied().ok_or_else(|| PyValueError::new_err(format!("no dtype has the number {code}")))
}

/// How much of its storage a tensor needs, if that is no more than what it has elements: then it travels as it lies.
fn span(tensor: &Tensor) -> Option<usize> {
    if tensor.is_contiguous() {
        return Some(tensor.numel());
    }
    if tensor.strides().iter().any(|&s| s < 0) {
        return None;
    }
    let span = tensor.layout().reach("share").ok()?.checked_sub(tensor.layout().offset())?;
    (span <= tensor.numel()).then_some(span)
}

#[pymethods]
impl PySegment {
    /// New memory with room for so many bytes, and a descriptor for the other side: the caller closes it.
    #[staticmethod]
    fn create(room: usize) -> PyResult<(PySegment, i32)> {
        let (segment, descriptor) = Segment::create(room).py()?;
        Ok((PySegment(segment), descriptor))
    }
    /// The other side's view of it; takes the descriptor and closes it.
    #[staticmethod]
    fn open(descriptor: i32, room: usize) -> PyResult<PySegment> {
        Ok(PySegment(Segment::open(descriptor, room).py()?))
    }
    #[getter]
    fn room(&self) -> usize {
        self.0.room()
    }
    /// Takes it for filling; False if somebody still uses what is in it.
    fn take(&self) -> bool {
        self.0.take()
    }
    fn give_back(&self) {
        self.0.give_back();
    }
    #[getter]
    fn retired(&self) -> bool {
        self.0.is_retired()
    }
    fn lend(&self) -> PyLease {
        PyLease(self.0.lend())
    }

    /// An uninitialised tensor at `at`, or None if there is no room for it.
    fn empty<'py>(
        &self,
        py: Python<'py>,
        at: usize,
        dtype: &Bound<'py, PyAny>,
        size: Vec<usize>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let dtype = crate::types::dtype(dtype.as_borrowed())?;
        let bytes = size.iter().try_fold(dtype.size(), |all, &n| all.checked_mul(n));
        let at = at.next_multiple_of(ALIGN);
        let Some(bytes) = bytes.filter(|&bytes| place(&self.0, at, bytes).is_ok()) else { return Ok(None) };
        let ptr = place(&self.0, at, bytes)?;
        // SAFETY: inside of the mapping, which its owner keeps.
        let storage = unsafe { Storage::external(ptr, bytes, true, Box::new(self.0.memory())) };
        Ok(Some(class::wrap(py, Tensor::on(storage, Layout::contiguous(&size), dtype).py()?)?))
    }

    /// Puts a tensor at `at`, unless it is in here already. Gives where the next one may begin, whether this one is in here
    /// (else there was no room), and the arguments of `_Lease.tensor` for it.
    fn put<'py>(
        &self,
        py: Python<'py>,
        tensor: &Bound<'py, PyAny>,
        at: usize,
    ) -> PyResult<(usize, bool, Bound<'py, PyTuple>)> {
        if !class::is_tensor(tensor.as_borrowed()) {
            return Err(PyTypeError::new_err(format!("put(): expected a Tensor, got {}", tensor.get_type().name()?)));
        }
        let given = class::tensor_of(tensor).detach().to_cpu().py()?;
        let (tensor, span) = match span(&given) {
            Some(span) => (given, span),
            None => (given.contiguous().py()?, given.numel()),
        };
        let bytes = span * tensor.dtype().size();
        let from = tensor.ptr();
        let (next, inside, offset) = if bytes > 0 && self.0.contains(from) {
            let offset = from as usize - self.0.ptr() as usize;
            (at.max(offset + bytes), true, offset)
        } else {
            let offset = at.next_multiple_of(ALIGN);
            let to = place(&self.0, offset, bytes).ok();
            if let Some(to) = to {
                // SAFETY: `span` elements of a living tensor, and as much room in a mapping that nobody else uses now.
                let copy = |from: usize, to: usize| unsafe {
                    (to as *mut u8).copy_from_nonoverlapping(from as *const u8, bytes);
                };
                let (from, to) = (from as usize, to as usize);
                if bytes < LONG { copy(from, to) } else { py.detach(|| copy(from, to)) }
            }
            (offset + bytes, to.is_some(), offset)
        };
        let code = DType::ALL.iter().position(|&d| d == tensor.dtype()).unwrap_or_default();
        let (size, stride) = (PyTuple::new(py, tensor.shape())?, PyTuple::new(py, tensor.strides())?);
        Ok((next, inside, (offset, bytes, code, size, stride).into_pyobject(py)?))
    }

    /// Puts bytes at `at`, aligned; None if there is no room. Gives where they lie.
    fn write(&self, at: usize, bytes: &[u8]) -> Option<usize> {
        let at = at.next_multiple_of(ALIGN);
        let to = place(&self.0, at, bytes.len()).ok()?;
        // SAFETY: inside of the mapping, which nobody else uses now.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Some(at)
    }
}

#[pymethods]
impl PyLease {
    /// A tensor in the segment; the segment goes back when all of them are gone.
    fn tensor<'py>(
        &self,
        py: Python<'py>,
        at: usize,
        bytes: usize,
        dtype: usize,
        size: Vec<i64>,
        stride: Vec<i64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let dtype = dtype_of(dtype)?;
        let ptr = place(self.0.segment(), at, bytes)?;
        // SAFETY: inside of the mapping, which the lease keeps.
        let storage = unsafe { Storage::external(ptr, bytes, true, Box::new(self.0.clone())) };
        class::wrap(py, crate::functions::tensor::over(&storage, dtype, 0, &size, Some(&stride))?)
    }

    fn read<'py>(&self, py: Python<'py>, at: usize, bytes: usize) -> PyResult<Bound<'py, PyBytes>> {
        let ptr = place(self.0.segment(), at, bytes)?;
        // SAFETY: inside of the mapping, which the other side does not touch while it is lent.
        Ok(PyBytes::new(py, unsafe { std::slice::from_raw_parts(ptr, bytes) }))
    }
}

/// Before a fork: waits, for a while, until no other thread is at work with what the child needs. Holds nothing: other hooks
/// in Python come after this one, and a thread that waits for a lock of ours may have the interpreter's.
#[pyfunction]
fn _before_fork(py: Python) {
    for _ in 0..20_000 {
        let still = rushlight::fork::prepare();
        rushlight::fork::release();
        if still {
            return;
        }
        py.detach(|| std::thread::sleep(std::time::Duration::from_micros(100)));
    }
}

/// Inside of the call that forks, where no Python runs: here the locks are held.
#[cfg(unix)]
mod at_fork {
    use std::time::Duration;

    type Handler = Option<unsafe extern "C" fn()>;
    unsafe extern "C" {
        fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> i32;
    }

    unsafe extern "C" fn prepare() {
        for _ in 0..500 {
            if rushlight::fork::prepare() {
                return;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        rushlight::fork::give_up();
    }

    unsafe extern "C" fn release() {
        rushlight::fork::release();
    }

    pub fn install() {
        static ONCE: std::sync::Once = std::sync::Once::new();
        // SAFETY: functions that live as long as the process, as the extension module does.
        ONCE.call_once(|| unsafe {
            pthread_atfork(Some(prepare), Some(release), Some(release));
        });
    }
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_class::<PySegment>()?;
    m.add_class::<PyLease>()?;
    let os = m.py().import("os")?;
    if os.hasattr("register_at_fork")? {
        let kwargs = PyDict::new(m.py());
        kwargs.set_item("before", wrap_pyfunction!(_before_fork, m)?)?;
        os.call_method("register_at_fork", (), Some(&kwargs))?;
    }
    #[cfg(unix)]
    at_fork::install();
    Ok(())
}
