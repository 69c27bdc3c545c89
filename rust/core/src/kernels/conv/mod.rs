//! Convolution over dense NC[D][H]W memory: forward, and the gradients of input and weight, in one to three dimensions
//! with stride, dilation, padding and groups. A transposed convolution is grad-input with a bias.
//!
//! Nothing is unfolded. [`direct`] takes every shape; [`winograd`] 3 × 3 with stride 1, [`pointwise`] plain products,
//! [`depthwise`] 3 × 3 of single channels. The micro-kernels are in [`micro`], written over [`lanes`]. Results have the
//! same bits for any number of threads. f16 and bf16 pass through f32; complex numbers are real convolutions of their
//! parts; integers have a loop of their own in [`plain`].

mod depthwise;
mod direct;
mod gradw;
mod lanes;
mod micro;
mod plain;
mod plan;
mod pointwise;
#[cfg(test)]
mod tests;
pub(crate) mod tools;
mod winograd;

use crate::dtype::DType;
use lanes::Real;
use tools::{Ptr, Scratch, cast, each};

/// A convolution: `y[n, o, q] = Σ_{c, t} x[n, c, q · stride − pad + t · dilation] · w[o, c, t]`, zeros outside x.
///
/// Spatial sizes are depth, height, width; fewer dimensions have ones in front (with a kernel, stride and dilation of
/// one, and no padding). `pad` is what precedes the first element; what follows the last is what `output` asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    pub batch: usize,
    pub groups: usize,
    /// Channels of x and of y, over all groups.
    pub cin: usize,
    pub cout: usize,
    pub input: [usize; 3],
    pub output: [usize; 3],
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub pad: [usize; 3],
    pub dilation: [usize; 3],
}

crate::saved_fields! {
    Params { batch, groups, cin, cout, input, output, kernel, stride, pad, dilation };
        p if p.agrees()
}
crate::saved_names! {
    Kind { Forward, GradInput, GradWeight }
}

impl Params {
    /// Whether the sizes are those of a convolution.
    fn agrees(&self) -> bool {
        let all = [self.input, self.output, self.kernel, self.stride, self.pad, self.dilation];
        let small = all.iter().flatten().all(|n| *n < 1 << 20);
        let whole = self.groups > 0 && self.cin.is_multiple_of(self.groups) && self.cout.is_multiple_of(self.groups);
        let inside = |i: usize| {
            let reach = self.dilation[i] * self.kernel[i].saturating_sub(1) + 1;
            let last = self.output[i].saturating_sub(1) * self.stride[i];
            self.stride[i] > 0
                && self.dilation[i] > 0
                && self.kernel[i] > 0
                && last + reach <= self.input[i] + 2 * self.pad[i]
        };
        small && whole && (0..3).all(inside)
    }

