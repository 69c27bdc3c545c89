//! What a parameter may be. `fits` says whether an object may stand for a schema type: it chooses the overload, so it is
//! quick and runs no Python code. `Arg`, one impl per Rust type, says how a function takes it.
//!
//! | schema | Rust |
//! |---|---|
//! | `Tensor` | `&Tensor`, or `Operand` where a number may stand for a tensor |
//! | `Tensor?`, `Tensor[]`, `Tensor?[]` | `Option<&Tensor>`, `Vec<Tensor>`, `Vec<Option<Tensor>>` |
//! | `Scalar`, `int`, `float`, `bool`, `str` | `Scalar`, `i64`, `f64`, `bool`, `&str` |
//! | `Scalar[]`, `int[]`, `int[2]`, `float[]`, `bool[]` | `Vec<Scalar>`, `Dims`, `Dims`, `Vec<f64>`, `Vec<bool>` |
//! | `ScalarType`, `Device`, `Layout`, `MemoryFormat` | `DType`, `Device`, `Strided`, `MemoryFormat` |
//! | `Generator?` | `Option<Generator>` |
//! | `$options` | `Options` (dtype, device, requires_grad) |
//! | `Any` | `Object` |
//! | `out` | `Out`, last, for a function that writes into a given tensor itself; otherwise no parameter at all |
//!
//! Any of them may be an `Option`, for a `?`.

use crate::call::Slots;
use crate::class;
use crate::core::{Dims, Operand, Out};
use crate::generator::{self, PyGenerator};
use crate::schema::{Kind, Param, Type};
use crate::types::{self, Device, MemoryFormat};
use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt, PyList, PyString, PyTuple};
use rushlight::{DType, Generator, Scalar, Tensor};

pub type Object<'a> = Borrowed<'a, 'a, PyAny>;

/// What stands in a parameter's place: an object, or the ints of `x.view(2, 4)`, not packed into a tuple.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    One(Object<'a>),
    Rest(&'a [Object<'a>]),
}

#[derive(Clone, Copy, PartialEq)]
pub enum Fit {
    No,
    Yes,
    /// Fits, and answers `__torch_function__`.
    Override,
}

impl From<bool> for Fit {
    fn from(yes: bool) -> Fit {
        if yes { Fit::Yes } else { Fit::No }
    }
}

/// Whether an object may stand for a schema type; `numbers` lets a number stand for a tensor.
pub fn fits(object: Object, ty: &Type, numbers: bool) -> Fit {
    if ty.optional && object.is_none() {
        return Fit::Yes;
    }
    if ty.list {
        return fits_list(object, ty);
    }
    match ty.kind {
        Kind::Tensor => match class::fits(object) {
            Fit::No => (numbers && is_number(object)).into(),
            fit => fit,
        },
        kind => fits_one(object, kind).into(),
    }
}

fn fits_one(object: Object, kind: Kind) -> bool {
    match kind {
        Kind::Tensor => class::is_tensor(object),
        Kind::Int => is_int(object),
        Kind::Scalar => is_number(object) || is_number_tensor(object, |_| true),
        Kind::Float => is_real(object) || is_number_tensor(object, |dtype| !dtype.is_complex()),
        Kind::Bool => object.is_exact_instance_of::<PyBool>() || class::is_numpy_scalar(object, "bool_"),
        Kind::Str => object.is_instance_of::<PyString>(),
        Kind::DType => types::is_dtype(object),
        Kind::Device => types::is_device(object),
        Kind::Layout => object.is_instance_of::<types::Layout>(),
        Kind::MemoryFormat => object.is_instance_of::<types::PyMemoryFormat>(),
        Kind::Generator => object.is_instance_of::<PyGenerator>(),
        Kind::Any => true,
    }
}

fn fits_list(object: Object, ty: &Type) -> Fit {
    if !is_sequence(object) {
        return (ty.size.is_some() && ty.kind != Kind::Tensor && fits_one(object, ty.kind)).into();
    }
    if ty.kind != Kind::Tensor {
        return items(object).iter().all(|&item| fits_one(item, ty.kind)).into();
    }
    let mut all = Fit::Yes;
    for &item in items(object) {
        match class::fits(item) {
            Fit::No if ty.holes && item.is_none() => {}
            Fit::No => return Fit::No,
            Fit::Override => all = Fit::Override,
            Fit::Yes => {}
        }
    }
    all
}

