//! Fourier transforms. Three ops along one dimension (complex, real to half, half to real); everything else is made of them.

use super::shape::{PutBack, Unfold, constant_pad_nd, pad, roll, transpose};
use crate::autograd::{Ctx, no_grad};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::fft::{Kind, Lines, transform};
use crate::layout::{Shape, wrap_dim};
use crate::op::{Grads, Inputs, Metas, Op, apply, new};
use crate::tensor::Tensor;
use smallvec::smallvec;
use std::sync::Arc;

crate::entries!(OPS: Fft, HalfFft, RealFft);

/// The lines of a tensor along a dimension.
fn lines(t: &Tensor, dim: usize) -> Lines {
    let mut places = vec![0isize];
    for (d, (&size, &stride)) in t.shape().iter().zip(t.strides()).enumerate() {
        if d != dim {
            places = places.iter().flat_map(|&p| (0..size as isize).map(move |i| p + i * stride)).collect();
        }
    }
    Lines { start: t.ptr(), places, step: t.strides()[dim] }
}

fn run(kind: Kind, dim: usize, n: usize, scale: f64, from: &Tensor, to: &Tensor) {
    let single = matches!(from.dtype(), DType::F32 | DType::C64);
    // SAFETY: live tensors, whose dtypes and lengths `meta` has fixed; the output is ours.
    unsafe { transform(kind, single, n, scale, &lines(from, dim), &lines(to, dim)) };
}

fn wants_complex(op: &'static str, x: &Tensor) -> Result<()> {
    if !x.dtype().is_complex() {
        return Err(Error::DType { op, expected: "a complex dtype", given: x.dtype() });
    }
    Ok(())
}

fn check_dim(op: &'static str, dim: usize, x: &Tensor) -> Result<()> {
    wrap_dim(op, dim as i64, x.ndim().max(1)).map(|_| ())?;
    if x.ndim() == 0 { fail(op, "expected at least one dimension".into()) } else { Ok(()) }
}

fn resized(x: &Tensor, dim: usize, size: usize) -> Shape {
    let mut shape = Shape::from_slice(x.shape());
    shape[dim] = size;
    shape
}

