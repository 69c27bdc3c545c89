//! Sampling of images at the places of a grid, in two or three dimensions.
//!
//! For every axis of a place there are a few taps: an input index, a weight, and the weight's slope in the coordinate. The taps of
//! a place are all combinations; a combination with an index outside the image counts nothing.

use super::recurrent::Real as Float;
use super::threads::{GRAIN, split};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Linear,
    Nearest,
    /// In two dimensions.
    Cubic,
}

/// What lies outside of the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outside {
    Zeros,
    Border,
    Reflection,
}

crate::saved_names! {
    Mode { Linear, Nearest, Cubic }
    Outside { Zeros, Border, Reflection }
}

/// f32 and f64.
pub trait Real: Float + PartialOrd + std::ops::Div<Output = Self> + std::ops::Rem<Output = Self> {
    fn floor(self) -> Self;
    fn round_even(self) -> Self;
    /// Saturating; NaN is 0.
    fn whole(self) -> i64;
}
macro_rules! real {
    ($($t:ty),*) => {$(
        impl Real for $t {
            fn floor(self) -> $t { <$t>::floor(self) }
            fn round_even(self) -> $t { <$t>::round_ties_even(self) }
            fn whole(self) -> i64 { self as i64 }
        }
    )*};
}
real!(f32, f64);

/// All arrays are dense: images `[batch, channels, sizes]`, the grid `[batch, places, dims]` with coordinates from the last axis
/// to the first.
#[derive(Clone, Copy)]
pub struct Problem<'a, T> {
    pub mode: Mode,
    pub outside: Outside,
    pub align: bool,
    pub batch: usize,
    pub channels: usize,
    /// Two or three.
    pub sizes: &'a [usize],
    pub places: usize,
    pub x: *const T,
    pub grid: *const T,
}

// SAFETY: pointers to what callers vouch for; tasks write to places of their own.
unsafe impl<T> Sync for Problem<'_, T> {}

/// Most taps on an axis.
const MOST: usize = 4;
/// Places that a task expands at a time.
const BLOCK: usize = 64;

#[derive(Clone, Copy)]
struct Tap<T> {
    /// −1 outside.
    index: i64,
    weight: T,
    slope: T,
}

/// All taps of a place: where in the plane, the weight, its slopes along the axes.
struct Place<T> {
    taps: [(usize, T, [T; 3]); 16],
    count: usize,
}

