//! Direct grad-weight. *Panels*: 16 output channels in the lanes; gy is transposed to `[block][pixel][16]`, x is read in
//! place from its window, the sum runs over pixels. *Planar*, for few output channels in a group: pixels in the lanes.
//!
//! Sums are cut into parts by the shape alone and added in order: the bits do not depend on the number of threads.

use super::micro::{Micro, ROWS, SLACK};
use super::plan::Bands;
use super::tools::{Ptr, Scratch, each, plane, window, window_size};
use super::{Params, Real};

/// Pixels of one running sum: two panels of gy stay in the first-level cache.
const PIECE: usize = 192;
/// Independent sums, where they are small.
const PARTS: usize = 8;
const PART_BYTES: usize = 400_000;
/// Bytes of windows and transposed gy that are kept between the two passes, where threads share them.
const SHARED: usize = 4_000_000;

/// What both forms share: units of work (image, output slice, band), and the window of x that one reads.
struct Job<'a, T: Real> {
    p: &'a Params,
    micro: &'static Micro<T>,
    ci: usize,
    co: usize,
    taps: usize,
    bands: Bands,
    units: usize,
    window: [usize; 2],
    apart: [usize; 2],
    pitch: usize,
    slice: usize,
    x: Ptr<T>,
    gy: Ptr<T>,
}
/// Image, output slice, first row and column, rows and columns.
struct Unit {
    img: usize,
    od: usize,
    at: [usize; 2],
    size: [usize; 2],
}

impl<T: Real> Job<'_, T> {
    fn new<'a>(p: &'a Params, apart: bool, x: *const T, gy: *const T) -> Job<'a, T> {
        let (ci, co) = (p.cin / p.groups, p.cout / p.groups);
        let [od, oh, ow] = p.output;
        let ext = [1, 2].map(|i| (p.kernel[i] - 1) * p.dilation[i] + 1);
        let [sy, sx] = [p.stride[1], p.stride[2]];
        let taps: usize = p.kernel.iter().product();
        let row = (ci * p.kernel[0] * ((ow - 1) * sx + ext[1]) * sy + co * ow) * size_of::<T>();
        let work = 2.0 * (ci * co * taps * ow) as f64;
        let bands = Bands::new(oh, ow, row, p.batch * od, work);
        let window = [(bands.rows - 1) * sy + ext[0], (bands.cols - 1) * sx + ext[1]];
        let apart = if apart { [sy, sx] } else { [1, 1] };
        Job {
            p,
            micro: T::micro(),
            ci,
            co,
            taps,
            units: p.batch * od * bands.count,
            bands,
            window,
            apart,
            pitch: window[1].div_ceil(apart[1]),
            slice: plane(window_size(window, apart)),
            x: Ptr::of(x),
            gy: Ptr::of(gy),
        }
    }
    fn unit(&self, u: usize) -> Unit {
        let (band, t) = (u % self.bands.count, u / self.bands.count);
        let at = self.bands.start(band);
        let size = [self.bands.rows.min(self.p.output[1] - at[0]), self.bands.cols.min(self.p.output[2] - at[1])];
        Unit { img: t / self.p.output[0], od: t % self.p.output[0], at, size }
    }
    fn window_len(&self) -> usize {
        self.ci * self.p.kernel[0] * self.slice + SLACK
    }
    /// Where tap `t` of channel `c` starts in the window.
    fn tap(&self, c: usize, t: usize) -> usize {
        let [kz, ky, kx] = self.p.kernel;
        let (z, y, x) = (t / (ky * kx), t / kx % ky, t % kx);
        let (y, x, [ay, ax]) = (y * self.p.dilation[1], x * self.p.dilation[2], self.apart);
        let plane = (y % ay * ax + x % ax) * self.window[0].div_ceil(ay) * self.pitch;
        (c * kz + z) * self.slice + plane + y / ay * self.pitch + x / ax
    }
    /// Copies the window of x that a unit reads.
    unsafe fn fill(&self, g: usize, u: &Unit, to: *mut T) {
        let p = self.p;
        let [d, h, w] = p.input;
        let start = [1, 2].map(|i| (u.at[i - 1] * p.stride[i]) as isize - p.pad[i] as isize);
        for c in 0..self.ci {
            for z in 0..p.kernel[0] {
                let at = (u.od * p.stride[0] + z * p.dilation[0]) as isize - p.pad[0] as isize;
                // SAFETY: a slice of x, or none; the window has room for every slice of every channel.
                unsafe {
                    let from = if at >= 0 && at < d as isize {
                        let channel = (u.img * p.groups + g) * self.ci + c;
                        self.x.at((channel * d + at as usize) * h * w).cast_const()
                    } else {
                        std::ptr::null()
                    };
                    let to = to.add((c * p.kernel[0] + z) * self.slice);
                    window(from, [h, w], start, self.window, self.apart, Some(self.micro.split), to);
                }
            }
        }
    }
    /// gy of output channel `o` of group `g`, at a unit's first pixel.
    unsafe fn grad(&self, g: usize, o: usize, u: &Unit) -> *const T {
        let [d, h, w] = self.p.output;
        let channel = (u.img * self.p.groups + g) * self.co + o;
        // SAFETY: a pixel of gy.
        unsafe { self.gy.at(((channel * d + u.od) * h + u.at[0]) * w + u.at[1]) }
    }
    fn work(&self) -> f64 {
        2.0 * (self.p.batch * self.p.cout * self.ci * self.taps) as f64 * self.p.output.iter().product::<usize>() as f64
    }
}