/// The transform of complex numbers along `dim`, or its inverse, times `scale`. Gradient: the other one.
#[derive(Debug)]
pub struct Fft {
    pub dim: usize,
    pub inverse: bool,
    pub scale: f64,
}
impl Op for Fft {
    fn name(&self) -> &'static str {
        "fft_c2c"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        wants_complex("fft_c2c", &inputs[0])?;
        check_dim("fft_c2c", self.dim, &inputs[0])?;
        new(inputs[0].dtype(), inputs[0].shape())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let n = inputs[0].shape()[self.dim];
        run(Kind::Complex { inverse: self.inverse }, self.dim, n, self.scale, &inputs[0], &outputs[0]);
        Ok(())
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(apply(Fft { inverse: !self.inverse, ..*self }, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(dim, inverse, scale);
}

/// The first n/2 + 1 amplitudes of n real numbers along `dim`, times `scale`. Gradient: the real part of the transform of the
/// cotangent, with zeros for the amplitudes that are not there.
#[derive(Debug)]
pub struct HalfFft {
    pub dim: usize,
    pub scale: f64,
}
impl Op for HalfFft {
    fn name(&self) -> &'static str {
        "fft_r2c"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let x = &inputs[0];
        if !matches!(x.dtype(), DType::F32 | DType::F64) {
            return Err(Error::DType { op: "fft_r2c", expected: "float32 or float64", given: x.dtype() });
        }
        check_dim("fft_r2c", self.dim, x)?;
        new(x.dtype().to_complex(), resized(x, self.dim, x.shape()[self.dim] / 2 + 1))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        run(Kind::Halve, self.dim, inputs[0].shape()[self.dim], self.scale, &inputs[0], &outputs[0]);
        Ok(())
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let n = ctx.shape(0)[self.dim];
        let whole = resize(&ctx.grad(0)?, self.dim, n)?;
        Ok(smallvec![Some(apply(Fft { dim: self.dim, inverse: true, scale: self.scale }, [&whole])?.real()?)])
    }
    crate::attributes!(dim, scale);
}

/// The n real numbers whose first n/2 + 1 amplitudes lie along `dim`, times `scale`. Gradient: the amplitudes of the cotangent,
/// doubled where one stands for two.
#[derive(Debug)]
pub struct RealFft {
    pub dim: usize,
    pub n: usize,
    pub scale: f64,
}
impl Op for RealFft {
    fn name(&self) -> &'static str {
        "fft_c2r"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let x = &inputs[0];
        wants_complex("fft_c2r", x)?;
        check_dim("fft_c2r", self.dim, x)?;
        if x.shape()[self.dim] != self.n / 2 + 1 {
            return Err(Error::shape("fft_c2r", format!("{} amplitudes", self.n / 2 + 1), x.shape()));
        }
        new(x.dtype().to_real(), resized(x, self.dim, self.n))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        run(Kind::Double, self.dim, self.n, self.scale, &inputs[0], &outputs[0]);
        Ok(())
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let grad = apply(HalfFft { dim: self.dim, scale: self.scale }, [&ctx.grad(0)?])?;
        let size = self.n / 2 + 1;
        let last = if self.n.is_multiple_of(2) && self.n > 0 { size - 1 } else { size };
        let weights: Vec<f64> = (0..size).map(|k| if k == 0 || k == last { 1.0 } else { 2.0 }).collect();
        let mut shape = vec![1; grad.ndim()];
        shape[self.dim] = size;
        let weights = Tensor::from_slice(&weights, &shape)?.to(grad.dtype().to_real())?;
        Ok(smallvec![Some(grad.mul(&weights)?)])
    }
    crate::attributes!(dim, n, scale);
}

// --- what PyTorch's functions ask for ---------------------------------------------------------------------------------

fn fail<T>(op: &'static str, text: String) -> Result<T> {
    Err(Error::custom(op, text))
}

/// Cut off, or filled up with zeros, to this size along `dim`.
fn resize(x: &Tensor, dim: usize, size: usize) -> Result<Tensor> {
    let own = x.shape()[dim];
    if size < own {
        return x.narrow(dim as i64, 0, size);
    }
    if size == own {
        return Ok(x.clone());
    }
    let mut pads = vec![0; 2 * (x.ndim() - dim)];
    pads[2 * (x.ndim() - dim) - 1] = (size - own) as i64;
    constant_pad_nd(x, &pads, Scalar::Float(0.0))
}

/// As it is transformed: integers become floats; half precision is not taken.
fn ready(op: &'static str, x: &Tensor, complex: bool) -> Result<Tensor> {
    let dtype = x.dtype().to_float();
    if matches!(dtype, DType::F16 | DType::BF16) {
        return fail(op, format!("Unsupported dtype {}; use x.float()", dtype.scalar_name()));
    }
    x.to(if complex { dtype.to_complex() } else { dtype })
}

/// What a transform of n points is multiplied by. "backward", the default, leaves the forward one as it is and divides the inverse.
fn scale(op: &'static str, norm: Option<&str>, n: usize, inverse: bool) -> Result<f64> {
    match norm.unwrap_or("backward") {
        "ortho" => Ok(1.0 / (n as f64).sqrt()),
        "backward" => Ok(if inverse { 1.0 / n as f64 } else { 1.0 }),
        "forward" => Ok(if inverse { 1.0 } else { 1.0 / n as f64 }),
        other => fail(op, format!("Invalid normalization mode: \"{other}\"")),
    }
}

