//! Reductions: from many elements to few.

use crate::call::table;
use crate::core::Dims;
use rushlight::{DType, Result, Tensor};

fn sum(x: &Tensor, dims: Option<Dims>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    x.to(dtype.unwrap_or(x.dtype()))?.sum(&dims.unwrap_or_default(), keepdim)
}

table! {
    /// The sum of all elements, or of those along `dim`.
    fn method:
        "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor"
            => |x: &Tensor, dtype: Option<DType>| sum(x, None, false, dtype),
        "sum(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor" => sum;
}
