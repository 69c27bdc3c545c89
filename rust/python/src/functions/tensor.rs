//! What a tensor says of itself, and its memory.

use crate::args::Object;
use crate::call::table;
use crate::core::Dims;
use crate::error::Raise;
use crate::storage::PyStorage;
use crate::types::{self, Device};
use crate::error::foreign;
use crate::{class, data, graph};
use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use rushlight::dtype::default_dtype;
use rushlight::layout::Layout;
use rushlight::storage::Storage;
use rushlight::{DType, Tensor};

/// Functions of the table are called with the GIL held.
fn gil() -> Python<'static> {
    // SAFETY: as above; the token does not outlive the call that it is made in.
    unsafe { Python::assume_attached() }
}

fn one_dim(x: &Tensor, at: i64) -> PyResult<usize> {
    if x.ndim() == 0 {
        return Err(PyIndexError::new_err(format!("Dimension specified as {at} but tensor has no dimensions")));
    }
    rushlight::layout::wrap_dim("size", at, x.ndim()).py()
}

/// One number of a list, or all of them.
fn one_or_all(x: &Tensor, at: Option<i64>, one: impl Fn(usize) -> isize, all: PyResult<Bound<'static, PyAny>>) -> PyResult<Py<PyAny>> {
    match at {
        Some(at) => Ok(one(one_dim(x, at)?).into_pyobject(gil())?.into_any().unbind()),
        None => Ok(all?.unbind()),
    }
}

/// A tensor over the memory of a storage.
pub fn over(storage: &Storage, dtype: DType, offset: i64, size: &[i64], stride: Option<&[i64]>) -> PyResult<Tensor> {
    let shape = super::shape("set_", size).py()?;
    let Ok(offset) = usize::try_from(offset) else {
        return Err(PyRuntimeError::new_err(format!("Tensor: invalid storage offset {offset}")));
    };
    let strides = match stride {
        Some(stride) if stride.len() == size.len() => stride.iter().map(|&s| s as isize).collect(),
        Some(stride) => {
            let text = format!("mismatch in length of strides and shape: {stride:?} and {size:?}");
            return Err(PyRuntimeError::new_err(text));
        }
        None => Layout::contiguous(&shape).strides().iter().copied().collect(),
    };
    Tensor::on(storage.clone(), Layout::strided(shape, strides, offset), dtype).py()
}

fn set(x: Object, source: Object, offset: i64, size: Option<Dims>, stride: Option<Dims>) -> PyResult<Py<PyAny>> {
    let tensor = class::tensor(x);
    let new = if source.is_none() {
        Tensor::empty(&[0], tensor.dtype()).py()?
    } else if class::is_tensor(source) {
        let source = class::tensor(source);
        if source.dtype() != tensor.dtype() {
            let text = format!("set_(): expected a source of dtype {}, got {}", tensor.dtype(), source.dtype());
            return Err(PyRuntimeError::new_err(text));
        }
        match size {
            Some(size) => over(source.storage(), source.dtype(), offset, &size, stride.as_deref())?,
            None => source.detach(),
        }
    } else {
        let untyped = if source.hasattr("_untyped_storage")? { source.getattr("_untyped_storage")? } else { source.to_owned() };
        let storage = untyped.cast::<PyStorage>().map_err(|_| PyTypeError::new_err("set_(): expected a tensor or a storage"))?;
        let storage = storage.get().storage();
        let whole = Dims::from_elem((storage.bytes() / tensor.dtype().size()) as i64, 1);
        over(storage, tensor.dtype(), offset, &size.unwrap_or(whole), stride.as_deref())?
    };
    let new = tensor.with_data_of(&new);
    class::replace(x, new);
    Ok(x.to_owned().unbind())
}

