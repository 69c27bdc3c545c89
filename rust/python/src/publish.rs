//! Makes the table's functions: builtins in their modules, method descriptors on Tensor, as if C had declared them.

use crate::call::Function;
use crate::schema::Form;
use crate::{class, functions};
use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::{BTreeMap, HashSet};
use std::ffi::{CString, c_char};

pub fn publish(m: &Bound<PyModule>) -> PyResult<()> {
    let py = m.py();
    let (module, module_name) = (m.dict(), m.name()?);
    let class = class::tensor_type(py);
    // SAFETY: the class's own dict, which we fill before anybody has seen the class; `PyType_Modified` follows.
    let methods = unsafe { Bound::from_borrowed_ptr(py, (*class.as_type_ptr()).tp_dict).cast_into::<PyDict>()? };
    for function in functions::all() {
        let signatures = function.signatures(py)?;
        for &(form, thunk) in function.forms {
            let name = form.name(signatures[0].name);
            let def = Box::leak(Box::new(ffi::PyMethodDef {
                ml_name: leak(name.clone())?,
                ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: thunk },
                ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
                ml_doc: leak(doc(function, signatures, form, &name))?,
            }));
            let into = match form {
                Form::Function(None) => module.clone(),
                Form::Function(Some(namespace)) => submodule(m, namespace)?.dict(),
                _ => methods.clone(),
            };
            if into.contains(&name)? && form.is_function() {
                return Err(PySystemError::new_err(format!("{name} is in the table twice")));
            }
            // SAFETY: the definition lives forever.
            let object = unsafe {
                if form.is_function() {
                    let no_self = std::ptr::null_mut();
                    Bound::from_owned_ptr_or_err(py, ffi::PyCFunction_NewEx(def, no_self, module_name.as_ptr()))?
                } else {
                    Bound::from_owned_ptr_or_err(py, ffi::PyDescr_NewMethod(class.as_type_ptr(), def))?
                }
            };
            into.set_item(&name, &object)?;
            let also_function = function.forms.iter().any(|(form, _)| *form == Form::Function(None));
            if matches!(form, Form::InPlace | Form::Exchange) && also_function && !module.contains(&name)? {
                module.set_item(&name, &object)?;
            }
        }
    }
    for &(alias, name) in functions::aliases::ALIASES {
        for (into, suffix) in [(&module, ""), (&module, "_"), (&methods, ""), (&methods, "_")] {
            let alias = format!("{alias}{suffix}");
            if let Some(function) = into.get_item(format!("{name}{suffix}"))?
                && !into.contains(&alias)?
            {
                into.set_item(alias, function)?;
            }
        }
    }
    // SAFETY: a living class.
    unsafe { ffi::PyType_Modified(class.as_type_ptr()) };
    Ok(())
}

fn leak(text: String) -> PyResult<*const c_char> {
    Ok(CString::new(text)?.into_raw().cast_const())
}

fn doc(function: &Function, signatures: &[crate::schema::Signature], form: Form, name: &str) -> String {
    let current: Vec<_> = signatures.iter().filter(|s| !s.deprecated).collect();
    let mut text = String::new();
    if let [one] = current[..] {
        text = format!("{name}{}\n--\n\n", one.for_inspect(form, true));
    }
    for signature in current {
        text += &format!("{name}{} -> {}\n", signature.for_inspect(form, false), signature.returns);
    }
    text + "\n" + function.doc.trim()
}

pub fn submodule<'py>(m: &Bound<'py, PyModule>, name: &str) -> PyResult<Bound<'py, PyModule>> {
    if let Some(known) = m.dict().get_item(name)? {
        return Ok(known.cast_into()?);
    }
    let module = PyModule::new(m.py(), &format!("rushlight._rushlight.{name}"))?;
    m.add(name, &module)?;
    Ok(module)
}

/// The `.pyi` text of the table, by where it belongs: `Tensor`, the module (an empty name), or a namespace.
#[pyfunction]
fn _stubs(py: Python) -> PyResult<BTreeMap<&'static str, String>> {
    let mut texts = BTreeMap::from([("Tensor", String::new()), ("", String::new())]);
    let mut written = HashSet::new();
    for function in functions::all() {
        let signatures = function.signatures(py)?;
        let overloads = || function.overloads.iter().zip(signatures).filter(|(_, signature)| !signature.deprecated);
        let also_function = function.forms.iter().any(|(form, _)| *form == Form::Function(None));
        for &(form, _) in function.forms {
            let places = match form {
                Form::Function(namespace) => vec![namespace.unwrap_or("")],
                Form::InPlace | Form::Exchange if also_function => vec!["Tensor", ""],
                _ => vec!["Tensor"],
            };
            let name = form.name(signatures[0].name);
            for (place, name) in places.iter().flat_map(|&p| functions::aliases::all_of(&name).map(move |n| (p, n))) {
                let alias_here = matches!(place, "Tensor" | "") || name == form.name(signatures[0].name);
                if alias_here && written.insert((place, name.clone())) {
                    let stubs: Vec<String> =
                        overloads().flat_map(|(o, s)| s.stubs(form, place.is_empty(), &name, o.numbers)).collect();
                    let indent = if place.is_empty() { "" } else { "    " };
                    let text = texts.entry(place).or_default();
                    for stub in &stubs {
                        if stubs.len() > 1 {
                            *text += &format!("{indent}@overload\n");
                        }
                        if !matches!(place, "" | "Tensor") {
                            *text += &format!("{indent}@staticmethod\n");
                        }
                        *text += &format!("{indent}def {stub}\n");
                    }
                }
            }
        }
    }
    Ok(texts)
}

/// Does every Rust function take what its schema says? Run by the tests over the whole table.
#[pyfunction]
fn _check_table(py: Python) -> PyResult<Vec<String>> {
    let mut wrong = Vec::new();
    for function in functions::all() {
        for (overload, signature) in function.overloads.iter().zip(function.signatures(py)?) {
            let params: Vec<usize> = (0..signature.params.len()).filter(|&i| Some(i) != signature.out).collect();
            let mut at = 0;
            let mut right = true;
            for (width, serves) in overload.serves {
                let fits = params.get(at..at + width).is_some_and(|places| {
                    places.first().is_none_or(|&first| serves(&signature.params[first..first + width]))
                });
                right &= fits;
                at += width;
            }
            if !right || at != params.len() || signature.params.len() > crate::call::MAX_PARAMS {
                wrong.push(overload.schema.to_string());
            }
        }
    }
    Ok(wrong)
}

pub fn install(m: &Bound<PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_stubs, m)?)?;
    m.add_function(wrap_pyfunction!(crate::output::_return_type, m)?)?;
    m.add_function(wrap_pyfunction!(_check_table, m)?)
}
