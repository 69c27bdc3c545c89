//! Pooling: maxima and means of windows in one to three dimensions, plain, adaptive and fractional; what undoes them;
//! and windows as columns (unfold, fold).
//!
//! Planes are all dimensions before the last `dims`. Gradients are moved by [`Scatter`] and [`Gather`] where they follow
//! the indices of maxima, else by the adjoint op; each op's derivative is another op of this file.

use crate::autograd::{Ctx, Modes};
use crate::device::Gpu;
use crate::dispatch;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::conv::tools::{Ptr, each};
use crate::kernels::pool::{self, Axis, Fold, Windows};
use crate::layout::Shape;
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, Out, apply, apply_all, deliver, new};
use crate::ops::gpu::pool::{self as on_gpu, Sizes};
use crate::tensor::Tensor;
use smallvec::smallvec;

crate::entries!(OPS: MaxPool, Scatter as "PoolScatter", Gather as "PoolGather", AvgPool, AvgPoolBackward, FractionalMaxPool, Unfold as "PoolUnfold");

/// What windows there are. Sizes of fewer than three dimensions have ones (padding: zeros) in front.
#[derive(Clone, Debug, PartialEq)]
pub enum Spec {
    Strided {
        kernel: [usize; 3],
        stride: [usize; 3],
        padding: [usize; 3],
        dilation: [usize; 3],
        ceil: bool,
        /// Whether padding counts in a mean.
        include: bool,
    },
    Adaptive {
        output: [usize; 3],
    },
}

/// The windows of an op.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// What the errors call it.
    pub name: &'static str,
    pub dims: usize,
    pub spec: Spec,
}

/// Whether sizes of so many dimensions have ones in front.
fn ones(sizes: &[usize; 3], dims: usize) -> bool {
    (1..=3).contains(&dims) && sizes[..3 - dims].iter().all(|n| *n == 1)
}

/// The last `dims` of three sizes.
fn sizes(of: &[usize; 3], dims: usize) -> &[usize] {
    &of[3 - dims..]
}
/// The last `dims` sizes of a shape, with ones in front.
fn spatial(shape: &[usize], dims: usize) -> [usize; 3] {
    let mut all = [1; 3];
    all[3 - dims..].copy_from_slice(&shape[shape.len() - dims..]);
    all
}
/// A shape with other last sizes.
fn with_sizes(shape: &[usize], last: &[usize]) -> Shape {
    shape[..shape.len() - last.len()].iter().chain(last).copied().collect()
}
fn planes(shape: &[usize], dims: usize) -> usize {
    shape[..shape.len() - dims].iter().product()
}
fn dense(t: &Tensor) -> Result<Tensor> {
    if t.is_contiguous() { Ok(t.clone()) } else { t.detach().contiguous() }
}

crate::saved_variants! {
    Spec {
        Strided { kernel: kernel, stride: stride, padding: padding, dilation: dilation, ceil: ceil, include: include },
        Adaptive { output: output },
    }; spec if match spec {
        Spec::Strided { kernel, stride, padding, dilation, .. } => {
            [kernel, stride, dilation].into_iter().flatten().all(|n| (1..=LARGE).contains(n))
                && padding.iter().zip(kernel).all(|(n, kernel)| n * 2 <= *kernel)
        }
        Spec::Adaptive { .. } => true,
    }
}
crate::saved_fields! {
    Pool { name, dims, spec }; pool if (1..=3).contains(&pool.dims)
    AvgPool { pool, divisor }; of if of.divisor != Some(0)
}
/// Sizes of windows that a file may ask for.
const LARGE: usize = 1 << 20;

impl Pool {
    fn output(&self, input: [usize; 3]) -> Result<[usize; 3]> {
        let (kernel, stride, padding, dilation, ceil) = match &self.spec {
            Spec::Adaptive { output } => return Ok(*output),
            Spec::Strided { kernel, stride, padding, dilation, ceil, .. } => (kernel, stride, padding, dilation, *ceil),
        };
        let mut output = [1; 3];
        for i in 3 - self.dims..3 {
            let reach = (dilation[i] * (kernel[i] - 1) + 1) as i64;
            let span = (input[i] + 2 * padding[i]) as i64 - reach + if ceil { stride[i] as i64 - 1 } else { 0 };
            let mut size = span.div_euclid(stride[i] as i64) + 1;
            // the last window starts inside the input or its padding in front
            if ceil && (size - 1) * stride[i] as i64 >= (input[i] + padding[i]) as i64 {
                size -= 1;
            }
            if size < 1 {
                let message = format!(
                    "Given input size: {:?}. Calculated output size {size} for a kernel of {reach} with padding {}. Output size is too small",
                    sizes(&input, self.dims),
                    padding[i]
                );
                return Err(Error::custom(self.name, message));
            }
            output[i] = size as usize;
        }
        Ok(output)
    }