/// `x.resize_(…)`: keeps the numbers that are there; new ones are whatever the memory holds.
fn resize(x: Object, size: Dims) -> PyResult<Py<PyAny>> {
    let tensor = class::tensor(x);
    if tensor.requires_grad() {
        return Err(PyRuntimeError::new_err("cannot resize variables that require grad"));
    }
    let shape = super::shape("resize_", &size).py()?;
    if shape[..] == *tensor.shape() {
        return Ok(x.to_owned().unbind());
    }
    let layout = Layout::checked("resize_", &shape, tensor.dtype()).py()?;
    let offset = tensor.layout().offset();
    let layout = Layout::strided(layout.shape().into(), layout.strides().into(), offset);
    let bytes = layout.reach("resize_").py()? * tensor.dtype().size();
    let new = if bytes <= tensor.storage().bytes() {
        Tensor::on(tensor.storage().clone(), layout, tensor.dtype()).py()?
    } else {
        if tensor.storage().owner().is_some() {
            let text = "Trying to resize storage that is not resizable: it belongs to somebody else; clone() the tensor first";
            return Err(PyRuntimeError::new_err(text));
        }
        let storage = match tensor.driver() {
            Some(driver) => rushlight::device::storage(&driver, tensor.dtype(), bytes / tensor.dtype().size()).py()?,
            None => Storage::new(bytes).py()?,
        };
        if tensor.driver().is_some() && tensor.storage().bytes() > 0 {
            let flat = Layout::contiguous(&[tensor.storage().bytes() / tensor.dtype().size()]);
            let old = Tensor::on(tensor.storage().clone(), flat, tensor.dtype()).py()?;
            let flat = Layout::contiguous(old.shape());
            Tensor::on(storage.clone(), flat, tensor.dtype()).py()?.copy_(&old).py()?;
        }
        if let (Some(from), Some(to)) = (tensor.storage().ptr(), storage.ptr()) {
            // SAFETY: the new memory is larger than the old one.
            unsafe { to.copy_from_nonoverlapping(from, tensor.storage().bytes()) };
        }
        Tensor::on(storage, layout, tensor.dtype()).py()?
    };
    class::replace(x, new);
    Ok(x.to_owned().unbind())
}

/// `x.apply_(f)`: a Python function of each element. Slow, and not differentiable.
fn apply(x: Object, function: Object) -> PyResult<Py<PyAny>> {
    let tensor = class::tensor(x);
    if tensor.requires_grad() {
        return Err(PyTypeError::new_err("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead."));
    }
    let dense = tensor.to_cpu().py()?.detach().copy().py()?;
    for i in 0..dense.numel() {
        let at = dense.ptr().wrapping_add(i * dense.dtype().size());
        // SAFETY: an element of a dense tensor of our own.
        let value = crate::output::number(x.py(), unsafe { rushlight::tensor::load(at, dense.dtype()) })?;
        let value = function.call1((value,))?;
        let value = data::number(value.as_borrowed(), dense.dtype())?;
        // SAFETY: as above.
        unsafe { rushlight::tensor::store(at, dense.dtype(), value) };
    }
    tensor.copy_(&dense).py()?;
    Ok(x.to_owned().unbind())
}

