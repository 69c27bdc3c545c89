//! What a function in the table may return.

use crate::class;
use crate::error::raise;
use crate::schema::Signature;
use crate::types;
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use rushlight::dtype::Scalar;
use rushlight::{DType, Tensor};

pub trait Output {
    fn give<'py>(self, py: Python<'py>, signature: &Signature) -> PyResult<Bound<'py, PyAny>>;
}
impl<T: Output> Output for rushlight::Result<T> {
    #[inline]
    fn give<'py>(self, py: Python<'py>, signature: &Signature) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Ok(value) => value.give(py, signature),
            Err(error) => Err(raise(error)),
        }
    }
}
impl<T: Output> Output for PyResult<T> {
    #[inline]
    fn give<'py>(self, py: Python<'py>, signature: &Signature) -> PyResult<Bound<'py, PyAny>> {
        self?.give(py, signature)
    }
}
impl<T: Output> Output for Option<T> {
    fn give<'py>(self, py: Python<'py>, signature: &Signature) -> PyResult<Bound<'py, PyAny>> {
        self.map_or_else(|| Ok(py.None().into_bound(py)), |value| value.give(py, signature))
    }
}
impl Output for Tensor {
    #[inline]
    fn give<'py>(self, py: Python<'py>, _: &Signature) -> PyResult<Bound<'py, PyAny>> {
        class::wrap(py, self)
    }
}
impl Output for () {
    fn give<'py>(self, py: Python<'py>, _: &Signature) -> PyResult<Bound<'py, PyAny>> {
        Ok(py.None().into_bound(py))
    }
}
impl Output for Py<PyAny> {
    fn give<'py>(self, py: Python<'py>, _: &Signature) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.into_bound(py))
    }
}
impl Output for DType {
    fn give<'py>(self, py: Python<'py>, _: &Signature) -> PyResult<Bound<'py, PyAny>> {
        types::dtype_object(py, self)
    }
}
impl Output for Scalar {
    fn give<'py>(self, py: Python<'py>, _: &Signature) -> PyResult<Bound<'py, PyAny>> {
        number(py, self)
    }
}

/// Python's own types.
macro_rules! output {
    ($($t:ty),*) => {$(
        impl Output for $t {
            fn give<'py>(self, py: Python<'py>, _: &Signature) -> PyResult<Bound<'py, PyAny>> {
                Ok(self.into_pyobject(py).map_err(PyErr::from)?.to_owned().into_any())
            }
        }
    )*};
}
output!(i64, usize, u64, f64, bool, String, &'static str);

/// Lists of tensors come back as tuples, as from `split` and `unbind`.
impl Output for Vec<Tensor> {
    fn give<'py>(self, py: Python<'py>, _: &Signature) -> PyResult<Bound<'py, PyAny>> {
        let items: Vec<_> = self.into_iter().map(|t| class::wrap(py, t)).collect::<PyResult<_>>()?;
        Ok(PyTuple::new(py, items)?.into_any())
    }
}

/// `Tensor[]` that PyTorch gives as a list.
#[allow(dead_code)] // for rows to come
pub struct List(pub Vec<Tensor>);
impl Output for List {
    fn give<'py>(self, py: Python<'py>, _: &Signature) -> PyResult<Bound<'py, PyAny>> {
        let items: Vec<_> = self.0.into_iter().map(|t| class::wrap(py, t)).collect::<PyResult<_>>()?;
        Ok(PyList::new(py, items)?.into_any())
    }
}

/// Several results: a tuple, with names if the schema gives them.
macro_rules! several {
    ($($T:ident $i:tt),*) => {
        impl<$($T: Output),*> Output for ($($T,)*) {
            fn give<'py>(self, py: Python<'py>, signature: &Signature) -> PyResult<Bound<'py, PyAny>> {
                fields(py, signature, [$(self.$i.give(py, signature)?),*])
            }
        }
    };
}
several!(A 0, B 1);
several!(A 0, B 1, C 2);
several!(A 0, B 1, C 2, D 3);
several!(A 0, B 1, C 2, D 3, E 4);