    fn windows(&self, input: [usize; 3]) -> Result<Windows> {
        let output = self.output(input)?;
        Ok(Windows([0, 1, 2].map(|i| {
            let size = [input[i], output[i]];
            match &self.spec {
                _ if i < 3 - self.dims => Axis::single(),
                Spec::Adaptive { .. } => Axis::adaptive(size[0], size[1]),
                Spec::Strided { kernel, stride, padding, dilation, include, .. } => {
                    Axis::strided(size, kernel[i], stride[i], padding[i], dilation[i], *include)
                }
            }
        })))
    }

    fn sizes(&self, input: [usize; 3]) -> Result<Sizes> {
        Ok(Sizes { input, output: self.output(input)? })
    }

    /// The result's shape for an input, with all checks.
    fn shape(&self, x: &Tensor) -> Result<Shape> {
        let (shape, dims) = (x.shape(), self.dims);
        let batch = match shape.len().checked_sub(dims) {
            Some(1) => 0,
            Some(2) => 1,
            _ => {
                let message = format!(
                    "Expected {}D or {}D (batch mode) tensor with optional 0 dim batch size for input, but got: {shape:?}",
                    dims + 1,
                    dims + 2
                );
                return Err(Error::custom(self.name, message));
            }
        };
        if let Some(i) = (batch..shape.len()).find(|&i| shape[i] == 0) {
            let message = format!(
                "Expected {}D or {}D (batch mode) tensor with optional 0 dim batch size for input, but got: {shape:?}. Expected input's \
                 non-batch dimensions to have positive length, but input has a shape of {shape:?} and non-batch dimension {} has length \
                 zero!",
                dims + 1,
                dims + 2,
                i - batch
            );
            return Err(Error::custom(self.name, message));
        }
        Ok(with_sizes(shape, sizes(&self.output(spatial(shape, dims))?, dims)))
    }
}

/// The largest element of each window, and, with `indices`, its place in the plane.
#[derive(Clone, Debug)]
pub struct MaxPool {
    pub pool: Pool,
    pub indices: bool,
}

impl Op for MaxPool {
    fn name(&self) -> &'static str {
        self.pool.name
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let dtype = inputs[0].dtype();
        let _: () = dispatch!(self.pool.name, dtype, _T in real => ())?;
        if dtype == DType::Bool {
            return Err(Error::DType { op: self.pool.name, expected: "a numeric dtype", given: dtype });
        }
        let shape = self.pool.shape(&inputs[0])?;
        let mut metas = new(dtype, shape.clone())?;
        if self.indices {
            metas.push(Meta::New(DType::I64, shape));
        }
        Ok(metas)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let x = dense(&inputs[0])?;
        let w = self.pool.windows(spatial(x.shape(), self.pool.dims))?;
        let indices = outputs.get(1).map_or(std::ptr::null_mut(), |t| t.ptr().cast());
        let count = planes(x.shape(), self.pool.dims);
        // SAFETY: dense planes of this dtype; the outputs are ours and have the shape of the windows.
        unsafe { pool::max(x.dtype(), count, &w, x.ptr(), outputs[0].ptr(), indices) };
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let sizes = self.pool.sizes(spatial(inputs[0].shape(), self.pool.dims))?;
        on_gpu::max(gpu, &self.pool, sizes, &inputs[0], outputs)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        if self.indices { Keep::NOTHING.output(1) } else { Keep::NOTHING.input(0) }
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let index = if self.indices {
            ctx.output(1)?
        } else {
            let again = MaxPool { indices: true, ..self.clone() };
            crate::autograd::no_grad(|| apply_all(again, Inputs(&[Some(&ctx.input(0)?)])))?.swap_remove(1)
        };
        let size = spatial(ctx.shape(0), self.pool.dims);
        let windows = Some(self.pool.clone());
        let scatter = Scatter { name: "max_pool_backward", dims: self.pool.dims, size, add: true, windows };
        Ok(smallvec![Some(apply(scatter, [&ctx.grad(0)?, &index])?)])
    }
    crate::attributes!(pool, indices);
}

