//! Steps forward.

use super::{Kind, Problem, ROWS, Real, Step, UNITS, load, rows, store, tasks};
use crate::kernels::isa::{Isa, Kernel, dispatch};
use crate::kernels::matmul::Scratch;

/// What is written; dense. The last two are for `backward` and may be null.
#[derive(Clone, Copy)]
pub struct Results<T> {
    /// The states of all steps, `[rows, hidden]`.
    pub y: *mut T,
    /// The last state of each sequence, `[batch, hidden]`, and its cell (LSTM).
    pub h: *mut T,
    pub c: *mut T,
    /// The gates after their functions (LSTM, GRU).
    pub gates: *mut T,
    /// The cells of all steps (LSTM), or what the state adds to the new gate (GRU).
    pub inner: *mut T,
}

// SAFETY: pointers to what the caller of `forward` vouches for; tasks write to places of their own.
unsafe impl<T> Sync for Results<T> {}

/// # Safety
/// Pointers must be valid for the sizes; what is written is distinct and overlaps nothing.
pub unsafe fn forward<T: Real>(p: &Problem<T>, to: &Results<T>) {
    let (hidden, batch, gates) = (p.hidden, p.batch(), p.kind.gates());
    let weights = turned(p);
    if p.kind == Kind::Lstm {
        // SAFETY: both have `batch` rows.
        unsafe { to.c.copy_from_nonoverlapping(p.c0, batch * hidden) };
    }
    let steps = p.steps();
    for step in &steps {
        let blocks = rows(step.rows, step.last_rows);
        let cycles = step.rows * hidden * gates * (hidden / 16 + 2);
        tasks(blocks.len() * p.blocks(), cycles, &|task| {
            let (block, rows) = (task % p.blocks(), blocks[task / p.blocks()]);
            dispatch(Units { p, to, step, rows, block, weights: &weights });
        });
    }
    // The last state of a sequence is that of the last step that has it.
    for (i, step) in steps.iter().enumerate() {
        let done = steps.get(i + 1).map_or(0, |next| next.rows).min(step.rows);
        let from = (step.at + done) * hidden;
        // SAFETY: rows of this step, of which there are at most `batch`.
        unsafe { to.h.add(done * hidden).copy_from_nonoverlapping(to.y.add(from), (step.rows - done) * hidden) };
    }
}

/// For each block of units the weights of all its gates, `[hidden, gates · UNITS]`, padded with zeros.
fn turned<T: Real>(p: &Problem<T>) -> Vec<T> {
    let (hidden, gates) = (p.hidden, p.kind.gates());
    let pitch = gates * UNITS;
    let mut all = vec![T::ZERO; p.blocks() * hidden * pitch];
    for (block, to) in all.chunks_exact_mut((hidden * pitch).max(1)).enumerate() {
        let width = UNITS.min(hidden - block * UNITS);
        for (k, row) in to.chunks_exact_mut(pitch).enumerate() {
            for (gate, row) in row.chunks_exact_mut(UNITS).enumerate() {
                let first = (gate * hidden + block * UNITS) * hidden + k;
                for (u, x) in row.iter_mut().enumerate().take(width) {
                    // SAFETY: a weight of the problem.
                    *x = unsafe { *p.w.add(first + u * hidden) };
                }
            }
        }
    }
    all
}

/// One block of units in one block of rows of a step.
struct Units<'a, T> {
    p: &'a Problem<'a, T>,
    to: &'a Results<T>,
    step: &'a Step,
    rows: (usize, usize),
    block: usize,
    weights: &'a [T],
}

impl<I: Isa, T: Real> Kernel<I> for Units<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Units { p, to, step, rows: (first, last), block, weights } = self;
        let (hidden, pitch, unit) = (p.hidden, p.kind.gates() * UNITS, block * UNITS);
        let width = UNITS.min(hidden - unit);
        let scratch = Scratch::take(ROWS * pitch * size_of::<T>());
        let tile = scratch.ptr().cast::<T>();
        // SAFETY: the caller of `forward` vouches for the problem; the scratch has room for a tile.
        unsafe {
            let state = p.before(step, to.y, p.h0, first);
            let w = weights.as_ptr().add(block * hidden * pitch);
            let steps = [hidden as isize, 1];
            let size = [last - first, hidden, pitch];
            T::product(size, (state, steps), (w, pitch as isize), (tile, pitch as isize), T::ONE, false);
            for r in first..last {
                let at = step.at + r;
                let sum = |gate: usize| {
                    let mut z = load(tile.add((r - first) * pitch + gate * UNITS), UNITS);
                    if !p.b.is_null() {
                        let b = load(p.b.add(gate * hidden + unit), width);
                        (0..UNITS).for_each(|u| z[u] += b[u]);
                    }
                    z
                };
                let x = |gate: usize| load(p.x.add((at * p.kind.gates() + gate) * hidden + unit), width);
                let both = |gate: usize| {
                    let (mut z, x) = (sum(gate), x(gate));
                    (0..UNITS).for_each(|u| z[u] += x[u]);
                    z
                };
                let keep = |gate: usize, z: &[T; UNITS]| {
                    if !to.gates.is_null() {
                        store(z, to.gates.add((at * p.kind.gates() + gate) * hidden + unit), width);
                    }
                };
                let inner = |z: &[T; UNITS]| {
                    if !to.inner.is_null() {
                        store(z, to.inner.add(at * hidden + unit), width);
                    }
                };
                let mut h = [T::ZERO; UNITS];
                match p.kind {
                    Kind::Lstm => {
                        let [mut i, mut f, mut g, mut o] = [0, 1, 2, 3].map(both);
                        let place = to.c.add(r * hidden + unit);
                        let mut c = load(place, width);
                        for u in 0..UNITS {
                            i[u] = i[u].sigmoid::<I>();
                            f[u] = f[u].sigmoid::<I>();
                            o[u] = o[u].sigmoid::<I>();
                        }
                        for u in 0..UNITS {
                            g[u] = g[u].tanh::<I>();
                            c[u] = f[u] * c[u] + i[u] * g[u];
                            h[u] = o[u] * c[u].tanh::<I>();
                        }
                        store(&c, place, width);
                        inner(&c);
                        [(0, &i), (1, &f), (2, &g), (3, &o)].iter().for_each(|(gate, z)| keep(*gate, z));
                    }
                    Kind::Gru => {
                        let ([mut r_, mut z], mut n, hn) = ([0, 1].map(both), x(2), sum(2));
                        let before = load(p.before(step, to.y, p.h0, r).add(unit), width);
                        for u in 0..UNITS {
                            r_[u] = r_[u].sigmoid::<I>();
                            z[u] = z[u].sigmoid::<I>();
                        }
                        for u in 0..UNITS {
                            n[u] = (n[u] + r_[u] * hn[u]).tanh::<I>();
                            h[u] = n[u] + z[u] * (before[u] - n[u]);
                        }
                        inner(&hn);
                        [(0, &r_), (1, &z), (2, &n)].iter().for_each(|(gate, z)| keep(*gate, z));
                    }
                    Kind::Tanh => {
                        h = both(0);
                        (0..UNITS).for_each(|u| h[u] = h[u].tanh::<I>());
                    }
                    Kind::Relu => {
                        h = both(0);
                        // NaN stays.
                        (0..UNITS).for_each(|u| h[u] = if h[u] <= T::ZERO { T::ZERO } else { h[u] });
                    }
                }
                store(&h, to.y.add(at * hidden + unit), width);
            }
        }
    }
}
