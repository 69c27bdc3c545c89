//! The micro-kernels, written once for [`Lanes`] and compiled for each instruction set. Everything else in this folder
//! prepares pointers and tables of offsets for them.
#![allow(clippy::too_many_arguments, clippy::needless_range_loop)]

use super::lanes::{Array, Lanes, Real};
use super::winograd::Winograd;
use super::winograd::transform as wino;
#[cfg(target_arch = "x86_64")]
use crate::kernels::isa::Level;

/// `out[j][0..16] (+)= Σ_i a[i][0..16] · b[j][off[i]]`: an outer product whose left factor is packed and whose right
/// factor is read in place through P pointers and one table of offsets.
///
/// # Safety
/// (All kernels:) pointers must be valid for what the formula reads and writes.
pub type Indirect<T> =
    unsafe fn(a: *const T, b: *const *const T, off: *const u32, k: usize, out: *mut T, ldo: usize, add: bool);

/// The same for NV panels of 16 (`lda` apart, terms `step` apart) and R pointers to C elements each, S apart: constant
/// displacements leave registers for accumulators, and one broadcast serves NV multiply-adds.
/// `out[(r·C + c)·ldo + v·ldv ..][..16] (+)= Σ_i a[v·lda + i·step ..][..16] · b[r][off[i] + c·S]`.
pub type Seg<T> = unsafe fn(
    a: *const T,
    lda: usize,
    step: usize,
    b: *const *const T,
    off: *const u32,
    k: usize,
    out: *mut T,
    ldo: usize,
    ldv: usize,
    add: bool,
);

/// `out[m][l] = start + Σ_i w[i][m] · src[l + off[i]]` with pixels in the lanes; `start` is `init[m]`, what `out` holds
/// (`add`), or zero.
pub type Wide<T> = unsafe fn(
    w: *const T,
    src: *const T,
    off: *const u32,
    k: usize,
    init: *const T,
    out: *mut T,
    ldo: usize,
    add: bool,
);

/// `dst[c][r] = src[r][c]` for at most 16 × 16; rows of `src` that do not exist read as zeros when `rows` < 16 and
/// are not written.
pub type Transpose<T> = unsafe fn(src: *const T, lds: usize, rows: usize, dst: *mut T, ldd: usize, cols: usize);

/// `acc[p][0..16] += Σ_rows Σ_cols x[row][col + off[p]] · g[row][col]`, pixels in the lanes.
pub type Dots<T> = unsafe fn(
    x: *const T,
    pitch: usize,
    off: *const u32,
    g: *const T,
    ldg: usize,
    rows: usize,
    cols: usize,
    acc: *mut T,
);

/// A K × K stencil over a padded plane: `y = init + w * x`.
pub type Plane<T> = unsafe fn(x: *const T, pitch: usize, rows: usize, cols: usize, w: *const T, init: T, y: *mut T);

/// The adjoint of 3 × 3 in the weights: `acc[t][0..16] += …`.
pub type Plane3Weight<T> = unsafe fn(x: *const T, pitch: usize, rows: usize, cols: usize, g: *const T, acc: *mut T);

/// Even and odd elements of `2 n` apart.
pub type Split<T> = unsafe fn(from: *const T, n: usize, even: *mut T, odd: *mut T);

/// A tile `[pixel][16 channels]` to every second element of planes `ldd` apart.
pub type Spread<T> = unsafe fn(tile: *const T, pixels: usize, dst: *mut T, ldd: usize, channels: usize);

/// The kernels of one instruction set.
pub struct Micro<T: 'static> {
    /// For 1, 2, … rows.
    pub indirect: &'static [Indirect<T>],
    /// The kernel for (panels, element distance, R, C), where one was built.
    pub seg: fn(usize, usize, usize, usize) -> Option<Seg<T>>,
    /// R · C of `seg` at most; 0 where there is none.
    pub seg_rows: usize,
    /// For 1, 2, … channels, with the pixels that a call takes.
    pub wide: &'static [(Wide<T>, usize)],
    pub transpose: Transpose<T>,
    /// For 1, 2, … taps.
    pub dots: &'static [Dots<T>],
    /// K = 3, 5, 7.
    pub plane: [Plane<T>; 3],
    pub split: Split<T>,
    pub spread: Spread<T>,
    pub plane3_weight: Plane3Weight<T>,
    /// f32 only.
    pub winograd: Option<&'static Winograd>,
}

