//! Normalisation: layer, RMS, group and batch norm, forward and backward, fused. All tensors are dense here.
//!
//! Statistics and sums are over rows or over channels, in an order that the shape alone fixes; per-channel sums of layer norm's
//! backward are made in blocks of rows that are joined in turn.

use crate::dtype::DType;
use crate::kernels::isa::{Isa, Kernel, dispatch};
use crate::kernels::reduce::folds::Float;
use crate::kernels::reduce::moments::Moments;
use crate::kernels::reduce::tile::{self, Scratch};
use crate::kernels::rows::softmax::{dot, sum};
use crate::kernels::threads::{GRAIN, split};
use std::marker::PhantomData;

/// A dense tensor: what it holds, and where.
#[derive(Clone, Copy)]
pub struct Flat {
    pub dtype: DType,
    pub ptr: *mut u8,
}

// SAFETY: work is cut so that no two threads write the same elements.
unsafe impl Sync for Flat {}
unsafe impl Send for Flat {}

impl Flat {
    /// Elements `at..at + n` as numbers of the compute type, in place or loaded into `scratch`.
    ///
    /// # Safety
    /// They must exist, `W` be the compute type, and `scratch` have room for them.
    pub(crate) unsafe fn read<'a, W: Float>(&self, at: usize, n: usize, scratch: *mut W) -> &'a [W] {
        // SAFETY: the caller's promise.
        unsafe {
            let from = self.ptr.add(at * self.dtype.size());
            if tile::is_wide(self.dtype) {
                return std::slice::from_raw_parts(from.cast(), n);
            }
            tile::load(self.dtype, from, self.dtype.size() as isize, n, scratch.cast());
            std::slice::from_raw_parts(scratch, n)
        }
    }

    /// Has `fill` write elements `at..at + n`, in place or through `scratch`.
    ///
    /// # Safety
    /// As for `read`.
    // `fill` is called in one place only, so that it is inlined and compiled for the instructions of the kernel.
    #[inline(always)]
    pub(crate) unsafe fn write<W: Float>(&self, at: usize, n: usize, scratch: *mut W, fill: impl FnOnce(&mut [W])) {
        // SAFETY: the caller's promise.
        unsafe {
            let to = self.ptr.add(at * self.dtype.size());
            let in_place = tile::is_wide(self.dtype);
            fill(std::slice::from_raw_parts_mut(if in_place { to.cast() } else { scratch }, n));
            if !in_place {
                tile::store(self.dtype, to, self.dtype.size() as isize, n, scratch.cast_const().cast());
            }
        }
    }
}

/// Runs a block for the best instructions of this machine: what it uses is named, and becomes fields of a kernel.
/// (A closure would do, if the compiler could be told to inline it.)
macro_rules! compiled {
    ($life:lifetime, $W:ident, ($($name:ident: $t:ty),* $(,)?) $body:block) => {{
        struct Local<$life, $W: Float> {
            $($name: $t,)*
            of: PhantomData<&$life $W>,
        }
        impl<$life, I: Isa, $W: Float> Kernel<I> for Local<$life, $W> {
            type Output = ();
            #[inline(always)]
            fn run(self) {
                let Local { $($name,)* of: _ } = self;
                $body
            }
        }
        dispatch(Local { $($name,)* of: PhantomData::<&$W> })
    }};
}

/// Runs `$body` with `$W` as f32 or f64; says whether it is one of them.
macro_rules! by_float {
    ($dtype:expr, $W:ident => $body:expr) => {
        match $dtype.compute() {
            DType::F32 => {
                type $W = f32;
                $body;
                true
            }
            DType::F64 => {
                type $W = f64;
                $body;
                true
            }
            _ => false,
        }
    };
}

/// `y = (x − mean) · scale · weight + bias` on rows of `length`, with mean 0 for RMS norm; `stats` are the mean (if it is
/// there) and 1/σ of each row, in the compute type.
pub struct LayerNorm {
    pub rows: usize,
    pub length: usize,
    pub eps: f64,
    pub rms: bool,
}

