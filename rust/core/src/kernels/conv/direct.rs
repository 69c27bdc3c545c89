//! Direct convolution, forward and grad-input, for any shape: the micro-kernels read the source in place, or a padded
//! window of it, through tables of offsets. Nothing is unfolded; stride, dilation and padding are only tables.
//!
//! Two forms. *Panels*: 16 output channels in the lanes, a few pixels a call. *Wide*: pixels in the lanes, for few
//! output channels or few taps; strides come apart by residues in the window. Sums run over (channel, tap) in pieces of
//! [`CHUNK`], whatever the form of the kernel and the number of threads.

use super::micro::{Micro, ROWS, SLACK};
use super::plan::{Bands, Class, Phase, Plan};
use super::tools::{Ptr, Scratch, each, plane, window, window_size};
use super::{Kind, Params, Real, fill};

/// Tiles of pixels that meet one block of channels before the next.
const GROUP: usize = 8;
/// Terms of one running sum; the sums of the chunks are added afterwards, which is what keeps long sums accurate.
const CHUNK: usize = 192;
/// Bytes of packed weights above which each task packs, and keeps, a block of them and walks the images.
const BIG: usize = 600_000;
/// Bytes of windows that tasks share in that case.
const SHARED: usize = 16_000_000;

/// Everything that the tasks of one call share.
struct Job<'a, T: Real> {
    p: &'a Params,
    plan: Plan,
    micro: &'static Micro<T>,
    grad: bool,
    /// Channels of source and destination in a group.
    cs: usize,
    cd: usize,
    source: [usize; 3],
    dest: [usize; 3],
    /// How the grid of output pixels of one phase is cut.
    bands: Bands,
    wide: bool,
    in_place: bool,
    /// Two panels at constant strides (`seg`), or one with a pointer a pixel. Both add the same terms in the same order.
    seg: bool,
    /// The window: size, how its residues come apart, distance of rows, of channels' slices, of channels.
    window: [usize; 2],
    apart: [usize; 2],
    pitch: usize,
    slice: usize,
    channel: usize,
    /// Blocks of 16 output channels; how many a call takes.
    blocks: usize,
    nb: usize,
    /// Offsets of the terms of every phase, and where its weights are packed.
    koff: Ptr<u32>,
    table: Vec<Table>,
    src: Ptr<T>,
    wt: Ptr<T>,
    bias: Ptr<T>,
    dst: Ptr<T>,
}

/// Of one phase of one class: first term in `koff`, number of terms, first packed weight.
#[derive(Clone, Copy)]
struct Table {
    first: usize,
    k: usize,
    base: usize,
}

