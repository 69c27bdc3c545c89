//! Every method, kind, dtype and instruction set against the definition in f64, on small awkward shapes.

use super::*;
use crate::dtype::Complex;
use crate::kernels::isa::Level;
use crate::kernels::threads;
use std::cell::Cell;

thread_local! {
    /// The instruction set that this thread's convolutions may use.
    pub static CAP: Cell<Level> = const { Cell::new(Level::Avx512) };
}
const LEVELS: [Level; 3] = [Level::Baseline, Level::Avx2, Level::Avx512];
const KINDS: [Kind; 3] = [Kind::Forward, Kind::GradInput, Kind::GradWeight];

/// Batch, groups, channels in and out; input, kernel, stride, padding before and after, dilation.
#[allow(clippy::too_many_arguments)]
fn shape(
    [batch, groups, cin, cout]: [usize; 4],
    input: [usize; 3],
    kernel: [usize; 3],
    stride: [usize; 3],
    pad: [usize; 3],
    after: [usize; 3],
    dilation: [usize; 3],
) -> Params {
    let output = [0, 1, 2].map(|i| (input[i] + pad[i] + after[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1);
    Params { batch, groups, cin, cout, input, output, kernel, stride, pad, dilation }
}
fn conv2d([n, g, ci, co]: [usize; 4], [h, w]: [usize; 2], [ky, kx]: [usize; 2], s: usize, p: usize) -> Params {
    shape([n, g, ci, co], [1, h, w], [1, ky, kx], [1, s, s], [0, p, p], [0, p, p], [1; 3])
}

fn shapes() -> Vec<(&'static str, Params)> {
    vec![
        (
            "groups, strides, dilation",
            shape([2, 3, 6, 9], [1, 11, 13], [1, 3, 2], [1, 2, 3], [0, 1, 2], [0, 1, 2], [1, 2, 1]),
        ),
        ("stride in x only", shape([3, 1, 5, 20], [1, 9, 7], [1, 3, 3], [1, 1, 2], [0, 0, 1], [0, 0, 1], [1, 1, 2])),
        ("stride 3", shape([1, 1, 20, 33], [1, 17, 19], [1, 5, 3], [1, 3, 1], [0, 2, 0], [0, 2, 0], [1; 3])),
        ("stride beyond the kernel", conv2d([2, 1, 13, 14], [11, 10], [2, 2], 3, 0)),
        ("strided pointwise", conv2d([2, 1, 32, 48], [10, 10], [1, 1], 2, 0)),
        ("pointwise", conv2d([2, 1, 37, 43], [7, 9], [1, 1], 1, 0)),
        ("grouped pointwise", conv2d([2, 2, 16, 24], [7, 9], [1, 1], 1, 0)),
        ("kernel covers the input", conv2d([3, 2, 8, 70], [5, 4], [5, 4], 1, 0)),
        ("winograd, ragged", conv2d([2, 1, 17, 18], [6, 5], [3, 3], 1, 1)),
        ("winograd, several small images", conv2d([35, 1, 16, 20], [5, 6], [3, 3], 1, 1)),
        ("winograd, bands", conv2d([1, 1, 24, 40], [37, 50], [3, 3], 1, 2)),
        ("winograd, one sum", conv2d([9, 1, 80, 144], [8, 8], [3, 3], 1, 0)),
        ("tiny images, heavy weights", conv2d([3, 1, 64, 300], [4, 4], [3, 3], 1, 1)),
        ("heavy weights, strided", conv2d([3, 1, 70, 250], [8, 8], [3, 3], 2, 1)),
        ("depthwise", conv2d([2, 5, 5, 5], [9, 37], [3, 3], 1, 1)),
        ("depthwise with two outputs", conv2d([2, 5, 5, 10], [9, 7], [3, 3], 2, 1)),
        ("depthwise, wide kernel", conv2d([2, 4, 4, 4], [12, 21], [7, 5], 1, 3)),
        ("first layer", conv2d([3, 1, 1, 32], [14, 12], [3, 3], 1, 0)),
        ("first layer, large stride", conv2d([2, 1, 3, 24], [33, 30], [7, 7], 2, 3)),
        ("few outputs, many inputs", conv2d([2, 1, 40, 3], [9, 20], [3, 3], 1, 1)),
        ("asymmetric", shape([2, 1, 7, 13], [1, 8, 9], [1, 4, 2], [1; 3], [0, 1, 0], [0, 2, 1], [1; 3])),
        ("output padding", shape([2, 1, 14, 12], [1, 9, 8], [1, 3, 3], [1, 2, 2], [0, 1, 1], [0, 1, 2], [1; 3])),
        ("short line", shape([3, 1, 17, 20], [1, 1, 40], [1, 1, 3], [1; 3], [0, 0, 1], [0, 0, 1], [1; 3])),
        ("long line", shape([1, 1, 24, 24], [1, 1, 6000], [1, 1, 5], [1, 1, 2], [0, 0, 4], [0, 0, 3], [1, 1, 3])),
        ("long line, one channel", shape([1, 1, 1, 2], [1, 1, 70_001], [1, 1, 4], [1; 3], [0; 3], [0; 3], [1; 3])),
        ("volume", shape([2, 1, 5, 18], [6, 7, 8], [3, 2, 3], [2, 1, 2], [1, 0, 1], [1, 1, 1], [1, 2, 1])),
        ("volume in place", shape([1, 2, 16, 40], [5, 7, 9], [2, 3, 3], [1; 3], [0; 3], [0; 3], [2, 1, 1])),
        ("volume, few outputs", shape([2, 2, 4, 4], [5, 6, 7], [3, 3, 3], [1, 2, 2], [1; 3], [1; 3], [1; 3])),
    ]
}

fn random(n: usize, seed: u64) -> Vec<f64> {
    let mut s = seed;
    let mut next = || {
        s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (s >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    // what f32 holds exactly
    (0..n).map(|_| ((next() + next() + next()) * 2.0) as f32 as f64).collect()
}

/// The definition.
fn reference(kind: Kind, p: &Params, a: &[f64], b: &[f64], bias: &[f64]) -> Vec<f64> {
    let (ci, co) = (p.cin / p.groups, p.cout / p.groups);
    let [lx, ly, lw] = [p.x_len(), p.y_len(), p.w_len()];
    let mut out = vec![0f64; [ly, lx, lw][kind as usize]];
    let inside = |i: usize, o: usize, t: usize| {
        let x = (o * p.stride[i] + t * p.dilation[i]).wrapping_sub(p.pad[i]);
        (x < p.input[i]).then_some(x)
    };
    let ([_, ih, iw], [od, oh, ow], [kz, ky, kx]) = (p.input, p.output, p.kernel);
    let (iv, ov, taps) = (p.input.iter().product::<usize>(), od * oh * ow, kz * ky * kx);
    for n in 0..p.batch {
        for o in 0..p.cout {
            for c in 0..ci {
                for t in 0..taps {
                    let w = (o * ci + c) * taps + t;
                    for q in 0..ov {
                        let (z, y, x) = (q / (oh * ow), q / ow % oh, q % ow);
                        let read = (inside(0, z, t / (ky * kx)), inside(1, y, t / kx % ky), inside(2, x, t % kx));
                        let (Some(z), Some(y), Some(x)) = read else { continue };
                        let x = (n * p.cin + o / co * ci + c) * iv + (z * ih + y) * iw + x;
                        let y = (n * p.cout + o) * ov + q;
                        match kind {
                            Kind::Forward => out[y] += a[x] * b[w],
                            Kind::GradInput => out[x] += a[y] * b[w],
                            Kind::GradWeight => out[w] += a[x] * b[y],
                        }
                    }
                }
            }
        }
    }
    if !bias.is_empty() && !out.is_empty() && kind != Kind::GradWeight {
        let plane = out.len() / (p.batch * bias.len());
        out.iter_mut().enumerate().for_each(|(i, x)| *x += bias[i / plane % bias.len()]);
    }
    out
}

fn call<T: Copy>(dtype: DType, kind: Kind, p: &Params, a: &[T], b: &[T], bias: &[T], fill: T) -> Vec<T> {
    let mut out = vec![fill; p.lens(kind)[3]];
    let bias = if bias.is_empty() { std::ptr::null() } else { bias.as_ptr() };
    // SAFETY: operands of the lengths that `lens` names.
    unsafe { run(dtype, kind, p, a.as_ptr().cast(), b.as_ptr().cast(), bias.cast(), out.as_mut_ptr().cast()) };
    out
}

fn deviation(r: &[f64]) -> f64 {
    (r.iter().map(|v| v * v).sum::<f64>() / r.len() as f64).sqrt()
}

#[test]
fn agrees_with_the_definition() {
    for (name, p) in shapes() {
        for kind in KINDS {
            let lens = p.lens(kind);
            let [a, b] = [0, 1].map(|i| random(lens[i], i as u64 + 1));
            let bias = random(lens[2], 3);
            let want = reference(kind, &p, &a, &b, &bias);
            let scale = deviation(&want);
            let single = |v: &[f64]| v.iter().map(|x| *x as f32).collect::<Vec<f32>>();
            let (a32, b32, bias32) = (single(&a), single(&b), single(&bias));
            for level in LEVELS {
                CAP.set(level);
                let got = call(DType::F32, kind, &p, &a32, &b32, &bias32, f32::NAN);
                for (i, (x, y)) in got.iter().zip(&want).enumerate() {
                    let error = (*x as f64 - y).abs() / scale;
                    assert!(error < 8e-6, "f32 {level:?} {kind:?} {name}, element {i}: {x} for {y}");
                }
                let got = call(DType::F64, kind, &p, &a, &b, &bias, f64::NAN);
                for (i, (x, y)) in got.iter().zip(&want).enumerate() {
                    let error = (x - y).abs() / scale;
                    assert!(error < 1e-13, "f64 {level:?} {kind:?} {name}, element {i}: {x} for {y}");
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let mut all = shapes();
    all.push(("bias sums", conv2d([8, 1, 3, 16], [40, 40], [3, 3], 1, 1)));
    for (name, p) in all {
        for kind in KINDS {
            let lens = p.lens(kind);
            let [a, b, bias] =
                [0, 1, 2].map(|i| random(lens[i], i as u64 + 1).iter().map(|x| *x as f32).collect::<Vec<_>>());
            let results = [1, 2, 3].map(|n| {
                threads::set_num_threads(n);
                call(DType::F32, kind, &p, &a, &b, &bias, f32::NAN).iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            });
            assert!(results[0] == results[1] && results[0] == results[2], "{kind:?} {name}");
        }
    }
}

#[test]
fn other_dtypes() {
    let p = shape([2, 2, 6, 4], [1, 7, 8], [1, 3, 2], [1, 2, 1], [0, 1, 1], [0, 1, 0], [1, 1, 2]);
    for kind in KINDS {
        let lens = p.lens(kind);
        let [a, b, c] =
            [0, 1, 2].map(|i| random(lens[i], i as u64 + 1).iter().map(|x| (x * 3.0).round()).collect::<Vec<_>>());
        let want = reference(kind, &p, &a, &b, &c);
        let ints = |v: &[f64]| v.iter().map(|x| *x as i64).collect::<Vec<_>>();
        assert_eq!(call(DType::I64, kind, &p, &ints(&a), &ints(&b), &ints(&c), 7), ints(&want));
        let bytes = |v: &[f64]| v.iter().map(|x| *x as i64 as i8).collect::<Vec<_>>();
        assert_eq!(call(DType::I8, kind, &p, &bytes(&a), &bytes(&b), &bytes(&c), 7), bytes(&want));
        let half = |v: &[f64]| v.iter().map(|x| half::f16::from_f64(*x)).collect::<Vec<_>>();
        assert_eq!(call(DType::F16, kind, &p, &half(&a), &half(&b), &half(&c), half::f16::NAN), half(&want));
        let brain = |v: &[f64]| v.iter().map(|x| half::bf16::from_f64(*x)).collect::<Vec<_>>();
        assert_eq!(call(DType::BF16, kind, &p, &brain(&a), &brain(&b), &brain(&c), half::bf16::NAN), brain(&want));
        // (a + ib)(b + ia), with a bias of c + ic
        let pairs = |v: &[f64], w: &[f64]| v.iter().zip(w).map(|(x, y)| Complex::new(*x, *y)).collect::<Vec<_>>();
        let [d, e] = [0, 1].map(|i| random(lens[i], i as u64 + 11));
        let got = call(DType::C128, kind, &p, &pairs(&a, &d), &pairs(&b, &e), &pairs(&c, &c), Complex::new(0.0, 0.0));
        let no: &[f64] = &[];
        let parts = [(&a, &b, &c[..]), (&d, &e, no), (&a, &e, &c[..]), (&d, &b, no)]
            .map(|(x, y, z)| reference(kind, &p, x, y, z));
        for (i, z) in got.iter().enumerate() {
            assert!((z.re - (parts[0][i] - parts[1][i])).abs() < 1e-12);
            assert!((z.im - (parts[2][i] + parts[3][i])).abs() < 1e-12);
        }
    }
}

#[test]
fn nothing_in_nothing_out() {
    for (what, p) in [
        ("no images", conv2d([0, 1, 3, 4], [5, 5], [3, 3], 1, 1)),
        ("no input channels", conv2d([2, 1, 0, 4], [5, 5], [3, 3], 1, 1)),
        ("no output channels", conv2d([2, 1, 3, 0], [5, 5], [3, 3], 1, 1)),
    ] {
        for kind in KINDS {
            let lens = p.lens(kind);
            let [a, b, c] = [0, 1, 2].map(|i| random(lens[i], i as u64));
            let got = call(DType::F64, kind, &p, &a, &b, &c, f64::NAN);
            assert_eq!(got, reference(kind, &p, &a, &b, &c), "{what}");
        }
    }
}

#[test]
fn what_no_output_reads_does_not_matter() {
    // a last column beyond the last stride, and columns beside a row's last vector
    for p in [conv2d([1, 2, 2, 2], [6, 6], [3, 3], 2, 0), conv2d([1, 1, 13, 14], [6, 6], [3, 3], 2, 0)] {
        let mut x = random(p.x_len(), 1);
        x.iter_mut().skip(5).step_by(6).for_each(|x| *x = f64::INFINITY);
        let w = random(p.w_len(), 2);
        let gy = random(p.y_len(), 3);
        for (kind, other) in [(Kind::Forward, &w), (Kind::GradWeight, &gy)] {
            let got = call(DType::F64, kind, &p, &x, other, &[], f64::NAN);
            assert!(got.iter().all(|x| x.is_finite()), "{kind:?}");
        }
    }
}

#[test]
fn bias_gradient() {
    let gy = random(3 * 5 * 77, 1);
    let mut gb = [f64::NAN; 5];
    // SAFETY: 3 images of 5 channels of 77 pixels.
    unsafe { grad_bias(DType::F64, [3, 5, 77], gy.as_ptr().cast(), gb.as_mut_ptr().cast()) };
    for (c, got) in gb.iter().enumerate() {
        let want: f64 = (0..3).map(|n| gy[(n * 5 + c) * 77..][..77].iter().sum::<f64>()).sum();
        assert!((got - want).abs() < 1e-12);
    }
}
