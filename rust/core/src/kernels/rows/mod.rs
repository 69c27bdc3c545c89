//! Kernels that see whole rows along one dimension: softmax, norms, scans, losses.
//!
//! A kernel says what becomes of one row that lies densely ([`Row::row`]) and of many neighbouring rows that lie across
//! memory, where it works on all of them at once, place by place ([`Row::panel`]). What is neither, or of a dtype that is not a
//! compute type, passes through scratch. As in `reduce`, the engine exists once and sees kernels through an erased trait.

pub mod loss;
pub mod norm;
pub mod softmax;
#[cfg(test)]
mod tests;

use super::isa::{Isa, Kernel, dispatch};
use super::iter::Operand;
use super::reduce::Typed;
use super::reduce::tile::{self, Scratch};
use super::threads::{GRAIN, split};
use crate::dtype::{DType, Num};
use smallvec::SmallVec;

/// Neighbouring rows: `row(r)` holds place `r` of each of them, densely.
#[derive(Clone, Copy)]
pub struct Panel<T> {
    ptr: *mut T,
    /// Elements from one place to the next.
    pitch: isize,
    columns: usize,
}

impl<T> Panel<T> {
    /// # Safety
    /// Place `r` must exist, and nothing may write to it meanwhile.
    #[inline(always)]
    pub unsafe fn row<'a>(&self, r: usize) -> &'a [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.ptr.offset(r as isize * self.pitch), self.columns) }
    }

    /// # Safety
    /// Place `r` must exist, and nothing else may look at it meanwhile.
    #[inline(always)]
    pub unsafe fn row_mut<'a>(&self, r: usize) -> &'a mut [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.offset(r as isize * self.pitch), self.columns) }
    }
}

/// Columns of a panel, at most.
pub const COLUMNS: usize = 64;

/// Makes a row `y` of the rows `x` (an input that is not there is empty); some leave positions `z` beside it. `y` does not
/// overlap `x`.
pub trait Row: Sync {
    type W: Num;
    fn row<I: Isa>(&self, x: [&[Self::W]; 2], y: &mut [Self::W], z: &mut [i64]);
    /// The same for the columns of panels of `length` places.
    ///
    /// # Safety
    /// The panels must have as many places, and `y` and `z` overlap nothing.
    unsafe fn panel<I: Isa>(&self, x: [Panel<Self::W>; 2], y: Panel<Self::W>, z: Panel<i64>, length: usize);
}

/// Pointers to the operands: y, z, and the inputs.
type Places = [*mut u8; 4];
const Y: usize = 0;
const Z: usize = 1;
const X: usize = 2;

struct Rows<'a, K> {
    kernel: &'a K,
    start: Places,
    steps: [isize; 4],
    count: usize,
    length: usize,
}
impl<I: Isa, K: Row> Kernel<I> for Rows<'_, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for i in 0..self.count as isize {
            let at = |o: usize| self.start[o].wrapping_offset(i * self.steps[o]);
            let length = |o: usize| if self.start[o].is_null() { 0 } else { self.length };
            // SAFETY: as for the erased `rows`. An operand that is not there has no elements.
            unsafe {
                let input = |o: usize| match length(o) {
                    0 => &[],
                    n => std::slice::from_raw_parts(at(o).cast(), n),
                };
                let y = std::slice::from_raw_parts_mut(at(Y).cast(), self.length);
                let z = match length(Z) {
                    0 => &mut [],
                    n => std::slice::from_raw_parts_mut(at(Z).cast(), n),
                };
                self.kernel.row::<I>([input(X), input(X + 1)], y, z);
            }
        }
    }
}

struct Panels<'a, K> {
    kernel: &'a K,
    start: Places,
    pitch: [isize; 4],
    columns: usize,
    length: usize,
}
impl<I: Isa, K: Row> Kernel<I> for Panels<'_, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        fn panel<T>(ptr: *mut u8, pitch: isize, columns: usize) -> Panel<T> {
            let columns = if ptr.is_null() { 0 } else { columns };
            let ptr = if ptr.is_null() { std::ptr::NonNull::dangling().as_ptr() } else { ptr.cast() };
            Panel { ptr, pitch: pitch / size_of::<T>() as isize, columns }
        }
        let (s, p, c) = (self.start, self.pitch, self.columns);
        let x = [panel(s[X], p[X], c), panel(s[X + 1], p[X + 1], c)];
        // SAFETY: as for the erased `panel`.
        unsafe { self.kernel.panel::<I>(x, panel(s[Y], p[Y], c), panel(s[Z], p[Z], c), self.length) }
    }
}

