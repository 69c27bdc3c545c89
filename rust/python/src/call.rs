//! From a C call to a Rust function: choose the overload, put each argument in its place, convert, run, wrap.
//! No tuple, dict or string is made on the way; everything slow is in `explain.rs` and `overrides.rs`.

use crate::args::{self, Arg, Fit, Object, Value};
use crate::class;
use crate::core::Out;
use crate::deliver;
use crate::gate::guard;
use crate::output::Output;
use crate::schema::{Form, Kind, Param, Signature};
use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rushlight::device::Driver;
use std::sync::Arc;

pub const MAX_PARAMS: usize = 24;
pub type Thunk = ffi::PyCFunctionFastWithKeywords;

/// One name in Python's `torch` and on `Tensor`.
pub struct Function {
    pub doc: &'static str,
    pub overloads: &'static [Overload],
    pub forms: &'static [(Form, Thunk)],
    pub signatures: PyOnceLock<Vec<Signature>>,
}

/// One schema and the Rust function that answers it.
pub struct Overload {
    pub schema: &'static str,
    pub serves: &'static [(usize, fn(&[Param]) -> bool)],
    /// Which parameters take a number in place of a tensor, a bit for each.
    pub numbers: u32,
    /// Whether the function itself writes into a given tensor.
    pub writes: bool,
    run: for<'a> fn(&Slots<'a>) -> PyResult<Bound<'a, PyAny>>,
}

/// The call as CPython hands it over.
pub struct Call<'a> {
    pub py: Python<'a>,
    pub form: Form,
    pub this: Option<Object<'a>>,
    pub args: &'a [Object<'a>],
    pub names: &'a [Object<'a>],
    pub named: &'a [Object<'a>],
}

/// The arguments, each at its parameter's place. `None` marks the one parameter that takes the `rest`.
pub struct Slots<'a> {
    pub py: Python<'a>,
    pub signature: &'static Signature,
    values: [Option<Object<'a>>; MAX_PARAMS],
    rest: &'a [Object<'a>],
    /// Where the function is to write, if it can.
    out: Out<'a>,
    /// How many parameters stand before `out`, which is none of the function's own.
    skip: usize,
}

