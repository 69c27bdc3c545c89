//! 1 × 1 convolutions, and those whose kernel covers the whole input, as plain products. The cut over images and pixels
//! depends on the shape alone.

use super::tools::{Ptr, Scratch, each};
use super::{Params, Real};
use gemm::Parallelism;

/// Images and pixels of one; channels of input (with taps) and output in a group.
struct Shape {
    batch: usize,
    groups: usize,
    px: usize,
    ci: usize,
    co: usize,
}

/// The products' shape, if the convolution is one.
fn shape(p: &Params) -> Option<Shape> {
    let (ci, co) = (p.cin / p.groups, p.cout / p.groups);
    let taps: usize = p.kernel.iter().product();
    let px: usize = p.output.iter().product();
    if p.pad != [0; 3] {
        return None;
    }
    if p.kernel == p.input && p.output == [1; 3] && p.dilation == [1; 3] {
        return Some(Shape { batch: p.batch, groups: p.groups, px: 1, ci: ci * taps, co });
    }
    let plain = p.kernel == [1; 3] && p.stride == [1; 3] && p.input == p.output;
    (plain && px >= 32 && ci >= 8 && co >= 8).then_some(Shape { batch: p.batch, groups: p.groups, px, ci, co })
}

pub fn fits(p: &Params) -> bool {
    shape(p).is_some()
}

/// `c[m][n] (+)= a[m][k] · b[k][n]` with any strides (rows, columns), on this thread.
#[allow(clippy::too_many_arguments)]
unsafe fn mm<T: Real>(
    [m, n, k]: [usize; 3],
    c: *mut T,
    cs: [usize; 2],
    add: bool,
    a: *const T,
    [ar, ac]: [usize; 2],
    b: *const T,
    [br, bc]: [usize; 2],
) {
    let s = |x: usize| x as isize;
    let one = T::ONE;
    // SAFETY: the caller's promise.
    unsafe {
        #[rustfmt::skip]
        gemm::gemm(m, n, k, c, s(cs[1]), s(cs[0]), add, a, s(ac), s(ar), b, s(bc), s(br), one, one, false, false, false, Parallelism::None);
    }
}

/// Tasks wanted, whatever the number of threads.
const TASKS: usize = 16;

/// Forward, or with `grad` grad-input, whose `src` is the output's gradient.
///
/// # Safety
/// As [`super::forward`] and [`super::grad_input`]; `fits` must hold.
pub unsafe fn conv<T: Real>(p: &Params, grad: bool, src: *const T, wt: *const T, bias: *const T, dst: *mut T) {
    let Some(Shape { batch, groups, px, ci, co }) = shape(p) else { return };
    let (cs, cd) = if grad { (co, ci) } else { (ci, co) };
    let (wr, wc) = if grad { (1, ci) } else { (ci, 1) };
    let (src, wt, bias, out) = (Ptr::of(src), Ptr::of(wt), Ptr::of(bias), Ptr(dst));
    let add = !bias.0.is_null();
    let work = 2.0 * (batch * groups * px * ci * co) as f64;
    if px == 1 {
        // images are the rows of one product a group, cut over output channels
        let cuts = cd.div_ceil(64);
        each(groups * cuts, work / (groups * cuts) as f64, &|t| {
            let (g, d0, d1) = (t / cuts, t % cuts * cd / cuts, (t % cuts + 1) * cd / cuts);
            // SAFETY: columns d0..d1 of a group; no other task writes them.
            unsafe {
                let to = out.at(g * cd + d0);
                if add {
                    let each = if grad { p.kernel.iter().product() } else { 1 };
                    for (n, d) in (0..batch).flat_map(|n| (d0..d1).map(move |d| (n, d))) {
                        *to.add(n * groups * cd + d - d0) = *bias.at((g * cd + d) / each);
                    }
                }
                let (a, b) = (src.at(g * cs), wt.at(g * ci * co + d0 * wr));
                let (ac, bc) = ([groups * cs, 1], [wc, wr]);
                mm([batch, d1 - d0, cs], to, [groups * cd, 1], add, a, ac, b, bc);
            }
        });
        return;
    }
    let spans = TASKS.div_ceil(batch * groups).min(px.div_ceil(512));
    let tasks = batch * groups * spans;
    each(tasks, work / tasks as f64, &|t| {
        let (t, p0, p1) = (t / spans, t % spans * px / spans, (t % spans + 1) * px / spans);
        let g = t % groups;
        // SAFETY: pixels p0..p1 of one image's group; no other task writes them.
        unsafe {
            let to = out.at(t * cd * px + p0);
            if add {
                for d in 0..cd {
                    std::slice::from_raw_parts_mut(to.add(d * px), p1 - p0).fill(*bias.at(g * cd + d));
                }
            }
            let (a, b) = (wt.at(g * ci * co), src.at(t * cs * px + p0));
            mm([cd, p1 - p0, cs], to, [px, 1], add, a, [wr, wc], b, [px, 1]);
        }
    });
}

/// # Safety
/// As [`super::grad_weight`]; `fits` must hold.
pub unsafe fn grad_weight<T: Real>(p: &Params, x: *const T, gy: *const T, gw: *mut T) {
    let Some(Shape { batch, groups, px, ci, co }) = shape(p) else { return };
    let (x, gy, out) = (Ptr::of(x), Ptr::of(gy), Ptr(gw));
    let work = 2.0 * (batch * groups * px * ci * co) as f64;
    if px == 1 {
        let cuts = co.div_ceil(64);
        each(groups * cuts, work / (groups * cuts) as f64, &|t| {
            let (g, o0, o1) = (t / cuts, t % cuts * co / cuts, (t % cuts + 1) * co / cuts);
            // SAFETY: rows o0..o1 of a group's weights; no other task writes them.
            unsafe {
                let (a, b) = (gy.at(g * co + o0), x.at(g * ci));
                mm(
                    [o1 - o0, ci, batch],
                    out.at((g * co + o0) * ci),
                    [ci, 1],
                    false,
                    a,
                    [1, groups * co],
                    b,
                    [groups * ci, 1],
                );
            }
        });
        return;
    }
    // one product an image (packed once), into a few partial sums
    let len = co * ci;
    let spans = TASKS.div_ceil(batch).min(px.div_ceil(2048));
    let units = batch * spans;
    let parts = (16_000_000 / (groups * len * size_of::<T>())).clamp(1, 8).min(units);
    let mut acc = Scratch::<T>::new(parts * groups * len);
    let acc = acc.ptr();
    each(groups * parts, work / (groups * parts) as f64, &|t| {
        let (g, part) = (t / parts, t % parts);
        let first = part * units / parts;
        for u in first..(part + 1) * units / parts {
            let (img, p0, p1) = (u / spans, u % spans * px / spans, (u % spans + 1) * px / spans);
            // SAFETY: a part's sums belong to its task.
            unsafe {
                let (a, b) = (gy.at((img * groups + g) * co * px + p0), x.at((img * groups + g) * ci * px + p0));
                mm([co, ci, p1 - p0], acc.at(t * len), [ci, 1], u > first, a, [px, 1], b, [1, px]);
            }
        }
    });
    each(groups, (len * parts) as f64, &|g| {
        for i in 0..len {
            // SAFETY: as above.
            unsafe {
                let mut sum = *acc.at(g * parts * len + i);
                for part in 1..parts {
                    sum += *acc.at((g * parts + part) * len + i);
                }
                *out.at(g * len + i) = sum;
            }
        }
    });
}