/// Input 0 put, plane by plane, at the places that input 1 names, over zeros: added up, or the last one stays.
#[derive(Clone, Debug)]
pub struct Scatter {
    pub name: &'static str,
    pub dims: usize,
    pub size: [usize; 3],
    pub add: bool,
    /// The windows that the places come from, if they are known: no place has to look beyond them.
    pub windows: Option<Pool>,
}

/// Input 0's elements at the places that input 1 names in each plane.
#[derive(Clone, Debug)]
pub struct Gather {
    pub name: &'static str,
    pub dims: usize,
}

fn bad_index(name: &'static str, index: Option<i64>, size: &[usize]) -> Result<()> {
    match index {
        None => Ok(()),
        Some(i) => {
            let message = format!("Found an invalid max index: {i} (output volumes are of size {size:?})");
            Err(Error::custom(name, message))
        }
    }
}

impl Op for Scatter {
    fn name(&self) -> &'static str {
        self.name
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, index) = (&inputs[0], &inputs[1]);
        if index.dtype() != DType::I64 {
            let message = format!("elements in indices should be type int64 but got: {}", index.dtype().scalar_name());
            return Err(Error::custom(self.name, message));
        }
        if x.shape() != index.shape() {
            let message = format!(
                "Expected shape of indices to be same as that of the input tensor ({:?}) but got indices tensor with shape: {:?}",
                x.shape(),
                index.shape()
            );
            return Err(Error::custom(self.name, message));
        }
        new(x.dtype(), with_sizes(x.shape(), sizes(&self.size, self.dims)))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, index) = (dense(&inputs[0])?, dense(&inputs[1])?);
        let count = spatial(x.shape(), self.dims).iter().product();
        let shape = [planes(x.shape(), self.dims), count, self.size.iter().product()];
        // SAFETY: dense planes of these sizes; the output is ours.
        let bad = unsafe { pool::scatter(x.dtype(), shape, self.add, x.ptr(), index.ptr().cast(), outputs[0].ptr()) };
        bad_index(self.name, bad, sizes(&self.size, self.dims))
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let (x, index, out) = (&inputs[0], &inputs[1], &outputs[0]);
        if let Some(pool) = &self.windows {
            return on_gpu::max_backward(gpu, pool, pool.sizes(self.size)?, x, index, out);
        }
        let planes = [self.size.iter().product(), spatial(x.shape(), self.dims).iter().product()];
        on_gpu::scatter(gpu, self.add, planes, x, index, out)
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let gather = Gather { name: "max_unpool_backward", dims: self.dims };
        Ok(smallvec![Some(apply(gather, [&ctx.grad(0)?, &ctx.input(1)?])?), None])
    }
    crate::attributes!(name, dims, size, add, windows; op if ones(&op.size, op.dims));
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        self.name
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, index, dims) = (inputs[0].shape(), inputs[1].shape(), self.dims);
        let planes = |shape: &[usize]| Shape::from_slice(&shape[..shape.len().saturating_sub(dims)]);
        if inputs[1].dtype() != DType::I64 || x.len() != index.len() || x.len() < dims || planes(x) != planes(index) {
            return Err(Error::shape(self.name, format!("int64 places in planes of shape {x:?}"), index));
        }
        new(inputs[0].dtype(), index)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, index) = (dense(&inputs[0])?, dense(&inputs[1])?);
        let size = spatial(x.shape(), self.dims);
        let count = spatial(index.shape(), self.dims).iter().product();
        let shape = [planes(x.shape(), self.dims), count, size.iter().product()];
        // SAFETY: dense planes of these sizes; the output is ours.
        let bad = unsafe { pool::gather(x.dtype(), shape, x.ptr(), index.ptr().cast(), outputs[0].ptr()) };
        bad_index(self.name, bad, sizes(&size, self.dims))
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let planes = [inputs[1].shape(), inputs[0].shape()].map(|s| spatial(s, self.dims).iter().product());
        on_gpu::gather(gpu, planes, &inputs[0], &inputs[1], &outputs[0])
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let size = spatial(ctx.shape(0), self.dims);
        let scatter = Scatter { name: "max_pool_backward", dims: self.dims, size, add: true, windows: None };
        Ok(smallvec![Some(apply(scatter, [&ctx.grad(0)?, &ctx.input(1)?])?), None])
    }
    crate::attributes!(name, dims; op if (1..=3).contains(&op.dims));
}

