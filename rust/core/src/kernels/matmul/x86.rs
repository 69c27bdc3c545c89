//! The vectors of x86-64: AVX-512, AVX2 with FMA, and SSE2, which every such machine has.

use super::vector::{Real, Task, Vector, avx2, avx512, baseline};
use std::arch::x86_64::*;

/// The first `n` of 32 bytes' worth of lanes, as AVX2 wants its masks: ones, then zeros.
static ONES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

macro_rules! vector {
    ($name:ident, $raw:ty, $t:ty, $lanes:literal, $many:literal, $width:literal, $enter:path;
     $zero:expr, $splat:expr, $load:expr, $load_first:expr, $store:expr, $store_first:expr, $mul_add:expr, $add:expr
     $(, transpose $transpose:path)?) => {
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub struct $name($raw);

        // SAFETY: each function is one or a few instructions of the set that the name stands for.
        unsafe impl Vector for $name {
            type T = $t;
            const LANES: usize = $lanes;
            const MANY: bool = $many;
            const WIDTH: usize = $width;
            #[inline(always)]
            unsafe fn enter<K: Task<T = $t>>(task: K) {
                // SAFETY: the caller's promise; the machine has the instructions, or we would not be here.
                unsafe { $enter(task) }
            }
            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the caller's promise, here and below.
                $name(unsafe { $zero })
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self {
                // SAFETY: as above.
                $name(unsafe { $splat(x) })
            }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                // SAFETY: as above.
                $name(unsafe { $load(from) })
            }
            #[inline(always)]
            unsafe fn load_first(n: usize, from: *const $t) -> Self {
                // SAFETY: as above.
                $name(unsafe { $load_first(n, from) })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                // SAFETY: as above.
                unsafe { $store(to, self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, n: usize, to: *mut $t) {
                // SAFETY: as above.
                unsafe { $store_first(n, to, self.0) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $mul_add(self.0, b.0, c.0) })
            }
            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                // SAFETY: as above.
                $name(unsafe { $add(self.0, b.0) })
            }
            $(
            #[inline(always)]
            unsafe fn transpose(from: *const $t, stride: isize, rows: usize, cols: usize, to: *mut $t, ld: usize) {
                // SAFETY: as above.
                unsafe { $transpose(from, stride, rows, cols, to, ld) }
            }
            )?
        }
    };
}

/// The lowest `n` bits.
#[inline(always)]
pub fn bits(n: usize) -> u16 {
    if n >= 16 { u16::MAX } else { (1u16 << n) - 1 }
}

vector! { F32x16, __m512, f32, 16, true, 3, avx512;
    _mm512_setzero_ps(), _mm512_set1_ps, |p| _mm512_loadu_ps(p), |n, p| _mm512_maskz_loadu_ps(bits(n), p),
    |p, v| _mm512_storeu_ps(p, v), |n, p, v| _mm512_mask_storeu_ps(p, bits(n), v), _mm512_fmadd_ps, _mm512_add_ps,
    transpose transpose_f32x16
}
vector! { F64x8, __m512d, f64, 8, true, 3, avx512;
    _mm512_setzero_pd(), _mm512_set1_pd, |p| _mm512_loadu_pd(p), |n, p| _mm512_maskz_loadu_pd(bits(n) as u8, p),
    |p, v| _mm512_storeu_pd(p, v), |n, p, v| _mm512_mask_storeu_pd(p, bits(n) as u8, v),
    _mm512_fmadd_pd, _mm512_add_pd,
    transpose transpose_f64x8
}
vector! { I32x16, __m512i, i32, 16, true, 3, avx512;
    _mm512_setzero_si512(), _mm512_set1_epi32, |p| _mm512_loadu_epi32(p),
    |n, p| _mm512_maskz_loadu_epi32(bits(n), p),
    |p, v| _mm512_storeu_epi32(p, v), |n, p, v| _mm512_mask_storeu_epi32(p, bits(n), v),
    |a, b, c| _mm512_add_epi32(_mm512_mullo_epi32(a, b), c), _mm512_add_epi32
}
vector! { I64x8, __m512i, i64, 8, true, 3, avx512;
    _mm512_setzero_si512(), _mm512_set1_epi64, |p| _mm512_loadu_epi64(p),
    |n, p| _mm512_maskz_loadu_epi64(bits(n) as u8, p),
    |p, v| _mm512_storeu_epi64(p, v), |n, p, v| _mm512_mask_storeu_epi64(p, bits(n) as u8, v),
    |a, b, c| _mm512_add_epi64(_mm512_mullo_epi64(a, b), c), _mm512_add_epi64
}

