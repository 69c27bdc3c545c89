//! The micro-kernel, and the loop over a block that calls it: B's rows are dense (in place or packed), A lies anyhow.

use super::vector::{Real, Task, Vector};

/// Longest run of k in one sum; a longer one loses accuracy.
pub const RUN: usize = 256;

/// `c = alpha·a·b + add` for `m × n` of C, with all of k. In what order an element is summed depends on k and `thin`
/// alone, not on where it lies in the block: any cut of a product into blocks gives the same bits.
#[derive(Clone, Copy)]
pub struct Block<T> {
    /// m, k, n.
    pub size: [usize; 3],
    pub a: *const T,
    pub a_steps: [isize; 2],
    pub b: *const T,
    /// From row to row of B; `None` for stripes as `pack` lays them.
    pub b_row: Option<isize>,
    pub c: *mut T,
    pub c_row: isize,
    pub alpha: T,
    /// Null, or rows of dense elements: C itself, or a row that all rows share.
    pub add: *const T,
    pub add_row: isize,
    /// Four sums for each element, to hide the latency of addition where there are few elements.
    pub thin: bool,
}

/// Vectors of the next stripe where `left` are left, such that no stripe of one is left behind a wide one.
#[inline(always)]
pub fn stripe<V: Vector>(left: usize) -> usize {
    if V::WIDTH == 2 { left.min(2) } else { [0, 1, 2, 3, 2, 3][left.min(5)] }
}

impl<T: Real> Task for Block<T> {
    type T = T;

    #[inline(always)]
    unsafe fn run<V: Vector<T = T>>(self) {
        let [_, k, n] = self.size;
        let mut j = 0;
        while j < n {
            let left = n - j;
            let vectors = stripe::<V>(left.div_ceil(V::LANES));
            let width = left.min(vectors * V::LANES);
            // SAFETY: columns j..j + width are in the block.
            unsafe {
                let (b, b_row) = match self.b_row {
                    Some(row) => (self.b.add(j), row),
                    None => (self.b.add(j * k), (vectors * V::LANES) as isize),
                };
                let add = if self.add.is_null() { self.add } else { self.add.add(j) };
                let of = Stripe { block: &self, b, b_row, c: self.c.add(j), add, width };
                match vectors {
                    1 => of.rows::<V, 1>(),
                    2 => of.rows::<V, 2>(),
                    _ => of.rows::<V, 3>(),
                }
            }
            j += width;
        }
    }
}

struct Stripe<'a, T> {
    block: &'a Block<T>,
    b: *const T,
    b_row: isize,
    c: *mut T,
    add: *const T,
    width: usize,
}