pub trait Arg {
    type Of<'a>;
    /// How many schema parameters it takes.
    const WIDTH: usize = 1;
    /// Takes a number where the schema says Tensor.
    const NUMBERS: bool = false;
    /// Is where to write.
    const WRITES: bool = false;
    /// Which parameters this may stand for; a test holds the whole table to it.
    fn serves(params: &[Param]) -> bool;
    /// Converts the argument at place `at`, which `fits` has admitted.
    fn take<'a>(slots: &Slots<'a>, at: usize) -> PyResult<Self::Of<'a>>;
}

/// An `Arg` that is made from one object.
macro_rules! arg {
    ([$($lt:lifetime)?] $ty:ty => $of:ty, $kind:ident $(| $more:ident)*, $take:expr) => {
        impl<$($lt)?> Arg for $ty {
            type Of<'a> = $of;
            fn serves(params: &[Param]) -> bool {
                matches!(params[0].ty.kind, Kind::$kind $(| Kind::$more)*) && !params[0].ty.list
            }
            #[inline]
            fn take<'a>(slots: &Slots<'a>, at: usize) -> PyResult<$of> {
                let take: fn(Object<'a>) -> PyResult<$of> = $take;
                take(slots.one(at)?)
            }
        }
    };
}

arg!(['x] &'x Tensor => &'a Tensor, Tensor, |o| Ok(class::tensor(o)));
arg!([] i64 => i64, Int, int);
arg!([] bool => bool, Bool, |o| o.is_truthy());
arg!([] Scalar => Scalar, Scalar, scalar);
arg!([] f64 => f64, Float, float);
arg!(['x] &'x str => &'a str, Str, string);
arg!([] DType => DType, DType, types::dtype);
arg!([] Device => Device, Device, types::device);
arg!([] Generator => Generator, Generator, generator::of);
arg!([] types::Strided => types::Strided, Layout, types::strided);
arg!([] MemoryFormat => MemoryFormat, MemoryFormat, types::memory_format_of);

impl<'x> Arg for Object<'x> {
    type Of<'a> = Object<'a>;
    fn serves(params: &[Param]) -> bool {
        let _ = params;
        true
    }
    fn take<'a>(slots: &Slots<'a>, at: usize) -> PyResult<Object<'a>> {
        slots.one(at)
    }
}

impl<'x> Arg for Operand<'x> {
    type Of<'a> = Operand<'a>;
    const NUMBERS: bool = true;
    fn serves(params: &[Param]) -> bool {
        params[0].ty.kind == Kind::Tensor && !params[0].ty.list
    }
    #[inline]
    fn take<'a>(slots: &Slots<'a>, at: usize) -> PyResult<Operand<'a>> {
        operand(slots.one(at)?)
    }
}

#[inline]
pub fn operand<'a>(object: Object<'a>) -> PyResult<Operand<'a>> {
    if class::is_tensor(object) {
        Ok(Operand::Tensor(class::tensor(object)))
    } else {
        Ok(Operand::Scalar(scalar(object)?))
    }
}

impl<'x> Arg for Out<'x> {
    type Of<'a> = Out<'a>;
    const WIDTH: usize = 0;
    const WRITES: bool = true;
    fn serves(_: &[Param]) -> bool {
        true
    }
    #[inline]
    fn take<'a>(slots: &Slots<'a>, _: usize) -> PyResult<Out<'a>> {
        Ok(slots.out())
    }
}

impl<T: Arg> Arg for Option<T> {
    type Of<'a> = Option<T::Of<'a>>;
    fn serves(params: &[Param]) -> bool {
        params[0].ty.optional && T::serves(params)
    }
    #[inline]
    fn take<'a>(slots: &Slots<'a>, at: usize) -> PyResult<Self::Of<'a>> {
        match slots.value(at) {
            Value::One(object) if object.is_none() => Ok(None),
            _ => T::take(slots, at).map(Some),
        }
    }
}

impl Arg for Dims {
    type Of<'a> = Dims;
    fn serves(params: &[Param]) -> bool {
        params[0].ty.kind == Kind::Int && params[0].ty.list
    }
    fn take(slots: &Slots, at: usize) -> PyResult<Dims> {
        dims(slots.value(at), slots.param(at).ty.size)
    }
}

