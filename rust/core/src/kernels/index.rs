//! Reading and writing at computed places: blocks of a tensor by a list of offsets, elements along a dimension, what a mask
//! lets through. Results do not depend on the number of threads: no two of them write to the same element, and each element is
//! written in the order of the indices.

use super::iter::{Operand, along, rows};
use super::threads::{GRAIN, num_threads, split};
use crate::dispatch;
use crate::dtype::{DType, Element, Num, Ordered};
use smallvec::SmallVec;

/// Dimensions of a strided side: sizes and steps in bytes.
pub type Dims = SmallVec<[(usize, isize); 5]>;

/// Blocks in strided memory: for each point of `before` and each of `offsets` (in bytes) a block of the shape `after`. The
/// other side of a transfer holds the same blocks densely, one after another.
pub struct Blocks<'a> {
    pub base: *mut u8,
    pub before: Dims,
    pub offsets: &'a [isize],
    pub after: Dims,
    /// Bytes of an element.
    pub size: usize,
}
// SAFETY: the callers of the functions below vouch for what is done through the pointer.
unsafe impl Sync for Blocks<'_> {}

#[derive(Clone, Copy)]
struct Ptr(*mut u8);
// SAFETY: as above.
unsafe impl Sync for Ptr {}
impl Ptr {
    fn at(self, offset: usize) -> *mut u8 {
        self.0.wrapping_add(offset)
    }
}

fn points(dims: &Dims) -> usize {
    dims.iter().map(|d| d.0).product()
}

/// Of a point of dimensions that have some.
fn offset_of(dims: &Dims, mut point: usize) -> isize {
    let mut offset = 0;
    for &(size, step) in dims.iter().rev() {
        offset += (point % size) as isize * step;
        point /= size;
    }
    offset
}

impl Blocks<'_> {
    /// Where the elements of a block lie, unless they lie in a row.
    fn scattered(&self) -> Option<Vec<isize>> {
        let mut expected = self.size as isize;
        let dense = self.after.iter().rev().all(|&(size, step)| {
            let fits = size == 1 || step == expected;
            expected *= size as isize;
            fits
        });
        (!dense).then(|| (0..points(&self.after)).map(|p| offset_of(&self.after, p)).collect())
    }
}

/// Moves one element of `size` bytes.
#[inline(always)]
unsafe fn move_one(size: usize, to: *mut u8, from: *const u8) {
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => to.write(from.read()),
            2 => to.cast::<u16>().write_unaligned(from.cast::<u16>().read_unaligned()),
            4 => to.cast::<u32>().write_unaligned(from.cast::<u32>().read_unaligned()),
            8 => to.cast::<u64>().write_unaligned(from.cast::<u64>().read_unaligned()),
            _ => to.cast::<u128>().write_unaligned(from.cast::<u128>().read_unaligned()),
        }
    }
}

/// Copies the blocks to `to`, where they lie densely.
///
/// # Safety
/// The blocks must be readable and `to` writable.
pub unsafe fn load(blocks: &Blocks, to: *mut u8) {
    let (len, n) = (points(&blocks.after), blocks.offsets.len());
    if len * n * points(&blocks.before) == 0 {
        return;
    }
    let (bytes, to) = (len * blocks.size, Ptr(to));
    if len * n == 0 {
        return;
    }
    let places = blocks.scattered();
    split(points(&blocks.before) * n, (GRAIN / len.max(1)).max(1), &|first, last| {
        let mut before = offset_of(&blocks.before, first / n);
        for row in first..last {
            let i = row % n;
            if i == 0 {
                before = offset_of(&blocks.before, row / n);
            }
            let from = blocks.base.wrapping_offset(before + blocks.offsets[i]);
            let to = to.at(row * bytes);
            // SAFETY: the caller's promise.
            unsafe {
                match &places {
                    None if len == 1 => move_one(blocks.size, to, from),
                    None => to.copy_from_nonoverlapping(from, bytes),
                    Some(places) => {
                        for (j, &place) in places.iter().enumerate() {
                            move_one(blocks.size, to.add(j * blocks.size), from.wrapping_offset(place));
                        }
                    }
                }
            }
        }
    });
}