/// Elements that a `wide` kernel or a vector load may read past what it needs.
pub const SLACK: usize = 160;
/// The largest number of rows of any `indirect` kernel.
pub const ROWS: usize = 16;

// SAFETY of the bodies: they do what their type's formula says, on memory that the caller vouches for.

#[inline(always)]
unsafe fn indirect<V: Lanes, const P: usize>(
    a: *const V::T,
    b: *const *const V::T,
    off: *const u32,
    k: usize,
    out: *mut V::T,
    ldo: usize,
    add: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let b: [*const V::T; P] = *b.cast::<[*const V::T; P]>();
        let mut acc = [V::zero(); P];
        for i in 0..k {
            let o = *off.add(i) as usize;
            let av = V::load(a.add(i * 16));
            for j in 0..P {
                acc[j] = av.fma(V::splat(*b[j].add(o)), acc[j]);
            }
        }
        for j in 0..P {
            let p = out.add(j * ldo);
            if add { acc[j].add(V::load(p)).store(p) } else { acc[j].store(p) }
        }
    }
}

#[inline(always)]
unsafe fn seg<V: Lanes, const NV: usize, const R: usize, const C: usize, const S: usize>(
    a: *const V::T,
    lda: usize,
    step: usize,
    b: *const *const V::T,
    off: *const u32,
    k: usize,
    out: *mut V::T,
    ldo: usize,
    ldv: usize,
    add: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let b: [*const V::T; R] = *b.cast::<[*const V::T; R]>();
        let mut acc = [[[V::zero(); C]; R]; NV];
        for i in 0..k {
            let o = *off.add(i) as usize;
            let mut av = [V::zero(); NV];
            for v in 0..NV {
                av[v] = V::load(a.add(v * lda + i * step));
            }
            for r in 0..R {
                let p = b[r].add(o);
                for c in 0..C {
                    let bv = V::splat(*p.add(c * S));
                    for v in 0..NV {
                        acc[v][r][c] = av[v].fma(bv, acc[v][r][c]);
                    }
                }
            }
        }
        for r in 0..R {
            for c in 0..C {
                for v in 0..NV {
                    let p = out.add((r * C + c) * ldo + v * ldv);
                    let x = acc[v][r][c];
                    if add { x.add(V::load(p)).store(p) } else { x.store(p) }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn wide<V: Lanes, const M: usize, const NV: usize>(
    w: *const V::T,
    src: *const V::T,
    off: *const u32,
    k: usize,
    init: *const V::T,
    out: *mut V::T,
    ldo: usize,
    add: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut acc = [[V::zero(); NV]; M];
        if !init.is_null() {
            for m in 0..M {
                acc[m] = [V::splat(*init.add(m)); NV];
            }
        }
        for i in 0..k {
            let s = src.add(*off.add(i) as usize);
            let mut x = [V::zero(); NV];
            for v in 0..NV {
                x[v] = V::load(s.add(v * 16));
            }
            for m in 0..M {
                let wv = V::splat(*w.add(i * M + m));
                for v in 0..NV {
                    acc[m][v] = x[v].fma(wv, acc[m][v]);
                }
            }
        }
        for m in 0..M {
            for v in 0..NV {
                let p = out.add(m * ldo + v * 16);
                if add { acc[m][v].add(V::load(p)).store(p) } else { acc[m][v].store(p) }
            }
        }
    }
}

#[inline(always)]
unsafe fn dots<V: Lanes, const P: usize>(
    x: *const V::T,
    pitch: usize,
    off: *const u32,
    g: *const V::T,
    ldg: usize,
    rows: usize,
    cols: usize,
    acc: *mut V::T,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = [V::zero(); P];
        let mut from = [x; P];
        for p in 0..P {
            sum[p] = V::load(acc.add(p * 16));
            from[p] = x.add(*off.add(p) as usize);
        }
        for r in 0..rows {
            let mut c = 0;
            while c + 16 <= cols {
                let gv = V::load(g.add(r * ldg + c));
                for p in 0..P {
                    sum[p] = V::load(from[p].add(r * pitch + c)).fma(gv, sum[p]);
                }
                c += 16;
            }
            if c < cols {
                // Both are cut off: what lies beyond may be infinite, and zero times that is not zero.
                let gv = V::load_first(g.add(r * ldg + c), cols - c);
                for p in 0..P {
                    sum[p] = V::load_first(from[p].add(r * pitch + c), cols - c).fma(gv, sum[p]);
                }
            }
        }
        for p in 0..P {
            sum[p].store(acc.add(p * 16));
        }
    }
}

#[inline(always)]
unsafe fn plane3<V: Lanes, const NV: usize>(
    x: *const V::T,
    pitch: usize,
    rows: usize,
    cols: usize,
    w: *const V::T,
    init: V::T,
    y: *mut V::T,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut wv = [V::zero(); 9];
        for i in 0..9 {
            wv[i] = V::splat(*w.add(i));
        }
        let mut c0 = 0;
        while c0 < cols {
            let mut r0 = 0;
            while r0 < rows {
                let mut acc = [[V::splat(init); NV]; 4];
                for i in 0..6 {
                    for kx in 0..3 {
                        for v in 0..NV {
                            let xv = V::load(x.add((r0 + i) * pitch + c0 + kx + v * 16));
                            for r in 0..4 {
                                if i >= r && i - r < 3 {
                                    acc[r][v] = xv.fma(wv[(i - r) * 3 + kx], acc[r][v]);
                                }
                            }
                        }
                    }
                }
                for r in 0..4 {
                    for v in 0..NV {
                        let c = c0 + v * 16;
                        if r0 + r < rows && c < cols {
                            acc[r][v].store_part(y.add((r0 + r) * cols + c), 0, (cols - c).min(16));
                        }
                    }
                }
                r0 += 4;
            }
            c0 += 16 * NV;
        }
    }
}

/// As `plane3`, with weights read as they are needed.
#[inline(always)]
unsafe fn plane<V: Lanes, const NV: usize, const K: usize>(
    x: *const V::T,
    pitch: usize,
    rows: usize,
    cols: usize,
    w: *const V::T,
    init: V::T,
    y: *mut V::T,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut c0 = 0;
        while c0 < cols {
            let mut r0 = 0;
            while r0 < rows {
                let mut acc = [[V::splat(init); NV]; 4];
                for i in 0..K + 3 {
                    for kx in 0..K {
                        let mut xv = [V::zero(); NV];
                        for v in 0..NV {
                            xv[v] = V::load(x.add((r0 + i) * pitch + c0 + kx + v * 16));
                        }
                        for r in 0..4 {
                            if i >= r && i - r < K {
                                let wv = V::splat(*w.add((i - r) * K + kx));
                                for v in 0..NV {
                                    acc[r][v] = xv[v].fma(wv, acc[r][v]);
                                }
                            }
                        }
                    }
                }
                for r in 0..4 {
                    for v in 0..NV {
                        let c = c0 + v * 16;
                        if r0 + r < rows && c < cols {
                            acc[r][v].store_part(y.add((r0 + r) * cols + c), 0, (cols - c).min(16));
                        }
                    }
                }
                r0 += 4;
            }
            c0 += 16 * NV;
        }
    }
}

