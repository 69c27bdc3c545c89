//! Bessel functions, in double precision.

use super::super::isa::Plain;
use super::{exp, log};
use std::f64::consts::PI;

fn ln(x: f64) -> f64 {
    log::log::<Plain>(x)
}
fn e(x: f64) -> f64 {
    exp::exp::<Plain>(x)
}
fn polynomial(u: f64, c: &[f64]) -> f64 {
    c.iter().rev().fold(0.0, |p, c| p.mul_add(u, *c))
}

/// √x e⁻ˣ I₀(x) in u = 16/x − 1 on [−1, 1].
const I0E: [f64; 23] = [
    0.4021765094450081,
    0.0033605519836677937,
    0.0001362160743896945,
    1.1143033797343147e-05,
    1.4838476727588697e-06,
    2.973596811825311e-07,
    8.872020174108637e-08,
    3.9328099880259107e-08,
    2.1567562970834334e-08,
    7.538861951277998e-09,
    -6.856229392006436e-09,
    -1.334140736233353e-08,
    -5.015942278418059e-09,
    7.3684709932517255e-09,
    6.5149975361183865e-09,
    -3.1780560629301296e-09,
    -4.517146515906003e-09,
    1.140538682835996e-09,
    2.1503857169411457e-09,
    -2.9652582411168223e-10,
    -6.425555583446064e-10,
    3.9452032628238997e-11,
    8.96685203285878e-11,
];
/// √x e⁻ˣ I₁(x) in u = 16/x − 1 on [−1, 1].
const I1E: [f64; 23] = [
    0.38939845902587233,
    -0.009749577193235678,
    -0.00021923576383157514,
    -1.5038547206156514e-05,
    -1.8349102435227415e-06,
    -3.4838541997702663e-07,
    -1.0001081318552443e-07,
    -4.313117303179195e-08,
    -2.3393835182998287e-08,
    -8.413686382805007e-09,
    6.847162680557588e-09,
    1.3973889240679896e-08,
    5.570712042608919e-09,
    -7.477059977688857e-09,
    -6.937580982750295e-09,
    3.130548692985738e-09,
    4.750622738369927e-09,
    -1.0951876993100823e-09,
    -2.2491651181347737e-09,
    2.797349688931387e-10,
    6.703072439962566e-10,
    -3.6844648480017595e-11,
    -9.341542089338187e-11,
];
/// √x eˣ K₀(x) in u = 4/x − 1 on [−1, 1].
const K0E: [f64; 23] = [
    1.2185953385133905,
    -0.0310714618248899,
    0.0030328918102766585,
    -0.0004797690567325673,
    9.95605473669628e-05,
    -2.4735205435168097e-05,
    7.0022464753461576e-06,
    -2.191167318782165e-06,
    7.427735023542388e-07,
    -2.6897633565979114e-07,
    1.0298515298307298e-07,
    -4.1055607026594695e-08,
    1.6957985258621973e-08,
    -8.027510054219618e-09,
    3.975449019689651e-09,
    -6.614211374135719e-10,
    -1.5263073156056371e-10,
    -1.239035505089625e-09,
    9.62399098502755e-10,
    4.4030863998865304e-10,
    -3.746717051787037e-10,
    -1.7617161339651858e-10,
    1.206556833357294e-10,
];
/// √x eˣ K₁(x) in u = 4/x − 1 on [−1, 1].
const K1E: [f64; 23] = [
    1.363151890371342,
    0.10334973775386563,
    -0.005566729880076505,
    0.0007357241548726058,
    -0.00013959021948596243,
    3.28438664858327e-05,
    -8.96120858629583e-06,
    2.7300302679774272e-06,
    -9.066991678833026e-07,
    3.2305582763842164e-07,
    -1.2207666734913496e-07,
    4.8157273935282885e-08,
    -1.96871860194937e-08,
    9.207873349565339e-09,
    -4.575595677060301e-09,
    8.04443764812099e-10,
    2.090766564822944e-10,
    1.355359977892499e-09,
    -1.108776674780643e-09,
    -4.746670752406212e-10,
    4.304356420571814e-10,
    1.92208426239297e-10,
    -1.3599957631003788e-10,
];

