//! Distances between all rows of one matrix and all of another.

use crate::kernels::isa::{Isa, Kernel, dispatch};
use crate::kernels::threads::split;

/// Which norm of the difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// How many elements differ.
    Count,
    Sum,
    Euclid,
    Max,
    Power(f64),
}

impl Norm {
    pub fn of(p: f64) -> Norm {
        match p {
            0.0 => Norm::Count,
            1.0 => Norm::Sum,
            2.0 => Norm::Euclid,
            f64::INFINITY => Norm::Max,
            p => Norm::Power(p),
        }
    }
}

/// f32 or f64.
pub trait Float:
    Copy + Send + Sync + 'static + PartialOrd + std::ops::Sub<Output = Self> + std::ops::Add<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    fn abs(self) -> Self;
    fn square(self) -> Self;
    fn sqrt(self) -> Self;
    fn pow(self, p: f64) -> Self;
}
macro_rules! float {
    ($($t:ident)*) => {$(
        impl Float for $t {
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            #[inline(always)]
            fn abs(self) -> $t { $t::abs(self) }
            #[inline(always)]
            fn square(self) -> $t { self * self }
            #[inline(always)]
            fn sqrt(self) -> $t { $t::sqrt(self) }
            fn pow(self, p: f64) -> $t { self.powf(p as $t) }
        }
    )*};
}
float!(f32 f64);

/// Sums side by side, so that the loop becomes vectors; a fixed number, so that every machine gets the same.
const LANES: usize = 16;

/// Elements between a step of the loop over rows and the next, all dense.
struct Rows<'a, T> {
    x: &'a [T],
    rows: &'a [T],
    to: &'a mut [T],
    norm: Norm,
}

impl<I: Isa, T: Float> Kernel<I> for Rows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let size = self.x.len();
        macro_rules! each {
            (|$acc:ident, $d:ident| $fold:expr, |$a:ident, $b:ident| $join:expr, |$sum:ident| $end:expr) => {
                for (j, to) in self.to.iter_mut().enumerate() {
                    let y = &self.rows[j * size..][..size];
                    let mut acc = [T::ZERO; LANES];
                    let (xs, ys) = (self.x.chunks_exact(LANES), y.chunks_exact(LANES));
                    let (x_end, y_end) = (xs.remainder(), ys.remainder());
                    for (x, y) in xs.zip(ys) {
                        for i in 0..LANES {
                            let ($acc, $d) = (acc[i], x[i] - y[i]);
                            acc[i] = $fold;
                        }
                    }
                    for (i, (x, y)) in x_end.iter().zip(y_end).enumerate() {
                        let ($acc, $d) = (acc[i], *x - *y);
                        acc[i] = $fold;
                    }
                    let mut n = LANES;
                    while n > 1 {
                        n /= 2;
                        for i in 0..n {
                            let ($a, $b) = (acc[i], acc[i + n]);
                            acc[i] = $join;
                        }
                    }
                    let $sum = acc[0];
                    *to = $end;
                }
            };
        }
        /// NaN wins.
        #[inline(always)]
        fn greater<T: Float>(a: T, b: T) -> T {
            #[allow(clippy::eq_op)]
            if a > b || a != a { a } else { b }
        }
        match self.norm {
            Norm::Count => each!(|acc, d| acc + if d != T::ZERO { T::ONE } else { T::ZERO }, |a, b| a + b, |s| s),
            Norm::Sum => each!(|acc, d| acc + d.abs(), |a, b| a + b, |s| s),
            Norm::Euclid => each!(|acc, d| acc + d.square(), |a, b| a + b, |s| s.sqrt()),
            Norm::Max => each!(|acc, d| greater(acc, d.abs()), |a, b| greater(a, b), |s| s),
            Norm::Power(p) => each!(|acc, d| acc + d.abs().pow(p), |a, b| a + b, |s| s.pow(1.0 / p)),
        }
    }
}

/// `to[q, i, j] = |x[q, i] - y[q, j]|`, all dense: `batch` times `sizes[0]` rows, `sizes[1]` rows, of `sizes[2]` elements.
pub fn distances<T: Float>(x: &[T], y: &[T], to: &mut [T], sizes: [usize; 3], norm: Norm) {
    let [m, n, size] = sizes;
    if to.is_empty() {
        return;
    }
    struct Shared<T>(*mut T);
    // SAFETY: every task writes rows of its own.
    unsafe impl<T> Sync for Shared<T> {}
    impl<T> Shared<T> {
        fn at(&self, i: usize) -> *mut T {
            self.0.wrapping_add(i)
        }
    }
    let shared = Shared(to.as_mut_ptr());
    let grain = (16 * 1024 / (n * size.max(1))).max(1);
    split(to.len() / n, grain, &|from, until| {
        for row in from..until {
            // SAFETY: row `row` of the result, whole.
            let to = unsafe { std::slice::from_raw_parts_mut(shared.at(row * n), n) };
            let rows = &y[row / m * n * size..][..n * size];
            dispatch(Rows { x: &x[row * size..][..size], rows, to, norm });
        }
    });
}
