//! Runs between what memory holds and the compute type, so that kernels are written for compute types only.

use crate::dtype::DType;
use crate::kernels::convert;
use crate::kernels::iter::Run;

/// Reads `n` elements of `dtype`, `step` bytes apart, into dense numbers of its compute type.
///
/// # Safety
/// Both sides must be valid for that, `to` aligned for the compute type.
pub unsafe fn load(dtype: DType, from: *const u8, step: isize, n: usize, to: *mut u8) {
    let wide = dtype.compute();
    let run = Run { len: n, ptrs: &[to, from.cast_mut()], strides: &[wide.size() as isize, step] };
    // SAFETY: the caller's promise.
    unsafe { convert::run(wide, dtype, run) }
}

/// Writes `n` dense numbers of the compute type of `dtype` to elements that are `step` bytes apart.
///
/// # Safety
/// As for [`load`].
pub unsafe fn store(dtype: DType, to: *mut u8, step: isize, n: usize, from: *const u8) {
    let wide = dtype.compute();
    let run = Run { len: n, ptrs: &[to, from.cast_mut()], strides: &[step, wide.size() as isize] };
    // SAFETY: the caller's promise.
    unsafe { convert::run(dtype, wide, run) }
}

/// Whether memory of `dtype` holds its compute type, so that dense runs need no conversion.
pub fn is_wide(dtype: DType) -> bool {
    dtype.compute() == dtype
}

/// Scratch memory, aligned for every compute type. Its bytes are not initialised by more than zeros.
pub struct Scratch(Vec<[u128; 4]>);

impl Scratch {
    pub fn bytes(n: usize) -> Scratch {
        Scratch(vec![[0; 4]; n.div_ceil(64)])
    }
    pub fn of<T>(n: usize) -> Scratch {
        Scratch::bytes(n * size_of::<T>())
    }
    pub fn ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }
}