/// The mean of each window; with a divisor its sum divided by that.
#[derive(Clone, Debug)]
pub struct AvgPool {
    pub pool: Pool,
    pub divisor: Option<i64>,
}

/// What gradients of means bring to inputs of the last sizes `input`.
#[derive(Clone, Debug)]
pub struct AvgPoolBackward {
    pub of: AvgPool,
    pub input: [usize; 3],
}

impl Op for AvgPool {
    fn name(&self) -> &'static str {
        self.pool.name
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let dtype = inputs[0].dtype();
        if !dtype.is_float() && dtype != DType::I64 {
            return Err(Error::DType { op: self.pool.name, expected: "a floating point dtype or int64", given: dtype });
        }
        new(dtype, self.pool.shape(&inputs[0])?)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let x = dense(&inputs[0])?;
        let w = self.pool.windows(spatial(x.shape(), self.pool.dims))?;
        let count = planes(x.shape(), self.pool.dims);
        // SAFETY: dense planes of this dtype; the output is ours and has the shape of the windows.
        unsafe { pool::avg(x.dtype(), count, &w, self.divisor, x.ptr(), outputs[0].ptr()) };
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let sizes = self.pool.sizes(spatial(inputs[0].shape(), self.pool.dims))?;
        on_gpu::avg(gpu, &self.pool, sizes, self.divisor, &inputs[0], &outputs[0])
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let adjoint = AvgPoolBackward { of: self.clone(), input: spatial(ctx.shape(0), self.pool.dims) };
        Ok(smallvec![Some(apply(adjoint, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(pool, divisor; op if op.divisor != Some(0));
}

impl Op for AvgPoolBackward {
    fn name(&self) -> &'static str {
        "avg_pool_backward"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let dims = self.of.pool.dims;
        let (g, output) = (&inputs[0], self.of.pool.output(self.input)?);
        if g.ndim() < dims || spatial(g.shape(), dims) != output {
            let expected = format!("a gradient whose last sizes are {:?}", sizes(&output, dims));
            return Err(Error::shape(self.name(), expected, g.shape()));
        }
        new(g.dtype(), with_sizes(g.shape(), sizes(&self.input, dims)))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let g = dense(&inputs[0])?;
        let w = self.of.pool.windows(self.input)?;
        let count = planes(g.shape(), self.of.pool.dims);
        // SAFETY: dense planes of this dtype; the output is ours.
        unsafe { pool::avg_backward(g.dtype(), count, &w, self.of.divisor, g.ptr(), outputs[0].ptr()) };
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let sizes = self.of.pool.sizes(self.input)?;
        on_gpu::avg_backward(gpu, &self.of.pool, sizes, self.of.divisor, &inputs[0], &outputs[0])
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(apply(self.of.clone(), [&ctx.grad(0)?])?)])
    }
    crate::attributes!(of, input; op if ones(&op.input, op.of.pool.dims));
}

/// Maxima of windows of a fixed size at pseudo-random places, which input 1 (`[N, C, dims]` in [0, 1)) determines.
#[derive(Clone, Debug)]
pub struct FractionalMaxPool {
    pub dims: usize,
    pub kernel: [usize; 3],
    pub output: [usize; 3],
}

impl FractionalMaxPool {
    /// Where the windows of one axis start.
    fn starts(&self, axis: usize, input: usize, sample: f64, single: bool) -> Vec<usize> {
        let (kernel, output) = (self.kernel[axis], self.output[axis]);
        let mut starts = Vec::with_capacity(output);
        // in the arithmetic of the dtype, so that every step falls where it falls elsewhere
        let (span, gaps) = ((input - kernel) as f64, output.saturating_sub(1) as f64);
        let alpha32 = span as f32 / gaps as f32;
        let alpha = span / gaps;
        for i in 0..output.saturating_sub(1) {
            starts.push(if single {
                let s = sample as f32;
                ((i as f32 + s) * alpha32) as usize - (s * alpha32) as usize
            } else {
                ((i as f64 + sample) * alpha) as usize - (sample * alpha) as usize
            });
        }
        if output > 0 {
            starts.push(input - kernel);
        }
        starts
    }
}

impl Op for FractionalMaxPool {
    fn name(&self) -> &'static str {
        if self.dims == 2 { "fractional_max_pool2d" } else { "fractional_max_pool3d" }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, samples, dims, name) = (&inputs[0], &inputs[1], self.dims, self.name());
        let shape = x.shape();
        if shape.len() != dims + 1 && shape.len() != dims + 2 || shape[shape.len() - dims - 1..].contains(&0) {
            let expected = format!("a tensor of {} or {} dimensions without empty planes", dims + 1, dims + 2);
            return Err(Error::shape(name, expected, shape));
        }
        let _: () = dispatch!(name, x.dtype(), _T in floats => ())?;
        if samples.dtype() != x.dtype() {
            let message = "Expect _random_samples to have the same dtype as input";
            return Err(Error::custom(name, message));
        }
        let channels = planes(shape, dims);
        if samples.numel() != channels * dims || samples.ndim() != 3 {
            let expected = format!("_random_samples of shape [batch, channels, {dims}]");
            return Err(Error::shape(name, expected, samples.shape()));
        }
        let size = spatial(shape, dims);
        for i in 3 - dims..3 {
            if self.output[i] + self.kernel[i] - 1 > size[i] {
                let message = format!(
                    "pool size {} too large relative to input size {} for {} outputs",
                    self.kernel[i], size[i], self.output[i]
                );
                return Err(Error::custom(name, message));
            }
        }
        let shape = with_sizes(shape, sizes(&self.output, dims));
        Ok(smallvec![Meta::New(x.dtype(), shape.clone()), Meta::New(DType::I64, shape)])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, dims) = (dense(&inputs[0])?, self.dims);
        let samples = inputs[1].detach().to(DType::F64)?.to_vec::<f64>()?;
        let (size, dtype) = (spatial(x.shape(), dims), x.dtype());
        let [input, output] = [size, self.output].map(|s| s.iter().product::<usize>());
        let (from, to, index) = (Ptr::of(x.ptr()), Ptr(outputs[0].ptr()), Ptr(outputs[1].ptr().cast::<i64>()));
        each(planes(x.shape(), dims), (output * self.kernel.iter().product::<usize>()) as f64, &|plane| {
            let axis = |i: usize| {
                // two dimensions: width first
                let which = if dims == 2 { 2 - i } else { i };
                if i < 3 - dims {
                    return Axis::single();
                }
                let starts = self.starts(i, size[i], samples[plane * dims + which], dtype != DType::F64);
                let windows =
                    starts.into_iter().map(|start| pool::Window { start, count: self.kernel[i], size: self.kernel[i] });
                Axis { input: size[i], step: 1, windows: windows.collect() }
            };
            let w = Windows([axis(0), axis(1), axis(2)]);
            // SAFETY: one plane of each.
            unsafe {
                let (x, y) = (from.at(plane * input * dtype.size()), to.at(plane * output * dtype.size()));
                pool::max(dtype, 1, &w, x, y, index.at(plane * output));
            }
        });
        Ok(())
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let size = spatial(ctx.shape(0), self.dims);
        let scatter = Scatter { name: "max_pool_backward", dims: self.dims, size, add: true, windows: None };
        Ok(smallvec![Some(apply(scatter, [&ctx.grad(0)?, &ctx.output(1)?])?), None])
    }
    crate::attributes!(dims, kernel, output;
        op if ones(&op.kernel, op.dims) && ones(&op.output, op.dims)
            && op.kernel.iter().chain(&op.output).all(|n| (1..=LARGE).contains(n)));
}

