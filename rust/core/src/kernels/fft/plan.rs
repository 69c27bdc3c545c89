//! What a transform of one length needs to know; made once and kept.

use super::pass::{Pass, Real};
use crate::kernels::isa;
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub struct Plan<T> {
    pub n: usize,
    passes: Vec<Stage<T>>,
    chirp: Option<Chirp<T>>,
}

struct Stage<T> {
    radix: usize,
    m: usize,
    turns: Vec<T>,
    roots: Vec<(T, T)>,
}

/// Bluestein's way: a transform as a convolution with e^(iπk²/n), by transforms of a power of two.
struct Chirp<T> {
    inner: Arc<Plan<T>>,
    /// e^(−iπk²/n)
    turns: Vec<(T, T)>,
    /// The transform of its conjugate, wrapped around, divided by its length.
    filter: Vec<(T, T)>,
}

/// e^(−2πi·k/n), exact where it can be.
pub fn turn<T: Real>(k: usize, n: usize) -> (T, T) {
    // Angles up to an eighth of a circle keep all of their accuracy.
    let (k, n) = (k as u128 % n as u128, n as u128);
    let octant = (8 * k / n) as usize;
    let angle = |part: u128| 2.0 * std::f64::consts::PI * part as f64 / (8 * n) as f64;
    let rest = 8 * k - octant as u128 * n;
    let (c, s) = if octant.is_multiple_of(2) {
        let a = angle(rest);
        (a.cos(), a.sin())
    } else {
        let a = angle(n - rest);
        (a.sin(), a.cos())
    };
    // (cos, sin) of the angle within its quarter; quarters turn by 90°.
    let (c, s) = match octant / 2 {
        0 => (c, s),
        1 => (-s, c),
        2 => (-c, -s),
        _ => (s, -c),
    };
    (T::of_f64(c), T::of_f64(-s))
}

/// The radices of a length, if there are no others in it.
fn radices(mut n: usize) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for radix in [4, 2, 3, 5, 7] {
        while n > 1 && n.is_multiple_of(radix) {
            all.push(radix);
            n /= radix;
        }
    }
    (n == 1).then_some(all)
}

pub fn is_smooth(n: usize) -> bool {
    radices(n).is_some()
}

/// The plan of a length. Those that were made are kept, up to a number and a size.
pub fn plan<T: Real>(n: usize) -> Arc<Plan<T>> {
    type Kept = HashMap<(usize, usize), Arc<dyn Any + Send + Sync>>;
    static PLANS: Mutex<Option<Kept>> = Mutex::new(None);
    let key = (n, size_of::<T>());
    let kept =
        |f: &mut dyn FnMut(&mut Kept)| f(PLANS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default());
    let mut found = None;
    kept(&mut |plans| found = plans.get(&key).cloned());
    if let Some(plan) = found.and_then(|plan| plan.downcast::<Plan<T>>().ok()) {
        return plan;
    }
    let plan = Arc::new(Plan::new(n));
    if n <= 1 << 20 {
        kept(&mut |plans| {
            if plans.len() >= 64 {
                plans.clear();
            }
            plans.insert(key, plan.clone());
        });
    }
    plan
}

impl<T: Real> Plan<T> {
    fn new(n: usize) -> Plan<T> {
        match radices(n) {
            Some(radices) => Plan { n, passes: stages(n, &radices), chirp: None },
            None => Plan { n, passes: Vec::new(), chirp: Some(Chirp::new(n)) },
        }
    }

    /// The length of the convolution, if there is one.
    pub fn chirp_length(&self) -> usize {
        self.chirp.as_ref().map_or(0, |chirp| chirp.inner.n)
    }

    /// Transforms `wide` lines side by side. All four slices are of one length; the others are room to work in.
    pub fn run(&self, wide: usize, re: &mut [T], im: &mut [T], a: &mut [T], b: &mut [T], room: &mut [Vec<T>; 4]) {
        if let Some(chirp) = &self.chirp {
            return chirp.run(self.n, wide, re, im, room);
        }
        let (mut s, mut here) = (wide, true);
        for stage in &self.passes {
            let (from, to) = if here { ((&*re, &*im), (&mut *a, &mut *b)) } else { ((&*a, &*b), (&mut *re, &mut *im)) };
            let Stage { radix, m, turns, roots } = stage;
            isa::dispatch(Pass { radix: *radix, m: *m, s, turns, roots, from, to });
            s *= radix;
            here = !here;
        }
        if !here {
            re.copy_from_slice(a);
            im.copy_from_slice(b);
        }
    }
}

fn stages<T: Real>(n: usize, radices: &[usize]) -> Vec<Stage<T>> {
    let mut left = n;
    let stage = |&radix: &usize| {
        let m = left / radix;
        let mut turns = Vec::with_capacity(2 * m * (radix - 1));
        for p in 0..m {
            for k in 1..radix {
                let (c, s) = turn::<T>(p * k, left);
                turns.extend([c, s]);
            }
        }
        left = m;
        let roots = (0..radix).map(|j| turn(j, radix)).map(|(c, s): (T, T)| (c, T::ZERO - s)).collect();
        Stage { radix, m, turns, roots }
    };
    radices.iter().map(stage).collect()
}

impl<T: Real> Chirp<T> {
    fn new(n: usize) -> Chirp<T> {
        let length = (2 * n - 1).next_power_of_two();
        let inner = plan::<T>(length);
        let turns: Vec<(T, T)> =
            (0..n).map(|k| turn((k as u128 * k as u128 % (2 * n as u128)) as usize, 2 * n)).collect();
        let (mut re, mut im) = (vec![T::ZERO; length], vec![T::ZERO; length]);
        for (k, &(c, s)) in turns.iter().enumerate() {
            for at in [k, (length - k) % length] {
                (re[at], im[at]) = (c, T::ZERO - s);
            }
        }
        let (mut a, mut b) = (vec![T::ZERO; length], vec![T::ZERO; length]);
        inner.run(1, &mut re, &mut im, &mut a, &mut b, &mut Default::default());
        let scale = T::of_f64(1.0 / length as f64);
        let filter = re.iter().zip(&im).map(|(&re, &im)| (re * scale, im * scale)).collect();
        Chirp { inner, turns, filter }
    }

    fn run(&self, n: usize, wide: usize, re: &mut [T], im: &mut [T], room: &mut [Vec<T>; 4]) {
        let length = self.inner.n * wide;
        let [x, y, a, b] = room;
        let (x, y, a, b) = (&mut x[..length], &mut y[..length], &mut a[..length], &mut b[..length]);
        let times = |(p, q): (T, T), (c, s): (T, T)| (p * c - q * s, p * s + q * c);
        for at in 0..n * wide {
            (x[at], y[at]) = times((re[at], im[at]), self.turns[at / wide]);
        }
        x[n * wide..].fill(T::ZERO);
        y[n * wide..].fill(T::ZERO);
        self.inner.run(wide, x, y, a, b, &mut Default::default());
        for at in 0..length {
            (x[at], y[at]) = times((x[at], y[at]), self.filter[at / wide]);
        }
        // Parts exchanged, a transform is its inverse.
        self.inner.run(wide, y, x, a, b, &mut Default::default());
        for at in 0..n * wide {
            (re[at], im[at]) = times((x[at], y[at]), self.turns[at / wide]);
        }
    }
}