/// Σ z^k / (k! (k + n)!) with z = x²/4: all terms positive, so nothing is lost.
fn i_series(n: f64, z: f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 0.0);
    while term > 1e-17 * sum {
        k += 1.0;
        term *= z / (k * (k + n));
        sum += term;
    }
    sum
}

pub fn i0e(x: f64) -> f64 {
    let a = x.abs();
    if a <= 8.0 { e(-a) * i_series(0.0, 0.25 * a * a) } else { polynomial(16.0 / a - 1.0, &I0E) / a.sqrt() }
}
pub fn i1e(x: f64) -> f64 {
    let a = x.abs();
    let y = if a <= 8.0 {
        e(-a) * 0.5 * a * i_series(1.0, 0.25 * a * a)
    } else {
        polynomial(16.0 / a - 1.0, &I1E) / a.sqrt()
    };
    y.copysign(x)
}
/// The exponential in two halves: eˣ may overflow where the product does not.
pub fn i0(x: f64) -> f64 {
    let a = x.abs();
    if a <= 8.0 {
        i_series(0.0, 0.25 * a * a)
    } else {
        let half = e(0.5 * a);
        half * i0e(a) * half
    }
}
pub fn i1(x: f64) -> f64 {
    let a = x.abs();
    if a <= 8.0 {
        0.5 * x * i_series(1.0, 0.25 * a * a)
    } else {
        let half = e(0.5 * a);
        half * i1e(x) * half
    }
}

const EULER: f64 = 0.577_215_664_901_532_9;

/// K₀ and K₁ for 0 < x ≤ 2 by their logarithmic series.
fn k_small(x: f64) -> (f64, f64) {
    let z = 0.25 * x * x;
    let log = ln(0.5 * x);
    // ψ(k+1) = −γ + H_k
    let (mut k0, mut k1) = (0.0, 0.0);
    let (mut t0, mut t1, mut psi) = (1.0, 1.0, -EULER);
    for k in 0..40 {
        let n = k as f64 + 1.0;
        k0 += t0 * (psi - log);
        k1 += t1 * (log - 0.5 * (psi + psi + 1.0 / n));
        if t0 < 1e-19 {
            break;
        }
        t0 *= z / (n * n);
        t1 *= z / (n * (n + 1.0));
        psi += 1.0 / n;
    }
    (k0, 1.0 / x + 0.5 * x * k1)
}

/// What K is outside its domain: ∞ at 0, NaN below.
fn k_edge(x: f64) -> Option<f64> {
    if x > 0.0 { None } else { Some(if x == 0.0 { f64::INFINITY } else { f64::NAN }) }
}
macro_rules! k {
    ($name:ident, $scaled:ident, $part:tt, $table:ident) => {
        pub fn $name(x: f64) -> f64 {
            if let Some(edge) = k_edge(x) {
                edge
            } else if x <= 2.0 {
                k_small(x).$part
            } else {
                e(-x) * polynomial(4.0 / x - 1.0, &$table) / x.sqrt()
            }
        }
        pub fn $scaled(x: f64) -> f64 {
            if let Some(edge) = k_edge(x) {
                edge
            } else if x <= 2.0 {
                e(x) * k_small(x).$part
            } else {
                polynomial(4.0 / x - 1.0, &$table) / x.sqrt()
            }
        }
    };
}
k!(k0, k0e, 0, K0E);
k!(k1, k1e, 1, K1E);

pub fn j0(x: f64) -> f64 {
    libm::j0(x)
}
pub fn j1(x: f64) -> f64 {
    libm::j1(x)
}
pub fn y0(x: f64) -> f64 {
    libm::y0(x)
}
pub fn y1(x: f64) -> f64 {
    libm::y1(x)
}

pub fn spherical_j0(x: f64) -> f64 {
    if x.is_infinite() {
        0.0
    } else if x.abs() < 1e-4 {
        1.0 - x * x / 6.0
    } else {
        x.sin() / x
    }
}

