//! Sixteen numbers side by side: what the micro-kernels are written in. AVX-512 holds them in one register (two for
//! f64), AVX2 in two (four); the portable form is an array that LLVM vectorises for whatever the target has.
//!
//! All methods are `#[inline(always)]` and must end up in a function that enables the instruction set they need.

use crate::dtype::Num;
use crate::kernels::matmul::Source;
use std::ops::AddAssign;

/// Element types that have micro-kernels.
pub trait Real: Num + Source + AddAssign {
    /// Whether the Winograd transforms, which are in f32, apply.
    const SINGLE: bool;
    /// The kernels for the best instruction set of this machine.
    fn micro() -> &'static super::micro::Micro<Self>;
}

/// # Safety
/// Every method needs the instruction set of its type; pointers must be valid for the lanes named.
pub trait Lanes: Copy {
    type T: Real;
    unsafe fn splat(x: Self::T) -> Self;
    unsafe fn load(p: *const Self::T) -> Self;
    /// Lanes from `n` on are zero and their memory is not read.
    unsafe fn load_first(p: *const Self::T, n: usize) -> Self;
    unsafe fn store(self, p: *mut Self::T);
    /// Lanes `from..to` go to `p[from..to]`; nothing else is touched, so `p` itself may lie outside the object.
    unsafe fn store_part(self, p: *mut Self::T, from: usize, to: usize);
    /// Lane `i` goes to `p[2 i]`, for the first `n` lanes; nothing else is touched.
    #[inline(always)]
    unsafe fn store_even(self, p: *mut Self::T, n: usize) {
        let mut a = [Self::T::default(); 16];
        // SAFETY: the caller's promise.
        unsafe {
            self.store(a.as_mut_ptr());
            for (i, x) in a.iter().enumerate().take(n) {
                *p.add(2 * i) = *x;
            }
        }
    }
    /// `self * b + c`
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    /// `a0 b0 a1 b1 …`
    unsafe fn zip(self, b: Self) -> [Self; 2];
    /// The elements of even and of odd place of `self` followed by `b`.
    unsafe fn unzip(self, b: Self) -> [Self; 2];
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::splat(Self::T::default()) }
    }
}

/// The portable form.
#[derive(Clone, Copy)]
pub struct Array<T>([T; 16]);