/// Why an overload does not take a call.
pub enum Mismatch<'a> {
    TooMany,
    Missing(&'static Param),
    Unknown(Object<'a>),
    Twice(&'static Param),
    Type(&'static Param, Option<usize>, Object<'a>),
}

impl Function {
    /// # Safety
    /// Called by CPython alone, with the arguments of a METH_FASTCALL | METH_KEYWORDS function.
    #[inline(never)]
    pub unsafe fn call(
        &'static self,
        form: Form,
        this: *mut ffi::PyObject,
        args: *const *mut ffi::PyObject,
        n: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject {
        // SAFETY: the caller holds the GIL and keeps all arguments alive; `Borrowed` is a transparent, non-null pointer.
        let call = unsafe {
            let objects = |start: *const *mut ffi::PyObject, n| match n {
                0 => &[],
                n => std::slice::from_raw_parts(start.cast(), n),
            };
            let n_names = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names) as usize };
            let name_items = (&raw const (*names.cast::<ffi::PyTupleObject>()).ob_item).cast();
            let py = Python::assume_attached();
            let this = if form.is_function() { None } else { Some(Borrowed::from_ptr(py, this)) };
            let (names, named) = (objects(name_items, n_names), objects(args.wrapping_add(n as usize), n_names));
            Call { py, form, this, args: objects(args, n as usize), names, named }
        };
        guard(call.py, || self.run(&call))
    }

    pub fn run<'a>(&'static self, call: &Call<'a>) -> PyResult<Bound<'a, PyAny>> {
        let modes = crate::overrides::modes_are_on();
        for (overload, signature) in self.overloads.iter().zip(self.signatures(call.py)?) {
            if let Ok((mut slots, overridden)) = overload.bind(signature, call) {
                if (overridden || modes)
                    && let Some(answer) = crate::overrides::call(self, call, overridden)?
                {
                    return Ok(answer);
                }
                if signature.deprecated {
                    crate::explain::warn_deprecated(call.py, self, signature, call.form)?;
                }
                return overload.finish(&mut slots, call);
            }
        }
        Err(crate::explain::no_overload(self, call))
    }

    pub fn signatures(&'static self, py: Python) -> PyResult<&'static [Signature]> {
        let made = self.signatures.get_or_try_init(py, || {
            let mut all =
                self.overloads.iter().map(|o| Signature::parse(py, o.schema)).collect::<PyResult<Vec<_>>>()?;
            // Those of one name in several namespaces are told apart as PyTorch does.
            if let Some((Form::Function(Some(namespace @ "_linalg")), _)) = self.forms.first() {
                all.iter_mut().for_each(|s| s.result_name = format!("{}_{}", &namespace[1..], s.name));
            }
            Ok::<_, PyErr>(all)
        })?;
        Ok(made)
    }
}

impl Overload {
    /// Puts the arguments in place and checks their types; the flag tells that one of them answers `__torch_function__`.
    pub fn bind<'a>(&self, signature: &'static Signature, call: &Call<'a>) -> Result<(Slots<'a>, bool), Mismatch<'a>> {
        let params = &signature.params;
        let skip = signature.out.unwrap_or(usize::MAX);
        let mut slots = Slots { py: call.py, signature, values: [None; MAX_PARAMS], rest: &[], out: Out::New, skip };
        let (mut overridden, numbers) = (false, self.numbers & signature.numbers);
        let mut check = |i: usize, position, object| {
            match args::fits(object, &params[i].ty, numbers >> i & 1 == 1) {
                Fit::No => return Err(Mismatch::Type(&params[i], position, object)),
                fit => overridden |= fit == Fit::Override,
            }
            Ok(())
        };
        let mut hidden = usize::MAX; // the place that no argument may take: `self` of a method
        if let (Some(this), Some(place)) = (call.this, signature.this) {
            check(place, None, this)?;
            slots.values[place] = Some(this);
            hidden = place;
        }
        let positional = signature.positional - (hidden < signature.positional) as usize;
        let place = |position| position + (position >= hidden) as usize;
        if positional == 1 && params[place(0)].ty.list && is_rest(&params[place(0)], call.args) {
            if let Some(at) = call.args.iter().position(|&arg| !args::is_int(arg)) {
                return Err(Mismatch::Type(&params[place(0)], Some(at), call.args[at])); // x.view(2, 'a')
            }
            slots.rest = call.args;
        } else if call.args.len() > positional {
            return Err(Mismatch::TooMany);
        } else {
            for (position, &arg) in call.args.iter().enumerate() {
                check(place(position), Some(position), arg)?;
                slots.values[place(position)] = Some(arg);
            }
        }
        for (&name, &arg) in call.names.iter().zip(call.named) {
            let found = params.iter().position(|p| p.name.as_ptr() == name.as_ptr());
            let found = found.or_else(|| find_slowly(signature, name));
            let taken = |i: usize| i != hidden && (call.form.is_function() || Some(i) != signature.out);
            let i = found.filter(|&i| taken(i)).ok_or(Mismatch::Unknown(name))?;
            if slots.values[i].is_some() || !slots.rest.is_empty() && i == place(0) {
                return Err(Mismatch::Twice(&params[i]));
            }
            check(i, None, arg)?;
            slots.values[i] = Some(arg);
        }
        for (i, param) in params.iter().enumerate() {
            if slots.values[i].is_none() && (slots.rest.is_empty() || i != place(0)) {
                match &param.default {
                    Some(default) => slots.values[i] = Some(default.bind_borrowed(call.py)),
                    None => return Err(Mismatch::Missing(param)),
                }
            }
        }
        if numbers != 0 && !signature.only_numbers {
            beside_a_number(signature, numbers, &slots)?;
        }
        Ok((slots, overridden))
    }

    /// Runs the function with its tensors' device, or the one that it is given, as the place where new tensors go.
    fn finish<'a>(&self, slots: &mut Slots<'a>, call: &Call<'a>) -> PyResult<Bound<'a, PyAny>> {
        if !crate::device::in_use() {
            return self.answer(slots, call);
        }
        let home = slots.home()?;
        rushlight::device::with_home(home, || self.answer(slots, call))
    }

    /// Runs the function and brings its result where the caller wants it.
    fn answer<'a>(&self, slots: &mut Slots<'a>, call: &Call<'a>) -> PyResult<Bound<'a, PyAny>> {
        match (call.form, call.this) {
            (Form::InPlace, Some(this)) if self.writes => {
                slots.out = Out::InPlace(class::tensor(this));
                (self.run)(slots)?;
                return Ok(this.to_owned());
            }
            (Form::InPlace, Some(this)) => return deliver::in_place(this, (self.run)(slots)?, slots.signature),
            (Form::Exchange, Some(this)) => return deliver::exchange(this, (self.run)(slots)?),
            _ => {}
        }
        let out = slots.signature.out.and_then(|i| slots.values[i]).filter(|out| !out.is_none());
        let Some(out) = out else { return (self.run)(slots) };
        if self.writes && class::is_tensor(out) {
            slots.out = Out::Into(class::tensor(out));
            let result = (self.run)(slots)?;
            // The function has written into `out`, unless that had another shape.
            return if result.is(out) { Ok(result) } else { deliver::out(out, result, slots.signature) };
        }
        let result = (self.run)(slots)?;
        deliver::out(out, result, slots.signature)
    }
}

