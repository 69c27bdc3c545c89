//! Convolution in one to three dimensions, plain and transposed.
//!
//! Forward, grad-input and grad-weight are three products of two of (x, w, y), and the derivative of each is made of
//! the other two: [`Convolution`] is what programs call, [`Product`] what its gradients, and theirs, are made of.

use crate::autograd::Ctx;
use crate::device::Gpu;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::conv::{self, Kind, Params};
use crate::layout::Shape;
use crate::op::{Grads, Inputs, Keep, Metas, Op, apply, new};
use crate::ops::gpu::gemm;
use crate::ops::shape::{permute, squeeze, unsqueeze};
use crate::tensor::Tensor;

crate::entries!(OPS: Convolution, Product as "ConvolutionProduct");

/// Inputs: x `[N, Cin, …]`, weight `[Cout, Cin / groups, …]` (transposed: `[Cin, Cout / groups, …]`), perhaps a bias.
/// Constants of fewer than three dimensions have ones, or zeros, in front.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// Dimensions besides batch and channels.
    pub dims: usize,
    pub stride: [usize; 3],
    pub padding: [usize; 3],
    /// Elements of padding after the last that exceed those before the first.
    pub extra: [usize; 3],
    pub dilation: [usize; 3],
    pub transposed: bool,
    pub output_padding: [usize; 3],
    pub groups: usize,
}

