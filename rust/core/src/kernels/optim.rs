//! Steps of optimisers over dense memory: each element of a parameter and of its state is read and written once.

use super::isa::{Isa, Kernel, dispatch};
use super::math::Real;
use super::threads::{GRAIN, split};

/// One parameter's memory; `state` pointers are null where an option does not need them.
pub struct Slices<T> {
    pub param: *mut T,
    pub grad: *const T,
    pub state: [*mut T; 3],
    pub len: usize,
}

// SAFETY: threads work on disjoint pieces.
unsafe impl<T> Sync for Slices<T> {}

/// Stochastic gradient descent, as `torch.optim.SGD` defines it.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    pub lr: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    pub dampening: f64,
    pub nesterov: bool,
    pub maximize: bool,
    pub is_first_step: bool,
}

/// Adam and AdamW, as `torch.optim` defines them; the bias corrections are those of one step count.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub weight_decay: f64,
    pub eps: f64,
    pub amsgrad: bool,
    pub maximize: bool,
    pub decoupled_weight_decay: bool,
    pub correction1: f64,
    pub correction2: f64,
}

/// A rule for one piece of a parameter.
pub trait Rule: Copy + Sync {
    /// # Safety
    /// The slices must be valid from `from` to `to`.
    unsafe fn run<I: Isa, T: Real<I>>(self, slices: &Slices<T>, from: usize, to: usize);
}

struct Piece<'a, R, T>(R, &'a Slices<T>, usize, usize);

impl<I: Isa, T: Real<I>, R: Rule> Kernel<I> for Piece<'_, R, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        // SAFETY: `step` was promised slices of this length.
        unsafe { self.0.run::<I, T>(self.1, self.2, self.3) }
    }
}

/// Applies a rule to a parameter, on several threads if it is long.
///
/// # Safety
/// The slices must be valid for their length, and no two of them the same memory.
pub unsafe fn step<T, R: Rule>(rule: R, slices: &Slices<T>)
where
    T: Real<super::isa::Plain> + Real<super::isa::Fused> + Real<super::isa::Fused512>,
{
    split(slices.len, GRAIN, &|from, to| dispatch(Piece(rule, slices, from, to)));
}

/// Elements that pass through registers together; a local block keeps the compiler from fearing aliases.
const BLOCK: usize = 64;

macro_rules! blocks {
    ($from:expr, $to:expr, |$at:ident, $len:ident| $body:block) => {{
        let mut $at = $from;
        while $at + BLOCK <= $to {
            {
                let $len = BLOCK;
                $body
            }
            $at += BLOCK;
        }
        while $at < $to {
            {
                let $len = 1;
                $body
            }
            $at += 1;
        }
    }};
}

impl Rule for Sgd {
    #[inline(always)]
    unsafe fn run<I: Isa, T: Real<I>>(self, s: &Slices<T>, from: usize, to: usize) {
        let of = T::of_f64;
        let (lr, momentum, decay, rest) =
            (of(self.lr), of(self.momentum), of(self.weight_decay), of(1.0 - self.dampening));
        let sign = if self.maximize { of(-1.0) } else { T::ONE };
        // SAFETY: the caller's promise, for every block.
        unsafe {
            blocks!(from, to, |at, len| {
                let mut p = [T::ZERO; BLOCK];
                let mut v = [T::ZERO; BLOCK];
                for i in 0..len {
                    let x = s.param.add(at + i).read();
                    let mut g = s.grad.add(at + i).read() * sign + decay * x;
                    if self.momentum != 0.0 {
                        let old = s.state[0].add(at + i);
                        let moved = if self.is_first_step { g } else { momentum * old.read() + rest * g };
                        v[i] = moved;
                        g = if self.nesterov { g + momentum * moved } else { moved };
                    }
                    p[i] = x - lr * g;
                }
                s.param.add(at).copy_from_nonoverlapping(p.as_ptr(), len);
                if self.momentum != 0.0 {
                    s.state[0].add(at).copy_from_nonoverlapping(v.as_ptr(), len);
                }
            });
        }
    }
}

impl Rule for Adam {
    #[inline(always)]
    unsafe fn run<I: Isa, T: Real<I>>(self, s: &Slices<T>, from: usize, to: usize) {
        let of = T::of_f64;
        let sign = if self.maximize { of(-1.0) } else { T::ONE };
        let (shrink, decay) = if self.decoupled_weight_decay {
            (of(1.0 - self.lr * self.weight_decay), T::ZERO)
        } else {
            (T::ONE, of(self.weight_decay))
        };
        let (first, second, beta2) = (of(1.0 - self.beta1), of(1.0 - self.beta2), of(self.beta2));
        let (size, root, eps) = (of(self.lr / self.correction1), of(self.correction2.sqrt()), of(self.eps));
        // SAFETY: the caller's promise, for every block.
        unsafe {
            blocks!(from, to, |at, len| {
                let mut new = [[T::ZERO; BLOCK]; 4];
                for i in 0..len {
                    let x = s.param.add(at + i).read() * shrink;
                    let g = s.grad.add(at + i).read() * sign + decay * x;
                    let mean = s.state[0].add(at + i).read();
                    let mean = mean + first * (g - mean);
                    let square = beta2 * s.state[1].add(at + i).read() + second * g * g;
                    let mut below = square;
                    if self.amsgrad {
                        let most = s.state[2].add(at + i).read();
                        below = if most > square { most } else { square };
                        new[3][i] = below;
                    }
                    new[0][i] = x - size * mean / (below.sqrt() / root + eps);
                    new[1][i] = mean;
                    new[2][i] = square;
                }
                s.param.add(at).copy_from_nonoverlapping(new[0].as_ptr(), len);
                s.state[0].add(at).copy_from_nonoverlapping(new[1].as_ptr(), len);
                s.state[1].add(at).copy_from_nonoverlapping(new[2].as_ptr(), len);
                if self.amsgrad {
                    s.state[2].add(at).copy_from_nonoverlapping(new[3].as_ptr(), len);
                }
            });
        }
    }
}
