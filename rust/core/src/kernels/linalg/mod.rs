//! Dense matrices: factorisations and what is solved with them.
//!
//! All of it is done in two types, f64 and complex128, whatever the tensors hold: that is half the code, and float32 comes out
//! correctly rounded where the problem allows it. A matrix lies column by column, so that every inner loop runs along memory:
//! [`axpy`], [`dot`] and [`turn`] are compiled for each instruction set. Large matrices are worked on in blocks, whose products
//! take the road of all products. Threads share columns or rows out, never a sum: the bits do not depend on their number.

pub mod cholesky;
pub mod eig;
pub mod eigh;
pub mod exp;
pub mod ldl;
pub mod lu;
pub mod qr;
pub mod svd;
pub mod triangular;

use super::isa::{self, Isa, Kernel};
use super::{matmul, threads};
use crate::dtype::{C128, Num};
use std::ops::{Div, Index, IndexMut, Neg};

/// f64 or complex128.
pub trait Field: Num + Div<Output = Self> + Neg<Output = Self> {
    const COMPLEX: bool;
    fn re(self) -> f64;
    fn im(self) -> f64;
    fn of(re: f64, im: f64) -> Self;
    fn scale(self, by: f64) -> Self;
    /// a·b + c
    fn mul_add_to(self, b: Self, c: Self, fma: bool) -> Self;
    /// C ← C − A·B on the calling thread, for sizes m, k, n. Each comes as its first element and the step from column to column.
    ///
    /// # Safety
    /// All are valid for these sizes; nobody else touches C, which overlaps neither A nor B.
    unsafe fn subtract(size: [usize; 3], a: (*const Self, usize), b: (*const Self, usize), c: (*mut Self, usize));
    fn modulus(self) -> f64 {
        if Self::COMPLEX { self.re().hypot(self.im()) } else { self.re().abs() }
    }
    /// |re| + |im|, by which LAPACK chooses pivots.
    fn size(self) -> f64 {
        self.re().abs() + self.im().abs()
    }
    fn square(self) -> f64 {
        self.re() * self.re() + self.im() * self.im()
    }
    fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl Field for f64 {
    const COMPLEX: bool = false;
    #[inline(always)]
    fn re(self) -> f64 {
        self
    }
    #[inline(always)]
    fn im(self) -> f64 {
        0.0
    }
    #[inline(always)]
    fn of(re: f64, _: f64) -> f64 {
        re
    }
    #[inline(always)]
    fn scale(self, by: f64) -> f64 {
        self * by
    }
    #[inline(always)]
    fn mul_add_to(self, b: f64, c: f64, fma: bool) -> f64 {
        if fma { self.mul_add(b, c) } else { self * b + c }
    }
    unsafe fn subtract([m, k, n]: [usize; 3], a: (*const f64, usize), b: (*const f64, usize), c: (*mut f64, usize)) {
        // Columns side by side are the rows of transposes: Cᵀ ← Cᵀ − Bᵀ·Aᵀ.
        let rows = (b.0, [b.1 as isize, 1]);
        // SAFETY: the caller's promise.
        unsafe { matmul::product([n, k, m], rows, (a.0, a.1 as isize), (c.0, c.1 as isize), -1.0, true) };
    }
}

impl Field for C128 {
    const COMPLEX: bool = true;
    #[inline(always)]
    fn re(self) -> f64 {
        self.re
    }
    #[inline(always)]
    fn im(self) -> f64 {
        self.im
    }
    #[inline(always)]
    fn of(re: f64, im: f64) -> C128 {
        C128::new(re, im)
    }
    #[inline(always)]
    fn scale(self, by: f64) -> C128 {
        C128::new(self.re * by, self.im * by)
    }
    #[inline(always)]
    fn mul_add_to(self, b: C128, c: C128, _: bool) -> C128 {
        self * b + c
    }
    unsafe fn subtract([m, k, n]: [usize; 3], a: (*const C128, usize), b: (*const C128, usize), c: (*mut C128, usize)) {
        for j in 0..n {
            // SAFETY: the caller's promise.
            let to = unsafe { std::slice::from_raw_parts_mut(c.0.add(j * c.1), m) };
            for p in 0..k {
                // SAFETY: as above.
                let (by, from) = unsafe { (*b.0.add(j * b.1 + p), std::slice::from_raw_parts(a.0.add(p * a.1), m)) };
                axpy(-by, from, to);
            }
        }
    }
}

/// Rows and columns that are worked on at once, where a matrix is large.
pub const BLOCK: usize = 64;
const COLUMNS: usize = 64;
const ROWS: usize = 128;

/// Where a matrix begins, for threads that work on parts of it that are apart.
#[derive(Clone, Copy)]
struct Start<F>(*mut F);
// SAFETY: an address; who follows it says why nobody else is there.
unsafe impl<F> Sync for Start<F> {}
// SAFETY: as above.
unsafe impl<F> Send for Start<F> {}
impl<F> Start<F> {
    /// # Safety
    /// The element must lie in the matrix.
    unsafe fn at(&self, element: usize) -> *mut F {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(element) }
    }
}

