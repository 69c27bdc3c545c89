//! Means of windows, and their adjoint.

use super::{Axis, Windows};
use crate::dtype::Ordered;
use crate::kernels::conv::tools::{Ptr, Scratch, each};
use crate::kernels::isa::{Isa, Kernel, dispatch};

/// Rows of output of one plane.
struct Forward<'a, T> {
    w: &'a Windows,
    divisor: Option<i64>,
    from: usize,
    to: usize,
    x: *const T,
    y: *mut T,
    sums: *mut T,
}

/// One plane of input gradients.
struct Backward<'a, T> {
    w: &'a Windows,
    divisor: Option<i64>,
    g: *const T,
    gx: *mut T,
    sums: *mut T,
}

/// # Safety
/// As [`super::avg`].
pub unsafe fn forward<T: Ordered>(planes: usize, w: &Windows, divisor: Option<i64>, x: *const T, y: *mut T) {
    let (input, output, rows) = (w.input_plane(), w.output_plane(), w.rows());
    let cuts = rows.div_ceil(64).min(16usize.div_ceil(planes.max(1))).max(1);
    let (x, y) = (Ptr::of(x), Ptr(y));
    let work = (input * w.0[1].windows.first().map_or(1, |w| w.count)) as f64 / cuts as f64;
    each(planes * cuts, work, &|t| {
        let (plane, from, to) = (t / cuts, t % cuts * rows / cuts, (t % cuts + 1) * rows / cuts);
        let mut sums = Scratch::<T>::new(w.0[2].input);
        // SAFETY: a plane of input and output, a row of our own.
        unsafe {
            let (x, y) = (x.at(plane * input), y.at(plane * output));
            dispatch(Forward { w, divisor, from, to, x, y, sums: sums.ptr().0 });
        }
    });
}

/// # Safety
/// As [`super::avg_backward`].
pub unsafe fn backward<T: Ordered>(planes: usize, w: &Windows, divisor: Option<i64>, g: *const T, gx: *mut T) {
    let (input, output) = (w.input_plane(), w.output_plane());
    let (g, gx) = (Ptr::of(g), Ptr(gx));
    let work = (input * w.0[1].windows.first().map_or(1, |w| w.count)) as f64;
    each(planes, work, &|plane| {
        let mut sums = Scratch::<T>::new(w.0[2].input);
        // SAFETY: a plane of gradients each, a row of our own.
        unsafe {
            let (g, gx) = (g.at(plane * output), gx.at(plane * input));
            dispatch(Backward { w, divisor, g, gx, sums: sums.ptr().0 });
        }
    });
}

impl<I: Isa, T: Ordered> Kernel<I> for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let columns = &self.w.0[2];
        let (width, ow) = (columns.input, columns.windows.len());
        for r in self.from..self.to {
            let (reads, size) = self.w.reads(r);
            // SAFETY: rows of the plane; `sums` has a row's elements.
            unsafe {
                let sums = std::slice::from_raw_parts_mut(self.sums, width);
                sums.fill(T::ZERO);
                for row in reads {
                    let x = std::slice::from_raw_parts(self.x.add(row * width), width);
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum = *sum + *x;
                    }
                }
                self.columns(columns, size, sums, self.y.add(r * ow));
            }
        }
    }
}

impl<T: Ordered> Forward<'_, T> {
    #[inline(always)]
    unsafe fn columns(&self, axis: &Axis, size: usize, sums: &[T], y: *mut T) {
        let divisor = |o: usize| T::of_i64(self.divisor.unwrap_or((size * axis.windows[o].size) as i64));
        let count = axis.windows.iter().map(|w| w.count).max().unwrap_or(0);
        let stride = axis.windows.windows(2).next_back().map_or(1, |w| w[1].start - w[0].start);
        let (first, last) = match (count, stride, axis.step) {
            (2, 2, 1) | (3, 2, 1) | (3, 1, 1) => axis.uniform(count, stride),
            _ => (0, 0),
        };
        // SAFETY: windows lie inside the row; whole ones all count for the same.
        unsafe {
            if first < last {
                let (from, by) = (&sums[axis.windows[first].start..], divisor(first));
                macro_rules! even {
                    ($count:literal, $stride:literal) => {
                        for i in 0..last - first {
                            let mut sum = *from.get_unchecked(i * $stride);
                            for k in 1..$count {
                                sum = sum + *from.get_unchecked(i * $stride + k);
                            }
                            *y.add(first + i) = sum.divide(by);
                        }
                    };
                }
                match (count, stride) {
                    (2, 2) => even!(2, 2),
                    (3, 2) => even!(3, 2),
                    _ => even!(3, 1),
                }
            }
            for o in (0..axis.windows.len()).filter(|o| *o < first || *o >= last) {
                let window = axis.windows[o];
                let mut sum = T::ZERO;
                for k in 0..window.count {
                    sum = sum + sums[window.start + k];
                }
                *y.add(o) = sum.divide(divisor(o));
            }
        }
    }
}

impl<I: Isa, T: Ordered> Kernel<I> for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let axis = &self.w.0[2];
        let (width, ow) = (axis.input, axis.windows.len());
        // SAFETY: a plane of gradients each; `sums` has a row's elements.
        unsafe {
            std::slice::from_raw_parts_mut(self.gx, self.w.input_plane()).fill(T::ZERO);
            let sums = std::slice::from_raw_parts_mut(self.sums, width);
            for r in 0..self.w.rows() {
                let (reads, size) = self.w.reads(r);
                sums.fill(T::ZERO);
                for (o, window) in axis.windows.iter().enumerate() {
                    let by = T::of_i64(self.divisor.unwrap_or((size * window.size) as i64));
                    let share = (*self.g.add(r * ow + o)).divide(by);
                    for sum in &mut sums[window.start..window.start + window.count] {
                        *sum = *sum + share;
                    }
                }
                for row in reads {
                    let to = std::slice::from_raw_parts_mut(self.gx.add(row * width), width);
                    for (to, sum) in to.iter_mut().zip(&*sums) {
                        *to = *to + *sum;
                    }
                }
            }
        }
    }
}