/// Calls `write(block, from, element, count)` for parts of all blocks: at most one thread at a time for any element of memory, in
/// the order of the offsets. `places` holds where the elements of a block lie if not in a row.
fn store_with(blocks: &Blocks, write: &(dyn Fn(*mut u8, usize, usize, usize) + Sync)) {
    let (len, n, outer) = (points(&blocks.after), blocks.offsets.len(), points(&blocks.before));
    if len * n * outer == 0 {
        return;
    }
    let row = |b: usize, i: usize, from: usize, count: usize| {
        let at = blocks.base.wrapping_offset(offset_of(&blocks.before, b) + blocks.offsets[i]);
        write(at, (b * n + i) * len, from, count);
    };
    if outer >= num_threads() * 4 || outer * n * len <= GRAIN {
        // Each thread has its own points of `before`.
        split(outer, (GRAIN / (n * len)).max(1), &|first, last| {
            (first..last).for_each(|b| (0..n).for_each(|i| row(b, i, 0, len)));
        });
    } else if len >= 64 {
        // Each thread has its own columns of every block.
        let lanes = len.div_ceil(16);
        split(lanes, (GRAIN / (n * outer * 16)).max(4), &|first, last| {
            let (first, last) = (first * 16, (last * 16).min(len));
            (0..outer).for_each(|b| (0..n).for_each(|i| row(b, i, first, last - first)));
        });
    } else {
        // Each thread has its own range of offsets.
        let low = blocks.offsets.iter().copied().min().unwrap_or(0);
        let high = blocks.offsets.iter().copied().max().unwrap_or(0) + 1;
        let span = (high - low) as usize;
        split(span, span.div_ceil(num_threads()).max(1), &|first, last| {
            let mine = low + first as isize..low + last as isize;
            for b in 0..outer {
                (0..n).filter(|&i| mine.contains(&blocks.offsets[i])).for_each(|i| row(b, i, 0, len));
            }
        });
    }
}

/// Copies dense blocks from `from` over the blocks; a single element for all of them if `single`.
///
/// # Safety
/// The blocks must be writable and `from` readable.
pub unsafe fn store(blocks: &Blocks, from: *const u8, single: bool) {
    let (places, from, size) = (blocks.scattered(), Ptr(from.cast_mut()), blocks.size);
    store_with(blocks, &|block, at, first, count| {
        // SAFETY: the caller's promise.
        unsafe {
            match &places {
                None if !single && count > 1 => {
                    block.add(first * size).copy_from_nonoverlapping(from.at((at + first) * size), count * size);
                }
                _ => {
                    for j in first..first + count {
                        let place = places.as_ref().map_or((j * size) as isize, |p| p[j]);
                        let source = from.at(if single { 0 } else { (at + j) * size });
                        move_one(size, block.wrapping_offset(place), source);
                    }
                }
            }
        }
    });
}

/// Adds dense blocks from `from` to the blocks; elements are of `dtype`.
///
/// # Safety
/// As for [`store`].
pub unsafe fn add(dtype: DType, blocks: &Blocks, from: *const u8, single: bool) {
    // SAFETY: the caller's promise.
    let ran = dispatch!("index_add", dtype, T in all => unsafe { add_typed::<T>(blocks, from, single) });
    debug_assert!(ran.is_ok());
}

unsafe fn add_typed<T: Element>(blocks: &Blocks, from: *const u8, single: bool) {
    let (places, from, size) = (blocks.scattered(), Ptr(from.cast_mut()), blocks.size);
    store_with(blocks, &|block, at, first, count| {
        // SAFETY: the caller's promise; memory of tensors is aligned to its elements.
        unsafe {
            match &places {
                None if !single => {
                    let to = std::slice::from_raw_parts_mut(block.cast::<T>().add(first), count);
                    let from = std::slice::from_raw_parts(from.at((at + first) * size).cast::<T>(), count);
                    to.iter_mut().zip(from).for_each(|(t, f)| *t = T::narrow(t.widen() + f.widen()));
                }
                _ => {
                    for j in first..first + count {
                        let place = places.as_ref().map_or((j * size) as isize, |p| p[j]);
                        let to = block.wrapping_offset(place).cast::<T>();
                        let source = from.at(if single { 0 } else { (at + j) * size }).cast::<T>();
                        *to = T::narrow((*to).widen() + (*source).widen());
                    }
                }
            }
        }
    });
}