#[inline(always)]
unsafe fn ones32(n: usize) -> __m256i {
    // SAFETY: 8 lanes from one of the first 9 places of 16.
    unsafe { _mm256_loadu_si256(ONES.as_ptr().add(8 - n.min(8)).cast()) }
}
#[inline(always)]
unsafe fn ones64(n: usize) -> __m256i {
    // SAFETY: as above, two of them per lane.
    unsafe { _mm256_loadu_si256(ONES.as_ptr().add(8 - 2 * n.min(4)).cast()) }
}

vector! { F32x8, __m256, f32, 8, false, 3, avx2;
    _mm256_setzero_ps(), _mm256_set1_ps, |p| _mm256_loadu_ps(p), |n, p| _mm256_maskload_ps(p, ones32(n)),
    |p, v| _mm256_storeu_ps(p, v), |n, p, v| _mm256_maskstore_ps(p, ones32(n), v), _mm256_fmadd_ps, _mm256_add_ps,
    transpose transpose_f32x8
}
vector! { F64x4, __m256d, f64, 4, false, 3, avx2;
    _mm256_setzero_pd(), _mm256_set1_pd, |p| _mm256_loadu_pd(p), |n, p| _mm256_maskload_pd(p, ones64(n)),
    |p, v| _mm256_storeu_pd(p, v), |n, p, v| _mm256_maskstore_pd(p, ones64(n), v), _mm256_fmadd_pd, _mm256_add_pd
}
vector! { I32x8, __m256i, i32, 8, false, 3, avx2;
    _mm256_setzero_si256(), _mm256_set1_epi32, |p: *const i32| _mm256_loadu_si256(p.cast()),
    |n, p| _mm256_maskload_epi32(p, ones32(n)),
    |p: *mut i32, v| _mm256_storeu_si256(p.cast(), v), |n, p, v| _mm256_maskstore_epi32(p, ones32(n), v),
    |a, b, c| _mm256_add_epi32(_mm256_mullo_epi32(a, b), c), _mm256_add_epi32
}
vector! { I64x4, __m256i, i64, 4, false, 3, avx2;
    _mm256_setzero_si256(), _mm256_set1_epi64x, |p: *const i64| _mm256_loadu_si256(p.cast()),
    |n, p| _mm256_maskload_epi64(p, ones64(n)),
    |p: *mut i64, v| _mm256_storeu_si256(p.cast(), v), |n, p, v| _mm256_maskstore_epi64(p, ones64(n), v),
    |a, b, c| {
        // The low 64 bits of a product from three 32-bit ones.
        let cross = _mm256_mullo_epi32(a, _mm256_shuffle_epi32::<0xb1>(b));
        let cross = _mm256_add_epi32(cross, _mm256_shuffle_epi32::<0xb1>(cross));
        let high = _mm256_slli_epi64::<32>(cross);
        _mm256_add_epi64(_mm256_add_epi64(_mm256_mul_epu32(a, b), high), c)
    },
    _mm256_add_epi64
}

/// The first lanes through a loop: SSE2 has no masks.
#[inline(always)]
unsafe fn some<T: Real, const N: usize>(n: usize, from: *const T) -> [T; N] {
    let mut lanes = [T::ZERO; N];
    for (i, lane) in lanes.iter_mut().enumerate().take(n) {
        // SAFETY: the caller's promise.
        *lane = unsafe { *from.add(i) };
    }
    lanes
}

