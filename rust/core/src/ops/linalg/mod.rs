//! Linear algebra: factorisations, systems, determinants, spectra. The kernels work on one matrix of f64 or complex128; here are the
//! batches, the checks, and the gradients.

mod derived;
mod det;
mod factor;
mod householder;
mod ldl;
mod lu;
mod matrix_exp;
mod pinv;
mod solve;
mod spectral;

pub use derived::*;
pub use det::*;
pub use factor::*;
pub use householder::*;
pub use ldl::*;
pub use lu::*;
pub use matrix_exp::*;
pub use pinv::*;
pub use solve::*;
pub use spectral::*;

use crate::dtype::{C128, Complex, DType, Scalar};
use crate::error::{Error, Result};
use crate::kernels::linalg::{Field, Mat};
use crate::kernels::threads;
use crate::layout::{Shape, broadcast};
use crate::op::Out;
use crate::ops::Term;
use crate::ops::shape::{adjoint, diag_embed, tril, triu};
use crate::ops::ternary::where_op;
use crate::tensor::Tensor;

crate::entries!(
    OPS: Cholesky, CholeskySolve, Qr, Solve, Inverse, SolveTriangular, Det, SlogDet, LuFactor, Permutation as "LuPermutation", Eigh, Eig,
    Svd, Geqrf, HouseholderProduct, Ormqr, LdlFactor, LdlSolve, MatrixExp, Pinv
);

/// Runs `$body` with `$F` bound to the type in which matrices of this dtype are worked on.
macro_rules! in_field {
    ($dtype:expr, $F:ident => $body:expr) => {
        if $dtype.is_complex() {
            type $F = crate::dtype::C128;
            $body
        } else {
            type $F = f64;
            $body
        }
    };
}
pub(crate) use in_field;

/// The matrices of a batch, wherever they lie.
pub(crate) struct Stack {
    start: *mut u8,
    dtype: DType,
    /// Where each matrix begins, in elements.
    places: Vec<isize>,
    pub rows: usize,
    pub cols: usize,
    steps: (isize, isize),
}
// SAFETY: each matrix is read or written by one thread; the tensor outlives the stack.
unsafe impl Sync for Stack {}

impl Stack {
    /// The last two dimensions are the matrices'.
    pub fn matrices(t: &Tensor) -> Stack {
        let (shape, strides) = (t.shape(), t.strides());
        let n = shape.len() - 2;
        Stack::new(t, n, [shape[n], shape[n + 1]], (strides[n], strides[n + 1]))
    }
    /// The last dimension is a vector's.
    pub fn vectors(t: &Tensor) -> Stack {
        let n = t.ndim() - 1;
        Stack::new(t, n, [t.shape()[n], 1], (t.strides()[n], 0))
    }
    /// All dimensions are the batch's.
    pub fn numbers(t: &Tensor) -> Stack {
        Stack::new(t, t.ndim(), [1, 1], (0, 0))
    }
    fn new(t: &Tensor, batch: usize, [rows, cols]: [usize; 2], steps: (isize, isize)) -> Stack {
        let mut places = vec![0];
        for (&size, &stride) in t.shape()[..batch].iter().zip(t.strides()) {
            places = places.iter().flat_map(|&p| (0..size as isize).map(move |i| p + i * stride)).collect();
        }
        Stack { start: t.ptr(), dtype: t.dtype(), places, rows, cols, steps }
    }
    pub fn batch(&self) -> usize {
        self.places.len()
    }

    /// Calls `f(i, j, place)` for each element of matrix `b`.
    fn each(&self, b: usize, mut f: impl FnMut(usize, usize, isize)) {
        for j in 0..self.cols {
            let column = self.places[b] + j as isize * self.steps.1;
            for i in 0..self.rows {
                f(i, j, column + i as isize * self.steps.0);
            }
        }
    }

    pub fn get<F: Field>(&self, b: usize) -> Mat<F> {
        let mut mat = Mat::zeros(self.rows, self.cols);
        let rows = self.rows;
        macro_rules! read {
            ($t:ty, $x:ident => $value:expr) => {
                self.each(b, |i, j, at| {
                    // SAFETY: within the live tensor of this dtype that the stack was made of.
                    let $x = unsafe { *self.start.cast::<$t>().offset(at) };
                    mat.data[j * rows + i] = $value;
                })
            };
        }
        match self.dtype {
            DType::F32 => read!(f32, x => F::of(x as f64, 0.0)),
            DType::F64 => read!(f64, x => F::of(x, 0.0)),
            DType::C64 => read!(Complex<f32>, x => F::of(x.re as f64, x.im as f64)),
            _ => read!(C128, x => F::of(x.re, x.im)),
        }
        mat
    }