/// `int[]`; with a size, one int stands for all of them.
pub fn dims(value: Value, size: Option<usize>) -> PyResult<Dims> {
    match value {
        Value::Rest(items) => items.iter().map(|&item| int(item)).collect(),
        Value::One(object) if is_sequence(object) => gather(object, int).map(Dims::from_vec),
        Value::One(object) => Ok(Dims::from_elem(int(object)?, size.unwrap_or(1))),
    }
}

/// The lists that a function takes as a `Vec`.
macro_rules! list {
    ($($ty:ty, $kind:ident, $holes:literal, $take:expr;)*) => {$(
        impl Arg for Vec<$ty> {
            type Of<'a> = Vec<$ty>;
            fn serves(params: &[Param]) -> bool {
                params[0].ty.kind == Kind::$kind && params[0].ty.list && params[0].ty.holes == $holes
            }
            fn take<'a>(slots: &Slots<'a>, at: usize) -> PyResult<Vec<$ty>> {
                let object = slots.one(at)?;
                if is_sequence(object) {
                    return gather(object, $take);
                }
                let one = $take(object)?;
                Ok(vec![one; slots.param(at).ty.size.unwrap_or(1)])
            }
        }
    )*};
}
list! {
    Tensor, Tensor, false, |o: Object| Ok::<Tensor, PyErr>(class::tensor(o).clone());
    Option<Tensor>, Tensor, true, |o: Object| {
        Ok::<Option<Tensor>, PyErr>(if o.is_none() { None } else { Some(class::tensor(o).clone()) })
    };
    Scalar, Scalar, false, scalar;
    f64, Float, false, float;
    bool, Bool, false, |o: Object| o.is_truthy();
}

/// What the functions that make tensors share.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub dtype: Option<DType>,
    pub device: Option<Device>,
    pub requires_grad: bool,
}

impl Options {
    /// Gives a new tensor its device and its place in autograd. (The dtype is the maker's business.)
    pub fn finish(self, tensor: rushlight::Result<Tensor>) -> PyResult<Tensor> {
        let tensor = types::to_device(tensor.map_err(crate::error::raise)?, self.device)?;
        if self.requires_grad {
            tensor.set_requires_grad(true).map_err(crate::error::raise)?;
        }
        Ok(tensor)
    }
    pub fn dtype_or_default(self) -> DType {
        self.dtype.unwrap_or_else(crate::core::default_dtype)
    }
}

impl Arg for Options {
    type Of<'a> = Options;
    const WIDTH: usize = 5;
    fn serves(params: &[Param]) -> bool {
        let names = ["dtype", "layout", "device", "pin_memory", "requires_grad"];
        params.len() >= 5 && params.iter().zip(names).all(|(param, name)| param.text == name)
    }
    fn take<'a>(slots: &Slots<'a>, at: usize) -> PyResult<Options> {
        <Option<types::Strided> as Arg>::take(slots, at + 1)?;
        // `pin_memory` is without effect: there is no memory that a device could not read.
        Ok(Options {
            dtype: <Option<DType> as Arg>::take(slots, at)?,
            device: <Option<Device> as Arg>::take(slots, at + 2)?,
            requires_grad: <Option<bool> as Arg>::take(slots, at + 4)?.unwrap_or(false),
        })
    }
}

pub fn is_sequence(object: Object) -> bool {
    object.is_instance_of::<PyTuple>() || object.is_instance_of::<PyList>()
}

/// The items of a tuple or list, as they lie there; nothing that holds this slice may run Python code.
pub fn items<'a>(object: Object<'a>) -> &'a [Object<'a>] {
    let o = object.as_ptr();
    // SAFETY: the items are live while their container is; `Borrowed` is a transparent, non-null pointer.
    unsafe {
        if ffi::PyTuple_Check(o) != 0 {
            let first = (&raw const (*o.cast::<ffi::PyTupleObject>()).ob_item).cast();
            std::slice::from_raw_parts(first, ffi::PyTuple_GET_SIZE(o) as usize)
        } else if ffi::PyList_Check(o) != 0 && ffi::PyList_GET_SIZE(o) > 0 {
            let first = (*o.cast::<ffi::PyListObject>()).ob_item.cast();
            std::slice::from_raw_parts(first, ffi::PyList_GET_SIZE(o) as usize)
        } else {
            &[]
        }
    }
}