impl LayerNorm {
    /// # Safety
    /// `x` and `y` must have `rows · length` elements, weight and bias `length`, `mean` and `scale` room for one number of
    /// the compute type of `x` for each row.
    pub unsafe fn forward(
        &self,
        x: Flat,
        weight: Option<Flat>,
        bias: Option<Flat>,
        y: Flat,
        mean: Option<Flat>,
        scale: Flat,
    ) -> bool {
        // SAFETY: the caller's promise.
        by_float!(x.dtype, W => unsafe { self.forward_as::<W>(x, weight, bias, y, mean, scale) })
    }

    unsafe fn forward_as<W: Float>(
        &self,
        x: Flat,
        weight: Option<Flat>,
        bias: Option<Flat>,
        y: Flat,
        mean: Option<Flat>,
        scale: Flat,
    ) {
        let n = self.length;
        let mut affine = Scratch::of::<W>(2 * n);
        let affine = affine.ptr().cast::<W>();
        // SAFETY: the caller's promise; scratch of this length.
        let (w, b) = unsafe { (weight.map(|w| w.read(0, n, affine)), bias.map(|b| b.read(0, n, affine.add(n)))) };
        split(self.rows, (GRAIN / n.max(1)).max(1), &|from, to| {
            let mut scratch = Scratch::of::<W>(2 * n);
            let scratch = scratch.ptr().cast::<W>();
            let (rms, eps) = (self.rms, self.eps);
            compiled!('a, W, (
                rms: bool, eps: f64, n: usize, from: usize, to: usize, scratch: *mut W, x: Flat, y: Flat,
                w: Option<&'a [W]>, b: Option<&'a [W]>, mean: Option<Flat>, scale: Flat,
            ) {
                let wide = tile::is_wide(x.dtype);
                for r in from..to {
                    // SAFETY: row r exists; the scratch holds two rows.
                    unsafe {
                        let x = x.read(r * n, n, scratch);
                        let (m, s) = if rms {
                            (W::ZERO, W::of_f64(1.0 / (dot(x, x).to_f64() / n as f64 + eps).sqrt()))
                        } else {
                            let m = Moments::of(x);
                            (W::of_f64(m.mean), W::of_f64(1.0 / (m.squares / n as f64 + eps).sqrt()))
                        };
                        y.write(r * n, n, if wide { scratch } else { scratch.add(n) }, |y| {
                            normalise(x, y, m, s, w, b)
                        });
                        if let Some(mean) = mean {
                            mean.ptr.cast::<W>().add(r).write(m);
                        }
                        scale.ptr.cast::<W>().add(r).write(s);
                    }
                }
            });
        });
    }

    /// Gradients of x, weight and bias, where they are wanted, from the cotangent `g` of y.
    ///
    /// # Safety
    /// As for `forward`.
    #[allow(clippy::too_many_arguments)]
    pub unsafe fn backward(
        &self,
        g: Flat,
        x: Flat,
        mean: Option<Flat>,
        scale: Flat,
        weight: Option<Flat>,
        to: [Option<Flat>; 3],
    ) -> bool {
        // SAFETY: the caller's promise.
        by_float!(x.dtype, W => unsafe { self.backward_as::<W>(g, x, mean, scale, weight, to) })
    }

    unsafe fn backward_as<W: Float>(
        &self,
        g: Flat,
        x: Flat,
        mean: Option<Flat>,
        scale: Flat,
        weight: Option<Flat>,
        [dx, dw, db]: [Option<Flat>; 3],
    ) {
        let n = self.length;
        let mut affine = Scratch::of::<W>(n);
        // SAFETY: the caller's promise.
        let w = unsafe { weight.map(|w| w.read(0, n, affine.ptr().cast::<W>())) };
        // Blocks of rows with sums of their own; their number depends on the shape alone.
        let block = self.rows.div_ceil(64).max(16);
        let blocks = self.rows.div_ceil(block).max(1);
        let sums_wanted = dw.is_some() || db.is_some();
        let mut sums = Scratch::of::<W>(if sums_wanted { blocks * 2 * n } else { 0 });
        let sums = Flat { dtype: x.dtype.compute(), ptr: sums.ptr() };
        let count = W::of_f64(1.0 / n.max(1) as f64);
        split(blocks, (GRAIN / (n * block).max(1)).max(1), &|from, to| {
            let mut scratch = Scratch::of::<W>((2 * TOGETHER + 1) * n);
            let scratch = scratch.ptr().cast::<W>();
            let (rows, rms) = (self.rows, self.rms);
            compiled!('a, W, (
                rms: bool, rows: usize, n: usize, block: usize, count: W, from: usize, to: usize, scratch: *mut W,
                g: Flat, x: Flat, w: Option<&'a [W]>, mean: Option<Flat>, scale: Flat, dx: Option<Flat>,
                sums: Flat, sums_wanted: bool,
            ) {
                for b in from..to {
                    let end = ((b + 1) * block).min(rows);
                    let mut r = b * block;
                    while r < end {
                        let some = TOGETHER.min(end - r);
                        // SAFETY: rows from r on exist; the scratch holds them, block b has sums of its own.
                        unsafe {
                            let none: &[W] = &[];
                            let (mut gs, mut xs, mut ms) = ([none; TOGETHER], [none; TOGETHER], [[W::ZERO; 2]; TOGETHER]);
                            let mut k = 0;
                            while k < some {
                                gs[k] = g.read((r + k) * n, n, scratch.add(2 * k * n));
                                xs[k] = x.read((r + k) * n, n, scratch.add((2 * k + 1) * n));
                                let m = mean.map_or(W::ZERO, |m| m.ptr.cast::<W>().add(r + k).read());
                                ms[k] = [m, scale.ptr.cast::<W>().add(r + k).read()];
                                k += 1;
                            }
                            if sums_wanted {
                                let sums = sums.ptr.cast::<W>().add(b * 2 * n);
                                let dw = std::slice::from_raw_parts_mut(sums, n);
                                let db = std::slice::from_raw_parts_mut(sums.add(n), n);
                                add_rows(&gs[..some], &xs[..some], &ms[..some], dw, db);
                            }
                            if let Some(dx) = dx {
                                let mut k = 0;
                                while k < some {
                                    let [m, s] = ms[k];
                                    let fill = |dx: &mut [W]| row_backward(rms, gs[k], xs[k], [m, s, count], w, dx);
                                    dx.write((r + k) * n, n, scratch.add(2 * TOGETHER * n), fill);
                                    k += 1;
                                }
                            }
                        }
                        r += some;
                    }
                }
            });
        });
        let total = |to: Flat, part: usize| {
            let (to, sums) = (&to, &sums);
            split(n, 1024, &|from, to_| {
                let len = to_ - from;
                let mut acc = vec![W::ZERO; len];
                for b in 0..blocks {
                    // SAFETY: sums of block b.
                    let row =
                        unsafe { std::slice::from_raw_parts(sums.ptr.cast::<W>().add((b * 2 + part) * n + from), len) };
                    acc.iter_mut().zip(row).for_each(|(acc, x)| *acc = *acc + *x);
                }
                // SAFETY: `to` has n elements.
                unsafe {
                    let size = to.dtype.size();
                    tile::store(to.dtype, to.ptr.add(from * size), size as isize, len, acc.as_ptr().cast());
                }
            })
        };
        if let Some(dw) = dw {
            total(dw, 0);
        }
        if let Some(db) = db {
            total(db, 1);
        }
    }
}

