//! `x[…]`: what ints, slices, None and Ellipsis ask for are views; what tensors, lists and masks ask for is gathered from
//! the view that is left.

use super::{PyTensor, is_array, is_exact, is_exact_number, is_numpy_scalar, is_tensor, number, tensor, wrap};
use crate::args::{self, Object};
use crate::core;
use crate::data;
use crate::error::Raise;
use crate::gate::caught;
use pyo3::exceptions::{PyIndexError, PyTypeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyInt, PySlice, PyTuple};
use rushlight::op::apply;
use rushlight::ops::shape::{Select, Slice};
use rushlight::{DType, Scalar, Tensor};
use smallvec::SmallVec;

/// What is left of an index once the views are taken: the view, and the tensors to gather by (a mask stands for as many
/// dimensions as it has).
struct Taken {
    view: Tensor,
    gather: Vec<Option<Tensor>>,
}

/// The dimension that comes next, in the view and in the list of what is gathered.
struct Walk {
    view: Tensor,
    gather: Vec<Option<Tensor>>,
    dim: usize,
    place: usize,
    /// The same dimension in the whole tensor, for messages.
    real: usize,
}

/// `real` is the dimension of the whole tensor, for the message.
fn select(x: &Tensor, dim: usize, index: i64, real: usize) -> PyResult<Tensor> {
    let Some(&size) = x.shape().get(dim) else {
        return Err(PyIndexError::new_err(match x.ndim() {
            0 => "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert \
                  a 0-dim tensor to a number"
                .to_string(),
            n => format!("too many indices for tensor of dimension {n}"),
        }));
    };
    let n = size as i64;
    if !(-n..n).contains(&index) {
        let text = format!("index {index} is out of bounds for dimension {real} with size {n}");
        return Err(PyIndexError::new_err(text));
    }
    apply(Select { dim, index: index.rem_euclid(n) as usize }, [x]).py()
}

fn slice(x: &Tensor, dim: usize, slice: &Bound<PySlice>) -> PyResult<Tensor> {
    let size = x.shape()[dim] as i64;
    // SAFETY: a slice's three fields are objects that live as long as it does, and it never changes.
    let field = |field: *mut pyo3::ffi::PyObject| unsafe { Borrowed::from_ptr(slice.py(), field) };
    // SAFETY: a living slice.
    let raw = unsafe { &*slice.as_ptr().cast::<pyo3::ffi::PySliceObject>() };
    let of = |bound: Object, none: i64| -> PyResult<i64> {
        if bound.is_none() {
            return Ok(none);
        }
        if !args::is_int(bound) && !bound.is_exact_instance_of::<PyBool>() {
            return Err(PyTypeError::new_err("slice indices must be integers or None or have an __index__ method"));
        }
        args::int(bound).or_else(|_| Ok(if bound.gt(0)? { i64::MAX } else { i64::MIN }))
    };
    let step = of(field(raw.step), 1)?;
    if step <= 0 {
        return Err(PyValueError::new_err("step must be greater than zero"));
    }
    let place = |i: i64| if i < 0 { i.saturating_add(size).max(0) } else { i.min(size) };
    let start = place(of(field(raw.start), 0)?);
    let stop = place(of(field(raw.stop), i64::MAX)?).max(start);
    let len = ((stop - start) as u64).div_ceil(step as u64) as usize;
    let (start, step) = (start as usize, step as usize);
    apply(Slice { dim, start, len, step: if len < 2 { 1 } else { step } }, [x]).py()
}

/// A list of indices (or of flags) as a tensor.
fn listed(object: Object) -> PyResult<Tensor> {
    let list = object.to_owned();
    let empty = list.len()? == 0;
    let tensor = data::from_data(&list, None, None)?;
    if empty || tensor.numel() == 0 && tensor.dtype().is_float() { tensor.to(DType::I64).py() } else { Ok(tensor) }
}

