//! Random numbers on a GPU: Philox, counted by element and by draw. They are not the CPU's numbers for the same seed, but always
//! the same ones for the same seed and calls.

use crate::device::{Gpu, Philox, take_philox};
use crate::dtype::DType;
use crate::error::Result;
use crate::ops::random::Dist;
use crate::random::{Generator, default_generator};
use crate::tensor::Tensor;

/// The draws of one op: of the device's own stream, or of one that a given generator begins.
fn stream(generator: &Generator) -> Philox {
    if generator.same(default_generator()) {
        return take_philox(1);
    }
    let mut engine = generator.lock();
    Philox { seed: engine.mt.random64(), offset: 0 }
}

/// The constants that every shader here begins with.
const WORDS: &str = "let w = philox(i, 0u, vec4<u32>(word(0u), word(1u), word(2u), word(3u)));";

/// Fills `out` from a distribution. False for those that have no shader.
pub(crate) fn draw(gpu: &Gpu, dist: Dist, out: &Tensor, generator: &Generator) -> Result<bool> {
    let float = out.dtype().is_float();
    let wide = if float { "f32" } else { "i32" };
    let unit = "unit(w.x)";
    let (name, value, a, b): (&'static str, String, f64, f64) = match dist {
        Dist::Uniform { from, to } => (
            "uniform",
            format!(
                "select(num(4u) + {unit} * (num(5u) - num(4u)), num(4u), num(4u) + {unit} * (num(5u) - num(4u)) >= num(5u))"
            ),
            from,
            to,
        ),
        Dist::Normal { mean, std } => ("normal", "num(4u) + num(5u) * gauss(w.x, w.y)".into(), mean, std),
        Dist::LogNormal { mean, std } => ("log_normal", "exp(num(4u) + num(5u) * gauss(w.x, w.y))".into(), mean, std),
        Dist::Bernoulli { p } => ("bernoulli", format!("select(0, 1, {unit} < num(4u))"), p, 0.0),
        Dist::Exponential { lambda } => ("exponential", format!("-log_of(1.0 - {unit}) / num(4u)"), lambda, 0.0),
        Dist::Geometric { p } => {
            ("geometric", format!("max(1.0, ceil(log_of(1.0 - {unit}) / num(4u)))"), (-p).ln_1p(), 0.0)
        }
        Dist::Cauchy { median, sigma } => {
            ("cauchy", format!("num(4u) + num(5u) * tan_of(3.141592653589793 * ({unit} - 0.5))"), median, sigma)
        }
        Dist::Integer { base, range } => {
            let (Ok(base), Ok(range)) = (i32::try_from(base), u32::try_from(range)) else { return Ok(false) };
            let shader = gpu.shader("draw_integer").variant(wide).words(&stream(generator).words());
            let shader = shader.int(base.into()).word(range as usize).write("out", out);
            return shader.each(out.numel(), || {
                format!("{WORDS}\n    out_set(i, {wide}(int(4u) + bitcast<i32>(wide_product(w.x, word(5u)).y)));")
            });
        }
        Dist::Bits => ("bits", "bitcast<i32>(w.x)".into(), 0.0, 0.0),
        Dist::Any => {
            let bits = match out.dtype() {
                DType::Bool => 1,
                DType::U8 => 8,
                DType::I8 => 7,
                DType::F16 => 11,
                DType::I16 => 15,
                DType::F32 => 24,
                _ => 31,
            };
            let shader = gpu.shader("draw_any").variant(wide).variant(bits).words(&stream(generator).words());
            return shader
                .write("out", out)
                .each(out.numel(), || format!("{WORDS}\n    out_set(i, {wide}(w.x >> {}u));", 32 - bits));
        }
        Dist::Permutation => return Ok(false),
    };
    let shader = gpu.shader("draw").variant(name).variant(wide).words(&stream(generator).words());
    shader.num(a).num(b).write("out", out).each(out.numel(), || format!("{WORDS}\n    out_set(i, {wide}({value}));"))
}

/// `out = x · mask · scale`, with a mask that keeps an element with probability 1 − p.
pub(crate) fn dropout(
    gpu: &Gpu,
    p: f64,
    scale: f64,
    x: &Tensor,
    out: &Tensor,
    mask: &Tensor,
    generator: &Generator,
) -> Result<bool> {
    let shader = gpu.shader("dropout").words(&stream(generator).words()).num(p).num(scale);
    shader.read("x", x).write("out", out).write("mask", mask).each(x.numel(), || {
        format!(
            "{WORDS}
    let keep = unit(w.x) >= num(4u);
    mask_set(i, select(0, 1, keep));
    out_set(i, select(0.0, x_get(i) * num(5u), keep));"
        )
    })
}

/// 1 with the probability that `p` has at its place.
pub(crate) fn bernoulli(gpu: &Gpu, p: &Tensor, out: &Tensor, generator: &Generator) -> Result<bool> {
    let wide = if out.dtype().is_float() { "f32" } else { "i32" };
    let shader = gpu.shader("bernoulli").variant(wide).words(&stream(generator).words());
    shader
        .read("p", p)
        .write("out", out)
        .each(out.numel(), || format!("{WORDS}\n    out_set(i, {wide}(select(0, 1, unit(w.x) < p_get(i))));"))
}

/// Normal numbers with means and standard deviations of tensors (of the shape of `out`), or the same ones for all.
pub(crate) fn normal_by(
    gpu: &Gpu,
    mean: Option<&Tensor>,
    std: Option<&Tensor>,
    defaults: (f64, f64),
    out: &Tensor,
    generator: &Generator,
) -> Result<bool> {
    let shader = gpu.shader("normal_by").variant(mean.is_some()).variant(std.is_some());
    let mut shader = shader.words(&stream(generator).words()).num(defaults.0).num(defaults.1);
    let (mut m, mut s) = ("num(4u)", "num(5u)");
    if let Some(mean) = mean {
        (m, shader) = ("mean_get(i)", shader.read("mean", mean));
    }
    if let Some(std) = std {
        (s, shader) = ("std_get(i)", shader.read("std", std));
    }
    shader
        .write("out", out)
        .each(out.numel(), || format!("{WORDS}\n    out_set(i, f32({m}) + f32({s}) * gauss(w.x, w.y));"))
}
