//! Resizing of images, and sampling on grids.

use crate::call::table;
use crate::core::Dims;
use rushlight::ops::upsample::{Mode, output_size, upsample};
use rushlight::ops::upsample_grid as g;
use rushlight::{Error, Result, Tensor};

/// The form that takes a size or factors.
fn either(
    op: &'static str,
    dims: usize,
    mode: Mode,
    x: &Tensor,
    size: Option<Dims>,
    align: bool,
    factors: Option<Vec<f64>>,
) -> Result<Tensor> {
    let size = output_size(op, x, dims, size.as_deref(), factors.as_deref())?;
    check(op, dims, &size)?;
    let factors: Vec<Option<f64>> = factors.unwrap_or_default().into_iter().map(Some).collect();
    upsample(op, mode, x, &size, align, &factors)
}

/// The form that takes a size, and factors beside it.
fn both(
    op: &'static str,
    mode: Mode,
    x: &Tensor,
    size: Dims,
    align: bool,
    factors: &[Option<f64>],
) -> Result<Tensor> {
    check(op, factors.len(), &size)?;
    upsample(op, mode, x, &size, align, factors)
}

fn check(op: &'static str, dims: usize, size: &[i64]) -> Result<()> {
    if size.len() == dims {
        return Ok(());
    }
    Err(Error::custom(op, format!("It is expected output_size equals to {dims}, but got size {}", size.len())))
}

/// Without `align_corners`.
macro_rules! nearest {
    ($name:literal, 1, $mode:ident) => {
        |x: &Tensor, size: Dims, a: Option<f64>| both($name, Mode::$mode, x, size, false, &[a])
    };
    ($name:literal, 2, $mode:ident) => {
        |x: &Tensor, size: Dims, a: Option<f64>, b: Option<f64>| both($name, Mode::$mode, x, size, false, &[a, b])
    };
    ($name:literal, 3, $mode:ident) => {
        |x: &Tensor, size: Dims, a: Option<f64>, b: Option<f64>, c: Option<f64>| {
            both($name, Mode::$mode, x, size, false, &[a, b, c])
        }
    };
}
macro_rules! aligned {
    ($name:literal, 1, $mode:ident) => {
        |x: &Tensor, size: Dims, align: bool, a: Option<f64>| both($name, Mode::$mode, x, size, align, &[a])
    };
    ($name:literal, 2, $mode:ident) => {
        |x: &Tensor, size: Dims, align: bool, a: Option<f64>, b: Option<f64>| {
            both($name, Mode::$mode, x, size, align, &[a, b])
        }
    };
    ($name:literal, 3, $mode:ident) => {
        |x: &Tensor, size: Dims, align: bool, a: Option<f64>, b: Option<f64>, c: Option<f64>| {
            both($name, Mode::$mode, x, size, align, &[a, b, c])
        }
    };
}
macro_rules! nearest_by {
    ($name:literal, $dims:literal, $mode:ident) => {
        |x: &Tensor, size: Option<Dims>, factors: Option<Vec<f64>>| {
            either($name, $dims, Mode::$mode, x, size, false, factors)
        }
    };
}
macro_rules! aligned_by {
    ($name:literal, $dims:literal, $mode:ident) => {
        |x: &Tensor, size: Option<Dims>, align: bool, factors: Option<Vec<f64>>| {
            either($name, $dims, Mode::$mode, x, size, align, factors)
        }
    };
}