/// The dimension and the length of a transform: as given, or that of x.
fn length(op: &'static str, x: &Tensor, n: Option<i64>, dim: i64) -> Result<(usize, usize)> {
    if x.ndim() == 0 {
        return Err(Error::Index { op, what: "Dimension", given: dim, low: -1, high: 0 });
    }
    let dim = wrap_dim(op, dim, x.ndim())?;
    let size = n.unwrap_or(x.shape()[dim] as i64);
    match usize::try_from(size) {
        Ok(size) if size > 0 => Ok((dim, size)),
        _ => fail(op, format!("Invalid number of data points ({size}) specified")),
    }
}

/// `fft` and `ifft`.
pub fn fft(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>, inverse: bool) -> Result<Tensor> {
    let op = if inverse { "fft.ifft" } else { "fft.fft" };
    let (dim, n) = length(op, x, n, dim)?;
    let scale = scale(op, norm, n, inverse)?;
    let x = resize(&ready(op, x, true)?, dim, n)?;
    apply(Fft { dim, inverse, scale }, [&x])
}

/// `rfft`, and with `turned` `ihfft`: its conjugate, scaled as an inverse.
pub fn rfft(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>, turned: bool) -> Result<Tensor> {
    let op = if turned { "fft.ihfft" } else { "fft.rfft" };
    if x.dtype().is_complex() {
        return fail(op, format!("{} expects a real input tensor, but got {}", &op[4..], x.dtype().scalar_name()));
    }
    let (dim, n) = length(op, x, n, dim)?;
    let scale = scale(op, norm, n, turned)?;
    let half = apply(HalfFft { dim, scale }, [&resize(&ready(op, x, false)?, dim, n)?])?;
    if turned { half.conj() } else { Ok(half) }
}

/// `irfft`, and with `turned` `hfft`: of the conjugate, scaled as a forward transform. n counts the real numbers.
pub fn irfft(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>, turned: bool) -> Result<Tensor> {
    let op = if turned { "fft.hfft" } else { "fft.irfft" };
    if x.ndim() == 0 {
        return Err(Error::Index { op, what: "Dimension", given: dim, low: -1, high: 0 });
    }
    let own = wrap_dim(op, dim, x.ndim())?;
    let n = n.or(Some(2 * (x.shape()[own] as i64 - 1)));
    let (dim, n) = length(op, x, n, dim)?;
    let scale = scale(op, norm, n, !turned)?;
    let mut x = resize(&ready(op, x, true)?, dim, n / 2 + 1)?;
    if turned {
        x = x.conj()?;
    }
    apply(RealFft { dim, n, scale }, [&x])
}

/// The dimensions of a transform in several, and the length along each.
fn lengths(
    op: &'static str,
    x: &Tensor,
    s: Option<&[i64]>,
    dims: Option<&[i64]>,
) -> Result<(Vec<i64>, Vec<Option<i64>>)> {
    let dims = match (dims, s) {
        (Some(dims), _) => dims.to_vec(),
        (None, Some(s)) if s.len() > x.ndim() => {
            return fail(
                op,
                format!("Got shape with {} values but input tensor only has {} dimensions.", s.len(), x.ndim()),
            );
        }
        (None, Some(s)) => (0..s.len()).map(|i| i as i64 - s.len() as i64).collect(),
        (None, None) => (0..x.ndim() as i64).collect(),
    };
    let mut seen = Vec::new();
    for &dim in &dims {
        let dim = wrap_dim(op, dim, x.ndim())?;
        if seen.contains(&dim) {
            return fail(op, "FFT dims must be unique".into());
        }
        seen.push(dim);
    }
    let Some(s) = s else { return Ok((dims.clone(), vec![None; dims.len()])) };
    if s.len() != dims.len() {
        return fail(
            op,
            format!(
                "When given, dim and shape arguments must have the same length, got {} and {}",
                dims.len(),
                s.len()
            ),
        );
    }
    // −1 keeps the size.
    Ok((dims, s.iter().map(|&n| (n != -1).then_some(n)).collect()))
}