pub fn number(py: Python<'_>, scalar: Scalar) -> PyResult<Bound<'_, PyAny>> {
    Ok(match scalar {
        Scalar::Bool(b) => b.into_pyobject(py).map_err(PyErr::from)?.to_owned().into_any(),
        Scalar::Int(i) => i.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        Scalar::Float(f) => f.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        Scalar::Complex(re, im) => pyo3::types::PyComplex::from_doubles(py, re, im).into_any(),
    })
}

fn fields<'py, const N: usize>(
    py: Python<'py>,
    signature: &Signature,
    values: [Bound<'py, PyAny>; N],
) -> PyResult<Bound<'py, PyAny>> {
    let class = signature.result_class.get_or_try_init(py, || make_class(py, signature))?.bind(py);
    if class.is_none() {
        return Ok(PyTuple::new(py, values)?.into_any());
    }
    // SAFETY: a class that `make_class` made, with as many fields as there are values; each reference is given away.
    unsafe {
        let object = ffi::PyStructSequence_New(class.as_ptr().cast());
        if object.is_null() {
            return Err(PyErr::fetch(py));
        }
        for (i, value) in values.into_iter().enumerate() {
            ffi::PyStructSequence_SetItem(object, i as ffi::Py_ssize_t, value.into_ptr());
        }
        Ok(Bound::from_owned_ptr(py, object))
    }
}

/// `torch.return_types.max`; None where the schema names no fields.
fn make_class(py: Python, signature: &Signature) -> PyResult<Py<PyAny>> {
    let names: Option<Vec<&'static str>> = signature.return_fields().map(|(_, name)| name).collect();
    let Some(names) = names.filter(|names| names.len() > 1) else { return Ok(py.None()) };
    return_type(py, &signature.result_name, &names)
}

pub fn return_type(py: Python, name: &str, names: &[&'static str]) -> PyResult<Py<PyAny>> {
    let module = py.import("rushlight._rushlight")?.getattr("_return_types")?;
    if let Ok(known) = module.getattr(name) {
        return Ok(known.unbind());
    }
    let text = |text: String| Ok::<_, PyErr>(std::ffi::CString::new(text)?.into_raw());
    let mut list = Vec::new();
    for name in names {
        list.push(ffi::PyStructSequence_Field { name: text(name.to_string())?, doc: std::ptr::null() });
    }
    list.push(ffi::PyStructSequence_Field { name: std::ptr::null(), doc: std::ptr::null() });
    let mut desc = ffi::PyStructSequence_Desc {
        name: text(format!("rushlight.return_types.{name}"))?,
        doc: std::ptr::null(),
        fields: Box::leak(list.into_boxed_slice()).as_mut_ptr(),
        n_in_sequence: names.len() as i32,
    };
    // SAFETY: the texts and fields live forever; the class is made once and kept.
    let class = unsafe {
        let class = ffi::PyStructSequence_NewType(&mut desc);
        if class.is_null() {
            return Err(PyErr::fetch(py));
        }
        (*class).tp_repr = Some(show_fields);
        Bound::from_owned_ptr_or_opt(py, class.cast()).ok_or_else(|| PyMemoryError::new_err("a class"))?
    };
    module.setattr(name, &class)?;
    Ok(class.unbind())
}

/// The class of the several results of a function in the table, by its name; None if there is no such function.
#[pyfunction]
pub fn _return_type(py: Python, name: &str) -> PyResult<Py<PyAny>> {
    for function in crate::functions::all() {
        for signature in function.signatures(py)?.iter().filter(|s| s.result_name == name && s.returns.starts_with('('))
        {
            let class = signature.result_class.get_or_try_init(py, || make_class(py, signature))?;
            if !class.is_none(py) {
                return Ok(class.clone_ref(py));
            }
        }
    }
    Ok(py.None())
}

/// As PyTorch shows several results: one field to a line.
unsafe extern "C" fn show_fields(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with one of our struct sequences.
    let py = unsafe { Python::assume_attached() };
    crate::gate::guard(py, || {
        // SAFETY: as above.
        let object = unsafe { Bound::from_borrowed_ptr(py, object) };
        let tuple = object.cast::<PyTuple>()?;
        let class = object.get_type();
        let names: Vec<String> = class.getattr("__match_args__")?.extract()?;
        let mut lines = Vec::new();
        for (name, item) in names.iter().zip(tuple.iter()) {
            lines.push(format!("{name}={}", item.repr()?));
        }
        let text = format!("torch.return_types.{}(\n{})", class.name()?, lines.join(",\n"));
        Ok(text.into_pyobject(py)?.into_any())
    })
}

/// The `targets` of `out=(…)` in a tuple of the class that the result had.
pub fn like<'py>(value: &Bound<'py, PyAny>, targets: &[crate::args::Object<'py>]) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let targets = PyTuple::new(py, targets)?;
    let class = value.get_type();
    if class.is(py.get_type::<PyTuple>()) || class.is(py.get_type::<PyList>()) {
        return Ok(targets.into_any());
    }
    class.call1((targets,))
}