/// A matrix, column by column.
#[derive(Clone)]
pub struct Mat<F> {
    pub rows: usize,
    pub cols: usize,
    pub data: Vec<F>,
}

impl<F: Field> Mat<F> {
    pub fn zeros(rows: usize, cols: usize) -> Mat<F> {
        Mat { rows, cols, data: vec![F::ZERO; rows * cols] }
    }
    /// Ones on the diagonal, which need not be a square's.
    pub fn eye(rows: usize, cols: usize) -> Mat<F> {
        let mut eye = Mat::zeros(rows, cols);
        for i in 0..rows.min(cols) {
            eye[(i, i)] = F::ONE;
        }
        eye
    }
    pub fn col(&self, j: usize) -> &[F] {
        &self.data[j * self.rows..][..self.rows]
    }
    pub fn col_mut(&mut self, j: usize) -> &mut [F] {
        &mut self.data[j * self.rows..][..self.rows]
    }
    /// Column `i` to read and column `j` to write; they differ.
    pub fn read_write(&mut self, i: usize, j: usize) -> (&[F], &mut [F]) {
        let (first, second) = self.two(i.min(j), i.max(j));
        if i < j { (first, second) } else { (second, first) }
    }
    /// Columns i < j.
    pub fn two(&mut self, i: usize, j: usize) -> (&mut [F], &mut [F]) {
        let (left, right) = self.data.split_at_mut(j * self.rows);
        (&mut left[i * self.rows..][..self.rows], &mut right[..self.rows])
    }
    pub fn swap_rows(&mut self, a: usize, b: usize) {
        if a != b {
            for column in self.data.chunks_exact_mut(self.rows) {
                column.swap(a, b);
            }
        }
    }
    pub fn swap_cols(&mut self, a: usize, b: usize) {
        if a != b {
            let (x, y) = self.two(a.min(b), a.max(b));
            x.swap_with_slice(y);
        }
    }
    /// The conjugate transpose.
    pub fn adjoint(&self) -> Mat<F> {
        let mut turned = Mat::zeros(self.cols, self.rows);
        for j in 0..self.cols {
            for i in 0..self.rows {
                turned[(j, i)] = self[(i, j)].conj();
            }
        }
        turned
    }
    pub fn mul(&self, other: &Mat<F>) -> Mat<F> {
        let mut product = Mat::zeros(self.rows, other.cols);
        product.subtract((0, 0), self, other);
        product.data.iter_mut().for_each(|x| *x = -*x);
        product
    }
    /// Takes a·b from the block that begins at (i, j).
    pub fn subtract(&mut self, (i, j): (usize, usize), a: &Mat<F>, b: &Mat<F>) {
        let (rows, size) = (self.rows, [a.rows, a.cols, b.cols]);
        assert!(a.cols == b.rows && i + a.rows <= rows && j + b.cols <= self.cols, "a block that lies inside");
        if size.contains(&0) {
            return;
        }
        let start = Start(self.data.as_mut_ptr());
        // The blocks of columns are those of the shape, whoever works on them.
        let work = size.iter().product::<usize>();
        threads::split(b.cols.div_ceil(COLUMNS), if work < 1 << 18 { usize::MAX } else { 1 }, &|from, to| {
            for first in (from..to).map(|block| block * COLUMNS) {
                let n = COLUMNS.min(b.cols - first);
                // SAFETY: within the matrices, as asserted; the blocks of columns are apart.
                unsafe {
                    let c = start.at((j + first) * rows + i);
                    let b = b.data.as_ptr().add(first * b.rows);
                    F::subtract([a.rows, a.cols, n], (a.data.as_ptr(), a.rows), (b, size[1]), (c, rows));
                }
            }
        });
    }
    /// A copy of the block that begins at (i, j).
    pub fn block(&self, (i, j): (usize, usize), rows: usize, cols: usize) -> Mat<F> {
        let data = (j..j + cols).flat_map(|j| &self.col(j)[i..i + rows]).copied().collect();
        Mat { rows, cols, data }
    }
    pub fn put(&mut self, (i, j): (usize, usize), block: &Mat<F>) {
        for k in 0..block.cols {
            self.col_mut(j + k)[i..i + block.rows].copy_from_slice(block.col(k));
        }
    }
    /// The block from (i, j) on times a vector, times `by`. The rows are shared out.
    pub fn times(&self, (i, j): (usize, usize), v: &[F], by: F) -> Vec<F> {
        let mut w = vec![F::ZERO; self.rows - i];
        let (rows, start) = (w.len(), Start(w.as_mut_ptr()));
        threads::split(rows, (64 * 1024 / v.len().max(1)).max(ROWS), &|from, to| {
            // SAFETY: rows that nobody else works on.
            let part = unsafe { std::slice::from_raw_parts_mut(start.at(from), to - from) };
            for (k, &x) in v.iter().enumerate() {
                axpy(by * x, &self.col(j + k)[i + from..i + to], part);
            }
        });
        w
    }
    /// Calls `work` with each of the columns from `first` on, on several threads if there is enough to do.
    pub fn each_column(&mut self, first: usize, work: impl Fn(usize, &mut [F]) + Sync) {
        let (rows, cols, start) = (self.rows, self.cols, Start(self.data.as_mut_ptr()));
        let grain = (16 * 1024 / rows.max(1)).max(1);
        threads::split(cols.saturating_sub(first), grain, &|from, to| {
            for j in first + from..first + to {
                // SAFETY: a column of the matrix, which nobody else works on.
                work(j, unsafe { std::slice::from_raw_parts_mut(start.at(j * rows), rows) });
            }
        });
    }
    /// Turns pairs of columns: `(i, j, c, s)` makes (c·xᵢ + s·xⱼ, c·xⱼ − s·xᵢ) of them, one after the other. The rows are shared out.
    pub fn turn_columns(&mut self, turns: &[(usize, usize, f64, f64)]) {
        let (rows, start) = (self.rows, Start(self.data.as_mut_ptr()));
        assert!(turns.iter().all(|&(i, j, ..)| i != j && i.max(j) < self.cols), "two columns each");
        let blocks = rows.div_ceil(ROWS);
        threads::split(blocks, if rows * turns.len() < 1 << 15 { usize::MAX } else { 1 }, &|from, to| {
            for first in (from..to).map(|block| block * ROWS) {
                let n = ROWS.min(rows - first);
                for &(i, j, c, s) in turns {
                    // SAFETY: parts of two columns, in rows that nobody else works on.
                    unsafe {
                        let x = std::slice::from_raw_parts_mut(start.at(i * rows + first), n);
                        let y = std::slice::from_raw_parts_mut(start.at(j * rows + first), n);
                        turn(x, y, c, s);
                    }
                }
            }
        });
    }
    pub fn is_finite(&self) -> bool {
        self.data.iter().all(|x| x.re().is_finite() && x.im().is_finite())
    }
}

