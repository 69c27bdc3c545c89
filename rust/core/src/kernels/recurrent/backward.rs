//! Steps backward, from the last taken to the first.

use super::{Kind, Problem, ROWS, Real, Step, UNITS, load, store, tasks};
use crate::kernels::isa::{Isa, Kernel, dispatch};

/// What `forward` left, what comes back, and where gradients go; dense. `x` and `b` of the problem are not read.
#[derive(Clone, Copy)]
pub struct Back<T> {
    pub y: *const T,
    pub gates: *const T,
    pub inner: *const T,
    /// To the states of all steps; null if nothing comes back to them.
    pub gy: *const T,
    /// In: what comes back to the last states and cells. Out: the gradients of those at the start.
    pub dh: *mut T,
    pub dc: *mut T,
    /// The gradient of what the input adds to the gates.
    pub dx: *mut T,
    /// The gradient of what the state adds: the same but for GRU.
    pub ds: *mut T,
}

// SAFETY: pointers to what the caller of `backward` vouches for; tasks write to places of their own.
unsafe impl<T> Sync for Back<T> {}

/// # Safety
/// Pointers must be valid for the sizes; what is written is distinct and overlaps nothing (but `ds`, which may be `dx`).
pub unsafe fn backward<T: Real>(p: &Problem<T>, g: &Back<T>) {
    let weights = blocks(p);
    let steps = p.steps();
    // A task brings its units of the state's gradient from the step after it, and goes on with their gates.
    let mut after: Option<&Step> = None;
    for step in steps.iter().rev().map(Some).chain([None]) {
        let mine = step.map_or(0, |s| s.rows);
        let theirs = after.map_or(0, |s| s.rows);
        let count = mine.max(theirs).div_ceil(ROWS);
        let cycles = mine.max(theirs) * p.hidden * (p.width() / 16 + 8);
        tasks(count * p.blocks(), cycles, &|task| {
            let (block, first) = (task % p.blocks(), task / p.blocks() * ROWS);
            dispatch(Units { p, g, step, after, first, block, weights: &weights });
        });
        after = step;
    }
}

/// For each block of units the weights that lead to it, `[gates · hidden, UNITS]`, padded with zeros.
fn blocks<T: Real>(p: &Problem<T>) -> Vec<T> {
    let (hidden, width) = (p.hidden, p.width());
    let mut all = vec![T::ZERO; p.blocks() * width * UNITS];
    for (block, to) in all.chunks_exact_mut((width * UNITS).max(1)).enumerate() {
        let units = UNITS.min(hidden - block * UNITS);
        for (row, to) in to.chunks_exact_mut(UNITS).enumerate() {
            // SAFETY: weights of the problem.
            let from = unsafe { std::slice::from_raw_parts(p.w.add(row * hidden + block * UNITS), units) };
            to[..units].copy_from_slice(from);
        }
    }
    all
}

struct Units<'a, T> {
    p: &'a Problem<'a, T>,
    g: &'a Back<T>,
    /// The step whose gates get their gradients, and the one taken after it, whose gates have theirs.
    step: Option<&'a Step>,
    after: Option<&'a Step>,
    first: usize,
    block: usize,
    weights: &'a [T],
}

impl<I: Isa, T: Real> Kernel<I> for Units<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Units { p, g, step, after, first, block, weights } = self;
        let (hidden, all, unit) = (p.hidden, p.width(), block * UNITS);
        let width = UNITS.min(hidden - unit);
        let place = |array: *mut T, row: usize| array.wrapping_add(row * hidden + unit);
        // SAFETY: the caller of `backward` vouches for the problem.
        unsafe {
            if let Some(after) = after.filter(|s| s.rows > first) {
                let from = (g.ds.add((after.at + first) * all).cast_const(), [all as isize, 1]);
                let w = (weights.as_ptr().add(block * all * UNITS), UNITS as isize);
                let to = (place(g.dh, first), hidden as isize);
                T::product([ROWS.min(after.rows - first), all, width], from, w, to, T::ONE, p.kind == Kind::Gru);
            }
            let Some(step) = step else { return };
            for r in first..step.rows.min(first + ROWS) {
                let at = step.at + r;
                let gate = |k: usize| (at * p.kind.gates() + k) * hidden + unit;
                let mut dh = load(place(g.dh, r), width);
                if !g.gy.is_null() {
                    let gy = load(g.gy.add(at * hidden + unit), width);
                    (0..UNITS).for_each(|u| dh[u] += gy[u]);
                }
                match p.kind {
                    Kind::Lstm => {
                        let [mut i, mut f, mut n, mut o] = [0, 1, 2, 3].map(|k| load(g.gates.add(gate(k)), width));
                        let c = load(g.inner.add(at * hidden + unit), width);
                        let before = load(p.before(step, g.inner, p.c0, r).add(unit), width);
                        let mut dc = load(place(g.dc, r), width);
                        for u in 0..UNITS {
                            let t = c[u].tanh::<I>();
                            dc[u] += dh[u] * o[u] * (T::ONE - t * t);
                            o[u] = dh[u] * t * o[u] * (T::ONE - o[u]);
                            let (di, dn) = (dc[u] * n[u], dc[u] * i[u]);
                            i[u] = di * i[u] * (T::ONE - i[u]);
                            n[u] = dn * (T::ONE - n[u] * n[u]);
                            let df = dc[u] * before[u];
                            dc[u] = dc[u] * f[u];
                            f[u] = df * f[u] * (T::ONE - f[u]);
                        }
                        store(&dc, place(g.dc, r), width);
                        for (k, d) in [&i, &f, &n, &o].into_iter().enumerate() {
                            store(d, g.dx.add(gate(k)), width);
                        }
                    }
                    Kind::Gru => {
                        let [mut r_, mut z, mut n] = [0, 1, 2].map(|k| load(g.gates.add(gate(k)), width));
                        let mut hn = load(g.inner.add(at * hidden + unit), width);
                        let before = load(p.before(step, g.y, p.h0, r).add(unit), width);
                        for u in 0..UNITS {
                            let (dz, dn) = (dh[u] * (before[u] - n[u]), dh[u] * (T::ONE - z[u]));
                            dh[u] = dh[u] * z[u];
                            z[u] = dz * z[u] * (T::ONE - z[u]);
                            n[u] = dn * (T::ONE - n[u] * n[u]);
                            let by = r_[u];
                            r_[u] = n[u] * hn[u] * by * (T::ONE - by);
                            hn[u] = n[u] * by;
                        }
                        // What the weights bring back is added to this.
                        store(&dh, place(g.dh, r), width);
                        for (k, (x, s)) in [(&r_, &r_), (&z, &z), (&n, &hn)].into_iter().enumerate() {
                            store(x, g.dx.add(gate(k)), width);
                            store(s, g.ds.add(gate(k)), width);
                        }
                    }
                    Kind::Tanh | Kind::Relu => {
                        let y = load(g.y.add(at * hidden + unit), width);
                        for u in 0..UNITS {
                            dh[u] = match p.kind {
                                Kind::Tanh => dh[u] * (T::ONE - y[u] * y[u]),
                                _ if y[u] <= T::ZERO => T::ZERO,
                                _ => dh[u],
                            };
                        }
                        store(&dh, g.dx.add(gate(0)), width);
                    }
                }
            }
        }
    }
}
