//! Sorting, searching, and running totals.

use crate::call::table;
use rushlight::ops::scan;
use rushlight::Tensor;

table! {
    /// The running sum along `dim`.
    fn method inplace:
        "cumsum(Tensor self, int dim, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor" => scan::cumsum;
    /// The running product along `dim`.
    fn method inplace:
        "cumprod(Tensor self, int dim, *, ScalarType? dtype=None, Tensor? out=None) -> Tensor" => scan::cumprod;
    /// The running maximum along `dim`, and its places.
    fn method:
        "cummax(Tensor self, int dim, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, dim: i64| scan::cum_extreme(x, false, dim);
    /// The running minimum along `dim`, and its places.
    fn method:
        "cummin(Tensor self, int dim, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
            => |x: &Tensor, dim: i64| scan::cum_extreme(x, true, dim);
    /// The logarithm of the running sum of exponentials along `dim`.
    fn method:
        "logcumsumexp(Tensor self, int dim, *, Tensor? out=None) -> Tensor" => scan::logcumsumexp;
}