table! {
    /// How many elements there are.
    fn method: "numel(Tensor self) -> int" => Tensor::numel;
    /// The number of elements.
    method: "nelement(Tensor self) -> int" => Tensor::numel;
    /// The number of dimensions.
    method: "dim(Tensor self) -> int" => Tensor::ndim;
    /// The number of dimensions.
    method: "ndimension(Tensor self) -> int" => Tensor::ndim;
    /// Bytes of an element.
    method: "element_size(Tensor self) -> int" => |x: &Tensor| x.dtype().size();
    /// Elements of the storage before the first one of the tensor.
    method: "storage_offset(Tensor self) -> int" => |x: &Tensor| x.layout().offset();
    /// The address of the first element.
    method: "data_ptr(Tensor self) -> int" => |x: &Tensor| match x.storage().ptr() {
            _ if x.numel() == 0 => 0,
            Some(_) => x.ptr() as usize,
            // No address that anybody could use, but one that tells memory from other memory.
            None => x.storage().id() + x.layout().offset() * x.dtype().size(),
        };
    /// The number of the tensor's device; -1 on the CPU.
    method: "get_device(Tensor self) -> int" => |x: &Tensor| if Device::of(x).is_cpu() { -1i64 } else { 0 };

    /// The shape, or one of its sizes.
    method: "size(Tensor self, int? dim=None) -> Any"
        => |x: &Tensor, at: Option<i64>| one_or_all(x, at, |d| x.shape()[d] as isize, types::size(gil(), x.shape()));
    /// The strides, or one of them.
    method: "stride(Tensor self, int? dim=None) -> Any" => |x: &Tensor, at: Option<i64>| {
        one_or_all(x, at, |d| x.strides()[d], pyo3::types::PyTuple::new(gil(), x.strides()).map(Bound::into_any))
    };

    /// The value of a tensor of one element as a Python number.
    method: "item(Tensor self) -> Scalar" => |x: &Tensor| {
        graph::looks_at(gil(), x, "a Python number").map_err(foreign)?;
        x.item()
    };
    /// The elements in nested lists; a number for a 0-dim tensor.
    method: "tolist(Tensor self) -> Any" => |x: &Tensor| Ok::<_, PyErr>(data::list::tolist(gil(), x)?.unbind());
    /// A NumPy array over the same memory; with `force`, of a copy where there is no other way.
    method: "numpy(Tensor self, *, bool force=False) -> Any"
        => |x: &Tensor, force: bool| Ok::<_, PyErr>(data::buffer::to_array(gil(), x, force)?.unbind());

    /// Whether the elements are of a floating point dtype.
    fn method: "is_floating_point(Tensor self) -> bool" => |x: &Tensor| x.dtype().is_float();
    /// Whether the elements are of a complex dtype.
    fn method: "is_complex(Tensor self) -> bool" => |x: &Tensor| x.dtype().is_complex();
    /// Whether the dtype has negative numbers.
    fn method: "is_signed(Tensor self) -> bool" => |x: &Tensor| x.dtype().is_signed();
    /// Whether the only element is not zero.
    fn method: "is_nonzero(Tensor self) -> bool" => |x: &Tensor| match x.numel() {
        1 => x.item().map(|value| !value.is_zero()),
        0 => Err(rushlight::Error::custom("is_nonzero", "Boolean value of Tensor with no values is ambiguous")),
        _ => Err(rushlight::Error::custom("is_nonzero", "Boolean value of Tensor with more than one value is ambiguous")),
    };
    /// Whether both have the same shape.
    fn method: "is_same_size(Tensor self, Tensor other) -> bool" => |x: &Tensor, y: &Tensor| x.shape() == y.shape();
    /// Whether both are the same view of the same memory.
    method: "is_set_to(Tensor self, Tensor tensor) -> bool"
        => |x: &Tensor, y: &Tensor| x.storage().same(y.storage()) && x.layout() == y.layout();
    /// Whether a conjugation is still to be done; never: it is done at once.
    fn method: "is_conj(Tensor self) -> bool" => |_: &Tensor| false;
    /// Whether a negation is still to be done; never: it is done at once.
    fn method: "is_neg(Tensor self) -> bool" => |_: &Tensor| false;
    /// The tensor itself: conjugation is done at once.
    fn method: "resolve_conj(Tensor self) -> Tensor" => Tensor::clone;
    /// The tensor itself: negation is done at once.
    fn method: "resolve_neg(Tensor self) -> Tensor" => Tensor::clone;
    /// Whether other processes see the memory.
    method: "is_shared(Tensor self) -> bool" => |x: &Tensor| x.storage().shared().is_some();
    /// Moves the memory, under all tensors that share it, to where other processes can see it.
    method: "share_memory_(Tensor self) -> Tensor" => |x: Object| -> PyResult<Py<PyAny>> {
        crate::storage::share(gil(), class::tensor(x).storage())?;
        Ok(x.to_owned().unbind())
    };
    /// Whether the memory is page-locked for a GPU.
    method: "is_pinned(Tensor self, Device? device=None) -> bool" => |_: &Tensor, _: Option<Device>| false;
    /// The tensor in page-locked memory.
    method: "pin_memory(Tensor self, Device? device=None) -> Tensor" => |x: &Tensor, _: Option<Device>| x.clone();
    /// Whether the dimensions have names.
    method: "has_names(Tensor self) -> bool" => |_: &Tensor| false;
    /// The tensor itself: it is dense.
    method: "to_dense(Tensor self, ScalarType? dtype=None) -> Tensor" => |x: &Tensor, dtype: Option<DType>| x.to(dtype.unwrap_or(x.dtype()));

    /// The bytes under the tensor.
    method: "untyped_storage(Tensor self) -> Any"
        => |x: &Tensor| Ok::<_, PyErr>(Py::new(gil(), PyStorage::new(x.storage().clone()))?.into_any());
    /// The memory under the tensor, typed by its dtype.
    method: "storage(Tensor self) -> Any" => |x: &Tensor| -> PyResult<Py<PyAny>> {
        let kwargs = pyo3::types::PyDict::new(gil());
        kwargs.set_item("wrap_storage", Py::new(gil(), PyStorage::new(x.storage().clone()))?)?;
        kwargs.set_item("dtype", types::dtype_object(gil(), x.dtype())?)?;
        Ok(gil().import("rushlight._storage")?.getattr("TypedStorage")?.call((), Some(&kwargs))?.unbind())
    };
    /// Lets the tensor look at other memory.
    method: "set_(Tensor self, Any source=None, int storage_offset=0, int[]? size=None, int[]? stride=None) -> Tensor" => set;
    /// Gives the tensor another shape, over more memory if needed; new elements are uninitialised.
    method: "resize_(Tensor self, int[] size, *, MemoryFormat? memory_format=None) -> Tensor"
        => |x: Object, size: Dims, _: Option<types::MemoryFormat>| resize(x, size);
    /// `resize_` to the shape of another tensor.
    method: "resize_as_(Tensor self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor"
        => |x: Object, y: &Tensor, _: Option<types::MemoryFormat>| resize(x, y.shape().iter().map(|&n| n as i64).collect());
    /// Puts `callable(element)` in the place of each element.
    method: "apply_(Tensor self, Any callable) -> Tensor" => apply;

    /// A tensor over a storage.
    fn: "_tensor_from_storage(Any storage, ScalarType dtype, int storage_offset, int[] size, int[] stride) -> Tensor"
        => |storage: Object, dtype: DType, offset: i64, size: Dims, stride: Dims| {
            over(storage.cast::<PyStorage>()?.get().storage(), dtype, offset, &size, Some(&stride))
        };

    /// The dtype of floats that are given none.
    fn: "get_default_dtype() -> ScalarType" => default_dtype;
    /// The dtype of new tensors of floats.
    fn: "set_default_dtype(ScalarType d) -> ()" => |dtype: DType| match dtype.is_float() {
        true => {
            rushlight::dtype::set_default_dtype(dtype);
            Ok(())
        },
        false => Err(PyTypeError::new_err("only floating-point types are supported as the default type")),
    };
    /// How many threads a kernel may use.
    fn: "get_num_threads() -> int" => rushlight::kernels::threads::num_threads;
    /// Sets how many threads a kernel may use; results do not depend on it.
    fn: "set_num_threads(int num) -> ()" => |n: i64| match usize::try_from(n) {
        Ok(n) if n > 0 => {
            rushlight::kernels::threads::set_num_threads(n);
            Ok(())
        },
        _ => Err(PyRuntimeError::new_err("set_num_threads expects a positive integer")),
    };
    /// The instruction set in use: DEFAULT, AVX2 or AVX512.
    fn: "_get_cpu_capability() -> str" => || match rushlight::kernels::isa::level() {
        rushlight::kernels::isa::Level::Avx512 => "AVX512",
        rushlight::kernels::isa::Level::Avx2 => "AVX2",
        _ => "DEFAULT",
    };
    /// How many ops run at a time: kept for programs that ask.
    fn: "get_num_interop_threads() -> int" => || 1i64;
    /// Accepted for programs that set it; ops run one at a time.
    fn: "set_num_interop_threads(int num) -> ()" => |_: i64| ();
}