/// `fftn` and `ifftn`.
pub fn fftn(x: &Tensor, s: Option<&[i64]>, dims: Option<&[i64]>, norm: Option<&str>, inverse: bool) -> Result<Tensor> {
    let op = if inverse { "fft.ifftn" } else { "fft.fftn" };
    let (dims, sizes) = lengths(op, x, s, dims)?;
    scale(op, norm, 1, inverse)?;
    let mut x = ready(op, x, true)?;
    for (&dim, &n) in dims.iter().zip(&sizes).rev() {
        x = fft(&x, n, dim, norm, inverse)?;
    }
    Ok(x)
}

/// `rfftn`, and with `turned` `ihfftn`.
pub fn rfftn(x: &Tensor, s: Option<&[i64]>, dims: Option<&[i64]>, norm: Option<&str>, turned: bool) -> Result<Tensor> {
    let op = if turned { "fft.ihfftn" } else { "fft.rfftn" };
    let (dims, sizes) = lengths(op, x, s, dims)?;
    let (Some((&last, rest)), Some((&n, others))) = (dims.split_last(), sizes.split_last()) else {
        return fail(op, "rfftn must transform at least one axis".into());
    };
    let mut x = rfft(x, n, last, norm, turned)?;
    for (&dim, &n) in rest.iter().zip(others).rev() {
        x = fft(&x, n, dim, norm, turned)?;
    }
    Ok(x)
}

/// `irfftn`, and with `turned` `hfftn`.
pub fn irfftn(x: &Tensor, s: Option<&[i64]>, dims: Option<&[i64]>, norm: Option<&str>, turned: bool) -> Result<Tensor> {
    let op = if turned { "fft.hfftn" } else { "fft.irfftn" };
    let (dims, sizes) = lengths(op, x, s, dims)?;
    let (Some((&last, rest)), Some((&n, others))) = (dims.split_last(), sizes.split_last()) else {
        return fail(op, "irfftn must transform at least one axis".into());
    };
    let mut x = ready(op, x, true)?;
    for (&dim, &n) in rest.iter().zip(others) {
        x = fft(&x, n, dim, norm, !turned)?;
    }
    irfft(&x, n, last, norm, turned)
}

/// The frequencies of `fft`'s amplitudes, or the first half of them.
pub fn frequencies(n: i64, d: f64, half: bool, dtype: Option<DType>) -> Result<Tensor> {
    let op = if half { "fft.rfftfreq" } else { "fft.fftfreq" };
    if n <= 0 {
        return fail(op, format!("expected a positive number of points, got n={n}"));
    }
    let step = 1.0 / (n as f64 * d);
    let count = if half { n / 2 + 1 } else { n };
    let place = |k: i64| if !half && k >= (n + 1) / 2 { k - n } else { k };
    let all: Vec<f64> = (0..count).map(|k| place(k) as f64 * step).collect();
    Tensor::from_slice(&all, &[all.len()])?.to(dtype.unwrap_or_else(crate::dtype::default_dtype))
}

/// The halves of the dimensions exchanged, so that frequency 0 is in the middle; `back` undoes it.
pub fn shift(x: &Tensor, dims: Option<&[i64]>, back: bool) -> Result<Tensor> {
    let op = if back { "fft.ifftshift" } else { "fft.fftshift" };
    let all: Vec<i64> = (0..x.ndim() as i64).collect();
    let dims = dims.unwrap_or(&all);
    if dims.is_empty() {
        return x.copy();
    }
    let by = |&dim: &i64| -> Result<i64> {
        let n = x.shape()[wrap_dim(op, dim, x.ndim())?] as i64;
        Ok(if back { (n + 1) / 2 } else { n / 2 })
    };
    roll(x, &dims.iter().map(by).collect::<Result<Vec<_>>>()?, dims)
}

/// How `stft` and `istft` cut a signal into frames.
#[derive(Clone, Copy)]
pub struct Frames<'a> {
    pub n_fft: i64,
    pub hop: Option<i64>,
    pub win_length: Option<i64>,
    pub window: Option<&'a Tensor>,
    pub center: bool,
    pub normalized: bool,
    pub onesided: Option<bool>,
}