/// Windows as columns: `[…, C, H, W]` to `[…, C · taps, windows]`, or with `back` the sums of columns in an image.
#[derive(Clone, Debug)]
pub struct Unfold {
    pub fold: Fold,
    pub back: bool,
}

impl Op for Unfold {
    fn name(&self) -> &'static str {
        if self.back { "col2im" } else { "im2col" }
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, f) = (&inputs[0], &self.fold);
        if self.back && x.dtype() == DType::Bool {
            return Err(Error::DType { op: self.name(), expected: "a numeric dtype", given: x.dtype() });
        }
        let [taps, windows] = [f.kernel, f.grid].map(|s| s.iter().product::<usize>());
        let (shape, image) = (x.shape(), &f.image[..]);
        let fits = match shape {
            [.., c, l] if self.back => c % taps == 0 && *l == windows,
            [.., _, h, w] if !self.back => [*h, *w] == *image,
            _ => false,
        };
        if !fits {
            return Err(Error::shape(self.name(), format!("an input for {f:?}"), shape));
        }
        let at = shape.len() - if self.back { 2 } else { 3 };
        let last = if self.back { vec![shape[at] / taps, image[0], image[1]] } else { vec![shape[at] * taps, windows] };
        new(x.dtype(), shape[..at].iter().copied().chain(last).collect::<Shape>())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, to) = (dense(&inputs[0])?, &outputs[0]);
        let count = planes(if self.back { to.shape() } else { x.shape() }, 2);
        // SAFETY: dense planes of these sizes; the output is ours.
        unsafe {
            match self.back {
                true => pool::col2im(x.dtype(), count, &self.fold, x.ptr(), to.ptr()),
                false => pool::im2col(x.dtype(), count, &self.fold, x.ptr(), to.ptr()),
            }
        }
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        on_gpu::fold(gpu, &self.fold, self.back, &inputs[0], &outputs[0])
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        Ok(smallvec![Some(apply(Unfold { back: !self.back, ..self.clone() }, [&ctx.grad(0)?])?)])
    }
    crate::attributes!(fold, back);
}

