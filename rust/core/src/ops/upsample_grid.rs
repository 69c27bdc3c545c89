//! Sampling of images at the places of a grid, and grids of affine maps.

use super::create::linspace;
use super::shape::{permute, unsqueeze};
use crate::autograd::{self, Ctx, Modes};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::grid::{self as kernel, Problem, Real};
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, apply, new};
use crate::tensor::Tensor;

pub use crate::kernels::grid::{Mode, Outside};

crate::entries!(OPS: GridSample);

const NAME: &str = "grid_sampler";

/// Images `[N, C, H, W]` (or with a depth) at the places `[N, H', W', 2]` (or 3).
#[derive(Debug)]
pub struct GridSample {
    pub mode: Mode,
    pub outside: Outside,
    pub align: bool,
}

fn ready(x: &Tensor) -> Result<Tensor> {
    Modes { grad: false, capture: false, ..Modes::current() }.during(|| x.to(x.dtype().compute())?.contiguous())
}

impl GridSample {
    fn problem<'a, T: Real>(&self, x: &'a Tensor, grid: &Tensor) -> Problem<'a, T> {
        let s = grid.shape();
        Problem {
            mode: self.mode,
            outside: self.outside,
            align: self.align,
            batch: x.shape()[0],
            channels: x.shape()[1],
            sizes: &x.shape()[2..],
            places: s[1..s.len() - 1].iter().product(),
            x: x.ptr().cast_const().cast(),
            grid: grid.ptr().cast_const().cast(),
        }
    }

    /// # Safety
    /// Dense tensors of type T; what is written is new.
    unsafe fn fused<T: Real>(
        &self,
        x: &Tensor,
        grid: &Tensor,
        g: &Tensor,
        dx: Option<&Tensor>,
        dgrid: Option<&Tensor>,
    ) {
        let p = self.problem::<T>(x, grid);
        // SAFETY: the caller's promise; shapes as `meta` has checked them.
        unsafe {
            if let Some(dx) = dx {
                kernel::backward_images(&p, g.ptr().cast_const().cast(), dx.ptr().cast());
            }
            if let Some(dgrid) = dgrid {
                kernel::backward_grid(&p, g.ptr().cast_const().cast(), dgrid.ptr().cast());
            }
        }
    }
}

impl Op for GridSample {
    fn name(&self) -> &'static str {
        NAME
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let (x, grid) = (&inputs[0], &inputs[1]);
        check(x, grid, self.mode)?;
        let s = grid.shape();
        new(x.dtype(), [&x.shape()[..2], &s[1..s.len() - 1]].concat())
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (x, grid) = (ready(&inputs[0])?, ready(&inputs[1])?);
        let narrow = x.dtype() != outputs[0].dtype();
        let y = if narrow { Tensor::empty(outputs[0].shape(), x.dtype())? } else { outputs[0].clone() };
        // SAFETY: dense tensors whose shapes `meta` has checked; the output is new.
        unsafe {
            match x.dtype() {
                DType::F64 => kernel::forward::<f64>(&self.problem(&x, &grid), y.ptr().cast()),
                _ => kernel::forward::<f32>(&self.problem(&x, &grid), y.ptr().cast()),
            }
        }
        if narrow {
            super::shape::convert(&outputs[0], &y);
        }
        Ok(())
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0).input(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        if Modes::current().grad {
            return self.formula(ctx);
        }
        let (x, grid, g) = (ready(&ctx.input(0)?)?, ready(&ctx.input(1)?)?, ready(&ctx.grad(0)?)?);
        let mut grads = ctx.grads();
        if ctx.needs(0) {
            grads[0] = Some(Tensor::zeros(x.shape(), x.dtype())?);
        }
        if ctx.needs(1) {
            grads[1] = Some(Tensor::empty(grid.shape(), grid.dtype())?);
        }
        // SAFETY: dense tensors of one compute type; the gradients are new.
        unsafe {
            match x.dtype() {
                DType::F64 => self.fused::<f64>(&x, &grid, &g, grads[0].as_ref(), grads[1].as_ref()),
                _ => self.fused::<f32>(&x, &grid, &g, grads[0].as_ref(), grads[1].as_ref()),
            }
        }
        Ok(grads)
    }
    crate::attributes!(mode, outside, align);
}

