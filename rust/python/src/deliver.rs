//! Brings a result where the caller wants it, for functions that do not write there themselves: into `self` of an
//! in-place form, into `out=`, or in the place of `self` (`x.unsqueeze_(0)`).

use crate::args::{Object, items};
use crate::class;
use crate::error::Raise;
use crate::schema::Signature;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyUserWarning};
use pyo3::prelude::*;
use rushlight::Tensor;

fn result<'a>(object: &'a Bound<PyAny>, name: &str) -> PyResult<&'a Tensor> {
    match class::is_tensor(object.as_borrowed()) {
        true => Ok(class::tensor(object.as_borrowed())),
        false => Err(PyTypeError::new_err(format!("{name}(): the result is no tensor"))),
    }
}

/// `x.f_()`: the value of x becomes the result, on the road that autograd knows.
pub fn in_place<'a>(this: Object<'a>, value: Bound<'a, PyAny>, signature: &Signature) -> PyResult<Bound<'a, PyAny>> {
    let (target, value) = (class::tensor(this), result(&value, signature.name)?);
    if value.same(target) {
        return Ok(this.to_owned());
    }
    cast_check(value, target, "output type")?;
    if value.shape() != target.shape() {
        return Err(PyRuntimeError::new_err(format!(
            "{}_(): output with shape {:?} doesn't match the broadcast shape {:?}",
            signature.name,
            target.shape(),
            value.shape()
        )));
    }
    target.copy_(value).py()?;
    Ok(this.to_owned())
}

/// `x.unsqueeze_(0)`: x itself becomes the result.
pub fn exchange<'a>(this: Object<'a>, value: Bound<'a, PyAny>) -> PyResult<Bound<'a, PyAny>> {
    let value = result(&value, "in-place view")?.clone();
    let target = class::tensor(this);
    if target.requires_grad() && target.is_leaf() && rushlight::autograd::Modes::current().grad {
        let text = "a leaf Variable that requires grad is being used in an in-place operation.";
        return Err(PyRuntimeError::new_err(text));
    }
    class::replace(this, value);
    Ok(this.to_owned())
}

/// `out=`: one tensor, or a tuple of as many as there are results.
pub fn out<'a>(out: Object<'a>, value: Bound<'a, PyAny>, signature: &Signature) -> PyResult<Bound<'a, PyAny>> {
    if class::is_tensor(out) {
        write(out, result(&value, signature.name)?, signature)?;
        return Ok(out.to_owned());
    }
    let (targets, values) = (items(out), items(value.as_borrowed()));
    if targets.len() != values.len() {
        let text = format!("{}(): out= takes {} tensors, got {}", signature.name, values.len(), targets.len());
        return Err(PyRuntimeError::new_err(text));
    }
    for (&target, value) in targets.iter().zip(values) {
        if !class::is_tensor(target) || !class::is_tensor(*value) {
            return Err(PyTypeError::new_err(format!("{}(): out= takes tensors", signature.name)));
        }
        write(target, class::tensor(*value), signature)?;
    }
    crate::output::like(&value, targets)
}

fn write(out: Object, value: &Tensor, signature: &Signature) -> PyResult<()> {
    let target = class::tensor(out);
    if value.same(target) {
        return Ok(());
    }
    if rushlight::autograd::Modes::current().grad && (target.requires_grad() || value.requires_grad()) {
        return Err(PyRuntimeError::new_err(format!(
            "{}(): functions with out=... arguments don't support automatic differentiation, \
             but one of the arguments requires grad.",
            signature.name
        )));
    }
    cast_check(value, target, "desired output type")?;
    let value = value.detach();
    if value.shape() == target.shape() {
        return target.detach().copy_(&value).py();
    }
    if target.numel() > 0 {
        let text = format!(
            "An output with one or more elements was resized since it had shape {:?}, which does not match the required \
             output shape {:?}. Give an output without elements (t.resize_(0)) to have it resized without this warning.",
            target.shape(),
            value.shape()
        );
        PyErr::warn(out.py(), &out.py().get_type::<PyUserWarning>(), &std::ffi::CString::new(text)?, 1)?;
    }
    if target.storage().owner().is_some() && value.numel() * target.dtype().size() > target.storage().bytes() {
        return Err(PyRuntimeError::new_err(
            "Trying to resize storage that is not resizable: it belongs to somebody else",
        ));
    }
    let value = value.to(target.dtype()).py()?;
    class::replace(out, value);
    Ok(())
}

fn cast_check(value: &Tensor, target: &Tensor, what: &str) -> PyResult<()> {
    if value.dtype().can_cast(target.dtype()) {
        return Ok(());
    }
    let (from, to) = (value.dtype().scalar_name(), target.dtype().scalar_name());
    Err(PyRuntimeError::new_err(format!("result type {from} can't be cast to the {what} {to}")))
}
