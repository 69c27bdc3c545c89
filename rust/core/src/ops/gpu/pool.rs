//! Poolings, what undoes them, windows as columns, and resampling.

use super::{SIDE, head, sides, tag, wgsl};
use crate::device::{Gpu, Shader, upload};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::pool::Fold;
use crate::kernels::resample::Axis;
use crate::ops::pool::{Pool, Spec};
use crate::tensor::Tensor;

/// The words of windows.wgsl from 1 on.
fn words(pool: &Pool, input: [usize; 3], output: [usize; 3], divisor: Option<i64>) -> Vec<i64> {
    let mut all: Vec<i64> = input.iter().chain(&output).map(|&n| n as i64).collect();
    match &pool.spec {
        Spec::Strided { kernel, stride, padding, dilation, include, .. } => {
            let sizes = [kernel, stride, padding, dilation].into_iter().flatten();
            all.extend(sizes.map(|&n| n as i64));
            all.push(*include as i64);
        }
        Spec::Adaptive { .. } => all.extend([1; 13]),
    }
    all.push(divisor.unwrap_or(0));
    all
}

/// Turns of a loop that an invocation may take: software renderers stop at 65,535, and beyond, one invocation an element is no way
/// to go about it anyway.
const TURNS: usize = 60_000;

/// Whether windows are too large for one invocation each.
fn large(pool: &Pool, sizes: Sizes) -> bool {
    let window = match &pool.spec {
        Spec::Strided { kernel, .. } => *kernel,
        Spec::Adaptive { .. } => [0, 1, 2].map(|i| sizes.input[i] / sizes.output[i].max(1) + 2),
    };
    window.iter().product::<usize>() > TURNS
}

/// Whether an element may lie in too many windows for one invocation.
fn crowded(pool: &Pool, sizes: Sizes) -> bool {
    let windows = match &pool.spec {
        Spec::Strided { kernel, stride, dilation, .. } => {
            [0, 1, 2].map(|i| ((kernel[i] - 1) * dilation[i] / stride[i] + 1).min(sizes.output[i].max(1)))
        }
        Spec::Adaptive { .. } => [0, 1, 2].map(|i| sizes.output[i] / sizes.input[i].max(1) + 2),
    };
    windows.iter().product::<usize>() > TURNS
}

/// Runs a file that stands behind windows.wgsl, with one invocation for each element of a result.
fn run<'a>(
    gpu: &Gpu<'a>,
    name: &'static str,
    text: &str,
    pool: &Pool,
    dtype: DType,
    count: usize,
    shader: impl FnOnce(Shader<'a>) -> Shader<'a>,
) -> Result<bool> {
    let flags = [("ADAPTIVE", matches!(pool.spec, Spec::Adaptive { .. }))];
    let shader = shader(gpu.shader(name).variant(tag(&flags)));
    shader.groups(sides(count), SIDE, || format!("{}{}{text}", head(dtype, &flags), wgsl!("windows")))
}

/// Sizes of input and output of a pooling.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub input: [usize; 3],
    pub output: [usize; 3],
}

pub fn max(gpu: &Gpu, pool: &Pool, sizes: Sizes, x: &Tensor, outputs: &[Tensor]) -> Result<bool> {
    if large(pool, sizes) {
        return Ok(false);
    }
    let x = gpu.dense(x)?;
    let words = words(pool, sizes.input, sizes.output, None);
    let index = outputs.get(1);
    let (name, keep) = match index {
        Some(_) => ("max_pool_with_indices", "index_store(index_offset() + at, place);"),
        None => ("max_pool", ""),
    };
    let text = format!("fn keep(at: u32, place: i32) {{ {keep} }}\n{}", wgsl!("pool_max"));
    let count = outputs[0].numel();
    run(gpu, name, &text, pool, x.dtype(), count, |s| {
        let s = s.read("x", &x).write("out", &outputs[0]);
        let s = match index {
            Some(index) => s.write("index", index),
            None => s,
        };
        s.word(count).words(&words)
    })
}

/// Gradients of maxima to where the maxima came from.
pub fn max_backward(gpu: &Gpu, pool: &Pool, sizes: Sizes, g: &Tensor, index: &Tensor, out: &Tensor) -> Result<bool> {
    if crowded(pool, sizes) {
        return Ok(false);
    }
    let (g, index) = (gpu.dense(g)?, gpu.dense(index)?);
    let words = words(pool, sizes.input, sizes.output, None);
    run(gpu, "max_pool_backward", wgsl!("pool_max_backward"), pool, g.dtype(), out.numel(), |s| {
        s.read("g", &g).read("index", &index).write("out", out).word(out.numel()).words(&words)
    })
}

