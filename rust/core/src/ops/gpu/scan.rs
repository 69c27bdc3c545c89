//! Running totals, and triangles of matrices.

use super::{SIDE, head, sides, tag, wgsl};
use crate::device::Gpu;
use crate::error::Result;
use crate::tensor::Tensor;

/// What is kept up along a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Running {
    Sum = 1,
    Product = 2,
    Greatest = 3,
    Least = 4,
    LogSumExp = 5,
}

/// From this length on a workgroup works on a line.
const LONG: usize = 2048;

pub fn scan(gpu: &Gpu, how: Running, reverse: bool, dim: usize, x: &Tensor, outputs: &[Tensor]) -> Result<bool> {
    let n = x.shape().get(dim).copied().unwrap_or(1);
    if x.numel() == 0 {
        return Ok(true);
    }
    let apart: usize = x.shape().iter().skip(dim + 1).product();
    let lines = x.numel() / n;
    let long = n > LONG && matches!(how, Running::Sum | Running::Product);
    if n > 65_000 && !long {
        return Ok(false);
    }
    let x = gpu.dense(x)?;
    let flags = [("REVERSE", reverse)];
    let how_line = format!("const HOW = {};\n", how as i32);
    let shader = gpu.shader(if long { "scan_long" } else { "scan" }).variant(how as i32).variant(tag(&flags));
    let shader = shader.read("x", &x).write("out", &outputs[0]).words(&[lines, n, apart]);
    if long {
        return shader
            .groups(lines, 256, || format!("{}{how_line}{}", head(outputs[0].dtype(), &flags), wgsl!("scan_long")));
    }
    let (shader, keep) = match outputs.get(1) {
        Some(places) => (shader.variant('p').write("places", places), "places_store(places_offset() + at, place);"),
        None => (shader, ""),
    };
    shader.groups(sides(lines), SIDE, || {
        let keep = format!("fn keep(at: u32, place: i32) {{ {keep} }}\n");
        format!("{}{how_line}{keep}{}", head(outputs[0].dtype(), &flags), wgsl!("scan"))
    })
}

/// Matrices with zeros on one side of a diagonal; x may be the output itself.
pub fn triangle(gpu: &Gpu, upper: bool, diagonal: i64, x: &Tensor, out: &Tensor) -> Result<bool> {
    let [.., rows, columns] = *x.shape() else { return Ok(false) };
    let flags = [("UPPER", upper)];
    let diagonal = diagonal.clamp(i32::MIN as i64 / 4, i32::MAX as i64 / 4);
    let shader = gpu.shader("triangle").variant(tag(&flags)).read("x", x).write("out", out);
    shader
        .word(out.numel())
        .words(&[rows, columns])
        .int(diagonal)
        .groups(sides(out.numel()), SIDE, || format!("{}{}", head(x.dtype(), &flags), wgsl!("triangle")))
}
