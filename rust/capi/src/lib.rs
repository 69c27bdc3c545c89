//! The C ABI: `include/rushlight.h` says what each function does, `include/rushlight.hpp` wraps it for C++.
//!
//! Rules of this boundary: handles are opaque and owned by who was given them; every function that can fail returns a code,
//! and the words for it are kept in the calling thread; no panic passes; null is an error and not a crash. A program may be run
//! by several threads at once.

use rushlight::graph::Graph;
use rushlight::graph::file::Program;
use rushlight::{DType, Error, Tensor};
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a function gives back. The numbers stay.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RlStatus {
    Ok = 0,
    /// An argument that is null, of a wrong size or out of range.
    BadArgument = 1,
    /// A file that cannot be read, is damaged, or newer than this library.
    BadFile = 2,
    /// The program failed on these inputs.
    Failed = 3,
    /// There was no memory.
    OutOfMemory = 4,
    /// An error of the library itself.
    Internal = 5,
}

/// A loaded program.
pub struct RlGraph(Program);
/// A tensor: a dense block of elements on the CPU.
pub struct RlTensor(Tensor);

type Outcome<T> = Result<T, (RlStatus, String)>;

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

fn bad<T>(what: impl Into<String>) -> Outcome<T> {
    Err((RlStatus::BadArgument, what.into()))
}

fn remember(text: String) {
    let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
    LAST.with(|last| last.replace(text));
}

/// Runs `work`; what goes wrong becomes a code, and its words are kept.
fn guard(work: impl FnOnce() -> Outcome<()>) -> RlStatus {
    let (status, text) = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return RlStatus::Ok,
        Ok(Err(problem)) => problem,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string())).unwrap_or_default();
            (RlStatus::Internal, format!("internal error in Rushlight, please report it: {text}"))
        }
    };
    // The words may be more than a destroyed thread can keep.
    let _ = catch_unwind(|| remember(text));
    status
}

fn told(error: Error, otherwise: RlStatus) -> (RlStatus, String) {
    let status = if matches!(error, Error::Memory { .. }) { RlStatus::OutOfMemory } else { otherwise };
    (status, error.to_string())
}

/// # Safety
/// A pointer that this library gave and that was not freed, or null.
unsafe fn given<'a, T>(pointer: *const T, what: &str) -> Outcome<&'a T> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or((RlStatus::BadArgument, format!("{what} is null")))
}

/// # Safety
/// `pointer` is valid for `len` elements, or null with none.
unsafe fn several<'a, T>(pointer: *const T, len: usize, what: &str) -> Outcome<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() || len > isize::MAX as usize / size_of::<T>().max(1) {
        return bad(format!("{what} is null, or longer than memory"));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len) })
}

/// # Safety
/// `to` is null or valid for a write.
unsafe fn put<T>(to: *mut T, value: T, what: &str) -> Outcome<()> {
    if to.is_null() {
        return bad(format!("{what} is null"));
    }
    // SAFETY: the caller's promise.
    unsafe { to.write(value) };
    Ok(())
}

/// The words for this thread's last error. Valid until its next call that fails.
#[unsafe(no_mangle)]
pub extern "C" fn rl_last_error() -> *const c_char {
    catch_unwind(|| LAST.with(|last| last.borrow().as_ptr())).unwrap_or(c"".as_ptr())
}