/// Elements put at the places of planes that an index names.
pub fn scatter(gpu: &Gpu, add: bool, planes: [usize; 2], x: &Tensor, index: &Tensor, out: &Tensor) -> Result<bool> {
    if planes[1] > TURNS {
        return Ok(false);
    }
    let (x, index) = (gpu.dense(x)?, gpu.dense(index)?);
    let flags = [("ADD", add)];
    let shader = gpu.shader("pool_scatter").variant(tag(&flags)).read("x", &x).read("index", &index).write("out", out);
    shader
        .word(out.numel())
        .words(&planes)
        .groups(sides(out.numel()), SIDE, || format!("{}{}", head(x.dtype(), &flags), wgsl!("pool_scatter")))
}

/// Elements from the places of planes that an index names.
pub fn gather(gpu: &Gpu, planes: [usize; 2], x: &Tensor, index: &Tensor, out: &Tensor) -> Result<bool> {
    let (x, index) = (gpu.dense(x)?, gpu.dense(index)?);
    let shader = gpu.shader("pool_gather").read("x", &x).read("index", &index).write("out", out);
    shader
        .word(out.numel())
        .words(&planes)
        .groups(sides(out.numel()), SIDE, || format!("{}{}", head(x.dtype(), &[]), wgsl!("pool_gather")))
}

pub fn avg(gpu: &Gpu, pool: &Pool, sizes: Sizes, divisor: Option<i64>, x: &Tensor, out: &Tensor) -> Result<bool> {
    if !x.dtype().is_float() || large(pool, sizes) {
        return Ok(false);
    }
    let x = gpu.dense(x)?;
    let words = words(pool, sizes.input, sizes.output, divisor);
    run(gpu, "avg_pool", wgsl!("pool_avg"), pool, x.dtype(), out.numel(), |s| {
        s.read("x", &x).write("out", out).word(out.numel()).words(&words)
    })
}

pub fn avg_backward(
    gpu: &Gpu,
    pool: &Pool,
    sizes: Sizes,
    divisor: Option<i64>,
    g: &Tensor,
    out: &Tensor,
) -> Result<bool> {
    if !g.dtype().is_float() || crowded(pool, sizes) {
        return Ok(false);
    }
    let g = gpu.dense(g)?;
    let words = words(pool, sizes.input, sizes.output, divisor);
    run(gpu, "avg_pool_backward", wgsl!("pool_avg_backward"), pool, g.dtype(), out.numel(), |s| {
        s.read("g", &g).write("out", out).word(out.numel()).words(&words)
    })
}

/// Windows as columns, or with `back` columns as an image.
pub fn fold(gpu: &Gpu, fold: &Fold, back: bool, x: &Tensor, out: &Tensor) -> Result<bool> {
    if fold.kernel[0] * fold.kernel[1] > TURNS {
        return Ok(false);
    }
    let x = gpu.dense(x)?;
    let flags = [("BACK", back)];
    let mut shader = gpu.shader("fold").variant(tag(&flags)).read("x", &x).write("out", out).word(out.numel());
    for two in [&fold.image, &fold.grid, &fold.kernel, &fold.stride, &fold.pad, &fold.dilation] {
        shader = shader.words(&two[..]);
    }
    shader.groups(sides(out.numel()), SIDE, || format!("{}{}", head(x.dtype(), &flags), wgsl!("fold")))
}

/// Weighted sums along the last three dimensions, or fewer.
pub fn resample(gpu: &Gpu, axes: &[Axis; 3], x: &Tensor, out: &Tensor) -> Result<bool> {
    if out.numel() == 0 {
        return Ok(true);
    }
    let x = gpu.dense(x)?;
    // One table: beginnings, places and weights of each axis.
    let (mut table, mut at) = (Vec::new(), [[0; 3]; 3]);
    for (axis, at) in axes.iter().zip(&mut at) {
        for (part, place) in axis.tables().iter().zip(at) {
            *place = table.len();
            table.extend_from_slice(part);
        }
    }
    let taps = upload(&Tensor::from_slice(&table, &[table.len()])?, gpu.driver)?;
    let (byte, finish) = match out.dtype() {
        DType::U8 => (true, "i32(clamp(floor(sum + 0.5), 0.0, 255.0))"),
        _ => (false, "sum"),
    };
    let finish = format!("fn finish(sum: f32) -> {} {{ return {finish}; }}\n", if byte { "i32" } else { "f32" });
    let sizes = |of: &dyn Fn(&Axis) -> usize| axes.each_ref().map(of);
    let shader = gpu.shader("resample").variant(byte).read("x", &x).read("taps", &taps).write("out", out);
    let shader = shader.word(out.numel()).words(&sizes(&|a| a.input)).words(&sizes(&|a| a.output()));
    let shader = (0..3).fold(shader, |s, part| s.words(&at.map(|place| place[part])));
    shader.groups(sides(out.numel()), SIDE, || format!("{finish}{}", wgsl!("resample")))
}