impl Walk {
    fn record(&mut self, index: Tensor) -> PyResult<()> {
        let mask = matches!(index.dtype(), DType::Bool | DType::U8);
        if !mask && !index.dtype().is_int() {
            return Err(PyIndexError::new_err("tensors used as indices must be long, int, byte or bool tensors"));
        }
        let dims = if mask { index.ndim() } else { 1 };
        self.dim += dims;
        self.real += dims;
        if self.dim > self.view.ndim() {
            return Err(too_many(self.view.ndim()));
        }
        self.gather.resize(self.place, None);
        self.gather.push(Some(index));
        self.place += 1;
        Ok(())
    }

    /// `x[True]`: a new dimension of size 1 or 0.
    fn flag(&mut self, flag: bool) -> PyResult<()> {
        self.view = core::unsqueeze(&self.view, self.dim).py()?;
        let places = if flag { Tensor::zeros(&[1], DType::I64) } else { Tensor::empty(&[0], DType::I64) };
        self.record(places.py()?)
    }

    fn step(&mut self, item: Object, rest: usize) -> PyResult<()> {
        if item.is_exact_instance_of::<PyInt>() {
            self.view = select(&self.view, self.dim, args::int(item)?, self.real)?;
            self.real += 1;
        } else if let Ok(bounds) = item.cast::<PySlice>() {
            if self.dim >= self.view.ndim() {
                return Err(too_many(self.view.ndim()));
            }
            self.view = slice(&self.view, self.dim, &bounds)?;
            self.dim += 1;
            self.real += 1;
            self.place += 1;
        } else if item.is_none() {
            self.view = core::unsqueeze(&self.view, self.dim).py()?;
            self.dim += 1;
            self.place += 1;
        } else if item.is_exact_instance_of::<PyEllipsis>() {
            let skipped = self.view.ndim().saturating_sub(self.dim + rest);
            self.dim += skipped;
            self.real += skipped;
            self.place += skipped;
        } else if item.is_exact_instance_of::<PyBool>() || is_numpy_scalar(item, "bool_") {
            self.flag(item.is_truthy()?)?;
        } else if is_tensor(item) {
            let index = tensor(item);
            if index.ndim() > 0 || !(index.dtype().is_int() || index.dtype() == DType::Bool) {
                return self.record(index.clone());
            }
            match (index.item().py()?, index.dtype()) {
                (flag, DType::Bool | DType::U8) => self.flag(!flag.is_zero())?,
                (at, _) => {
                    self.view = select(&self.view, self.dim, at.to_i64(), self.real)?;
                    self.real += 1;
                }
            }
        } else if args::is_int(item) {
            self.view = select(&self.view, self.dim, args::int(item)?, self.real)?;
            self.real += 1;
        } else if is_array(item) {
            self.record(data::as_tensor(item, None, None)?)?;
        } else if !item.is_instance_of::<pyo3::types::PyString>() && is_sequence(item) {
            self.record(listed(item)?)?;
        } else {
            let class = item.get_type();
            return Err(PyIndexError::new_err(format!(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {})",
                class.name()?
            )));
        }
        Ok(())
    }
}

fn is_sequence(object: Object) -> bool {
    // SAFETY: asks for slots of the type.
    args::is_sequence(object) || unsafe { pyo3::ffi::PySequence_Check(object.as_ptr()) } != 0
}

#[cold]
fn too_many(ndim: usize) -> PyErr {
    PyIndexError::new_err(format!("too many indices for tensor of dimension {ndim}"))
}

/// How many dimensions of the tensor an item speaks of.
fn speaks_of(item: Object) -> usize {
    if item.is_none()
        || item.is_exact_instance_of::<PyEllipsis>()
        || item.is_exact_instance_of::<PyBool>()
        || is_numpy_scalar(item, "bool_")
    {
        return 0;
    }
    if is_tensor(item) {
        let index = tensor(item);
        return if matches!(index.dtype(), DType::Bool | DType::U8) && (index.ndim() > 0 || index.dtype() == DType::Bool)
        {
            index.ndim()
        } else {
            1
        };
    }
    if is_array(item) && data::buffer::dtype_of(&item.to_owned()).is_ok_and(|d| d == DType::Bool) {
        return item.getattr("ndim").and_then(|n| n.extract()).unwrap_or(1);
    }
    if args::is_sequence(item) {
        // A nested list of flags is a mask of as many dimensions.
        let (mut depth, mut at) = (0, item.to_owned());
        while args::is_sequence(at.as_borrowed()) {
            depth += 1;
            match at.get_item(0) {
                Ok(first) => at = first,
                Err(_) => return 1,
            }
        }
        return if at.is_exact_instance_of::<PyBool>() { depth } else { 1 };
    }
    1
}

