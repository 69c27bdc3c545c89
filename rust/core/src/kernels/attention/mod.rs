//! Attention without a matrix of weights in memory: scores are made tile by tile, and their softmax as the tiles go by.
//!
//! A tile holds scores transposed, keys down and [`WIDE`] queries across, so that what is done to the scores of a query runs
//! along vectors of many queries, and all products read keys and values where they lie. Every sum is made in an order that
//! the shapes fix, whatever the number of threads.

mod backward;
mod forward;
#[cfg(test)]
mod tests;

pub use backward::{Gradients, backward};
pub use forward::forward;

use super::matmul;
use super::reduce::moments::Exp;
use crate::dtype::Element;

/// f32 and f64.
pub trait Real: Exp + std::ops::AddAssign + std::ops::Neg<Output = Self> {
    const INFINITY: Self;
    fn ln(self) -> Self;
    /// [`matmul::product`] of the type.
    ///
    /// # Safety
    /// As there.
    unsafe fn product(
        size: [usize; 3],
        a: (*const Self, [isize; 2]),
        b: (*const Self, isize),
        c: (*mut Self, isize),
        alpha: Self,
        adds: bool,
    );
}
macro_rules! real {
    ($($t:ty),*) => {$(
        impl Real for $t {
            const INFINITY: $t = <$t>::INFINITY;
            fn ln(self) -> $t {
                <$t>::ln(self)
            }
            unsafe fn product(
                size: [usize; 3],
                a: (*const $t, [isize; 2]),
                b: (*const $t, isize),
                c: (*mut $t, isize),
                alpha: $t,
                adds: bool,
            ) {
                // SAFETY: the caller's promise.
                unsafe { matmul::product(size, a, b, c, alpha, adds) }
            }
        }
    )*};
}
real!(f32, f64);

/// Queries of a tile, at most: three vectors of 16.
pub const WIDE: usize = 48;
/// Columns of a tile come in so many; what is over is computed and not looked at.
const LANES: usize = 16;
/// Keys of a tile, at most.
const KEYS: usize = 512;

/// `[batch, heads, rows, …]`, the last dimension dense. Steps are in elements.
#[derive(Clone, Copy)]
pub struct Side<T> {
    pub ptr: *mut T,
    pub batch: isize,
    pub head: isize,
    pub row: isize,
}

impl<T> Side<T> {
    fn at(&self, batch: usize, head: usize, row: usize) -> *mut T {
        self.ptr.wrapping_offset(batch as isize * self.batch + head as isize * self.head + row as isize * self.row)
    }
}

/// What a query may see: a byte for each score, not zero if it may, or a number that is added to it.
#[derive(Clone, Copy)]
pub struct Mask {
    pub ptr: *const u8,
    pub added: bool,
    /// Of batch, head, query and key, in elements.
    pub steps: [isize; 4],
}

/// What is attended to what. Head `h` of the queries belongs to head `h / (heads / kv_heads)` of keys and values.
#[derive(Clone, Copy)]
pub struct Problem<T> {
    pub batch: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub queries: usize,
    pub keys: usize,
    pub width: usize,
    pub value_width: usize,
    pub scale: T,
    /// Query i sees keys up to i.
    pub causal: bool,
    pub mask: Option<Mask>,
    pub q: Side<T>,
    pub k: Side<T>,
    pub v: Side<T>,
}

// SAFETY: pointers to what the callers of `forward` and `backward` vouch for; tasks write to places of their own.
unsafe impl<T> Sync for Problem<T> {}

impl<T: Real> Problem<T> {
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// Keys that any of the queries before `end` sees.
    fn seen(&self, end: usize) -> usize {
        if self.causal { self.keys.min(end) } else { self.keys }
    }

    /// Copies `count` rows as columns, `pitch` apart; columns that are not there are zero.
    ///
    /// # Safety
    /// The rows are valid, and `to` has room.
    #[inline(always)]
    unsafe fn turn(from: *const T, row: isize, count: usize, width: usize, to: *mut T, pitch: usize) {
        for e in 0..width {
            for i in 0..pitch {
                // SAFETY: the caller's promise.
                unsafe {
                    *to.add(e * pitch + i) =
                        if i < count { *from.offset(i as isize * row + e as isize) } else { T::ZERO };
                }
            }
        }
    }

    /// Scores of `count` queries from `i` (whose columns are at `turned`) and keys `j..end`, masked.
    ///
    /// # Safety
    /// The problem is valid; `tile` has room for `end − j` rows of `pitch`.
    #[inline(always)]
    unsafe fn scores(&self, [b, h, i, j]: [usize; 4], count: usize, end: usize, turned: *const T, tile: Tile<T>) {
        let k = self.k.at(b, h / self.group(), j).cast_const();
        let (n, pitch) = (end - j, tile.pitch);
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b_) = ((k, [self.k.row, 1]), (turned, pitch as isize));
            T::product([n, self.width, pitch], a, b_, (tile.ptr, pitch as isize), self.scale, false);
            if self.causal {
                for key in j.max(i + 1)..end {
                    let row = tile.row(key - j);
                    row[..(key - i).min(pitch)].fill(-T::INFINITY);
                }
            }
            let Some(mask) = self.mask else { return };
            let [of_batch, of_head, of_query, of_key] = mask.steps;
            let first = b as isize * of_batch + h as isize * of_head + i as isize * of_query + j as isize * of_key;
            for key in 0..n {
                let row = &mut tile.row(key)[..count];
                let at = first + key as isize * of_key;
                if !mask.added {
                    let seen = |i: usize| *mask.ptr.offset(at + i as isize * of_query) != 0;
                    if of_query == 0 {
                        if !seen(0) {
                            row.fill(-T::INFINITY);
                        }
                        continue;
                    }
                    for (i, x) in row.iter_mut().enumerate() {
                        *x = if seen(i) { *x } else { -T::INFINITY };
                    }
                } else {
                    let from = mask.ptr.cast::<T>();
                    for (i, x) in row.iter_mut().enumerate() {
                        *x += *from.offset(at + i as isize * of_query);
                    }
                }
            }
        }
    }
}

/// Rows of `pitch` elements.
#[derive(Clone, Copy)]
struct Tile<T> {
    ptr: *mut T,
    pitch: usize,
}

impl<T> Tile<T> {
    /// # Safety
    /// Row `j` exists, and nobody else looks at it meanwhile.
    #[inline(always)]
    unsafe fn row<'a>(self, j: usize) -> &'a mut [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(j * self.pitch), self.pitch) }
    }

    /// LANES columns of a row, from column `c`.
    ///
    /// # Safety
    /// As for `row`.
    #[inline(always)]
    unsafe fn lanes<'a>(self, j: usize, c: usize) -> &'a mut [T; LANES] {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.ptr.add(j * self.pitch + c).cast() }
    }
}

/// Columns of a tile for so many queries.
fn pitch(count: usize) -> usize {
    count.next_multiple_of(LANES)
}

/// Places in one buffer for arrays of so many elements.
fn places<T: Element, const N: usize>(buffer: *mut u8, sizes: [usize; N]) -> [*mut T; N] {
    let mut at = buffer.cast::<T>();
    sizes.map(|n| {
        let here = at;
        at = at.wrapping_add(n.next_multiple_of(LANES));
        here
    })
}

/// Bytes for them.
fn room<T: Element, const N: usize>(sizes: [usize; N]) -> usize {
    sizes.iter().map(|n| n.next_multiple_of(LANES)).sum::<usize>() * size_of::<T>()
}
