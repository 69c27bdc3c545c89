//! Resampling of images along their axes: every output place is a weighted sum of a few input places, for each axis apart.

use super::isa::{Isa, Kernel, dispatch};
use super::threads::{GRAIN, split};
use crate::attribute::{Attribute, Saved};
use crate::dtype::Num;

/// What each output place of one axis is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub input: usize,
    /// Where the taps of each output place start; one more for the end.
    starts: Vec<u32>,
    taps: Vec<(u32, f64)>,
    /// Every place is made of itself alone.
    same: bool,
    /// How many taps all places have, if they agree.
    uniform: Option<usize>,
}

impl Axis {
    /// From the taps, input place and weight, of each output place.
    pub fn new(input: usize, places: impl Iterator<Item = Vec<(u32, f64)>>) -> Axis {
        let (mut starts, mut taps) = (vec![0], Vec::new());
        for place in places {
            taps.extend(place);
            starts.push(taps.len() as u32);
        }
        Axis::of(input, starts, taps)
    }

    /// An axis of this size that stays as it is.
    pub fn identity(size: usize) -> Axis {
        Axis::new(size, (0..size as u32).map(|i| vec![(i, 1.0)]))
    }

    fn of(input: usize, starts: Vec<u32>, taps: Vec<(u32, f64)>) -> Axis {
        let counts = || starts.windows(2).map(|w| (w[1] - w[0]) as usize);
        let uniform = counts().next().filter(|&n| n > 0 && counts().all(|m| m == n));
        let same = starts.len() == input + 1
            && uniform == Some(1)
            && taps.iter().enumerate().all(|(i, tap)| *tap == (i as u32, 1.0));
        Axis { input, starts, taps, same, uniform }
    }

    pub fn output(&self) -> usize {
        self.starts.len() - 1
    }

    /// The adjoint: from the output's places to the input's.
    pub fn transposed(&self) -> Axis {
        let mut starts = vec![0u32; self.input + 1];
        self.taps.iter().for_each(|(i, _)| starts[*i as usize + 1] += 1);
        (0..self.input).for_each(|i| starts[i + 1] += starts[i]);
        let (mut next, mut taps) = (starts.clone(), vec![(0, 0.0); self.taps.len()]);
        for o in 0..self.output() {
            for &(i, weight) in self.at(o) {
                let place = &mut next[i as usize];
                taps[*place as usize] = (o as u32, weight);
                *place += 1;
            }
        }
        Axis::of(self.output(), starts, taps)
    }

    /// Where the taps of each output place begin, their input places, and the bits of their weights in f32.
    pub(crate) fn tables(&self) -> [Vec<i32>; 3] {
        let places = self.taps.iter().map(|t| t.0 as i32).collect();
        let weights = self.taps.iter().map(|t| (t.1 as f32).to_bits() as i32).collect();
        [self.starts.iter().map(|&s| s as i32).collect(), places, weights]
    }

    fn at(&self, output: usize) -> &[(u32, f64)] {
        &self.taps[self.starts[output] as usize..self.starts[output + 1] as usize]
    }
}

/// In a file: the input's size, and the taps of each place.
impl Saved for Axis {
    fn save(&self) -> Attribute {
        let ints = |all: &mut dyn Iterator<Item = u32>| Attribute::Ints(all.map(i64::from).collect());
        Attribute::List(vec![
            self.input.save(),
            ints(&mut self.starts.iter().copied()),
            ints(&mut self.taps.iter().map(|t| t.0)),
            Attribute::Floats(self.taps.iter().map(|t| t.1).collect()),
        ])
    }
    fn load(from: &Attribute) -> Option<Axis> {
        let Attribute::List(parts) = from else { return None };
        let [input, Attribute::Ints(starts), Attribute::Ints(places), Attribute::Floats(weights)] = &parts[..] else {
            return None;
        };
        let input = usize::load(input)?;
        let ordered = starts.first() == Some(&0) && starts.windows(2).all(|w| w[0] <= w[1]);
        let inside = places.iter().all(|p| (0..input as i64).contains(p)) && input <= u32::MAX as usize;
        let complete = starts.last() == Some(&(places.len() as i64)) && places.len() == weights.len();
        (ordered && inside && complete).then(|| {
            let starts = starts.iter().map(|s| *s as u32).collect();
            Axis::of(input, starts, places.iter().zip(weights).map(|(p, w)| (*p as u32, *w)).collect())
        })
    }
}

/// An axis with its weights in the type of the sums.
struct Taps<'a, T> {
    axis: &'a Axis,
    index: Vec<u32>,
    weight: Vec<T>,
}

impl<'a, T: Num> Taps<'a, T> {
    fn new(axis: &'a Axis) -> Self {
        let index = axis.taps.iter().map(|t| t.0).collect();
        Taps { axis, index, weight: axis.taps.iter().map(|t| T::of_f64(t.1)).collect() }
    }