vector! { F32x4, __m128, f32, 4, false, 2, baseline;
    _mm_setzero_ps(), _mm_set1_ps, |p| _mm_loadu_ps(p),
    |n, p| if n >= 4 { _mm_loadu_ps(p) } else { _mm_loadu_ps(some::<f32, 4>(n, p).as_ptr()) },
    |p, v| _mm_storeu_ps(p, v),
    |n: usize, p: *mut f32, v| {
        let mut lanes = [0f32; 4];
        _mm_storeu_ps(lanes.as_mut_ptr(), v);
        p.copy_from_nonoverlapping(lanes.as_ptr(), n.min(4));
    },
    |a, b, c| _mm_add_ps(_mm_mul_ps(a, b), c), _mm_add_ps
}
vector! { F64x2, __m128d, f64, 2, false, 2, baseline;
    _mm_setzero_pd(), _mm_set1_pd, |p| _mm_loadu_pd(p),
    |n, p| if n >= 2 { _mm_loadu_pd(p) } else { _mm_loadu_pd(some::<f64, 2>(n, p).as_ptr()) },
    |p, v| _mm_storeu_pd(p, v),
    |n: usize, p: *mut f64, v| {
        let mut lanes = [0f64; 2];
        _mm_storeu_pd(lanes.as_mut_ptr(), v);
        p.copy_from_nonoverlapping(lanes.as_ptr(), n.min(2));
    },
    |a, b, c| _mm_add_pd(_mm_mul_pd(a, b), c), _mm_add_pd
}