/// A row kernel whose types are known only to itself.
///
/// # Safety
/// Pointers must be valid for what they name, or null for operands that are not there.
unsafe trait Erased: Sync {
    /// `count` rows; the operands of the next one are `steps` bytes further on.
    unsafe fn rows(&self, start: Places, steps: [isize; 4], count: usize, length: usize);
    /// A panel of rows; the next places are `pitch` bytes further on.
    unsafe fn panel(&self, start: Places, pitch: [isize; 4], columns: usize, length: usize);
}

// SAFETY: the methods only touch what their callers vouch for.
unsafe impl<K: Row> Erased for K {
    unsafe fn rows(&self, start: Places, steps: [isize; 4], count: usize, length: usize) {
        dispatch(Rows { kernel: self, start, steps, count, length })
    }
    unsafe fn panel(&self, start: Places, pitch: [isize; 4], columns: usize, length: usize) {
        dispatch(Panels { kernel: self, start, pitch, columns, length })
    }
}

/// An operand of the engine.
#[derive(Clone)]
struct Side {
    dtype: DType,
    ptr: *mut u8,
    /// Bytes along the rows' dimension.
    along: isize,
    /// Bytes from column to column of a panel, or from row to row of a run.
    next: isize,
    wide: usize,
}

impl Side {
    fn there(&self) -> bool {
        !self.ptr.is_null()
    }
}

struct Job<'a> {
    kernel: &'a dyn Erased,
    sides: [Side; 4],
    /// The other dimensions: size and bytes of each operand.
    outer: SmallVec<[(usize, [isize; 4]); 5]>,
    length: usize,
    /// Rows that lie beside each other in the dimension of `next`.
    count: usize,
}

// SAFETY: each unit of work writes rows that no other unit touches.
unsafe impl Sync for Job<'_> {}

/// Runs `kernel` on every row along `dim`. All operands have the shape of `y`; `z`, if it is there, is i64.
///
/// # Safety
/// The operands must be valid and of the given dtypes, all of which compute in `W`; what is written overlaps nothing.
pub unsafe fn map<K: Row>(kernel: &K, dim: usize, inputs: &[Typed], y: Typed, z: Option<Typed>) {
    map_erased(kernel, dim, inputs, y, z)
}

fn map_erased(kernel: &dyn Erased, dim: usize, inputs: &[Typed], y: Typed, z: Option<Typed>) {
    let all = [Some(y), z, inputs.first().copied(), inputs.get(1).copied()];
    let shape = y.1.shape;
    if shape.contains(&0) {
        return;
    }
    let step = |o: &Operand, d: usize| o.strides[d] * o.size as isize;
    // A 0-dim operand is a row of one.
    let length = shape.get(dim).copied().unwrap_or(1);
    let side = |o: Option<Typed>| match o {
        Some((dtype, o)) => Side {
            dtype,
            ptr: o.ptr,
            along: if shape.is_empty() { o.size as isize } else { step(o, dim) },
            next: 0,
            wide: dtype.compute().size(),
        },
        None => Side { dtype: DType::I64, ptr: std::ptr::null_mut(), along: 0, next: 0, wide: 8 },
    };
    let mut outer: SmallVec<[(usize, [isize; 4]); 5]> = (0..shape.len())
        .rev()
        .filter(|&d| d != dim && shape[d] != 1)
        .map(|d| (shape[d], all.map(|o| o.map_or(0, |o| step(o.1, d)))))
        .collect();
    outer.sort_by_key(|d| d.1[Y].abs());
    outer.dedup_by(|far, near| {
        let merges = (0..4).all(|o| far.1[o] == near.1[o] * near.0 as isize);
        if merges {
            near.0 *= far.0;
        }
        merges
    });
    let mut job = Job { kernel, sides: all.map(side), outer, length, count: 1 };
    let dense = y.1.size as isize;
    let by_panels =
        length > 1 && job.sides[Y].along.abs() != dense && job.outer.first().is_some_and(|d| d.1[Y] == dense);
    if !job.outer.is_empty() {
        let (count, next) = job.outer.remove(0);
        job.count = count;
        (0..4).for_each(|o| job.sides[o].next = next[o]);
    }
    let others: usize = job.outer.iter().map(|d| d.0).product();
    if by_panels {
        let strips = job.count.div_ceil(COLUMNS);
        let grain = (GRAIN / (length * job.count.min(COLUMNS))).max(1);
        split(others * strips, grain, &|a, b| job.panels(a, b, strips));
    } else {
        split(others * job.count, (GRAIN / length).max(1), &|a, b| job.rows(a, b));
    }
}

