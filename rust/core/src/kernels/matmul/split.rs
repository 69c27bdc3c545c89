//! Splits f32 values into three bf16 parts while packing them for AMX.
//!
//! x = x0 + x1 + x2 exactly: x0 is x rounded to 8 bits, x1 what is left rounded
//! to 8 bits, x2 the rest, which fits 8 bits. A *line* is a row of A or a column
//! of B. A packed unit holds 16 lines x 32 k for all parts: 3 tiles of 1 KiB.
//! In an A unit, tile row = line, holding 32 consecutive k. In a B unit, tile
//! row = a pair of k, holding (k, k+1) of 16 lines side by side (VNNI order).

use super::view::View;
use super::x86::{bits as mask, transpose16};
use std::arch::x86_64::*;

/// Smallest nonzero and largest magnitude seen while packing, as the bits of |x|
/// shifted left by one: 8 exponent bits on top, in the order of the values.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub min: u32,
    pub max: u32,
}

impl Range {
    /// Whether the products of values in `a` and `b`, summed over `k`, keep full
    /// f32 accuracy in AMX, which flushes denormal inputs, products and sums:
    /// nothing is NaN or infinite; no value is so small that its parts (2^-23 of
    /// it at least) are denormal; no product's part is; no sum overflows.
    pub fn suits(a: Range, b: Range, k: usize) -> bool {
        let exponent = |bits: u32| (bits >> 24) as i32 - 127;
        let log_k = (usize::BITS - k.leading_zeros()) as i32;
        exponent(a.min).min(exponent(b.min)) >= -126 + 24
            && exponent(a.min) + exponent(b.min) >= -126 + 24
            && exponent(a.max).max(exponent(b.max)) < 126
            && exponent(a.max) + exponent(b.max) + 2 + log_k < 127
    }

    /// The range of nothing but zeros.
    pub const ZERO: Range = Range { min: 127 << 24, max: 0 };
}

/// Running extremes. The minimum is kept minus one, so that zeros wrap around
/// and never win.
#[derive(Clone, Copy)]
struct Stat {
    min: __m512i,
    max: __m512i,
}

impl Stat {
    #[target_feature(enable = "avx512f")]
    fn new() -> Self {
        Stat { min: _mm512_set1_epi32(-1), max: _mm512_setzero_si512() }
    }

    #[target_feature(enable = "avx512f")]
    fn see(&mut self, x: __m512) {
        let x = _mm512_castps_si512(x);
        let u = _mm512_add_epi32(x, x);
        self.max = _mm512_max_epu32(self.max, u);
        self.min = _mm512_min_epu32(self.min, _mm512_sub_epi32(u, _mm512_set1_epi32(1)));
    }

    #[target_feature(enable = "avx512f")]
    fn range(&self) -> Range {
        let min = _mm512_reduce_min_epu32(self.min);
        Range { min: if min == u32::MAX { Range::ZERO.min } else { min + 1 }, max: _mm512_reduce_max_epu32(self.max) }
    }
}

/// The three parts of 16 values, each in the upper half of its 32-bit lane.
/// Integer rounding (half away from zero) is cheaper than a conversion and,
/// unlike it, does not flush denormals. The last part's lower half is zero,
/// because the subtractions are exact.
#[target_feature(enable = "avx512f")]
fn parts(x: __m512) -> [__m512; 3] {
    let half = _mm512_set1_epi32(0x8000);
    let upper = _mm512_set1_epi32(0xffff_0000_u32 as i32);
    let round =
        |x: __m512| _mm512_castsi512_ps(_mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x), half), upper));
    let x0 = round(x);
    let r = _mm512_sub_ps(x, x0);
    let x1 = round(r);
    [x0, x1, _mm512_sub_ps(r, x1)]
}

/// Packs `parts` for 32 consecutive k of one line: `x0` k 0..16, `x1` k 16..32.
/// SAFETY: `to` has room for the row at tile stride 1 KiB.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn put_line(to: *mut u8, x0: __m512, x1: __m512, stat: &mut Stat) {
    let odd = ODD.0;
    // SAFETY: 64 bytes as 64 bytes.
    let odd = unsafe { _mm512_load_si512(odd.as_ptr().cast()) };
    let (p, q) = (parts(x0), parts(x1));
    stat.see(x0);
    stat.see(x1);
    for i in 0..3 {
        let (p, q) = (_mm512_castps_si512(p[i]), _mm512_castps_si512(q[i]));
        let packed = _mm512_permutex2var_epi16(p, odd, q);
        // SAFETY: by the caller.
        unsafe { _mm512_store_si512(to.add(i * 1024).cast(), packed) };
    }
}

/// Packs `parts` of 16 lines at `k` (`x0`) and `k + 1` (`x1`).
/// SAFETY: as `put_line`.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn put_pair(to: *mut u8, x0: __m512, x1: __m512, stat: &mut Stat) {
    let (p, q) = (parts(x0), parts(x1));
    stat.see(x0);
    stat.see(x1);
    for i in 0..3 {
        let low = _mm512_srli_epi32::<16>(_mm512_castps_si512(p[i]));
        let packed = _mm512_mask_blend_epi16(0xaaaa_aaaa, low, _mm512_castps_si512(q[i]));
        // SAFETY: by the caller.
        unsafe { _mm512_store_si512(to.add(i * 1024).cast(), packed) };
    }
}