impl Slots<'_> {
    /// The device that is named, else that of the first tensor, else the default one.
    #[cold]
    fn home(&self) -> PyResult<Option<Arc<dyn Driver>>> {
        let given = || self.signature.params.iter().zip(&self.values).filter_map(|(p, v)| Some((p, (*v)?)));
        let named = given().find(|(p, v)| p.ty.kind == Kind::Device && !v.is_none());
        if let Some((_, device)) = named {
            return crate::types::device(device)?.driver();
        }
        for (_, value) in given() {
            if class::is_tensor(value) {
                return Ok(class::tensor(value).driver());
            }
            if let Some(&first) = args::items(value).first()
                && class::is_tensor(first)
            {
                return Ok(class::tensor(first).driver());
            }
        }
        crate::types::default_device().driver()
    }
}

/// `pow(2, x)` takes a number for its first tensor, but then the second is one.
fn beside_a_number<'a>(signature: &'static Signature, numbers: u32, slots: &Slots<'a>) -> Result<(), Mismatch<'a>> {
    let Some(this) = signature.this.filter(|i| numbers >> i & 1 == 1) else { return Ok(()) };
    let number = |i: usize| slots.values[i].filter(|o| !class::is_tensor(*o));
    let second = (this + 1..signature.params.len()).find(|i| numbers >> i & 1 == 1);
    match (number(this), second.and_then(|i| Some((i, number(i)?)))) {
        (Some(_), Some((i, object))) => Err(Mismatch::Type(&signature.params[i], Some(i), object)),
        _ => Ok(()),
    }
}

/// `x.view(2, 4)`: the ints of the only positional parameter, not packed into a tuple.
fn is_rest(param: &Param, args: &[Object]) -> bool {
    use crate::schema::Kind;
    match (param.ty.kind, args) {
        (Kind::Int, [first, ..]) => args::is_int(*first),
        _ => false,
    }
}

/// A keyword that is not the interned string itself, or NumPy's name for it, which PyTorch takes too.
#[cold]
fn find_slowly(signature: &Signature, name: Object) -> Option<usize> {
    let given: String = name.extract().ok()?;
    let find = |name: &str| signature.params.iter().position(|p| p.text == name);
    find(&given).or_else(|| {
        let names: &[&str] = match given.as_str() {
            "axis" | "axes" => &["dim", "dims"],
            "keepdims" => &["keepdim"],
            "self" | "x" | "a" | "x1" => &["input", "self"],
            "x2" => &["other", "mat2"],
            _ => return None,
        };
        names.iter().find_map(|name| find(name))
    })
}

/// A Rust function whose parameters are `Arg`s and whose result is an `Output`.
pub trait Handler<Args>: Copy + 'static {
    const SERVES: &'static [(usize, fn(&[Param]) -> bool)];
    const NUMBERS: u32;
    const WRITES: bool;
    fn handle<'a>(self, slots: &Slots<'a>) -> PyResult<Bound<'a, PyAny>>;
}