impl Frames<'_> {
    /// n_fft, hop and the window, filled up with zeros to n_fft.
    fn check(&self, op: &'static str, dtype: DType) -> Result<(usize, usize, Tensor)> {
        let n = self.n_fft;
        let (hop, length) = (self.hop.unwrap_or(n / 4), self.win_length.unwrap_or(n));
        if n <= 0 {
            return fail(op, format!("expected n_fft > 0, got n_fft={n}"));
        }
        if hop <= 0 {
            return fail(op, format!("expected hop_length > 0, got hop_length={hop}"));
        }
        if length <= 0 || length > n {
            return fail(op, format!("expected 0 < win_length <= n_fft, got win_length={length} and n_fft={n}"));
        }
        let window = match self.window {
            Some(window) if window.shape() != [length as usize] => {
                return fail(
                    op,
                    format!(
                        "expected a 1D window tensor of size equal to win_length={length}, got shape {:?}",
                        window.shape()
                    ),
                );
            }
            Some(window) => window.clone(),
            None => Tensor::ones(&[length as usize], dtype)?,
        };
        let left = (n - length) / 2;
        let window =
            if length < n { constant_pad_nd(&window, &[left, n - length - left], Scalar::Float(0.0))? } else { window };
        Ok((n as usize, hop as usize, window))
    }
}

/// The transforms of overlapping windows of a signal: `[…, frequencies, frames]`, or pairs of real numbers in a last dimension.
pub fn stft(
    x: &Tensor,
    frames: Frames,
    pad_mode: &str,
    return_complex: Option<bool>,
    align: Option<bool>,
) -> Result<Tensor> {
    let op = "stft";
    let complex = x.dtype().is_complex() || frames.window.is_some_and(|w| w.dtype().is_complex());
    let Some(return_complex) = return_complex.or(complex.then_some(true)) else {
        return fail(
            op,
            "stft requires the return_complex parameter be given for real inputs, and will further \
             require that return_complex=True in a future PyTorch release."
                .into(),
        );
    };
    if !x.dtype().is_differentiable() {
        return fail(
            op,
            format!("expected a tensor of floating point or complex values, got {}", x.dtype().scalar_name()),
        );
    }
    if x.ndim() != 1 && x.ndim() != 2 {
        return fail(op, format!("expected a 1D or 2D tensor, got shape {:?}", x.shape()));
    }
    if align.is_some() && frames.center {
        return fail(op, "stft only supports align_to_window for center = False.".into());
    }
    let (n, hop, window) = frames.check(op, x.dtype().to_real())?;
    let mut rows = if x.ndim() == 1 { x.unsqueeze(0)? } else { x.clone() };
    let side = (n / 2) as i64;
    if frames.center {
        let deep = pad(&rows.unsqueeze(1)?, &[side, side], pad_mode, None)?;
        rows = super::shape::squeeze(&deep, Some(&[1]))?;
    } else if align == Some(false) && frames.win_length.is_some_and(|w| w < frames.n_fft) {
        rows = constant_pad_nd(&rows, &[side, side], Scalar::Float(0.0))?;
    }
    let size = rows.shape()[1];
    if n > size {
        return fail(
            op,
            format!("expected 0 < n_fft <= {size}, but got n_fft={n} for an input of shape {:?}", x.shape()),
        );
    }
    let onesided = frames.onesided.unwrap_or(!complex);
    if onesided && complex {
        return fail(op, "Cannot have onesided output if window or input is complex".into());
    }
    let cut = apply(Unfold { dim: 1, size: n, step: hop }, [&rows])?;
    let cut = if frames.window.is_some() || window.numel() != n || frames.win_length.is_some() {
        cut.mul(&window)?
    } else {
        cut
    };
    let norm = frames.normalized.then_some("ortho");
    let all = if onesided { rfft(&cut, None, -1, norm, false)? } else { fft(&cut, None, -1, norm, false)? };
    let mut all = transpose(&all, 1, 2)?;
    if x.ndim() == 1 {
        all = super::shape::squeeze(&all, Some(&[0]))?;
    }
    if return_complex { Ok(all) } else { all.view_as_real() }
}