#[repr(align(64))]
pub struct Aligned<T>(pub T);

/// Picks the upper halves of two vectors' lanes, in order.
static ODD: Aligned<[u16; 32]> = {
    let mut index = [0u16; 32];
    let mut i = 0;
    while i < 32 {
        index[i] = 2 * i as u16 + 1;
        i += 1;
    }
    Aligned(index)
};

/// `rows` rows of 16 f32 each, loaded with `mask`, the rest zero.
/// SAFETY: row i < rows is readable at `from + i * stride` under `mask`.
#[target_feature(enable = "avx512f")]
unsafe fn load16(from: *const f32, stride: isize, rows: usize, mask: u16) -> [__m512; 16] {
    let mut v = [_mm512_setzero_ps(); 16];
    for (i, v) in v.iter_mut().enumerate() {
        if i < rows {
            // SAFETY: by the caller.
            *v = unsafe { _mm512_maskz_loadu_ps(mask, from.offset(i as isize * stride)) };
        }
    }
    v
}

/// Packs one unit of A (`PAIRS` false) or B (`PAIRS` true) from a view whose
/// rows are the lines (so B comes transposed), at most 16 lines x 32 k, padding
/// with zeros.
/// SAFETY: `to` is 64-byte aligned with 3 KiB of room.
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
unsafe fn pack_unit<const PAIRS: bool>(lines: View<f32>, to: *mut u8, stat: &mut Stat) {
    let (n, k, ls, ks) = (lines.rows, lines.cols, lines.rs, lines.cs);
    let mut gathered = Aligned([0f32; 512]);
    let (from, ls, ks) = if ks == 1 || ls == 1 {
        (lines.ptr, ls, ks)
    } else {
        for (i, row) in gathered.0.chunks_exact_mut(32).enumerate().take(n) {
            for (j, x) in row.iter_mut().enumerate().take(k) {
                // SAFETY: i < n and j < k lie in the view.
                *x = unsafe { *lines.ptr.offset(i as isize * ls + j as isize * ks) };
            }
        }
        (gathered.0.as_ptr(), 32, 1)
    };
    // SAFETY: all loads are masked to n lines and k columns of the view (or of
    // the gathered copy), all stores go to the 3 KiB at `to`.
    unsafe {
        if ks == 1 && !PAIRS {
            let (m0, m1) = (mask(k), mask(k.saturating_sub(16)));
            for i in 0..16 {
                let line = from.wrapping_offset(i as isize * ls);
                let x0 = _mm512_maskz_loadu_ps(if i < n { m0 } else { 0 }, line);
                let x1 = _mm512_maskz_loadu_ps(if i < n { m1 } else { 0 }, line.wrapping_add(16));
                put_line(to.add(i * 64), x0, x1, stat);
            }
        } else if ks == 1 {
            for half in 0..2usize {
                let m = mask(k.saturating_sub(16 * half));
                let mut v = load16(from.wrapping_add(16 * half), ls, n, m);
                transpose16(&mut v);
                for i in 0..8 {
                    put_pair(to.add(half * 512 + i * 64), v[2 * i], v[2 * i + 1], stat);
                }
            }
        } else if PAIRS {
            let m = mask(n);
            for i in 0..16 {
                let row = from.wrapping_offset(2 * i as isize * ks);
                let x0 = _mm512_maskz_loadu_ps(if 2 * i < k { m } else { 0 }, row);
                let x1 = _mm512_maskz_loadu_ps(if 2 * i + 1 < k { m } else { 0 }, row.wrapping_offset(ks));
                put_pair(to.add(i * 64), x0, x1, stat);
            }
        } else {
            let mut v = load16(from, ks, k.min(16), mask(n));
            let mut w = load16(from.wrapping_offset(16 * ks), ks, k.saturating_sub(16), mask(n));
            transpose16(&mut v);
            transpose16(&mut w);
            for i in 0..16 {
                put_line(to.add(i * 64), v[i], w[i], stat);
            }
        }
    }
}

/// Packs up to 32 lines x any k: for every step of 32 k the units of lines 0..16
/// and, when there are more than 16 lines, 16..32, one after the other.
/// SAFETY: `to` is 64-byte aligned, with 3 KiB of room for every unit.
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
pub unsafe fn pack_panel<const PAIRS: bool>(lines: View<f32>, to: *mut u8) -> Range {
    let mut stat = Stat::new();
    let mut to = to;
    for k in (0..lines.cols).step_by(32) {
        for i in (0..lines.rows).step_by(16) {
            let unit = lines.block(i, k, 16.min(lines.rows - i), 32.min(lines.cols - k));
            // SAFETY: by the caller.
            unsafe {
                pack_unit::<PAIRS>(unit, to, &mut stat);
                to = to.add(3 << 10);
            }
        }
    }
    stat.range()
}
