//! Shared pointers, scratch memory and the loop over units of work.

use super::micro::Split;
use crate::dtype::DType;
use crate::kernels::convert;
use crate::kernels::iter::Run;
use crate::kernels::threads::split;
use crate::storage::Storage;
use std::marker::PhantomData;

/// A pointer that threads may share: every task writes its own part.
#[derive(Debug)]
pub struct Ptr<T>(pub *mut T);
impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Ptr<T> {}
// SAFETY: whoever makes one sees to it that no two tasks write the same elements.
unsafe impl<T> Send for Ptr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Ptr<T> {}
impl<T> Ptr<T> {
    /// For reading; it shares the type so that one helper serves both.
    pub fn of(p: *const T) -> Ptr<T> {
        Ptr(p.cast_mut())
    }
    /// # Safety
    /// Element `i` must be inside, or one past, the object.
    #[inline(always)]
    pub unsafe fn at(self, i: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(i) }
    }
}

/// Uninitialised memory from this thread's pool, given back on drop.
pub struct Scratch<T>(Storage, usize, PhantomData<T>);
impl<T: Copy> Scratch<T> {
    pub fn new(len: usize) -> Scratch<T> {
        let bytes = (len + 32) * size_of::<T>();
        // The error unwinds to the gate, which knows it: a kernel has no other way out of a worker thread.
        let storage = Storage::new(bytes).unwrap_or_else(|error| std::panic::resume_unwind(Box::new(error)));
        Scratch(storage, len, PhantomData)
    }
    pub fn ptr(&mut self) -> Ptr<T> {
        Ptr(self.0.ptr().map_or(std::ptr::null_mut(), |p| p.cast()))
    }
    /// Cleared to zero bytes.
    pub fn slice(&mut self) -> &mut [T] {
        let p = self.ptr().0;
        // SAFETY: `len` elements of plain numbers, for which zero bytes are a value.
        unsafe {
            p.write_bytes(0, self.1);
            std::slice::from_raw_parts_mut(p, self.1)
        }
    }
}

/// Calls `f` with every number below `total`, on all threads where the work (in operations a call) is worth it.
pub fn each(total: usize, work: f64, f: &(dyn Fn(usize) + Sync)) {
    let grain = (400_000.0 / work.max(1.0)).ceil() as usize;
    split(total, grain.max(1), &|from, to| (from..to).for_each(f));
}

/// Converts dense elements, on all threads.
///
/// # Safety
/// Both arrays have `len` elements of their dtype.
pub unsafe fn cast(to: DType, out: *mut u8, from: DType, input: *const u8, len: usize) {
    const BLOCK: usize = 16 * 1024;
    let (out, input) = (Ptr(out), Ptr::of(input));
    each(len.div_ceil(BLOCK), BLOCK as f64, &|block| {
        let (start, strides) = (block * BLOCK, [to.size() as isize, from.size() as isize]);
        // SAFETY: a block of both arrays.
        unsafe {
            let ptrs = [out.at(start * to.size()), input.at(start * from.size())];
            convert::run(to, from, Run { len: BLOCK.min(len - start), ptrs: &ptrs, strides: &strides });
        }
    });
}

/// Pixels that come apart at a time.
const STRETCH: usize = 128;

/// Copies rows `r0..r0 + nr` and columns `c0..c0 + nc` of a plane; zeros outside it. With steps `[sy, sx]` the window
/// comes apart by residues: pixel (r, c) goes to plane `(r % sy) · sx + c % sx`, row `r / sy`, column `c / sx`;
/// `split` is the kernel for two.
///
/// # Safety
/// `src` has h × w elements (it may be null: then all is zeros), `dst` as many as [`window_size`] says.
#[allow(clippy::too_many_arguments)]
pub unsafe fn window<T: Copy + Default>(
    src: *const T,
    [h, w]: [usize; 2],
    [r0, c0]: [isize; 2],
    [nr, nc]: [usize; 2],
    [sy, sx]: [usize; 2],
    split: Option<Split<T>>,
    dst: *mut T,
) {
    let a = (-c0).clamp(0, nc as isize) as usize; // zeros on the left
    let b = (w as isize - c0).clamp(a as isize, nc as isize) as usize; // end of the image's part
    let (rows, cols) = (nr.div_ceil(sy), nc.div_ceil(sx));
    // SAFETY: indices stay inside a plane and a window of these sizes.
    unsafe {
        for r in 0..nr {
            let y = r0 + r as isize;
            let to = dst.add((r % sy * sx * rows + r / sy) * cols);
            let inside = !src.is_null() && y >= 0 && y < h as isize && b > a;
            let from = if inside { src.add(y as usize * w).offset(c0 + a as isize) } else { src };
            if sx == 1 {
                if !inside {
                    std::slice::from_raw_parts_mut(to, nc).fill(T::default());
                    continue;
                }
                std::slice::from_raw_parts_mut(to, a).fill(T::default());
                std::ptr::copy_nonoverlapping(from, to.add(a), b - a);
                std::slice::from_raw_parts_mut(to.add(b), nc - b).fill(T::default());
                continue;
            }
            if let (Some(split), 2, true) = (split, sx, inside) {
                // through a padded row, a stretch at a time
                let mut row = [T::default(); 2 * STRETCH];
                for c0 in (0..cols).step_by(STRETCH) {
                    let n = STRETCH.min(cols - c0);
                    let (lo, hi) = (a.clamp(2 * c0, 2 * (c0 + n)), b.clamp(2 * c0, 2 * (c0 + n)));
                    row[..2 * n].fill(T::default());
                    if hi > lo {
                        std::ptr::copy_nonoverlapping(from.add(lo - a), row.as_mut_ptr().add(lo - 2 * c0), hi - lo);
                    }
                    split(row.as_ptr(), n, to.add(c0), to.add(rows * cols + c0));
                }
                continue;
            }
            for q in 0..sx {
                let to = to.add(q * rows * cols);
                for c in 0..cols {
                    let at = c * sx + q;
                    *to.add(c) = if inside && at >= a && at < b { *from.add(at - a) } else { T::default() };
                }
            }
        }
    }
}

/// Elements of a window: whole rows and columns for every residue.
pub fn window_size([nr, nc]: [usize; 2], [sy, sx]: [usize; 2]) -> usize {
    nr.div_ceil(sy) * nc.div_ceil(sx) * sy * sx
}

/// A plane's pitch: never a multiple of 1 KiB, or all channels would share a few cache sets.
pub fn plane(elements: usize) -> usize {
    let p = elements.next_multiple_of(4);
    if p % 256 < 16 || p % 256 > 240 { p + 36 } else { p }
}