#[inline(always)]
unsafe fn split<V: Lanes>(from: *const V::T, n: usize, even: *mut V::T, odd: *mut V::T) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut i = 0;
        while i + 16 <= n {
            let [e, o] = V::load(from.add(2 * i)).unzip(V::load(from.add(2 * i + 16)));
            e.store(even.add(i));
            o.store(odd.add(i));
            i += 16;
        }
        for i in i..n {
            *even.add(i) = *from.add(2 * i);
            *odd.add(i) = *from.add(2 * i + 1);
        }
    }
}

#[inline(always)]
unsafe fn spread<V: Lanes>(
    transpose: Transpose<V::T>,
    tile: *const V::T,
    pixels: usize,
    dst: *mut V::T,
    ldd: usize,
    channels: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut rows = [V::T::default(); 256];
        transpose(tile, 16, pixels, rows.as_mut_ptr(), 16, channels);
        for c in 0..channels {
            V::load(rows.as_ptr().add(c * 16)).store_even(dst.add(c * ldd), pixels);
        }
    }
}

#[inline(always)]
unsafe fn plane3_weight<V: Lanes>(
    x: *const V::T,
    pitch: usize,
    rows: usize,
    cols: usize,
    g: *const V::T,
    acc: *mut V::T,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut a = [V::zero(); 9];
        for i in 0..9 {
            a[i] = V::load(acc.add(i * 16));
        }
        let mut c0 = 0;
        while c0 < cols {
            let live = (cols - c0).min(16);
            let (mut g1, mut g2) = (V::zero(), V::zero());
            for i in 0..rows + 2 {
                let g0 = if i < rows { V::load_first(g.add(i * cols + c0), live) } else { V::zero() };
                for kx in 0..3 {
                    let xv = V::load_first(x.add(i * pitch + c0 + kx), live);
                    if i < rows {
                        a[kx] = xv.fma(g0, a[kx]);
                    }
                    if i >= 1 && i <= rows {
                        a[3 + kx] = xv.fma(g1, a[3 + kx]);
                    }
                    if i >= 2 {
                        a[6 + kx] = xv.fma(g2, a[6 + kx]);
                    }
                }
                (g2, g1) = (g1, g0);
            }
            c0 += 16;
        }
        for i in 0..9 {
            a[i].store(acc.add(i * 16));
        }
    }
}