/// A sum of two doubles: some 106 bits, for series that cancel.
#[derive(Clone, Copy)]
struct Pair(f64, f64);
impl Pair {
    fn add(self, o: Pair) -> Pair {
        let s = self.0 + o.0;
        let b = s - self.0;
        let low = (self.0 - (s - b)) + (o.0 - b) + self.1 + o.1;
        let high = s + low;
        Pair(high, low - (high - s))
    }
    fn mul(self, o: Pair) -> Pair {
        let (p, low) = super::bits::two_product::<Plain>(self.0, o.0);
        let low = low + self.0 * o.1 + self.1 * o.0;
        let high = p + low;
        Pair(high, low - (high - p))
    }
    fn div(self, d: f64) -> Pair {
        let q = self.0 / d;
        let (p, low) = super::bits::two_product::<Plain>(q, d);
        let r = ((self.0 - p) - low + self.1) / d;
        let high = q + r;
        Pair(high, r - (high - q))
    }
}

/// Ai(x). Right of 1 by K_⅓ (an integral that the trapezoidal rule gives to all digits), between −9 and 1 by its Taylor series
/// in pairs of doubles, left of that by its asymptotic series.
pub fn airy_ai(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 1.0 {
        // Ai(x) = √(x/3) K_⅓(ζ) / π, ζ = ⅔ x^{3/2}; K_ν(ζ) = e^{−ζ} ∫₀^∞ exp(−ζ (cosh t − 1)) cosh(νt) dt.
        if x > 110.0 {
            return 0.0;
        }
        let zeta = 2.0 / 3.0 * x * x.sqrt();
        let step = 0.2 / (1.0 + zeta.sqrt()).min(8.0);
        let (mut sum, mut t) = (0.5, step);
        loop {
            let s = (0.5 * t).sinh();
            let term = (-2.0 * zeta * s * s).exp() * (t / 3.0).cosh();
            sum += term;
            if term < 1e-18 * sum {
                break;
            }
            t += step;
        }
        return (x / 3.0).sqrt() / PI * (-zeta).exp() * sum * step;
    }
    if x >= -9.0 {
        let cube = Pair(x, 0.0).mul(Pair(x, 0.0)).mul(Pair(x, 0.0));
        // f = Σ x^{3k}/(2·3·5·6…), g = x Σ x^{3k}/(3·4·6·7…).
        let (mut f, mut g) = (Pair(1.0, 0.0), Pair(x, 0.0));
        let (mut s, mut t) = (f, g);
        for k in 1..200 {
            let n = 3.0 * k as f64;
            s = s.mul(cube).div(n * (n - 1.0));
            t = t.mul(cube).div(n * (n + 1.0));
            f = f.add(s);
            g = g.add(t);
            if s.0.abs() < 1e-34 && t.0.abs() < 1e-34 {
                break;
            }
        }
        let (a, b) = (Pair(0.3550280538878172, AI0_LOW), Pair(-0.2588194037928068, AI1_LOW));
        let y = a.mul(f).add(b.mul(g));
        return y.0 + y.1;
    }
    // Ai(−z) = (cos(ζ − π/4) P + sin(ζ − π/4) Q) / (√π z^{1/4}).
    if x == f64::NEG_INFINITY {
        return 0.0;
    }
    let z = -x;
    let zeta = 2.0 / 3.0 * z * z.sqrt();
    let (mut p, mut q, mut term) = (1.0, 0.0, 1.0);
    for k in 0..40 {
        let n = k as f64;
        let next = term * (6.0 * n + 1.0) * (6.0 * n + 5.0) / (72.0 * (n + 1.0) * zeta);
        if next > term || next < 1e-18 {
            break;
        }
        term = next;
        match k % 4 {
            0 => q += term,
            1 => p -= term,
            2 => q -= term,
            _ => p += term,
        }
    }
    let (s, c) = (zeta - PI / 4.0).sin_cos();
    (c * p + s * q) / (PI.sqrt() * z.sqrt().sqrt())
}
const AI0_LOW: f64 = 2.05233632436212e-17;
const AI1_LOW: f64 = 2.522243111610832e-17;