/// One number for each dimension, or one for all of them; `fill` in front.
fn expand(op: &'static str, what: &str, given: &[i64], dims: usize, fill: usize) -> Result<[i64; 3]> {
    if given.len() != dims && given.len() != 1 {
        let number = [
            "",
            "a single int",
            "either be a single int, or a tuple of two ints",
            "either be a single int, or a tuple of three ints",
        ][dims];
        let message = format!("{what} must {}{number}, but got {given:?}", if dims == 1 { "be " } else { "" });
        return Err(Error::custom(op, message));
    }
    let mut all = [fill as i64; 3];
    for i in 0..dims {
        all[3 - dims + i] = given[if given.len() == 1 { 0 } else { i }];
    }
    Ok(all)
}

/// The windows of a plain pooling, as PyTorch's functions give them. An empty stride is the kernel's size.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    pub kernel: &'a [i64],
    pub stride: &'a [i64],
    pub padding: &'a [i64],
    pub dilation: &'a [i64],
    pub ceil: bool,
    pub include: bool,
}

impl Options<'_> {
    fn pool(&self, name: &'static str, dims: usize) -> Result<Pool> {
        let kernel = expand(name, "kernel_size", self.kernel, dims, 1)?;
        let stride = if self.stride.is_empty() { kernel } else { expand(name, "stride", self.stride, dims, 1)? };
        let padding = expand(name, "padding", self.padding, dims, 0)?;
        let dilation = expand(name, "dilation", self.dilation, dims, 1)?;
        let fail = |message: String| Err(Error::custom(name, message));
        for i in 3 - dims..3 {
            for (what, value) in [("kernel size", kernel[i]), ("stride", stride[i]), ("dilation", dilation[i])] {
                if value <= 0 {
                    return fail(format!("{what} must be greater than zero, but got {value}"));
                }
            }
            if padding[i] < 0 {
                return fail(format!("pad must be non-negative, but got pad: {}", padding[i]));
            }
            if padding[i] > ((kernel[i] - 1) * dilation[i] + 1) / 2 {
                return fail(format!(
                    "pad should be at most half of effective kernel size, but got pad={}, kernel_size={} and dilation={}",
                    padding[i], kernel[i], dilation[i]
                ));
            }
        }
        let [kernel, stride, padding, dilation] = [kernel, stride, padding, dilation].map(|a| a.map(|n| n as usize));
        let (ceil, include) = (self.ceil, self.include);
        Ok(Pool { name, dims, spec: Spec::Strided { kernel, stride, padding, dilation, ceil, include } })
    }
}

fn pair(mut outputs: crate::op::Outputs) -> Result<(Tensor, Tensor)> {
    match (outputs.pop(), outputs.pop()) {
        (Some(indices), Some(values)) => Ok((values, indices)),
        _ => Err(Error::custom("max_pool", "the op gave fewer than two outputs")),
    }
}

/// Maxima of windows alone. The indices are made only if a gradient will want them.
pub fn max_pool(name: &'static str, dims: usize, x: &Tensor, options: Options) -> Result<Tensor> {
    let pool = options.pool(name, dims)?;
    let indices = Modes::current().grad && x.requires_grad();
    Ok(apply_all(MaxPool { pool, indices }, Inputs(&[Some(x)]))?.swap_remove(0))
}