impl<T: Real> Problem<'_, T> {
    fn plane(&self) -> usize {
        self.sizes.iter().product()
    }

    /// A coordinate from −1 to 1 in input places, and its slope.
    fn denormalised(&self, x: T, size: usize) -> (T, T) {
        let (n, half) = (T::of_f64(size as f64), T::of_f64(0.5));
        match self.align {
            true => ((x + T::ONE) * half * (n - T::ONE), half * (n - T::ONE)),
            false => (((x + T::ONE) * n - T::ONE) * half, half * n),
        }
    }

    /// A place as it is folded into the image, and the slope of that.
    fn folded(&self, x: T, size: usize) -> (T, T) {
        match self.outside {
            Outside::Zeros => (x, T::ONE),
            Outside::Border => clipped(x, size),
            Outside::Reflection => {
                let (low, high) = if self.align { (0.0, size as f64 - 1.0) } else { (-0.5, size as f64 - 0.5) };
                let span = high - low;
                if span == 0.0 {
                    return (T::ZERO, T::ZERO);
                }
                let (low, span) = (T::of_f64(low), T::of_f64(span));
                let (from, sign) = if x < low { (low - x, -T::ONE) } else { (x - low, T::ONE) };
                let extra = from % span;
                let even = ((from - extra) / span).round_even().whole() % 2 == 0;
                let (x, sign) = if even { (low + extra, sign) } else { (low + span - extra, -sign) };
                let (x, inside) = clipped(x, size);
                (x, inside * sign)
            }
        }
    }

    /// The taps of one coordinate.
    fn axis(&self, x: T, size: usize) -> ([Tap<T>; MOST], usize) {
        let none = Tap { index: -1, weight: T::ZERO, slope: T::ZERO };
        let mut taps = [none; MOST];
        let within = |x: T| if x >= T::ZERO && x < T::of_f64(size as f64) { x.whole() } else { -1 };
        let (x, scale) = self.denormalised(x, size);
        if self.mode == Mode::Cubic {
            // Every tap is folded by itself.
            let low = x.floor();
            let (weights, slopes) = cubic(x - low);
            for k in 0..4 {
                let at = self.folded(low + T::of_f64(k as f64 - 1.0), size).0;
                // Reflected places are whole but for rounding.
                taps[k] = Tap { index: within(at.round_even()), weight: weights[k], slope: slopes[k] * scale };
            }
            return (taps, 4);
        }
        let (x, fold) = self.folded(x, size);
        if self.mode == Mode::Nearest {
            taps[0] = Tap { index: within(x.round_even()), weight: T::ONE, slope: T::ZERO };
            return (taps, 1);
        }
        let (low, slope) = (x.floor(), scale * fold);
        let t = x - low;
        taps[0] = Tap { index: within(low), weight: T::ONE - t, slope: -slope };
        taps[1] = Tap { index: within(low + T::ONE), weight: t, slope };
        (taps, 2)
    }

    /// All taps of place `p` of image `n`.
    ///
    /// # Safety
    /// The grid has it.
    unsafe fn place(&self, n: usize, p: usize) -> Place<T> {
        let dims = self.sizes.len();
        let none = [Tap { index: -1, weight: T::ZERO, slope: T::ZERO }; MOST];
        let mut axes = [(none, 1); 3];
        for (d, axis) in axes.iter_mut().enumerate().take(dims) {
            // SAFETY: the caller's promise.
            let x = unsafe { *self.grid.add((n * self.places + p) * dims + dims - 1 - d) };
            *axis = self.axis(x, self.sizes[d]);
        }
        if dims == 2 {
            axes[2] = ([Tap { index: 0, weight: T::ONE, slope: T::ZERO }; MOST], 1);
        }
        let mut all = Place { taps: [(0, T::ZERO, [T::ZERO; 3]); 16], count: 0 };
        let last = if dims == 3 { self.sizes[2] } else { 1 };
        for a in &axes[0].0[..axes[0].1] {
            for b in &axes[1].0[..axes[1].1] {
                for c in &axes[2].0[..axes[2].1] {
                    if a.index < 0 || b.index < 0 || c.index < 0 {
                        continue;
                    }
                    let at = (a.index as usize * self.sizes[1] + b.index as usize) * last + c.index as usize;
                    let weight = a.weight * b.weight * c.weight;
                    let slopes =
                        [a.slope * b.weight * c.weight, a.weight * b.slope * c.weight, a.weight * b.weight * c.slope];
                    all.taps[all.count] = (at, weight, slopes);
                    all.count += 1;
                }
            }
        }
        all
    }

    fn taps(&self) -> usize {
        match (self.mode, self.sizes.len()) {
            (Mode::Nearest, _) => 1,
            (Mode::Cubic, _) => 16,
            (_, dims) => 1 << dims,
        }
    }
}

/// Into the image, and whether it lies inside: the border counts as outside.
fn clipped<T: Real>(x: T, size: usize) -> (T, T) {
    let last = T::of_f64(size as f64 - 1.0);
    match x {
        x if x >= last => (last, T::ZERO),
        x if x > T::ZERO => (x, T::ONE),
        // NaN, too.
        _ => (T::ZERO, T::ZERO),
    }
}

/// Weights of four taps and their slopes, for a place `t` beyond the second.
fn cubic<T: Real>(t: T) -> ([T; 4], [T; 4]) {
    let c = |x: f64| T::of_f64(x);
    let a = c(-0.75);
    let near = |x: T| ((a + c(2.0)) * x - (a + c(3.0))) * x * x + T::ONE;
    let far = |x: T| ((a * x - c(5.0) * a) * x + c(8.0) * a) * x - c(4.0) * a;
    let near_slope = |x: T| (c(3.0) * (a + c(2.0)) * x - c(2.0) * (a + c(3.0))) * x;
    let far_slope = |x: T| (c(3.0) * a * x - c(10.0) * a) * x + c(8.0) * a;
    let one = T::ONE;
    let weights = [far(t + one), near(t), near(one - t), far(c(2.0) - t)];
    (weights, [far_slope(t + one), near_slope(t), -near_slope(one - t), -far_slope(c(2.0) - t)])
}

