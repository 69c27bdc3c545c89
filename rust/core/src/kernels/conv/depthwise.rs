//! Depthwise 3 × 3, 5 × 5 and 7 × 7, stride 1: the padded plane is in the first-level cache, every loaded vector serves
//! several rows.

use super::tools::{Ptr, Scratch, each, window};
use super::{Kind, Params, Real};

/// Whether this is a convolution that is computed here.
pub fn fits(p: &Params, kind: Kind) -> bool {
    let k = p.kernel[1];
    let square = p.kernel == [1, k, k] && (k == 3 || kind != Kind::GradWeight && (k == 5 || k == 7));
    let planes = p.groups == p.cin && p.groups == p.cout && p.input[0] == 1 && p.output[0] == 1 && p.pad[0] == 0;
    let plain = p.stride == [1; 3] && p.dilation[1..] == [1, 1] && p.pad[1] < k && p.pad[2] < k;
    // the padded plane must stay in the second-level cache
    square && planes && plain && (p.output[1] + 8) * (p.output[2] + 32) < 120_000
}

/// Forward, or with `grad` grad-input, whose `src` is the output's gradient.
///
/// # Safety
/// As [`super::forward`] and [`super::grad_input`]; `fits` must hold.
pub unsafe fn conv<T: Real>(p: &Params, grad: bool, src: *const T, wt: *const T, bias: *const T, dst: *mut T) {
    let ([_, sh, sw], [_, dh, dw]) = if grad { (p.output, p.input) } else { (p.input, p.output) };
    let k = p.kernel[1];
    let pad = [p.pad[1], p.pad[2]].map(|q| if grad { q as isize - (k as isize - 1) } else { -(q as isize) });
    let (pitch, rows) = (dw.next_multiple_of(32) + k - 1, dh.next_multiple_of(4) + k - 1);
    let (src, wt, bias, out) = (Ptr::of(src), Ptr::of(wt), Ptr::of(bias), Ptr(dst));
    let micro = T::micro();
    each(p.batch * p.groups, (dh * dw * k * k * 2) as f64, &|t| {
        let mut scratch = Scratch::<T>::new(rows * pitch + 32);
        let (x, g) = (scratch.ptr().0, t % p.groups);
        let mut w = [T::default(); 49];
        // SAFETY: planes of source and destination; the window has rows and columns for whole blocks of the kernel.
        unsafe {
            for (i, w) in w.iter_mut().enumerate().take(k * k) {
                *w = *wt.at(g * k * k + if grad { k * k - 1 - i } else { i });
            }
            let init = if bias.0.is_null() { T::default() } else { *bias.at(g) };
            window(src.at(t * sh * sw), [sh, sw], pad, [rows, pitch], [1, 1], None, x);
            micro.plane[k / 2 - 1](x, pitch, dh, dw, w.as_ptr(), init, out.at(t * dh * dw));
        }
    });
}

/// # Safety
/// As [`super::grad_weight`]; `fits` must hold.
pub unsafe fn grad_weight<T: Real>(p: &Params, x: *const T, gy: *const T, gw: *mut T) {
    let ([_, h, w], [_, oh, ow]) = (p.input, p.output);
    let (pitch, rows) = (ow.next_multiple_of(16) + 2, oh + 2);
    let (x, gy, out, micro) = (Ptr::of(x), Ptr::of(gy), Ptr(gw), T::micro());
    each(p.groups, (p.batch * oh * ow * 18) as f64, &|g| {
        let mut scratch = Scratch::<T>::new(rows * pitch + 32);
        let xp = scratch.ptr().0;
        let mut acc = [T::default(); 9 * 16];
        // SAFETY: as above.
        unsafe {
            for n in 0..p.batch {
                let from = x.at((n * p.groups + g) * h * w);
                let start = [1, 2].map(|i| -(p.pad[i] as isize));
                window(from, [h, w], start, [rows, pitch], [1, 1], None, xp);
                let gy = gy.at((n * p.groups + g) * oh * ow);
                (micro.plane3_weight)(xp, pitch, oh, ow, gy, acc.as_mut_ptr());
            }
            for i in 0..9 {
                let lanes = &mut acc[i * 16..][..16];
                for half in [8, 4, 2, 1] {
                    for l in 0..half {
                        let other = lanes[l + half];
                        lanes[l] += other;
                    }
                }
                *out.at(g * 9 + i) = lanes[0];
            }
        }
    });
}
