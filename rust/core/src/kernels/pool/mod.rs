//! Pooling over dense planes: maxima and means of windows, and their adjoints, in one to three dimensions.
//!
//! A window is a product of intervals, one from each axis' table, so that plain, dilated, ceil-mode, adaptive and
//! fractional pooling are one kernel each. A row of results is made in two steps: the rows of a window are combined
//! column by column, in whole vectors, then the columns. f16 and bf16 pass through f32, integers through i64.

mod avg;
mod fold;
mod max;
#[cfg(test)]
mod tests;

pub use fold::{Fold, col2im, im2col};

use crate::dispatch;
use crate::dtype::DType;
use crate::kernels::conv::tools::{Ptr, Scratch, cast, each};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// Elements `start, start + step, …` of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    pub start: usize,
    pub count: usize,
    /// What it counts for in a mean: more than `count` where padding is included.
    pub size: usize,
}

/// The windows of one axis.
#[derive(Clone, Debug)]
pub struct Axis {
    pub input: usize,
    pub step: usize,
    pub windows: Vec<Window>,
}

impl Axis {
    /// An axis without pooling.
    pub fn single() -> Axis {
        Axis { input: 1, step: 1, windows: vec![Window { start: 0, count: 1, size: 1 }] }
    }
    /// Windows of `kernel` elements, `dilation` apart, at a stride; with `include` padding counts in a mean.
    pub fn strided(
        [input, output]: [usize; 2],
        kernel: usize,
        stride: usize,
        pad: usize,
        dilation: usize,
        include: bool,
    ) -> Axis {
        let windows = (0..output).map(|o| {
            let first = (o * stride) as isize - pad as isize;
            let skipped = (first.min(0).unsigned_abs()).div_ceil(dilation);
            let start = (first + (skipped * dilation) as isize) as usize;
            let count = input.saturating_sub(start).div_ceil(dilation).min(kernel.saturating_sub(skipped));
            let end = (first + kernel as isize).min((input + pad) as isize);
            Window { start, count, size: if include { (end - first).max(0) as usize } else { count } }
        });
        Axis { input, step: dilation, windows: windows.collect() }
    }
    /// As many windows as asked for, as even as possible.
    pub fn adaptive(input: usize, output: usize) -> Axis {
        let windows = (0..output).map(|o| {
            let (start, end) = (o * input / output, ((o + 1) * input).div_ceil(output));
            Window { start, count: end - start, size: end - start }
        });
        Axis { input, step: 1, windows: windows.collect() }
    }
    /// The longest run of windows that have `count` elements each and lie `stride` apart: first and last.
    fn uniform(&self, count: usize, stride: usize) -> (usize, usize) {
        let full = |o: &usize| self.windows[*o].count == count;
        let Some(first) = (0..self.windows.len()).find(full) else { return (0, 0) };
        let start = self.windows[first].start;
        let fits = |o: usize| full(&o) && self.windows[o].start == start + (o - first) * stride;
        (first, (first..self.windows.len()).find(|&o| !fits(o)).unwrap_or(self.windows.len()))
    }
}

/// The windows of all axes: depth, height, width.
#[derive(Clone, Debug)]
pub struct Windows(pub [Axis; 3]);

impl Windows {
    pub fn input_plane(&self) -> usize {
        self.0.iter().map(|a| a.input).product()
    }
    pub fn output_plane(&self) -> usize {
        self.0.iter().map(|a| a.windows.len()).product()
    }
    /// Rows of output a plane.
    fn rows(&self) -> usize {
        self.0[0].windows.len() * self.0[1].windows.len()
    }
    /// The input rows that output row `r` reads, in order, and what they count for in a mean.
    fn reads(&self, r: usize) -> (impl Iterator<Item = usize> + Clone, usize) {
        let [depth, height, _] = &self.0;
        let (z, y) = (depth.windows[r / height.windows.len()], height.windows[r % height.windows.len()]);
        let (dz, dy, h) = (depth.step, height.step, height.input);
        let rows = move |i: usize| (0..y.count).map(move |j| (z.start + i * dz) * h + y.start + j * dy);
        ((0..z.count).flat_map(rows), z.size * y.size)
    }
}

/// Plane-wise functions of one dtype run in its compute dtype: converts operands before and the result after.
unsafe fn through(
    dtype: DType,
    from: *const u8,
    len: usize,
    to: *mut u8,
    out: usize,
    run: impl FnOnce(DType, *const u8, *mut u8),
) {
    let wide = dtype.compute();
    if wide == dtype {
        return run(dtype, from, to);
    }
    let (mut a, mut b) = (Scratch::<u8>::new(len * wide.size()), Scratch::<u8>::new(out * wide.size()));
    let (a, b) = (a.ptr().0, b.ptr().0);
    // SAFETY: scratch of these lengths.
    unsafe {
        cast(wide, a, dtype, from, len);
        run(wide, a, b);
        cast(dtype, to, wide, b, out);
    }
}

