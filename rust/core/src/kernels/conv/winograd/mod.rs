//! Winograd F(2 × 2, 3 × 3) for forward and grad-input, F(4 × 4, 3 × 3) for grad-weight; stride 1, f32.
//!
//! Tiles lie in the lanes, in panels `[point][panel of 16 tiles][channel][16]`: the transformed input is the packed
//! left factor of plain products, and the output transform ends in stores along image rows. Units of work are bands of
//! an image, or several small images, cut by the shape alone. (F(4, 3) is 1.5 times faster yet, but its error, 3–9e-6
//! of the output's deviation, is more than results should have; for sums over all pixels it is what others have.)
//!
//! A tile's pixels are combined before they are multiplied: an infinity in the input makes its whole tile NaN.

pub mod transform;

use super::micro::{Micro, ROWS, Seg};
use super::tools::{Ptr, Scratch, each};
use super::{Kind, Params, Real};
use transform::{Input, Piece};

/// The transforms and products of one instruction set.
pub struct Winograd {
    pub input2: unsafe fn(from: &Input, tmp: *mut f32, v: *mut f32),
    pub input4: unsafe fn(from: &Input, tmp: *mut f32, v: *mut f32),
    pub output: unsafe fn(m: *const f32, ld: usize, list: &[Piece], bias: f32, y: *mut f32, width: usize),
    pub weight: unsafe fn(g: *const f32, flip: bool, u: *mut f32, ldp: usize, stride: usize),
    pub output_grad: unsafe fn(y: *const f32, ldy: usize, z: *mut f32, ld: usize),
    pub weight_grad: unsafe fn(m: *const f32, g: *mut f32),
    /// Output channels of a block of transformed weights.
    pub block: usize,
    /// 1, 2, … panels of tiles by one block.
    pub several: &'static [Seg<f32>],
    /// A single panel by so many blocks: one would leave the multiply-add's latency in sight.
    pub single: (Seg<f32>, usize),
    /// 1, 2, … panels of output channels by 1, 2, … input channels.
    pub grad: &'static [&'static [Seg<f32>]],
}

/// Bytes of transformed input and products of one unit: they should stay in the second-level cache.
const BAND: usize = 800_000;
/// Units wanted, whatever the number of threads.
const UNITS: usize = 8;

/// Floats between transform points: an odd number of cache lines, or all points would share a cache set.
fn point(lines: usize) -> usize {
    (lines | 1) * 16
}

/// How the output is cut into units of whole rows of tiles.
struct Cut {
    th: usize,
    tw: usize,
    /// Rows of tiles of a band; bands of an image.
    rows: usize,
    bands: usize,
    /// Images of a unit; more than one only if there is one band.
    images: usize,
    units: usize,
}
impl Cut {
    fn new(m: usize, batch: usize, h: usize, w: usize, bytes_per_tile: usize, wish: usize) -> Cut {
        let (th, tw) = (h.div_ceil(m), w.div_ceil(m));
        let rows = (BAND / (bytes_per_tile * tw)).clamp(1, th).min(th.div_ceil(UNITS.div_ceil(batch)).max(4));
        let rows = th.div_ceil(th.div_ceil(rows));
        let bands = th.div_ceil(rows);
        let images = if bands > 1 { 1 } else { (wish / (th * tw)).clamp(1, (batch / UNITS).max(1)) };
        Cut { th, tw, rows, bands, images, units: batch.div_ceil(images) * bands }
    }
    /// First image, number of images, first row of tiles, rows of tiles.
    fn unit(&self, u: usize, batch: usize) -> (usize, usize, usize, usize) {
        let (img, t0) = (u / self.bands * self.images, u % self.bands * self.rows);
        (img, self.images.min(batch - img), t0, self.rows.min(self.th - t0))
    }
    fn panels(&self) -> usize {
        (self.images * self.rows * self.tw).div_ceil(16)
    }
}

/// Whether this is a convolution that the transforms below compute, and one where they win.
pub fn fits(p: &Params) -> bool {
    let shape = p.kernel == [1, 3, 3] && p.stride == [1; 3] && p.dilation[1..] == [1, 1] && p.groups == 1;
    shape && p.input[0] == 1 && p.output[0] == 1 && p.pad[0] == 0 && p.pad[1] <= 2 && p.pad[2] <= 2
}
/// F(2, 3) needs 16 multiplications for 36, on tiles of which some may be in vain, and its transforms cost per channel.
pub fn wins(p: &Params, kind: Kind) -> bool {
    let (m, [_, h, w]) = match kind {
        Kind::Forward => (2, p.output),
        Kind::GradInput => (2, p.input),
        Kind::GradWeight => (4, p.output),
    };
    let per_tile = (m + 2) * (m + 2) * 4;
    let cut = Cut::new(m, p.batch, h, w, per_tile * (p.cin + p.cout), 48);
    let panels = if m == 2 { cut.bands * cut.panels() * 16 } else { cut.th * cut.tw * cut.images };
    let useful = (cut.images * h * w) as f64 / (panels * m * m) as f64;
    // the sums of grad-weight are transformed back once, which few tiles would not repay
    p.cin >= 12 && p.cout >= 12 && useful > 0.6 && (m == 2 || p.batch * cut.th * cut.tw >= 48)
}

