//! The operators. One that finds two plain operands goes straight to the core; what it cannot take is NotImplemented,
//! so that Python asks the other side.

#![allow(unsafe_op_in_unsafe_fn)] // in what `#[pymethods]` makes of a macro's output

use super::{PyTensor, is_exact, is_exact_number, is_plain_tensor, is_tensor, tensor, tensor_type, wrap};
use crate::args::{Object, is_number, scalar};
use crate::core::{Operand, Out};
use crate::error::Raise;
use crate::gate::caught;
use crate::overrides;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rushlight::Tensor;
use rushlight::ops::{binary, logic, unary};

type Fast = fn(Operand, Operand, Out) -> rushlight::Result<Tensor>;

/// What an operand is, or nothing if the operator cannot take it.
#[inline]
fn operand<'a>(object: Object<'a>) -> PyResult<Option<Operand<'a>>> {
    if is_exact(object) {
        return Ok(Some(Operand::Tensor(tensor(object))));
    } else if is_exact_number(object) {
        return Ok(Some(Operand::Scalar(scalar(object)?)));
    }
    Ok(match () {
        () if is_tensor(object) => Some(Operand::Tensor(tensor(object))),
        () if is_number(object) => Some(Operand::Scalar(scalar(object)?)),
        () => None,
    })
}

#[inline]
fn plain(object: Object) -> bool {
    is_exact_number(object) || is_plain_tensor(object)
}

/// `x + y`; `name` is the special method, for those who override it.
#[inline]
fn operate<'py>(
    x: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    reflected: bool,
    name: &str,
    fast: Fast,
) -> PyResult<Bound<'py, PyAny>> {
    let py = x.py();
    if (overrides::modes_are_on() || !(plain(x.as_borrowed()) && plain(y.as_borrowed())))
        && let Some(answer) = ask(name, &[x.clone(), y.clone()])?
    {
        return Ok(answer);
    }
    caught(|| {
        let (Some(a), Some(b)) = (operand(x.as_borrowed())?, operand(y.as_borrowed())?) else {
            return Ok(py.NotImplemented().into_bound(py));
        };
        let (a, b) = if reflected { (b, a) } else { (a, b) };
        wrap(py, fast(a, b, Out::New).py()?)
    })
}

/// `x += y`: Python goes on with x itself.
fn operate_in_place<'py>(x: &Bound<'py, PyAny>, y: &Bound<'py, PyAny>, name: &str, fast: Fast) -> PyResult<()> {
    if (overrides::modes_are_on() || !(plain(x.as_borrowed()) && plain(y.as_borrowed())))
        && ask(name, &[x.clone(), y.clone()])?.is_some()
    {
        return Ok(());
    }
    caught(|| {
        let Some(b) = operand(y.as_borrowed())? else {
            let text = format!("unsupported operand type(s) for {name}: 'Tensor' and '{}'", y.get_type().name()?);
            return Err(pyo3::exceptions::PyTypeError::new_err(text));
        };
        let x = tensor(x.as_borrowed());
        fast(Operand::Tensor(x), b, Out::InPlace(x)).py()?;
        Ok(())
    })
}

/// Asks those among the operands that answer `__torch_function__`.
#[cold]
pub fn ask<'py>(name: &str, operands: &[Bound<'py, PyAny>]) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(first) = operands.first() else { return Ok(None) };
    let py = first.py();
    if !overrides::modes_are_on() && !operands.iter().any(|o| super::overrides(o.as_borrowed())) {
        return Ok(None);
    }
    let public = tensor_type(py).getattr(name)?;
    let args = PyTuple::new(py, operands)?;
    overrides::ask(&public, operands, &args, &PyDict::new(py), name)
}

/// Does anybody want to be asked about an operation on this one operand?
#[inline]
pub fn asked<'py>(name: &str, x: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if is_plain_tensor(x.as_borrowed()) && !overrides::modes_are_on() {
        Ok(None)
    } else {
        ask(name, std::slice::from_ref(x))
    }
}

