//! Softmax, and what normalises.

use crate::call::table;
use crate::core::{Dims, Out};
use rushlight::ops::norm::{self as n, BatchOptions};
use rushlight::ops::softmax::{SoftmaxBackward, softmax_of};
use rushlight::op::apply;
use rushlight::{DType, Result, Tensor};

fn backward(log: bool, grad: &Tensor, output: &Tensor, dim: i64, dtype: DType) -> Result<Tensor> {
    let dim = rushlight::layout::wrap_dim("softmax", dim, output.ndim())?;
    apply(SoftmaxBackward { dim, log }, [grad, output])?.to(dtype)
}

#[allow(clippy::too_many_arguments)]
fn options<'a>(
    weight: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
    running_mean: Option<&'a Tensor>,
    running_var: Option<&'a Tensor>,
    training: bool,
    momentum: f64,
    eps: f64,
) -> BatchOptions<'a> {
    BatchOptions { weight, bias, running_mean, running_var, training, momentum, eps }
}

table! {
    /// eˣ, normalised to sum to one along `dim`.
    fn method:
        "softmax(Tensor self, int dim, ScalarType? dtype=None, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, dtype: Option<DType>, out: Out| softmax_of(x, false, dim, dtype, out);
    /// The logarithm of softmax.
    fn method:
        "log_softmax(Tensor self, int dim, ScalarType? dtype=None, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, dtype: Option<DType>, out: Out| softmax_of(x, true, dim, dtype, out);
    /// `softmax`.
    special:
        "softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor"
            => |x: &Tensor, dim: i64, dtype: Option<DType>| softmax_of(x, false, dim, dtype, Out::New);
    /// `log_softmax`.
    special:
        "log_softmax(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor"
            => |x: &Tensor, dim: i64, dtype: Option<DType>| softmax_of(x, true, dim, dtype, Out::New);
    /// `softmax`, in float32 of a float16 tensor if told.
    fn:
        "_softmax(Tensor self, int dim, bool half_to_float, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, wide: bool, out: Out| softmax_of(x, false, dim, wide.then_some(DType::F32), out);
    /// `log_softmax`, in float32 of a float16 tensor if told.
    fn:
        "_log_softmax(Tensor self, int dim, bool half_to_float, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, dim: i64, wide: bool, out: Out| softmax_of(x, true, dim, wide.then_some(DType::F32), out);
    /// The gradient of `softmax` from its output.
    fn:
        "_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor"
            => |g: &Tensor, y: &Tensor, dim: i64, dtype: DType| backward(false, g, y, dim, dtype);
    /// The gradient of `log_softmax` from its output.
    fn:
        "_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor"
            => |g: &Tensor, y: &Tensor, dim: i64, dtype: DType| backward(true, g, y, dim, dtype);
    /// Layer norm over the last dimensions, of shape `normalized_shape`.
    fn:
        "layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True) -> Tensor"
            => |x: &Tensor, shape: Dims, weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64, _: bool|
                n::layer_norm(x, &shape, weight, bias, eps);
    /// Layer norm, and the mean and 1/σ of each row.
    fn:
        "native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)"
            => |x: &Tensor, shape: Dims, weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64|
                n::native_layer_norm(x, &shape, weight, bias, eps);
    /// Division by the root of the mean square over the last dimensions, of shape `normalized_shape`.
    fn:
        "rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor"
            => |x: &Tensor, shape: Dims, weight: Option<&Tensor>, eps: Option<f64>| n::rms_norm(x, &shape, weight, eps);
    /// Normalisation of groups of channels of each sample.
    fn:
        "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enabled=True) -> Tensor"
            => |x: &Tensor, groups: i64, weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64, _: bool|
                n::group_norm(x, groups, weight, bias, eps);
    /// Group norm, and the mean and 1/σ of each group.
    fn:
        "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, float eps) -> (Tensor, Tensor, Tensor)"
            => |x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, _: i64, _: i64, _: i64, groups: i64, eps: f64|
                n::native_group_norm(x, weight, bias, groups, eps);
    /// Normalisation of each channel over the batch; running statistics are updated while training.
    fn:
        "batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor"
            => |x: &Tensor, w: Option<&Tensor>, b: Option<&Tensor>, mean: Option<&Tensor>, var: Option<&Tensor>, training: bool, momentum: f64, eps: f64, _: bool|
                n::batch_norm(x, options(w, b, mean, var, training, momentum, eps));
    /// Batch norm, and the mean and 1/σ of the batch.
    fn:
        "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)"
            => |x: &Tensor, w: Option<&Tensor>, b: Option<&Tensor>, mean: Option<&Tensor>, var: Option<&Tensor>, training: bool, momentum: f64, eps: f64|
                n::native_batch_norm(x, options(w, b, mean, var, training, momentum, eps));
    /// Normalisation of each channel of each sample.
    fn:
        "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor"
            => |x: &Tensor, w: Option<&Tensor>, b: Option<&Tensor>, mean: Option<&Tensor>, var: Option<&Tensor>, stats: bool, momentum: f64, eps: f64, _: bool|
                n::instance_norm(x, stats, options(w, b, mean, var, stats, momentum, eps));
}