    #[inline(always)]
    fn at(&self, output: usize) -> (&[u32], &[T]) {
        let range = self.axis.starts[output] as usize..self.axis.starts[output + 1] as usize;
        (&self.index[range.clone()], &self.weight[range])
    }
}

/// Resamples so many planes of `axes` (depth, rows, columns), all dense.
///
/// # Safety
/// `x` must hold the planes; `y` has room for those of the output, and does not overlap `x`.
pub unsafe fn resample<T: Num>(planes: usize, axes: &[Axis; 3], x: *const T, y: *mut T) {
    struct Shared<T>(*const T, *mut T);
    // SAFETY: every task writes rows of its own.
    unsafe impl<T> Sync for Shared<T> {}
    let shared = Shared(x, y);
    let taps = axes.each_ref().map(Taps::<T>::new);
    let rows = axes[0].output() * axes[1].output();
    let deep = |a: &Axis| a.taps.len().div_ceil(a.output().max(1));
    let work = axes[2].input * deep(&axes[0]) * deep(&axes[1]) + axes[2].taps.len();
    split(planes * rows, (GRAIN / work.max(1)).max(1), &|from, to| {
        let (taps, shared) = (&taps, &shared);
        dispatch(Rows { axes, taps, x: shared.0, y: shared.1, from, to });
    });
}

struct Rows<'a, T> {
    axes: &'a [Axis; 3],
    taps: &'a [Taps<'a, T>; 3],
    x: *const T,
    y: *mut T,
    from: usize,
    to: usize,
}

impl<I: Isa, T: Num> Kernel<I> for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Rows { axes: [deep, down, across], taps: [t_deep, t_down, t_across], x, y, from, to } = self;
        let (width, out_width, rows) = (across.input, across.output(), deep.output() * down.output());
        let mut buffer = vec![T::ZERO; width];
        for task in from..to {
            let (plane, row) = (task / rows, task % rows);
            let ((ds, d_weights), (rs, r_weights)) = (t_deep.at(row / down.output()), t_down.at(row % down.output()));
            // SAFETY: planes and rows that the caller of `resample` vouches for.
            unsafe {
                let line = |d: u32, r: u32| {
                    let at = ((plane * deep.input + d as usize) * down.input + r as usize) * width;
                    std::slice::from_raw_parts(x.add(at), width)
                };
                let out = std::slice::from_raw_parts_mut(y.add(task * out_width), out_width);
                let copies = ds.len() == 1 && rs.len() == 1 && d_weights[0] * r_weights[0] == T::ONE;
                if copies {
                    let line = line(ds[0], rs[0]);
                    if across.same {
                        out.copy_from_slice(line)
                    } else {
                        columns(t_across, line, out)
                    }
                    continue;
                }
                let sums: &mut [T] = if across.same { &mut *out } else { &mut buffer };
                let mut first = true;
                for (&d, &d_weight) in ds.iter().zip(d_weights) {
                    for (&r, &r_weight) in rs.iter().zip(r_weights) {
                        let weight = d_weight * r_weight;
                        let line = line(d, r);
                        if first {
                            sums.iter_mut().zip(line).for_each(|(sum, x)| *sum = weight * *x);
                        } else {
                            sums.iter_mut().zip(line).for_each(|(sum, x)| *sum = *sum + weight * *x);
                        }
                        first = false;
                    }
                }
                if first {
                    sums.fill(T::ZERO);
                }
                if !across.same {
                    columns(t_across, &buffer, out);
                }
            }
        }
    }
}

/// A row of the input becomes one of the output.
#[inline(always)]
fn columns<T: Num>(taps: &Taps<T>, line: &[T], out: &mut [T]) {
    match taps.axis.uniform {
        Some(1) => fixed::<T, 1>(taps, line, out),
        Some(2) => fixed::<T, 2>(taps, line, out),
        Some(4) => fixed::<T, 4>(taps, line, out),
        _ => {
            for (o, out) in out.iter_mut().enumerate() {
                let (index, weight) = taps.at(o);
                *out = index.iter().zip(weight).fold(T::ZERO, |sum, (i, w)| sum + *w * line[*i as usize]);
            }
        }
    }
}

#[inline(always)]
fn fixed<T: Num, const N: usize>(taps: &Taps<T>, line: &[T], out: &mut [T]) {
    let ((index, _), (weight, _)) = (taps.index.as_chunks::<N>(), taps.weight.as_chunks::<N>());
    for ((out, index), weight) in out.iter_mut().zip(index).zip(weight) {
        let mut sum = weight[0] * line[index[0] as usize];
        for k in 1..N {
            sum = sum + weight[k] * line[index[k] as usize];
        }
        *out = sum;
    }
}