/// The last `dims` of three sizes.
fn sizes(of: &[usize; 3], dims: usize) -> &[usize] {
    &of[3 - dims..]
}
/// Sizes after batch and channels, with ones in front.
fn spatial(shape: &[usize]) -> [usize; 3] {
    let mut all = [1; 3];
    all[5 - shape.len()..].copy_from_slice(&shape[2..]);
    all
}
fn times(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

impl Convolution {
    /// The kernel's parameters for inputs of these shapes, which must fit each other.
    fn params(&self, x: &[usize], w: &[usize]) -> Result<Params> {
        let name = self.name();
        let fail = |message: String| Err(Error::custom(name, message));
        let (groups, dims) = (self.groups, self.dims);
        if w.len() != dims + 2 || x.len() != w.len() {
            let (n, m) = (w.len(), x.len());
            return fail(format!(
                "Expected {n}-dimensional input for {n}-dimensional weight {w:?}, but got {m}-dimensional input of size {x:?} instead"
            ));
        }
        if w[0] < groups {
            return fail(format!(
                "Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {w:?} instead"
            ));
        }
        if !w[0].is_multiple_of(groups) {
            return fail(format!(
                "Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size {w:?} instead"
            ));
        }
        let channels = if self.transposed { w[0] } else { w[1] * groups };
        if x[1] != channels {
            let given = if self.transposed { "transposed=1".to_string() } else { format!("groups={groups}") };
            return fail(format!(
                "Given {given}, weight of size {w:?}, expected input{x:?} to have {channels} channels, but got {} channels instead",
                x[1]
            ));
        }
        let (kernel, size) = (spatial(w), spatial(x));
        if sizes(&kernel, dims).contains(&0) {
            return fail(format!("expected a kernel of sizes above 0, got weight of size {w:?}"));
        }
        let mut other = [1; 3];
        for i in 3 - dims..3 {
            let reach = self.dilation[i] * (kernel[i] - 1) + 1;
            let (stride, pad) = (self.stride[i], self.padding[i]);
            if self.transposed {
                let full =
                    (size[i] as i64 - 1) * stride as i64 - 2 * pad as i64 + (reach + self.output_padding[i]) as i64;
                if full < 0 || size[i] == 0 {
                    let (given, op) = (times(sizes(&size, dims)), self.output_padding[i]);
                    return fail(format!(
                        "Given input size per channel: ({given}), stride {stride}, padding {pad}, output padding {op}, calculated output size \
                         {full}. Output size is too small"
                    ));
                }
                other[i] = full as usize;
            } else {
                let padded = size[i] + 2 * pad + self.extra[i];
                if padded < reach {
                    let padded: Vec<usize> =
                        (3 - dims..3).map(|i| size[i] + 2 * self.padding[i] + self.extra[i]).collect();
                    let reach: Vec<usize> = (3 - dims..3).map(|i| self.dilation[i] * (kernel[i] - 1) + 1).collect();
                    return fail(format!(
                        "Calculated padded input size per channel: ({}). Kernel size: ({}). Kernel size can't be greater than actual input size",
                        times(&padded),
                        times(&reach)
                    ));
                }
                other[i] = (padded - reach) / stride + 1;
            }
        }
        let (stride, pad, dilation, batch) = (self.stride, self.padding, self.dilation, x[0]);
        Ok(if self.transposed {
            let (cin, cout) = (w[1] * groups, w[0]);
            Params { batch, groups, cin, cout, input: other, output: size, kernel, stride, pad, dilation }
        } else {
            let (cin, cout) = (x[1], w[0]);
            Params { batch, groups, cin, cout, input: size, output: other, kernel, stride, pad, dilation }
        })
    }
    fn kind(&self) -> Kind {
        if self.transposed { Kind::GradInput } else { Kind::Forward }
    }
}

/// The shape of what a product gives.
fn result(kind: Kind, p: &Params, dims: usize) -> Shape {
    let (first, rest) = match kind {
        Kind::Forward => ([p.batch, p.cout], &p.output),
        Kind::GradInput => ([p.batch, p.cin], &p.input),
        Kind::GradWeight => ([p.cout, p.cin / p.groups.max(1)], &p.kernel),
    };
    first.iter().chain(sizes(rest, dims)).copied().collect()
}

/// Runs a product on dense copies of its operands.
fn run(kind: Kind, p: &Params, inputs: Inputs, output: &Tensor) -> Result<()> {
    let dense = |t: &Tensor| if t.is_contiguous() { Ok(t.clone()) } else { t.detach().contiguous() };
    let (a, b, bias) = (dense(&inputs[0])?, dense(&inputs[1])?, inputs.get(2).map(dense).transpose()?);
    let (a, b, bias) = (a.ptr(), b.ptr(), bias.as_ref().map_or(std::ptr::null_mut(), |t| t.ptr()));
    // SAFETY: dense tensors of one dtype and of the shapes that `meta` has checked; the output is ours.
    unsafe {
        match kind {
            Kind::Forward => conv::forward(output.dtype(), p, a, b, bias, output.ptr()),
            Kind::GradInput => conv::grad_input(output.dtype(), p, a, b, bias, output.ptr()),
            Kind::GradWeight => conv::grad_weight(output.dtype(), p, a, b, output.ptr()),
        }
    }
    Ok(())
}

impl Convolution {
    /// Whether dimensions that are not there have strides of one and no padding.
    fn leads(&self) -> bool {
        let all = |of: &[usize; 3], n: usize| of[..3 - self.dims].iter().all(|x| *x == n);
        let zeros = [&self.padding, &self.extra, &self.output_padding].into_iter().all(|of| all(of, 0));
        zeros && all(&self.stride, 1) && all(&self.dilation, 1)
    }
}

impl Op for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, w) = (&inputs[0], &inputs[1]);
        for (name, other) in [("weight", Some(w)), ("bias", inputs.get(2))] {
            if let Some(other) = other.filter(|t| t.dtype() != x.dtype()) {
                let (a, b) = (x.dtype().scalar_name(), other.dtype().scalar_name());
                let message =
                    format!("Input type (torch.{a}Tensor) and {name} type (torch.{b}Tensor) should be the same");
                return Err(Error::custom(self.name(), message));
            }
        }
        if x.dtype() == DType::Bool {
            return Err(Error::DType { op: self.name(), expected: "a numeric dtype", given: DType::Bool });
        }
        let p = self.params(x.shape(), w.shape())?;
        let channels = if self.transposed { p.cin } else { p.cout };
        if let Some(bias) = inputs.get(2).filter(|b| b.shape() != [channels]) {
            let message = format!(
                "Given weight of size {:?}, expected bias to be 1-dimensional with {channels} elements, but got bias of size {:?} instead",
                w.shape(),
                bias.shape()
            );
            return Err(Error::custom(self.name(), message));
        }
        new(x.dtype(), result(self.kind(), &p, self.dims))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let p = self.params(inputs[0].shape(), inputs[1].shape())?;
        run(self.kind(), &p, inputs, &outputs[0])
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let p = self.params(inputs[0].shape(), inputs[1].shape())?;
        gemm::conv(gpu, self.kind(), &p, [&inputs[0], &inputs[1]], inputs.get(2), &outputs[0])
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input(1).only_if(needs[0]).and(Keep::NOTHING.input(0).only_if(needs[1]))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (mut grads, g) = (ctx.grads(), ctx.grad(0)?);
        let params = self.params(ctx.shape(0), ctx.shape(1))?;
        let product = |kind| Product { kind, params: params.clone(), dims: self.dims };
        if ctx.needs(0) {
            let w = ctx.input(1)?.conj()?;
            let kind = if self.transposed { Kind::Forward } else { Kind::GradInput };
            grads[0] = Some(apply(product(kind), [&g, &w])?);
        }
        if ctx.needs(1) {
            let x = ctx.input(0)?.conj()?;
            let pair = if self.transposed { [&g, &x] } else { [&x, &g] };
            grads[1] = Some(apply(product(Kind::GradWeight), pair)?);
        }
        if grads.len() > 2 && ctx.needs(2) {
            let dims: Vec<i64> = std::iter::once(0).chain(2..self.dims as i64 + 2).collect();
            grads[2] = Some(g.sum(&dims, false)?);
        }
        Ok(grads)
    }
    crate::attributes!(dims, stride, padding, extra, dilation, transposed, output_padding, groups;
        op if (1..=3).contains(&op.dims)
            && op.groups > 0
            && op.leads()
            && [op.stride, op.dilation].iter().flatten().all(|n| *n > 0)
            && [op.stride, op.padding, op.extra, op.dilation, op.output_padding].iter().flatten().all(|n| *n < 1 << 20)
    );
}

