//! Reading and writing at indices.

use crate::call::table;
use rushlight::Tensor;

table! {
    /// Elements along `dim` at the places that `index` names.
    fn method:
        "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, index: &Tensor, _: bool| x.gather(dim, index);
}