/// Before NumPy's rule was PyTorch's: a list that holds slices, lists or tensors stands for a tuple.
fn stands_for_tuple(key: Object) -> PyResult<bool> {
    if !key.is_instance_of::<pyo3::types::PyList>() {
        return Ok(false);
    }
    let items = args::items(key);
    let loose = |item: &Object| {
        is_tensor(*item)
            || args::is_sequence(*item)
            || item.is_instance_of::<PySlice>()
            || item.is_exact_instance_of::<PyEllipsis>()
            || item.is_none()
    };
    if items.len() >= 32 || !items.iter().any(loose) {
        return Ok(false);
    }
    let text =
        c"Using a non-tuple sequence for multidimensional indexing is deprecated; use x[tuple(seq)] instead of x[seq].";
    PyErr::warn(key.py(), &key.py().get_type::<PyUserWarning>(), text, 1)?;
    Ok(true)
}

fn take(x: &Tensor, key: Object) -> PyResult<Taken> {
    let mut walk = Walk { view: x.clone(), gather: Vec::new(), dim: 0, place: 0, real: 0 };
    if key.is_instance_of::<PyTuple>() || stands_for_tuple(key)? {
        let items: SmallVec<[Bound<PyAny>; 8]> = args::items(key).iter().map(|item| (*item).to_owned()).collect();
        let mut rest: usize = items.iter().map(|item| speaks_of(item.as_borrowed())).sum();
        if rest > x.ndim() {
            return Err(too_many(x.ndim()));
        }
        if items.iter().filter(|item| item.is_exact_instance_of::<PyEllipsis>()).count() > 1 {
            return Err(PyIndexError::new_err("an index can only have a single ellipsis ('...')"));
        }
        for item in &items {
            let own = speaks_of(item.as_borrowed());
            walk.step(item.as_borrowed(), rest)?;
            rest -= own;
        }
    } else {
        if x.ndim() == 0 && speaks_of(key) > 0 && !key.is_instance_of::<PyInt>() {
            if key.is_instance_of::<PySlice>() {
                return Err(PyIndexError::new_err("slice() cannot be applied to a 0-dim tensor."));
            }
            if is_tensor(key) && tensor(key).ndim() > 0 {
                return Err(too_many(0));
            }
        }
        walk.step(key, 0)?;
    }
    Ok(Taken { view: walk.view, gather: walk.gather })
}

/// `x[1, 2:]`: nothing but ints and slices, as most keys are.
fn only_views(x: &Tensor, key: Object) -> PyResult<Option<Tensor>> {
    if let Ok(bounds) = key.cast_exact::<PySlice>() {
        return if x.ndim() > 0 { slice(x, 0, &bounds).map(Some) } else { Ok(None) };
    }
    if !key.is_exact_instance_of::<PyTuple>() {
        return Ok(None);
    }
    let items = args::items(key);
    let simple = |o: &Object| o.is_exact_instance_of::<PyInt>() || o.is_exact_instance_of::<PySlice>();
    if items.is_empty() || items.len() > x.ndim() || !items.iter().all(simple) {
        return Ok(None);
    }
    let (mut view, mut dim) = (None, 0);
    for (real, item) in items.iter().enumerate() {
        let from = view.as_ref().unwrap_or(x);
        view = Some(match item.cast_exact::<PySlice>() {
            Ok(bounds) => {
                dim += 1;
                slice(from, dim - 1, &bounds)?
            }
            Err(_) => select(from, dim, args::int(*item)?, real)?,
        });
    }
    Ok(view)
}