    /// Writes the upper left corner of a matrix that is at least as large.
    pub fn put<F: Field>(&self, b: usize, mat: &Mat<F>) {
        macro_rules! write {
            ($t:ty, $x:ident => $value:expr) => {
                self.each(b, |i, j, at| {
                    let $x = mat.data[j * mat.rows + i];
                    // SAFETY: as in `get`; this tensor is ours to write.
                    unsafe { *self.start.cast::<$t>().offset(at) = $value };
                })
            };
        }
        match self.dtype {
            DType::F32 => write!(f32, x => x.re() as f32),
            DType::F64 => write!(f64, x => x.re()),
            DType::C64 => write!(Complex<f32>, x => Complex::new(x.re() as f32, x.im() as f32)),
            _ => write!(C128, x => C128::new(x.re(), x.im())),
        }
    }
    pub fn put_vector<F: Field>(&self, b: usize, values: &[F]) {
        self.put(b, &Mat { rows: values.len(), cols: 1, data: values.to_vec() });
    }

    pub fn get_ints(&self, b: usize) -> Vec<i32> {
        // SAFETY: as in `get`, of int32.
        (0..self.rows)
            .map(|i| unsafe { *self.start.cast::<i32>().offset(self.places[b] + i as isize * self.steps.0) })
            .collect()
    }
    pub fn put_ints(&self, b: usize, values: &[i32]) {
        self.each(b, |i, _, at| {
            // SAFETY: as in `put`, of int32.
            unsafe { *self.start.cast::<i32>().offset(at) = values[i] };
        });
    }
}

/// Calls `work` for each matrix of a batch, on several threads where that pays.
pub(crate) fn for_each(batch: usize, cost: usize, work: impl Fn(usize) + Sync) {
    let grain = (100_000 / cost.max(1)).max(1);
    threads::split(batch, grain, &|from, to| (from..to).for_each(&work));
}

/// About how much work a factorisation is.
pub(crate) fn cost(x: &Stack) -> usize {
    x.rows.saturating_mul(x.cols).saturating_mul(x.rows.min(x.cols)).max(1)
}

fn fail<T>(op: &'static str, text: String) -> Result<T> {
    Err(Error::custom(op, text))
}

/// A batch of matrices of a dtype that there are factorisations for.
fn check_matrices(op: &'static str, name: &str, x: &Tensor) -> Result<()> {
    if x.ndim() < 2 {
        return fail(
            op,
            format!("The input tensor {name} must have at least 2 dimensions, got shape {:?}.", x.shape()),
        );
    }
    check_float(op, x)
}

fn check_float(op: &'static str, x: &Tensor) -> Result<()> {
    let name = x.dtype().scalar_name();
    match x.dtype() {
        DType::F16 | DType::BF16 => fail(op, format!("Low precision dtypes not supported. Got {name}")),
        dtype if dtype.is_differentiable() => Ok(()),
        _ => fail(op, format!("Expected a floating point or complex tensor as input. Got {name}")),
    }
}

fn check_square(op: &'static str, name: &str, x: &Tensor) -> Result<()> {
    check_matrices(op, name, x)?;
    let [.., rows, cols] = *x.shape() else { return Ok(()) };
    if rows != cols {
        return fail(op, format!("{name} must be batches of square matrices, but they are {rows} by {cols} matrices"));
    }
    Ok(())
}

fn check_same(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    if a.dtype() != b.dtype() {
        let (a, b) = (a.dtype().scalar_name(), b.dtype().scalar_name());
        return fail(
            op,
            format!("Expected A and B to have the same dtype, but found A of type {a} and B of type {b} instead"),
        );
    }
    Ok(())
}

/// Rows and columns of the matrices.
pub(crate) fn sizes(x: &Tensor) -> (usize, usize) {
    let [.., rows, cols] = *x.shape() else { return (1, x.numel()) };
    (rows, cols)
}