/// `to += from` element by element, in order, where `to` may name elements several times. Strides in elements.
///
/// # Safety
/// Both must be valid for the shape.
pub unsafe fn add_strided(
    dtype: DType,
    shape: &[usize],
    to: *mut u8,
    to_strides: &[isize],
    from: *const u8,
    from_strides: &[isize],
) {
    let dims = |strides: &[isize]| -> Dims { shape.iter().copied().zip(strides.iter().copied()).collect() };
    let (to_dims, from_dims, n) = (dims(to_strides), dims(from_strides), shape.iter().product());
    let ran = dispatch!("add", dtype, T in all => {
        for point in 0..n {
            // SAFETY: the caller's promise.
            unsafe {
                let to = to.cast::<T>().offset(offset_of(&to_dims, point));
                let from = from.cast::<T>().offset(offset_of(&from_dims, point));
                *to = T::narrow((*to).widen() + (*from).widen());
            }
        }
    });
    debug_assert!(ran.is_ok());
}

/// `to[r] = from[index[r]]` along `dim`, for elements of `size` bytes. Indices have been checked.
///
/// # Safety
/// Operands `to, index: i64, from` must be valid; the shape of `index` is the loop's.
pub unsafe fn gather(dim: usize, size: usize, operands: &[Operand; 3]) {
    let shape = operands[1].shape;
    let step = operands[2].strides[dim] * size as isize;
    // The source stands still along `dim`: the index moves it.
    let mut strides: SmallVec<[isize; 5]> = SmallVec::from_slice(operands[2].strides);
    strides[dim] = 0;
    let from = Operand { shape, strides: &strides, dense: false, ..operands[2] };
    rows(shape, 1, &[operands[0], operands[1], from], &|run| {
        macro_rules! typed {
            ($t:ty) => {
                for i in 0..run.len as isize {
                    // SAFETY: the caller's promise; memory from elsewhere may not be aligned.
                    unsafe {
                        let at = run.ptrs[1].wrapping_offset(run.strides[1] * i).cast::<i64>().read_unaligned();
                        let from = run.ptrs[2].wrapping_offset(run.strides[2] * i + at as isize * step).cast::<$t>();
                        run.ptrs[0]
                            .wrapping_offset(run.strides[0] * i)
                            .cast::<$t>()
                            .write_unaligned(from.read_unaligned());
                    }
                }
            };
        }
        match size {
            1 => typed!(u8),
            2 => typed!(u16),
            4 => typed!(u32),
            8 => typed!(u64),
            _ => typed!(u128),
        }
    });
}

/// How `scatter` joins a new value with the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    Set,
    Add,
    Mul,
    Max,
    Min,
}

