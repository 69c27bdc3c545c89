//! Sorting, searching, and running sums.

use crate::call::table;
use rushlight::{DType, Tensor};

table! {
    /// The running sum along `dim`.
    fn method inplace:
        "cumsum(Tensor self, int dim, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, dtype: Option<DType>| x.to(dtype.unwrap_or(x.dtype()))?.cumsum(dim);
}
