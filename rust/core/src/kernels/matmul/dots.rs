//! Few rows times a matrix whose columns are dense: sums along k, four columns at a time. Reads the matrix once.

use super::source::{Source, load};
use super::vector::{Task, Vector};

/// `sums[i, j] = Σ a[i, p]·b[p, j]`; rows of A and columns of B are dense.
pub struct Dots<S: Source> {
    /// m, k, n.
    pub size: [usize; 3],
    pub a: *const S,
    pub a_row: isize,
    pub b: *const S,
    pub b_col: isize,
    pub sums: *mut S::T,
    pub sums_row: isize,
}

/// Columns at a time.
const COLS: usize = 4;

impl<S: Source> Task for Dots<S> {
    type T = S::T;

    #[inline(always)]
    unsafe fn run<V: Vector<T = S::T>>(self) {
        let [m, _, n] = self.size;
        let mut j = 0;
        while j < n {
            // How many sums an element has depends on its row alone.
            let width = if n - j >= COLS { COLS } else { 1 };
            let mut i = 0;
            // SAFETY: rows i.. and columns j.. are in the product.
            unsafe {
                while i < m {
                    i += match (m - i, width) {
                        (4.., COLS) if V::MANY => self.tile::<V, 4, COLS, 1>(i, j),
                        (4.., _) if V::MANY => self.tile::<V, 4, 1, 1>(i, j),
                        (2.., COLS) => self.tile::<V, 2, COLS, 1>(i, j),
                        (2.., _) => self.tile::<V, 2, 1, 1>(i, j),
                        (_, COLS) => self.tile::<V, 1, COLS, 2>(i, j),
                        _ => self.tile::<V, 1, 1, 2>(i, j),
                    };
                }
            }
            j += width;
        }
    }
}

impl<S: Source> Dots<S> {
    /// MR rows from `i` by C columns from `j`, with U sums for each element. Returns MR.
    #[inline(always)]
    unsafe fn tile<V: Vector<T = S::T>, const MR: usize, const C: usize, const U: usize>(
        &self,
        i: usize,
        j: usize,
    ) -> usize {
        let k = self.size[1];
        let a: [_; MR] = std::array::from_fn(|r| self.a.wrapping_offset((i + r) as isize * self.a_row));
        let b: [_; C] = std::array::from_fn(|c| self.b.wrapping_offset((j + c) as isize * self.b_col));
        // SAFETY: loads are held to k elements of a row or column.
        unsafe {
            let mut acc = [[[V::zero(); C]; MR]; U];
            macro_rules! step {
                ($u:expr, $p:expr, $n:expr) => {{
                    let mut v = [V::zero(); C];
                    for (v, b) in v.iter_mut().zip(b) {
                        *v = load::<V, S>($n, b.add($p));
                    }
                    for (row, a) in acc[$u].iter_mut().zip(a) {
                        let x = load::<V, S>($n, a.add($p));
                        for (acc, v) in row.iter_mut().zip(v) {
                            *acc = x.mul_add(v, *acc);
                        }
                    }
                }};
            }
            let mut p = 0;
            while p + U * V::LANES <= k {
                for u in 0..U {
                    step!(u, p + u * V::LANES, V::LANES);
                }
                p += U * V::LANES;
            }
            while p < k {
                step!(0, p, V::LANES.min(k - p));
                p += V::LANES;
            }
            for r in 0..MR {
                for c in 0..C {
                    let mut sum = acc[0][r][c];
                    for acc in &acc[1..] {
                        sum = sum.add(acc[r][c]);
                    }
                    *self.sums.offset((i + r) as isize * self.sums_row).add(j + c) = sum.sum();
                }
            }
        }
        MR
    }
}
