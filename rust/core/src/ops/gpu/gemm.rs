//! Products of matrices, and convolutions as such: one of three frames, with the sum in parts where it is long and its results
//! are few.

use super::{SIDE, head, sides, wgsl};
use crate::device::{Access, Form, Gpu, Shader, Wide};
use crate::dtype::{DType, Scalar};
use crate::error::Result;
use crate::kernels::conv::{Kind, Params};
use crate::layout::Layout;
use crate::tensor::Tensor;

/// Who computes what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Frame {
    /// A workgroup of 64 makes 64 × 64 elements, or with few rows 32 × 64.
    Tiled { short: bool },
    /// An invocation makes an element.
    Direct,
    /// A workgroup of 256 makes an element.
    Deep,
}

/// The greatest depth of a part. (Software renderers stop a shader after 65,535 turns of its loops.)
const LONGEST: usize = 16_384;

fn plan([m, n, k, z]: [usize; 4]) -> (Frame, usize) {
    let results = m * n * z;
    let slim = m.min(n);
    if slim <= 4 && k >= 1024 && results <= 4096 {
        return (Frame::Deep, 1);
    }
    let (frame, workers, deep) = if slim <= 8 || results <= 2048 {
        (Frame::Direct, results.div_ceil(SIDE), 128)
    } else {
        let short = m <= 32;
        (Frame::Tiled { short }, m.div_ceil(if short { 32 } else { 64 }) * n.div_ceil(64) * z, 256)
    };
    // Enough workgroups to fill a GPU, but none with less than a strip worth its while.
    let wanted = 64usize.div_ceil(workers.max(1)).min(k / deep);
    (frame, wanted.max(k.div_ceil(LONGEST)).max(1))
}

/// What a product consists of.
struct Product<'a> {
    name: &'static str,
    text: &'static str,
    /// m, n, k, products.
    sizes: [usize; 4],
    /// The words from 6 on.
    words: &'a [u32],
    unit: bool,
    tensors: &'a [(&'static str, &'a Tensor)],
    out: &'a Tensor,
}

impl Product<'_> {
    fn run(&self, gpu: &Gpu) -> Result<bool> {
        let [m, n, k, z] = self.sizes;
        if m * n * z == 0 {
            return Ok(true);
        }
        let (frame, parts) = plan(self.sizes);
        let chunk = k.div_ceil(parts).next_multiple_of(16).max(16);
        let parts = k.div_ceil(chunk).max(1);
        let constants = [m, n, k, z, parts, chunk].map(|w| w as u32);
        let wide = Form::any(self.out.dtype()).map_or(Wide::F32, |f| f.wide);
        let scratch = match parts {
            1 => None,
            _ => Some(gpu.scratch(&[parts, z, m, n], if wide == Wide::F32 { DType::F32 } else { DType::I32 })?),
        };
        let out = scratch.as_ref().unwrap_or(self.out);
        let (tag, body, groups, width) = match frame {
            Frame::Tiled { short } => {
                let tiles = m.div_ceil(if short { 32 } else { 64 }) * n.div_ceil(64);
                (if short { "short" } else { "tiled" }, wgsl!("gemm_tiled"), tiles * z * parts, SIDE)
            }
            Frame::Direct => ("direct", wgsl!("gemm_direct"), sides(m * n * z * parts), SIDE),
            Frame::Deep => ("deep", wgsl!("gemm_deep"), m * n * z, 256),
        };
        let flags = [("UNIT", self.unit), ("SHORT", frame == Frame::Tiled { short: true })];
        self.shader(gpu, tag)
            .write("out", out)
            .words(&constants)
            .words(self.words)
            .groups(groups, width, || format!("{}{}{body}", head(self.out.dtype(), &flags), self.text))?;
        if let Some(scratch) = &scratch {
            let shader = self.shader(gpu, "join").read("parts", scratch).write("out", self.out);
            shader.words(&constants).words(self.words).groups(sides(m * n * z), SIDE, || {
                format!("{}{}{}", head(self.out.dtype(), &flags), self.text, wgsl!("gemm_join"))
            })?;
        }
        Ok(true)
    }

    fn shader<'b>(&'b self, gpu: &Gpu<'b>, tag: &str) -> Shader<'b> {
        let shader = gpu.shader(self.name).variant(tag).variant(if self.unit { 'u' } else { 'v' });
        self.tensors.iter().fold(shader, |s, (name, t)| s.raw(name, t, t.layout(), Access::Read))
    }
}

