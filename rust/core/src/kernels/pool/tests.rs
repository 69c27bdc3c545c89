//! Pooling against the definition.

use super::*;

fn random(n: usize, seed: u64) -> Vec<f64> {
    let mut s = seed;
    let mut next = || {
        s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        // few values, so that there are ties
        ((s >> 40) % 17) as f64 - 8.0
    };
    (0..n).map(|_| next()).collect()
}

/// Input sizes, kernel, stride, padding, dilation, and outputs rounded up.
type Case = ([usize; 3], [usize; 3], [usize; 3], [usize; 3], [usize; 3], bool);

fn cases() -> Vec<(Case, Windows)> {
    let all: Vec<Case> = vec![
        ([1, 8, 38], [1, 2, 2], [1, 2, 2], [0; 3], [1; 3], false),
        ([1, 9, 37], [1, 2, 2], [1, 2, 2], [0; 3], [1; 3], true),
        ([1, 14, 35], [1, 3, 3], [1, 2, 2], [0, 1, 1], [1; 3], false),
        ([1, 7, 36], [1, 3, 3], [1, 1, 1], [0, 1, 1], [1; 3], false),
        ([1, 1, 40], [1, 1, 3], [1, 1, 3], [0, 0, 1], [1; 3], true),
        ([5, 6, 7], [2, 3, 2], [2, 1, 2], [1, 1, 0], [1; 3], true),
        ([4, 5, 20], [3, 2, 4], [1, 2, 3], [1, 1, 2], [1; 3], false),
        ([1, 11, 23], [1, 3, 4], [1, 2, 1], [0, 1, 2], [1, 2, 3], false),
    ];
    all.into_iter()
        .map(|case| {
            let (input, kernel, stride, pad, dilation, ceil) = case;
            let axis = |i: usize| {
                let span = input[i] + 2 * pad[i] - dilation[i] * (kernel[i] - 1) - 1;
                let mut out = if ceil { span.div_ceil(stride[i]) } else { span / stride[i] } + 1;
                if ceil && (out - 1) * stride[i] >= input[i] + pad[i] {
                    out -= 1;
                }
                Axis::strided([input[i], out], kernel[i], stride[i], pad[i], dilation[i], true)
            };
            (case, Windows([axis(0), axis(1), axis(2)]))
        })
        .collect()
}

/// The places that output `o` reads, by the definition: all taps that lie inside.
fn taps((input, kernel, stride, pad, dilation, _): &Case, w: &Windows, o: usize) -> Vec<usize> {
    let size = [0, 1, 2].map(|i| w.0[i].windows.len());
    let at = [o / (size[1] * size[2]), o / size[2] % size[1], o % size[2]];
    let place =
        |i: usize, k: usize| Some((at[i] * stride[i] + k * dilation[i]).wrapping_sub(pad[i])).filter(|p| *p < input[i]);
    let mut places = vec![];
    for z in 0..kernel[0] {
        for y in 0..kernel[1] {
            for x in 0..kernel[2] {
                if let (Some(z), Some(y), Some(x)) = (place(0, z), place(1, y), place(2, x)) {
                    places.push((z * input[1] + y) * input[2] + x);
                }
            }
        }
    }
    places
}

#[test]
fn maxima() {
    for (case, w) in cases() {
        let (planes, input, output) = (3, w.input_plane(), w.output_plane());
        for nan in [false, true] {
            let mut x = random(planes * input, 3);
            if nan {
                x.iter_mut().step_by(7).for_each(|x| *x = f64::NAN);
            }
            let single: Vec<f32> = x.iter().map(|x| *x as f32).collect();
            let (mut y, mut i) = (vec![0f32; planes * output], vec![-1i64; planes * output]);
            let mut only = y.clone();
            // SAFETY: planes of these sizes.
            unsafe {
                let (x, y, z) = (single.as_ptr().cast(), y.as_mut_ptr().cast(), only.as_mut_ptr().cast());
                max(DType::F32, planes, &w, x, y, i.as_mut_ptr());
                max(DType::F32, planes, &w, x, z, std::ptr::null_mut());
            }
            for o in 0..planes * output {
                let plane = &single[o / output * input..][..input];
                let mut best: Option<usize> = None;
                for at in taps(&case, &w, o % output) {
                    if best.is_none_or(|b| plane[at] > plane[b] || plane[at].is_nan()) {
                        best = Some(at);
                    }
                }
                let best = best.unwrap();
                assert_eq!(i[o], best as i64, "{case:?} {o}");
                assert_eq!(y[o].to_bits(), plane[best].to_bits(), "{case:?} {o}");
                assert!(only[o] == y[o] || only[o].is_nan() && y[o].is_nan(), "{case:?} {o}");
            }
        }
    }
}

