//! What dense tensors answer to the methods of sparse ones, whose work is in `rushlight/sparse`.

use super::PyTensor;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

fn in_sparse<'py>(
    slf: &Bound<'py, PyTensor>,
    name: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let function = slf.py().import("rushlight.sparse")?.getattr(name)?;
    let mut all = vec![slf.clone().into_any()];
    all.extend(args.iter());
    function.call(PyTuple::new(slf.py(), all)?, kwargs)
}

#[pymethods]
impl PyTensor {
    /// The tensor in coordinate form: what is not zero.
    #[pyo3(signature = (*args, **kwargs))]
    fn to_sparse<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_sparse(slf, "_dense_to_sparse", args, kwargs)
    }

    /// The same as `to_sparse()`.
    fn to_sparse_coo<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        in_sparse(slf, "_dense_to_sparse", &PyTuple::empty(slf.py()), None)
    }

    /// The entries at the indices of a sparse `mask`.
    fn sparse_mask<'py>(slf: &Bound<'py, Self>, mask: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        in_sparse(slf, "_dense_sparse_mask", &PyTuple::new(slf.py(), [mask])?, None)
    }

    /// False: the tensor is not sparse.
    fn is_coalesced(&self) -> bool {
        false
    }
}

macro_rules! refused {
    ($($name:ident)*) => {
        #[pymethods]
        impl PyTensor {
            $(
                /// For sparse tensors alone.
                fn $name<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
                    let args = PyTuple::new(slf.py(), [stringify!($name)])?;
                    in_sparse(slf, "_dense_refuse", &args, None)
                }
            )*
        }
    };
}
refused! { coalesce indices values _indices _values _nnz sparse_dim dense_dim }
