//! Winograd's transforms of F(M × M, 3 × 3), M = 2 or 4, sixteen independent tiles (or channels) at a time.
#![allow(clippy::needless_range_loop)]

use super::super::lanes::Lanes;

// Interpolation points of M = 4: 0, ±√½, ±√2 and infinity. With these the constants are exact or near one, and the
// error is a quarter of what the textbook's 0, ±1, ±2 give.
const PA: f32 = std::f32::consts::FRAC_1_SQRT_2;
const PB: f32 = std::f32::consts::SQRT_2;
const A2: f32 = 0.5;
const B2: f32 = 2.0;
const N0: f32 = 1.0 / (A2 * B2);
const NA: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
const NB: f32 = 1.0 / (2.0 * B2 * (B2 - A2));

// SAFETY (this file): the caller has the instruction set of `V`, and memory for what is said to be read and written.

#[inline(always)]
unsafe fn fma<V: Lanes<T = f32>>(k: f32, x: V, y: V) -> V {
    // SAFETY: the caller's promise.
    unsafe { V::splat(k).fma(x, y) }
}
#[inline(always)]
unsafe fn mul<V: Lanes<T = f32>>(k: f32, x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe { V::splat(k).mul(x) }
}

/// `Bᵀ`: M + 2 pixels to M + 2 points.
#[inline(always)]
unsafe fn bt<V: Lanes<T = f32>, const M: usize>(d: [V; 6]) -> [V; 6] {
    // SAFETY: the caller's promise.
    unsafe {
        if M == 2 {
            return [d[0].sub(d[2]), d[1].add(d[2]), d[2].sub(d[1]), d[1].sub(d[3]), d[0], d[0]];
        }
        let e1 = fma(-B2, d[2], d[4]);
        let o1 = mul(PA, fma(-B2, d[1], d[3]));
        let e2 = fma(-A2, d[2], d[4]);
        let o2 = mul(PB, fma(-A2, d[1], d[3]));
        let t0 = fma(A2 * B2, d[0], fma(-(A2 + B2), d[2], d[4]));
        let t5 = fma(A2 * B2, d[1], fma(-(A2 + B2), d[3], d[5]));
        [t0, e1.add(o1), e1.sub(o1), e2.add(o2), e2.sub(o2), t5]
    }
}
/// `Aᵀ` of M = 2: four points to two pixels.
#[inline(always)]
unsafe fn at<V: Lanes<T = f32>, const M: usize>(m: [V; 6]) -> [V; 6] {
    // SAFETY: the caller's promise.
    unsafe { [m[0].add(m[1]).add(m[2]), m[1].sub(m[2]).sub(m[3]), m[0], m[0], m[0], m[0]] }
}
/// `A` of M = 4: four pixels of the output's gradient to six points.
#[inline(always)]
unsafe fn aa<V: Lanes<T = f32>, const M: usize>(y: [V; 6]) -> [V; 6] {
    // SAFETY: the caller's promise.
    unsafe {
        let (e, o) = (fma(A2, y[2], y[0]), mul(PA, fma(A2, y[3], y[1])));
        let (f, q) = (fma(B2, y[2], y[0]), mul(PB, fma(B2, y[3], y[1])));
        [y[0], e.add(o), e.sub(o), f.add(q), f.sub(q), y[3]]
    }
}
/// `G` of M = 2: three taps to four points.
#[inline(always)]
unsafe fn gg<V: Lanes<T = f32>, const M: usize>(g: [V; 6]) -> [V; 6] {
    // SAFETY: the caller's promise.
    unsafe {
        let (e, o) = (mul(0.5, g[0].add(g[2])), mul(0.5, g[1]));
        [g[0], e.add(o), e.sub(o), g[2], g[0], g[0]]
    }
}
/// `Gᵀ` of M = 4: six points to three taps.
#[inline(always)]
unsafe fn gt<V: Lanes<T = f32>, const M: usize>(m: [V; 6]) -> [V; 6] {
    // SAFETY: the caller's promise.
    unsafe {
        let (p, q) = (mul(NA, m[1].add(m[2])), mul(NA, m[1].sub(m[2])));
        let (r, s) = (mul(NB, m[3].add(m[4])), mul(NB, m[3].sub(m[4])));
        [fma(N0, m[0], p.add(r)), fma(PA, q, mul(PB, s)), fma(A2, p, fma(B2, r, m[5])), m[0], m[0], m[0]]
    }
}

