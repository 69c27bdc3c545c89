//! Integer convolution: the definition, one output row at a time.

use super::tools::{Ptr, each};
use super::{Kind, Params};

/// # Safety
/// As the function of that kind in the parent module. No size may be zero.
pub unsafe fn run(kind: Kind, p: &Params, a: *const i64, b: *const i64, bias: *const i64, out: *mut i64) {
    let (ci, co) = (p.cin / p.groups, p.cout / p.groups);
    let ([_, ih, iw], [_, oh, ow], [kz, ky, kx]) = (p.input, p.output, p.kernel);
    let (a, b, bias, out) = (Ptr::of(a), Ptr::of(b), Ptr::of(bias), Ptr(out));
    let taps = kz * ky * kx;
    let (iv, ov) = (p.input.iter().product::<usize>(), p.output.iter().product::<usize>());
    // where tap t of output coordinate o reads, if inside
    let at = |i: usize, o: usize, t: usize| {
        let x = (o * p.stride[i] + t * p.dilation[i]).checked_sub(p.pad[i])?;
        (x < p.input[i]).then_some(x)
    };
    // every (output pixel, tap) that connects channel pair (c, o) of image n
    let pairs = |f: &mut dyn FnMut(usize, usize, usize)| {
        for z in 0..p.output[0] {
            for y in 0..oh {
                for x in 0..ow {
                    for t in 0..taps {
                        let read = (at(0, z, t / (ky * kx)), at(1, y, t / kx % ky), at(2, x, t % kx));
                        if let (Some(iz), Some(iy), Some(ix)) = read {
                            f((z * oh + y) * ow + x, (iz * ih + iy) * iw + ix, t);
                        }
                    }
                }
            }
        }
    };
    let work = (ov * taps) as f64;
    // SAFETY (all closures): indices of pixels, channels and weights inside their arrays; tasks write different planes.
    match kind {
        // SAFETY: the caller's promise.
        Kind::Forward => each(p.batch * p.cout, work * ci as f64 * 4.0, &|t| unsafe {
            let (n, o) = (t / p.cout, t % p.cout);
            let start = if bias.0.is_null() { 0 } else { *bias.at(o) };
            let to = std::slice::from_raw_parts_mut(out.at(t * ov), ov);
            to.fill(start);
            for c in 0..ci {
                let (x, w) = (a.at((n * p.cin + o / co * ci + c) * iv), b.at((o * ci + c) * taps));
                pairs(&mut |y, i, t| to[y] = to[y].wrapping_add((*x.add(i)).wrapping_mul(*w.add(t))));
            }
        }),
        // SAFETY: the caller's promise.
        Kind::GradInput => each(p.batch * p.cin, work * co as f64 * 4.0, &|t| unsafe {
            let (n, c) = (t / p.cin, t % p.cin);
            let start = if bias.0.is_null() { 0 } else { *bias.at(c) };
            let to = std::slice::from_raw_parts_mut(out.at(t * iv), iv);
            to.fill(start);
            for o in c / ci * co..(c / ci + 1) * co {
                let (g, w) = (a.at((n * p.cout + o) * ov), b.at((o * ci + c % ci) * taps));
                pairs(&mut |y, i, t| to[i] = to[i].wrapping_add((*g.add(y)).wrapping_mul(*w.add(t))));
            }
        }),
        // SAFETY: the caller's promise.
        Kind::GradWeight => each(p.cout * ci, work * p.batch as f64 * 4.0, &|t| unsafe {
            let (o, c) = (t / ci, t % ci);
            let to = std::slice::from_raw_parts_mut(out.at(t * taps), taps);
            to.fill(0);
            for n in 0..p.batch {
                let (x, g) = (a.at((n * p.cin + o / co * ci + c) * iv), b.at((n * p.cout + o) * ov));
                pairs(&mut |y, i, t| to[t] = to[t].wrapping_add((*x.add(i)).wrapping_mul(*g.add(y))));
            }
        }),
    }
}
