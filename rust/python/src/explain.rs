//! The TypeError for a call that no overload takes, in PyTorch's words, and the warning for an old order of arguments.

use crate::args::Object;
use crate::call::{Call, Function, Mismatch};
use crate::schema::{Form, Signature};
use pyo3::exceptions::{PyTypeError, PyUserWarning};
use pyo3::prelude::*;
use std::sync::Mutex;

#[cold]
pub fn no_overload(function: &'static Function, call: &Call) -> PyErr {
    match function.signatures(call.py) {
        Ok(signatures) => PyTypeError::new_err(text_of(function, signatures, call)),
        Err(error) => error,
    }
}

fn text_of(function: &'static Function, signatures: &'static [Signature], call: &Call) -> String {
    let name = call.form.name(signatures[0].name);
    let given = call.args.len() + call.names.len();
    let plausible = |s: &Signature| {
        let required = s.visible(call.form).filter(|(p, _)| p.default.is_none()).count();
        !s.deprecated && (required..=s.visible(call.form).count()).contains(&given)
    };
    let current = signatures.iter().filter(|s| !s.deprecated).count();
    let mut candidates =
        (0..signatures.len()).filter(|&i| plausible(&signatures[i]) || current == 1 && !signatures[i].deprecated);
    if let (Some(i), None) = (candidates.next(), candidates.next())
        && let Err(mismatch) = function.overloads[i].bind(&signatures[i], call)
    {
        return describe(&mismatch, &name, &signatures[i], call);
    }
    let mut got: Vec<String> = call.args.iter().map(|o| type_name(*o)).collect();
    got.extend(call.names.iter().zip(call.named).map(|(name, o)| format!("{}={}", text(*name), type_name(*o))));
    let got = got.join(", ");
    let mut options = String::new();
    for (overload, signature) in function.overloads.iter().zip(signatures).filter(|(_, s)| !s.deprecated) {
        options += &format!("\n * {}", signature.for_error(call.form));
        if let Err(Mismatch::Type(_, position, object)) = overload.bind(signature, call) {
            let mark = |i: usize, o: &Object| match position.map_or(o.is(object), |p| p == i) {
                true => format!("!{}!", type_name(*o)),
                false => type_name(*o),
            };
            let all: Vec<String> = call.args.iter().enumerate().map(|(i, o)| mark(i, o)).collect();
            let named = call.names.iter().zip(call.named);
            let named = named.map(|(name, o)| format!("{}={}", text(*name), mark(usize::MAX, o)));
            let all: Vec<String> = all.into_iter().chain(named).collect();
            let why = "didn't match because some of the arguments have invalid types";
            options += &format!("\n      {why}: ({})", all.join(", "));
        }
    }
    format!("{name}() received an invalid combination of arguments - got ({got}), but expected one of:{options}\n")
}

fn text(name: Object) -> String {
    name.extract().unwrap_or_default()
}

fn type_name(object: Object) -> String {
    if crate::class::is_exact(object) {
        return "Tensor".into();
    }
    object.get_type().name().map_or_else(|_| "object".into(), |name| name.to_string())
}

fn describe(mismatch: &Mismatch, name: &str, signature: &Signature, call: &Call) -> String {
    match mismatch {
        Mismatch::TooMany => {
            let most = signature.visible(call.form).filter(|(_, keyword_only)| !keyword_only).count();
            let least = signature.visible(call.form).filter(|(p, k)| !k && p.default.is_none()).count();
            let takes = if least == most { format!("{most}") } else { format!("from {least} to {most}") };
            let s = if most == 1 && least == 1 { "" } else { "s" };
            let were = if call.args.len() == 1 { "was" } else { "were" };
            format!("{name}() takes {takes} positional argument{s} but {} {were} given", call.args.len())
        }
        Mismatch::Missing(param) => {
            let missing = signature
                .visible(call.form)
                .filter(|(p, _)| p.default.is_none() && !call.names.iter().any(|n| text(*n) == p.text));
            let names: Vec<String> = missing.skip(call.args.len()).map(|(p, _)| format!("\"{}\"", p.text)).collect();
            let (n, names) =
                if names.is_empty() { (1, format!("\"{}\"", param.text)) } else { (names.len(), names.join(", ")) };
            format!("{name}() missing {n} required positional arguments: {names}")
        }
        Mismatch::Unknown(keyword) => format!("{name}() got an unexpected keyword argument '{}'", text(*keyword)),
        Mismatch::Twice(param) => format!("{name}() got multiple values for argument '{}'", param.text),
        Mismatch::Type(param, position, object) => {
            let position = position.map_or(String::new(), |p| format!(" (position {})", p + 1));
            let expected = param.ty.for_error();
            if param.ty.list && crate::args::is_sequence(*object) {
                let items = crate::args::items(*object);
                let item = crate::schema::Type { list: false, optional: param.ty.holes, ..param.ty };
                let wrong = items.iter().position(|&o| crate::args::fits(o, &item, false) == crate::args::Fit::No);
                if let Some(at) = wrong {
                    let given = type_name(items[at]);
                    return format!(
                        "{name}(): argument '{}'{position} must be {expected}, but found element of type {given} at pos {at}",
                        param.text
                    );
                }
            }
            format!("{name}(): argument '{}'{position} must be {expected}, not {}", param.text, type_name(*object))
        }
    }
}

/// Once for each old order.
#[cold]
pub fn warn_deprecated(py: Python, function: &'static Function, old: &'static Signature, form: Form) -> PyResult<()> {
    static SEEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let mut seen = SEEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let key = old as *const Signature as usize;
    if seen.contains(&key) {
        return Ok(());
    }
    seen.push(key);
    drop(seen);
    let name = form.name(old.name);
    let new = function.signatures(py)?.iter().find(|s| !s.deprecated).map(|s| s.for_error(form)).unwrap_or_default();
    let text = format!(
        "This overload of {name} is deprecated:\n\t{name}{}\nConsider using this signature instead:\n\t{name}{new}",
        old.for_error(form)
    );
    PyErr::warn(py, &py.get_type::<PyUserWarning>(), &std::ffi::CString::new(text)?, 1)
}