/// `y`, dense `[batch, channels, places]`.
///
/// # Safety
/// Pointers must be valid for the sizes; `y` overlaps nothing.
pub unsafe fn forward<T: Real>(p: &Problem<T>, y: *mut T) {
    struct To<T>(*mut T);
    // SAFETY: every task writes places of its own.
    unsafe impl<T> Sync for To<T> {}
    let (to, blocks) = (To(y), p.places.div_ceil(BLOCK));
    let work = BLOCK * (p.channels + 8) * p.taps();
    split(p.batch * blocks, (GRAIN / work.max(1)).max(1), &|from, until| {
        let to = &to;
        for task in from..until {
            let (n, first) = (task / blocks, task % blocks * BLOCK);
            let count = BLOCK.min(p.places - first);
            // SAFETY: the caller's promise.
            unsafe {
                let places: Vec<Place<T>> = (0..count).map(|i| p.place(n, first + i)).collect();
                for c in 0..p.channels {
                    let x = p.x.add((n * p.channels + c) * p.plane());
                    let to = to.0.add((n * p.channels + c) * p.places + first);
                    for (i, place) in places.iter().enumerate() {
                        let taps = &place.taps[..place.count];
                        *to.add(i) = taps.iter().fold(T::ZERO, |sum, (at, weight, _)| sum + *weight * *x.add(*at));
                    }
                }
            }
        }
    });
}

/// Adds to the gradient of the images, dense and cleared, what comes back as `g`, `[batch, channels, places]`.
///
/// # Safety
/// As for `forward`.
pub unsafe fn backward_images<T: Real>(p: &Problem<T>, g: *const T, dx: *mut T) {
    /// Channels of a task, for which places are expanded again.
    const CHANNELS: usize = 16;
    struct Both<T>(*const T, *mut T);
    // SAFETY: every task writes channels of its own.
    unsafe impl<T> Sync for Both<T> {}
    let (both, blocks) = (Both(g, dx), p.channels.div_ceil(CHANNELS));
    let work = p.places * p.channels.min(CHANNELS) * p.taps();
    split(p.batch * blocks, (GRAIN / work.max(1)).max(1), &|from, until| {
        let both = &both;
        for task in from..until {
            let (n, first) = (task / blocks, task % blocks * CHANNELS);
            for i in 0..p.places {
                // SAFETY: the caller's promise.
                unsafe {
                    let place = p.place(n, i);
                    for c in first..p.channels.min(first + CHANNELS) {
                        let g = *both.0.add((n * p.channels + c) * p.places + i);
                        let to = both.1.add((n * p.channels + c) * p.plane());
                        place.taps[..place.count].iter().for_each(|(at, weight, _)| *to.add(*at) += *weight * g);
                    }
                }
            }
        }
    });
}

/// Writes the gradient of the grid.
///
/// # Safety
/// As for `forward`.
pub unsafe fn backward_grid<T: Real>(p: &Problem<T>, g: *const T, dgrid: *mut T) {
    struct Both<T>(*const T, *mut T);
    // SAFETY: every task writes places of its own.
    unsafe impl<T> Sync for Both<T> {}
    let (both, dims) = (Both(g, dgrid), p.sizes.len());
    let work = (p.channels + 8) * p.taps();
    split(p.batch * p.places, (GRAIN / work.max(1)).max(1), &|from, until| {
        let both = &both;
        for task in from..until {
            let (n, i) = (task / p.places, task % p.places);
            // SAFETY: the caller's promise.
            unsafe {
                let place = p.place(n, i);
                let mut sums = [T::ZERO; 3];
                for c in 0..p.channels {
                    let g = *both.0.add((n * p.channels + c) * p.places + i);
                    let x = p.x.add((n * p.channels + c) * p.plane());
                    for (at, _, slopes) in &place.taps[..place.count] {
                        let by = g * *x.add(*at);
                        sums.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += by * *slope);
                    }
                }
                (0..dims).for_each(|d| *both.1.add(task * dims + dims - 1 - d) = sums[d]);
            }
        }
    });
}