/// Rows whose shares of the gradients of weight and bias are added in one pass over these.
const TOGETHER: usize = 4;

/// Adds the shares of some rows, each with its mean and 1/σ.
#[inline(always)]
fn add_rows<W: Float>(g: &[&[W]], x: &[&[W]], m: &[[W; 2]], dw: &mut [W], db: &mut [W]) {
    let n = dw.len();
    let db = &mut db[..n];
    if let ([g0, g1, g2, g3], [x0, x1, x2, x3], &[[m0, s0], [m1, s1], [m2, s2], [m3, s3]]) = (g, x, m) {
        let ([g0, g1, g2, g3], [x0, x1, x2, x3]) =
            ([g0, g1, g2, g3].map(|g| &g[..n]), [x0, x1, x2, x3].map(|x| &x[..n]));
        for i in 0..n {
            let near = g0[i] * (x0[i] - m0) * s0 + g1[i] * (x1[i] - m1) * s1;
            let far = g2[i] * (x2[i] - m2) * s2 + g3[i] * (x3[i] - m3) * s3;
            dw[i] = dw[i] + (near + far);
            db[i] = db[i] + ((g0[i] + g1[i]) + (g2[i] + g3[i]));
        }
        return;
    }
    for ((g, x), [m, s]) in g.iter().zip(x).zip(m) {
        for (((dw, db), g), x) in dw.iter_mut().zip(&mut *db).zip(*g).zip(*x) {
            *dw = *dw + *g * (*x - *m) * *s;
            *db = *db + *g;
        }
    }
}