/// The dimensions before the matrices'.
pub(crate) fn batch(x: &Tensor) -> &[usize] {
    &x.shape()[..x.ndim().saturating_sub(2)]
}

pub(crate) fn join(batch: &[usize], rest: &[usize]) -> Shape {
    batch.iter().chain(rest).copied().collect()
}

/// Both with the batch dimensions that they broadcast to.
fn broadcast_batches(op: &'static str, a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let shape = broadcast(op, batch(a), batch(b))?;
    let wide = |x: &Tensor| x.expand(&join(&shape, &x.shape()[x.ndim() - 2..]));
    Ok((wide(a)?, wide(b)?))
}

/// For ops that do not broadcast themselves.
fn check_batches(op: &'static str, a: &Tensor, b: &[usize]) -> Result<()> {
    if batch(a) != b {
        return Err(Error::shape(op, format!("the batch dimensions {:?}", batch(a)), b));
    }
    Ok(())
}

/// The first matrix that `info` marks, in words for an error: its number in the batch, and the mark.
fn first_failure(info: &Tensor) -> Result<Option<(String, i64)>> {
    let all = info.to_cpu()?.to_vec::<i32>()?;
    let Some(b) = all.iter().position(|&i| i != 0) else { return Ok(None) };
    let place = if info.ndim() == 0 { String::new() } else { format!("(Batch element {b}): ") };
    Ok(Some((place, all[b] as i64)))
}

/// A LinAlgError if `info` marks a matrix; `why` says what the mark means.
fn check_info(op: &'static str, info: &Tensor, why: impl Fn(i64) -> String) -> Result<()> {
    match first_failure(info)? {
        Some((place, mark)) => Err(Error::LinAlg { op, message: place + &why(mark) }),
        None => Ok(()),
    }
}

/// Matrices in formulas.
pub(crate) trait Matrix {
    fn mm(&self, other: &Term) -> Term;
    /// The conjugate transpose.
    fn h(&self) -> Term;
    fn tril(&self, diagonal: i64) -> Term;
    fn triu(&self, diagonal: i64) -> Term;
    fn diagonal(&self) -> Term;
    fn diag_embed(&self) -> Term;
    /// The first columns, or the first rows.
    fn columns(&self, from: usize, len: usize) -> Term;
    fn rows(&self, from: usize, len: usize) -> Term;
    fn unsqueeze(&self, dim: i64) -> Term;
    /// The lower triangle with half of the diagonal.
    fn half_lower(&self) -> Term;
}
impl Matrix for Term {
    fn mm(&self, other: &Term) -> Term {
        self.then(|a| a.matmul(other.0.as_ref().map_err(Clone::clone)?))
    }
    fn h(&self) -> Term {
        self.then(adjoint)
    }
    fn tril(&self, diagonal: i64) -> Term {
        self.then(|x| tril(x, diagonal, Out::New))
    }
    fn triu(&self, diagonal: i64) -> Term {
        self.then(|x| triu(x, diagonal, Out::New))
    }
    fn diagonal(&self) -> Term {
        self.then(|x| crate::ops::shape::diagonal(x, 0, -2, -1))
    }
    fn diag_embed(&self) -> Term {
        self.then(|x| diag_embed(x, 0, -2, -1))
    }
    fn columns(&self, from: usize, len: usize) -> Term {
        self.then(|x| x.narrow(-1, from, len))
    }
    fn rows(&self, from: usize, len: usize) -> Term {
        self.then(|x| x.narrow(-2, from, len))
    }
    fn unsqueeze(&self, dim: i64) -> Term {
        self.then(|x| x.unsqueeze(dim))
    }
    fn half_lower(&self) -> Term {
        (self.tril(0) + self.tril(-1)) * 0.5
    }
}

/// x with ones where its diagonal was.
pub(crate) fn with_ones(x: &Tensor) -> Result<Tensor> {
    let (rows, cols) = sizes(x);
    let eye = crate::ops::create::eye(rows as i64, cols as i64, DType::Bool)?;
    where_op((&eye).into(), Scalar::Float(1.0).into(), x.into(), Out::New)
}

/// The identity of this size and of x's dtype.
pub(crate) fn eye_like(x: &Tensor, n: usize) -> Result<Tensor> {
    crate::ops::create::eye(n as i64, n as i64, x.dtype())
}