/// `dst = conv(src)`: forward, or with `grad` grad-input, whose `src` is the output's gradient.
///
/// # Safety
/// As [`super::forward`] and [`super::grad_input`]; `fits` must hold.
pub unsafe fn conv(p: &Params, grad: bool, src: *const f32, wt: *const f32, bias: *const f32, dst: *mut f32) {
    let (micro, batch): (&Micro<f32>, usize) = (f32::micro(), p.batch);
    let Some(wg) = micro.winograd else { return };
    let (cs, cd) = if grad { (p.cout, p.cin) } else { (p.cin, p.cout) };
    let ([_, sh, sw], [_, dh, dw]) = if grad { (p.output, p.input) } else { (p.input, p.output) };
    let pad = [p.pad[1], p.pad[2]].map(|q| if grad { 2 - q as isize } else { q as isize });
    let cb = cd.div_ceil(16);
    let cut = Cut::new(2, batch, dh, dw, 64 * (cs + cb * 16), 48);
    let full = cut.panels();
    let (vp, mp, up) = (point(full * cs), point(full * cb * 16), point(cb * cs));
    let mut off = Scratch::<u32>::new(cs);
    for (i, o) in off.slice().iter_mut().enumerate() {
        *o = (i * wg.block) as u32;
    }
    let off = off.ptr();
    let mut u = Scratch::<f32>::new(16 * up);
    let (u, src, wt, bias, out) = (u.ptr(), Ptr::of(src), Ptr::of(wt), Ptr::of(bias), Ptr(dst));
    // SAFETY: `u`, `v` and `m` have 16 points each; a task writes its block of weights, or its images' bands of dst.
    each(cb, (cs * 16 * 60) as f64, &|b| unsafe {
        let mut g = [0f32; 9 * 16];
        let lanes = (cd - b * 16).min(16);
        for i in 0..cs {
            let (from, ld) = if grad { ((i * cd + b * 16) * 9, 9) } else { ((b * 16 * cs + i) * 9, cs * 9) };
            (micro.transpose)(wt.at(from), ld, lanes, g.as_mut_ptr(), 16, 9);
            (wg.weight)(g.as_ptr(), grad, u.at(b * cs * 16 + i * wg.block), up, cs * wg.block);
        }
    });
    let flops = 2.0 * (cs * cd * dh * dw * 4 * batch) as f64 / cut.units as f64;
    // SAFETY: as above.
    each(cut.units, flops, &|unit| unsafe {
        let (img, images, t0, rows) = cut.unit(unit, batch);
        let (mut v, mut m) = (Scratch::<f32>::new(16 * vp), Scratch::<f32>::new(16 * mp));
        let (v, m) = (v.ptr().0, m.ptr().0);
        for i in 0..images {
            let from = Input {
                src: src.at((img + i) * cs * sh * sw),
                channels: cs,
                h: sh,
                w: sw,
                y0: (t0 * 2) as isize - pad[0],
                x0: -pad[1],
                rows,
                tw: cut.tw,
                first: i * rows * cut.tw,
                ldp: vp,
            };
            (wg.input2)(&from, Scratch::<f32>::new(from.scratch::<2>()).ptr().0, v);
        }
        let np = (images * rows * cut.tw).div_ceil(16);
        let groups = np.div_ceil(wg.several.len());
        let group = |g: usize| (g * np / groups, (g + 1) * np / groups);
        for xi in 0..16 {
            for (a, b) in (0..groups).map(group) {
                let (va, to) = (v.add(xi * vp + a * cs * 16).cast_const(), m.add(xi * mp + a * cb * 256));
                let nv = b - a;
                let (kernel, blocks) = if nv > 1 { (wg.several[nv - 1], 1) } else { wg.single };
                let step = blocks * wg.block;
                for c in (0..cd).step_by(step) {
                    let mut from = [std::ptr::null(); 4];
                    for (r, f) in from.iter_mut().take(blocks).enumerate() {
                        *f = u.at(xi * up + (c + r * wg.block) * cs).cast_const();
                    }
                    let to = to.add(c * nv * 16);
                    kernel(va, cs * 16, 16, from.as_ptr(), off.at(0), cs, to, nv * 16, 16, false);
                }
            }
        }
        // channel by channel, so that a plane's rows are written one after another
        let mut list = Vec::with_capacity(np * 4);
        let mut ends = Vec::with_capacity(np);
        for (a, b) in (0..groups).map(group) {
            for panel in a..b {
                pieces(panel, images, rows, cut.tw, [dh - t0 * 2, dw], cd * dh * dw, &mut list);
                ends.push((list.len(), a * cb * 256 + (panel - a) * 16, (b - a) * 16));
            }
        }
        for ch in 0..cd {
            let bias = if bias.0.is_null() { 0.0 } else { *bias.at(ch) };
            let y = out.at((img * cd + ch) * dh * dw + t0 * 2 * dw);
            let mut start = 0;
            for &(end, base, ld) in &ends {
                (wg.output)(m.add(base + ch * ld), mp, &list[start..end], bias, y, dw);
                start = end;
            }
        }
    });
}