impl GridSample {
    /// The backward rule as that of the sampling done anew in ops.
    fn formula(&self, ctx: &Ctx) -> Result<Grads> {
        let (x, grid) = (super::shape::alias(&ctx.input(0)?)?, super::shape::alias(&ctx.input(1)?)?);
        let y = self.in_ops(&x, &grid)?;
        let needed: Vec<usize> = (0..2).filter(|&i| ctx.needs(i)).collect();
        let to: Vec<&Tensor> = needed.iter().map(|&i| [&x, &grid][i]).collect();
        let found = autograd::grad(&[&y], &to, &[Some(ctx.grad(0)?)], true, true)?;
        let mut grads = ctx.grads();
        needed.into_iter().zip(found).for_each(|(i, grad)| grads[i] = grad);
        Ok(grads)
    }

    /// The taps of one axis in ops: whole places, inside or not (1 or 0), and weights.
    fn axis(&self, x: &Tensor, size: usize) -> Result<Vec<(Tensor, Tensor, Tensor)>> {
        let n = size as f64;
        let x = match self.align {
            true => x.add(1.0)?.mul(0.5 * (n - 1.0))?,
            false => x.add(1.0)?.mul(n)?.sub(1.0)?.mul(0.5)?,
        };
        let tap = |at: &Tensor, weight: Tensor| -> Result<(Tensor, Tensor, Tensor)> {
            let inside = at.detach().ge(0.0)?.logical_and(&at.detach().lt(n)?)?;
            let at =
                super::index::masked_fill_scalar(&at.detach(), &inside.logical_not()?, Scalar::Float(0.0), Out::New)?;
            Ok((at.to(DType::I64)?, inside.to(weight.dtype())?, weight))
        };
        let floor = |x: &Tensor| x.detach().floor();
        if self.mode == Mode::Cubic {
            let low = floor(&x)?;
            let t = x.sub(&low)?;
            let a = -0.75;
            let near = |x: &Tensor| x.mul(a + 2.0)?.sub(a + 3.0)?.mul(x)?.mul(x)?.add(1.0);
            let far = |x: &Tensor| x.mul(a)?.sub(5.0 * a)?.mul(x)?.add(8.0 * a)?.mul(x)?.sub(4.0 * a);
            let rest = t.neg()?.add(1.0)?;
            let weights = [far(&t.add(1.0)?)?, near(&t)?, near(&rest)?, far(&rest.add(1.0)?)?];
            return (weights.into_iter().enumerate())
                .map(|(k, weight)| tap(&self.fold(&low.add(k as f64 - 1.0)?, size)?.round()?, weight))
                .collect();
        }
        let x = self.fold(&x, size)?;
        if self.mode == Mode::Nearest {
            return Ok(vec![tap(&x.round()?, x.mul(0.0)?.add(1.0)?)?]);
        }
        let low = floor(&x)?;
        let t = x.sub(&low)?;
        Ok(vec![tap(&low, t.neg()?.add(1.0)?)?, tap(&low.add(1.0)?, t)?])
    }

