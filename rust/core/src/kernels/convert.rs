//! From any dtype to any other. One side of a loop is a compute type; two narrow dtypes meet by way of one.

use super::isa::{Isa, Kernel, dispatch};
use super::iter::Run;
use crate::dtype::{B8, Complex, DType, Element, Num};
use half::{bf16, f16};
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// `to[i] = from[i]` for operand 0, of dtype `to`, and operand 1, of dtype `from`.
///
/// # Safety
/// The run's pointers must be valid for its length.
pub unsafe fn run(to: DType, from: DType, run: Run) {
    // SAFETY: the caller's promise, in every branch.
    unsafe {
        if to == from {
            copy(to.size(), run)
        } else if to.compute() == to {
            load(to, from, run)
        } else if from.compute() == from {
            store(to, from, run)
        } else {
            between(to, from, run)
        }
    }
}

/// Moves elements of a size, whatever they mean.
unsafe fn copy(size: usize, run: Run) {
    #[inline(always)]
    unsafe fn typed<T: Copy>(Run { len, ptrs, strides }: Run) {
        let (to, from) = (ptrs[0], ptrs[1]);
        let size = size_of::<T>() as isize;
        // SAFETY: the caller's promise; memory of tensors is aligned to its elements, external memory may not be.
        unsafe {
            if strides[0] == size && strides[1] == size {
                std::ptr::copy(from.cast::<u8>(), to, len * size_of::<T>());
            } else if strides[0] == size && strides[1] == 0 {
                let x = from.cast::<T>().read_unaligned();
                (0..len).for_each(|i| to.cast::<T>().add(i).write_unaligned(x));
            } else {
                for i in 0..len as isize {
                    let x = from.wrapping_offset(strides[1] * i).cast::<T>().read_unaligned();
                    to.wrapping_offset(strides[0] * i).cast::<T>().write_unaligned(x);
                }
            }
        }
    }
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => typed::<u8>(run),
            2 => typed::<u16>(run),
            4 => typed::<u32>(run),
            8 => typed::<u64>(run),
            _ => typed::<[u64; 2]>(run),
        }
    }
}

macro_rules! by_element {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            DType::Bool => {
                type $T = B8;
                $body
            }
            DType::U8 => {
                type $T = u8;
                $body
            }
            DType::I8 => {
                type $T = i8;
                $body
            }
            DType::I16 => {
                type $T = i16;
                $body
            }
            DType::I32 => {
                type $T = i32;
                $body
            }
            DType::I64 => {
                type $T = i64;
                $body
            }
            DType::F16 => {
                type $T = f16;
                $body
            }
            DType::BF16 => {
                type $T = bf16;
                $body
            }
            DType::F32 => {
                type $T = f32;
                $body
            }
            DType::F64 => {
                type $T = f64;
                $body
            }
            DType::C64 => {
                type $T = Complex<f32>;
                $body
            }
            DType::C128 => {
                type $T = Complex<f64>;
                $body
            }
        }
    };
}

macro_rules! by_compute {
    ($dtype:expr, $W:ident => $body:expr) => {
        match $dtype {
            DType::F32 => {
                type $W = f32;
                $body
            }
            DType::F64 => {
                type $W = f64;
                $body
            }
            DType::C128 => {
                type $W = Complex<f64>;
                $body
            }
            _ => {
                type $W = i64;
                $body
            }
        }
    };
}

#[inline(never)]
unsafe fn load(to: DType, from: DType, run: Run) {
    by_compute!(to, W => by_element!(from, A => dispatch(Convert::<A, W>(run, PhantomData))))
}

#[inline(never)]
unsafe fn store(to: DType, from: DType, run: Run) {
    by_compute!(from, W => by_element!(to, R => dispatch(Convert::<W, R>(run, PhantomData))))
}

/// Through tiles of the compute type that loses nothing the result could hold.
#[inline(never)]
unsafe fn between(to: DType, from: DType, run: Run) {
    const TILE: usize = 256;
    let via = if to == DType::Bool || to.is_complex() { from.compute() } else { to.compute() };
    let size = via.size() as isize;
    let mut scratch = [MaybeUninit::<u128>::uninit(); TILE];
    let buffer = scratch.as_mut_ptr().cast::<u8>();
    for start in (0..run.len).step_by(TILE) {
        let len = TILE.min(run.len - start);
        let at = |i: usize| run.ptrs[i].wrapping_offset(run.strides[i] * start as isize);
        // SAFETY: a tile of each operand, and a buffer that holds it.
        unsafe {
            load(via, from, Run { len, ptrs: &[buffer, at(1)], strides: &[size, run.strides[1]] });
            store(to, via, Run { len, ptrs: &[at(0), buffer], strides: &[run.strides[0], size] });
        }
    }
}

struct Convert<'a, A, R>(Run<'a>, PhantomData<(A, R)>);

impl<I: Isa, A: Element, R: Element> Kernel<I> for Convert<'_, A, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Run { len, ptrs, strides } = self.0;
        let (to, from) = (ptrs[0].cast::<R>(), ptrs[1].cast::<A>());
        // SAFETY: `run` was promised operands that are valid for `len` elements at these strides.
        unsafe {
            if strides[0] == size_of::<R>() as isize && strides[1] == size_of::<A>() as isize {
                // Different dtypes never overlap element by element, so a plain loop is a vector loop after LLVM's check.
                for i in 0..len {
                    to.add(i).write(change(from.add(i).read()));
                }
            } else {
                for i in 0..len as isize {
                    let x = from.wrapping_byte_offset(strides[1] * i).read();
                    to.wrapping_byte_offset(strides[0] * i).write(change(x));
                }
            }
        }
    }
}

/// C-like casts: floats to integers towards zero, what does not fit to the least one (of 64 bits for those below 32),
/// anything but zero to true.
#[inline(always)]
fn change<A: Element, R: Element>(x: A) -> R {
    if R::DTYPE == DType::Bool {
        let truth = x.widen() != <A::Wide as Num>::ZERO;
        return R::narrow(<R::Wide as Num>::of_i64(truth as i64));
    }
    if R::DTYPE == DType::I32 && A::DTYPE.is_differentiable() {
        let whole: i64 = x.widen().cast();
        return R::narrow(<R::Wide as Num>::of_i64(if whole as i32 as i64 == whole { whole } else { i32::MIN as i64 }));
    }
    R::convert(x.widen())
}
