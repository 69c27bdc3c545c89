//! Maxima of windows.

use super::{Axis, Windows};
use crate::dtype::Ordered;
use crate::kernels::conv::tools::{Ptr, Scratch, each};
use crate::kernels::isa::{Isa, Kernel, dispatch};

/// Rows of output of one plane.
struct Rows<'a, T, const INDEX: bool> {
    w: &'a Windows,
    from: usize,
    to: usize,
    x: *const T,
    y: *mut T,
    indices: *mut i64,
    /// The columns' maxima so far, and the rows they are from.
    best: *mut T,
    rows: *mut i32,
}

/// # Safety
/// As [`super::max`].
pub unsafe fn forward<T: Ordered>(planes: usize, w: &Windows, x: *const T, y: *mut T, indices: *mut i64) {
    let (input, output, rows, width) = (w.input_plane(), w.output_plane(), w.rows(), w.0[2].input);
    // tall planes are cut, so that a few large images have work for all threads
    let cuts = rows.div_ceil(64).min(16usize.div_ceil(planes.max(1))).max(1);
    let (x, y, indices) = (Ptr::of(x), Ptr(y), Ptr(indices));
    let work = (input * w.0[1].windows.first().map_or(1, |w| w.count)) as f64 / cuts as f64;
    each(planes * cuts, work, &|t| {
        let (plane, from, to) = (t / cuts, t % cuts * rows / cuts, (t % cuts + 1) * rows / cuts);
        let (mut best, mut of) = (Scratch::<T>::new(width), Scratch::<i32>::new(width));
        // SAFETY: a plane of input and output, rows of our own.
        unsafe {
            let (x, y) = (x.at(plane * input), y.at(plane * output));
            let (best, of) = (best.ptr().0, of.ptr().0);
            if indices.at(0).is_null() {
                dispatch(Rows::<T, false> { w, from, to, x, y, indices: indices.at(0), best, rows: of });
            } else {
                let indices = indices.at(plane * output);
                dispatch(Rows::<T, true> { w, from, to, x, y, indices, best, rows: of });
            }
        }
    });
}

impl<I: Isa, T: Ordered, const INDEX: bool> Kernel<I> for Rows<'_, T, INDEX> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let columns = &self.w.0[2];
        let (width, ow) = (columns.input, columns.windows.len());
        for r in self.from..self.to {
            let (reads, _) = self.w.reads(r);
            let mut fresh = true;
            // SAFETY: rows of the plane; `best` and `rows` have a row's elements.
            unsafe {
                for row in reads {
                    let x = self.x.add(row * width);
                    if fresh {
                        std::ptr::copy_nonoverlapping(x, self.best, width);
                        if INDEX {
                            std::slice::from_raw_parts_mut(self.rows, width).fill(row as i32);
                        }
                        fresh = false;
                        continue;
                    }
                    for c in 0..width {
                        let (new, old) = (*x.add(c), *self.best.add(c));
                        let take = (new > old) | new.is_nan();
                        *self.best.add(c) = if take { new } else { old };
                        if INDEX {
                            let at = self.rows.add(c);
                            *at = if take { row as i32 } else { *at };
                        }
                    }
                }
                let y = self.y.add(r * ow);
                let index = if INDEX { self.indices.add(r * ow) } else { self.indices };
                if fresh {
                    std::slice::from_raw_parts_mut(y, ow).fill(T::LOWEST);
                    if INDEX {
                        std::slice::from_raw_parts_mut(index, ow).fill(0);
                    }
                    continue;
                }
                self.columns(columns, y, index);
            }
        }
    }
}

impl<T: Ordered, const INDEX: bool> Rows<'_, T, INDEX> {
    /// Combines the columns' maxima over the windows of a row.
    #[inline(always)]
    unsafe fn columns(&self, axis: &Axis, y: *mut T, index: *mut i64) {
        let whole = 0..axis.windows.len();
        let count = axis.windows.iter().map(|w| w.count).max().unwrap_or(0);
        let stride = axis.windows.windows(2).next_back().map_or(1, |w| w[1].start - w[0].start);
        // SAFETY: windows lie inside the row.
        unsafe {
            macro_rules! even {
                ($count:literal, $stride:literal) => {{
                    let (first, last) = axis.uniform($count, $stride);
                    self.even::<$count, $stride>(axis, first, last, y, index);
                    (first, last)
                }};
            }
            let (first, last) = match (count, stride, axis.step) {
                (1, 1, 1) => even!(1, 1),
                (2, 2, 1) => even!(2, 2),
                (3, 2, 1) => even!(3, 2),
                (3, 3, 1) => even!(3, 3),
                (2, 1, 1) => even!(2, 1),
                (3, 1, 1) => even!(3, 1),
                _ => (0, 0),
            };
            for o in whole.filter(|o| *o < first || *o >= last) {
                self.one(axis, o, y, index);
            }
        }
    }

    /// Windows of one count and stride, side by side.
    #[inline(always)]
    unsafe fn even<const COUNT: usize, const STRIDE: usize>(
        &self,
        axis: &Axis,
        first: usize,
        last: usize,
        y: *mut T,
        index: *mut i64,
    ) {
        if first == last {
            return;
        }
        let (start, width) = (axis.windows[first].start, axis.input as i64);
        // SAFETY: as `columns`.
        unsafe {
            let (best, rows) = (self.best.add(start), self.rows.add(start));
            for i in 0..last - first {
                let mut top = *best.add(i * STRIDE);
                let (mut row, mut column) = if INDEX { (*rows.add(i * STRIDE), 0) } else { (0, 0) };
                for k in 1..COUNT {
                    let new = *best.add(i * STRIDE + k);
                    let r = if INDEX { *rows.add(i * STRIDE + k) } else { 0 };
                    let take = Self::later(top, row, new, r);
                    top = if take { new } else { top };
                    if INDEX {
                        row = if take { r } else { row };
                        column = if take { k as i32 } else { column };
                    }
                }
                *y.add(first + i) = top;
                if INDEX {
                    *index.add(first + i) = row as i64 * width + (start + i * STRIDE) as i64 + column as i64;
                }
            }
        }
    }

    /// Whether a maximum in a column further right comes before the one so far: rows are compared first.
    #[inline(always)]
    fn later(top: T, row: i32, new: T, r: i32) -> bool {
        if !INDEX {
            return (new > top) | new.is_nan();
        }
        let nan = new.is_nan() & (!top.is_nan() | (r >= row));
        nan | (!top.is_nan() & ((new > top) | ((new == top) & (r < row))))
    }

    #[inline(always)]
    unsafe fn one(&self, axis: &Axis, o: usize, y: *mut T, index: *mut i64) {
        let window = axis.windows[o];
        // SAFETY: as `columns`.
        unsafe {
            if window.count == 0 {
                *y.add(o) = T::LOWEST;
                if INDEX {
                    *index.add(o) = 0;
                }
                return;
            }
            let mut at = window.start;
            for k in 1..window.count {
                let c = window.start + k * axis.step;
                let (row, r) = if INDEX { (*self.rows.add(at), *self.rows.add(c)) } else { (0, 0) };
                if Self::later(*self.best.add(at), row, *self.best.add(c), r) {
                    at = c;
                }
            }
            *y.add(o) = *self.best.add(at);
            if INDEX {
                *index.add(o) = *self.rows.add(at) as i64 * axis.input as i64 + at as i64;
            }
        }
    }
}