/// The stores of panel `p`: the runs of its tiles that lie in one row, cut at the vectors' ends.
fn pieces(p: usize, images: usize, rows: usize, tw: usize, [dh, dw]: [usize; 2], image: usize, out: &mut Vec<Piece>) {
    let end = (p * 16 + 16).min(images * rows * tw);
    let mut l = p * 16;
    while l < end {
        let (img, row, q) = (l / (rows * tw), l / tw % rows, l % tw);
        let run = (tw - q).min(end - l);
        let x0 = (l - p * 16) * 2;
        let x1 = x0 + (run * 2).min(dw - q * 2);
        for e in x0 / 16..x1.div_ceil(16) {
            let off = (img * image + row * 2 * dw + q * 2 + e * 16) as isize - x0 as isize;
            let (from, to) = (x0.max(e * 16) - e * 16, x1.min(e * 16 + 16) - e * 16);
            out.push(Piece { e, off, from, to, both: row * 2 + 1 < dh });
        }
        l += run;
    }
}

/// Independent sums of grad-weight: their number depends on the shape alone, so that the bits do not depend on threads.
const PARTS: usize = 8;
const PARTS_BYTES: usize = 16_000_000;
/// Tiles of one call: the piece of two panels of gy and 14 channels of x stays in the first-level cache.
const PIECE: usize = 128;
/// Bytes of transformed data that threads share where sums are too large to have several.
const SHARED: usize = 16_000_000;