/// A one-dimensional transform of R inputs and S outputs, applied to the columns and then to the rows.
macro_rules! both {
    ($v:ty, $f:ident, $m:expr, $r:expr, $s:expr, |$i:ident, $j:ident| $load:expr, |$k:ident, $l:ident, $x:ident| $store:expr) => {{
        let mut t = [[<$v>::zero(); 6]; 6];
        for $j in 0..$r {
            let mut d = [<$v>::zero(); 6];
            for $i in 0..$r {
                d[$i] = $load;
            }
            let d = $f::<$v, $m>(d);
            for i in 0..$s {
                t[i][$j] = d[i];
            }
        }
        for $k in 0..$s {
            let d = $f::<$v, $m>(t[$k]);
            for $l in 0..$s {
                let $x = d[$l];
                $store;
            }
        }
    }};
}

/// Tile rows of some channels of one image, and where their transform goes.
pub struct Input {
    pub src: *const f32,
    pub channels: usize,
    pub h: usize,
    pub w: usize,
    /// The first pixel; rows and columns outside the image read as zeros.
    pub y0: isize,
    pub x0: isize,
    /// Rows and columns of tiles.
    pub rows: usize,
    pub tw: usize,
    /// The number of the first tile in `v`: `v[point][tile / 16][channel][tile % 16]`.
    pub first: usize,
    /// Floats between two points of `v`.
    pub ldp: usize,
}
impl Input {
    fn row<const M: usize>(&self) -> usize {
        ((self.tw.next_multiple_of(16) + 2) * M + 64).next_multiple_of(16)
    }
    fn phase(&self) -> usize {
        (self.rows + 1) * self.tw + 32
    }
    /// Scratch: one padded row, and the residue planes, once as they are and once moved by a tile.
    pub fn scratch<const M: usize>(&self) -> usize {
        self.row::<M>() + 2 * M * M * self.phase()
    }
}

/// Splits the pixels by residue modulo M in both directions, and transforms. With the residues apart, and a copy moved
/// by one tile for the columns beyond M, tile l lies at l in all of them.
#[inline(always)]
pub unsafe fn input<V: Lanes<T = f32>, const M: usize, const A: usize>(t: &Input, tmp: *mut f32, v: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let (row, ph, phase, tw, w) = (tmp, tmp.add(t.row::<M>()), t.phase(), t.tw, t.w);
        let nc = (tw * M + 2) as isize;
        let a = (-t.x0).clamp(0, nc) as usize;
        let b = (w as isize - t.x0).clamp(a as isize, nc) as usize;
        std::slice::from_raw_parts_mut(row, t.row::<M>()).fill(0.0);
        let live = t.rows * tw;
        for cc in 0..t.channels {
            for r in 0..t.rows * M + 2 {
                let y = t.y0 + r as isize;
                let inside = y >= 0 && y < t.h as isize;
                if inside && b > a {
                    let from = t.src.add((cc * t.h + y as usize) * w).offset(t.x0 + a as isize);
                    std::ptr::copy_nonoverlapping(from, row.add(a), b - a);
                }
                for dc in 0..2 {
                    let to = ph.add((dc * M + r % M) * M * phase + r / M * tw);
                    if !inside {
                        for p in 0..M {
                            std::slice::from_raw_parts_mut(to.add(p * phase), tw).fill(0.0);
                        }
                        continue;
                    }
                    // a store may run into the next row of tiles, which is written later
                    let mut q = 0;
                    while q < tw {
                        let at = row.add((q + dc) * M);
                        let [e, f] = V::load(at).unzip(V::load(at.add(16)));
                        if M == 4 {
                            let [g, h] = V::load(at.add(32)).unzip(V::load(at.add(48)));
                            let ([r0, r2], [r1, r3]) = (e.unzip(g), f.unzip(h));
                            r0.store(to.add(q));
                            r1.store(to.add(phase + q));
                            if dc == 0 {
                                r2.store(to.add(2 * phase + q));
                                r3.store(to.add(3 * phase + q));
                            }
                        } else {
                            e.store(to.add(q));
                            f.store(to.add(phase + q));
                        }
                        q += 16;
                    }
                }
            }
            let mut q = 0;
            while q < live {
                let l = t.first + q;
                let lane = l % 16;
                let to = v.add((l / 16 * t.channels + cc) * 16);
                let src = ph.add(q);
                macro_rules! go {
                    (|$at:ident, $x:ident| $store:expr) => {
                        both!(
                            V,
                            bt,
                            M,
                            A,
                            A,
                            |i, j| V::load(src.add(((j / M * M + i % M) * M + j % M) * phase + i / M * tw)),
                            |i, j, $x| {
                                let $at = to.add((i * A + j) * t.ldp);
                                $store
                            }
                        )
                    };
                }
                if lane == 0 {
                    // lanes beyond the last tile are overwritten by the next image's, or belong to nobody
                    go!(|p, x| x.store(p));
                } else if lane + (live - q).min(16) <= 16 {
                    go!(|p, x| x.store_part(p.add(lane), 0, 16 - lane));
                } else {
                    let next = t.channels * 16 + lane - 16;
                    go!(|p, x| {
                        x.store_part(p.add(lane), 0, 16 - lane);
                        x.store_part(p.wrapping_add(next), 16 - lane, 16);
                    });
                }
                q += 16;
            }
        }
    }
}