macro_rules! handler {
    ($($A:ident)*) => {
        impl<F, R: Output, $($A: Arg),*> Handler<($($A,)*)> for F
        where
            F: Copy + 'static + Fn($($A),*) -> R + for<'a> Fn($($A::Of<'a>),*) -> R,
        {
            const SERVES: &'static [(usize, fn(&[Param]) -> bool)] = &[$(($A::WIDTH, $A::serves)),*];
            const NUMBERS: u32 = {
                let (mut _at, mut _mask) = (0, 0);
                $(if $A::NUMBERS { _mask |= 1 << _at; } _at += $A::WIDTH;)*
                _mask
            };
            const WRITES: bool = false $(|| $A::WRITES)*;
            #[allow(unused_variables, unused_mut, unused_assignments)]
            fn handle<'a>(self, slots: &Slots<'a>) -> PyResult<Bound<'a, PyAny>> {
                let mut at = 0usize;
                let mut next = |width: usize| {
                    at += width;
                    at - width
                };
                let result = self($($A::take(slots, next($A::WIDTH))?),*);
                result.give(slots.py, slots.signature)
            }
        }
    };
}
handler!();
handler!(A);
handler!(A B);
handler!(A B C);
handler!(A B C D);
handler!(A B C D E);
handler!(A B C D E G);
handler!(A B C D E G H);
handler!(A B C D E G H I);
handler!(A B C D E G H I J);
handler!(A B C D E G H I J K);
handler!(A B C D E G H I J K L);
handler!(A B C D E G H I J K L M);
handler!(A B C D E G H I J K L M N);
handler!(A B C D E G H I J K L M N O);

impl<'a> Slots<'a> {
    /// The `i`th argument of the function, which knows of no `out`.
    #[inline]
    pub fn value(&self, i: usize) -> Value<'a> {
        let i = i + (i >= self.skip) as usize;
        self.values[i].map_or(Value::Rest(self.rest), Value::One)
    }
    /// The same for a parameter that never takes the rest.
    #[inline]
    pub fn one(&self, i: usize) -> PyResult<Object<'a>> {
        match self.value(i) {
            Value::One(object) => Ok(object),
            Value::Rest(_) => Err(PySystemError::new_err("loose ints for a parameter that is no int[]")),
        }
    }
    #[inline]
    pub fn param(&self, i: usize) -> &'static Param {
        &self.signature.params[i + (i >= self.skip) as usize]
    }
    #[inline]
    pub fn out(&self) -> Out<'a> {
        self.out
    }
}

pub const fn overload<A, F: Handler<A>>(schema: &'static str, _: F) -> Overload {
    const { assert!(size_of::<F>() == 0, "a function in the table captures nothing") };
    fn run<'a, A, F: Handler<A>>(slots: &Slots<'a>) -> PyResult<Bound<'a, PyAny>> {
        // SAFETY: F has no bytes, is Copy, and a value of it was given to `overload`.
        #[allow(clippy::uninit_assumed_init)]
        let function: F = unsafe { std::mem::MaybeUninit::uninit().assume_init() };
        function.handle(slots)
    }
    Overload { schema, serves: F::SERVES, numbers: F::NUMBERS, writes: F::WRITES, run: run::<A, F> }
}

/// Reads as `functions/mod.rs` shows it. A row leaves in the binary: data, one thunk per form, and the conversions.
macro_rules! table {
    ($( $(#[doc = $doc:literal])* $($form:ident)+ : $($schema:literal => $function:expr),+ $(,)? ; )*) => {
        pub static TABLE: &[&$crate::call::Function] = &[$({
            static FUNCTION: $crate::call::Function = $crate::call::Function {
                doc: concat!("" $(, $doc, "\n")*),
                overloads: &[$($crate::call::overload($schema, $function)),+],
                forms: &[$(($crate::call::form!($form), {
                    use pyo3::ffi::{PyObject, Py_ssize_t};
                    unsafe extern "C" fn thunk(
                        this: *mut PyObject,
                        args: *const *mut PyObject,
                        n: Py_ssize_t,
                        names: *mut PyObject,
                    ) -> *mut PyObject {
                        // SAFETY: passes on what CPython gave.
                        unsafe { FUNCTION.call($crate::call::form!($form), this, args, n, names) }
                    }
                    thunk
                })),+],
                signatures: pyo3::sync::PyOnceLock::new(),
            };
            &FUNCTION
        }),*];
    };
}
macro_rules! form {
    (fn) => {
        $crate::schema::Form::Function(None)
    };
    (method) => {
        $crate::schema::Form::Method
    };
    (inplace) => {
        $crate::schema::Form::InPlace
    };
    (exchange) => {
        $crate::schema::Form::Exchange
    };
    ($namespace:ident) => {
        $crate::schema::Form::Function(Some(concat!("_", stringify!($namespace))))
    };
}
pub(crate) use {form, table};
