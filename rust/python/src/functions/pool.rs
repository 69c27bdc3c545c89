//! Pooling, and windows as columns.

use crate::call::table;
use crate::core::{Dims, Out};
use rushlight::ops::pool::{self as p, Options};
use rushlight::{Result, Tensor};

fn options<'a>(kernel: &'a Dims, stride: &'a Option<Dims>, padding: &'a Dims, ceil: bool) -> Options<'a> {
    let stride = stride.as_ref().map_or(&[][..], |s| &s[..]);
    Options { kernel, stride, padding, dilation: &[1], ceil, include: true }
}

macro_rules! max {
    ($name:literal, $dims:literal) => {
        |x: &Tensor, kernel: Dims, stride: Option<Dims>, padding: Dims, dilation: Dims, ceil: bool| {
            let options = Options { dilation: &dilation, ..options(&kernel, &stride, &padding, ceil) };
            p::max_pool($name, $dims, x, options)
        }
    };
}
macro_rules! max_with_indices {
    ($name:literal, $dims:literal) => {
        |x: &Tensor, kernel: Dims, stride: Option<Dims>, padding: Dims, dilation: Dims, ceil: bool| {
            let options = Options { dilation: &dilation, ..options(&kernel, &stride, &padding, ceil) };
            p::max_pool_with_indices($name, $dims, x, options)
        }
    };
}
macro_rules! avg {
    ($name:literal, $dims:literal) => {
        |x: &Tensor, kernel: Dims, stride: Option<Dims>, padding: Dims, ceil: bool, include: bool, divisor: Option<i64>, out: Out| {
            let options = Options { include, ..options(&kernel, &stride, &padding, ceil) };
            p::avg_pool($name, $dims, x, options, divisor, out)
        }
    };
}

fn avg_pool1d(x: &Tensor, kernel: Dims, stride: Option<Dims>, padding: Dims, ceil: bool, include: bool) -> Result<Tensor> {
    let options = Options { include, ..options(&kernel, &stride, &padding, ceil) };
    p::avg_pool("avg_pool1d", 1, x, options, None, Out::New)
}

table! {
    /// The largest element of each window of (N, C, L) or (C, L).
    fn:
        "max_pool1d(Tensor self, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, int[1] dilation=1, bool ceil_mode=False) -> Tensor"
            => max!("max_pool1d", 1);
    /// The largest element of each window of (N, C, H, W) or (C, H, W).
    fn:
        "max_pool2d(Tensor self, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor"
            => max!("max_pool2d", 2);
    /// The largest element of each window of (N, C, D, H, W) or (C, D, H, W).
    fn:
        "max_pool3d(Tensor self, int[3] kernel_size, int[3]? stride=None, int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor"
            => max!("max_pool3d", 3);
    /// `max_pool1d`, and the place of each maximum in its row.
    fn:
        "max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, int[1] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)"
            => max_with_indices!("max_pool1d_with_indices", 1);
    /// `max_pool2d`, and the place of each maximum in its plane.
    nn:
        "max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)"
            => max_with_indices!("max_pool2d_with_indices", 2);
    /// `max_pool3d`, and the place of each maximum in its volume.
    nn:
        "max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3]? stride=None, int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)"
            => max_with_indices!("max_pool3d_with_indices", 3);

    /// The mean of each window of (N, C, L) or (C, L).
    fn:
        "avg_pool1d(Tensor self, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, bool ceil_mode=False, bool count_include_pad=True) -> Tensor"
            => avg_pool1d;
    /// The mean of each window of (N, C, H, W) or (C, H, W); its sum divided by `divisor_override` if that is given.
    nn:
        "avg_pool2d(Tensor self, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None, *, Tensor? out=None) -> Tensor"
            => avg!("avg_pool2d", 2);
    /// The mean of each window of (N, C, D, H, W) or (C, D, H, W); its sum divided by `divisor_override` if that is given.
    nn:
        "avg_pool3d(Tensor self, int[3] kernel_size, int[3]? stride=None, int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None, *, Tensor? out=None) -> Tensor"
            => avg!("avg_pool3d", 3);

    /// Means of as many windows of the last dimension as asked for.
    fn: "adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor"
        => |x: &Tensor, size: Dims| p::adaptive_avg_pool("adaptive_avg_pool1d", 1, x, &size, Out::New);
    /// Means of as many windows of the last two dimensions as asked for.
    nn: "adaptive_avg_pool2d(Tensor self, SymInt[2] output_size, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, size: Dims, out: Out| p::adaptive_avg_pool("adaptive_avg_pool2d", 2, x, &size, out);
    /// Means of as many windows of the last three dimensions as asked for.
    nn: "adaptive_avg_pool3d(Tensor self, SymInt[3] output_size, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, size: Dims, out: Out| p::adaptive_avg_pool("adaptive_avg_pool3d", 3, x, &size, out);
    /// Maxima of as many windows of the last dimension as asked for, and their places.
    fn: "adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)"
        => |x: &Tensor, size: Dims| p::adaptive_max_pool("adaptive_max_pool1d", 1, x, &size);
    /// Maxima of as many windows of the last two dimensions as asked for, and their places.
    nn: "adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)"
        => |x: &Tensor, size: Dims| p::adaptive_max_pool("adaptive_max_pool2d", 2, x, &size);
    /// Maxima of as many windows of the last three dimensions as asked for, and their places.
    nn: "adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)"
        => |x: &Tensor, size: Dims| p::adaptive_max_pool("adaptive_max_pool3d", 3, x, &size);

    /// Maxima of windows at places that the samples, of shape (N, C, 2), determine, and their own places.
    nn: "fractional_max_pool2d(Tensor self, int[2] kernel_size, int[2] output_size, Tensor random_samples) -> (Tensor, Tensor)"
        => |x: &Tensor, kernel: Dims, size: Dims, samples: &Tensor| p::fractional_max_pool(2, x, &kernel, &size, samples);
    /// Maxima of windows at places that the samples, of shape (N, C, 3), determine, and their own places.
    nn: "fractional_max_pool3d(Tensor self, int[3] kernel_size, int[3] output_size, Tensor random_samples) -> (Tensor, Tensor)"
        => |x: &Tensor, kernel: Dims, size: Dims, samples: &Tensor| p::fractional_max_pool(3, x, &kernel, &size, samples);
    /// Maxima put back to the places that `indices` names in planes of `output_size`, with zeros elsewhere.
    nn: "max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor"
        => |x: &Tensor, index: &Tensor, size: Dims| p::max_unpool("max_unpool2d", 2, x, index, &size);
    /// Maxima put back to the places that `indices` names in volumes of `output_size`, with zeros elsewhere.
    nn: "max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor"
        => |x: &Tensor, index: &Tensor, size: Dims, _: Dims, _: Dims| p::max_unpool("max_unpool3d", 3, x, index, &size);

    /// Windows of (N, C, H, W) as columns (N, C · kH · kW, windows).
    nn: "im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride, *, Tensor? out=None) -> Tensor"
        => |x: &Tensor, kernel: Dims, dilation: Dims, padding: Dims, stride: Dims, out: Out| p::im2col(x, &kernel, &dilation, &padding, &stride, out);
    /// Columns (N, C · kH · kW, windows) summed into an image of `output_size`.
    nn:
        "col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride, *, Tensor? out=None) -> Tensor"
            => |x: &Tensor, size: Dims, kernel: Dims, dilation: Dims, padding: Dims, stride: Dims, out: Out| p::col2im(x, &size, &kernel, &dilation, &padding, &stride, out);
}
