//! Products of bf16 by instructions for bf16: AMX tiles, or vdpbf16ps. Sums are f32.

use super::amx::Tiles;
use super::piece::Piece;
use super::scratch::Scratch;
use super::split::Aligned;
use super::view::{Out, View};
use super::x86::{bits as mask, transpose16};
use half::bf16;
use std::arch::asm;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Lines (rows of A, columns of B) of a panel, and its bytes per 32 k.
const PANEL: usize = 32;
const STEP: usize = 2 << 10;
/// One A panel of 512 k is 32 KiB, inside L1.
const KC: usize = 256;
/// Packed B is kept for all of k: this much of L2, and so few columns at a time.
const STRIP: usize = 768 << 10;
const NC: usize = 512;

/// A piece of a product over packed panels, by AMX tiles or by vdpbf16ps. B is packed for all of k, so the f32 sums of 32
/// rows stay in L2 until they are rounded.
///
/// # Safety
/// The machine has AVX512-BF16 or, with `tiles`, AMX; the piece's own promises hold.
pub unsafe fn panels(piece: &Piece<bf16>, tiles: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        if tiles {
            let _tiles = Tiles::new();
            by_panels::<true>(piece);
        } else {
            by_panels::<false>(piece);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn by_panels<const AMX: bool>(piece: &Piece<bf16>) {
    let [m, k, n] = piece.size;
    let a = View { ptr: piece.a, rows: m, cols: k, rs: piece.a_steps[0], cs: piece.a_steps[1] };
    let b = View { ptr: piece.b, rows: k, cols: n, rs: piece.b_steps[0], cs: piece.b_steps[1] };
    let c = Out { ptr: piece.c, ld: piece.c_row };
    let plain = piece.add.is_null() && piece.alpha == 1.0;
    let panel = k.div_ceil(32) * STEP;
    let most = (STRIP / panel * PANEL).clamp(PANEL, NC).min(n.next_multiple_of(PANEL));
    let bytes = 4 * PANEL * most;
    let scratch = Scratch::take(bytes + KC.div_ceil(32) * STEP + most / PANEL * panel);
    let pa = scratch.ptr().wrapping_add(bytes);
    let pb = pa.wrapping_add(KC.div_ceil(32) * STEP);
    let sums = Out { ptr: scratch.ptr().cast::<f32>(), ld: most as isize };
    // SAFETY: the buffer holds the sums, a panel of A and `most` columns of B; blocks are cut inside the piece.
    unsafe {
        for jc in (0..n).step_by(most) {
            let nc = most.min(n - jc);
            for j in (0..nc).step_by(PANEL) {
                let lines = b.block(0, jc + j, k, PANEL.min(nc - j)).t();
                pack::<true>(lines, pb.add(j / PANEL * panel));
            }
            for i in (0..m).step_by(PANEL) {
                let h = PANEL.min(m - i);
                for pc in (0..k).step_by(KC) {
                    let kc = KC.min(k - pc);
                    pack::<false>(a.block(i, pc, h, kc), pa);
                    for j in (0..nc).step_by(PANEL) {
                        let b = pb.add(j / PANEL * panel + pc / 32 * STEP);
                        let to = sums.at(0, j);
                        if AMX {
                            kernel_amx(kc.div_ceil(32), pa, b, to, pc > 0);
                        } else {
                            kernel_dot(kc.div_ceil(32), pa, b, to, pc > 0);
                        }
                    }
                }
                if plain {
                    round(sums, c.at(i, jc), h, nc);
                } else {
                    piece.piece([0; 4], [i, jc], [h, nc]).finish(sums.ptr, sums.ld);
                }
            }
        }
    }
}

/// Rounds `m x n` sums into C.
/// SAFETY: both are that large.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn round(sums: Out<f32>, c: Out<bf16>, m: usize, n: usize) {
    // SAFETY: masked to n columns; `sums` rows are whole vectors.
    unsafe {
        for i in 0..m {
            for j in (0..n).step_by(32) {
                let s = sums.at(i, j).ptr;
                let v = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(s.add(16)), _mm512_loadu_ps(s));
                let m = if n - j >= 32 { u32::MAX } else { (1 << (n - j)) - 1 };
                let v = std::mem::transmute::<__m512bh, __m512i>(v);
                _mm512_mask_storeu_epi16(c.at(i, j).ptr.cast(), m, v);
            }
        }
    }
}

/// Packs up to 32 lines x any k into two tiles per 32 k, zero-padded; `PAIRS` as
/// in `split`.
/// SAFETY: `to` is 64-byte aligned with room for STEP per 32 k.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn pack<const PAIRS: bool>(lines: View<bf16>, to: *mut u8) {
    for k in (0..lines.cols).step_by(32) {
        for half in 0..2 {
            let first = (16 * half).min(lines.rows);
            let unit = lines.block(first, k, 16.min(lines.rows - first), 32.min(lines.cols - k));
            // SAFETY: by the caller.
            unsafe { pack_unit::<PAIRS>(unit, to.add(k / 32 * STEP + half * 1024)) };
        }
    }
}