/// `x[key]`
pub fn get(x: &Tensor, key: Object) -> PyResult<Tensor> {
    if key.is_exact_instance_of::<PyInt>() {
        return select(x, 0, args::int(key)?, 0);
    }
    if let Some(view) = only_views(x, key)? {
        return Ok(view);
    }
    let taken = take(x, key)?;
    if !taken.gather.is_empty() {
        return core::index(&taken.view, &taken.gather).py();
    }
    if taken.view.same(x) { crate::functions::alias(x).py() } else { Ok(taken.view) }
}

/// `x[key] = value`
pub fn set(x: &Tensor, key: Object, value: Object) -> PyResult<()> {
    let number = if args::is_number(value) {
        Some(args::scalar(value)?)
    } else if is_tensor(value) {
        None
    } else {
        let class = value.get_type();
        let text = format!("can't assign a {} to a torch.{}", class.name()?, super::props::type_name(x.dtype()));
        return Err(PyTypeError::new_err(text));
    };
    if let Some(number) = number
        && matches!(number, Scalar::Complex(..))
        && !x.dtype().is_complex()
    {
        let text = "value cannot be converted to type without overflow: a complex number in a real tensor";
        return Err(pyo3::exceptions::PyRuntimeError::new_err(text));
    }
    let taken = if key.is_exact_instance_of::<PyInt>() {
        Taken { view: select(x, 0, args::int(key)?, 0)?, gather: Vec::new() }
    } else {
        take(x, key)?
    };
    let view = &taken.view;
    if taken.gather.is_empty() {
        return match number {
            Some(number) => view.fill_(number).py(),
            None => view.copy_(&without_leading_ones(tensor(value), view.shape())?).py(),
        };
    }
    let value = match number {
        Some(number) => Tensor::scalar(number, x.dtype()).py()?,
        None => tensor(value).clone(),
    };
    if value.dtype() != x.dtype() && value.ndim() > 0 && is_tensor(key) && !value.requires_grad() {
        let (from, to) = (value.dtype().scalar_name(), x.dtype().scalar_name());
        let text = format!(
            "Index put requires the source and destination dtypes match, got {to} for the destination and {from} for the source."
        );
        return Err(pyo3::exceptions::PyRuntimeError::new_err(text));
    }
    let value = value.to(x.dtype()).py()?;
    core::index_put_(view, &taken.gather, &value, false).py()
}

/// A value may have more dimensions than the place, if they are of size 1.
fn without_leading_ones(value: &Tensor, shape: &[usize]) -> PyResult<Tensor> {
    let extra = value.ndim().saturating_sub(shape.len());
    let ones = value.shape().iter().take(extra).take_while(|n| **n == 1).count();
    if ones == 0 { Ok(value.clone()) } else { value.reshape(&value.shape()[ones..]).py() }
}

#[pymethods]
impl PyTensor {
    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let x = slf.as_any().as_borrowed();
        if (crate::overrides::modes_are_on()
            || !(is_exact(x) && (is_exact_number(key.as_borrowed()) || is_exact(key.as_borrowed()))))
            && let Some(answer) = ask_index("__getitem__", slf.as_any(), key, None)?
        {
            return Ok(answer);
        }
        caught(|| wrap(slf.py(), get(tensor(x), key.as_borrowed())?))
    }
    fn __setitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if ask_index("__setitem__", slf.as_any(), key, Some(value))?.is_some() {
            return Ok(());
        }
        caught(|| set(tensor(slf.as_any().as_borrowed()), key.as_borrowed(), value.as_borrowed()))
    }
    fn __delitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let _ = (slf, key);
        Err(PyTypeError::new_err("Tensor does not support deleting items"))
    }
}

/// Whether the tensor, the index or the value answers `__torch_function__`; asked if so.
fn ask_index<'py>(
    name: &str,
    x: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    value: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let plain = |o: &Bound<PyAny>| !super::overrides(o.as_borrowed());
    let items_plain = match key.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().all(|item| plain(&item)),
        Err(_) => plain(key),
    };
    if !crate::overrides::modes_are_on() && plain(x) && items_plain && value.is_none_or(plain) {
        return Ok(None);
    }
    let mut operands = vec![x.clone(), key.clone()];
    operands.extend(value.cloned());
    number::ask(name, &operands)
}
