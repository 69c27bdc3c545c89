//! Resizing of images: nearest, linear and cubic, with and without smoothing. All of it is one linear op, whose gradient is its
//! adjoint; what differs is the table of weights for each axis.

use crate::autograd::{Ctx, Modes};
use crate::device::Gpu;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::resample::{Axis, resample};
use crate::layout::Shape;
use crate::op::{Grads, Inputs, Keep, Metas, Op, apply, new};
use crate::tensor::Tensor;
use smallvec::smallvec;
use std::sync::Arc;

crate::entries!(OPS: Resample);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The place that the output's left edge falls on.
    Nearest,
    /// The place that the output's centre falls on.
    NearestExact,
    Linear,
    Cubic,
    /// With a filter as wide as the input's share of an output place.
    SmoothLinear,
    SmoothCubic,
    SmoothLanczos,
}

impl Mode {
    fn aligns(self) -> bool {
        !matches!(self, Mode::Nearest | Mode::NearestExact)
    }
}

/// Places of an axis as PyTorch computes them, in the type of the arithmetic, since rounding decides which is nearest.
macro_rules! places {
    ($name:ident, $t:ty) => {
        fn $name(mode: Mode, input: usize, output: usize, align: bool, factor: Option<f64>) -> Axis {
            let by_factor = || match factor {
                Some(factor) if factor > 0.0 => (1.0 / factor) as $t,
                _ => input as $t / output as $t,
            };
            let scale = match align {
                true if output > 1 => (input - 1) as $t / (output - 1) as $t,
                true => 0.0,
                false => by_factor(),
            };
            let source = |o: usize| if align { scale * o as $t } else { scale * (o as $t + 0.5) - 0.5 };
            let last = input - 1;
            // The place below, and how far beyond it.
            let split = |x: $t| {
                let low = (x.floor() as i64).min(last as i64);
                (low, (x - low as $t).clamp(0.0, 1.0))
            };
            match mode {
                Mode::Linear if input == output => Axis::identity(input),
                Mode::Linear => Axis::new(
                    input,
                    (0..output).map(|o| {
                        let (low, t) = split(source(o).max(0.0));
                        let low = low as usize;
                        vec![(low as u32, (1.0 - t) as f64), ((low + 1).min(last) as u32, t as f64)]
                    }),
                ),
                Mode::Cubic => Axis::new(
                    input,
                    (0..output).map(|o| {
                        const A: $t = -0.75;
                        let near = |x: $t| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
                        let far = |x: $t| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
                        let (low, t) = split(source(o));
                        let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
                        let at = |k: usize| (low + k as i64 - 1).clamp(0, last as i64) as u32;
                        (0..4).map(|k| (at(k), weights[k] as f64)).collect()
                    }),
                ),
                // Smoothing; what is nearest has its own rule.
                _ => {
                    let filter = |x: $t| -> $t {
                        let x = x.abs();
                        match mode {
                            Mode::SmoothLinear => {
                                if x < 1.0 {
                                    1.0 - x
                                } else {
                                    0.0
                                }
                            }
                            Mode::SmoothCubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
                            Mode::SmoothCubic => {
                                if x < 2.0 {
                                    (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5
                                } else {
                                    0.0
                                }
                            }
                            _ if x >= 3.0 => 0.0,
                            _ if x == 0.0 => 1.0,
                            _ => {
                                let p = std::f64::consts::PI as $t * x;
                                3.0 * p.sin() * (p / 3.0).sin() / (p * p)
                            }
                        }
                    };
                    let reach = match mode {
                        Mode::SmoothLinear => 1.0,
                        Mode::SmoothCubic => 2.0,
                        _ => 3.0,
                    };
                    let support = if scale >= 1.0 { reach * scale } else { reach };
                    let inverse = if scale >= 1.0 { 1.0 / scale } else { 1.0 };
                    Axis::new(
                        input,
                        (0..output).map(|o| {
                            let centre = scale * (o as $t + 0.5);
                            let from = ((centre - support + 0.5) as i64).clamp(0, last as i64);
                            let to = ((centre + support + 0.5) as i64).clamp(from, input as i64);
                            let weight = |i: i64| filter((i as $t - centre + 0.5) * inverse);
                            let total: $t = (from..to).map(weight).sum();
                            let share = |i: i64| if total == 0.0 { 0.0 } else { weight(i) / total };
                            (from..to).map(|i| (i as u32, share(i) as f64)).collect()
                        }),
                    )
                }
            }
        }
    };
}
places!(places_f32, f32);
places!(places_f64, f64);

fn axis(mode: Mode, input: usize, output: usize, align: bool, factor: Option<f64>, dtype: DType) -> Axis {
    let exact = mode == Mode::NearestExact;
    if !mode.aligns() {
        // Always in single precision.
        let scale = match factor {
            Some(factor) if factor > 0.0 => (1.0 / factor) as f32,
            _ => input as f32 / output as f32,
        };
        let at = |o: usize| match exact {
            false if output == input => o,
            false if output == 2 * input => o / 2,
            false => (o as f32 * scale).floor() as usize,
            true => ((o as f32 + 0.5) * scale).floor() as usize,
        };
        return Axis::new(input, (0..output).map(|o| vec![(at(o).min(input - 1) as u32, 1.0)]));
    }
    match dtype {
        DType::F64 => places_f64(mode, input, output, align, factor),
        _ => places_f32(mode, input, output, align, factor),
    }
}

/// Weighted sums along the last three dimensions, or fewer.
#[derive(Debug)]
pub struct Resample {
    pub name: &'static str,
    /// How many dimensions are resampled.
    pub dims: usize,
    pub axes: Arc<[Axis; 3]>,
    /// Their adjoints.
    pub back: Arc<[Axis; 3]>,
}

impl Resample {
    /// Whether the adjoints are those of the axes, and axes that are not resampled are single places.
    fn agrees(&self) -> bool {
        let single = |a: &Axis| a.input == 1 && a.output() == 1;
        let turned =
            |(back, a): (&Axis, &Axis)| back.input == a.output() && back.output() == a.input && *back == a.transposed();
        (1..=3).contains(&self.dims)
            && self.axes[..3 - self.dims].iter().all(single)
            && self.back.iter().zip(self.axes.iter()).all(turned)
    }
}

impl Op for Resample {
    fn name(&self) -> &'static str {
        self.name
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let x = &inputs[0];
        if !x.dtype().is_float() && x.dtype() != DType::U8 {
            return Err(Error::NotImplemented {
                op: self.name,
                what: "resizing of this dtype (convert it to float32)",
            });
        }
        let lead = x.ndim().saturating_sub(self.dims);
        let mut shape = Shape::from_slice(x.shape());
        for (d, axis) in self.axes[3 - self.dims..].iter().enumerate() {
            if shape.get(lead + d) != Some(&axis.input) {
                let sizes: Vec<usize> = self.axes[3 - self.dims..].iter().map(|a| a.input).collect();
                return Err(Error::shape(self.name, format!("an input that ends in {sizes:?}"), x.shape()));
            }
            shape[lead + d] = axis.output();
        }
        new(x.dtype(), shape)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let dtype = outputs[0].dtype();
        let wide = if dtype == DType::U8 { DType::F32 } else { dtype.compute() };
        let quietly = Modes { grad: false, capture: false, ..Modes::current() };
        let x = quietly.during(|| inputs[0].to(wide)?.contiguous())?;
        let y = if dtype == wide { outputs[0].clone() } else { Tensor::empty(outputs[0].shape(), wide)? };
        let planes = x.shape()[..x.ndim() - self.dims].iter().product();
        // SAFETY: dense tensors of the shapes that `meta` has checked; the output is new.
        unsafe {
            match wide {
                DType::F64 => resample::<f64>(planes, &self.axes, x.ptr().cast(), y.ptr().cast()),
                _ => resample::<f32>(planes, &self.axes, x.ptr().cast(), y.ptr().cast()),
            }
        }
        if dtype == wide {
            return Ok(());
        }
        let y = match dtype {
            DType::U8 => quietly.during(|| {
                y.add(0.5)?
                    .floor()?
                    .maximum(&Tensor::scalar(0.0.into(), wide)?)?
                    .minimum(&Tensor::scalar(255.0.into(), wide)?)
            })?,
            _ => y,
        };
        super::shape::convert(&outputs[0], &y);
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        super::gpu::pool::resample(gpu, &self.axes, &inputs[0], &outputs[0])
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let op = Resample { axes: self.back.clone(), back: self.axes.clone(), ..*self };
        Ok(smallvec![Some(apply(op, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(name, dims, axes, back; op if op.agrees());
}

/// The spatial size that comes of a size or of factors, one for each of `dims` dimensions.
pub fn output_size(
    op: &'static str,
    x: &Tensor,
    dims: usize,
    size: Option<&[i64]>,
    factors: Option<&[f64]>,
) -> Result<Vec<i64>> {
    match (size, factors) {
        (Some(size), None) => Ok(size.to_vec()),
        (None, Some(factors)) if factors.len() != dims || x.ndim() != dims + 2 => {
            let expected = format!("{dims} scale factors for an input of {} dimensions", dims + 2);
            Err(Error::argument(op, expected, format!("{factors:?} for shape {:?}", x.shape())))
        }
        (None, Some(factors)) => Ok(x.shape()[2..].iter().zip(factors).map(|(n, f)| (*n as f64 * f) as i64).collect()),
        _ => Err(Error::custom(op, "Must specify exactly one of output_size and scale_factors")),
    }
}

/// Resizes `[N, C, …]` to a spatial size. Factors, where they are given, and not the ratio of sizes, say which place comes from
/// where.
pub fn upsample(
    op: &'static str,
    mode: Mode,
    x: &Tensor,
    size: &[i64],
    align: bool,
    factors: &[Option<f64>],
) -> Result<Tensor> {
    let dims = size.len();
    let fail = |text: String| Err(Error::custom(op, text));
    if x.ndim() != dims + 2 {
        let text = format!("It is expected input_size equals to {}, but got size {}", dims + 2, x.ndim());
        return fail(text);
    }
    let have = &x.shape()[2..];
    if x.shape()[1] == 0 {
        let text = format!("Non-empty {}D data tensor expected but got a tensor with sizes {:?}", dims + 2, x.shape());
        return fail(text);
    }
    if size.iter().any(|&n| n <= 0) || have.contains(&0) {
        let text = format!("Input and output sizes should be greater than 0, but got input {have:?} output {size:?}");
        return fail(text);
    }
    let most = u32::MAX as usize / 8;
    if let Some(large) = size.iter().map(|&n| n as usize).chain(have.iter().copied()).find(|&n| n > most) {
        return Err(Error::argument(op, format!("sizes of at most {most}"), large));
    }
    let mut axes = [Axis::identity(1), Axis::identity(1), Axis::identity(1)];
    for d in 0..dims {
        let factor = factors.get(d).copied().flatten();
        axes[3 - dims + d] = axis(mode, have[d], size[d] as usize, align && mode.aligns(), factor, x.dtype());
    }
    let back = Arc::new(axes.each_ref().map(Axis::transposed));
    apply(Resample { name: op, dims, axes: Arc::new(axes), back }, [x])
}