    fn x_len(&self) -> usize {
        self.batch * self.cin * self.input.iter().product::<usize>()
    }
    fn y_len(&self) -> usize {
        self.batch * self.cout * self.output.iter().product::<usize>()
    }
    fn w_len(&self) -> usize {
        self.cout * (self.cin / self.groups.max(1)) * self.kernel.iter().product::<usize>()
    }
    /// Lengths of the two operands, of the bias and of the result.
    fn lens(&self, kind: Kind) -> [usize; 4] {
        let [x, y, w] = [self.x_len(), self.y_len(), self.w_len()];
        match kind {
            Kind::Forward => [x, w, self.cout, y],
            Kind::GradInput => [y, w, self.cin, x],
            Kind::GradWeight => [x, y, 0, w],
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Forward,
    GradInput,
    GradWeight,
}

/// `y = conv(x, w) + bias`; `bias` may be null.
///
/// # Safety
/// The pointers hold dense elements of `dtype` (any but bool), as many as the parameters say; y overlaps no operand.
pub unsafe fn forward(dtype: DType, p: &Params, x: *const u8, w: *const u8, bias: *const u8, y: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { run(dtype, Kind::Forward, p, x, w, bias, y) }
}

/// The gradient of x from that of y; with a bias (of x's channels) it is a transposed convolution.
///
/// # Safety
/// As [`forward`].
pub unsafe fn grad_input(dtype: DType, p: &Params, gy: *const u8, w: *const u8, bias: *const u8, gx: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { run(dtype, Kind::GradInput, p, gy, w, bias, gx) }
}

/// The gradient of w from x and that of y.
///
/// # Safety
/// As [`forward`].
pub unsafe fn grad_weight(dtype: DType, p: &Params, x: *const u8, gy: *const u8, gw: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { run(dtype, Kind::GradWeight, p, x, gy, std::ptr::null(), gw) }
}

unsafe fn run(dtype: DType, kind: Kind, p: &Params, a: *const u8, b: *const u8, bias: *const u8, out: *mut u8) {
    let lens = p.lens(kind);
    if lens[3] == 0 {
        return;
    }
    // SAFETY: the caller's promise; scratch has the operands' lengths.
    unsafe {
        match dtype {
            DType::F32 => real::<f32>(kind, p, a.cast(), b.cast(), bias.cast(), out.cast()),
            DType::F64 => real::<f64>(kind, p, a.cast(), b.cast(), bias.cast(), out.cast()),
            DType::C64 => complex::<f32>(kind, p, a.cast(), b.cast(), bias.cast(), out.cast()),
            DType::C128 => complex::<f64>(kind, p, a.cast(), b.cast(), bias.cast(), out.cast()),
            _ => {
                let wide = dtype.compute();
                let mut held = lens.map(|len| Scratch::<u8>::new(len * wide.size()));
                let [wa, wb, wbias, wout] = held.each_mut().map(|s| s.ptr().0);
                cast(wide, wa, dtype, a, lens[0]);
                cast(wide, wb, dtype, b, lens[1]);
                let wbias = if bias.is_null() {
                    std::ptr::null()
                } else {
                    cast(wide, wbias, dtype, bias, lens[2]);
                    wbias.cast_const()
                };
                if wide == DType::F32 {
                    real::<f32>(kind, p, wa.cast(), wb.cast(), wbias.cast(), wout.cast());
                } else if empty(kind, p) {
                    fill(kind, p, wbias.cast(), wout.cast::<i64>());
                } else {
                    plain::run(kind, p, wa.cast(), wb.cast(), wbias.cast(), wout.cast());
                }
                cast(dtype, out, wide, wout, lens[3]);
            }
        }
    }
}

/// Whether every sum is one of no terms.
fn empty(kind: Kind, p: &Params) -> bool {
    let lens = p.lens(kind);
    lens[0] == 0 || lens[1] == 0
}

/// What such a convolution gives: the bias, or zeros.
unsafe fn fill<T: Copy + Default>(kind: Kind, p: &Params, bias: *const T, out: *mut T) {
    let lens = p.lens(kind);
    // SAFETY: the caller's promise of an output and a bias of these lengths.
    unsafe {
        let out = std::slice::from_raw_parts_mut(out, lens[3]);
        if bias.is_null() || kind == Kind::GradWeight {
            return out.fill(T::default());
        }
        let plane = lens[3] / (p.batch * lens[2]);
        for (i, plane) in out.chunks_exact_mut(plane).enumerate() {
            plane.fill(*bias.add(i % lens[2]));
        }
    }
}

/// The method for a shape. See the table in [`winograd`] and the notes of each method for when it wins.
unsafe fn real<T: Real>(kind: Kind, p: &Params, a: *const T, b: *const T, bias: *const T, out: *mut T) {
    // SAFETY: the caller's promise, and each method's `fits`.
    unsafe {
        if empty(kind, p) {
            return fill(kind, p, bias, out);
        }
        let grad = kind == Kind::GradInput;
        if pointwise::fits(p) {
            return match kind {
                Kind::GradWeight => pointwise::grad_weight(p, a, b, out),
                _ => pointwise::conv(p, grad, a, b, bias, out),
            };
        }
        if depthwise::fits(p, kind) {
            return match kind {
                Kind::GradWeight => depthwise::grad_weight(p, a, b, out),
                _ => depthwise::conv(p, grad, a, b, bias, out),
            };
        }
        if T::SINGLE && winograd::fits(p) && winograd::wins(p, kind) {
            return match kind {
                Kind::GradWeight => winograd::grad_weight(p, a.cast(), b.cast(), out.cast()),
                _ => winograd::conv(p, grad, a.cast(), b.cast(), bias.cast(), out.cast()),
            };
        }
        match kind {
            Kind::GradWeight => gradw::grad_weight(p, a, b, out),
            _ => direct::conv(p, grad, a, b, bias, out),
        }
    }
}

/// `(a + ib)(c + id)` in four real convolutions of the parts.
unsafe fn complex<T: Real>(kind: Kind, p: &Params, a: *const T, b: *const T, bias: *const T, out: *mut T) {
    let lens = p.lens(kind);
    // SAFETY: complex numbers are pairs of reals; scratch has the operands' lengths.
    unsafe {
        let parts = |from: *const T, len: usize| {
            let mut both = Scratch::<T>::new(2 * len);
            let p = both.ptr().0;
            for i in 0..len {
                (*p.add(i), *p.add(len + i)) = (*from.add(2 * i), *from.add(2 * i + 1));
            }
            both
        };
        let (mut x, mut w) = (parts(a, lens[0]), parts(b, lens[1]));
        let mut c = if bias.is_null() { None } else { Some(parts(bias, lens[2])) };
        let [xr, xi] = [0, 1].map(|i| x.ptr().0.add(i * lens[0]).cast_const());
        let [wr, wi] = [0, 1].map(|i| w.ptr().0.add(i * lens[1]).cast_const());
        let [cr, ci] = [0, 1].map(|i| c.as_mut().map_or(std::ptr::null(), |c| c.ptr().0.add(i * lens[2]).cast_const()));
        let (mut s, mut t) = (Scratch::<T>::new(lens[3]), Scratch::<T>::new(lens[3]));
        let (s, t) = (s.ptr().0, t.ptr().0);
        real(kind, p, xr, wr, cr, s);
        real(kind, p, xi, wi, std::ptr::null(), t);
        for i in 0..lens[3] {
            *out.add(2 * i) = *s.add(i) - *t.add(i);
        }
        real(kind, p, xr, wi, ci, s);
        real(kind, p, xi, wr, std::ptr::null(), t);
        for i in 0..lens[3] {
            *out.add(2 * i + 1) = *s.add(i) + *t.add(i);
        }
    }
}

/// The gradient of the bias: sums over images and pixels, in f32 (f64, i64) and in an order that the shape alone fixes.
///
/// # Safety
/// gy holds batch × channels × pixels dense elements of `dtype`, `gb` room for one a channel.
#[allow(clippy::assign_op_pattern)] // `Num` has no assigning forms
pub unsafe fn grad_bias(dtype: DType, [batch, channels, pixels]: [usize; 3], gy: *const u8, gb: *mut u8) {
    let _ = crate::dispatch!("convolution_backward", dtype, T in all => {
        use crate::dtype::{Element, Num};
        let (gy, gb) = (Ptr::of(gy.cast::<T>()), Ptr(gb.cast::<T>()));
        each(channels, (batch * pixels) as f64, &|c| {
            type W = <T as Element>::Wide;
            let mut total = [W::ZERO; 16];
            let planes = (0..batch).flat_map(|n| {
                // SAFETY: a plane of gy.
                let plane = unsafe { std::slice::from_raw_parts(gy.at((n * channels + c) * pixels).cast_const(), pixels) };
                plane.chunks(1024)
            });
            for block in planes {
                let mut lanes = [W::ZERO; 16];
                let mut rows = block.chunks_exact(16);
                for row in &mut rows {
                    for (lane, x) in lanes.iter_mut().zip(row) {
                        *lane = *lane + x.widen();
                    }
                }
                for (lane, x) in lanes.iter_mut().zip(rows.remainder()) {
                    *lane = *lane + x.widen();
                }
                for (sum, lane) in total.iter_mut().zip(lanes) {
                    *sum = *sum + lane;
                }
            }
            for half in [8, 4, 2, 1] {
                for l in 0..half {
                    total[l] = total[l] + total[l + half];
                }
            }
            // SAFETY: one element a channel.
            unsafe { *gb.at(c) = T::narrow(total[0]) };
        });
    });
}
