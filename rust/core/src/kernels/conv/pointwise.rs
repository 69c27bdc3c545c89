//! 1 × 1 convolutions, and those whose kernel covers the whole input, as plain products.

use super::tools::{Ptr, Scratch, each};
use super::{Params, Real};
use crate::kernels::iter::Operand;
use crate::kernels::matmul;

/// Images and pixels of one; channels of input (with taps) and output in a group.
struct Shape {
    batch: usize,
    groups: usize,
    px: usize,
    ci: usize,
    co: usize,
}

/// The products' shape, if the convolution is one.
fn shape(p: &Params) -> Option<Shape> {
    let (ci, co) = (p.cin / p.groups, p.cout / p.groups);
    let taps: usize = p.kernel.iter().product();
    let px: usize = p.output.iter().product();
    if p.pad != [0; 3] {
        return None;
    }
    if p.kernel == p.input && p.output == [1; 3] && p.dilation == [1; 3] {
        return Some(Shape { batch: p.batch, groups: p.groups, px: 1, ci: ci * taps, co });
    }
    let plain = p.kernel == [1; 3] && p.stride == [1; 3] && p.input == p.output;
    (plain && px >= 32 && ci >= 8 && co >= 8).then_some(Shape { batch: p.batch, groups: p.groups, px, ci, co })
}

pub fn fits(p: &Params) -> bool {
    shape(p).is_some()
}

/// Batches of matrices `[d0, d1, rows, columns]` with their steps.
struct Matrices<T>(*mut T, [usize; 4], [usize; 4]);
impl<T> Matrices<T> {
    fn with<R>(&self, f: impl FnOnce(&Operand) -> R) -> R {
        let strides = self.2.map(|s| s as isize);
        f(&Operand { ptr: self.0.cast(), size: size_of::<T>(), shape: &self.1, strides: &strides, dense: false })
    }
}

/// `c = a · b + add` for all matrices of a batch.
unsafe fn multiply<T: Real>(c: Matrices<T>, a: Matrices<T>, b: Matrices<T>, add: Option<Matrices<T>>) {
    c.with(|c| {
        a.with(|a| {
            b.with(|b| {
                let operands = [*c, *a, *b];
                // SAFETY: the caller's promise.
                match add {
                    // SAFETY: the caller's promise.
                    None => unsafe { matmul::batched::<T>(&operands) },
                    // SAFETY: the caller's promise.
                    Some(add) => add.with(|add| unsafe { matmul::fused::<T>(&operands, T::ONE, T::ONE, add) }),
                }
            })
        })
    })
}

/// Forward, or with `grad` grad-input, whose `src` is the output's gradient.
///
/// # Safety
/// As [`super::forward`] and [`super::grad_input`]; `fits` must hold.
pub unsafe fn conv<T: Real>(p: &Params, grad: bool, src: *const T, wt: *const T, bias: *const T, dst: *mut T) {
    let Some(Shape { batch, groups, px, ci, co }) = shape(p) else { return };
    let (cs, cd) = if grad { (co, ci) } else { (ci, co) };
    let (wr, wc) = if grad { (1, ci) } else { (ci, 1) };
    let (src, wt, bias) = (src.cast_mut(), wt.cast_mut(), bias.cast_mut());
    // SAFETY: the caller's promise; strides are those of dense images and weights.
    unsafe {
        if px == 1 {
            // images are the rows of one product a group
            let taps: usize = if grad { p.kernel.iter().product() } else { 1 };
            let spread;
            let bias = if bias.is_null() || taps == 1 {
                bias
            } else {
                let channels = groups * cd;
                spread = (0..channels).map(|d| *bias.add(d / taps)).collect::<Vec<T>>();
                spread.as_ptr().cast_mut()
            };
            let c = Matrices(dst, [1, groups, batch, cd], [0, cd, groups * cd, 1]);
            let a = Matrices(src, [1, groups, batch, cs], [0, cs, groups * cs, 1]);
            let b = Matrices(wt, [1, groups, cs, cd], [0, ci * co, wc, wr]);
            let add = (!bias.is_null()).then_some(Matrices(bias, [1, groups, 1, cd], [0, cd, 0, 1]));
            return multiply(c, a, b, add);
        }
        let c = Matrices(dst, [batch, groups, cd, px], [groups * cd * px, cd * px, px, 1]);
        let a = Matrices(wt, [1, groups, cd, cs], [0, ci * co, wr, wc]);
        let b = Matrices(src, [batch, groups, cs, px], [groups * cs * px, cs * px, px, 1]);
        let add = (!bias.is_null()).then_some(Matrices(bias, [1, groups, cd, 1], [0, cd, 1, 0]));
        multiply(c, a, b, add);
    }
}

/// # Safety
/// As [`super::grad_weight`]; `fits` must hold.
pub unsafe fn grad_weight<T: Real>(p: &Params, x: *const T, gy: *const T, gw: *mut T) {
    let Some(Shape { batch, groups, px, ci, co }) = shape(p) else { return };
    if px == 1 || batch == 1 {
        let (x, gy) = (x.cast_mut(), gy.cast_mut());
        let (ac, bc) = if px == 1 { (groups * co, groups * ci) } else { (1, 1) };
        let (ar, br) = if px == 1 { (1, 1) } else { (px, px) };
        let k = batch * px;
        let c = Matrices(gw, [1, groups, co, ci], [0, co * ci, ci, 1]);
        let a = Matrices(gy, [1, groups, co, k], [0, co * px, ar, ac]);
        let b = Matrices(x, [1, groups, k, ci], [0, ci * px, bc, br]);
        // SAFETY: the caller's promise; images (or pixels) are the summed index.
        return unsafe { multiply(c, a, b, None) };
    }
    // one product an image, added to the sum so far, in a few partial sums whose number the shape alone fixes
    let (x, gy, out) = (Ptr::of(x), Ptr::of(gy), Ptr(gw));
    let len = co * ci;
    let parts = (16_000_000 / (groups * len * size_of::<T>())).clamp(1, 8).min(batch);
    let mut acc = Scratch::<T>::new(2 * parts * groups * len);
    let acc = acc.ptr();
    let work = 2.0 * (batch * groups * px * ci * co) as f64;
    // SAFETY (both closures): a part has two sums of its own, of which `last` says where the final one lies.
    let last = |part: usize| ((part + 1) * batch / parts - part * batch / parts) % 2;
    // SAFETY: the caller's promise.
    each(groups * parts, work / (groups * parts) as f64, &|t| unsafe {
        let (g, part) = (t / parts, t % parts);
        let first = part * batch / parts;
        for n in first..(part + 1) * batch / parts {
            let side = |i: usize| acc.at((2 * t + i % 2) * len);
            let sum = |at: *mut T| Matrices(at, [1, 1, co, ci], [0, 0, ci, 1]);
            let a = Matrices(gy.at((n * groups + g) * co * px), [1, 1, co, px], [0, 0, px, 1]);
            let b = Matrices(x.at((n * groups + g) * ci * px), [1, 1, px, ci], [0, 0, 1, px]);
            let add = (n > first).then(|| sum(side(n - first)));
            multiply(sum(side(n - first + 1)), a, b, add);
        }
    });
    each(groups, (len * parts) as f64, &|g| {
        for i in 0..len {
            // SAFETY: as above.
            unsafe {
                let sum = |part: usize| *acc.at((2 * (g * parts + part) + last(part)) * len + i);
                *out.at(g * len + i) = (1..parts).fold(sum(0), |total, part| total + sum(part));
            }
        }
    });
}
