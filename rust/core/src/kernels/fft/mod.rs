//! Fourier transforms of any length, along lines of strided memory.
//!
//! A few lines that lie side by side are transformed together: a tile holds element k of all of them next to each other, so that every
//! loop runs along memory whatever the strides are. Lengths of the factors 2, 3, 4, 5 and 7 go through Stockham's passes (`plan`),
//! all others through a convolution of a power of two (`Chirp`, Bluestein's way). Real transforms of even length are complex ones
//! of half the length. The lines of a tile never depend on the number of threads.

mod pass;
mod plan;

use super::threads;
use crate::dtype::Complex;
use pass::Real;
use plan::{Plan, plan};
use std::sync::Arc;

/// Which transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Complex to complex, with e^(−iωt) or, the other way, e^(+iωt).
    Complex { inverse: bool },
    /// n real numbers to the first n/2 + 1 of their complex amplitudes.
    Halve,
    /// n/2 + 1 complex amplitudes to the n real numbers that they stand for.
    Double,
}

/// Lines of memory: where each begins and what lies between two elements, in elements.
pub struct Lines {
    pub start: *mut u8,
    pub places: Vec<isize>,
    pub step: isize,
}
// SAFETY: each line is read or written by one thread; the caller keeps the memory alive.
unsafe impl Sync for Lines {}

/// Transforms all lines, of `n` elements (of real numbers where there are any), and multiplies by `scale`.
///
/// # Safety
/// `from` and `to` are as many lines of the lengths that `kind` says, of floats of 4 bytes if `single` else of 8, or of complex numbers
/// made of these; `to` is not read by others meanwhile.
pub unsafe fn transform(kind: Kind, single: bool, n: usize, scale: f64, from: &Lines, to: &Lines) {
    if n == 0 || from.places.is_empty() {
        return;
    }
    // Half the length will do for real numbers, in pairs.
    let paired =
        kind != Kind::Complex { inverse: false } && kind != Kind::Complex { inverse: true } && n.is_multiple_of(2);
    let length = if paired { n / 2 } else { n };
    // SAFETY: the caller's promise.
    unsafe {
        match (single, plan::is_smooth(length)) {
            // Short ones are as fast in double precision, and better.
            (true, true) if length > 256 => lines::<f32, f32>(kind, plan(length), paired, n, scale, from, to),
            // The detour over a power of two loses accuracy that float32 does not have.
            (true, _) => lines::<f32, f64>(kind, plan(length), paired, n, scale, from, to),
            (false, _) => lines::<f64, f64>(kind, plan(length), paired, n, scale, from, to),
        }
    }
}

/// How many lines go into a tile: so many that loops are long, and so few that it stays in cache.
fn width(length: usize) -> usize {
    match length {
        0..=1024 => 16,
        1025..=4096 => 8,
        4097..=16384 => 4,
        _ => 1,
    }
}

unsafe fn lines<S: Real, T: Real>(
    kind: Kind,
    plan: Arc<Plan<T>>,
    paired: bool,
    n: usize,
    scale: f64,
    from: &Lines,
    to: &Lines,
) {
    let count = from.places.len();
    let most = width(plan.n).min(count);
    let tiles = count.div_ceil(most);
    let turn = if paired { half_turns(n) } else { Vec::new() };
    let grain = (32 * 1024 / (n * most)).max(1);
    threads::split(tiles, grain, &|first, last| {
        let mut tile = Tile::new(&plan, most);
        for t in first..last {
            let range = t * most..((t + 1) * most).min(count);
            tile.wide = range.len();
            let (from_places, to_places) = (&from.places[range.clone()], &to.places[range]);
            // SAFETY: the caller's promise.
            unsafe {
                match kind {
                    Kind::Complex { inverse } => {
                        tile.load::<S>(n, from, from_places, inverse);
                        tile.run(&plan);
                        tile.store::<S>(n, scale, to, to_places, inverse);
                    }
                    Kind::Halve => {
                        tile.halve::<S>(&plan, paired, n, scale, &turn, (from, from_places), (to, to_places))
                    }
                    Kind::Double => {
                        tile.double::<S>(&plan, paired, n, scale, &turn, (from, from_places), (to, to_places))
                    }
                }
            }
        }
    });
}