    /// A place as it is folded into the image.
    fn fold(&self, x: &Tensor, size: usize) -> Result<Tensor> {
        let last = size as f64 - 1.0;
        let clip = |x: Tensor| -> Result<Tensor> {
            // The border counts as outside: there is no slope.
            let here = x.detach();
            let inside = here.gt(0.0)?.logical_and(&here.lt(last)?)?.to(x.dtype())?;
            let bound = here.maximum(&Tensor::scalar(0.0.into(), x.dtype())?)?;
            let bound = bound.minimum(&Tensor::scalar(last.into(), x.dtype())?)?;
            x.sub(&here)?.mul(&inside)?.add(&bound)
        };
        match self.outside {
            Outside::Zeros => Ok(x.clone()),
            Outside::Border => clip(x.clone()),
            Outside::Reflection => {
                let (low, high) = if self.align { (0.0, last) } else { (-0.5, last + 0.5) };
                let span = high - low;
                if span == 0.0 {
                    return x.mul(0.0);
                }
                let from = x.sub(low)?.abs()?;
                let flips = from.detach().div(span)?.floor()?;
                let extra = from.sub(&flips.mul(span)?)?;
                // 0 for an even number of flips, else 1.
                let odd = flips.sub(&flips.div(2.0)?.floor()?.mul(2.0)?)?;
                let back = extra.neg()?.add(span)?.sub(&extra)?.mul(&odd)?;
                clip(extra.add(&back)?.add(low)?)
            }
        }
    }

    fn in_ops(&self, x: &Tensor, grid: &Tensor) -> Result<Tensor> {
        let dims = x.ndim() - 2;
        let (batch, channels) = (x.shape()[0], x.shape()[1]);
        let spatial = &grid.shape()[1..=dims];
        let places: usize = spatial.iter().product();
        let grid = grid.reshape(&[batch, places, dims])?;
        let flat = x.reshape(&[batch, channels, x.shape()[2..].iter().product()])?;
        let mut taps: Vec<(Option<Tensor>, Option<Tensor>)> = vec![(None, None)];
        for d in 0..dims {
            let size = x.shape()[2 + d];
            let mut more = Vec::new();
            for (at, weight) in &taps {
                for (index, inside, own) in self.axis(&grid.select(2, dims - 1 - d)?, size)? {
                    let own = own.mul(&inside)?;
                    let at = at.as_ref().map_or(Ok(index.clone()), |at| at.mul(size as i64)?.add(&index))?;
                    let weight = weight.as_ref().map_or(Ok(own.clone()), |w| w.mul(&own))?;
                    more.push((Some(at), Some(weight)));
                }
            }
            taps = more;
        }
        let mut sum: Option<Tensor> = None;
        for (at, weight) in taps {
            let (Some(at), Some(weight)) = (at, weight) else { continue };
            let at = unsqueeze(&at, 1)?.expand(&[batch, channels, places])?;
            let part = flat.gather(2, &at)?.mul(&unsqueeze(&weight, 1)?)?;
            sum = Some(sum.map_or(Ok(part.clone()), |sum| sum.add(&part))?);
        }
        let sum = sum.ok_or_else(|| Error::custom(NAME, "a grid without dimensions"))?;
        sum.reshape(&[&[batch, channels], spatial].concat())
    }
}

fn check(x: &Tensor, grid: &Tensor, mode: Mode) -> Result<()> {
    let fail = |text: String| Err(Error::custom(NAME, format!("grid_sampler(): {text}")));
    let (s, g) = (x.shape(), grid.shape());
    if x.dtype() != grid.dtype() {
        return fail(format!(
            "expected scalar type {} but found {}",
            x.dtype().scalar_name(),
            grid.dtype().scalar_name()
        ));
    }
    if x.ndim() < 3 || grid.ndim() == 0 {
        return fail(format!("expected input of at least 3 dimensions and a grid, got sizes {s:?} and {g:?}"));
    }
    if s[0] != g[0] {
        return fail(format!(
            "expected grid and input to have same batch size, but got input with sizes {s:?} and grid with sizes {g:?}"
        ));
    }
    let dims = x.ndim() - 2;
    if g[g.len() - 1] != dims {
        return fail(format!("expected grid to have size {dims} in last dimension, but got grid with sizes {g:?}"));
    }
    if let Some(d) = (2..s.len()).find(|&d| s[d] == 0) {
        return fail(format!(
            "expected input to have non-empty spatial dimensions, but input has sizes {s:?} with dimension {d} being empty"
        ));
    }
    if !(2..=3).contains(&dims) || grid.ndim() != dims + 2 {
        return fail(format!(
            "expected 4D or 5D input and grid with same number of dimensions, but got input with sizes {s:?} and grid with sizes {g:?}"
        ));
    }
    if dims == 3 && mode == Mode::Cubic {
        return fail("bicubic interpolation only supports 4D input".into());
    }
    match x.dtype().is_float() {
        true => Ok(()),
        false => Err(Error::NotImplemented { op: NAME, what: "sampling of this dtype (convert it to float32)" }),
    }
}