#[test]
fn means_and_their_adjoint() {
    for (case, w) in cases().into_iter().filter(|(case, _)| case.4 == [1; 3]) {
        for divisor in [None, Some(5)] {
            let (planes, input, output) = (3, w.input_plane(), w.output_plane());
            let (x, g) = (random(planes * input, 3), random(planes * output, 4));
            let (mut y, mut gx) = (vec![f64::NAN; planes * output], vec![f64::NAN; planes * input]);
            // SAFETY: planes of these sizes.
            unsafe {
                avg(DType::F64, planes, &w, divisor, x.as_ptr().cast(), y.as_mut_ptr().cast());
                avg_backward(DType::F64, planes, &w, divisor, g.as_ptr().cast(), gx.as_mut_ptr().cast());
            }
            let size = |o: usize| {
                let n = [0, 1, 2].map(|i| w.0[i].windows.len());
                let at = [o / (n[1] * n[2]), o / n[2] % n[1], o % n[2]];
                divisor.unwrap_or((0..3).map(|i| w.0[i].windows[at[i]].size as i64).product()) as f64
            };
            let mut want = vec![0.0; planes * input];
            for o in 0..planes * output {
                let base = o / output * input;
                let places = taps(&case, &w, o % output);
                let sum: f64 = places.iter().map(|at| x[base + at]).sum();
                assert!((y[o] - sum / size(o % output)).abs() < 1e-12, "{case:?} {o}");
                places.iter().for_each(|at| want[base + at] += g[o] / size(o % output));
            }
            assert!(gx.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12), "{case:?}");
        }
    }
}

#[test]
fn adaptive_windows_cover_their_axis() {
    for (input, output) in [(7, 3), (5, 5), (3, 7), (10, 1), (224, 6)] {
        let axis = Axis::adaptive(input, output);
        let end = axis.windows.last().map(|w| w.start + w.count);
        assert!(axis.windows[0].start == 0 && end == Some(input) && axis.windows.iter().all(|w| w.count > 0));
        assert!(axis.windows.windows(2).all(|w| w[0].start + w[0].count >= w[1].start));
    }
}

#[test]
fn what_fold_does_is_the_adjoint_of_unfold() {
    let f = Fold { image: [7, 9], grid: [4, 3], kernel: [3, 2], stride: [2, 3], pad: [1, 2], dilation: [1, 4] };
    let (planes, image, columns) = (2, 7 * 9, 3 * 2 * 4 * 3);
    let (x, c) = (random(planes * image, 1), random(planes * columns, 2));
    let (mut u, mut v) = (vec![f64::NAN; planes * columns], vec![f64::NAN; planes * image]);
    // SAFETY: planes of these sizes.
    unsafe {
        im2col(DType::F64, planes, &f, x.as_ptr().cast(), u.as_mut_ptr().cast());
        col2im(DType::F64, planes, &f, c.as_ptr().cast(), v.as_mut_ptr().cast());
    }
    for (i, got) in u.iter().enumerate() {
        let (plane, t, o) = (i / columns, i % columns / 12, i % 12);
        let y = (o / 3 * 2 + t / 2).wrapping_sub(1);
        let x0 = (o % 3 * 3 + t % 2 * 4).wrapping_sub(2);
        let want = if y < 7 && x0 < 9 { x[plane * image + y * 9 + x0] } else { 0.0 };
        assert_eq!(*got, want, "{i}");
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    assert_eq!(dot(&u, &c), dot(&x, &v));
}