/// e^(−2πi·k/n) for k ≤ n/4 … n/2: what parts the two transforms of a pair.
fn half_turns<T: Real>(n: usize) -> Vec<(T, T)> {
    (0..=n / 2).map(|k| plan::turn(k, n)).collect()
}

/// Some lines side by side, real and imaginary parts apart, and as much room to work in.
struct Tile<T> {
    re: Vec<T>,
    im: Vec<T>,
    spare: [Vec<T>; 2],
    chirp: [Vec<T>; 4],
    wide: usize,
}

impl<T: Real> Tile<T> {
    fn new(plan: &Plan<T>, most: usize) -> Tile<T> {
        let room = |n: usize| vec![T::ZERO; n * most];
        let (n, m) = (plan.n, plan.chirp_length());
        Tile {
            re: room(n),
            im: room(n),
            spare: [room(n), room(n)],
            chirp: [room(m), room(m), room(m), room(m)],
            wide: most,
        }
    }

    fn run(&mut self, plan: &Plan<T>) {
        let len = plan.n * self.wide;
        let [a, b] = &mut self.spare;
        plan.run(self.wide, &mut self.re[..len], &mut self.im[..len], &mut a[..len], &mut b[..len], &mut self.chirp);
    }

    unsafe fn load<S: Real>(&mut self, n: usize, from: &Lines, places: &[isize], swap: bool) {
        let (re, im) = if swap { (&mut self.im, &mut self.re) } else { (&mut self.re, &mut self.im) };
        for k in 0..n {
            for (l, place) in places.iter().enumerate() {
                // SAFETY: the caller's promise.
                let x = unsafe { *from.start.cast::<Complex<S>>().offset(place + k as isize * from.step) };
                re[k * self.wide + l] = T::of(x.re);
                im[k * self.wide + l] = T::of(x.im);
            }
        }
    }

    unsafe fn store<S: Real>(&self, n: usize, scale: f64, to: &Lines, places: &[isize], swap: bool) {
        let (re, im) = if swap { (&self.im, &self.re) } else { (&self.re, &self.im) };
        let scale = T::of_f64(scale);
        for k in 0..n {
            for (l, place) in places.iter().enumerate() {
                let at = k * self.wide + l;
                let x = Complex { re: S::of(re[at] * scale), im: S::of(im[at] * scale) };
                // SAFETY: the caller's promise.
                unsafe { *to.start.cast::<Complex<S>>().offset(place + k as isize * to.step) = x };
            }
        }
    }

    /// Real numbers to half of their amplitudes.
    #[allow(clippy::too_many_arguments)]
    unsafe fn halve<S: Real>(
        &mut self,
        plan: &Plan<T>,
        paired: bool,
        n: usize,
        scale: f64,
        turn: &[(T, T)],
        (from, from_places): (&Lines, &[isize]),
        (to, to_places): (&Lines, &[isize]),
    ) {
        let wide = self.wide;
        // SAFETY: the caller's promise, here and below.
        let read =
            |k: usize, place: isize| unsafe { T::of(*from.start.cast::<S>().offset(place + k as isize * from.step)) };
        for k in 0..plan.n {
            for (l, &place) in from_places.iter().enumerate() {
                let at = k * wide + l;
                (self.re[at], self.im[at]) =
                    if paired { (read(2 * k, place), read(2 * k + 1, place)) } else { (read(k, place), T::ZERO) };
            }
        }
        self.run(plan);
        let (half, scale) = (T::of_f64(0.5), T::of_f64(scale));
        for k in 0..=n / 2 {
            for (l, &place) in to_places.iter().enumerate() {
                let (re, im) = if paired {
                    // With Z the transform of the pairs: X[k] = (Z[k] + Z̄[h−k])/2 − i/2·e^(−2πi·k/n)·(Z[k] − Z̄[h−k])
                    let (a, b) = (k % plan.n * wide + l, (plan.n - k) % plan.n * wide + l);
                    let (sum_re, sum_im) = (self.re[a] + self.re[b], self.im[a] - self.im[b]);
                    let (dif_re, dif_im) = (self.re[a] - self.re[b], self.im[a] + self.im[b]);
                    let (c, s) = turn[k];
                    let (w_re, w_im) = (c * dif_re - s * dif_im, c * dif_im + s * dif_re);
                    ((sum_re + w_im) * half, (sum_im - w_re) * half)
                } else {
                    (self.re[k * wide + l], self.im[k * wide + l])
                };
                let x = Complex { re: S::of(re * scale), im: S::of(im * scale) };
                // SAFETY: the caller's promise.
                unsafe { *to.start.cast::<Complex<S>>().offset(place + k as isize * to.step) = x };
            }
        }
    }