/// `to[index[r]] = to[index[r]] ∘ from[r]` along `dim`. If not `include` the old values of `to` that are met count for nothing.
///
/// # Safety
/// Operands `to, index: i64, from` must be valid and `to`, `from` of `dtype`; the shape of `index` is the loop's.
pub unsafe fn scatter(dim: usize, dtype: DType, how: Combine, include: bool, operands: &[Operand; 3]) {
    macro_rules! go {
        ($kinds:ident, $neutral:expr, $join:expr) => {
            dispatch!("scatter", dtype, T in $kinds => unsafe {
                type W = <T as Element>::Wide;
                // SAFETY: the caller's promise.
                if !include {
                    let neutral: W = $neutral;
                    each::<T>(dim, operands, |to, _| *to = T::narrow(neutral));
                }
                let join: fn(W, W) -> W = $join;
                each::<T>(dim, operands, |to, from| *to = T::narrow(join((*to).widen(), (*from).widen())))
            })
        };
    }
    let ran = match how {
        Combine::Set => {
            // SAFETY: the caller's promise; only bits are moved.
            unsafe {
                match dtype.size() {
                    1 => each::<u8>(dim, operands, |to, from| *to = *from),
                    2 => each::<i16>(dim, operands, |to, from| *to = *from),
                    4 => each::<i32>(dim, operands, |to, from| *to = *from),
                    8 => each::<i64>(dim, operands, |to, from| *to = *from),
                    _ => each::<crate::dtype::Complex<f64>>(dim, operands, |to, from| *to = *from),
                }
            }
            Ok(())
        }
        Combine::Add => go!(all, W::ZERO, |a, b| a + b),
        Combine::Mul => go!(all, W::ONE, |a, b| a * b),
        Combine::Max => go!(real, lowest::<T>(), |a, b| if a > b || a.is_nan() { a } else { b }),
        Combine::Min => go!(real, highest::<T>(), |a, b| if a < b || a.is_nan() { a } else { b }),
    };
    debug_assert!(ran.is_ok());
}

/// The least value that an element type holds, as its compute type: what narrow makes of it must still be the least.
fn lowest<T: Element<Wide: Ordered>>() -> T::Wide {
    bound::<T>(T::DTYPE, false)
}
fn highest<T: Element<Wide: Ordered>>() -> T::Wide {
    bound::<T>(T::DTYPE, true)
}
fn bound<T: Element<Wide: Ordered>>(dtype: DType, high: bool) -> T::Wide {
    let of = |low: i64, up: i64| T::Wide::of_i64(if high { up } else { low });
    match dtype {
        DType::Bool => of(0, 1),
        DType::U8 => of(0, u8::MAX as i64),
        DType::I8 => of(i8::MIN as i64, i8::MAX as i64),
        DType::I16 => of(i16::MIN as i64, i16::MAX as i64),
        DType::I32 => of(i32::MIN as i64, i32::MAX as i64),
        _ if high => T::Wide::HIGHEST,
        _ => T::Wide::LOWEST,
    }
}

/// Calls `step` on each target and its source. Rows along `dim` are independent of each other; within one the order is that
/// of the indices.
#[inline(always)]
unsafe fn each<T: Element>(dim: usize, operands: &[Operand; 3], step: impl Fn(*mut T, *const T) + Sync) {
    let shape = operands[1].shape;
    let size = size_of::<T>() as isize;
    let (to_step, index_step, from_step) =
        (operands[0].strides[dim] * size, operands[1].strides[dim] * 8, operands[2].strides[dim] * size);
    along(shape, dim, operands, &|run| {
        let one = |row: isize, r: isize| {
            // SAFETY: r is inside the index's row; the indices have been checked.
            unsafe {
                let index =
                    run.ptrs[1].wrapping_offset(run.strides[1] * row + index_step * r).cast::<i64>().read_unaligned();
                let to = run.ptrs[0].wrapping_offset(run.strides[0] * row + to_step * index as isize);
                let from = run.ptrs[2].wrapping_offset(run.strides[2] * row + from_step * r);
                step(to.cast(), from.cast_const().cast());
            }
        };
        let (rows, len) = (run.len as isize, shape[dim] as isize);
        if run.strides[0].abs() < to_step.abs() {
            // Neighbouring rows lie closer together than neighbours in a row.
            (0..len).for_each(|r| (0..rows).for_each(|row| one(row, r)));
        } else {
            (0..rows).for_each(|row| (0..len).for_each(|r| one(row, r)));
        }
    });
}

const CHUNK: usize = 1 << 14;