/// `Gᵀ [Σ over tiles of (A gy Aᵀ) (Bᵀ x B)] G`.
///
/// Where sums are small every part walks its units with sums of its own, so that transformed data never leave the
/// cache of the core that made them; where they are large, tasks own points and channels and walk all units in order.
///
/// # Safety
/// As [`super::grad_weight`]; `fits` must hold.
pub unsafe fn grad_weight(p: &Params, x: *const f32, gy: *const f32, gw: *mut f32) {
    let (micro, batch): (&Micro<f32>, usize) = (f32::micro(), p.batch);
    let Some(wg) = micro.winograd else { return };
    let (ci, co, [_, h, w], [_, oh, ow]) = (p.cin, p.cout, p.input, p.output);
    let cb = co.div_ceil(16);
    let cut = Cut::new(4, batch, oh, ow, 144 * (ci + cb * 16), 64);
    let (tw, full) = (cut.tw, cut.panels());
    let (vp, zp, ap) = (point(full * ci), point(cb * full * 16), point(cb * ci));
    let mut off = Scratch::<u32>::new(full * 16);
    for (t, o) in off.slice().iter_mut().enumerate() {
        *o = (t / 16 * ci * 16 + t % 16) as u32;
    }
    let (off, x, gy) = (off.ptr(), Ptr::of(x), Ptr::of(gy));
    let ldy = (tw * 4 + 16) * 16;
    // SAFETY (all closures): `v`, `z` and the sums have 36 points each, and belong to one task at a time.
    // SAFETY: the caller's promise.
    let prepare = |unit: usize, v: *mut f32, z: *mut f32| unsafe {
        let (img, images, t0, rows) = cut.unit(unit, batch);
        let mut buffer = Scratch::<f32>::new(4 * ldy);
        let y = buffer.ptr().0;
        for i in 0..images {
            let from = Input {
                src: x.at((img + i) * ci * h * w),
                channels: ci,
                h,
                w,
                y0: (t0 * 4) as isize - p.pad[1] as isize,
                x0: -(p.pad[2] as isize),
                rows,
                tw,
                first: i * rows * tw,
                ldp: vp,
            };
            (wg.input4)(&from, Scratch::<f32>::new(from.scratch::<4>()).ptr().0, v);
            for b in 0..cb {
                for r in 0..rows {
                    let live = 4.min(oh - (t0 + r) * 4);
                    if live < 4 || ow < tw * 4 {
                        std::slice::from_raw_parts_mut(y, 4 * ldy).fill(0.0);
                    }
                    for k in 0..live {
                        for q in (0..ow).step_by(16) {
                            let from = gy.at((((img + i) * co + b * 16) * oh + (t0 + r) * 4 + k) * ow + q);
                            let to = y.add(k * ldy + q * 16);
                            (micro.transpose)(from, oh * ow, (co - b * 16).min(16), to, 16, (ow - q).min(16));
                        }
                    }
                    for q in 0..tw {
                        let tile = b * full * 16 + (i * rows + r) * tw + q;
                        (wg.output_grad)(y.add(q * 64), ldy, z.add(tile * 16), zp);
                    }
                }
            }
        }
    };
    let nb = wg.grad.len();
    let ct = ci.div_ceil(wg.grad[0].len());
    // SAFETY: as above.
    let products = |unit: usize, v: *const f32, z: *const f32, xi: usize, b: usize, acc: *mut f32, fresh: bool| unsafe {
        let (_, images, _, rows) = cut.unit(unit, batch);
        let nt = images * rows * tw;
        let nv = nb.min(cb - b);
        for p0 in (0..nt).step_by(PIECE) {
            for q in 0..ct {
                let (c0, c1) = (q * ci / ct, (q + 1) * ci / ct);
                let from = v.add(xi * vp + c0 * 16);
                let to = acc.add(xi * ap + (b * ci + c0) * 16);
                let a = z.add(xi * zp + (b * full * 16 + p0) * 16);
                let (off, n) = (off.at(p0), PIECE.min(nt - p0));
                let kernel = wg.grad[nv - 1][c1 - c0 - 1];
                kernel(a, full * 256, 16, &from, off, n, to, 16, ci * 16, !fresh || p0 > 0);
            }
        }
    };
    let wanted = (PARTS_BYTES / (36 * ap * 4)).clamp(1, PARTS).min(cut.units);
    let parts = if wanted >= 4 { wanted } else { 1 };
    let flops = 2.0 * (ci * co * 36) as f64 * (batch * cut.th * tw) as f64;
    let mut acc = Scratch::<f32>::new(parts * 36 * ap);
    let acc = acc.ptr();
    if parts > 1 {
        // SAFETY: the caller's promise.
        each(parts, flops / parts as f64, &|part| unsafe {
            let (mut v, mut z) = (Scratch::<f32>::new(36 * vp), Scratch::<f32>::new(36 * zp));
            let (v, z, first) = (v.ptr().0, z.ptr().0, part * cut.units / parts);
            for unit in first..(part + 1) * cut.units / parts {
                prepare(unit, v, z);
                for xi in 0..36 {
                    for b in (0..cb).step_by(nb) {
                        products(unit, v, z, xi, b, acc.at(part * 36 * ap), unit == first);
                    }
                }
            }
        });
    } else {
        let size = 36 * (vp + zp);
        let group = (SHARED / (size * 4)).clamp(1, cut.units);
        let mut shared = Scratch::<f32>::new(group * size);
        let shared = shared.ptr();
        for u0 in (0..cut.units).step_by(group) {
            let n = group.min(cut.units - u0);
            // SAFETY: as above.
            each(n, flops / cut.units as f64, &|u| unsafe {
                prepare(u0 + u, shared.at(u * size), shared.at(u * size + 36 * vp));
            });
            let pairs = cb.div_ceil(nb);
            // SAFETY: the caller's promise.
            each(36 * pairs, flops / (36 * pairs) as f64, &|t| unsafe {
                for u in 0..n {
                    let (v, z) = (shared.at(u * size), shared.at(u * size + 36 * vp));
                    products(u0 + u, v, z, t / pairs, t % pairs * nb, acc.at(0), u0 + u == 0);
                }
            });
        }
    }
    let out = Ptr(gw);
    // SAFETY: the caller's promise.
    each(cb, (ci * 16 * 100) as f64, &|b| unsafe {
        let (mut m, mut g) = ([0f32; 36 * 16], [0f32; ROWS * 16]);
        for i in 0..ci {
            m.fill(0.0);
            for part in 0..parts {
                for xi in 0..36 {
                    let from = acc.at((part * 36 + xi) * ap + (b * ci + i) * 16);
                    for l in 0..16 {
                        m[xi * 16 + l] += *from.add(l);
                    }
                }
            }
            (wg.weight_grad)(m.as_ptr(), g.as_mut_ptr());
            (micro.transpose)(g.as_ptr(), 16, 9, out.at((b * 16 * ci + i) * 9), ci * 9, (co - b * 16).min(16));
        }
    });
}