/// The library's version.
#[unsafe(no_mangle)]
pub extern "C" fn rl_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_graph_load(path: *const c_char, graph: *mut *mut RlGraph) -> RlStatus {
    guard(|| {
        if path.is_null() || graph.is_null() {
            return bad("rl_graph_load: path or graph is null");
        }
        // SAFETY: not null, and a string by the header's contract.
        let path = unsafe { CStr::from_ptr(path) };
        let path = path.to_str().map_err(|_| (RlStatus::BadArgument, "the path is not UTF-8".to_string()))?;
        let program = Graph::load(path).map_err(|error| told(error, RlStatus::BadFile))?;
        // SAFETY: checked above.
        unsafe { put(graph, Box::into_raw(Box::new(RlGraph(program))), "graph") }
    })
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_graph_load_memory(bytes: *const u8, len: usize, graph: *mut *mut RlGraph) -> RlStatus {
    guard(|| {
        if graph.is_null() {
            return bad("rl_graph_load_memory: graph is null");
        }
        // SAFETY: the header's contract.
        let bytes = unsafe { several(bytes, len, "bytes")? };
        let program = Graph::from_bytes(bytes).map_err(|error| told(error, RlStatus::BadFile))?;
        // SAFETY: checked above.
        unsafe { put(graph, Box::into_raw(Box::new(RlGraph(program))), "graph") }
    })
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_graph_free(graph: *mut RlGraph) {
    if !graph.is_null() {
        // SAFETY: made by `rl_graph_load`, and given back once.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(unsafe { Box::from_raw(graph) })));
    }
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_graph_inputs(graph: *const RlGraph) -> usize {
    // SAFETY: the header's contract.
    unsafe { graph.as_ref() }.map_or(0, |graph| graph.0.graph().inputs.len())
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_graph_outputs(graph: *const RlGraph) -> usize {
    // SAFETY: the header's contract.
    unsafe { graph.as_ref() }.map_or(0, |graph| graph.0.graph().outputs.len())
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_graph_run(
    graph: *const RlGraph,
    inputs: *const *const RlTensor,
    n_inputs: usize,
    outputs: *mut *mut RlTensor,
    n_outputs: usize,
) -> RlStatus {
    guard(|| {
        // SAFETY: the header's contract.
        let graph = unsafe { given(graph, "graph")? };
        // SAFETY: as above.
        let inputs = unsafe { several(inputs, n_inputs, "inputs")? };
        // SAFETY: as above.
        let inputs: Vec<&RlTensor> = inputs.iter().map(|t| unsafe { given(*t, "an input") }).collect::<Outcome<_>>()?;
        let inputs: Vec<&Tensor> = inputs.into_iter().map(|t| &t.0).collect();
        let wanted = graph.0.graph().outputs.len();
        if outputs.is_null() && wanted > 0 || n_outputs != wanted {
            return bad(format!("this graph has {wanted} outputs, there is room for {n_outputs}"));
        }
        let made = rushlight::autograd::no_grad(|| {
            let made = graph.0.run(&inputs)?;
            made.iter().map(Tensor::contiguous).collect::<rushlight::Result<Vec<Tensor>>>()
        });
        let made = made.map_err(|error| told(error, RlStatus::Failed))?;
        for (i, tensor) in made.into_iter().enumerate() {
            // SAFETY: room for `wanted` handles, as checked.
            unsafe { outputs.add(i).write(Box::into_raw(Box::new(RlTensor(tensor)))) };
        }
        Ok(())
    })
}

fn dtype(code: u32) -> Outcome<DType> {
    let known = usize::try_from(code).ok().and_then(|at| DType::ALL.get(at)).copied();
    known.ok_or((RlStatus::BadArgument, format!("{code} is no dtype")))
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_tensor_new(
    code: u32,
    shape: *const usize,
    dims: usize,
    data: *const u8,
    tensor: *mut *mut RlTensor,
) -> RlStatus {
    guard(|| {
        let dtype = dtype(code)?;
        if tensor.is_null() {
            return bad("rl_tensor_new: tensor is null");
        }
        if dims > 64 {
            return bad("a tensor has at most 64 dimensions");
        }
        // SAFETY: the header's contract.
        let shape = unsafe { several(shape, dims, "shape")? };
        let made = Tensor::empty(shape, dtype).map_err(|error| told(error, RlStatus::BadArgument))?;
        let bytes = made.numel() * dtype.size();
        if bytes > 0 {
            if data.is_null() {
                return bad("rl_tensor_new: data is null");
            }
            // SAFETY: the header's contract: `data` holds the elements; the tensor is new and dense.
            let data = unsafe { std::slice::from_raw_parts(data, bytes) };
            if dtype == DType::Bool && data.iter().any(|b| *b > 1) {
                return bad("a bool is neither 0 nor 1");
            }
            // SAFETY: as above.
            unsafe { made.ptr().copy_from_nonoverlapping(data.as_ptr(), bytes) };
        }
        // SAFETY: checked above.
        unsafe { put(tensor, Box::into_raw(Box::new(RlTensor(made))), "tensor") }
    })
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_tensor_free(tensor: *mut RlTensor) {
    if !tensor.is_null() {
        // SAFETY: made by this library, and given back once.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(unsafe { Box::from_raw(tensor) })));
    }
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_tensor_dtype(tensor: *const RlTensor) -> u32 {
    // SAFETY: the header's contract.
    unsafe { tensor.as_ref() }.map_or(u32::MAX, |t| t.0.dtype() as u32)
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_tensor_dims(tensor: *const RlTensor) -> usize {
    // SAFETY: the header's contract.
    unsafe { tensor.as_ref() }.map_or(0, |t| t.0.ndim())
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_tensor_shape(tensor: *const RlTensor) -> *const usize {
    // SAFETY: the header's contract.
    unsafe { tensor.as_ref() }.map_or(std::ptr::null(), |t| t.0.shape().as_ptr())
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_tensor_numel(tensor: *const RlTensor) -> usize {
    // SAFETY: the header's contract.
    unsafe { tensor.as_ref() }.map_or(0, |t| t.0.numel())
}

/// # Safety
/// See `rushlight.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rl_tensor_data(tensor: *const RlTensor) -> *const u8 {
    // SAFETY: the header's contract.
    unsafe { tensor.as_ref() }.map_or(std::ptr::null(), |t| t.0.ptr().cast_const())
}

/// Threads that kernels use.
#[unsafe(no_mangle)]
pub extern "C" fn rl_set_num_threads(count: usize) -> RlStatus {
    guard(|| {
        if count == 0 || count > 4096 {
            return bad(format!("{count} is no number of threads"));
        }
        rushlight::kernels::threads::set_num_threads(count);
        Ok(())
    })
}
