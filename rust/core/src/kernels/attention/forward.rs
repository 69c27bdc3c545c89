//! Weighted sums of values, and the logarithm of what each row of weights was divided by.

use super::{KEYS, LANES, Problem, Real, Side, Tile, WIDE, pitch, places, room};
use crate::kernels::isa::{Isa, Kernel, dispatch};
use crate::kernels::matmul::Scratch;
use crate::kernels::threads::split;

/// `out = softmax(scale·q·kᵀ + mask)·v` and, dense as `[batch, heads, queries]`, the logarithm of Σ exp(scores); +∞ for a query
/// that sees nothing, whose result is zero.
///
/// # Safety
/// Pointers and steps must be valid for the sizes; `out` and `logs` are written, distinct and overlap nothing.
pub unsafe fn forward<T: Real>(problem: &Problem<T>, out: Side<T>, logs: *mut T) {
    struct Shared<T>(Side<T>, *mut T);
    // SAFETY: every task writes to rows of its own.
    unsafe impl<T> Sync for Shared<T> {}
    let p = problem;
    let (shared, blocks) = (Shared(out, logs), p.queries.div_ceil(WIDE));
    let work = p.queries.min(WIDE) * p.keys * (p.width + p.value_width) / 16 + 1;
    split(p.batch * p.heads * blocks, (16 * 1024 / work).max(1), &|from, to| {
        let shared = &shared;
        let sizes = sizes(p);
        let scratch = Scratch::take(room::<T, 5>(sizes));
        for task in from..to {
            let (head, block) = (task / blocks, task % blocks);
            let at = [head / p.heads, head % p.heads, block * WIDE];
            let places = places::<T, 5>(scratch.ptr(), sizes);
            dispatch(Block { p, at, out: shared.0, logs: shared.1, places });
        }
    });
}

/// Columns of queries, a tile, and for each query the largest score, the sum of weights and a factor.
fn sizes<T: Real>(p: &Problem<T>) -> [usize; 5] {
    let pitch = pitch(p.queries.min(WIDE));
    [p.width * pitch, KEYS.min(p.keys) * pitch, pitch, pitch, pitch]
}

struct Block<'a, T> {
    p: &'a Problem<T>,
    /// Batch, head, first query.
    at: [usize; 3],
    out: Side<T>,
    logs: *mut T,
    places: [*mut T; 5],
}

impl<I: Isa, T: Real> Kernel<I> for Block<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Block { p, at: [b, h, i], out, logs, places: [turned, tile, most, total, factor] } = self;
        let count = WIDE.min(p.queries - i);
        let pitch = pitch(count);
        let tile = Tile { ptr: tile, pitch };
        // SAFETY: the caller of `forward` vouches for the problem, the scratch has room for the sizes above.
        unsafe {
            let slice = |ptr: *mut T| std::slice::from_raw_parts_mut(ptr, pitch);
            let (most, total, factor) = (slice(most), slice(total), slice(factor));
            most.fill(-T::INFINITY);
            total.fill(T::ZERO);
            Problem::turn(p.q.at(b, h, i), p.q.row, count, p.width, turned, pitch);
            let to = out.at(b, h, i);
            let keys = p.seen(i + count);
            for j in (0..keys).step_by(KEYS) {
                let end = keys.min(j + KEYS);
                p.scores([b, h, i, j], count, end, turned, tile);
                weigh::<I, T>(tile, end - j, most, total, factor);
                if j > 0 {
                    scale_rows(to, out.row, p.value_width, &factor[..count]);
                }
                let v = p.v.at(b, h / p.group(), j).cast_const();
                let size = [count, end - j, p.value_width];
                T::product(size, (tile.ptr, [1, pitch as isize]), (v, p.v.row), (to, out.row), T::ONE, j > 0);
            }
            if keys == 0 {
                (0..count).for_each(|r| out_row(to, out.row, p.value_width, r).fill(T::ZERO));
            }
            let logs = logs.add((b * p.heads + h) * p.queries + i);
            for r in 0..count {
                let none = most[r] == -T::INFINITY;
                *logs.add(r) = if none { T::INFINITY } else { most[r] + total[r].ln() };
                factor[r] = if none { T::ZERO } else { T::ONE.divide(total[r]) };
            }
            scale_rows(to, out.row, p.value_width, &factor[..count]);
        }
    }
}

#[inline(always)]
unsafe fn out_row<'a, T>(to: *mut T, step: isize, width: usize, r: usize) -> &'a mut [T] {
    // SAFETY: the caller's promise: row r exists.
    unsafe { std::slice::from_raw_parts_mut(to.offset(r as isize * step), width) }
}

#[inline(always)]
unsafe fn scale_rows<T: Real>(to: *mut T, step: isize, width: usize, factor: &[T]) {
    for (r, &factor) in factor.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { out_row(to, step, width, r) }.iter_mut().for_each(|x| *x = *x * factor);
    }
}

/// Scores become weights, exp(score − largest so far); `factor` is what earlier weights are to be multiplied by.
#[inline(always)]
unsafe fn weigh<I: Isa, T: Real>(tile: Tile<T>, rows: usize, most: &mut [T], total: &mut [T], factor: &mut [T]) {
    for c in (0..tile.pitch).step_by(LANES) {
        let mut high = [[-T::INFINITY; LANES]; 2];
        // SAFETY: the caller's promise.
        unsafe {
            for j in 0..rows {
                let (row, high) = (tile.lanes(j, c), &mut high[j % 2]);
                (0..LANES).for_each(|l| high[l] = if row[l] > high[l] { row[l] } else { high[l] });
            }
            let mut by = [T::ZERO; LANES];
            for l in 0..LANES {
                let both = if high[0][l] > high[1][l] { high[0][l] } else { high[1][l] };
                let new = if both > most[c + l] { both } else { most[c + l] };
                by[l] = if new == -T::INFINITY { T::ZERO } else { new };
                factor[c + l] = (most[c + l] - by[l]).exp_in::<I>();
                most[c + l] = new;
            }
            let mut sum = [[T::ZERO; LANES]; 2];
            for j in 0..rows {
                let (row, sum) = (tile.lanes(j, c), &mut sum[j % 2]);
                for l in 0..LANES {
                    row[l] = (row[l] - by[l]).exp_in::<I>();
                    sum[l] += row[l];
                }
            }
            (0..LANES).for_each(|l| total[c + l] = total[c + l] * factor[c + l] + (sum[0][l] + sum[1][l]));
        }
    }
}