/// `dst = conv(src) + bias`: forward, or with `grad` grad-input, whose `src` is the output's gradient.
///
/// # Safety
/// As [`super::forward`] and [`super::grad_input`]. No size may be zero.
pub unsafe fn conv<T: Real>(p: &Params, grad: bool, src: *const T, wt: *const T, bias: *const T, dst: *mut T) {
    let plan = if grad { Plan::grad_input(p) } else { Plan::forward(p) };
    let micro = T::micro();
    let (ci, co) = (p.cin / p.groups, p.cout / p.groups);
    let (cs, cd) = if grad { (co, ci) } else { (ci, co) };
    let (source, dest) = if grad { (p.output, p.input) } else { (p.input, p.output) };
    let [_, sy, sx] = plan.step;
    let grid = [1, 2].map(|i| dest[i].div_ceil(plan.spread[i]));
    let slices = plan.classes.iter().map(|c| c.slices.len()).max().unwrap_or(1).max(1);
    let ext = [0, 1].map(|i| (plan.hi[i] - plan.lo[i]) as usize + 1);
    let taps: usize = p.kernel.iter().product();
    let wide = cd < 12 || (!grad && cs * taps < 64 && sy * sx == 1);
    let apart = if wide { [sy, sx] } else { [1, 1] };
    let seg = !wide && micro.seg_rows > 0 && sx <= 2;
    let (blocks, nb) = (cd.div_ceil(16), if seg { 2 } else { 1 });
    let terms: usize = plan.classes.iter().flat_map(|c| c.phases.iter().map(|f| f.taps.len() * cs)).sum();
    let others = p.batch * p.groups * dest[0];
    let units_work = 2.0 * (cs * cd * taps * dest[2]) as f64 / (plan.spread[1] * plan.spread[2]) as f64;
    let row = |cols: usize| (cs * slices * ((cols - 1) * sx + ext[1]) * sy + cd * cols) * size_of::<T>();
    let mut bands = Bands::new(grid[0], grid[1], row(grid[1]), others, units_work);
    let size = |b: &Bands| [(b.rows - 1) * sy + ext[0], (b.cols - 1) * sx + ext[1]];
    let one = |b: &Bands| cs * slices * plane(window_size(size(b), apart)) + SLACK;
    let whole = Bands::whole(grid[0], grid[1]);
    let heavy = terms * blocks * 16 * size_of::<T>() > BIG && p.groups == 1 && !wide && dest[0] == 1;
    let big = heavy && plan.classes.len() == 1 && one(&whole) * size_of::<T>() <= SHARED / 2 && blocks >= 4;
    if big {
        bands = whole;
    }
    let inside = (0..3).all(|i| {
        let last = (p.output[i] - 1) * p.stride[i] + (p.kernel[i] - 1) * p.dilation[i];
        p.pad[i] == 0 && last < p.input[i]
    });
    let volume = source[0] * source[1] * source[2];
    let in_place = !wide && !big && !grad && inside && volume % 256 != 0 && cs * volume < u32::MAX as usize;
    let win = size(&bands);
    let (pitch, slice) = if in_place {
        (source[2], source[1] * source[2] * p.dilation[0])
    } else {
        (win[1].div_ceil(apart[1]), plane(window_size(win, apart)))
    };
    let channel = if in_place { volume } else { slices * slice };
    let mut koff = Scratch::<u32>::new(terms);
    let mut job = Job {
        p,
        plan,
        micro,
        grad,
        cs,
        cd,
        source,
        dest,
        bands,
        wide,
        in_place,
        seg,
        window: win,
        apart,
        pitch,
        slice,
        channel,
        blocks,
        nb,
        koff: koff.ptr(),
        table: vec![],
        src: Ptr::of(src),
        wt: Ptr::of(wt),
        bias: Ptr::of(bias),
        dst: Ptr(dst),
    };
    // SAFETY: `koff` has room for all terms, and the caller vouches for the rest.
    unsafe {
        job.tables();
        if job.table.iter().any(|t| t.k == 0) {
            // pixels that no tap reaches: strides beyond the kernel's size
            fill(if grad { Kind::GradInput } else { Kind::Forward }, p, bias, dst);
        }
        if big { job.run_big() } else { job.run() }
    }
}