impl<F> Index<(usize, usize)> for Mat<F> {
    type Output = F;
    #[inline(always)]
    fn index(&self, (i, j): (usize, usize)) -> &F {
        debug_assert!(i < self.rows);
        &self.data[j * self.rows + i]
    }
}
impl<F> IndexMut<(usize, usize)> for Mat<F> {
    #[inline(always)]
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut F {
        debug_assert!(i < self.rows);
        &mut self.data[j * self.rows + i]
    }
}

struct Axpy<'a, F>(F, &'a [F], &'a mut [F]);
impl<I: Isa, F: Field> Kernel<I> for Axpy<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Axpy(a, x, y) = self;
        for (y, &x) in y.iter_mut().zip(x) {
            *y = a.mul_add_to(x, *y, I::FMA);
        }
    }
}

/// y += a·x
pub fn axpy<F: Field>(a: F, x: &[F], y: &mut [F]) {
    if !a.is_zero() {
        isa::dispatch(Axpy(a, x, y));
    }
}

struct Dot<'a, F>(&'a [F], &'a [F]);
impl<I: Isa, F: Field> Kernel<I> for Dot<'_, F> {
    type Output = F;
    #[inline(always)]
    fn run(self) -> F {
        const LANES: usize = 8;
        let Dot(x, y) = self;
        let n = x.len().min(y.len());
        let mut sums = [F::ZERO; LANES];
        let (xs, ys) = (x[..n].chunks_exact(LANES), y[..n].chunks_exact(LANES));
        let rest = xs.remainder().iter().zip(ys.remainder());
        for (x, y) in xs.zip(ys) {
            for k in 0..LANES {
                sums[k] = x[k].conj().mul_add_to(y[k], sums[k], I::FMA);
            }
        }
        for (k, (&x, &y)) in rest.enumerate() {
            sums[k] = x.conj().mul_add_to(y, sums[k], I::FMA);
        }
        for half in [4, 2, 1] {
            for k in 0..half {
                sums[k] = sums[k] + sums[k + half];
            }
        }
        sums[0]
    }
}