/// One store: lanes `from..to` of part `e` of a panel's pixels, `off` floats from the plane's start, in the first and
/// (`both`) second row of the tiles, `off + width` onwards.
pub struct Piece {
    pub e: usize,
    pub off: isize,
    pub from: usize,
    pub to: usize,
    pub both: bool,
}

/// M = 2: transforms a panel's points of one channel and stores its pixels.
#[inline(always)]
pub unsafe fn output<V: Lanes<T = f32>>(
    m: *const f32,
    ld: usize,
    list: &[Piece],
    bias: f32,
    y: *mut f32,
    width: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut o = [[V::zero(); 2]; 2];
        both!(V, at, 2, 4, 2, |i, j| V::load(m.add((i * 4 + j) * ld)), |i, j, x| o[i][j] = x);
        let bias = V::splat(bias);
        for i in 0..2 {
            o[i] = o[i][0].add(bias).zip(o[i][1].add(bias));
        }
        for p in list {
            for i in 0..1 + p.both as usize {
                let to = y.wrapping_offset(p.off).wrapping_add(i * width);
                // two stores with their registers named: an index would send both through memory
                if p.e == 0 {
                    o[i][0].store_part(to, p.from, p.to);
                } else {
                    o[i][1].store_part(to, p.from, p.to);
                }
            }
        }
    }
}

/// M = 2: transforms one input channel's taps for 16 output channels, stored in blocks of B, `stride` apart.
#[inline(always)]
pub unsafe fn weight<V: Lanes<T = f32>, const B: usize>(
    g: *const f32,
    flip: bool,
    u: *mut f32,
    ldp: usize,
    stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        both!(V, gg, 2, 3, 4, |i, j| V::load(g.add(16 * if flip { 8 - i * 3 - j } else { i * 3 + j })), |i, j, x| {
            let mut a = [0f32; 16];
            x.store(a.as_mut_ptr());
            for h in 0..16 / B {
                let to = u.add((i * 4 + j) * ldp + h * stride);
                std::ptr::copy_nonoverlapping(a.as_ptr().add(h * B), to, B);
            }
        });
    }
}

/// M = 4: a tile of 4 × 4 pixels of the output's gradient, 16 channels in the lanes, to 36 points.
#[inline(always)]
pub unsafe fn output_grad<V: Lanes<T = f32>>(y: *const f32, ldy: usize, z: *mut f32, ld: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        both!(V, aa, 4, 4, 6, |i, j| V::load(y.add(i * ldy + j * 16)), |i, j, x| x.store(z.add((i * 6 + j) * ld)));
    }
}
/// M = 4: the sums of the 36 points to nine taps.
#[inline(always)]
pub unsafe fn weight_grad<V: Lanes<T = f32>>(m: *const f32, g: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        both!(V, gt, 4, 6, 3, |i, j| V::load(m.add((i * 6 + j) * 16)), |i, j, x| x.store(g.add((i * 3 + j) * 16)));
    }
}