impl Job<'_> {
    /// The first element of row `column` of outer index `index`.
    fn start(&self, mut index: usize, column: usize) -> Places {
        let mut at: Places = std::array::from_fn(|o| {
            let side = &self.sides[o];
            side.ptr.wrapping_offset(side.next * column as isize)
        });
        for (size, steps) in &self.outer {
            (0..4).for_each(|o| at[o] = at[o].wrapping_offset((index % size) as isize * steps[o]));
            index /= size;
        }
        std::array::from_fn(|o| if self.sides[o].there() { at[o] } else { std::ptr::null_mut() })
    }

    fn is_direct(&self, side: &Side, step: isize) -> bool {
        !side.there() || (tile::is_wide(side.dtype) && step == side.wide as isize)
    }

    fn rows(&self, a: usize, b: usize) {
        let direct: [bool; 4] = std::array::from_fn(|o| self.is_direct(&self.sides[o], self.sides[o].along));
        if direct == [true; 4] {
            let mut at = a;
            while at < b {
                let column = at % self.count;
                let count = (self.count - column).min(b - at);
                let steps = std::array::from_fn(|o| self.sides[o].next);
                // SAFETY: these rows lie inside the operands.
                unsafe { self.kernel.rows(self.start(at / self.count, column), steps, count, self.length) };
                at += count;
            }
            return;
        }
        let size = |o: usize| if direct[o] { 0 } else { self.length * self.sides[o].wide };
        let mut scratch: [Scratch; 4] = std::array::from_fn(|o| Scratch::bytes(size(o)));
        for row in a..b {
            let home = self.start(row / self.count, row % self.count);
            let mut at = home;
            for (o, scratch) in scratch.iter_mut().enumerate().filter(|s| !direct[s.0]) {
                at[o] = scratch.ptr();
                if o >= X {
                    let side = &self.sides[o];
                    // SAFETY: the row lies inside the operand, and the scratch row is as long.
                    unsafe { tile::load(side.dtype, home[o], side.along, self.length, at[o]) };
                }
            }
            // SAFETY: each operand is dense now, in place or in scratch.
            unsafe { self.kernel.rows(at, [0; 4], 1, self.length) };
            for o in (Y..X).filter(|&o| !direct[o]) {
                let side = &self.sides[o];
                // SAFETY: as above.
                unsafe { tile::store(side.dtype, home[o], side.along, self.length, at[o]) };
            }
        }
    }

    fn panels(&self, a: usize, b: usize, strips: usize) {
        let direct: [bool; 4] = std::array::from_fn(|o| self.is_direct(&self.sides[o], self.sides[o].next));
        let size = |o: usize| if direct[o] { 0 } else { self.length * self.count.min(COLUMNS) * self.sides[o].wide };
        let mut scratch: [Scratch; 4] = std::array::from_fn(|o| Scratch::bytes(size(o)));
        for unit in a..b {
            let column = unit % strips * COLUMNS;
            let columns = COLUMNS.min(self.count - column);
            let home = self.start(unit / strips, column);
            let (mut at, mut pitch) = (home, [0; 4]);
            for (o, scratch) in scratch.iter_mut().enumerate() {
                let side = &self.sides[o];
                pitch[o] = side.along;
                if direct[o] {
                    continue;
                }
                (at[o], pitch[o]) = (scratch.ptr(), (columns * side.wide) as isize);
                for r in (0..self.length as isize).filter(|_| o >= X) {
                    let from = home[o].wrapping_offset(r * side.along);
                    // SAFETY: the place lies inside the operand, and the scratch panel has as many.
                    unsafe { tile::load(side.dtype, from, side.next, columns, at[o].offset(r * pitch[o])) };
                }
            }
            // SAFETY: each operand has dense places now.
            unsafe { self.kernel.panel(at, pitch, columns, self.length) };
            for o in (Y..X).filter(|&o| !direct[o]) {
                let side = &self.sides[o];
                for r in 0..self.length as isize {
                    let to = home[o].wrapping_offset(r * side.along);
                    // SAFETY: as above.
                    unsafe { tile::store(side.dtype, to, side.next, columns, at[o].offset(r * pitch[o])) };
                }
            }
        }
    }
}