macro_rules! array {
    ($($t:ty),*) => {$(
        impl Lanes for Array<$t> {
            type T = $t;
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self { Array([x; 16]) }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                // SAFETY: the caller's promise.
                Array(unsafe { p.cast::<[$t; 16]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $t, n: usize) -> Self {
                let mut a = [0.0; 16];
                // SAFETY: the caller's promise.
                unsafe { std::ptr::copy_nonoverlapping(p, a.as_mut_ptr(), n.min(16)) };
                Array(a)
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                // SAFETY: the caller's promise.
                unsafe { p.cast::<[$t; 16]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn store_part(self, p: *mut $t, from: usize, to: usize) {
                // SAFETY: the caller's promise.
                unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr().add(from), p.wrapping_add(from), to - from) }
            }
            #[inline(always)]
            unsafe fn fma(self, b: Self, c: Self) -> Self {
                // Without the instruction `mul_add` would be a call.
                Array(std::array::from_fn(|i| {
                    if cfg!(target_arch = "aarch64") { self.0[i].mul_add(b.0[i], c.0[i]) }
                    else { self.0[i] * b.0[i] + c.0[i] }
                }))
            }
            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self { Array(std::array::from_fn(|i| self.0[i] + b.0[i])) }
            #[inline(always)]
            unsafe fn sub(self, b: Self) -> Self { Array(std::array::from_fn(|i| self.0[i] - b.0[i])) }
            #[inline(always)]
            unsafe fn mul(self, b: Self) -> Self { Array(std::array::from_fn(|i| self.0[i] * b.0[i])) }
            #[inline(always)]
            unsafe fn zip(self, b: Self) -> [Self; 2] {
                [0, 8].map(|o| Array(std::array::from_fn(|i| if i % 2 == 0 { self.0[o + i / 2] } else { b.0[o + i / 2] })))
            }
            #[inline(always)]
            unsafe fn unzip(self, b: Self) -> [Self; 2] {
                [0, 1].map(|o| Array(std::array::from_fn(|i| if i < 8 { self.0[2 * i + o] } else { b.0[2 * i - 16 + o] })))
            }
        }
    )*};
}
array!(f32, f64);

#[cfg(target_arch = "x86_64")]
pub use x86::*;

#[cfg(target_arch = "x86_64")]
#[allow(clippy::needless_range_loop)]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// f32, AVX-512.
    #[derive(Clone, Copy)]
    pub struct Z(pub __m512);
    /// f64, AVX-512.
    #[derive(Clone, Copy)]
    pub struct Zd([__m512d; 2]);
    /// f32, AVX2.
    #[derive(Clone, Copy)]
    pub struct Y([__m256; 2]);
    /// f64, AVX2.
    #[derive(Clone, Copy)]
    pub struct Yd([__m256d; 4]);

    #[inline(always)]
    fn mask(from: usize, to: usize) -> __mmask16 {
        ((1u32 << to.min(16)) - (1u32 << from.min(16))) as u16
    }

    // SAFETY (all methods): the trait's promise, that the instruction set is there and the pointers are valid.
    impl Lanes for Z {
        type T = f32;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            unsafe { Z(_mm512_set1_ps(x)) }
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self {
            unsafe { Z(_mm512_loadu_ps(p)) }
        }
        #[inline(always)]
        unsafe fn load_first(p: *const f32, n: usize) -> Self {
            unsafe { Z(_mm512_maskz_loadu_ps(mask(0, n), p)) }
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut f32) {
            unsafe { _mm512_storeu_ps(p, self.0) }
        }
        #[inline(always)]
        unsafe fn store_part(self, p: *mut f32, from: usize, to: usize) {
            unsafe { _mm512_mask_storeu_ps(p, mask(from, to), self.0) }
        }
        #[inline(always)]
        unsafe fn store_even(self, p: *mut f32, n: usize) {
            unsafe {
                let [lo, hi] = self.zip(self);
                _mm512_mask_storeu_ps(p, mask(0, 2 * n) & 0x5555, lo.0);
                if n > 8 {
                    _mm512_mask_storeu_ps(p.wrapping_add(16), mask(0, 2 * n - 16) & 0x5555, hi.0);
                }
            }
        }
        #[inline(always)]
        unsafe fn fma(self, b: Self, c: Self) -> Self {
            unsafe { Z(_mm512_fmadd_ps(self.0, b.0, c.0)) }
        }
        #[inline(always)]
        unsafe fn add(self, b: Self) -> Self {
            unsafe { Z(_mm512_add_ps(self.0, b.0)) }
        }
        #[inline(always)]
        unsafe fn sub(self, b: Self) -> Self {
            unsafe { Z(_mm512_sub_ps(self.0, b.0)) }
        }
        #[inline(always)]
        unsafe fn mul(self, b: Self) -> Self {
            unsafe { Z(_mm512_mul_ps(self.0, b.0)) }
        }
        #[inline(always)]
        unsafe fn zip(self, b: Self) -> [Self; 2] {
            unsafe {
                let lo = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
                let hi = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
                [Z(_mm512_permutex2var_ps(self.0, lo, b.0)), Z(_mm512_permutex2var_ps(self.0, hi, b.0))]
            }
        }
        #[inline(always)]
        unsafe fn unzip(self, b: Self) -> [Self; 2] {
            unsafe {
                let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
                let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
                [Z(_mm512_permutex2var_ps(self.0, even, b.0)), Z(_mm512_permutex2var_ps(self.0, odd, b.0))]
            }
        }
    }

    impl Lanes for Zd {
        type T = f64;
        #[inline(always)]
        unsafe fn splat(x: f64) -> Self {
            unsafe { Zd([_mm512_set1_pd(x); 2]) }
        }
        #[inline(always)]
        unsafe fn load(p: *const f64) -> Self {
            unsafe { Zd([_mm512_loadu_pd(p), _mm512_loadu_pd(p.add(8))]) }
        }
        #[inline(always)]
        unsafe fn load_first(p: *const f64, n: usize) -> Self {
            let m = mask(0, n);
            unsafe {
                let hi = _mm512_maskz_loadu_pd((m >> 8) as u8, p.wrapping_add(8));
                Zd([_mm512_maskz_loadu_pd(m as u8, p), hi])
            }
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut f64) {
            unsafe {
                _mm512_storeu_pd(p, self.0[0]);
                _mm512_storeu_pd(p.add(8), self.0[1]);
            }
        }
        #[inline(always)]
        unsafe fn store_part(self, p: *mut f64, from: usize, to: usize) {
            let m = mask(from, to);
            unsafe {
                _mm512_mask_storeu_pd(p, m as u8, self.0[0]);
                _mm512_mask_storeu_pd(p.wrapping_add(8), (m >> 8) as u8, self.0[1]);
            }
        }
        #[inline(always)]
        unsafe fn fma(self, b: Self, c: Self) -> Self {
            unsafe { Zd([_mm512_fmadd_pd(self.0[0], b.0[0], c.0[0]), _mm512_fmadd_pd(self.0[1], b.0[1], c.0[1])]) }
        }
        #[inline(always)]
        unsafe fn add(self, b: Self) -> Self {
            unsafe { Zd([_mm512_add_pd(self.0[0], b.0[0]), _mm512_add_pd(self.0[1], b.0[1])]) }
        }
        #[inline(always)]
        unsafe fn sub(self, b: Self) -> Self {
            unsafe { Zd([_mm512_sub_pd(self.0[0], b.0[0]), _mm512_sub_pd(self.0[1], b.0[1])]) }
        }
        #[inline(always)]
        unsafe fn mul(self, b: Self) -> Self {
            unsafe { Zd([_mm512_mul_pd(self.0[0], b.0[0]), _mm512_mul_pd(self.0[1], b.0[1])]) }
        }
        #[inline(always)]
        unsafe fn zip(self, b: Self) -> [Self; 2] {
            unsafe {
                let lo = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
                let hi = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
                [0, 1].map(|i| Zd([lo, hi].map(|at| _mm512_permutex2var_pd(self.0[i], at, b.0[i]))))
            }
        }
        #[inline(always)]
        unsafe fn unzip(self, b: Self) -> [Self; 2] {
            unsafe {
                let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
                let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
                [even, odd].map(|at| Zd([self, b].map(|v| _mm512_permutex2var_pd(v.0[0], at, v.0[1]))))
            }
        }
    }

    macro_rules! avx2 {
        ($name:ident, $t:ty, $n:literal, $w:literal, $zero:ident, $set1:ident, $loadu:ident, $storeu:ident, $fma:ident, $add:ident,
            $sub:ident, $mul:ident, $zip:item, $unzip:item) => {
            impl Lanes for $name {
                type T = $t;
                #[inline(always)]
                unsafe fn splat(x: $t) -> Self {
                    unsafe { $name([$set1(x); $n]) }
                }
                #[inline(always)]
                unsafe fn load(p: *const $t) -> Self {
                    unsafe {
                        let mut v = [$zero(); $n];
                        for i in 0..$n {
                            v[i] = $loadu(p.add(i * $w));
                        }
                        $name(v)
                    }
                }
                #[inline(always)]
                unsafe fn load_first(p: *const $t, n: usize) -> Self {
                    unsafe {
                        if n >= 16 {
                            return Self::load(p);
                        }
                        let mut a = [0.0; 16];
                        std::ptr::copy_nonoverlapping(p, a.as_mut_ptr(), n);
                        Self::load(a.as_ptr())
                    }
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut $t) {
                    unsafe {
                        for i in 0..$n {
                            $storeu(p.add(i * $w), self.0[i]);
                        }
                    }
                }
                #[inline(always)]
                unsafe fn store_part(self, p: *mut $t, from: usize, to: usize) {
                    unsafe {
                        if from == 0 && to == 16 {
                            return self.store(p);
                        }
                        let mut a = [0.0; 16];
                        self.store(a.as_mut_ptr());
                        std::ptr::copy_nonoverlapping(a.as_ptr().add(from), p.wrapping_add(from), to - from);
                    }
                }
                #[inline(always)]
                unsafe fn fma(self, b: Self, c: Self) -> Self {
                    unsafe {
                        let mut v = self.0;
                        for i in 0..$n {
                            v[i] = $fma(self.0[i], b.0[i], c.0[i]);
                        }
                        $name(v)
                    }
                }
                #[inline(always)]
                unsafe fn add(self, b: Self) -> Self {
                    unsafe {
                        let mut v = self.0;
                        for i in 0..$n {
                            v[i] = $add(self.0[i], b.0[i]);
                        }
                        $name(v)
                    }
                }
                #[inline(always)]
                unsafe fn sub(self, b: Self) -> Self {
                    unsafe {
                        let mut v = self.0;
                        for i in 0..$n {
                            v[i] = $sub(self.0[i], b.0[i]);
                        }
                        $name(v)
                    }
                }
                #[inline(always)]
                unsafe fn mul(self, b: Self) -> Self {
                    unsafe {
                        let mut v = self.0;
                        for i in 0..$n {
                            v[i] = $mul(self.0[i], b.0[i]);
                        }
                        $name(v)
                    }
                }
                #[inline(always)]
                $zip
                #[inline(always)]
                $unzip
            }
        };
    }
    avx2!(
        Y,
        f32,
        2,
        8,
        _mm256_setzero_ps,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        unsafe fn zip(self, b: Self) -> [Self; 2] {
            unsafe {
                let mut r = [self, b];
                for i in 0..2 {
                    let lo = _mm256_unpacklo_ps(self.0[i], b.0[i]);
                    let hi = _mm256_unpackhi_ps(self.0[i], b.0[i]);
                    r[i] = Y([_mm256_permute2f128_ps::<0x20>(lo, hi), _mm256_permute2f128_ps::<0x31>(lo, hi)]);
                }
                r
            }
        },
        unsafe fn unzip(self, b: Self) -> [Self; 2] {
            unsafe {
                let mut r = [self, b];
                for (i, v) in [self, b].into_iter().enumerate() {
                    let even = _mm256_castps_pd(_mm256_shuffle_ps::<0x88>(v.0[0], v.0[1]));
                    let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0xdd>(v.0[0], v.0[1]));
                    r[0].0[i] = _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(even));
                    r[1].0[i] = _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(odd));
                }
                r
            }
        }
    );
    avx2!(
        Yd,
        f64,
        4,
        4,
        _mm256_setzero_pd,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_fmadd_pd,
        _mm256_add_pd,
        _mm256_sub_pd,
        _mm256_mul_pd,
        unsafe fn zip(self, b: Self) -> [Self; 2] {
            unsafe {
                let mut r = [self, b];
                for i in 0..4 {
                    let lo = _mm256_unpacklo_pd(self.0[i], b.0[i]);
                    let hi = _mm256_unpackhi_pd(self.0[i], b.0[i]);
                    r[i / 2].0[i % 2 * 2] = _mm256_permute2f128_pd::<0x20>(lo, hi);
                    r[i / 2].0[i % 2 * 2 + 1] = _mm256_permute2f128_pd::<0x31>(lo, hi);
                }
                r
            }
        },
        unsafe fn unzip(self, b: Self) -> [Self; 2] {
            unsafe {
                let mut r = [self, b];
                for (i, v) in [self, b].into_iter().enumerate() {
                    for h in 0..2 {
                        let even = _mm256_unpacklo_pd(v.0[2 * h], v.0[2 * h + 1]);
                        let odd = _mm256_unpackhi_pd(v.0[2 * h], v.0[2 * h + 1]);
                        r[0].0[2 * i + h] = _mm256_permute4x64_pd::<0xd8>(even);
                        r[1].0[2 * i + h] = _mm256_permute4x64_pd::<0xd8>(odd);
                    }
                }
                r
            }
        }
    );
}
