//! Gradients of queries, keys and values. Weights are made again from the scores and their logarithms of sums.

use super::{KEYS, LANES, Problem, Real, Side, Tile, WIDE, pitch, places, room};
use crate::kernels::isa::{Isa, Kernel, dispatch};
use crate::kernels::matmul::Scratch;
use crate::kernels::threads::split;

/// What comes back and where the gradients go.
#[derive(Clone, Copy)]
pub struct Gradients<T> {
    /// Of the result.
    pub g: Side<T>,
    /// The result, and what `forward` left beside it.
    pub out: Side<T>,
    pub logs: *const T,
    pub dq: Side<T>,
    pub dk: Side<T>,
    pub dv: Side<T>,
}

// SAFETY: pointers to what the caller of `backward` vouches for; tasks write to places of their own.
unsafe impl<T> Sync for Gradients<T> {}

/// Heads of keys and values below which the keys of a head are shared out to several tasks.
const FEW: usize = 16;
/// Keys of such a share, at least.
const SHARE: usize = 256;

/// Writes all three gradients.
///
/// # Safety
/// Pointers and steps must be valid for the sizes; what is written is distinct and overlaps nothing.
pub unsafe fn backward<T: Real>(problem: &Problem<T>, gradients: &Gradients<T>) {
    let (p, g) = (problem, gradients);
    let heads = p.batch * p.kv_heads;
    let shares = FEW.div_ceil(heads.max(1)).min(p.keys / SHARE).max(1);
    let share = p.keys.div_ceil(shares).next_multiple_of(LANES).max(LANES);
    // The gradient of the queries is a sum over all keys: each share but the first makes a part of its own.
    let size = p.queries * p.width;
    let mut parts = vec![T::ZERO; (shares - 1) * p.batch * p.heads * size];
    let ptr = parts.as_mut_ptr();
    let part = Side { ptr, batch: (p.heads * size) as isize, head: size as isize, row: p.width as isize };
    let split_up = Split { p, g, shares, share, part };
    let work = p.queries * p.group() * share * (3 * p.width + 2 * p.value_width) / 16 + 1;
    split(heads * shares, (16 * 1024 / work).max(1), &|from, to| {
        let sizes = split_up.sizes();
        let scratch = Scratch::take(room::<T, 4>(sizes));
        (from..to).for_each(|task| dispatch(Task { split: &split_up, task, places: places(scratch.ptr(), sizes) }));
    });
    if shares > 1 {
        split(p.batch * p.heads * p.queries, (16 * 1024 / p.width.max(1)).max(1), &|from, to| {
            for row in from..to {
                let (head, i) = (row / p.queries, row % p.queries);
                // SAFETY: a row of its own.
                unsafe { split_up.join(head / p.heads, head % p.heads, i) };
            }
        });
    }
}

struct Split<'a, T> {
    p: &'a Problem<T>,
    g: &'a Gradients<T>,
    shares: usize,
    /// Keys of a share.
    share: usize,
    /// Where the second share's part of the gradient of the queries lies; the others follow.
    part: Side<T>,
}

// SAFETY: tasks write to places of their own.
unsafe impl<T> Sync for Split<'_, T> {}

impl<T: Real> Split<'_, T> {
    fn dq(&self, share: usize) -> Side<T> {
        match share {
            0 => self.g.dq,
            s => {
                Side { ptr: self.part.ptr.wrapping_add((s - 1) * self.p.batch * self.part.batch as usize), ..self.part }
            }
        }
    }

    /// Columns of queries and of what came back, and two tiles.
    fn sizes(&self) -> [usize; 4] {
        let (p, pitch) = (self.p, pitch(self.p.queries.min(WIDE)));
        let tile = KEYS.min(self.share) * pitch;
        [p.width * pitch, p.value_width * pitch, tile, tile]
    }

    /// Adds the shares' parts of a row, in their order.
    ///
    /// # Safety
    /// The row exists, and is this call's alone.
    unsafe fn join(&self, b: usize, h: usize, i: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let to = std::slice::from_raw_parts_mut(self.g.dq.at(b, h, i), self.p.width);
            for share in 1..self.shares {
                let from = std::slice::from_raw_parts(self.dq(share).at(b, h, i), self.p.width);
                to.iter_mut().zip(from).for_each(|(to, x)| *to += *x);
            }
        }
    }
}

/// One share of the keys of one head, with all queries of the heads that belong to it.
struct Task<'a, T> {
    split: &'a Split<'a, T>,
    task: usize,
    places: [*mut T; 4],
}