impl<T: Real> Job<'_, T> {
    unsafe fn tables(&mut self) {
        let rows = self.window[0].div_ceil(self.apart[0]);
        let [ay, ax] = self.apart;
        let (mut first, mut base) = (0, 0);
        for class in &self.plan.classes {
            for phase in &class.phases {
                let k = phase.taps.len() * self.cs;
                for (i, to) in (0..self.cs).flat_map(|c| phase.taps.iter().map(move |t| (c, t))).enumerate() {
                    let (c, tap) = to;
                    let [y, x] = [0, 1].map(|d| (tap.at[d] - self.plan.lo[d]) as usize);
                    let plane = (y % ay * ax + x % ax) * rows * self.pitch;
                    let at = c * self.channel + tap.slice * self.slice + plane + y / ay * self.pitch + x / ax;
                    // SAFETY: `koff` has room for all terms.
                    unsafe { *self.koff.at(first + i) = at as u32 };
                }
                self.table.push(Table { first, k, base });
                first += k;
                base += k * if self.wide { self.cd } else { self.blocks * 16 };
            }
        }
    }

    fn packed(&self) -> usize {
        self.table.last().map_or(0, |t| t.base + t.k * if self.wide { self.cd } else { self.blocks * 16 })
    }
    fn window_len(&self) -> usize {
        self.cs * self.channel + SLACK
    }
    fn phases(&self) -> impl Iterator<Item = (usize, &Phase)> {
        self.plan.classes.iter().flat_map(|c| &c.phases).enumerate()
    }
    /// Where weight `tap` of (group, source channel, destination channel) lies.
    fn weight(&self, g: usize, s: usize, d: usize, tap: usize) -> usize {
        let taps: usize = self.p.kernel.iter().product();
        let (o, i) = if self.grad { (g * self.cs + s, d) } else { (g * self.cd + d, s) };
        (o * if self.grad { self.cd } else { self.cs } + i) * taps + tap
    }

    /// Packs the panel of block `b` of each phase to where `panel(phase)` says.
    unsafe fn pack(&self, g: usize, b: usize, panel: &dyn Fn(usize) -> *mut T) {
        let lanes = (self.cd - b * 16).min(16);
        let taps: usize = self.p.kernel.iter().product();
        // SAFETY: a panel has 16 elements a term; weights are as large as the parameters say.
        unsafe {
            if lanes < 16 {
                for (f, _) in self.phases() {
                    std::slice::from_raw_parts_mut(panel(f), 16 * self.table[f].k).fill(T::default());
                }
            }
            if !self.grad {
                let (k, to) = (self.cs * taps, panel(0));
                for k0 in (0..k).step_by(16) {
                    let from = self.wt.at(self.weight(g, 0, b * 16, 0) + k0);
                    (self.micro.transpose)(from, k, lanes, to.add(k0 * 16), 16, (k - k0).min(16));
                }
                return;
            }
            let mut scratch = Scratch::<T>::new(taps.next_multiple_of(16) * 16);
            let tmp = scratch.ptr().0;
            for s in 0..self.cs {
                for t0 in (0..taps).step_by(16) {
                    let from = self.wt.at(self.weight(g, s, b * 16, t0));
                    (self.micro.transpose)(from, taps, lanes, tmp.add(t0 * 16), 16, (taps - t0).min(16));
                }
                for (f, phase) in self.phases() {
                    let to = panel(f).add(s * phase.taps.len() * 16);
                    for (t, tap) in phase.taps.iter().enumerate() {
                        std::ptr::copy_nonoverlapping(tmp.add(tap.index * 16), to.add(t * 16), lanes);
                    }
                }
            }
        }
    }

    /// Packs all of a group's weights for the wide kernels: blocks of as many channels as one takes, `[k][channels]`.
    unsafe fn pack_wide(&self, g: usize, to: *mut T) {
        let most = self.micro.wide.len();
        for (f, phase) in self.phases() {
            let Table { k, base, .. } = self.table[f];
            for m0 in (0..self.cd).step_by(most) {
                let m = (self.cd - m0).min(most);
                let mut at = base + m0 * k;
                for s in 0..self.cs {
                    for tap in &phase.taps {
                        for d in m0..m0 + m {
                            // SAFETY: `to` has cd elements a term.
                            unsafe { *to.add(at) = *self.wt.at(self.weight(g, s, d, tap.index)) };
                            at += 1;
                        }
                    }
                }
            }
        }
    }

    /// Base of the source slices that output slice `od` reads, and its class.
    fn depth(&self, od: usize) -> (isize, usize) {
        let spread = self.plan.spread[0];
        ((od / spread * self.plan.step[0]) as isize, od % spread)
    }

    /// Copies the window that a band of output slice `od` reads.
    unsafe fn fill(&self, img: usize, g: usize, od: usize, [i0, j0]: [usize; 2], to: *mut T) {
        let [d, h, w] = self.source;
        let (base, class) = self.depth(od);
        let [_, sy, sx] = self.plan.step;
        // The layout is that of a full band; what a smaller one does not need stays unread.
        let start = [(i0 * sy) as isize + self.plan.lo[0], (j0 * sx) as isize + self.plan.lo[1]];
        for c in 0..self.cs {
            for (s, dz) in self.plan.classes[class].slices.iter().enumerate() {
                let z = base + dz;
                // SAFETY: a slice of the source, or none; the window has room for every slice of every channel.
                unsafe {
                    let from = if z >= 0 && z < d as isize {
                        self.src.at((((img * self.p.groups + g) * self.cs + c) * d + z as usize) * h * w).cast_const()
                    } else {
                        std::ptr::null()
                    };
                    let to = to.add(c * self.channel + s * self.slice);
                    window(from, [h, w], start, self.window, self.apart, Some(self.micro.split), to);
                }
            }
        }
    }

    unsafe fn run(&self) {
        let groups = self.p.groups;
        let total = self.packed();
        let mut packed = Scratch::<T>::new(total * groups);
        let packed = packed.ptr();
        // SAFETY (all closures): panels and windows have the sizes computed above; tasks differ in what they write.
        // SAFETY: the caller's promise.
        let pack = |t: usize| unsafe {
            if self.wide {
                return self.pack_wide(t, packed.at(t * total));
            }
            let (g, b) = (t / self.blocks, t % self.blocks);
            self.pack(g, b, &|f| packed.at(g * total + self.table[f].base + b * 16 * self.table[f].k));
        };
        let tasks = groups * if self.wide { 1 } else { self.blocks };
        each(tasks, (total * groups * 4 / tasks) as f64, &pack);
        let slices = self.dest[0];
        let units = self.p.batch * groups * slices * self.bands.count;
        let taps: usize = self.p.kernel.iter().product();
        let outputs = self.p.cout * self.p.output.iter().product::<usize>() * self.p.batch;
        let work = 2.0 * (outputs * (self.p.cin / groups) * taps) as f64 / units as f64;
        // SAFETY: the caller's promise.
        each(units, work + (self.window_len() * slices / slices.max(1)) as f64, &|u| unsafe {
            let (band, t) = (u % self.bands.count, u / self.bands.count);
            let (od, t) = (t % slices, t / slices);
            let (img, g) = (t / groups, t % groups);
            let at = self.bands.start(band);
            let weights = packed.at(g * total);
            let unit = Unit { img, images: 1, g, od, at };
            if self.in_place {
                let [_, h, w] = self.source;
                let (base, [_, sy, sx]) = (self.depth(od).0 as usize, self.plan.step);
                let from = ((img * groups + g) * self.cs * self.source[0] + base) * h * w;
                let x = self.src.at(from + at[0] * sy * w + at[1] * sx);
                self.panels(
                    &unit,
                    x,
                    0,
                    &|f, b| weights.add(self.table[f].base + b * 16 * self.table[f].k),
                    0,
                    self.blocks,
                );
                return;
            }
            let mut scratch = Scratch::<T>::new(self.window_len());
            let x = scratch.ptr().0;
            self.fill(img, g, od, at, x);
            if self.wide {
                self.wide_rows(&unit, x, weights);
            } else {
                self.panels(
                    &unit,
                    x,
                    0,
                    &|f, b| weights.add(self.table[f].base + b * 16 * self.table[f].k),
                    0,
                    self.blocks,
                );
            }
        });
    }

    /// Weights larger than the cache: each task keeps a block of them and walks the images.
    unsafe fn run_big(&self) {
        let win = self.window_len();
        let group = (SHARED / (win * size_of::<T>())).clamp(1, self.p.batch);
        let mut all = Scratch::<T>::new(win * group);
        let all = all.ptr();
        let tasks = self.blocks.div_ceil(self.nb);
        let packed = self.packed() / self.blocks * self.nb;
        for n0 in (0..self.p.batch).step_by(group) {
            let n = group.min(self.p.batch - n0);
            // SAFETY (both closures): as in `run`.
            // SAFETY: the caller's promise.
            each(n, win as f64, &|i| unsafe { self.fill(n0 + i, 0, 0, [0, 0], all.at(i * win)) });
            // SAFETY: the caller's promise.
            each(tasks, 1e9, &|t| unsafe {
                let mut scratch = Scratch::<T>::new(packed);
                let w = scratch.ptr();
                let (b0, b1) = (t * self.nb, (t * self.nb + self.nb).min(self.blocks));
                let panel = |f: usize, b: usize| {
                    let Table { k, base, .. } = self.table[f];
                    w.at(base / self.blocks * self.nb + (b - b0) * 16 * k)
                };
                for b in b0..b1 {
                    self.pack(0, b, &|f| panel(f, b));
                }
                let unit = Unit { img: n0, images: n, g: 0, od: 0, at: [0, 0] };
                self.panels(&unit, all.at(0), win, &panel, b0, b1);
            });
        }
    }
}

