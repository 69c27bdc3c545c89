//! What the binding takes from the core under names of its own, in one place.

pub use rushlight::dtype::default_dtype;
pub use rushlight::op::Out;
pub use rushlight::ops::binary::Operand;
use smallvec::SmallVec;

/// A list of ints: sizes, dims, strides.
pub type Dims = SmallVec<[i64; 6]>;
