//! What the binding takes from the core under names of its own, in one place.

use rushlight::dtype::Standing;
pub use rushlight::dtype::default_dtype;
pub use rushlight::op::Out;
pub use rushlight::ops::binary::Operand;
use rushlight::{DType, Error, Result, Tensor};
use smallvec::SmallVec;

/// A list of ints: sizes, dims, strides.
pub type Dims = SmallVec<[i64; 6]>;

/// Elements of `x` at places that tensors name, dimension by dimension; a mask stands for as many dimensions as it has.
pub fn index(x: &Tensor, indices: &[Option<Tensor>]) -> Result<Tensor> {
    let _ = (x, indices);
    Err(Error::NotImplemented { op: "index", what: "indexing by tensors" })
}

/// Writes `values` at the places that tensors name.
pub fn index_put_(x: &Tensor, indices: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result<()> {
    let _ = (x, indices, values, accumulate);
    Err(Error::NotImplemented { op: "index_put", what: "assignment by tensors" })
}

/// A new dimension of size 1 before dimension `dim`.
pub fn unsqueeze(x: &Tensor, dim: usize) -> Result<Tensor> {
    let mut shape = rushlight::layout::Shape::from_slice(x.shape());
    shape.insert(dim, 1);
    x.reshape(&shape)
}

/// The dtype that an arithmetic operation on two operands has.
pub fn result_type(a: Operand, b: Operand) -> DType {
    let of = |operand: Operand| match operand {
        Operand::Tensor(x) => (x.dtype(), x.standing()),
        Operand::Scalar(x) => (x.dtype(), Standing::Number),
    };
    rushlight::dtype::result_type([of(a), of(b)].into_iter())
}