/// Element by element; good enough where it is not the inner loop.
unsafe fn transpose<T: Real>(src: *const T, lds: usize, rows: usize, dst: *mut T, ldd: usize, cols: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        for c in 0..cols.min(16) {
            for r in 0..rows.min(16) {
                *dst.add(c * ldd + r) = *src.add(r * lds + c);
            }
        }
    }
}

macro_rules! kernels {
    ($name:ident, $(#[$feature:meta])* $v:ty, $t:ty, plane: $pnv:literal, rows: [$($p:literal)*], wide: [$($m:literal $nv:literal),*],
        dots: [$($d:literal)*], transpose: $transpose:expr, seg: $seg:expr, $segp:expr, winograd: $wino:expr) => {
        pub mod $name {
            use super::*;
            $(#[$feature])*
            unsafe fn indirect_<const P: usize>(
                a: *const $t, b: *const *const $t, off: *const u32, k: usize, out: *mut $t, ldo: usize, add: bool,
            ) {
                // SAFETY: the caller's promise.
                unsafe { indirect::<$v, P>(a, b, off, k, out, ldo, add) }
            }
            $(#[$feature])*
            unsafe fn wide_<const M: usize, const NV: usize>(
                w: *const $t, src: *const $t, off: *const u32, k: usize, init: *const $t, out: *mut $t, ldo: usize, add: bool,
            ) {
                // SAFETY: the caller's promise.
                unsafe { wide::<$v, M, NV>(w, src, off, k, init, out, ldo, add) }
            }
            $(#[$feature])*
            unsafe fn dots_<const P: usize>(
                x: *const $t, pitch: usize, off: *const u32, g: *const $t, ldg: usize, rows: usize, cols: usize, acc: *mut $t,
            ) {
                // SAFETY: the caller's promise.
                unsafe { dots::<$v, P>(x, pitch, off, g, ldg, rows, cols, acc) }
            }
            $(#[$feature])*
            unsafe fn plane_<const K: usize>(x: *const $t, pitch: usize, rows: usize, cols: usize, w: *const $t, init: $t, y: *mut $t) {
                // SAFETY: the caller's promise.
                unsafe { plane::<$v, $pnv, K>(x, pitch, rows, cols, w, init, y) }
            }
            $(#[$feature])*
            unsafe fn split_(from: *const $t, n: usize, even: *mut $t, odd: *mut $t) {
                // SAFETY: the caller's promise.
                unsafe { split::<$v>(from, n, even, odd) }
            }
            $(#[$feature])*
            unsafe fn spread_(tile: *const $t, pixels: usize, dst: *mut $t, ldd: usize, channels: usize) {
                // SAFETY: the caller's promise.
                unsafe { spread::<$v>($transpose, tile, pixels, dst, ldd, channels) }
            }
            $(#[$feature])*
            unsafe fn plane3_(x: *const $t, pitch: usize, rows: usize, cols: usize, w: *const $t, init: $t, y: *mut $t) {
                // SAFETY: the caller's promise.
                unsafe { plane3::<$v, $pnv>(x, pitch, rows, cols, w, init, y) }
            }
            $(#[$feature])*
            unsafe fn plane3_weight_(x: *const $t, pitch: usize, rows: usize, cols: usize, g: *const $t, acc: *mut $t) {
                // SAFETY: the caller's promise.
                unsafe { plane3_weight::<$v>(x, pitch, rows, cols, g, acc) }
            }
            pub static MICRO: Micro<$t> = Micro {
                indirect: &[$(indirect_::<$p>),*],
                seg: $seg,
                seg_rows: $segp,
                wide: &[$((wide_::<$m, $nv>, 16 * $nv)),*],
                transpose: $transpose,
                dots: &[$(dots_::<$d>),*],
                plane: [plane3_, plane_::<5>, plane_::<7>],
                split: split_,
                spread: spread_,
                plane3_weight: plane3_weight_,
                winograd: $wino,
            };
        }
    };
}

/// The Winograd side of an instruction set: its transforms, and products of panels by blocks of `$ob` outputs.
macro_rules! winograd {
    ($name:ident, $(#[$feature:meta])* $v:ty, block: $ob:literal, several: [$($nv:literal)*], single: $r:literal,
        weight: [$($gnv:literal: $($c:literal)*;)*]) => {
        pub mod $name {
            use super::*;
            $(#[$feature])*
            unsafe fn input<const M: usize, const A: usize>(from: &wino::Input, tmp: *mut f32, v: *mut f32) {
                // SAFETY: the caller's promise.
                unsafe { wino::input::<$v, M, A>(from, tmp, v) }
            }
            $(#[$feature])*
            unsafe fn output(m: *const f32, ld: usize, list: &[wino::Piece], bias: f32, y: *mut f32, dw: usize) {
                // SAFETY: the caller's promise.
                unsafe { wino::output::<$v>(m, ld, list, bias, y, dw) }
            }
            $(#[$feature])*
            unsafe fn weight(g: *const f32, flip: bool, u: *mut f32, ldp: usize, stride: usize) {
                // SAFETY: the caller's promise.
                unsafe { wino::weight::<$v, $ob>(g, flip, u, ldp, stride) }
            }
            $(#[$feature])*
            unsafe fn output_grad(y: *const f32, ldy: usize, z: *mut f32, ld: usize) {
                // SAFETY: the caller's promise.
                unsafe { wino::output_grad::<$v>(y, ldy, z, ld) }
            }
            $(#[$feature])*
            unsafe fn weight_grad(m: *const f32, g: *mut f32) {
                // SAFETY: the caller's promise.
                unsafe { wino::weight_grad::<$v>(m, g) }
            }
            $(#[$feature])*
            unsafe fn product<const NV: usize, const R: usize, const C: usize, const S: usize>(
                a: *const f32, lda: usize, step: usize, b: *const *const f32, off: *const u32, k: usize, out: *mut f32,
                ldo: usize, ldv: usize, add: bool,
            ) {
                // SAFETY: the caller's promise.
                unsafe { seg::<$v, NV, R, C, S>(a, lda, step, b, off, k, out, ldo, ldv, add) }
            }
            pub static WINOGRAD: Winograd = Winograd {
                input2: input::<2, 4>,
                input4: input::<4, 6>,
                output,
                weight,
                output_grad,
                weight_grad,
                block: $ob,
                several: &[$(product::<$nv, 1, $ob, 1>),*],
                single: (product::<1, $r, $ob, 1>, $r),
                grad: &[$(&[$(product::<$gnv, 1, $c, 16>),*]),*],
            };
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::lanes::{Y, Yd, Z, Zd};
    use super::*;
    use std::arch::x86_64::*;

    kernels!(avx512, #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
        Z, f32, plane: 2, rows: [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16], wide: [1 8, 2 6, 3 4, 4 4, 5 3, 6 3, 7 3, 8 3],
        dots: [1 2 3 4 5 6 7 8 9 10 11 12], transpose: super::transpose512, seg: super::seg_for, 14, winograd: Some(&super::wino512::WINOGRAD));
    kernels!(avx512_f64, #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
        Zd, f64, plane: 1, rows: [1 2 3 4 5 6 7 8], wide: [1 4, 2 4, 3 2, 4 2, 5 2, 6 2],
        dots: [1 2 3 4 5 6], transpose: transpose::<f64>, seg: |_, _, _, _| None, 0, winograd: None);
    kernels!(avx2, #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
        Y, f32, plane: 1, rows: [1 2 3 4 5 6], wide: [1 4, 2 2, 3 1, 4 1, 5 1, 6 1],
        dots: [1 2 3 4 5 6], transpose: transpose::<f32>, seg: |_, _, _, _| None, 0,
        winograd: Some(&super::wino2::WINOGRAD));
    kernels!(avx2_f64, #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
        Yd, f64, plane: 1, rows: [1 2 3], wide: [1 2, 2 1, 3 1],
        dots: [1 2 3], transpose: transpose::<f64>, seg: |_, _, _, _| None, 0, winograd: None);
    winograd!(wino512, #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
        Z, block: 8, several: [1 2 3], single: 2,
        weight: [1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14; 2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;]);
    winograd!(wino2, #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
        Y, block: 4, several: [1], single: 1, weight: [1: 1 2 3 4 5 6;]);

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
    unsafe fn seg512<const NV: usize, const R: usize, const C: usize, const S: usize>(
        a: *const f32,
        lda: usize,
        step: usize,
        b: *const *const f32,
        off: *const u32,
        k: usize,
        out: *mut f32,
        ldo: usize,
        ldv: usize,
        add: bool,
    ) {
        // SAFETY: the caller's promise.
        unsafe { seg::<Z, NV, R, C, S>(a, lda, step, b, off, k, out, ldo, ldv, add) }
    }
    fn seg_kernel<const NV: usize, const S: usize>(r: usize, c: usize) -> Option<Seg<f32>> {
        macro_rules! pick {
            ($($r:literal: $($c:literal)*;)*) => {
                match (r, c) { $($(($r, $c) => Some(seg512::<NV, $r, $c, S> as Seg<f32>),)*)* _ => None }
            };
        }
        pick!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14; 2: 1 2 3 4 5 6 7; 3: 1 2 3 4; 4: 1 2 3; 5: 1 2; 6: 1 2; 7: 1 2; 8: 1;)
    }
    fn seg_for(nv: usize, s: usize, r: usize, c: usize) -> Option<Seg<f32>> {
        match (nv, s) {
            (1, 1) => seg_kernel::<1, 1>(r, c),
            (2, 1) => seg_kernel::<2, 1>(r, c),
            (1, 2) => seg_kernel::<1, 2>(r, c),
            (2, 2) => seg_kernel::<2, 2>(r, c),
            _ => None,
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
    unsafe fn transpose512(src: *const f32, lds: usize, rows: usize, dst: *mut f32, ldd: usize, cols: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut r = [_mm512_setzero_ps(); 16];
            let mask = |n: usize| if n >= 16 { 0xffff } else { (1u16 << n) - 1 };
            for i in 0..16 {
                if i < rows {
                    r[i] = _mm512_maskz_loadu_ps(mask(cols), src.add(i * lds));
                }
            }
            let mut t = [_mm512_setzero_ps(); 16];
            for i in 0..8 {
                t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
                t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
            }
            for i in 0..4 {
                let (a, b, c, d) = (t[4 * i], t[4 * i + 1], t[4 * i + 2], t[4 * i + 3]);
                r[4 * i] = _mm512_shuffle_ps::<0x44>(a, c);
                r[4 * i + 1] = _mm512_shuffle_ps::<0xee>(a, c);
                r[4 * i + 2] = _mm512_shuffle_ps::<0x44>(b, d);
                r[4 * i + 3] = _mm512_shuffle_ps::<0xee>(b, d);
            }
            for i in 0..4 {
                t[i] = _mm512_shuffle_f32x4::<0x88>(r[i], r[i + 4]);
                t[i + 4] = _mm512_shuffle_f32x4::<0xdd>(r[i], r[i + 4]);
                t[i + 8] = _mm512_shuffle_f32x4::<0x88>(r[i + 8], r[i + 12]);
                t[i + 12] = _mm512_shuffle_f32x4::<0xdd>(r[i + 8], r[i + 12]);
            }
            for i in 0..8 {
                r[i] = _mm512_shuffle_f32x4::<0x88>(t[i], t[i + 8]);
                r[i + 8] = _mm512_shuffle_f32x4::<0xdd>(t[i], t[i + 8]);
            }
            for i in 0..16 {
                if i < cols {
                    if rows >= 16 {
                        _mm512_storeu_ps(dst.add(i * ldd), r[i]);
                    } else {
                        _mm512_mask_storeu_ps(dst.add(i * ldd), mask(rows), r[i]);
                    }
                }
            }
        }
    }
}

// What the widest vectors of the plain target hold in 16 registers, or in 32 of NEON.
#[cfg(not(target_arch = "aarch64"))]
kernels!(portable, Array<f32>, f32, plane: 1, rows: [1 2], wide: [1 2, 2 1], dots: [1 2],
    transpose: transpose::<f32>, seg: |_, _, _, _| None, 0, winograd: Some(&super::wino_portable::WINOGRAD));
#[cfg(not(target_arch = "aarch64"))]
winograd!(wino_portable, Array<f32>, block: 2, several: [1], single: 1, weight: [1: 1 2;]);
#[cfg(target_arch = "aarch64")]
kernels!(portable, Array<f32>, f32, plane: 1, rows: [1 2 3 4 5 6], wide: [1 4, 2 2, 3 1, 4 1, 5 1, 6 1],
    dots: [1 2 3 4], transpose: transpose::<f32>, seg: |_, _, _, _| None, 0,
    winograd: Some(&super::wino_portable::WINOGRAD));
#[cfg(target_arch = "aarch64")]
winograd!(wino_portable, Array<f32>, block: 4, several: [1], single: 1, weight: [1: 1 2 3 4 5 6;]);
kernels!(portable_f64, Array<f64>, f64, plane: 1, rows: [1 2], wide: [1 1, 2 1], dots: [1 2],
    transpose: transpose::<f64>, seg: |_, _, _, _| None, 0, winograd: None);

#[cfg(target_arch = "x86_64")]
fn level() -> Level {
    let level = crate::kernels::isa::level();
    #[cfg(test)]
    let level = level.min(super::tests::CAP.get());
    level
}

impl Real for f32 {
    const SINGLE: bool = true;
    fn micro() -> &'static Micro<f32> {
        #[cfg(target_arch = "x86_64")]
        match level() {
            Level::Avx512 => return &x86::avx512::MICRO,
            Level::Avx2 => return &x86::avx2::MICRO,
            Level::Baseline => {}
        }
        &portable::MICRO
    }
}
impl Real for f64 {
    const SINGLE: bool = false;
    fn micro() -> &'static Micro<f64> {
        #[cfg(target_arch = "x86_64")]
        match level() {
            Level::Avx512 => return &x86::avx512_f64::MICRO,
            Level::Avx2 => return &x86::avx2_f64::MICRO,
            Level::Baseline => {}
        }
        &portable_f64::MICRO
    }
}