/// Converts each item of a tuple or list. A conversion may run Python code (`__index__`), which may change a list:
/// so each item is fetched anew and held while it is looked at.
fn gather<T>(object: Object, take: impl Fn(Object) -> PyResult<T>) -> PyResult<Vec<T>> {
    let mut all = Vec::with_capacity(items(object).len());
    let mut i = 0;
    while let Some(item) = items(object).get(i) {
        let held = item.to_owned();
        all.push(take(held.as_borrowed())?);
        i += 1;
    }
    Ok(all)
}

#[inline]
pub fn is_int(object: Object) -> bool {
    object.is_exact_instance_of::<PyInt>() || is_like_int(object)
}

#[cold]
fn is_like_int(object: Object) -> bool {
    if object.is_exact_instance_of::<PyBool>() || object.is_exact_instance_of::<PyFloat>() || object.is_none() {
        return false;
    }
    if class::is_tensor(object) {
        return is_number_tensor(object, |dtype| dtype.is_int());
    }
    // SAFETY: only asks for a slot of the type.
    object.is_instance_of::<PyInt>()
        || !object.is_instance_of::<PyFloat>()
            && unsafe { ffi::PyIndex_Check(object.as_ptr()) } != 0
            && !class::is_numpy_scalar(object, "bool_")
            && !class::is_array(object)
}

/// A 0-dim tensor that autograd does not follow may stand for a number.
fn is_number_tensor(object: Object, admits: fn(DType) -> bool) -> bool {
    class::is_tensor(object) && {
        let tensor = class::tensor(object);
        tensor.ndim() == 0 && !tensor.requires_grad() && admits(tensor.dtype())
    }
}

/// A number that is no tensor: Python's and NumPy's.
pub fn is_number(object: Object) -> bool {
    is_real(object) || object.is_instance_of::<PyComplex>() || class::is_numpy_scalar(object, "generic")
}

fn is_real(object: Object) -> bool {
    object.is_exact_instance_of::<PyFloat>()
        || object.is_instance_of::<PyInt>() // bool is an int
        || object.is_instance_of::<PyFloat>()
        || class::is_numpy_scalar(object, "floating")
        || class::is_numpy_scalar(object, "integer")
}

pub fn int(object: Object) -> PyResult<i64> {
    if class::is_tensor(object) {
        return Ok(item(object)?.to_i64());
    }
    object.extract().map_err(|error: PyErr| {
        match error.is_instance_of::<pyo3::exceptions::PyOverflowError>(object.py()) {
            true => PyRuntimeError::new_err("Overflow when unpacking long long"),
            false => error,
        }
    })
}

fn float(object: Object) -> PyResult<f64> {
    if let Ok(float) = object.cast::<PyFloat>() {
        return Ok(float.value());
    }
    if class::is_tensor(object) { Ok(item(object)?.to_f64()) } else { object.extract() }
}

fn string<'a>(object: Object<'a>) -> PyResult<&'a str> {
    let mut size = 0;
    // SAFETY: a live str; the text it caches lives as long as it does.
    unsafe {
        let text = ffi::PyUnicode_AsUTF8AndSize(object.as_ptr(), &mut size);
        if text.is_null() {
            return Err(PyErr::fetch(object.py()));
        }
        let bytes = std::slice::from_raw_parts(text.cast::<u8>(), size as usize);
        std::str::from_utf8(bytes).map_err(|_| PyTypeError::new_err("a str that is no text"))
    }
}

pub fn scalar(object: Object) -> PyResult<Scalar> {
    if let Ok(float) = object.cast::<PyFloat>() {
        return Ok(Scalar::Float(float.value()));
    } else if object.is_exact_instance_of::<PyBool>() {
        return Ok(Scalar::Bool(object.is_truthy()?));
    } else if object.is_instance_of::<PyInt>() {
        return Ok(Scalar::Int(int(object)?));
    } else if let Ok(complex) = object.cast::<PyComplex>() {
        return Ok(Scalar::Complex(complex.real(), complex.imag()));
    } else if class::is_tensor(object) {
        return item(object);
    }
    let item = object.call_method0("item")?; // a NumPy scalar tells its Python value
    if class::is_numpy_scalar(item.as_borrowed(), "generic") {
        return Err(PyNotImplementedError::new_err(format!("{} as a number", item.get_type())));
    }
    scalar(item.as_borrowed())
}

fn item(object: Object) -> PyResult<Scalar> {
    class::tensor(object).item().map_err(crate::error::raise)
}