table! {
    /// Resizes (N, C, L): every output place takes the value of the input place that its left edge falls on.
    nn:
        "upsample_nearest1d(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor"
            => nearest_by!("upsample_nearest1d", 1, Nearest),
        "upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None, *, Tensor? out=None) -> Tensor"
            => nearest!("upsample_nearest1d", 1, Nearest);
    /// Resizes (N, C, H, W): every output place takes the value of the input place that its upper left edge falls on.
    nn:
        "upsample_nearest2d(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor"
            => nearest_by!("upsample_nearest2d", 2, Nearest),
        "upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None, *, Tensor? out=None) -> Tensor"
            => nearest!("upsample_nearest2d", 2, Nearest);
    /// Resizes (N, C, D, H, W): every output place takes the value of the input place that its front upper left edge falls on.
    nn:
        "upsample_nearest3d(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor"
            => nearest_by!("upsample_nearest3d", 3, Nearest),
        "upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None, *, Tensor? out=None) -> Tensor"
            => nearest!("upsample_nearest3d", 3, Nearest);
    /// Resizes (N, C, L): every output place takes the value of the input place that its centre falls on.
    nn:
        "_upsample_nearest_exact1d(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor"
            => nearest_by!("_upsample_nearest_exact1d", 1, NearestExact),
        "_upsample_nearest_exact1d(Tensor self, SymInt[1] output_size, float? scales=None, *, Tensor? out=None) -> Tensor"
            => nearest!("_upsample_nearest_exact1d", 1, NearestExact);
    /// Resizes (N, C, H, W): every output place takes the value of the input place that its centre falls on.
    nn:
        "_upsample_nearest_exact2d(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor"
            => nearest_by!("_upsample_nearest_exact2d", 2, NearestExact),
        "_upsample_nearest_exact2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None, *, Tensor? out=None) -> Tensor"
            => nearest!("_upsample_nearest_exact2d", 2, NearestExact);
    /// Resizes (N, C, D, H, W): every output place takes the value of the input place that its centre falls on.
    nn:
        "_upsample_nearest_exact3d(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor"
            => nearest_by!("_upsample_nearest_exact3d", 3, NearestExact),
        "_upsample_nearest_exact3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None, *, Tensor? out=None) -> Tensor"
            => nearest!("_upsample_nearest_exact3d", 3, NearestExact);
    /// Resizes (N, C, L) by linear interpolation.
    nn:
        "upsample_linear1d(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor"
            => aligned_by!("upsample_linear1d", 1, Linear),
        "upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None, *, Tensor? out=None) -> Tensor"
            => aligned!("upsample_linear1d", 1, Linear);
    /// Resizes (N, C, H, W) by linear interpolation along both axes.
    nn:
        "upsample_bilinear2d(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor"
            => aligned_by!("upsample_bilinear2d", 2, Linear),
        "upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None, *, Tensor? out=None) -> Tensor"
            => aligned!("upsample_bilinear2d", 2, Linear);
    /// Resizes (N, C, D, H, W) by linear interpolation along three axes.
    nn:
        "upsample_trilinear3d(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor"
            => aligned_by!("upsample_trilinear3d", 3, Linear),
        "upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None, *, Tensor? out=None) -> Tensor"
            => aligned!("upsample_trilinear3d", 3, Linear);
    /// Resizes (N, C, H, W) by cubic interpolation along both axes.
    nn:
        "upsample_bicubic2d(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor"
            => aligned_by!("upsample_bicubic2d", 2, Cubic),
        "upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None, *, Tensor? out=None) -> Tensor"
            => aligned!("upsample_bicubic2d", 2, Cubic);
    /// Resizes (N, C, H, W) with a triangular filter, which smooths where the image shrinks.
    nn:
        "_upsample_bilinear2d_aa(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor"
            => aligned_by!("_upsample_bilinear2d_aa", 2, SmoothLinear),
        "_upsample_bilinear2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None, *, Tensor? out=None) -> Tensor"
            => aligned!("_upsample_bilinear2d_aa", 2, SmoothLinear);
    /// Resizes (N, C, H, W) with a cubic filter, which smooths where the image shrinks.
    nn:
        "_upsample_bicubic2d_aa(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor"
            => aligned_by!("_upsample_bicubic2d_aa", 2, SmoothCubic),
        "_upsample_bicubic2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None, *, Tensor? out=None) -> Tensor"
            => aligned!("_upsample_bicubic2d_aa", 2, SmoothCubic);
    /// Resizes (N, C, H, W) with Lanczos' filter of three lobes, which smooths where the image shrinks.
    nn:
        "_upsample_lanczos2d_aa(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor"
            => aligned_by!("_upsample_lanczos2d_aa", 2, SmoothLanczos),
        "_upsample_lanczos2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None, *, Tensor? out=None) -> Tensor"
            => aligned!("_upsample_lanczos2d_aa", 2, SmoothLanczos);
    /// Samples images at the places of a grid.
    fn:
        "grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor"
            => g::grid_sampler;
    /// Samples images (N, C, H, W) at the places of a grid (N, H', W', 2).
    fn:
        "grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor"
            => |x: &Tensor, grid: &Tensor, mode: i64, padding: i64, align: bool| g::grid_sampler_of(2, x, grid, mode, padding, align);
    /// Samples images (N, C, D, H, W) at the places of a grid (N, D', H', W', 3).
    fn:
        "grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor"
            => |x: &Tensor, grid: &Tensor, mode: i64, padding: i64, align: bool| g::grid_sampler_of(3, x, grid, mode, padding, align);
    /// The grid on which affine maps put the places of images.
    fn:
        "affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor"
            => |theta: &Tensor, size: Dims, align: bool| g::affine_grid_generator(theta, &size, align);
}