/// One of the three products, of operands whose sizes are known: forward takes (x, w), grad-input (y, w), grad-weight
/// (x, y).
#[derive(Clone, Debug)]
pub struct Product {
    pub kind: Kind,
    pub params: Params,
    pub dims: usize,
}

impl Op for Product {
    fn name(&self) -> &'static str {
        "convolution_backward"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let of = |kind| result(kind, &self.params, self.dims);
        let (x, y, w) = (of(Kind::GradInput), of(Kind::Forward), of(Kind::GradWeight));
        let expected = match self.kind {
            Kind::Forward => [x, w],
            Kind::GradInput => [y, w],
            Kind::GradWeight => [x, y],
        };
        for (i, expected) in expected.iter().enumerate() {
            if *inputs[i].shape() != expected[..] {
                return Err(Error::shape(self.name(), format!("an operand of shape {expected:?}"), inputs[i].shape()));
            }
        }
        if inputs[0].dtype() != inputs[1].dtype() {
            let given = inputs[1].dtype();
            return Err(Error::DType { op: self.name(), expected: "operands of one dtype", given });
        }
        new(inputs[0].dtype(), result(self.kind, &self.params, self.dims))
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        run(self.kind, &self.params, inputs, &outputs[0])
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        gemm::conv(gpu, self.kind, &self.params, [&inputs[0], &inputs[1]], None, &outputs[0])
    }
    fn keep(&self, needs: &[bool]) -> Keep {
        Keep::NOTHING.input(1).only_if(needs[0]).and(Keep::NOTHING.input(0).only_if(needs[1]))
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (mut grads, g) = (ctx.grads(), ctx.grad(0)?);
        let product = |kind, a: &Tensor, b: &Tensor| apply(Product { kind, ..self.clone() }, [a, b]).map(Some);
        if ctx.needs(0) {
            let b = ctx.input(1)?.conj()?;
            grads[0] = match self.kind {
                Kind::Forward => product(Kind::GradInput, &g, &b)?,
                Kind::GradInput => product(Kind::Forward, &g, &b)?,
                Kind::GradWeight => product(Kind::GradInput, &b, &g)?,
            };
        }
        if ctx.needs(1) {
            let a = ctx.input(0)?.conj()?;
            grads[1] = match self.kind {
                Kind::Forward => product(Kind::GradWeight, &a, &g)?,
                Kind::GradInput => product(Kind::GradWeight, &g, &a)?,
                Kind::GradWeight => product(Kind::Forward, &a, &g)?,
            };
        }
        Ok(grads)
    }
    crate::attributes!(kind, params, dims; op if (1..=3).contains(&op.dims));
}

/// One number for each dimension, or one for all of them; ones or zeros in front.
fn expand(op: &'static str, what: &str, given: &[i64], dims: usize, least: i64, fill: usize) -> Result<[usize; 3]> {
    if given.len() != dims && given.len() != 1 {
        let message = format!(
            "expected {what} to be a single integer value or a list of {dims} values to match the convolution dimensions, but got {what}={given:?}"
        );
        return Err(Error::custom(op, message));
    }
    if given.iter().any(|&n| n < least) {
        let sign = if least == 0 { "negative" } else { "non-positive" };
        return Err(Error::custom(op, format!("{sign} {what} is not supported, got {what}={given:?}")));
    }
    let mut all = [fill; 3];
    for i in 0..dims {
        all[3 - dims + i] = given[if given.len() == 1 { 0 } else { i }] as usize;
    }
    Ok(all)
}

fn groups_of(op: &'static str, groups: i64) -> Result<usize> {
    match usize::try_from(groups) {
        Ok(groups) if groups > 0 => Ok(groups),
        _ => Err(Error::custom(op, format!("non-positive groups is not supported, got groups={groups}"))),
    }
}

/// What a convolution is asked for, as PyTorch's functions give it.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    pub stride: &'a [i64],
    pub padding: &'a [i64],
    pub dilation: &'a [i64],
    pub groups: i64,
    /// The output padding of a transposed convolution.
    pub transposed: Option<&'a [i64]>,
}

