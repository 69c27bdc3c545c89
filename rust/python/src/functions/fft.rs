//! Fourier transforms.

use super::create::wanted;
use crate::args::Options;
use crate::call::table;
use crate::core::{Dims, Out};
use rushlight::ops::fft as f;
use rushlight::{Result, Tensor};

/// The last two dimensions, where none are named.
fn two(dim: &Dims) -> Option<&[i64]> {
    Some(dim)
}

macro_rules! along_one {
    ($f:ident, $flag:literal) => {
        |x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>| f::$f(x, n, dim, norm, $flag)
    };
}
macro_rules! along_two {
    ($f:ident, $flag:literal) => {
        |x: &Tensor, s: Option<Dims>, dim: Dims, norm: Option<&str>| f::$f(x, s.as_deref(), two(&dim), norm, $flag)
    };
}
macro_rules! along_all {
    ($f:ident, $flag:literal) => {
        |x: &Tensor, s: Option<Dims>, dim: Option<Dims>, norm: Option<&str>| {
            f::$f(x, s.as_deref(), dim.as_deref(), norm, $flag)
        }
    };
}

#[allow(clippy::too_many_arguments)]
fn stft(
    x: &Tensor,
    n_fft: i64,
    hop: Option<i64>,
    win_length: Option<i64>,
    window: Option<&Tensor>,
    center: bool,
    pad_mode: &str,
    normalized: bool,
    onesided: Option<bool>,
    return_complex: Option<bool>,
    align: Option<bool>,
) -> Result<Tensor> {
    f::stft(x, f::Frames { n_fft, hop, win_length, window, center, normalized, onesided }, pad_mode, return_complex, align)
}

#[allow(clippy::too_many_arguments)]
fn istft(
    x: &Tensor,
    n_fft: i64,
    hop: Option<i64>,
    win_length: Option<i64>,
    window: Option<&Tensor>,
    center: bool,
    normalized: bool,
    onesided: Option<bool>,
    length: Option<i64>,
    return_complex: bool,
) -> Result<Tensor> {
    f::istft(x, f::Frames { n_fft, hop, win_length, window, center, normalized, onesided }, length, return_complex)
}

table! {
    /// The discrete Fourier transform along a dimension, cut off or filled up with zeros to `n`. `norm` is "backward" (the inverse is
    /// divided by n), "forward" (this one is) or "ortho" (each by its root).
    fft: "fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor? out=None) -> Tensor" => along_one!(fft, false);
    /// The inverse of `fft`.
    fft: "ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor? out=None) -> Tensor" => along_one!(fft, true);
    /// The first n/2 + 1 amplitudes of n real numbers; the others are their conjugates.
    fft: "rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor? out=None) -> Tensor" => along_one!(rfft, false);
    /// The inverse of `rfft`: `n` real numbers, 2·(size − 1) if it is not given.
    fft: "irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor? out=None) -> Tensor" => along_one!(irfft, false);
    /// The `n` real amplitudes of a signal whose other half is its conjugate.
    fft: "hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor? out=None) -> Tensor" => along_one!(irfft, true);
    /// The inverse of `hfft`.
    fft: "ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None, *, Tensor? out=None) -> Tensor" => along_one!(rfft, true);

    /// The Fourier transform in two dimensions, the last ones by default.
    fft: "fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None, *, Tensor? out=None) -> Tensor" => along_two!(fftn, false);
    /// The inverse of `fft2`.
    fft: "ifft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None, *, Tensor? out=None) -> Tensor" => along_two!(fftn, true);
    /// `rfft` along the last of two dimensions, `fft` along the other.
    fft: "rfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None, *, Tensor? out=None) -> Tensor" => along_two!(rfftn, false);
    /// The inverse of `rfft2`.
    fft: "irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None, *, Tensor? out=None) -> Tensor" => along_two!(irfftn, false);
    /// `hfft` along the last of two dimensions, `fft` along the other.
    fft: "hfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None, *, Tensor? out=None) -> Tensor" => along_two!(irfftn, true);
    /// The inverse of `hfft2`.
    fft: "ihfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None, *, Tensor? out=None) -> Tensor" => along_two!(rfftn, true);

    /// The Fourier transform in several dimensions, all by default.
    fft: "fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor? out=None) -> Tensor" => along_all!(fftn, false);
    /// The inverse of `fftn`.
    fft: "ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor? out=None) -> Tensor" => along_all!(fftn, true);
    /// `rfft` along the last of several dimensions, `fft` along the others.
    fft: "rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor? out=None) -> Tensor" => along_all!(rfftn, false);
    /// The inverse of `rfftn`.
    fft: "irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor? out=None) -> Tensor" => along_all!(irfftn, false);
    /// `hfft` along the last of several dimensions, `fft` along the others.
    fft: "hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor? out=None) -> Tensor" => along_all!(irfftn, true);
    /// The inverse of `hfftn`.
    fft: "ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None, *, Tensor? out=None) -> Tensor" => along_all!(rfftn, true);

    /// The frequencies of the `n` amplitudes of `fft`, for samples `d` apart.
    fft: "fftfreq(int n, float d=1.0, *, Tensor? out=None, $options) -> Tensor"
        => |n: i64, d: f64, options: Options, out: Out| options.finish(f::frequencies(n, d, false, wanted(options, out)));
    /// The frequencies of the n/2 + 1 amplitudes of `rfft`, for samples `d` apart.
    fft: "rfftfreq(int n, float d=1.0, *, Tensor? out=None, $options) -> Tensor"
        => |n: i64, d: f64, options: Options, out: Out| options.finish(f::frequencies(n, d, true, wanted(options, out)));
    /// The halves of the dimensions exchanged, so that frequency 0 comes to lie in the middle.
    fft: "fftshift(Tensor self, int[1]? dim=None) -> Tensor" => |x: &Tensor, dim: Option<Dims>| f::shift(x, dim.as_deref(), false);
    /// The inverse of `fftshift`.
    fft: "ifftshift(Tensor self, int[1]? dim=None) -> Tensor" => |x: &Tensor, dim: Option<Dims>| f::shift(x, dim.as_deref(), true);

    /// The transforms of overlapping windows of a signal, `[…, frequencies, frames]`.
    fn method:
        "stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode='reflect', bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor"
            => stft;
    /// The signal whose `stft` is given.
    fn method:
        "istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor"
            => istft;
}