/// # Safety
/// As [`super::grad_weight`]. No size may be zero.
pub unsafe fn grad_weight<T: Real>(p: &Params, x: *const T, gy: *const T, gw: *mut T) {
    // SAFETY: the caller's promise.
    unsafe { if p.cout / p.groups < 6 { planar(p, x, gy, gw) } else { panels(p, x, gy, gw) } }
}

unsafe fn panels<T: Real>(p: &Params, x: *const T, gy: *const T, gw: *mut T) {
    let job = Job::new(p, false, x, gy);
    let Job { micro, ci, co, taps, pitch, .. } = job;
    let k = ci * taps;
    let cb = co.div_ceil(16);
    let most = job.bands.rows * job.bands.cols;
    let (win, gsz) = (job.window_len(), cb * 16 * most);
    let mut koff = Scratch::<u32>::new(k);
    for (i, o) in koff.slice().iter_mut().enumerate() {
        *o = job.tap(i / taps, i % taps) as u32;
    }
    let koff = koff.ptr();
    // Tiles: with `seg` whole rows of taps, whose elements lie d apart; otherwise any taps.
    let [sy, sx] = [p.stride[1], p.stride[2]];
    let (kx, dx) = (p.kernel[2], p.dilation[2]);
    let seg = kx > 1 && kx <= micro.seg_rows && dx <= 2;
    let (nb, runs, len) = if seg { (2, k / kx, kx) } else { (1, k, 1) };
    let per_call = if seg { (micro.seg_rows / len).clamp(1, 8) } else { micro.indirect.len() };
    let tiles = runs.div_ceil(per_call);
    // copy a unit's window of x and transpose its part of gy
    // SAFETY (all closures): `to` and `xw` have win + gsz elements, `acc` has asz, and each belongs to one task at a time.
    // SAFETY: the caller's promise.
    let prepare = |g: usize, u: usize, to: *mut T| unsafe {
        let u = job.unit(u);
        job.fill(g, &u, to);
        let (volume, [rows, cols]) = (p.output.iter().product::<usize>(), u.size);
        // rows of a whole image follow one another: one long row
        let (rows, cols) = if cols == p.output[2] { (1, rows * cols) } else { (rows, cols) };
        for b in 0..cb {
            let lanes = (co - b * 16).min(16);
            for r in 0..rows {
                let from = job.grad(g, b * 16, &u).add(r * p.output[2]);
                for q in (0..cols).step_by(16) {
                    let to = to.add(win + (b * most + r * cols + q) * 16);
                    (micro.transpose)(from.add(q), volume, lanes, to, 16, (cols - q).min(16));
                }
            }
        }
    };
    // add a unit's products for one call's blocks and some tiles
    // SAFETY: the caller's promise.
    let products = |u: usize, xw: *mut T, b: usize, t0: usize, t1: usize, acc: *mut T, off: *mut u32| unsafe {
        let u = job.unit(u);
        let nv = nb.min(cb - b);
        let npx = u.size[0] * u.size[1];
        for px in 0..npx {
            *off.add(px) = (px / u.size[1] * sy * pitch + px % u.size[1] * sx) as u32;
        }
        let piece = npx.div_ceil(npx.div_ceil(PIECE));
        for p0 in (0..npx).step_by(piece) {
            for tile in t0..t1 {
                let (k0, k1) = (tile * runs / tiles, (tile + 1) * runs / tiles);
                let mut ptr = [xw.cast_const(); ROWS];
                for i in k0..k1 {
                    ptr[i - k0] = xw.add(*koff.at(i * len) as usize);
                }
                let (a, off, n) = (xw.add(win + (b * most + p0) * 16), off.add(p0), piece.min(npx - p0));
                let to = acc.add((b * k + k0 * len) * 16);
                if !seg {
                    micro.indirect[k1 - k0 - 1](a, ptr.as_ptr(), off, n, to, 16, true);
                } else if let Some(kernel) = (micro.seg)(nv, dx, k1 - k0, len) {
                    kernel(a, most * 16, 16, ptr.as_ptr(), off, n, to, 16, k * 16, true);
                } else {
                    unreachable!("a kernel was built for every cut");
                }
            }
        }
    };
    let asz = cb * k * 16;
    let out = Ptr(gw);
    // SAFETY: the caller's promise.
    let finish = |g: usize, b: usize, acc: *mut T, parts: usize| unsafe {
        for k0 in (0..k).step_by(16) {
            let n = (k - k0).min(16);
            let first = acc.add((b * k + k0) * 16);
            for part in 1..parts {
                for i in 0..n * 16 {
                    *first.add(i) += *first.add(part * asz + i);
                }
            }
            (micro.transpose)(first, 16, n, out.at((g * co + b * 16) * k + k0), k, (co - b * 16).min(16));
        }
    };
    // SAFETY: the caller's promise.
    let clear = |acc: *mut T, len: usize| unsafe { std::slice::from_raw_parts_mut(acc, len).fill(T::default()) };
    if asz * size_of::<T>() <= PART_BYTES {
        // small sums: every part walks its units with sums of its own, data stay in their core's cache
        let parts = PARTS.div_ceil(p.groups).min(job.units);
        let mut acc = Scratch::<T>::new(p.groups * parts * asz);
        let acc = acc.ptr();
        // SAFETY: the caller's promise.
        each(p.groups * parts, job.work() / (p.groups * parts) as f64, &|t| unsafe {
            let (g, part) = (t / parts, t % parts);
            let (mut w, mut off) = (Scratch::<T>::new(win + gsz), Scratch::<u32>::new(most));
            let (w, acc) = (w.ptr().0, acc.at(t * asz));
            clear(acc, asz);
            for u in part * job.units / parts..(part + 1) * job.units / parts {
                prepare(g, u, w);
                for b in (0..cb).step_by(nb) {
                    products(u, w, b, 0, tiles, acc, off.ptr().0);
                }
            }
        });
        // SAFETY: the caller's promise.
        each(p.groups * cb, (k * 16 * parts * 4) as f64, &|t| unsafe {
            finish(t / cb, t % cb, acc.at(t / cb * parts * asz), parts);
        });
        return;
    }
    // large sums: tasks own (blocks, taps) and walk all units in order
    let size = win + gsz;
    let group = (SHARED / (size * size_of::<T>())).max(8).min(job.units);
    let (mut acc, mut work) = (Scratch::<T>::new(asz), Scratch::<T>::new(group * size));
    let (acc, work) = (acc.ptr(), work.ptr());
    let pairs = cb.div_ceil(nb);
    let cuts = 16usize.div_ceil(pairs).min(tiles);
    for g in 0..p.groups {
        clear(acc.0, asz);
        for u0 in (0..job.units).step_by(group) {
            let us = group.min(job.units - u0);
            // SAFETY: the caller's promise.
            each(us, size as f64, &|u| unsafe { prepare(g, u0 + u, work.at(u * size)) });
            let tasks = pairs * cuts;
            // SAFETY: the caller's promise.
            each(tasks, job.work() / (p.groups * tasks) as f64, &|t| unsafe {
                let mut off = Scratch::<u32>::new(most);
                let (b, cut) = (t / cuts * nb, t % cuts);
                for u in 0..us {
                    let (t0, t1) = (cut * tiles / cuts, (cut + 1) * tiles / cuts);
                    products(u0 + u, work.at(u * size), b, t0, t1, acc.at(0), off.ptr().0);
                }
            });
        }
        // SAFETY: the caller's promise.
        each(cb, (k * 64) as f64, &|b| unsafe { finish(g, b, acc.at(0), 1) });
    }
}

