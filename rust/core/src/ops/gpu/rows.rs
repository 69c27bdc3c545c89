//! Work on rows: softmax, cross-entropy. Short rows have an invocation each, long ones a workgroup.

use super::{NOT_A_NUMBER, SIDE, head, sides, tag, wgsl};
use crate::device::{Gpu, Shader};
use crate::dtype::DType;
use crate::error::Result;
use crate::tensor::Tensor;

/// How rows of this length are worked on: the frame, how many workgroups, how wide.
pub(super) fn frame(rows: usize, length: usize) -> (&'static str, char, usize, usize) {
    match length > 1024 || length > 128 && rows < 8192 {
        true => (wgsl!("rows_many"), 'm', rows, 256),
        false => (wgsl!("rows_one"), 'o', sides(rows), SIDE),
    }
}

/// Runs a file that stands behind a frame of rows; `tensors` adds its tensors and words (the first is the number of rows).
pub(super) fn run<'a>(
    gpu: &Gpu<'a>,
    name: &'static str,
    text: &str,
    [rows, length]: [usize; 2],
    flags: &[(&str, bool)],
    tensors: impl FnOnce(Shader<'a>) -> Shader<'a>,
) -> Result<bool> {
    let (frame, kind, groups, width) = frame(rows, length);
    let shader = tensors(gpu.shader(name).variant(kind).variant(tag(flags)));
    shader.groups(groups, width, || format!("{}{frame}{text}", head(DType::F32, flags)))
}

/// Rows along `dim`: how many, how long, and how far apart their elements are.
fn along(shape: &[usize], dim: usize) -> [usize; 3] {
    let n = shape.get(dim).copied().unwrap_or(1);
    let inner = shape.iter().skip(dim + 1).product();
    [shape.iter().take(dim).product::<usize>() * inner, n, inner]
}

pub fn softmax(gpu: &Gpu, log: bool, dim: usize, x: &Tensor, out: &Tensor) -> Result<bool> {
    let sizes = along(x.shape(), dim);
    if out.numel() == 0 {
        return Ok(true);
    }
    let x = gpu.dense(x)?;
    run(gpu, "softmax", wgsl!("softmax"), [sizes[0], sizes[1]], &[("LOG", log)], |s| {
        s.read("x", &x).write("out", out).words(&sizes)
    })
}

pub fn softmax_backward(gpu: &Gpu, log: bool, dim: usize, g: &Tensor, y: &Tensor, out: &Tensor) -> Result<bool> {
    let sizes = along(y.shape(), dim);
    if out.numel() == 0 {
        return Ok(true);
    }
    let (g, y) = (gpu.dense(g)?, gpu.dense(y)?);
    run(gpu, "softmax_backward", wgsl!("softmax_backward"), [sizes[0], sizes[1]], &[("LOG", log)], |s| {
        s.read("g", &g).read("y", &y).write("out", out).words(&sizes)
    })
}

/// What cross-entropy is asked for.
#[derive(Clone, Copy)]
pub struct Classes {
    pub ignore: i64,
    pub smoothing: f64,
}

impl Classes {
    fn words<'a>(self, shader: Shader<'a>, x: &Tensor) -> Shader<'a> {
        // No class has a number that does not fit; nor then is any to be ignored.
        let ignore = i32::try_from(self.ignore).map_or(i32::MIN, |i| i);
        shader.words(x.shape()).int(ignore as i64).num(self.smoothing).num(NOT_A_NUMBER)
    }
}

/// The losses of rows of logits, and the log Σ exp of each.
pub fn cross_entropy(gpu: &Gpu, classes: Classes, inputs: [Option<&Tensor>; 3], outputs: &[Tensor]) -> Result<bool> {
    let [Some(x), Some(target), weight] = inputs else { return Ok(false) };
    let (x, target) = (gpu.dense(x)?, gpu.dense(target)?);
    let weight = weight.map(|w| gpu.dense(w)).transpose()?;
    let flags = [("WEIGHTED", weight.is_some())];
    run(gpu, "cross_entropy", wgsl!("cross_entropy"), [x.shape()[0], x.shape()[1]], &flags, |s| {
        let s = s.read("x", &x).read("target", &target).read("weight", weight.as_ref().unwrap_or(&x));
        classes.words(s.write("loss", &outputs[0]).write("level", &outputs[1]), &x)
    })
}

/// The gradient of the logits.
pub fn cross_entropy_backward(
    gpu: &Gpu,
    classes: Classes,
    [x, target, level, g]: [&Tensor; 4],
    weight: Option<&Tensor>,
) -> Result<Tensor> {
    let (x, target, level, g) = (gpu.dense(x)?, gpu.dense(target)?, gpu.dense(level)?, gpu.dense(g)?);
    let weight = weight.map(|w| gpu.dense(w)).transpose()?;
    let out = gpu.scratch(x.shape(), x.dtype())?;
    let flags = [("WEIGHTED", weight.is_some())];
    let text = wgsl!("cross_entropy_backward");
    run(gpu, "cross_entropy_backward", text, [x.shape()[0], x.shape()[1]], &flags, |s| {
        let s = s.read("x", &x).read("target", &target).read("weight", weight.as_ref().unwrap_or(&x));
        classes.words(s.read("level", &level).read("g", &g).write("out", &out), &x)
    })?;
    Ok(out)
}
