//! What networks are made of. The form `nn` publishes in `_rushlight._nn`, as PyTorch does in `torch._C._nn`.

use crate::call::table;
use rushlight::{DType, Tensor};

table! {
    /// eˣ, normalised to sum to one along `dim`.
    fn method:
        "softmax(Tensor self, int dim, ScalarType? dtype=None, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, dtype: Option<DType>| x.to(dtype.unwrap_or(x.dtype()))?.softmax(dim);
}