unsafe fn planar<T: Real>(p: &Params, x: *const T, gy: *const T, gw: *mut T) {
    let job = Job::new(p, true, x, gy);
    let Job { micro, ci, co, taps, pitch, .. } = job;
    let k = ci * taps;
    let win = job.window_len();
    let mut koff = Scratch::<u32>::new(k);
    for (i, o) in koff.slice().iter_mut().enumerate() {
        *o = job.tap(i / taps, i % taps) as u32;
    }
    let koff = koff.ptr();
    let most = micro.dots.len();
    let chunks = k.div_ceil(most);
    let parts = PARTS.div_ceil(p.groups).min(job.units);
    let mut acc = Scratch::<T>::new(p.groups * parts * co * k * 16);
    let acc = acc.ptr();
    // SAFETY: a part has co · k sums of 16; tables stay inside the window.
    each(p.groups * parts, job.work() / (p.groups * parts) as f64, &|t| unsafe {
        let (g, part) = (t / parts, t % parts);
        let mut scratch = Scratch::<T>::new(win);
        let w = scratch.ptr().0;
        let acc = acc.at(t * co * k * 16);
        std::slice::from_raw_parts_mut(acc, co * k * 16).fill(T::default());
        for u in part * job.units / parts..(part + 1) * job.units / parts {
            let u = job.unit(u);
            job.fill(g, &u, w);
            for o in 0..co {
                let from = job.grad(g, o, &u);
                for c in 0..chunks {
                    let (k0, k1) = (c * k / chunks, (c + 1) * k / chunks);
                    let to = acc.add((o * k + k0) * 16);
                    micro.dots[k1 - k0 - 1](w, pitch, koff.at(k0), from, p.output[2], u.size[0], u.size[1], to);
                }
            }
        }
    });
    for g in 0..p.groups {
        for i in 0..co * k {
            let mut sum = T::default();
            for part in 0..parts {
                let mut lanes = [T::default(); 16];
                for (l, lane) in lanes.iter_mut().enumerate() {
                    // SAFETY: as above.
                    *lane = unsafe { *acc.at(((g * parts + part) * co * k + i) * 16 + l) };
                }
                for half in [8, 4, 2, 1] {
                    for l in 0..half {
                        let other = lanes[l + half];
                        lanes[l] += other;
                    }
                }
                sum += lanes[0];
            }
            // SAFETY: a weight of this group.
            unsafe { *gw.add(g * co * k + i) = sum };
        }
    }
}