/// dx of one row, from its mean m, 1/σ s and 1/n.
#[inline(always)]
fn row_backward<W: Float>(rms: bool, g: &[W], x: &[W], [m, s, count]: [W; 3], w: Option<&[W]>, dx: &mut [W]) {
    // dx holds g · w meanwhile.
    match w {
        Some(w) => dx.iter_mut().zip(g).zip(w).for_each(|((d, g), w)| *d = *g * *w),
        None => dx.copy_from_slice(g),
    }
    let total = if rms { W::ZERO } else { sum(dx) };
    // Σ d·(x − m) = Σ d·x − m·Σ d loses digits where the mean is large: the difference is made first.
    let slope = dot_centred(dx, x, m);
    let (a, b) = (total * count, slope * count * s * s);
    dx.iter_mut().zip(x).for_each(|(d, x)| *d = (*d - a - (*x - m) * b) * s);
}

/// Σ d·(x − m) in lanes.
#[inline(always)]
fn dot_centred<W: Float>(d: &[W], x: &[W], m: W) -> W {
    const N: usize = 128;
    let mut lanes = [W::ZERO; N];
    let ((d, d_rest), (x, x_rest)) = (d.as_chunks::<N>(), x.as_chunks::<N>());
    for (d, x) in d.iter().zip(x) {
        (0..N).for_each(|k| lanes[k] = lanes[k] + d[k] * (x[k] - m));
    }
    let rest = d_rest.iter().zip(x_rest).fold(W::ZERO, |s, (d, x)| s + *d * (*x - m));
    if d.is_empty() { rest } else { sum(&lanes) + rest }
}

#[inline(always)]
fn normalise<W: Float>(x: &[W], y: &mut [W], m: W, s: W, w: Option<&[W]>, b: Option<&[W]>) {
    match (w, b) {
        (Some(w), Some(b)) => {
            y.iter_mut().zip(x).zip(w).zip(b).for_each(|(((y, x), w), b)| *y = (*x - m) * s * *w + *b)
        }
        (Some(w), None) => y.iter_mut().zip(x).zip(w).for_each(|((y, x), w)| *y = (*x - m) * s * *w),
        (None, Some(b)) => y.iter_mut().zip(x).zip(b).for_each(|((y, x), b)| *y = (*x - m) * s + *b),
        (None, None) => y.iter_mut().zip(x).for_each(|(y, x)| *y = (*x - m) * s),
    }
}

/// Rows whose sums over channels make one block.
const ROWS: usize = 128;

/// Where pairs of sums go.
#[derive(Clone, Copy)]
struct Pairs(*mut [f64; 2]);
// SAFETY: each is written by one unit of work.
unsafe impl Sync for Pairs {}

/// A tensor `[outer, channels, inner]`: what batch and group norm work on.
#[derive(Clone, Copy)]
pub struct Channels {
    pub outer: usize,
    pub channels: usize,
    pub inner: usize,
}