/// How many bytes of each chunk are not zero.
fn counts(mask: &[u8]) -> Vec<usize> {
    let counts: Vec<std::sync::atomic::AtomicUsize> = (0..mask.len().div_ceil(CHUNK)).map(|_| 0.into()).collect();
    split(counts.len(), 4, &|first, last| {
        for (c, chunk) in (first..last).zip(mask[first * CHUNK..].chunks(CHUNK)) {
            // Sums of bytes are fast; a few at a time so that they do not overflow.
            let n: usize =
                chunk.chunks(255).map(|part| part.iter().fold(0u8, |n, &m| n + (m != 0) as u8) as usize).sum();
            counts[c].store(n, std::sync::atomic::Ordering::Relaxed);
        }
    });
    counts.into_iter().map(|n| n.into_inner()).collect()
}

/// How many bytes are not zero.
pub fn count(mask: &[u8]) -> usize {
    counts(mask).iter().sum()
}

/// Where each chunk's share of the result begins.
fn starts(mask: &[u8]) -> Vec<usize> {
    let mut sum = 0;
    let start = |n| {
        sum += n;
        sum - n
    };
    counts(mask).into_iter().map(start).collect()
}

/// The elements of `size` bytes that the mask lets through.
///
/// # Safety
/// `from` must be valid for as many elements as the mask has, `to` for as many as it lets through.
pub unsafe fn compress(mask: &[u8], size: usize, from: *const u8, to: *mut u8) {
    let (starts, from, to) = (starts(mask), Ptr(from.cast_mut()), Ptr(to));
    split(starts.len(), 1, &|first, last| {
        macro_rules! typed {
            ($t:ty) => {{
                let mut buffer = vec![<$t>::default(); CHUNK];
                for (c, chunk) in (first..last).zip(mask[first * CHUNK..].chunks(CHUNK)) {
                    let from = from.at(c * CHUNK * size).cast::<$t>();
                    let mut n = 0;
                    for (i, &m) in chunk.iter().enumerate() {
                        // SAFETY: the caller's promise; n <= i < CHUNK.
                        unsafe { *buffer.get_unchecked_mut(n) = from.add(i).read_unaligned() };
                        n += (m != 0) as usize;
                    }
                    // SAFETY: this chunk's share of the result.
                    unsafe { to.at(starts[c] * size).copy_from_nonoverlapping(buffer.as_ptr().cast(), n * size) };
                }
            }};
        }
        match size {
            1 => typed!(u8),
            2 => typed!(u16),
            4 => typed!(u32),
            8 => typed!(u64),
            _ => typed!(u128),
        }
    });
}

/// The indices of bytes that are not zero, as rows of `to`: one i64 for each dimension of `shape`.
///
/// # Safety
/// `to` must have room for all of them.
pub unsafe fn nonzero(mask: &[u8], shape: &[usize], to: *mut i64) {
    let (starts, to, n) = (starts(mask), Ptr(to.cast()), shape.len());
    split(starts.len(), 1, &|first, last| {
        for (c, chunk) in (first..last).zip(mask[first * CHUNK..].chunks(CHUNK)) {
            let mut row = to.at(starts[c] * n * 8).cast::<i64>();
            for i in (0..chunk.len()).filter(|&i| chunk[i] != 0) {
                let mut rest = c * CHUNK + i;
                for d in (0..n).rev() {
                    // SAFETY: the caller's promise.
                    unsafe { row.add(d).write((rest % shape[d]) as i64) };
                    rest /= shape[d];
                }
                row = row.wrapping_add(n);
            }
        }
    });
}

/// Elements of `from`, in order, to the places that the mask lets through.
///
/// # Safety
/// `to` must be valid for as many elements as the mask has, `from` for as many as it lets through.
pub unsafe fn expand(mask: &[u8], size: usize, from: *const u8, to: *mut u8) {
    let (starts, from, to) = (starts(mask), Ptr(from.cast_mut()), Ptr(to));
    split(starts.len(), 1, &|first, last| {
        for (c, chunk) in (first..last).zip(mask[first * CHUNK..].chunks(CHUNK)) {
            for (n, i) in (starts[c]..).zip((0..chunk.len()).filter(|&i| chunk[i] != 0)) {
                // SAFETY: the caller's promise.
                unsafe { move_one(size, to.at((c * CHUNK + i) * size), from.at(n * size)) };
            }
        }
    });
}
