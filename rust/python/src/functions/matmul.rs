//! Products of matrices.

use crate::call::table;
use rushlight::Tensor;

table! {
    /// The product of matrices (vectors, batches of matrices).
    fn method:
        "matmul(Tensor self, Tensor other, *, Tensor? out=None) -> Tensor" => Tensor::matmul;
}
