//! Dense matrices: factorisations and what is solved with them.
//!
//! All of it is done in two types, f64 and complex128, whatever the tensors hold: that is half the code, and float32 comes out
//! correctly rounded where the problem allows it. A matrix lies column by column, so that every inner loop runs along memory;
//! the two loops that take the time, [`axpy`] and [`dot`], are compiled for each instruction set. One matrix is one thread's
//! work: the bits do not depend on the number of threads.

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
        for j in 0..other.cols {
            let to = product.col_mut(j);
            for (k, &b) in other.col(j).iter().enumerate() {
                axpy(b, self.col(k), to);
            }
        }
        product
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