#[inline(always)]
unsafe fn transpose_f32x16(from: *const f32, stride: isize, rows: usize, cols: usize, to: *mut f32, ld: usize) {
    // SAFETY: loads are masked to the rows and columns named, `cols` vectors are written.
    unsafe {
        let mut v = [_mm512_setzero_ps(); 16];
        if rows == 16 && cols == 16 {
            // Straight, so that all of it stays in registers.
            for (i, v) in v.iter_mut().enumerate() {
                *v = _mm512_loadu_ps(from.offset(i as isize * stride));
            }
            transpose16(&mut v);
            for (i, v) in v.iter().enumerate() {
                _mm512_storeu_ps(to.add(i * ld), *v);
            }
            return;
        }
        let m = bits(cols);
        for (i, v) in v.iter_mut().enumerate().take(rows) {
            *v = _mm512_maskz_loadu_ps(m, from.offset(i as isize * stride));
        }
        transpose16(&mut v);
        for (i, v) in v.iter().enumerate().take(cols) {
            _mm512_storeu_ps(to.add(i * ld), *v);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
pub fn transpose16(v: &mut [__m512; 16]) {
    let mut t = [_mm512_setzero_ps(); 16];
    for i in 0..8 {
        t[2 * i] = _mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
    for i in 0..4 {
        let d = |x| _mm512_castps_pd(x);
        let s = |x| _mm512_castpd_ps(x);
        let (a, b, c, e) = (t[4 * i], t[4 * i + 1], t[4 * i + 2], t[4 * i + 3]);
        v[4 * i] = s(_mm512_unpacklo_pd(d(a), d(c)));
        v[4 * i + 1] = s(_mm512_unpackhi_pd(d(a), d(c)));
        v[4 * i + 2] = s(_mm512_unpacklo_pd(d(b), d(e)));
        v[4 * i + 3] = s(_mm512_unpackhi_pd(d(b), d(e)));
    }
    for i in 0..4 {
        let (a, b, c, e) = (v[i], v[4 + i], v[8 + i], v[12 + i]);
        t[i] = _mm512_shuffle_f32x4::<0x88>(a, b);
        t[4 + i] = _mm512_shuffle_f32x4::<0xdd>(a, b);
        t[8 + i] = _mm512_shuffle_f32x4::<0x88>(c, e);
        t[12 + i] = _mm512_shuffle_f32x4::<0xdd>(c, e);
    }
    for i in 0..4 {
        v[i] = _mm512_shuffle_f32x4::<0x88>(t[i], t[8 + i]);
        v[8 + i] = _mm512_shuffle_f32x4::<0xdd>(t[i], t[8 + i]);
        v[4 + i] = _mm512_shuffle_f32x4::<0x88>(t[4 + i], t[12 + i]);
        v[12 + i] = _mm512_shuffle_f32x4::<0xdd>(t[4 + i], t[12 + i]);
    }
}

#[inline(always)]
unsafe fn transpose_f64x8(from: *const f64, stride: isize, rows: usize, cols: usize, to: *mut f64, ld: usize) {
    // SAFETY: loads are masked to the rows and columns named, `cols` vectors are written.
    unsafe {
        let mut v = [_mm512_setzero_pd(); 8];
        let m = bits(cols) as u8;
        for (i, v) in v.iter_mut().enumerate() {
            if i < rows {
                *v = _mm512_maskz_loadu_pd(m, from.offset(i as isize * stride));
            }
        }
        let mut t = [_mm512_setzero_pd(); 8];
        for i in 0..4 {
            t[2 * i] = _mm512_unpacklo_pd(v[2 * i], v[2 * i + 1]);
            t[2 * i + 1] = _mm512_unpackhi_pd(v[2 * i], v[2 * i + 1]);
        }
        for i in 0..2 {
            v[i] = _mm512_shuffle_f64x2::<0x88>(t[i], t[2 + i]);
            v[2 + i] = _mm512_shuffle_f64x2::<0xdd>(t[i], t[2 + i]);
            v[4 + i] = _mm512_shuffle_f64x2::<0x88>(t[4 + i], t[6 + i]);
            v[6 + i] = _mm512_shuffle_f64x2::<0xdd>(t[4 + i], t[6 + i]);
        }
        for i in 0..2 {
            t[i] = _mm512_shuffle_f64x2::<0x88>(v[i], v[4 + i]);
            t[4 + i] = _mm512_shuffle_f64x2::<0xdd>(v[i], v[4 + i]);
            t[2 + i] = _mm512_shuffle_f64x2::<0x88>(v[2 + i], v[6 + i]);
            t[6 + i] = _mm512_shuffle_f64x2::<0xdd>(v[2 + i], v[6 + i]);
        }
        for (i, v) in t.iter().enumerate() {
            if i < cols {
                _mm512_storeu_pd(to.add(i * ld), *v);
            }
        }
    }
}

#[inline(always)]
unsafe fn transpose_f32x8(from: *const f32, stride: isize, rows: usize, cols: usize, to: *mut f32, ld: usize) {
    // SAFETY: loads are masked to the rows and columns named, `cols` vectors are written.
    unsafe {
        let mut v = [_mm256_setzero_ps(); 8];
        for (i, v) in v.iter_mut().enumerate() {
            if i < rows {
                let row = from.offset(i as isize * stride);
                *v = if cols == 8 { _mm256_loadu_ps(row) } else { _mm256_maskload_ps(row, ones32(cols)) };
            }
        }
        let mut t = [_mm256_setzero_ps(); 8];
        for i in 0..4 {
            t[2 * i] = _mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]);
            t[2 * i + 1] = _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1]);
        }
        for i in 0..2 {
            let (a, b, c, e) = (t[4 * i], t[4 * i + 1], t[4 * i + 2], t[4 * i + 3]);
            v[4 * i] = _mm256_shuffle_ps::<0x44>(a, c);
            v[4 * i + 1] = _mm256_shuffle_ps::<0xee>(a, c);
            v[4 * i + 2] = _mm256_shuffle_ps::<0x44>(b, e);
            v[4 * i + 3] = _mm256_shuffle_ps::<0xee>(b, e);
        }
        for i in 0..4 {
            t[i] = _mm256_permute2f128_ps::<0x20>(v[i], v[4 + i]);
            t[4 + i] = _mm256_permute2f128_ps::<0x31>(v[i], v[4 + i]);
        }
        for (i, v) in t.iter().enumerate() {
            if i < cols {
                _mm256_storeu_ps(to.add(i * ld), *v);
            }
        }
    }
}