/// `__add__`, `__radd__`, `__iadd__` of a function.
macro_rules! operators {
    ($($name:ident $reflected:ident $($in_place:ident)? = $fast:expr;)*) => {$(
        #[pymethods]
        impl PyTensor {
            fn $name<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
                operate(slf.as_any(), other, false, stringify!($name), $fast)
            }
            fn $reflected<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
                operate(slf.as_any(), other, true, stringify!($reflected), $fast)
            }
            $(fn $in_place(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<()> {
                operate_in_place(slf.as_any(), other, stringify!($in_place), $fast)
            })?
        }
    )*};
}

operators! {
    __add__ __radd__ __iadd__ = binary::add;
    __sub__ __rsub__ __isub__ = |a, b, out| binary::sub_with_alpha(a, b, 1i64.into(), out);
    __mul__ __rmul__ __imul__ = binary::mul;
    __truediv__ __rtruediv__ __itruediv__ = binary::div;
    __floordiv__ __rfloordiv__ __ifloordiv__ = binary::floor_divide;
    __mod__ __rmod__ __imod__ = binary::remainder;
    __and__ __rand__ __iand__ = binary::bitwise_and;
    __or__ __ror__ __ior__ = binary::bitwise_or;
    __xor__ __rxor__ __ixor__ = binary::bitwise_xor;
    __lshift__ __rlshift__ __ilshift__ = binary::left_shift;
    __rshift__ __rrshift__ __irshift__ = binary::right_shift;
}

type Modulo<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

#[pymethods]
impl PyTensor {
    fn __pow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        _modulo: Modulo<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        operate(slf.as_any(), other, false, "__pow__", binary::pow)
    }
    fn __rpow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        _modulo: Modulo<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        operate(slf.as_any(), other, true, "__rpow__", binary::pow)
    }
    fn __ipow__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>, _modulo: Modulo<'_, '_>) -> PyResult<()> {
        operate_in_place(slf.as_any(), other, "__ipow__", binary::pow)
    }
    fn __matmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operate(slf.as_any(), other, false, "__matmul__", matmul)
    }
    fn __rmatmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        operate(slf.as_any(), other, true, "__rmatmul__", matmul)
    }
}

/// `x @ y`, of tensors only.
fn matmul(x: Operand, y: Operand, _: Out) -> rushlight::Result<Tensor> {
    match (x, y) {
        (Operand::Tensor(x), Operand::Tensor(y)) => x.matmul(y),
        _ => Err(rushlight::Error::Type { op: "matmul", expected: "two tensors".into(), given: "a number".into() }),
    }
}

/// Operators of one tensor.
macro_rules! unary_operators {
    ($($name:ident = $fast:expr;)*) => {
        #[pymethods]
        impl PyTensor {
            $(fn $name<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
                if let Some(answer) = asked(stringify!($name), slf.as_any())? {
                    return Ok(answer);
                }
                caught(|| {
                    let fast: fn(&Tensor, Out) -> rushlight::Result<Tensor> = $fast;
                    wrap(slf.py(), fast(tensor(slf.as_any().as_borrowed()), Out::New).py()?)
                })
            })*
        }
    };
}

unary_operators! {
    __neg__ = unary::negative;
    __pos__ = |x, _| Ok(x.clone());
    __invert__ = unary::bitwise_not;
    __abs__ = unary::abs;
}

#[pymethods]
impl PyTensor {
    /// All comparisons, element by element. A tensor is unequal to what is no tensor or number, as objects are.
    fn __richcmp__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        op: pyo3::basic::CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        use pyo3::basic::CompareOp::*;
        let (name, fast): (_, Fast) = match op {
            Lt => ("__lt__", logic::lt),
            Le => ("__le__", logic::le),
            Eq => ("__eq__", logic::eq),
            Ne => ("__ne__", logic::ne),
            Gt => ("__gt__", logic::gt),
            Ge => ("__ge__", logic::ge),
        };
        operate(slf.as_any(), other, false, name, fast)
    }
}
