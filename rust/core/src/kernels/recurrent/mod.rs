//! Recurrent layers: all steps of one layer in one direction, given what the input adds to the gates.
//!
//! Steps are packed: step t has the rows of the sequences that are that long, in the order of the batch. A step is cut into
//! blocks of rows and of units; a task multiplies the state by the weights of its units, all gates side by side, and goes on to
//! the gates while these are in the nearest cache. Sums are never cut: any number of threads gives the same bits.

mod backward;
mod forward;
#[cfg(test)]
mod tests;

pub use backward::{Back, backward};
pub use forward::{Results, forward};

use super::attention;
use super::isa::Isa;
use super::math;
use super::threads::split;
use smallvec::SmallVec;

/// f32 and f64.
pub trait Real: attention::Real + std::ops::Sub<Output = Self> {
    fn sigmoid<I: Isa>(self) -> Self;
    fn tanh<I: Isa>(self) -> Self;
}
macro_rules! real {
    ($($t:ty),*) => {$(
        impl Real for $t {
            #[inline(always)]
            fn sigmoid<I: Isa>(self) -> $t { math::Real::<I>::sigmoid(self) }
            #[inline(always)]
            fn tanh<I: Isa>(self) -> $t { math::Real::<I>::tanh(self) }
        }
    )*};
}
real!(f32, f64);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Gates: input, forget, cell, output.
    Lstm,
    /// Gates: reset, update, new.
    Gru,
    Tanh,
    Relu,
}

crate::saved_names! {
    Kind { Lstm, Gru, Tanh, Relu }
}

impl Kind {
    pub fn gates(self) -> usize {
        match self {
            Kind::Lstm => 4,
            Kind::Gru => 3,
            Kind::Tanh | Kind::Relu => 1,
        }
    }
}

/// Units of a task; its gates stand side by side in a row of `gates · UNITS`.
const UNITS: usize = 32;
/// Rows of a task.
const ROWS: usize = 64;

/// All arrays are dense.
#[derive(Clone, Copy)]
pub struct Problem<'a, T> {
    pub kind: Kind,
    /// Rows of each step; they do not grow.
    pub sizes: &'a [usize],
    /// From the last step to the first.
    pub reverse: bool,
    pub hidden: usize,
    /// What the input adds to the gates, `[rows, gates, hidden]`.
    pub x: *const T,
    /// The state at the start, `[batch, hidden]`.
    pub h0: *const T,
    /// The cell at the start (LSTM).
    pub c0: *const T,
    /// `[gates, hidden, hidden]`
    pub w: *const T,
    /// `[gates, hidden]`, or null.
    pub b: *const T,
}

// SAFETY: pointers to what callers vouch for; tasks write to places of their own.
unsafe impl<T> Sync for Problem<'_, T> {}

/// A step: its rows, where they start among all rows, and the same of the step before it, which had no rows at the start.
#[derive(Clone, Copy, Default, Debug)]
struct Step {
    at: usize,
    rows: usize,
    last_at: usize,
    last_rows: usize,
}

impl<T> Problem<'_, T> {
    fn batch(&self) -> usize {
        self.sizes.first().copied().unwrap_or(0)
    }

    fn width(&self) -> usize {
        self.kind.gates() * self.hidden
    }

    fn blocks(&self) -> usize {
        self.hidden.div_ceil(UNITS)
    }

    /// The steps in the order in which they are taken.
    fn steps(&self) -> Vec<Step> {
        let mut at = 0;
        let mut steps: Vec<Step> = self
            .sizes
            .iter()
            .map(|&rows| {
                at += rows;
                Step { at: at - rows, rows, ..Step::default() }
            })
            .collect();
        if self.reverse {
            steps.reverse();
        }
        for i in 1..steps.len() {
            (steps[i].last_at, steps[i].last_rows) = (steps[i - 1].at, steps[i - 1].rows);
        }
        steps
    }

    /// Row `r` of the state before a step, among all states or at the start.
    fn before(&self, step: &Step, states: *const T, start: *const T, r: usize) -> *const T {
        let (from, row) = if r < step.last_rows { (states, step.last_at + r) } else { (start, r) };
        from.wrapping_add(row * self.hidden)
    }
}

/// Ranges of rows, ROWS at most, none of which reaches across `cut`.
fn rows(total: usize, cut: usize) -> SmallVec<[(usize, usize); 4]> {
    let cut = cut.min(total);
    let blocks = |from: usize, to: usize| (from..to).step_by(ROWS).map(move |r| (r, to.min(r + ROWS)));
    blocks(0, cut).chain(blocks(cut, total)).collect()
}

/// Tasks of a step, on threads if they are worth it.
fn tasks(count: usize, cycles: usize, work: &(dyn Fn(usize) + Sync)) {
    let grain = (16 * 1024 * count).div_ceil(cycles.max(1)).max(1);
    split(count, grain, &|from, to| (from..to).for_each(work));
}

/// UNITS numbers, of which `width` are there.
///
/// # Safety
/// They are.
#[inline(always)]
unsafe fn load<T: Real>(from: *const T, width: usize) -> [T; UNITS] {
    if width == UNITS {
        // SAFETY: the caller's promise.
        return unsafe { from.cast::<[T; UNITS]>().read() };
    }
    let mut all = [T::ZERO; UNITS];
    for (i, x) in all.iter_mut().enumerate().take(width) {
        // SAFETY: the caller's promise.
        *x = unsafe { *from.add(i) };
    }
    all
}

/// The first `width` of UNITS numbers.
///
/// # Safety
/// There is room for them.
#[inline(always)]
unsafe fn store<T: Real>(all: &[T; UNITS], to: *mut T, width: usize) {
    if width == UNITS {
        // SAFETY: the caller's promise.
        return unsafe { to.cast::<[T; UNITS]>().write(*all) };
    }
    for (i, x) in all.iter().enumerate().take(width) {
        // SAFETY: the caller's promise.
        unsafe { *to.add(i) = *x };
    }
}