/// The largest element of each window, and (if `indices` is not null) its place in the plane. The first of equals; NaN
/// is larger than anything, the last one of several.
///
/// # Safety
/// Dense planes of a real `dtype` as the windows say; one index for each result.
pub unsafe fn max(dtype: DType, planes: usize, w: &Windows, x: *const u8, y: *mut u8, indices: *mut i64) {
    let (len, out) = (planes * w.input_plane(), planes * w.output_plane());
    // SAFETY: the caller's promise.
    unsafe {
        through(dtype, x, len, y, out, |dtype, x, y| {
            let _ =
                dispatch!("max_pool", dtype, T in ordered => max::forward::<T>(planes, w, x.cast(), y.cast(), indices));
        });
    }
}

/// The mean of each window; its sum divided by `divisor` if there is one.
///
/// # Safety
/// As [`max`].
pub unsafe fn avg(dtype: DType, planes: usize, w: &Windows, divisor: Option<i64>, x: *const u8, y: *mut u8) {
    let (len, out) = (planes * w.input_plane(), planes * w.output_plane());
    // SAFETY: the caller's promise.
    unsafe {
        through(dtype, x, len, y, out, |dtype, x, y| {
            let _ =
                dispatch!("avg_pool", dtype, T in ordered => avg::forward::<T>(planes, w, divisor, x.cast(), y.cast()));
        });
    }
}

/// The adjoint of [`avg`]: what each output's gradient brings to the elements of its window.
///
/// # Safety
/// As [`max`], with `g` of the outputs and `gx` of the inputs.
pub unsafe fn avg_backward(dtype: DType, planes: usize, w: &Windows, divisor: Option<i64>, g: *const u8, gx: *mut u8) {
    let (len, out) = (planes * w.output_plane(), planes * w.input_plane());
    // SAFETY: the caller's promise.
    unsafe {
        through(dtype, g, len, gx, out, |dtype, g, gx| {
            let _ = dispatch!("avg_pool", dtype, T in ordered => avg::backward::<T>(planes, w, divisor, g.cast(), gx.cast()));
        });
    }
}

/// `to[plane][index[plane][i]] (+)= from[plane][i]` over zeros: adds with `add`, else the last one stays. Gives an index
/// that lies outside a plane, if there is one.
///
/// # Safety
/// Dense planes of `count` elements and indices, and of `size` results.
pub unsafe fn scatter(
    dtype: DType,
    [planes, count, size]: [usize; 3],
    add: bool,
    from: *const u8,
    index: *const i64,
    to: *mut u8,
) -> Option<i64> {
    let bad = AtomicI64::new(i64::MAX);
    // SAFETY: the caller's promise.
    unsafe {
        through(dtype, from, planes * count, to, planes * size, |dtype, from, to| {
            let _ = dispatch!("max_unpool", dtype, T in compute => {
                let (from, index, to) = (Ptr::of(from.cast::<T>()), Ptr::of(index), Ptr(to.cast::<T>()));
                each(planes, (count * 4 + size) as f64, &|plane| {
                    let to = std::slice::from_raw_parts_mut(to.at(plane * size), size);
                    let from = std::slice::from_raw_parts(from.at(plane * count), count);
                    let index = std::slice::from_raw_parts(index.at(plane * count), count);
                    to.fill(T::default());
                    for (&x, &i) in from.iter().zip(index) {
                        match to.get_mut(i as usize) {
                            Some(to) => *to = if add { *to + x } else { x },
                            None => bad.store(i, Relaxed),
                        }
                    }
                });
            });
        });
    }
    Some(bad.into_inner()).filter(|&i| i != i64::MAX)
}

/// `to[plane][i] = from[plane][index[plane][i]]`. Gives an index that lies outside a plane, if there is one.
///
/// # Safety
/// Dense planes of `size` elements, and of `count` indices and results.
pub unsafe fn gather(
    dtype: DType,
    [planes, count, size]: [usize; 3],
    from: *const u8,
    index: *const i64,
    to: *mut u8,
) -> Option<i64> {
    let bad = AtomicI64::new(i64::MAX);
    let width = dtype.size();
    let (from, index, to) = (Ptr::of(from), Ptr::of(index), Ptr(to));
    each(planes, (count * 4) as f64, &|plane| {
        for i in plane * count..(plane + 1) * count {
            // SAFETY: the caller's promise; the index is inside its plane.
            unsafe {
                let at = *index.at(i);
                if at < 0 || at as usize >= size {
                    bad.store(at, Relaxed);
                    continue;
                }
                std::ptr::copy_nonoverlapping(from.at((plane * size + at as usize) * width), to.at(i * width), width);
            }
        }
    });
    Some(bad.into_inner()).filter(|&i| i != i64::MAX)
}
