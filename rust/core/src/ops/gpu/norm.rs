//! Layer, RMS, group and batch norm: three shaders, which differ in how the elements of a row and their weights lie.

use super::{rows, wgsl};
use crate::device::{Gpu, Shader};
use crate::error::Result;
use crate::layout::Shape;
use crate::tensor::Tensor;

/// How the statistics go with the elements.
#[derive(Clone, Copy)]
pub enum Over {
    /// Rows of this length, with a weight for each place of a row.
    Rows { length: usize },
    /// `[N, C, inner]` in groups of channels, with a weight for each channel.
    Groups { groups: usize, channels: usize, inner: usize },
    /// `[N, C, inner]`, each channel for itself.
    Channels { outer: usize, channels: usize, inner: usize },
}

impl Over {
    pub fn groups(shape: &[usize], groups: usize) -> Over {
        Over::Groups { groups, channels: shape[1], inner: shape[2..].iter().product() }
    }
    pub fn channels(shape: &[usize]) -> Over {
        Over::Channels { outer: shape[0], channels: shape[1], inner: shape[2..].iter().product() }
    }

    /// The words of norm.wgsl for a tensor of so many elements.
    fn words(self, numel: usize) -> [usize; 8] {
        let words = match self {
            Over::Rows { length } => [numel / length.max(1), length, length, length, 0, 1, 1, 1],
            Over::Groups { groups, channels, inner } => {
                let n = channels / groups * inner;
                [numel / n.max(1), n, n, n, 0, groups, channels / groups, inner]
            }
            Over::Channels { outer, channels, inner } => {
                [channels, outer * inner, inner, inner, channels * inner, channels, 1, outer * inner]
            }
        };
        // Sizes that something is divided by.
        let mut all = words;
        [3, 5, 7].iter().for_each(|&i| all[i] = all[i].max(1));
        all
    }

    /// The words of norm_weight.wgsl.
    fn weight_words(self, numel: usize) -> [usize; 6] {
        let mut all = match self {
            Over::Rows { length } => [length, numel / length.max(1), 1, length, 1, length],
            Over::Groups { groups, channels, inner } => {
                let n = numel / (channels * inner).max(1);
                [channels, n * inner, inner, channels * inner, groups, channels / groups]
            }
            Over::Channels { outer, channels, inner } => [channels, outer * inner, inner, channels * inner, 0, 1],
        };
        all[2] = all[2].max(1);
        all[5] = all[5].max(1);
        all
    }
}

/// What of the statistics is known.
#[derive(Clone, Copy)]
pub enum Stats<'a> {
    /// Mean (none for RMS) and 1/σ, which are to be written.
    Write(Option<&'a Tensor>, &'a Tensor),
    /// Mean and variance.
    Given(&'a Tensor, &'a Tensor),
}

pub fn forward(
    gpu: &Gpu,
    over: Over,
    eps: f64,
    x: &Tensor,
    [weight, bias]: [Option<&Tensor>; 2],
    stats: Stats,
    out: &Tensor,
) -> Result<bool> {
    if out.numel() == 0 {
        return match stats {
            Stats::Write(mean, scale) if scale.numel() > 0 => {
                // The statistics of nothing.
                mean.map_or(Ok(()), |mean| gpu.fill(mean, f64::NAN.into()))?;
                gpu.fill(scale, f64::NAN.into()).map(|()| true)
            }
            _ => Ok(true),
        };
    }
    let x = gpu.dense(x)?;
    let [weight, bias] = [weight, bias].map(|t| t.map(|t| gpu.dense(t)).transpose());
    let (weight, bias) = (weight?, bias?);
    let words = over.words(x.numel());
    let (given, rms) = (matches!(stats, Stats::Given(..)), matches!(stats, Stats::Write(None, _)));
    let dense_stats = match stats {
        Stats::Given(mean, var) => Some((gpu.dense(mean)?, gpu.dense(var)?)),
        _ => None,
    };
    let flags = [("RMS", rms), ("GIVEN", given), ("WEIGHT", weight.is_some()), ("BIAS", bias.is_some())];
    let keep = match stats {
        Stats::Given(..) => "",
        Stats::Write(None, _) => "if (lane == 0u) { scale_store(scale_offset() + row, factor); }",
        Stats::Write(Some(_), _) => {
            "if (lane == 0u) { mean_store(mean_offset() + row, centre); scale_store(scale_offset() + row, factor); }"
        }
    };
    let keep = format!("fn keep(row: u32, lane: u32, centre: f32, factor: f32) {{ {keep} }}\n");
    let text = format!("{keep}{}", wgsl!("norm"));
    rows::run(gpu, "norm", &text, [words[0], words[1]], &flags, |s| {
        let s = s.read("x", &x).read("weight", weight.as_ref().unwrap_or(&x)).read("bias", bias.as_ref().unwrap_or(&x));
        let s = match (&dense_stats, stats) {
            (Some((mean, var)), _) => s.read("mean", mean).read("scale", var),
            (None, Stats::Write(Some(mean), scale)) => s.write("mean", mean).write("scale", scale),
            (None, Stats::Write(None, scale) | Stats::Given(_, scale)) => s.read("mean", &x).write("scale", scale),
        };
        s.write("out", out).words(&words).num(eps)
    })
}