impl Channels {
    /// `y = x · a[c] + g · b[c] + d[c]` for channel c (of each outer index if `per_outer`); `g` may be absent. The
    /// coefficients are dense numbers of the compute type.
    ///
    /// # Safety
    /// The tensors must have the elements that the shape names.
    pub unsafe fn affine(&self, per_outer: bool, x: Flat, g: Option<Flat>, y: Flat, [a, b, d]: [Flat; 3]) -> bool {
        // SAFETY: the caller's promise.
        by_float!(x.dtype, W => unsafe { self.affine_as::<W>(per_outer, x, g, y, [a, b, d]) })
    }

    unsafe fn affine_as<W: Float>(&self, per_outer: bool, x: Flat, g: Option<Flat>, y: Flat, coefficients: [Flat; 3]) {
        let n = self.inner;
        if n == 1 {
            // The channels are dense: whole rows of them, with rows of coefficients.
            return split(self.outer, (GRAIN / self.channels.max(1)).max(1), &|from, to| {
                let n = self.channels;
                let mut scratch = Scratch::of::<W>(3 * n);
                let scratch = scratch.ptr().cast::<W>();
                compiled!('a, W, (
                    per_outer: bool, n: usize, from: usize, to: usize, scratch: *mut W, x: Flat, g: Option<Flat>, y: Flat,
                    coefficients: [Flat; 3],
                ) {
                    for r in from..to {
                        let c = if per_outer { r * n } else { 0 };
                        // SAFETY: the caller's promise.
                        unsafe {
                            let [a, b, d] = coefficients.each_ref().map(|f| f.read::<W>(c, n, scratch));
                            let (x, g) = (x.read(r * n, n, scratch), g.map(|g| g.read(r * n, n, scratch.add(n))));
                            y.write(r * n, n, scratch.add(2 * n), |y| match g {
                                None => y.iter_mut().zip(x).zip(a.iter().zip(d)).for_each(|((y, x), (a, d))| {
                                    *y = *x * *a + *d;
                                }),
                                Some(g) => {
                                    let all = y.iter_mut().zip(x).zip(g).zip(a.iter().zip(b).zip(d));
                                    all.for_each(|(((y, x), g), ((a, b), d))| *y = *x * *a + *g * *b + *d);
                                }
                            });
                        }
                    }
                });
            });
        }
        split(self.outer * self.channels, (GRAIN / n.max(1)).max(1), &|from, to| {
            let mut scratch = Scratch::of::<W>(3 * n);
            let (scratch, channels) = (scratch.ptr().cast::<W>(), self.channels);
            compiled!('a, W, (
                per_outer: bool, channels: usize, n: usize, from: usize, to: usize, scratch: *mut W, x: Flat,
                g: Option<Flat>, y: Flat, coefficients: [Flat; 3],
            ) {
                for r in from..to {
                    let c = if per_outer { r } else { r % channels };
                    // SAFETY: the caller's promise.
                    unsafe {
                        let [a, b, d] = coefficients.each_ref().map(|f| f.ptr.cast::<W>().add(c).read());
                        let (x, g) = (x.read(r * n, n, scratch), g.map(|g| g.read(r * n, n, scratch.add(n))));
                        y.write(r * n, n, scratch.add(2 * n), |y| match g {
                            None => y.iter_mut().zip(x).for_each(|(y, x)| *y = *x * a + d),
                            Some(g) => {
                                y.iter_mut().zip(x).zip(g).for_each(|((y, x), g)| *y = *x * a + *g * b + d);
                            }
                        });
                    }
                }
            });
        });
    }

    /// Σ g and Σ g·(x − mean) over each channel (of each outer index if `per_outer`), as f64 in `[sum, dot]` pairs.
    /// `mean` holds numbers of the compute type.
    ///
    /// # Safety
    /// As for [`affine`](Channels::affine); `to` must have as many pairs as there are channels.
    pub unsafe fn sums(&self, per_outer: bool, g: Flat, x: Flat, mean: Flat, to: &mut [[f64; 2]]) -> bool {
        // SAFETY: the caller's promise.
        by_float!(x.dtype, W => unsafe { self.sums_as::<W>(per_outer, g, x, mean, to) })
    }

    unsafe fn sums_as<W: Float>(&self, per_outer: bool, g: Flat, x: Flat, mean: Flat, to: &mut [[f64; 2]]) {
        let (n, channels) = (self.inner, self.channels);
        if n == 1 && !per_outer {
            // Blocks of rows, as in layer norm.
            let blocks = self.outer.div_ceil(ROWS).max(1);
            let mut parts = vec![[0.0; 2]; blocks * channels];
            let pairs = Pairs(parts.as_mut_ptr());
            split(blocks, (GRAIN / (ROWS * channels).max(1)).max(1), &|from, to| {
                let mut scratch = Scratch::of::<W>(2 * channels);
                let scratch = scratch.ptr().cast::<W>();
                let (mut sums, mut dots) = (vec![W::ZERO; channels], vec![W::ZERO; channels]);
                let pairs = &pairs;
                for b in from..to {
                    sums.fill(W::ZERO);
                    dots.fill(W::ZERO);
                    let (sums, dots, end) = (&mut sums[..], &mut dots[..], ((b + 1) * ROWS).min(self.outer));
                    compiled!('a, W, (
                        b: usize, end: usize, channels: usize, scratch: *mut W, g: Flat, x: Flat, mean: Flat,
                        sums: &'a mut [W], dots: &'a mut [W],
                    ) {
                        for r in b * ROWS..end {
                            // SAFETY: the caller's promise.
                            unsafe {
                                let mean = mean.read::<W>(0, channels, scratch);
                                let g: &[W] = g.read(r * channels, channels, scratch);
                                let x = x.read(r * channels, channels, scratch.add(channels));
                                let all = sums.iter_mut().zip(&mut *dots).zip(g).zip(x).zip(mean);
                                for ((((sum, dot), g), x), m) in all {
                                    *sum = *sum + *g;
                                    *dot = *dot + *g * (*x - *m);
                                }
                            }
                        }
                    });
                    for c in 0..channels {
                        // SAFETY: the pairs of block b.
                        unsafe { pairs.0.add(b * channels + c).write([sums[c].to_f64(), dots[c].to_f64()]) };
                    }
                }
            });
            for (c, to) in to.iter_mut().enumerate() {
                *to = (0..blocks).fold([0.0; 2], |s, b| {
                    let p = parts[b * channels + c];
                    [s[0] + p[0], s[1] + p[1]]
                });
            }
            return;
        }
        let rows = self.outer * channels;
        let mut parts = vec![[0.0; 2]; rows];
        let pairs = Pairs(parts.as_mut_ptr());
        split(rows, (GRAIN / n.max(1)).max(1), &|from, to| {
            let mut scratch = Scratch::of::<W>(2 * n);
            let (scratch, pairs) = (scratch.ptr().cast::<W>(), &pairs);
            compiled!('a, W, (
                per_outer: bool, channels: usize, n: usize, from: usize, to: usize, scratch: *mut W, g: Flat, x: Flat,
                mean: Flat, pairs: &'a Pairs,
            ) {
                for r in from..to {
                    // SAFETY: the caller's promise; pair r is ours.
                    unsafe {
                        let c = if per_outer { r } else { r % channels };
                        let m = mean.ptr.cast::<W>().add(c).read();
                        let (g, x) = (g.read(r * n, n, scratch), x.read(r * n, n, scratch.add(n)));
                        pairs.0.add(r).write([sum::<W>(g).to_f64(), dot_centred(g, x, m).to_f64()]);
                    }
                }
            });
        });
        if per_outer {
            return to.copy_from_slice(&parts);
        }
        for (c, to) in to.iter_mut().enumerate() {
            *to = (0..self.outer).fold([0.0; 2], |s, o| {
                let p = parts[o * channels + c];
                [s[0] + p[0], s[1] + p[1]]
            });
        }
    }
}