/// Images at the places of a grid; `mode` 0 linear, 1 nearest, 2 cubic; `padding` 0 zeros, 1 border, 2 reflection.
pub fn grid_sampler(x: &Tensor, grid: &Tensor, mode: i64, padding: i64, align: bool) -> Result<Tensor> {
    let mode = match mode {
        0 => Mode::Linear,
        1 => Mode::Nearest,
        2 => Mode::Cubic,
        _ => return Err(Error::argument(NAME, "an interpolation mode of 0, 1 or 2", mode)),
    };
    let outside = match padding {
        0 => Outside::Zeros,
        1 => Outside::Border,
        2 => Outside::Reflection,
        _ => return Err(Error::argument(NAME, "a padding mode of 0, 1 or 2", padding)),
    };
    apply(GridSample { mode, outside, align }, [x, grid])
}

/// The same for images of so many dimensions.
pub fn grid_sampler_of(dims: usize, x: &Tensor, grid: &Tensor, mode: i64, padding: i64, align: bool) -> Result<Tensor> {
    if x.ndim() != dims + 2 {
        return Err(Error::shape(NAME, format!("an input of {} dimensions", dims + 2), x.shape()));
    }
    grid_sampler(x, grid, mode, padding, align)
}

/// The grid on which the affine maps `theta`, `[N, d, d + 1]`, put the places of images of `size`, `[N, C, …]`.
pub fn affine_grid_generator(theta: &Tensor, size: &[i64], align: bool) -> Result<Tensor> {
    const NAME: &str = "affine_grid_generator";
    let dims = size.len().wrapping_sub(2);
    if !(2..=3).contains(&dims) {
        return Err(Error::custom(NAME, "AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs."));
    }
    if size.iter().any(|&n| n < 0) {
        return Err(Error::argument(NAME, "a size without negative numbers", format!("{size:?}")));
    }
    let batch = size[0] as usize;
    if theta.shape() != [batch, dims, dims + 1] {
        let expected = format!("affine maps of shape {:?}", [batch, dims, dims + 1]);
        return Err(Error::shape(NAME, expected, theta.shape()));
    }
    let spatial: Vec<usize> = size[2..].iter().map(|&n| n as usize).collect();
    let places = spatial.iter().product();
    // Coordinates of the places, the last axis first, and a one.
    let mut columns = Vec::new();
    for d in (0..dims).rev() {
        let n = size[2 + d];
        let line = match n {
            0 | 1 => Tensor::zeros(&[n as usize], theta.dtype())?,
            n => {
                let line = linspace(Scalar::Float(-1.0), Scalar::Float(1.0), n, None, Some(theta.dtype()))?;
                if align { line } else { line.mul((n - 1) as f64 / n as f64)? }
            }
        };
        let mut shape = vec![1; dims];
        shape[d] = n as usize;
        columns.push(line.reshape(&shape)?.expand(&spatial)?.reshape(&[places])?);
    }
    columns.push(Tensor::ones(&[places], theta.dtype())?);
    let base = Tensor::stack(&columns, 1)?;
    let grid = base.matmul(&permute(theta, &[0, 2, 1])?)?;
    grid.reshape(&[&[batch], &spatial[..], &[dims]].concat())
}