/// What the backward pass has of the statistics.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub mean: Option<&'a Tensor>,
    pub scale: &'a Tensor,
    /// `scale` is the variance, not 1/σ.
    pub variance: bool,
    /// They do not depend on x.
    pub fixed: bool,
}

fn stats<'a>(s: Shader<'a>, mean: Option<&'a Tensor>, scale: &'a Tensor, x: &'a Tensor) -> Shader<'a> {
    s.read("mean", mean.unwrap_or(x)).read("scale", scale)
}

/// The gradient of the input.
pub fn backward(
    gpu: &Gpu,
    over: Over,
    eps: f64,
    [g, x]: [&Tensor; 2],
    known: Known,
    weight: Option<&Tensor>,
) -> Result<Tensor> {
    let out = gpu.scratch(x.shape(), x.dtype())?;
    if out.numel() == 0 {
        return Ok(out);
    }
    let (g, x, scale) = (gpu.dense(g)?, gpu.dense(x)?, gpu.dense(known.scale)?);
    let mean = known.mean.map(|t| gpu.dense(t)).transpose()?;
    let weight = weight.map(|t| gpu.dense(t)).transpose()?;
    let words = over.words(x.numel());
    let flags =
        [("RMS", mean.is_none()), ("FIXED", known.fixed), ("WEIGHT", weight.is_some()), ("VARIANCE", known.variance)];
    rows::run(gpu, "norm_backward", wgsl!("norm_backward"), [words[0], words[1]], &flags, |s| {
        let s = stats(s.read("g", &g).read("x", &x), mean.as_ref(), &scale, &x);
        s.read("weight", weight.as_ref().unwrap_or(&x)).write("out", &out).words(&words).num(eps)
    })?;
    Ok(out)
}

/// The gradients of weight and bias, of this shape (the second means nothing for RMS).
pub fn weight(
    gpu: &Gpu,
    over: Over,
    eps: f64,
    [g, x]: [&Tensor; 2],
    known: Known,
    shape: &[usize],
) -> Result<[Tensor; 2]> {
    let (g, x, scale) = (gpu.dense(g)?, gpu.dense(x)?, gpu.dense(known.scale)?);
    let mean = known.mean.map(|t| gpu.dense(t)).transpose()?;
    let shape = Shape::from_slice(shape);
    let (dw, db) = (gpu.scratch(&shape, x.dtype())?, gpu.scratch(&shape, x.dtype())?);
    if x.numel() == 0 {
        gpu.fill(&dw, 0.0.into())?;
        gpu.fill(&db, 0.0.into())?;
        return Ok([dw, db]);
    }
    let words = over.weight_words(x.numel());
    let flags = [("RMS", mean.is_none()), ("VARIANCE", known.variance)];
    let keep = "fn keep(j: u32, sum: f32) { db_store(db_offset() + j, sum); }\n";
    let text = format!("{keep}{}", wgsl!("norm_weight"));
    rows::run(gpu, "norm_weight", &text, [words[0], words[1]], &flags, |s| {
        let s = stats(s.read("g", &g).read("x", &x), mean.as_ref(), &scale, &x);
        s.write("dw", &dw).write("db", &db).words(&words).num(eps)
    })?;
    Ok([dw, db])
}