impl Options<'_> {
    fn op(&self, op: &'static str, dims: usize) -> Result<Convolution> {
        let groups = groups_of(op, self.groups)?;
        let stride = expand(op, "stride", self.stride, dims, 1, 1)?;
        let padding = expand(op, "padding", self.padding, dims, 0, 0)?;
        let dilation = expand(op, "dilation", self.dilation, dims, 1, 1)?;
        let output_padding = match self.transposed {
            Some(given) => expand(op, "output_padding", given, dims, 0, 0)?,
            None => [0; 3],
        };
        for i in 3 - dims..3 {
            if output_padding[i] > 0 && output_padding[i] >= stride[i].max(dilation[i]) {
                let message = format!(
                    "output padding must be smaller than either stride or dilation, but got output_padding={:?}, stride={:?}, dilation={:?}",
                    sizes(&output_padding, dims),
                    sizes(&stride, dims),
                    sizes(&dilation, dims)
                );
                return Err(Error::custom(op, message));
            }
        }
        let transposed = self.transposed.is_some();
        Ok(Convolution { dims, stride, padding, extra: [0; 3], dilation, transposed, output_padding, groups })
    }
}

/// Runs `f` on a batch; an input without one becomes a batch of one.
fn batched(op: &'static str, dims: usize, x: &Tensor, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    if x.ndim() == dims + 2 {
        return f(x);
    }
    if x.ndim() == dims + 1 {
        return squeeze(&f(&unsqueeze(x, 0)?)?, Some(&[0]));
    }
    let message = format!(
        "Expected {}D (unbatched) or {}D (batched) input to {op}, but got input of size: {:?}",
        dims + 1,
        dims + 2,
        x.shape()
    );
    Err(Error::custom(op, message))
}

/// Convolution, or with `options.transposed` its transpose, over the last `dims` dimensions of `[N, C, …]` or `[C, …]`.
pub fn conv(
    op: &'static str,
    dims: usize,
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    options: Options,
) -> Result<Tensor> {
    let convolution = options.op(op, dims)?;
    batched(op, dims, x, |x| apply(convolution, [Some(x), Some(w), bias]))
}

/// Convolution with padding by name: `same` keeps the size (one element more behind than in front, if it must), `valid`
/// adds none.
#[allow(clippy::too_many_arguments)]
pub fn conv_named(
    op: &'static str,
    dims: usize,
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    padding: &str,
    options: Options,
) -> Result<Tensor> {
    let mut convolution = options.op(op, dims)?;
    match padding {
        "valid" => {}
        "same" => {
            if convolution.stride != [1; 3] {
                return Err(Error::custom(op, "padding='same' is not supported for strided convolutions"));
            }
            for i in 0..dims.min(w.ndim().saturating_sub(2)) {
                let total = convolution.dilation[3 - dims + i] * w.shape()[2 + i].saturating_sub(1);
                convolution.padding[3 - dims + i] = total / 2;
                convolution.extra[3 - dims + i] = total % 2;
            }
        }
        _ => {
            let message = format!("Invalid padding string: '{padding}', should be one of 'valid' or 'same'");
            return Err(Error::custom(op, message));
        }
    }
    batched(op, dims, x, |x| apply(convolution, [Some(x), Some(w), bias]))
}

/// The general form: as many dimensions as the weight has; the input is a batch.
pub fn convolution(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, options: Options) -> Result<Tensor> {
    let dims = w.ndim().wrapping_sub(2);
    if !(1..=3).contains(&dims) {
        return Err(Error::shape("convolution", "a weight of 3 to 5 dimensions", w.shape()));
    }
    apply(options.op("convolution", dims)?, [Some(x), Some(w), bias])
}

/// `[time, batch, Cin] ∗ [width, Cin, Cout] + bias`.
pub fn conv_tbc(x: &Tensor, w: &Tensor, bias: &Tensor, pad: i64) -> Result<Tensor> {
    for (name, t, dims) in [("input", x, 3), ("weight", w, 3), ("bias", bias, 1)] {
        if t.ndim() != dims {
            return Err(Error::shape("conv_tbc", format!("{name} of {dims} dimensions"), t.shape()));
        }
    }
    if x.shape()[2] != w.shape()[1] {
        let expected = format!("an input of {} channels for a weight of shape {:?}", w.shape()[1], w.shape());
        return Err(Error::shape("conv_tbc", expected, x.shape()));
    }
    let (x, w) = (permute(x, &[1, 2, 0])?, permute(w, &[2, 1, 0])?);
    let options = Options { stride: &[1], padding: &[pad], dilation: &[1], groups: 1, transposed: None };
    permute(&conv("conv_tbc", 1, &x, &w, Some(bias), options)?, &[2, 0, 1])
}