/// The signal of a `stft`: windows are added up where they overlap, and divided by what the windows' squares add up to.
pub fn istft(x: &Tensor, frames: Frames, length: Option<i64>, return_complex: bool) -> Result<Tensor> {
    let op = "istft";
    if !x.dtype().is_complex() {
        return fail(
            op,
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
                .into(),
        );
    }
    if x.numel() == 0 {
        return fail(op, "input tensor cannot be empty".into());
    }
    if x.ndim() != 2 && x.ndim() != 3 {
        return fail(
            op,
            format!("expected a tensor with 2 or 3 dimensions (batch, frequencies, frames), got shape {:?}", x.shape()),
        );
    }
    let rows = if x.ndim() == 2 { x.unsqueeze(0)? } else { x.clone() };
    let (bins, count) = (rows.shape()[1], rows.shape()[2]);
    let onesided = frames.onesided.unwrap_or(bins as i64 != frames.n_fft);
    let (n, hop, window) = frames.check(op, x.dtype().to_real())?;
    let expected = if onesided { n / 2 + 1 } else { n };
    if bins != expected {
        return fail(
            op,
            format!(
                "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 when \
                     onesided=True, or n_fft when onesided=False, but got {bins}"
            ),
        );
    }
    if hop > n {
        return fail(op, format!("expected 0 < hop_length <= win_length, got hop_length={hop} and n_fft={n}"));
    }
    if onesided && return_complex {
        return fail(
            op,
            "cannot have onesided output if window or input is complex: return_complex=True needs onesided=False"
                .into(),
        );
    }
    let turned = transpose(&rows, 1, 2)?;
    let norm = frames.normalized.then_some("ortho");
    let parts = if return_complex {
        fft(&turned, None, -1, norm, true)?
    } else {
        // A real signal is known by half of its amplitudes.
        irfft(&turned, Some(n as i64), -1, norm, false)?
    };
    let whole = n + hop * (count - 1);
    let added = |parts: &Tensor| {
        let shape = Shape::from_slice(&[parts.shape()[0], whole]);
        apply(PutBack { window: Arc::new(Unfold { dim: 1, size: n, step: hop }), shape }, [parts])
    };
    let sum = added(&parts.mul(&window)?)?;
    let squares = window.mul(&window)?.expand(&[1, count, n])?;
    let weights = added(&squares)?;
    let start = if frames.center { n / 2 } else { 0 };
    let wanted = match length {
        Some(length) if length < 0 => return fail(op, format!("expected a length of at least 0, got {length}")),
        Some(length) => start + length as usize,
        None if frames.center => whole.saturating_sub(n / 2),
        None => whole,
    };
    let end = wanted.min(whole).max(start);
    let (sum, weights) = (sum.narrow(1, start, end - start)?, weights.narrow(1, start, end - start)?);
    let least = no_grad(|| {
        let small = weights.detach().abs()?;
        if small.numel() == 0 { Ok(Scalar::Float(1.0)) } else { super::reduce::min_all(&small)?.item() }
    })?;
    if least.to_f64() < 1e-11 {
        return fail(
            op,
            format!(
                "window overlap add min: {:e}: the windows must overlap everywhere that the signal is wanted (NOLA)",
                least.to_f64()
            ),
        );
    }
    let mut signal = sum.div(&weights)?;
    if wanted > end {
        // Beyond the last window there is silence.
        signal = constant_pad_nd(&signal, &[0, (wanted - end) as i64], Scalar::Float(0.0))?;
    }
    if x.ndim() == 2 { super::shape::squeeze(&signal, Some(&[0])) } else { Ok(signal) }
}
