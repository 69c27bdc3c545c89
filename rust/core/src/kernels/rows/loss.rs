//! Cross-entropy of dense logits against class indices, fused: nothing the size of the logits is stored on the way forward.

use super::norm::Flat;
use super::softmax::{sum, sum_exp};
use crate::dtype::DType;
use crate::kernels::isa::{Isa, Kernel, dispatch};
use crate::kernels::reduce::folds::extreme;
use crate::kernels::reduce::moments::Exp;
use crate::kernels::reduce::tile::Scratch;
use crate::kernels::threads::{GRAIN, split};

/// `rows` rows of `classes` logits, each with a target in `0..classes`, or `ignore`.
pub struct CrossEntropy<'a> {
    pub rows: usize,
    pub classes: usize,
    pub targets: &'a [i64],
    pub ignore: i64,
    pub smoothing: f64,
    /// Weights of the classes, as f64.
    pub weights: Option<&'a [f64]>,
}

struct Forward<'a, W>(&'a CrossEntropy<'a>, Flat, *mut W, *mut W, usize, usize);
struct Backward<'a, W>(&'a CrossEntropy<'a>, Flat, *const W, *const W, Flat, usize, usize);

/// A pointer that threads share; each writes its own elements.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);
// SAFETY: as said.
unsafe impl<T> Sync for Shared<T> {}
impl<T> Shared<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}

impl CrossEntropy<'_> {
    /// The first target that is neither a class nor ignored.
    pub fn bad_target(&self) -> Option<i64> {
        self.targets.iter().copied().find(|&t| t != self.ignore && !(0..self.classes as i64).contains(&t))
    }

    fn weight(&self, class: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[class])
    }

    /// The sum of weights that a mean divides by.
    pub fn total_weight(&self) -> f64 {
        self.targets.iter().filter(|&&t| t != self.ignore).map(|&t| self.weight(t as usize)).sum()
    }

    /// The loss of each row (0 where ignored) and log Σ exp of its logits, as numbers of the compute type.
    ///
    /// # Safety
    /// `x` must have the elements that the shape names, the others room for one number for each row; targets are checked.
    pub unsafe fn forward(&self, x: Flat, loss: *mut u8, lse: *mut u8) -> bool {
        match x.dtype.compute() {
            DType::F32 => self.forward_as::<f32>(x, Shared(loss.cast()), Shared(lse.cast())),
            DType::F64 => self.forward_as::<f64>(x, Shared(loss.cast()), Shared(lse.cast())),
            _ => return false,
        }
        true
    }

    fn forward_as<W: Exp>(&self, x: Flat, loss: Shared<W>, lse: Shared<W>) {
        split(self.rows, (GRAIN / self.classes.max(1)).max(1), &|from, to| {
            dispatch(Forward(self, x, loss.get(), lse.get(), from, to))
        });
    }

    /// The gradient of x: `scale[row] · d loss[row] / dx`. `scale` are numbers of the compute type.
    ///
    /// # Safety
    /// As for `forward`.
    pub unsafe fn backward(&self, x: Flat, lse: *const u8, scale: *const u8, to: Flat) -> bool {
        let (lse, scale) = (lse.cast_mut(), scale.cast_mut());
        match x.dtype.compute() {
            DType::F32 => self.backward_as::<f32>(x, Shared(lse.cast()), Shared(scale.cast()), to),
            DType::F64 => self.backward_as::<f64>(x, Shared(lse.cast()), Shared(scale.cast()), to),
            _ => return false,
        }
        true
    }

    fn backward_as<W: Exp>(&self, x: Flat, lse: Shared<W>, scale: Shared<W>, to: Flat) {
        split(self.rows, (GRAIN / self.classes.max(1)).max(1), &|a, b| {
            dispatch(Backward(self, x, lse.get(), scale.get(), to, a, b))
        });
    }
}

impl<I: Isa, W: Exp> Kernel<I> for Forward<'_, W> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Forward(c, x, loss, lse, from, to) = self;
        let n = c.classes;
        let mut scratch = Scratch::of::<W>(n);
        let smooth = c.smoothing / n as f64;
        let all_weights: f64 = (0..n).map(|k| c.weight(k)).sum();
        for r in from..to {
            // SAFETY: row r exists, and has a place in each output.
            let x = unsafe { x.read::<W>(r * n, n, scratch.ptr().cast()) };
            let max = extreme::<W, false>(x);
            let log_sum = max.to_f64() + sum_exp::<I, W>(x, max).to_f64().ln();
            let target = c.targets[r];
            let value = if target == c.ignore {
                0.0
            } else {
                let t = target as usize;
                let own = c.weight(t) * (log_sum - x[t].to_f64());
                if c.smoothing == 0.0 {
                    own
                } else {
                    let total = match c.weights {
                        None => sum(x).to_f64(),
                        Some(w) => x.iter().zip(w).map(|(x, w)| x.to_f64() * w).sum(),
                    };
                    (1.0 - c.smoothing) * own + smooth * (all_weights * log_sum - total)
                }
            };
            // SAFETY: as above.
            unsafe {
                loss.add(r).write(W::of_f64(value));
                lse.add(r).write(W::of_f64(log_sum));
            }
        }
    }
}

impl<I: Isa, W: Exp> Kernel<I> for Backward<'_, W> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Backward(c, x, lse, scale, to, from, end) = self;
        let n = c.classes;
        let mut scratch = Scratch::of::<W>(2 * n);
        let scratch = scratch.ptr().cast::<W>();
        let smooth = c.smoothing / n as f64;
        let all_weights: f64 = (0..n).map(|k| c.weight(k)).sum();
        for r in from..end {
            // SAFETY: row r exists, and has a place in each operand.
            unsafe {
                let x = x.read::<W>(r * n, n, scratch);
                let (log_sum, scale) = (lse.add(r).read(), scale.add(r).read());
                let target = c.targets[r];
                to.write::<W>(r * n, n, scratch.add(n), |to| {
                    if target == c.ignore {
                        return to.fill(W::ZERO);
                    }
                    let own = (1.0 - c.smoothing) * c.weight(target as usize);
                    let p = scale * W::of_f64(own + smooth * all_weights);
                    let q = scale * W::of_f64(smooth);
                    match c.weights {
                        _ if c.smoothing == 0.0 => {
                            to.iter_mut().zip(x).for_each(|(to, x)| *to = (*x - log_sum).exp_in::<I>() * p);
                        }
                        None => {
                            to.iter_mut().zip(x).for_each(|(to, x)| *to = (*x - log_sum).exp_in::<I>() * p - q);
                        }
                        Some(w) => to.iter_mut().zip(x).zip(w).for_each(|((to, x), w)| {
                            *to = (*x - log_sum).exp_in::<I>() * p - q * W::of_f64(*w);
                        }),
                    }
                    let t = &mut to[target as usize];
                    *t = *t - scale * W::of_f64(own);
                });
            }
        }
    }
}