impl<T: Real> Stripe<'_, T> {
    #[inline(always)]
    unsafe fn rows<V: Vector<T = T>, const NV: usize>(&self) {
        let m = self.block.size[0];
        let mut i = 0;
        macro_rules! step {
            ($rows:literal) => {{
                // SAFETY: rows i..i + $rows are in the block.
                unsafe { self.tile::<V, $rows, NV, 1>(i) };
                i += $rows;
            }};
        }
        if self.block.thin {
            while i < m {
                // SAFETY: as above.
                unsafe { self.tile::<V, 1, NV, 4>(i) };
                i += 1;
            }
            return;
        }
        while i < m {
            // As many accumulators as the registers hold beside a row of B and an element of A.
            match (m - i, V::MANY, NV) {
                (16.., true, 1) => step!(16),
                (12.., true, 2) => step!(12),
                (8.., true, _) => step!(8),
                (8.., false, 1) => step!(8),
                (6.., true, _) | (6.., false, 1 | 2) => step!(6),
                (4.., ..) => step!(4),
                (3, ..) => step!(3),
                (2, ..) => step!(2),
                _ => step!(1),
            }
        }
    }

    /// MR rows by NV vectors, from row `i`; each element in U sums.
    #[inline(always)]
    unsafe fn tile<V: Vector<T = T>, const MR: usize, const NV: usize, const U: usize>(&self, i: usize) {
        let Block { size: [_, k, _], a, a_steps: [rs, cs], c_row, alpha, add_row, .. } = *self.block;
        let last = self.width - (NV - 1) * V::LANES;
        let (mut add, mut add_row) = (self.add.wrapping_offset(i as isize * add_row), add_row);
        let c = self.c.wrapping_offset(i as isize * c_row);
        let (mut a, mut b) = (a.wrapping_offset(i as isize * rs), self.b);
        let offset = [0, rs, 2 * rs, 3 * rs];
        let mut adds = !self.add.is_null();
        let mut done = 0;
        // SAFETY: rows and columns lie in the block, whose maker vouches for it; the pointers step past the end only
        // by wrapping arithmetic, after their last use.
        unsafe {
            while done < k {
                let run = RUN.min(k - done);
                let mut acc = [[[V::zero(); NV]; MR]; U];
                macro_rules! step {
                    ($u:expr) => {{
                        let mut v = [V::zero(); NV];
                        for (j, v) in v.iter_mut().enumerate() {
                            let p = b.wrapping_add(V::LANES * j);
                            *v = if j + 1 < NV { V::load(p) } else { V::load_first(last, p) };
                        }
                        for (i, row) in acc[$u].iter_mut().enumerate() {
                            let four = (i / 4 * 4) as isize;
                            let x = V::splat(*a.wrapping_offset(four * rs).wrapping_offset(offset[i % 4]));
                            for (acc, v) in row.iter_mut().zip(v) {
                                *acc = x.mul_add(v, *acc);
                            }
                        }
                        a = a.wrapping_offset(cs);
                        b = b.wrapping_offset(self.b_row);
                    }};
                }
                for _ in 0..run / U {
                    for u in 0..U {
                        step!(u);
                    }
                }
                for u in 0..run % U {
                    step!(u);
                }
                let (sums, others) = acc.split_at_mut(1);
                let sums = &mut sums[0];
                for other in others.iter() {
                    for (row, other) in sums.iter_mut().zip(other) {
                        for (sum, other) in row.iter_mut().zip(other) {
                            *sum = sum.add(*other);
                        }
                    }
                }
                let alpha = V::splat(alpha);
                for (i, row) in sums.iter().enumerate() {
                    let (to, add) = (c.wrapping_offset(i as isize * c_row), add.wrapping_offset(i as isize * add_row));
                    for (j, &acc) in row.iter().enumerate() {
                        let (to, add) = (to.wrapping_add(V::LANES * j), add.wrapping_add(V::LANES * j));
                        if j + 1 < NV {
                            let old = if adds { V::load(add) } else { V::zero() };
                            alpha.mul_add(acc, old).store(to);
                        } else {
                            let old = if adds { V::load_first(last, add) } else { V::zero() };
                            alpha.mul_add(acc, old).store_first(last, to);
                        }
                    }
                }
                (add, add_row, adds) = (c.cast_const(), c_row, true);
                done += run;
            }
        }
    }
}

/// The same where B is large and in place, and A has few rows: `DEEP` rows of B at a time are read along, as so many
/// streams, instead of stripes down.
#[derive(Clone, Copy)]
pub struct Skinny<T>(pub Block<T>);

const DEEP: usize = 16;

impl<T: Real> Task for Skinny<T> {
    type T = T;

    #[inline(always)]
    unsafe fn run<V: Vector<T = T>>(self) {
        let Skinny(mut block) = self;
        let k = block.size[1];
        for p in (0..k).step_by(DEEP) {
            block.size[1] = DEEP.min(k - p);
            // SAFETY: rows p.. of B and columns p.. of A are in the block.
            unsafe {
                V::enter(block);
                block.a = block.a.wrapping_offset(DEEP as isize * block.a_steps[1]);
                block.b = block.b.wrapping_offset(DEEP as isize * block.b_row.unwrap_or(0));
            }
            (block.add, block.add_row) = (block.c, block.c_row);
        }
    }
}
