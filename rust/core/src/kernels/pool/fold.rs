//! Windows as columns (im2col), and columns summed back into an image (col2im): each the other's adjoint.

use crate::dispatch;
use crate::dtype::{DType, Num};
use crate::kernels::conv::tools::{Ptr, each};

/// Sizes of height and width: of the image, of the grid of windows, of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fold {
    pub image: [usize; 2],
    pub grid: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
}

crate::saved_fields! {
    Fold { image, grid, kernel, stride, pad, dilation };
        fold if [fold.kernel, fold.stride, fold.dilation].iter().flatten().all(|n| *n > 0) && fold.all_small() && fold.agrees()
}

impl Fold {
    /// Whether the grid is that of the image.
    fn agrees(&self) -> bool {
        (0..2).all(|i| {
            let span = (self.image[i] + 2 * self.pad[i]).checked_sub(self.dilation[i] * (self.kernel[i] - 1) + 1);
            span.is_some_and(|span| span / self.stride[i] + 1 == self.grid[i])
        })
    }

    /// Whether no product of a few sizes overflows.
    fn all_small(&self) -> bool {
        let all = [self.image, self.grid, self.kernel, self.stride, self.pad, self.dilation];
        all.iter().flatten().all(|n| *n < 1 << 20)
    }

    /// The windows, on one axis, whose element `t` lies inside the image; and where the first of them has it.
    fn inside(&self, axis: usize, t: usize) -> (usize, usize, usize) {
        let (s, p, size) = (self.stride[axis], self.pad[axis], self.image[axis]);
        let at = t * self.dilation[axis];
        let first = p.saturating_sub(at).div_ceil(s).min(self.grid[axis]);
        let end = if size + p > at { (size + p - at).div_ceil(s).min(self.grid[axis]) } else { 0 };
        (first, end.max(first), (first * s + at).saturating_sub(p))
    }
}

/// `columns[plane][tap][window] = image[plane][…]`, zeros outside.
///
/// # Safety
/// Dense planes of `dtype` as the sizes say.
pub unsafe fn im2col(dtype: DType, planes: usize, f: &Fold, image: *const u8, columns: *mut u8) {
    // SAFETY: the caller's promise; elements are moved as plain bytes.
    unsafe {
        match dtype.size() {
            1 => unfold::<u8>(planes, f, image.cast(), columns.cast()),
            2 => unfold::<u16>(planes, f, image.cast(), columns.cast()),
            4 => unfold::<u32>(planes, f, image.cast(), columns.cast()),
            8 => unfold::<u64>(planes, f, image.cast(), columns.cast()),
            _ => unfold::<[u64; 2]>(planes, f, image.cast(), columns.cast()),
        }
    }
}

unsafe fn unfold<T: Copy + Default>(planes: usize, f: &Fold, image: *const T, columns: *mut T) {
    let ([h, w], [gh, gw], [ky, kx]) = (f.image, f.grid, f.kernel);
    let (image, columns) = (Ptr::of(image), Ptr(columns));
    each(planes * ky * kx, (gh * gw) as f64, &|t| {
        let (plane, y, x) = (t / (ky * kx), t / kx % ky, t % kx);
        let (r0, r1, y0) = f.inside(0, y);
        let (c0, c1, x0) = f.inside(1, x);
        // SAFETY: the planes' elements.
        unsafe {
            let to = std::slice::from_raw_parts_mut(columns.at(t * gh * gw), gh * gw);
            let from = std::slice::from_raw_parts(image.at(plane * h * w), h * w);
            for (r, to) in to.chunks_exact_mut(gw.max(1)).enumerate() {
                if r < r0 || r >= r1 || c0 == c1 {
                    to.fill(T::default());
                    continue;
                }
                let from = &from[(y0 + (r - r0) * f.stride[0]) * w + x0..];
                to[..c0].fill(T::default());
                to[c1..].fill(T::default());
                for (to, x) in to[c0..c1].iter_mut().zip(from.iter().step_by(f.stride[1])) {
                    *to = *x;
                }
            }
        }
    });
}

/// `image[plane][…] = Σ columns[plane][tap][window]`.
///
/// # Safety
/// As [`im2col`].
pub unsafe fn col2im(dtype: DType, planes: usize, f: &Fold, columns: *const u8, image: *mut u8) {
    let [from, to] = [f.kernel.iter().product::<usize>() * f.grid[0] * f.grid[1], f.image[0] * f.image[1]];
    // SAFETY: the caller's promise.
    unsafe {
        super::through(dtype, columns, planes * from, image, planes * to, |dtype, columns, image| {
            let _ = dispatch!("col2im", dtype, T in compute => fold::<T>(planes, f, columns.cast(), image.cast()));
        });
    }
}

unsafe fn fold<T: Num>(planes: usize, f: &Fold, columns: *const T, image: *mut T) {
    let ([h, w], [gh, gw], [ky, kx]) = (f.image, f.grid, f.kernel);
    let (columns, image) = (Ptr::of(columns), Ptr(image));
    each(planes, (ky * kx * gh * gw) as f64, &|plane| {
        // SAFETY: the planes' elements.
        unsafe {
            let to = std::slice::from_raw_parts_mut(image.at(plane * h * w), h * w);
            to.fill(T::ZERO);
            for t in 0..ky * kx {
                let (r0, r1, y0) = f.inside(0, t / kx);
                let (c0, c1, x0) = f.inside(1, t % kx);
                if c0 == c1 {
                    continue;
                }
                let from = std::slice::from_raw_parts(columns.at((plane * ky * kx + t) * gh * gw), gh * gw);
                for r in r0..r1 {
                    let to = &mut to[(y0 + (r - r0) * f.stride[0]) * w + x0..];
                    for (to, x) in to.iter_mut().step_by(f.stride[1]).zip(&from[r * gw + c0..r * gw + c1]) {
                        *to = *to + *x;
                    }
                }
            }
        }
    });
}