/// A band of one output slice of some images (whose windows lie side by side).
struct Unit {
    img: usize,
    images: usize,
    g: usize,
    od: usize,
    at: [usize; 2],
}

impl<T: Real> Job<'_, T> {
    fn class(&self, od: usize) -> (usize, &Class) {
        let class = self.depth(od).1;
        (self.plan.classes[..class].iter().map(|c| c.phases.len()).sum(), &self.plan.classes[class])
    }
    /// Rows and columns of a phase in this band.
    fn extent(&self, phase: &Phase, [i0, j0]: [usize; 2]) -> [usize; 2] {
        let size = |i: usize, from: usize, most: usize| {
            let all = self.dest[i + 1].saturating_sub(phase.residue[i]).div_ceil(self.plan.spread[i + 1]);
            most.min(all.saturating_sub(from))
        };
        [size(0, i0, self.bands.rows), size(1, j0, self.bands.cols)]
    }

    /// Blocks `b0..b1` of a band, from windows `win` apart, with 16 channels in the lanes.
    unsafe fn panels(
        &self,
        unit: &Unit,
        x: *const T,
        win: usize,
        panel: &dyn Fn(usize, usize) -> *mut T,
        b0: usize,
        b1: usize,
    ) {
        let [_, sy, sx] = self.plan.spread;
        let [_, ty, tx] = self.plan.step;
        let (dh, dw) = (self.dest[1], self.dest[2]);
        let volume = self.dest[0] * dh * dw;
        let (f0, class) = self.class(unit.od);
        for (f, phase) in class.phases.iter().enumerate() {
            let Table { first, k, .. } = self.table[f0 + f];
            // SAFETY: inside `koff`.
            let koff = unsafe { self.koff.at(first).cast_const() };
            let [rows, cols] = self.extent(phase, unit.at);
            if rows * cols == 0 || k == 0 {
                continue;
            }
            let [i0, j0] = unit.at;
            // Tiles: runs of output pixels. With `seg` they are pieces of a row, or several whole short rows.
            let flat = self.seg && [ty, tx] == [1, 1] && self.pitch == cols; // then rows follow one another
            let (lr, lc) = if flat { (1, rows * cols) } else { (rows, cols) };
            let most = if self.seg { self.micro.seg_rows } else { self.micro.indirect.len() };
            let pieces = lc.div_ceil(most);
            let per_call = (most / lc.min(most)).clamp(1, 8);
            let npx = rows * cols;
            let nt = match () {
                _ if !self.seg => npx.div_ceil(most),
                _ if pieces > 1 => lr * pieces,
                _ => lr.div_ceil(per_call),
            };
            // image, pixels, and how many equally spaced runs they are
            let cut = |i: usize| {
                let t = i % nt;
                let (p0, p1, r) = if !self.seg {
                    let (p0, p1) = (t * npx / nt, (t + 1) * npx / nt);
                    (p0, p1, p1 - p0)
                } else if pieces > 1 {
                    let (row, q) = (t / pieces * lc, t % pieces);
                    (row + q * lc / pieces, row + (q + 1) * lc / pieces, 1)
                } else {
                    let (r0, r1) = (t * lr / nt, (t + 1) * lr / nt);
                    (r0 * lc, r1 * lc, r1 - r0)
                };
                (i / nt, p0, p1, r)
            };
            let mut buf = [[T::default(); 2 * 16 * ROWS]; GROUP];
            let mut ptr = [[x; ROWS]; GROUP];
            let tiles = nt * unit.images;
            // a group of tiles meets one or two blocks of channels, a chunk of terms at a time: that piece of the
            // panels stays in the first-level cache, and the stores run along a plane
            for i in (0..tiles).step_by(GROUP) {
                let n = GROUP.min(tiles - i);
                for (j, ptr) in ptr.iter_mut().enumerate().take(n) {
                    let (im, p0, p1, r) = cut(i + j);
                    let run = (p1 - p0) / r;
                    for (q, at) in ptr.iter_mut().enumerate().take(r) {
                        let p = p0 + q * run;
                        // SAFETY: a pixel of the band; its taps lie inside the window or the image.
                        *at = unsafe { x.add(im * win + p / cols * ty * self.pitch + p % cols * tx) };
                    }
                }
                for b in (b0..b1).step_by(self.nb) {
                    let nv = self.nb.min(b1 - b);
                    let weights = panel(f0 + f, b).cast_const();
                    // a tile is stored as soon as it is done: its cache misses overlap the next tile's products
                    // SAFETY: pixels of this unit and channels of these blocks.
                    let store = |j: usize, buf: &[T]| unsafe {
                        let (im, p0, p1, _) = cut(i + j);
                        for v in 0..nv {
                            let lanes = (self.cd - (b + v) * 16).min(16);
                            let first = ((unit.img + im) * self.p.groups + unit.g) * self.cd + (b + v) * 16;
                            let to = self.dst.at(first * volume + unit.od * dh * dw);
                            let from = buf.as_ptr().add(v * 16 * ROWS);
                            if sx == 1 && sy == 1 {
                                let to = to.add(i0 * dw + j0 + p0);
                                (self.micro.transpose)(from, 16, p1 - p0, to, volume, lanes);
                                continue;
                            }
                            if sx == 2 {
                                let mut p = p0;
                                while p < p1 {
                                    let (r, c, n) = (i0 + p / cols, j0 + p % cols, (cols - p % cols).min(p1 - p));
                                    let to = to.add((r * sy + phase.residue[0]) * dw + c * 2 + phase.residue[1]);
                                    (self.micro.spread)(from.add((p - p0) * 16), n, to, volume, lanes);
                                    p += n;
                                }
                                continue;
                            }
                            for p in p0..p1 {
                                let (r, c) = (i0 + p / cols, j0 + p % cols);
                                let to = to.add((r * sy + phase.residue[0]) * dw + c * sx + phase.residue[1]);
                                for l in 0..lanes {
                                    *to.add(l * volume) = *from.add((p - p0) * 16 + l);
                                }
                            }
                        }
                    };
                    for k0 in (0..k.max(1)).step_by(CHUNK) {
                        for (j, buf) in buf.iter_mut().enumerate().take(n) {
                            let (_, p0, p1, r) = cut(i + j);
                            let bias = k0 == 0 && !self.bias.0.is_null();
                            // SAFETY: tables, panels and pixels were prepared for these kernels.
                            unsafe {
                                if bias {
                                    self.bias_rows(unit.g, b, nv, p1 - p0, buf);
                                }
                                let (a, off, len) = (weights.add(k0 * 16), koff.add(k0), CHUNK.min(k - k0));
                                let (to, ptr, add) = (buf.as_mut_ptr(), ptr[j].as_ptr(), k0 > 0 || bias);
                                if !self.seg {
                                    self.micro.indirect[p1 - p0 - 1](a, ptr, off, len, to, 16, add);
                                } else if let Some(kernel) = (self.micro.seg)(nv, tx, r, (p1 - p0) / r) {
                                    kernel(a, k * 16, 16, ptr, off, len, to, 16, 16 * ROWS, add);
                                } else {
                                    unreachable!("a kernel was built for every cut");
                                }
                            }
                            if k0 + CHUNK >= k {
                                store(j, buf);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Puts the bias of some blocks into a tile's rows.
    unsafe fn bias_rows(&self, g: usize, b: usize, nv: usize, rows: usize, buf: &mut [T]) {
        for v in 0..nv {
            let mut lane = [T::default(); 16];
            let lanes = (self.cd - (b + v) * 16).min(16);
            for (l, to) in lane.iter_mut().enumerate().take(lanes) {
                // SAFETY: a channel of this group.
                *to = unsafe { *self.bias.at(g * self.cd + (b + v) * 16 + l) };
            }
            for row in buf[v * 16 * ROWS..].chunks_exact_mut(16).take(rows) {
                row.copy_from_slice(&lane);
            }
        }
    }

    /// A band with pixels in the lanes: whole padded rows at a time, then the rows copied out.
    unsafe fn wide_rows(&self, unit: &Unit, x: *const T, weights: *const T) {
        let [_, sy, sx] = self.plan.spread;
        let (dh, dw) = (self.dest[1], self.dest[2]);
        let volume = self.dest[0] * dh * dw;
        let (f0, class) = self.class(unit.od);
        let [i0, j0] = unit.at;
        let mut buf = [T::default(); 8 * 64]; // a multiple of every kernel's channels x pixels
        for (f, phase) in class.phases.iter().enumerate() {
            let Table { first, k, base } = self.table[f0 + f];
            let [rows, cols] = self.extent(phase, unit.at);
            if rows * cols == 0 || k == 0 {
                continue;
            }
            let len = (rows - 1) * self.pitch + cols;
            let most = self.micro.wide.len();
            // SAFETY: tables and panels were prepared for these kernels, and the window has slack for whole vectors.
            unsafe {
                let koff = self.koff.at(first).cast_const();
                // a stretch of pixels (a multiple of every kernel's) meets all channels while it is in the first cache
                for l0 in (0..len).step_by(384) {
                    for m0 in (0..self.cd).step_by(most) {
                        let m = (self.cd - m0).min(most);
                        let (kernel, px) = self.micro.wide[m - 1];
                        let w = weights.add(base + m0 * k);
                        let channel = unit.g * self.cd + m0;
                        let init = if self.bias.0.is_null() { self.bias.0 } else { self.bias.at(channel) };
                        let first = unit.img * self.p.groups * self.cd + channel;
                        let plane = self.dst.at(first * volume + unit.od * dh * dw);
                        for l in (l0..len.min(l0 + 384)).step_by(px) {
                            for k0 in (0..k.max(1)).step_by(CHUNK) {
                                let init = if k0 == 0 { init.cast_const() } else { std::ptr::null() };
                                let n = CHUNK.min(k - k0);
                                kernel(w.add(k0 * m), x.add(l), koff.add(k0), n, init, buf.as_mut_ptr(), px, k0 > 0);
                            }
                            let at = [i0 * sy + phase.residue[0], j0 * sx + phase.residue[1]];
                            self.copy_rows(&buf, l, px, len, m, cols, at, plane);
                        }
                    }
                }
            }
        }
    }

    /// Copies what pixels `l..l + px` of padded rows hold of the output, for `m` channels, to their places.
    #[allow(clippy::too_many_arguments)]
    unsafe fn copy_rows(
        &self,
        buf: &[T],
        l: usize,
        px: usize,
        len: usize,
        m: usize,
        cols: usize,
        [y0, x0]: [usize; 2],
        plane: *mut T,
    ) {
        let [_, sy, sx] = self.plan.spread;
        let dw = self.dest[2];
        let volume = self.dest.iter().product::<usize>();
        let count = px.min(len - l);
        let (mut r, mut q, mut i) = (l / self.pitch, l % self.pitch, 0);
        while i < count {
            let run = (self.pitch - q).min(count - i);
            if q < cols {
                let live = run.min(cols - q);
                // SAFETY: pixels of this band.
                unsafe {
                    let to = plane.add((y0 + r * sy) * dw + x0 + q * sx);
                    for j in 0..m {
                        let (from, to) = (buf.as_ptr().add(j * px + i), to.add(j * volume));
                        if sx == 1 {
                            std::ptr::copy_nonoverlapping(from, to, live);
                        } else {
                            for e in 0..live {
                                *to.add(e * sx) = *from.add(e);
                            }
                        }
                    }
                }
            }
            i += run;
            q = 0;
            r += 1;
        }
    }
}
