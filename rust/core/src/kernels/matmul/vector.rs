//! Vectors of the four types that products are summed in, for each instruction set.
//!
//! Kernels are generic over [`Vector`] and `#[inline(always)]`; [`Task::on`] runs one inside a function that carries
//! the `#[target_feature]` of the level, so the intrinsics below become single instructions.

use crate::kernels::isa::Level;

/// A type that sums are made in: f32, f64, and i32, i64, which wrap.
pub trait Real: Copy + Default + PartialEq + Send + Sync + std::fmt::Debug + 'static {
    const ZERO: Self;
    const ONE: Self;
    /// Its vectors of 512 and 256 bits, and those that every machine has.
    type V512: Vector<T = Self>;
    type V256: Vector<T = Self>;
    type V128: Vector<T = Self>;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn negative(self) -> Self;
}

/// `LANES` values of `T`.
///
/// # Safety
/// All functions may only run on machines that have the instructions, and pointers must be good for the lanes named.
pub unsafe trait Vector: Copy + 'static {
    type T: Real;
    const LANES: usize;
    /// Whether there are 32 registers (else 16).
    const MANY: bool;
    /// Vectors of columns that a tile has at most.
    const WIDTH: usize;
    /// Calls a task in a function of its own, compiled for these vectors.
    unsafe fn enter<K: Task<T = Self::T>>(task: K);
    unsafe fn zero() -> Self;
    unsafe fn splat(x: Self::T) -> Self;
    unsafe fn load(from: *const Self::T) -> Self;
    /// The first `n` lanes; the others are zero, and not touched in memory.
    unsafe fn load_first(n: usize, from: *const Self::T) -> Self;
    unsafe fn store(self, to: *mut Self::T);
    unsafe fn store_first(self, n: usize, to: *mut Self::T);
    /// `self * b + c`, in one rounding where the machine can.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    unsafe fn add(self, b: Self) -> Self;

    /// Sum of the lanes, in an order that `LANES` fixes.
    #[inline(always)]
    unsafe fn sum(self) -> Self::T {
        let mut lanes = [Self::T::ZERO; 16];
        // SAFETY: no vector has more than 16 lanes.
        unsafe { self.store(lanes.as_mut_ptr()) };
        let mut n = Self::LANES;
        while n > 1 {
            n /= 2;
            for i in 0..n {
                lanes[i] = lanes[i].plus(lanes[i + n]);
            }
        }
        lanes[0]
    }

    /// Transposes `rows` rows (at most LANES) of `cols` dense elements (at most LANES), `stride` apart, into `cols`
    /// whole vectors, `ld` apart, padded with zeros.
    #[inline(always)]
    unsafe fn transpose(from: *const Self::T, stride: isize, rows: usize, cols: usize, to: *mut Self::T, ld: usize) {
        for c in 0..cols {
            for r in 0..Self::LANES {
                // SAFETY: the caller's promise.
                unsafe {
                    let x = if r < rows { *from.offset(r as isize * stride + c as isize) } else { Self::T::ZERO };
                    *to.add(c * ld + r) = x;
                }
            }
        }
    }
}

/// Work that is compiled once for each instruction set.
pub trait Task: Sized {
    type T: Real;
    /// # Safety
    /// The machine has the instructions of `V`, and the task's own promises hold.
    unsafe fn run<V: Vector<T = Self::T>>(self);