impl<I: Isa, T: Real> Kernel<I> for Task<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Split { p, g, shares, share, .. } = self.split;
        let (head, part) = (self.task / shares, self.task % shares);
        let (b, kv) = (head / p.kv_heads, head % p.kv_heads);
        let (first, last) = (p.keys.min(part * share), p.keys.min((part + 1) * share));
        let dq = self.split.dq(part);
        let heads = kv * p.group()..(kv + 1) * p.group();
        let [turned, turned_g, weights, slopes] = self.places;
        // SAFETY: the caller of `backward` vouches for the problem, the scratch has room for the sizes.
        unsafe {
            let clear = |ptr: *mut T, width: usize| std::slice::from_raw_parts_mut(ptr, width).fill(T::ZERO);
            if part == 0 {
                heads.clone().for_each(|h| (0..p.queries).for_each(|i| clear(dq.at(b, h, i), p.width)));
            }
            (first..last).for_each(|j| clear(g.dk.at(b, kv, j), p.width));
            (first..last).for_each(|j| clear(g.dv.at(b, kv, j), p.value_width));
            for j in (first..last).step_by(KEYS) {
                let limit = last.min(j + KEYS);
                for h in heads.clone() {
                    for i in (0..p.queries).step_by(WIDE) {
                        let count = WIDE.min(p.queries - i);
                        let end = limit.min(p.seen(i + count));
                        if end <= j {
                            continue;
                        }
                        let (n, pitch) = (end - j, pitch(count));
                        let (weights, slopes) = (Tile { ptr: weights, pitch }, Tile { ptr: slopes, pitch });
                        let (q, back) = (p.q.at(b, h, i), g.g.at(b, h, i));
                        Problem::turn(q, p.q.row, count, p.width, turned, pitch);
                        Problem::turn(back, g.g.row, count, p.value_width, turned_g, pitch);
                        let mut means = [T::ZERO; WIDE];
                        for (r, mean) in means.iter_mut().enumerate().take(count) {
                            let row = |at: *const T| std::slice::from_raw_parts(at, p.value_width);
                            *mean = dot(row(g.g.at(b, h, i + r)), row(g.out.at(b, h, i + r)));
                        }
                        let mut logs = [T::INFINITY; WIDE];
                        logs[..count].copy_from_slice(std::slice::from_raw_parts(
                            g.logs.add((b * p.heads + h) * p.queries + i),
                            count,
                        ));
                        p.scores([b, h, i, j], count, end, turned, weights);
                        let v = (p.v.at(b, kv, j).cast_const(), [p.v.row, 1]);
                        let to = (slopes.ptr, pitch as isize);
                        T::product([n, p.value_width, pitch], v, (turned_g, pitch as isize), to, T::ONE, false);
                        slope::<I, T>(weights, slopes, n, &logs, &means);
                        // Three sums of products with what lies in rows: into values, keys, and queries.
                        let down = |tile: Tile<T>| (tile.ptr.cast_const(), [pitch as isize, 1]);
                        let to = (g.dv.at(b, kv, j), g.dv.row);
                        let from = (back.cast_const(), g.g.row);
                        T::product([n, count, p.value_width], down(weights), from, to, T::ONE, true);
                        let (to, from) = ((g.dk.at(b, kv, j), g.dk.row), (q.cast_const(), p.q.row));
                        T::product([n, count, p.width], down(slopes), from, to, p.scale, true);
                        let across = (slopes.ptr.cast_const(), [1, pitch as isize]);
                        let (to, from) = ((dq.at(b, h, i), dq.row), (p.k.at(b, kv, j).cast_const(), p.k.row));
                        T::product([count, n, p.width], across, from, to, p.scale, true);
                    }
                }
            }
        }
    }
}

/// Scores become weights; what came back to the weights becomes what comes back to the scores.
#[inline(always)]
unsafe fn slope<I: Isa, T: Real>(weights: Tile<T>, slopes: Tile<T>, rows: usize, logs: &[T; WIDE], means: &[T; WIDE]) {
    for c in (0..weights.pitch).step_by(LANES) {
        let (mut log, mut mean) = ([T::ZERO; LANES], [T::ZERO; LANES]);
        log.copy_from_slice(&logs[c..c + LANES]);
        mean.copy_from_slice(&means[c..c + LANES]);
        for j in 0..rows {
            // SAFETY: the caller's promise.
            let (weight, slope) = unsafe { (weights.lanes(j, c), slopes.lanes(j, c)) };
            for l in 0..LANES {
                weight[l] = (weight[l] - log[l]).exp_in::<I>();
                slope[l] = weight[l] * (slope[l] - mean[l]);
            }
        }
    }
}

/// Σ a·b in lanes.
#[inline(always)]
fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let mut lanes = [T::ZERO; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        (0..LANES).for_each(|l| lanes[l] += a[l] * b[l]);
    }
    a_rest.iter().zip(b_rest).zip(&mut lanes).for_each(|((a, b), lane)| *lane += *a * *b);
    lanes.iter().fold(T::ZERO, |sum, lane| sum + *lane)
}