/// Maxima of windows, and their places.
pub fn max_pool_with_indices(
    name: &'static str,
    dims: usize,
    x: &Tensor,
    options: Options,
) -> Result<(Tensor, Tensor)> {
    let pool = options.pool(name, dims)?;
    pair(apply_all(MaxPool { pool, indices: true }, Inputs(&[Some(x)]))?)
}

/// Means of windows.
pub fn avg_pool(
    name: &'static str,
    dims: usize,
    x: &Tensor,
    options: Options,
    divisor: Option<i64>,
    out: Out,
) -> Result<Tensor> {
    if divisor == Some(0) {
        return Err(Error::custom(name, "divisor must be not zero"));
    }
    deliver(AvgPool { pool: options.pool(name, dims)?, divisor }, Inputs(&[Some(x)]), out)
}

fn adaptive(name: &'static str, dims: usize, x: &Tensor, size: &[i64], complaint: &str) -> Result<Pool> {
    if size.len() != dims && (dims == 1 || size.len() != 1) {
        let number = ["", "one int", "two ints", "three ints"][dims];
        return Err(Error::custom(
            name,
            format!("'output_size' should contain {number}, got {size:?} for an input of shape {:?}", x.shape()),
        ));
    }
    let output = expand(name, "output_size", size, dims, 1)?;
    if output.iter().any(|&n| n < 0) {
        return Err(Error::custom(name, format!("{complaint}, got output_size={size:?}")));
    }
    Ok(Pool { name, dims, spec: Spec::Adaptive { output: output.map(|n| n as usize) } })
}

/// Means of as many windows as asked for.
pub fn adaptive_avg_pool(name: &'static str, dims: usize, x: &Tensor, size: &[i64], out: Out) -> Result<Tensor> {
    let pool = adaptive(name, dims, x, size, "elements of output_size must be greater than or equal to 0")?;
    deliver(AvgPool { pool, divisor: None }, Inputs(&[Some(x)]), out)
}

/// Maxima of as many windows as asked for, and their places.
pub fn adaptive_max_pool(name: &'static str, dims: usize, x: &Tensor, size: &[i64]) -> Result<(Tensor, Tensor)> {
    let pool = adaptive(name, dims, x, size, "Trying to create tensor with negative dimension")?;
    pair(apply_all(MaxPool { pool, indices: true }, Inputs(&[Some(x)]))?)
}

/// Maxima of windows of a fixed size at places that the samples determine, and their own places.
pub fn fractional_max_pool(
    dims: usize,
    x: &Tensor,
    kernel: &[i64],
    output: &[i64],
    samples: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let name = FractionalMaxPool { dims, kernel: [1; 3], output: [1; 3] }.name();
    let (kernel, output) =
        (expand(name, "kernel_size", kernel, dims, 1)?, expand(name, "output_size", output, dims, 1)?);
    if kernel.iter().chain(&output).any(|&n| n <= 0) {
        let given = format!("kernel_size={kernel:?}, output_size={output:?}");
        return Err(Error::argument(name, "sizes greater than zero", given));
    }
    let (kernel, output) = (kernel.map(|n| n as usize), output.map(|n| n as usize));
    pair(apply_all(FractionalMaxPool { dims, kernel, output }, Inputs(&[Some(x), Some(samples)]))?)
}

/// Puts maxima back to the places they came from, in planes of `size`, with zeros elsewhere.
pub fn max_unpool(name: &'static str, dims: usize, x: &Tensor, index: &Tensor, size: &[i64]) -> Result<Tensor> {
    if size.len() != dims {
        let which = if dims == 2 { "two elements (height, width)" } else { "three elements (depth, height, width)" };
        return Err(Error::custom(
            name,
            format!("There should be exactly {which} in output_size, but got {} elements.", size.len()),
        ));
    }
    if x.ndim() != dims + 1 && x.ndim() != dims + 2 {
        let message = format!(
            "Input to {name} should be a {}d or {}d Tensor, but got a tensor with {} dim",
            dims + 1,
            dims + 2,
            x.ndim()
        );
        return Err(Error::custom(name, message));
    }
    let size = expand(name, "output_size", size, dims, 1)?;
    if size.iter().any(|&n| n < 0) {
        return Err(Error::argument(name, "an output_size of non-negative elements", format!("{size:?}")));
    }
    apply(Scatter { name, dims, size: size.map(|n| n as usize), add: false, windows: None }, [x, index])
}