    /// Half of the amplitudes to the real numbers. The imaginary parts of the first and, of an even length, of the last are not read.
    #[allow(clippy::too_many_arguments)]
    unsafe fn double<S: Real>(
        &mut self,
        plan: &Plan<T>,
        paired: bool,
        n: usize,
        scale: f64,
        turn: &[(T, T)],
        (from, from_places): (&Lines, &[isize]),
        (to, to_places): (&Lines, &[isize]),
    ) {
        let wide = self.wide;
        let read = |k: usize, place: isize| {
            // SAFETY: the caller's promise.
            let x = unsafe { *from.start.cast::<Complex<S>>().offset(place + k as isize * from.step) };
            let real = k == 0 || 2 * k == n;
            (T::of(x.re), if real { T::ZERO } else { T::of(x.im) })
        };
        for k in 0..plan.n {
            for (l, &place) in from_places.iter().enumerate() {
                let (re, im) = if paired {
                    // Z[k] = (X[k] + X̄[h−k]) + i·e^(2πi·k/n)·(X[k] − X̄[h−k])
                    let ((a_re, a_im), (b_re, b_im)) = (read(k, place), read(plan.n - k, place));
                    let (sum_re, sum_im) = (a_re + b_re, a_im - b_im);
                    let (dif_re, dif_im) = (a_re - b_re, a_im + b_im);
                    let (c, s) = turn[k];
                    let (w_re, w_im) = (c * dif_re + s * dif_im, c * dif_im - s * dif_re);
                    (sum_re - w_im, sum_im + w_re)
                } else if 2 * k <= n {
                    read(k, place)
                } else {
                    let (re, im) = read(n - k, place);
                    (re, T::ZERO - im)
                };
                // Exchanged, for the inverse transform.
                (self.im[k * wide + l], self.re[k * wide + l]) = (re, im);
            }
        }
        self.run(plan);
        let scale = T::of_f64(scale);
        for k in 0..plan.n {
            for (l, &place) in to_places.iter().enumerate() {
                let at = k * wide + l;
                let write = |k: usize, x: T| {
                    // SAFETY: the caller's promise.
                    unsafe { *to.start.cast::<S>().offset(place + k as isize * to.step) = S::of(x * scale) };
                };
                if paired {
                    write(2 * k, self.im[at]);
                    write(2 * k + 1, self.re[at]);
                } else {
                    write(k, self.im[at]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(n: usize, count: usize) {
        let value = |i: usize| ((i * 7919 + 13) % 1009) as f64 / 1009.0 - 0.5;
        let data: Vec<Complex<f64>> = (0..n * count).map(|i| Complex { re: value(i), im: value(i + 31) }).collect();
        let mut out = data.clone();
        let of = |v: &mut Vec<Complex<f64>>| Lines {
            start: v.as_mut_ptr().cast(),
            places: (0..count as isize).map(|l| l * n as isize).collect(),
            step: 1,
        };
        let (from, to) = (of(&mut data.clone()), of(&mut out));
        let mut held = data.clone();
        let from = Lines { start: held.as_mut_ptr().cast(), ..from };
        // SAFETY: `count` lines of n elements in both.
        unsafe { transform(Kind::Complex { inverse: false }, false, n, 1.0, &from, &to) };
        for l in 0..count {
            for k in 0..n {
                let mut sum = (0.0, 0.0);
                for t in 0..n {
                    let (c, s): (f64, f64) = plan::turn(k * t % n, n);
                    let x = data[l * n + t];
                    sum = (sum.0 + c * x.re - s * x.im, sum.1 + c * x.im + s * x.re);
                }
                let y = out[l * n + k];
                let far = (y.re - sum.0).abs().max((y.im - sum.1).abs());
                assert!(far < 1e-11 * (n as f64 + 10.0), "n = {n}, line {l}, k = {k}: {far}");
            }
        }
    }

    #[test]
    fn transforms_are_what_the_definition_says() {
        for n in (1..=64).chain([77, 97, 105, 121, 128, 210, 243, 256, 360, 509]) {
            check(n, 1);
            check(n, 3);
        }
        check(60, 37);
    }
}
