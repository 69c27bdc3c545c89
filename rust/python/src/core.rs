//! What the binding takes from the core under names of its own, in one place.

use rushlight::dtype::Standing;
pub use rushlight::dtype::default_dtype;
pub use rushlight::op::Out;
pub use rushlight::ops::binary::Operand;
use rushlight::{DType, Result, Tensor};
use smallvec::SmallVec;

/// A list of ints: sizes, dims, strides.
pub type Dims = SmallVec<[i64; 6]>;

pub use rushlight::ops::index::index;

/// Writes `values` at the places that tensors name.
pub fn index_put_(x: &Tensor, indices: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result<()> {
    x.index_put_(indices, values, accumulate)
}

/// A new dimension of size 1 before dimension `dim`.
pub fn unsqueeze(x: &Tensor, dim: usize) -> Result<Tensor> {
    x.unsqueeze(dim as i64)
}

/// The dtype that an arithmetic operation on two operands has.
pub fn result_type(a: Operand, b: Operand) -> DType {
    let of = |operand: Operand| match operand {
        Operand::Tensor(x) => (x.dtype(), x.standing()),
        Operand::Scalar(x) => (x.dtype(), Standing::Number),
    };
    rushlight::dtype::result_type([of(a), of(b)].into_iter())
}