/// Σ conj(x)·y
pub fn dot<F: Field>(x: &[F], y: &[F]) -> F {
    isa::dispatch(Dot(x, y))
}

struct Turn<'a, F>(&'a mut [F], &'a mut [F], f64, f64);
impl<I: Isa, F: Field> Kernel<I> for Turn<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Turn(x, y, c, s) = self;
        for (x, y) in x.iter_mut().zip(y) {
            let (a, b) = (*x, *y);
            *x = a.scale(c) + b.scale(s);
            *y = b.scale(c) - a.scale(s);
        }
    }
}

/// (x, y) ← (c·x + s·y, c·y − s·x)
pub fn turn<F: Field>(x: &mut [F], y: &mut [F], c: f64, s: f64) {
    isa::dispatch(Turn(x, y, c, s));
}

/// The 2-norm, without overflow on the way.
pub fn norm<F: Field>(x: &[F]) -> f64 {
    let sum = dot(x, x).re();
    if sum > 1e-280 && sum < 1e280 {
        return sum.sqrt();
    }
    let most = x.iter().fold(0.0f64, |m, v| m.max(v.modulus()));
    if most == 0.0 || !most.is_finite() {
        return if x.iter().any(|v| v.is_nan()) { f64::NAN } else { most };
    }
    most * x.iter().map(|v| v.scale(1.0 / most).square()).sum::<f64>().sqrt()
}