    /// # Safety
    /// The machine has `level`, and the task's own promises hold.
    #[inline(always)]
    unsafe fn on(self, level: Level) {
        // SAFETY: the caller's promise.
        unsafe {
            match level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => avx512(self),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => avx2(self),
                _ => baseline(self),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
pub unsafe fn avx512<K: Task>(task: K) {
    // SAFETY: the caller's promise.
    unsafe { task.run::<<K::T as Real>::V512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
pub unsafe fn avx2<K: Task>(task: K) {
    // SAFETY: the caller's promise.
    unsafe { task.run::<<K::T as Real>::V256>() }
}

// A call, as the others are: inlined, it would stand in every place that runs the task.
#[inline(never)]
pub unsafe fn baseline<K: Task>(task: K) {
    // SAFETY: the caller's promise.
    unsafe { task.run::<<K::T as Real>::V128>() }
}

#[inline(never)]
unsafe fn plain<V: Vector, K: Task<T = V::T>>(task: K) {
    // SAFETY: the caller's promise.
    unsafe { task.run::<V>() }
}

/// 16 bytes in plain Rust, which LLVM turns into SSE2 or NEON; also what fills the places of vectors that the target
/// does not have.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Plain<T, const N: usize>([T; N]);

// SAFETY: plain Rust runs everywhere.
unsafe impl<T: Real, const N: usize> Vector for Plain<T, N> {
    type T = T;
    const LANES: usize = N;
    const MANY: bool = cfg!(target_arch = "aarch64");
    const WIDTH: usize = if Self::MANY { 3 } else { 2 };

    #[inline(always)]
    unsafe fn enter<K: Task<T = T>>(task: K) {
        // SAFETY: the task's promises are the caller's.
        unsafe { plain::<Self, K>(task) }
    }
    #[inline(always)]
    unsafe fn zero() -> Self {
        Plain([T::ZERO; N])
    }
    #[inline(always)]
    unsafe fn splat(x: T) -> Self {
        Plain([x; N])
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller's promise.
        Plain(unsafe { from.cast::<[T; N]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_first(n: usize, from: *const T) -> Self {
        let mut lanes = [T::ZERO; N];
        if n >= N {
            // SAFETY: the caller's promise.
            return unsafe { Self::load(from) };
        }
        for (i, lane) in lanes.iter_mut().enumerate().take(n) {
            // SAFETY: the caller's promise.
            *lane = unsafe { *from.add(i) };
        }
        Plain(lanes)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[T; N]>().write_unaligned(self.0) };
    }
    #[inline(always)]
    unsafe fn store_first(self, n: usize, to: *mut T) {
        if n >= N {
            // SAFETY: the caller's promise.
            return unsafe { self.store(to) };
        }
        for (i, lane) in self.0.iter().enumerate().take(n) {
            // SAFETY: the caller's promise.
            unsafe { *to.add(i) = *lane };
        }
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i].times(b.0[i]).plus(c.0[i])))
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i].plus(b.0[i])))
    }
}

#[cfg(target_arch = "x86_64")]
use super::x86 as wide;

/// Off x86 the plain vectors are the only ones.
#[cfg(not(target_arch = "x86_64"))]
mod wide {
    use super::Plain;
    pub type F32x16 = Plain<f32, 4>;
    pub type F32x8 = Plain<f32, 4>;
    pub type F32x4 = Plain<f32, 4>;
    pub type F64x8 = Plain<f64, 2>;
    pub type F64x4 = Plain<f64, 2>;
    pub type F64x2 = Plain<f64, 2>;
    pub type I32x16 = Plain<i32, 4>;
    pub type I32x8 = Plain<i32, 4>;
    pub type I64x8 = Plain<i64, 2>;
    pub type I64x4 = Plain<i64, 2>;
}

macro_rules! real {
    ($($t:ty: $v512:ty, $v256:ty, $v128:ty, $one:literal, $plus:expr, $times:expr, $negative:expr;)*) => {$(
        impl Real for $t {
            const ZERO: Self = 0 as $t;
            const ONE: Self = $one;
            type V512 = $v512;
            type V256 = $v256;
            type V128 = $v128;
            #[inline(always)]
            fn plus(self, other: Self) -> Self { $plus(self, other) }
            #[inline(always)]
            fn times(self, other: Self) -> Self { $times(self, other) }
            #[inline(always)]
            fn negative(self) -> Self { $negative(self) }
        }
    )*};
}
real! {
    f32: wide::F32x16, wide::F32x8, wide::F32x4, 1.0, |a, b| a + b, |a, b| a * b, |a: f32| -a;
    f64: wide::F64x8, wide::F64x4, wide::F64x2, 1.0, |a, b| a + b, |a, b| a * b, |a: f64| -a;
    i32: wide::I32x16, wide::I32x8, Plain<i32, 4>, 1, i32::wrapping_add, i32::wrapping_mul, i32::wrapping_neg;
    i64: wide::I64x8, wide::I64x4, Plain<i64, 2>, 1, i64::wrapping_add, i64::wrapping_mul, i64::wrapping_neg;
}
