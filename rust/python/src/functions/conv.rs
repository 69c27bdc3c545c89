//! Convolutions.

use crate::call::table;
use crate::core::Dims;
use rushlight::ops::conv::{self as c, Options};
use rushlight::{Result, Tensor};

#[allow(clippy::too_many_arguments)]
fn plain(
    op: &'static str,
    dims: usize,
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    stride: Dims,
    padding: Dims,
    dilation: Dims,
    groups: i64,
) -> Result<Tensor> {
    let options = Options { stride: &stride, padding: &padding, dilation: &dilation, groups, transposed: None };
    c::conv(op, dims, x, w, bias, options)
}

#[allow(clippy::too_many_arguments)]
fn named(
    op: &'static str,
    dims: usize,
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    stride: Dims,
    padding: &str,
    dilation: Dims,
    groups: i64,
) -> Result<Tensor> {
    let options = Options { stride: &stride, padding: &[0], dilation: &dilation, groups, transposed: None };
    c::conv_named(op, dims, x, w, bias, padding, options)
}

#[allow(clippy::too_many_arguments)]
fn transposed(
    op: &'static str,
    dims: usize,
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    stride: Dims,
    padding: Dims,
    output_padding: Dims,
    groups: i64,
    dilation: Dims,
) -> Result<Tensor> {
    let transposed = Some(&output_padding[..]);
    c::conv(op, dims, x, w, bias, Options { stride: &stride, padding: &padding, dilation: &dilation, groups, transposed })
}

#[allow(clippy::too_many_arguments)]
fn convolution(
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    stride: Dims,
    padding: Dims,
    dilation: Dims,
    transposed: bool,
    output_padding: Dims,
    groups: i64,
) -> Result<Tensor> {
    let transposed = transposed.then_some(&output_padding[..]);
    c::convolution(x, w, bias, Options { stride: &stride, padding: &padding, dilation: &dilation, groups, transposed })
}

table! {
    /// Convolution over the last dimension of (N, C, L) or (C, L), with a weight of shape (out, C / groups, kernel).
    fn:
        "conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=1, SymInt[1] padding=0, SymInt[1] dilation=1, SymInt groups=1) -> Tensor"
            => |x: &Tensor, w: &Tensor, b: Option<&Tensor>, s: Dims, p: Dims, d: Dims, g: i64| plain("conv1d", 1, x, w, b, s, p, d, g),
        "conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=1, str padding='valid', SymInt[1] dilation=1, SymInt groups=1) -> Tensor"
            => |x: &Tensor, w: &Tensor, b: Option<&Tensor>, s: Dims, p: &str, d: Dims, g: i64| named("conv1d", 1, x, w, b, s, p, d, g);
    /// Convolution over the last two dimensions of (N, C, H, W) or (C, H, W), with a weight of shape (out, C / groups, kH, kW).
    fn:
        "conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, SymInt[2] padding=0, SymInt[2] dilation=1, SymInt groups=1) -> Tensor"
            => |x: &Tensor, w: &Tensor, b: Option<&Tensor>, s: Dims, p: Dims, d: Dims, g: i64| plain("conv2d", 2, x, w, b, s, p, d, g),
        "conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, str padding='valid', SymInt[2] dilation=1, SymInt groups=1) -> Tensor"
            => |x: &Tensor, w: &Tensor, b: Option<&Tensor>, s: Dims, p: &str, d: Dims, g: i64| named("conv2d", 2, x, w, b, s, p, d, g);
    /// Convolution over the last three dimensions of (N, C, D, H, W) or (C, D, H, W).
    fn:
        "conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=1, SymInt[3] padding=0, SymInt[3] dilation=1, SymInt groups=1) -> Tensor"
            => |x: &Tensor, w: &Tensor, b: Option<&Tensor>, s: Dims, p: Dims, d: Dims, g: i64| plain("conv3d", 3, x, w, b, s, p, d, g),
        "conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=1, str padding='valid', SymInt[3] dilation=1, SymInt groups=1) -> Tensor"
            => |x: &Tensor, w: &Tensor, b: Option<&Tensor>, s: Dims, p: &str, d: Dims, g: i64| named("conv3d", 3, x, w, b, s, p, d, g);

    /// The transpose of `conv1d` (its gradient with respect to its input), with a weight of shape (C, out / groups, kernel).
    fn:
        "conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=1, SymInt[1] padding=0, SymInt[1] output_padding=0, SymInt groups=1, SymInt[1] dilation=1) -> Tensor"
            => |x: &Tensor, w: &Tensor, b: Option<&Tensor>, s: Dims, p: Dims, o: Dims, g: i64, d: Dims| transposed("conv_transpose1d", 1, x, w, b, s, p, o, g, d);
    /// The transpose of `conv2d`, with a weight of shape (C, out / groups, kH, kW).
    fn:
        "conv_transpose2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, SymInt[2] padding=0, SymInt[2] output_padding=0, SymInt groups=1, SymInt[2] dilation=1) -> Tensor"
            => |x: &Tensor, w: &Tensor, b: Option<&Tensor>, s: Dims, p: Dims, o: Dims, g: i64, d: Dims| transposed("conv_transpose2d", 2, x, w, b, s, p, o, g, d);
    /// The transpose of `conv3d`.
    fn:
        "conv_transpose3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=1, SymInt[3] padding=0, SymInt[3] output_padding=0, SymInt groups=1, SymInt[3] dilation=1) -> Tensor"
            => |x: &Tensor, w: &Tensor, b: Option<&Tensor>, s: Dims, p: Dims, o: Dims, g: i64, d: Dims| transposed("conv_transpose3d", 3, x, w, b, s, p, o, g, d);

    /// The general form of all convolutions, of a batch.
    fn:
        "convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor"
            => convolution;
    /// Convolution over time of (time, batch, channels), with a weight of shape (kernel, channels, out).
    fn: "conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor" => c::conv_tbc;
}