/// SAFETY: `to` is 64-byte aligned with 1 KiB of room.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn pack_unit<const PAIRS: bool>(lines: View<bf16>, to: *mut u8) {
    let (n, k, ls, ks) = (lines.rows, lines.cols, lines.rs, lines.cs);
    let mut gathered = MaybeUninit::<Aligned<[u16; 512]>>::uninit();
    let from = lines.ptr.cast::<u16>();
    // SAFETY: loads are masked to n lines and k columns of the view or lie in
    // the gathered copy; stores go to the 1 KiB at `to`.
    unsafe {
        let (from, ls, ks) = if ks == 1 || ls == 1 {
            (from, ls, ks)
        } else {
            let copy = gathered.as_mut_ptr().cast::<u16>();
            for i in 0..n {
                for j in 0..k {
                    *copy.add(i * 32 + j) = *from.offset(i as isize * ls + j as isize * ks);
                }
            }
            (copy.cast_const(), 32, 1)
        };
        let mut v = [_mm512_setzero_ps(); 16];
        if ks == 1 {
            let m = if k >= 32 { u32::MAX } else { (1 << k) - 1 };
            for (i, v) in v.iter_mut().enumerate() {
                let m = if i < n { m } else { 0 };
                let line = _mm512_maskz_loadu_epi16(m, from.wrapping_offset(i as isize * ls).cast());
                *v = _mm512_castsi512_ps(line);
            }
        } else {
            for (i, v) in v.iter_mut().enumerate() {
                let row = |p: usize| {
                    let m = if p < k { mask(n) } else { 0 };
                    let row = from.wrapping_offset(p as isize * ks).cast();
                    _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, row))
                };
                let pair = _mm512_or_si512(row(2 * i), _mm512_slli_epi32::<16>(row(2 * i + 1)));
                *v = _mm512_castsi512_ps(pair);
            }
        }
        if PAIRS == (ks == 1) {
            transpose16(&mut v);
        }
        for (i, v) in v.iter().enumerate() {
            _mm512_store_ps(to.add(64 * i).cast(), *v);
        }
    }
}

/// 32 x 32 sums over `steps` steps of 32 k.
/// SAFETY: tiles are configured; panels and sums are that large.
unsafe fn kernel_amx(steps: usize, a: *const u8, b: *const u8, c: Out<f32>, add: bool) {
    // SAFETY: reads the panels, reads and writes the sums, by the caller.
    unsafe {
        asm!(
            "test {add:e}, {add:e}",
            "jnz 2f",
            "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
            "jmp 3f",
            "2:",
            "tileloadd tmm0, [{c} + {ld}*1]",
            "tileloadd tmm1, [{c} + {ld}*1 + 64]",
            "tileloadd tmm2, [{d} + {ld}*1]",
            "tileloadd tmm3, [{d} + {ld}*1 + 64]",
            "3:",
            "tileloadd tmm4, [{a} + {s}*1]",
            "tileloadd tmm6, [{b} + {s}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b} + {s}*1 + 0x400]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{a} + {s}*1 + 0x400]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {a}, 0x800",
            "add {b}, 0x800",
            "dec {n}",
            "jnz 3b",
            "tilestored [{c} + {ld}*1], tmm0",
            "tilestored [{c} + {ld}*1 + 64], tmm1",
            "tilestored [{d} + {ld}*1], tmm2",
            "tilestored [{d} + {ld}*1 + 64], tmm3",
            a = inout(reg) a => _, b = inout(reg) b => _, n = inout(reg) steps => _,
            c = in(reg) c.ptr, d = in(reg) c.ptr.wrapping_offset(16 * c.ld),
            ld = in(reg) 4 * c.ld, s = in(reg) 64usize, add = in(reg) add as u32,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack)
        );
    }
}

/// The same with vdpbf16ps: 8 rows x 2 vectors of columns at a time, a pair of k
/// of A broadcast to all columns.
/// SAFETY: AVX512-BF16; panels and sums are that large.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn kernel_dot(steps: usize, a: *const u8, b: *const u8, c: Out<f32>, add: bool) {
    for i in (0..PANEL).step_by(8) {
        // SAFETY: by the caller.
        unsafe {
            let mut acc = [[_mm512_setzero_ps(); 2]; 8];
            for (r, row) in acc.iter_mut().enumerate() {
                for (j, acc) in row.iter_mut().enumerate() {
                    if add {
                        *acc = _mm512_loadu_ps(c.at(i + r, 16 * j).ptr);
                    }
                }
            }
            for s in 0..steps {
                let a = a.add(s * STEP + i * 64).cast::<i32>();
                let b = b.add(s * STEP);
                for p in 0..16 {
                    let v = [0, 1].map(|j| {
                        let v = _mm512_load_si512(b.add(1024 * j + 64 * p).cast());
                        std::mem::transmute::<__m512i, __m512bh>(v)
                    });
                    for (r, row) in acc.iter_mut().enumerate() {
                        let x = _mm512_set1_epi32(*a.add(16 * r + p));
                        let x = std::mem::transmute::<__m512i, __m512bh>(x);
                        row[0] = _mm512_dpbf16_ps(row[0], x, v[0]);
                        row[1] = _mm512_dpbf16_ps(row[1], x, v[1]);
                    }
                }
            }
            for (r, row) in acc.iter().enumerate() {
                for (j, &acc) in row.iter().enumerate() {
                    _mm512_storeu_ps(c.at(i + r, 16 * j).ptr, acc);
                }
            }
        }
    }
}
