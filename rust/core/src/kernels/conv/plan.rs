//! What forward and grad-input have in common: every output pixel is a sum over taps that read a source at fixed
//! distances. Grad-input with strides is one stride-1 convolution for each residue of the pixel modulo the stride.

use super::Params;

/// A tap: its place in the kernel, and where it reads: slice of the window, row and column relative to the pixel's.
pub struct Tap {
    pub index: usize,
    pub slice: usize,
    pub at: [isize; 2],
}

/// The output pixels of one residue in rows and columns.
pub struct Phase {
    pub residue: [usize; 2],
    pub taps: Vec<Tap>,
}

/// The output slices of one residue in depth.
pub struct Class {
    /// Source slices, relative to the output slice's base.
    pub slices: Vec<isize>,
    pub phases: Vec<Phase>,
}

pub struct Plan {
    pub classes: Vec<Class>,
    /// Rows and columns that taps reach, over all classes and phases.
    pub lo: [isize; 2],
    pub hi: [isize; 2],
    /// Distance of source pixels (and slices) of neighbours in the output grid of a phase.
    pub step: [usize; 3],
    /// Distance in the output of neighbours in that grid.
    pub spread: [usize; 3],
}

impl Plan {
    pub fn forward(p: &Params) -> Plan {
        let [kz, ky, kx] = p.kernel;
        let reach = |i: usize, t: usize| (t * p.dilation[i]) as isize - p.pad[i] as isize;
        let mut taps = Vec::with_capacity(kz * ky * kx);
        for z in 0..kz {
            for y in 0..ky {
                for x in 0..kx {
                    taps.push(Tap { index: (z * ky + y) * kx + x, slice: z, at: [reach(1, y), reach(2, x)] });
                }
            }
        }
        let slices = (0..kz).map(|z| reach(0, z)).collect();
        let classes = vec![Class { slices, phases: vec![Phase { residue: [0, 0], taps }] }];
        let (lo, hi) = ([reach(1, 0), reach(2, 0)], [reach(1, ky - 1), reach(2, kx - 1)]);
        Plan { classes, lo, hi, step: p.stride, spread: [1; 3] }
    }

    pub fn grad_input(p: &Params) -> Plan {
        let [kz, ky, kx] = p.kernel;
        // the output pixel, relative to the base, that tap t connects with an input pixel of residue r
        let meets = |i: usize, r: usize, t: usize| {
            let (a, s) = ((r + p.pad[i]) as isize - (t * p.dilation[i]) as isize, p.stride[i] as isize);
            (a.rem_euclid(s) == 0).then(|| a.div_euclid(s))
        };
        let mut reach: Option<([isize; 2], [isize; 2])> = None;
        let mut classes = vec![];
        for rz in 0..p.stride[0].min(p.input[0]) {
            let (depth, slices): (Vec<usize>, Vec<isize>) =
                (0..kz).filter_map(|z| meets(0, rz, z).map(|at| (z, at))).unzip();
            let mut phases = vec![];
            for ry in 0..p.stride[1].min(p.input[1]) {
                for rx in 0..p.stride[2].min(p.input[2]) {
                    let mut taps = vec![];
                    for (slice, &z) in depth.iter().enumerate() {
                        for y in 0..ky {
                            for x in 0..kx {
                                let (Some(a), Some(b)) = (meets(1, ry, y), meets(2, rx, x)) else { continue };
                                let (lo, hi) = reach.get_or_insert(([a, b], [a, b]));
                                *lo = [lo[0].min(a), lo[1].min(b)];
                                *hi = [hi[0].max(a), hi[1].max(b)];
                                taps.push(Tap { index: (z * ky + y) * kx + x, slice, at: [a, b] });
                            }
                        }
                    }
                    phases.push(Phase { residue: [ry, rx], taps });
                }
            }
            classes.push(Class { slices, phases });
        }
        let (lo, hi) = reach.unwrap_or(([0; 2], [0; 2]));
        Plan { classes, lo, hi, step: [1; 3], spread: p.stride }
    }
}

/// How a grid of output pixels is cut into bands of rows, or of columns where even one row is too large.
pub struct Bands {
    pub rows: usize,
    pub cols: usize,
    across: usize,
    pub count: usize,
}
impl Bands {
    /// `bytes` of working set a row should stay in the second-level cache; `others` units there are already.
    pub fn new(h: usize, w: usize, bytes: usize, others: usize, work_per_row: f64) -> Bands {
        const CACHE: usize = 400_000;
        const UNITS: usize = 8;
        let mut rows = (CACHE / bytes.max(1)).clamp(1, h);
        let mut cols = w;
        if bytes > CACHE {
            cols = (CACHE / bytes.div_ceil(w)).max(64).min(w);
        }
        // enough units for some threads, if each is worth it
        let more = UNITS.div_ceil(others.max(1));
        let worth = ((work_per_row * h as f64 / 1e6) as usize).clamp(1, more);
        rows = rows.min(h.div_ceil(worth));
        if rows == 1 && h < worth {
            cols = cols.min(w.div_ceil(worth.div_ceil(h)).next_multiple_of(16).max(64)).min(w);
        }
        rows = h.div_ceil(h.div_ceil(rows));
        let across = w.div_ceil(cols);
        Bands { rows, cols, across, count: h.div_ceil(rows) * across }
    }
    pub fn whole(h: usize, w: usize) -> Bands {
        Bands { rows: h, cols: w, across: 1, count: 1 }
    }
    /// First row and first column of a band.
    pub fn start(&self, band: usize) -> [usize; 2] {
        [band / self.across * self.rows, band % self.across * self.cols]
    }
}