/// A convolution, or one of its gradients. Inputs as the op has them: two operands, perhaps a bias.
pub fn conv(
    gpu: &Gpu,
    kind: Kind,
    p: &Params,
    inputs: [&Tensor; 2],
    bias: Option<&Tensor>,
    out: &Tensor,
) -> Result<bool> {
    let (a, b, bias) = (gpu.dense(inputs[0])?, gpu.dense(inputs[1])?, bias.map(|b| gpu.dense(b)).transpose()?);
    let count = |sizes: &[usize; 3]| sizes.iter().product::<usize>();
    let groups = p.groups.max(1);
    let (cin, cout) = (p.cin / groups, p.cout / groups);
    let (input, output, taps) = (p.batch * count(&p.input), p.batch * count(&p.output), count(&p.kernel));
    let other = bias.as_ref().unwrap_or(&a);
    let (name, text, sizes, tensors): (_, _, _, &[(&'static str, &Tensor)]) = match kind {
        Kind::Forward => (
            "conv_forward",
            concat!(wgsl!("conv_forward"), wgsl!("conv_steps")),
            [cout, output, cin * taps, groups],
            &[("x", &a), ("w", &b), ("bias", other)],
        ),
        Kind::GradInput => (
            "conv_grad_input",
            concat!(wgsl!("conv_grad_input"), wgsl!("conv_steps")),
            [cin, input, cout * taps, groups],
            &[("y", &a), ("w", &b), ("bias", other)],
        ),
        Kind::GradWeight => (
            "conv_grad_weight",
            concat!(wgsl!("conv_grad_weight"), wgsl!("conv_steps")),
            [cout, cin * taps, output, groups],
            &[("x", &a), ("y", &b)],
        ),
    };
    let mut words = vec![p.cin as u32, p.cout as u32, bias.is_some() as u32];
    for three in [&p.input, &p.output, &p.kernel, &p.stride, &p.pad, &p.dilation] {
        words.extend(three.iter().map(|&n| n as u32));
    }
    Product { name, text, sizes, words: &words, unit: p.stride == [1; 3], tensors, out }.run(gpu)
}

/// `alpha·a·b + beta·d`.
#[derive(Clone, Copy)]
pub struct Scales {
    pub alpha: Scalar,
    pub beta: Scalar,
}

/// A product of matrices: layouts of the (dense) result, of a, b and perhaps d, all of them as matrices.
pub fn matmul(
    gpu: &Gpu,
    out: (&Tensor, &Layout),
    a: (&Tensor, &Layout),
    b: (&Tensor, &Layout),
    add: Option<(&Tensor, &Layout, Scales)>,
) -> Result<bool> {
    let shape = out.1.shape();
    let (batch, [m, n]) = (&shape[..shape.len() - 2], [shape[shape.len() - 2], shape[shape.len() - 1]]);
    let k = a.1.shape()[a.1.ndim() - 1];
    if out.0.numel() == 0 {
        return Ok(true);
    }
    let whole = |layout: &Layout, sizes: [usize; 2]| layout.expand(gpu.op, &[batch, &sizes].concat());
    let layouts =
        [whole(a.1, [m, k])?, whole(b.1, [k, n])?, whole(add.map_or(out.1, |(_, layout, _)| layout), [m, n])?];
    // The batch: neighbouring dimensions that all three step over alike are one.
    let mut dims: Vec<(usize, [isize; 3])> = Vec::new();
    for d in (0..batch.len()).rev().filter(|&d| batch[d] != 1) {
        let strides = layouts.each_ref().map(|l| l.strides()[d]);
        match dims.last_mut() {
            Some((size, inner)) if (0..3).all(|i| inner[i] * *size as isize == strides[i]) => *size *= batch[d],
            _ => dims.push((batch[d], strides)),
        }
    }
    if dims.len() > 4 {
        return Ok(false);
    }
    let wide = Form::any(out.0.dtype()).map_or(Wide::F32, |f| f.wide);
    let bits = |x: Scalar| match wide {
        Wide::F32 => (x.to::<f64>() as f32).to_bits(),
        Wide::I32 => x.to::<i64>() as i32 as u32,
    };
    let scales = add.map_or(Scales { alpha: Scalar::Int(1), beta: Scalar::Int(0) }, |(_, _, scales)| scales);
    let mut words = vec![add.is_some() as u32, bits(scales.alpha), bits(scales.beta)];
    for layout in &layouts {
        words.extend(layout.strides()[batch.len()..].iter().map(|&s| s as i32 as u32));
    }
    for i in 0..4 {
        let (size, strides) = dims.get(i).copied().unwrap_or((1, [0; 3]));
        words.push(size as u32);
        words.extend(strides.iter().map(|&s| s as i32 as u32));
    }
    let sizes = [m, n, k, batch.iter().product()];
    let tensors = [("a", a.0), ("b", b.0), ("d", add.map_or(a.0, |(d, _, _)| d))];
    let text = wgsl!("matmul");
    Product { name: "matmul", text, sizes, words: &words, unit: false, tensors: &tensors, out: out.0 }.run(gpu)
}