/// Sizes of a fold, checked; the image is `[height, width]`.
fn fold_of(
    name: &'static str,
    image: [usize; 2],
    kernel: &[i64],
    dilation: &[i64],
    padding: &[i64],
    stride: &[i64],
) -> Result<Fold> {
    let two = |what: &str, given: &[i64], least: i64| -> Result<[usize; 2]> {
        let all = expand(name, what, given, 2, 1)?;
        if all[1] < least || all[2] < least {
            let sign = if least > 0 { "greater than zero" } else { "non-negative" };
            return Err(Error::custom(name, format!("{what} should be {sign}, but got {given:?}")));
        }
        Ok([all[1] as usize, all[2] as usize])
    };
    let (kernel, dilation) = (two("kernel_size", kernel, 1)?, two("dilation", dilation, 1)?);
    let (pad, stride) = (two("padding", padding, 0)?, two("stride", stride, 1)?);
    let mut grid = [0; 2];
    for i in 0..2 {
        let (have, reach) = (image[i] + 2 * pad[i], dilation[i] * (kernel[i] - 1) + 1);
        if have < reach {
            let message = format!(
                "Given input with spatial size {image:?}, kernel_size={kernel:?}, dilation={dilation:?}, padding={pad:?}, calculated shape of the array \
                 of sliding blocks has less than 1 element, but its components must be at least one"
            );
            return Err(Error::custom(name, message));
        }
        grid[i] = (have - reach) / stride[i] + 1;
    }
    Ok(Fold { image, grid, kernel, stride, pad, dilation })
}

/// Windows of an image as columns.
pub fn im2col(
    x: &Tensor,
    kernel: &[i64],
    dilation: &[i64],
    padding: &[i64],
    stride: &[i64],
    out: Out,
) -> Result<Tensor> {
    let image = match *x.shape() {
        [c, h, w] if c * h * w > 0 => [h, w],
        [_, c, h, w] if c * h * w > 0 => [h, w],
        _ => {
            let message = format!(
                "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {:?}",
                x.shape()
            );
            return Err(Error::custom("im2col", message));
        }
    };
    let fold = fold_of("im2col", image, kernel, dilation, padding, stride)?;
    deliver(Unfold { fold, back: false }, Inputs(&[Some(x)]), out)
}

/// The sums of columns in an image of `size`.
#[allow(clippy::too_many_arguments)]
pub fn col2im(
    x: &Tensor,
    size: &[i64],
    kernel: &[i64],
    dilation: &[i64],
    padding: &[i64],
    stride: &[i64],
    out: Out,
) -> Result<Tensor> {
    let name = "col2im";
    let size = expand(name, "output_size", size, 2, 1)?;
    if size[1] <= 0 || size[2] <= 0 {
        return Err(Error::custom(name, format!("output_size should be greater than zero, but got {:?}", &size[1..])));
    }
    let fold = fold_of(name, [size[1] as usize, size[2] as usize], kernel, dilation, padding, stride)?;
    let [taps, windows] = [fold.kernel, fold.grid].map(|s| s.iter().product::<usize>());
    let (columns, blocks) = match *x.shape() {
        [c, l] if c * l > 0 => (c, l),
        [_, c, l] if c * l > 0 => (c, l),
        _ => {
            let message = format!(
                "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {:?}",
                x.shape()
            );
            return Err(Error::custom(name, message));
        }
    };
    if columns % taps != 0 {
        let message = format!(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={columns} and \
             kernel_size={:?}",
            fold.kernel
        );
        return Err(Error::custom(name, message));
    }
    if blocks != windows {
        let message = format!(
            "Given output_size={:?}, kernel_size={:?}, dilation={:?}, padding={:?}, stride={:?}, expected size of input's dimension 2 to match \
             the calculated number of sliding blocks {} * {} = {windows}, but got input.size(2)={blocks}",
            fold.image, fold.kernel, fold.dilation, fold.pad, fold.stride, fold.grid[0], fold.grid[1]
        );
        return Err(Error::custom(name, message));
    }
    deliver(Unfold { fold, back: true }, Inputs(&[Some(x)]), out)
}
