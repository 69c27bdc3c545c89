//! The gamma function and its kin, in double precision.

use super::super::isa::Plain;
use super::trig::sinpi;
use super::{exp, log};
use std::f64::consts::PI;

/// B₂ₖ / (2k)!, for Euler and Maclaurin's sum.
const BERNOULLI: [f64; 12] = [
    8.333333333333333e-2,
    -1.3888888888888889e-3,
    3.3068783068783071e-5,
    -8.267195767195768e-7,
    2.08767569878681e-8,
    -5.284190138687493e-10,
    1.3382536530684679e-11,
    -3.3896802963225827e-13,
    8.586062056277845e-15,
    -2.174868698558062e-16,
    5.509002828360229e-18,
    -1.3954464685812522e-19,
];

fn ln(x: f64) -> f64 {
    log::log::<Plain>(x)
}

/// log |Γ(x)|; +∞ at the poles.
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// ψ(x). Shifted up to 10, then its asymptotic series; reflected below 0. NaN at the negative integers, ∓∞ at ±0.
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY.copysign(-x);
    }
    if x < 0.0 {
        if x == x.trunc() {
            return f64::NAN;
        }
        // ψ(x) = ψ(1 − x) − π / tan(πx), the tangent of the fraction alone.
        let r = x - x.round_ties_even();
        return digamma(1.0 - x) - PI / (PI * r).tan();
    }
    // Near its zero ψ loses all digits: a Taylor series there.
    const ZERO: f64 = 1.461_632_144_968_362_3;
    const ZERO_LOW: f64 = 9.549_995_429_965_697e-17;
    let d = (x - ZERO) - ZERO_LOW;
    if d.abs() < 0.1 {
        return d * TAYLOR_AT_ZERO.iter().rev().fold(0.0, |p, c| p * d + c);
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum += 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    const C: [f64; 8] = [
        8.333333333333333e-2,
        -8.333333333333333e-3,
        3.968253968253968e-3,
        -4.166666666666667e-3,
        7.575757575757576e-3,
        -2.109279609279609e-2,
        8.333333333333333e-2,
        -0.4432598039215686,
    ];
    let tail = z * C.iter().rev().fold(0.0, |p, c| p * z + c);
    (ln(x) - 0.5 / x - tail) - sum
}

/// ψ⁽ⁿ⁾(x₀) / n! at the zero of ψ, n = 1, 2, …
const TAYLOR_AT_ZERO: [f64; 15] = [
    0.9676722454476212,
    -0.4427631689835921,
    0.258499760955651,
    -0.16394270544240652,
    0.10782405069126237,
    -0.07219956125645471,
    0.04880428816414311,
    -0.03316112647484736,
    0.022597648232218104,
    -0.01542476590494896,
    0.010538791616612175,
    -0.007204534386356869,
    0.004926781395729853,
    -0.003369801655439328,
    0.002305126326734928,
];

/// ψ′(x); reflected below ½.
pub fn trigamma(x: f64) -> f64 {
    if x < 0.5 {
        if x == x.trunc() {
            return f64::INFINITY;
        }
        let s = sinpi::<Plain>(x);
        return -trigamma(1.0 - x) + (PI / s) * (PI / s);
    }
    zeta(2.0, x)
}

/// ψ⁽ⁿ⁾(x) = (−1)ⁿ⁺¹ n! ζ(n + 1, x).
pub fn polygamma(n: i64, x: f64) -> f64 {
    match n {
        0 => digamma(x),
        1 => trigamma(x),
        _ => {
            let sign = if n % 2 == 0 { -1.0 } else { 1.0 };
            let order = n as f64 + 1.0;
            sign * lgamma(order).exp() * zeta(order, x)
        }
    }
}

/// Σ (k + q)⁻ˣ by Euler and Maclaurin. Poles at the integers q ≤ 0; below 0 only whole x have a real sum.
pub fn zeta(x: f64, q: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    if !(x > 1.0) || q.is_nan() {
        return f64::NAN;
    }
    if q <= 0.0 {
        if q == q.floor() {
            return f64::INFINITY;
        }
        if x != x.floor() {
            return f64::NAN;
        }
    }
    let (mut sum, mut a, mut term) = (q.powf(-x), q, 0.0);
    let mut steps = 0;
    while steps < 9 || a <= 9.0 {
        steps += 1;
        a += 1.0;
        term = a.powf(-x);
        sum += term;
        if a > 0.0 && (term / sum).abs() < 1e-17 {
            return sum;
        }
    }
    sum += term * a / (x - 1.0) - 0.5 * term;
    let mut factor = x;
    for (k, b) in BERNOULLI.iter().enumerate() {
        term /= a;
        let t = b * factor * term;
        sum += t;
        if (t / sum).abs() < 1e-17 {
            break;
        }
        let k = 2.0 * k as f64;
        factor *= (x + k + 1.0) * (x + k + 2.0);
        term /= a;
    }
    sum
}

/// log(1 + u) − u, with the digits that the difference would lose.
fn log1p_minus(u: f64) -> f64 {
    if u.abs() > 0.4 {
        return log::log1p::<Plain>(u) - u;
    }
    let (mut sum, mut power) = (0.0, -u);
    for n in 2..200 {
        power *= -u;
        let term = power / n as f64;
        sum -= term;
        if term.abs() <= 1e-17 * f64::abs(sum) {
            break;
        }
    }
    sum
}

/// xᵃ e⁻ˣ / Γ(a + 1).
fn poisson_density(a: f64, x: f64) -> f64 {
    if a < 10.0 {
        return exp::exp::<Plain>(a * ln(x) - x - lgamma(a + 1.0));
    }
    // Γ(a + 1) = √(2πa) (a/e)ᵃ e^δ with Stirling's δ; the rest is a·(log λ − λ + 1) with λ = x / a.
    let z = 1.0 / (a * a);
    let stirling = (((-5.952380952380953e-4 * z + 7.936507936507937e-4) * z - 2.777777777777778e-3) * z
        + 8.333333333333333e-2)
        / a;
    let stirling = stirling + 8.417508417508417e-4 * z * z * z * z / a;
    exp::exp::<Plain>(a * log1p_minus((x - a) / a) - stirling) / (2.0 * PI * a).sqrt()
}

/// The sum of x^k / ((a+1)…(a+k)), times the density: P(a, x).
fn lower_series(a: f64, x: f64) -> f64 {
    let (mut sum, mut term, mut n) = (1.0, 1.0, a);
    for _ in 0..1_000_000 {
        n += 1.0;
        term *= x / n;
        sum += term;
        if term <= 1e-17 * sum {
            break;
        }
    }
    sum * poisson_density(a, x)
}

/// Legendre's continued fraction (by Lentz), times the density: Q(a, x).
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..1_000_000 {
        let i = i as f64;
        let an = -i * (i - a);
        b += 2.0;
        let nonzero = |x: f64| if x.abs() < 1e-300 { 1e-300 } else { x };
        d = 1.0 / nonzero(an * d + b);
        c = nonzero(b + an / c);
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() <= 2e-16 {
            break;
        }
    }
    h * a * poisson_density(a, x)
}

/// Q(a, x) for a < 1 and small x, where the fraction is slow: 1 − P with the digits kept.
fn upper_small(a: f64, x: f64) -> f64 {
    // 1 − xᵃ/Γ(1+a), then minus the alternating rest of the series.
    let log_power = a * ln(x) - lgamma(a + 1.0);
    let (mut sum, mut factor) = (0.0, 1.0);
    for n in 1..500 {
        let n = n as f64;
        factor *= -x / n;
        let term = factor / (a + n);
        sum += term;
        if term.abs() <= 1e-17 * f64::abs(sum) {
            break;
        }
    }
    -log_power.exp_m1() - log_power.exp() * a * sum
}

/// P and Q at the edges of their domain, or None inside it. `limits` are the values at x = 0 and x = ∞.
fn igamma_edges(a: f64, x: f64, limits: (f64, f64)) -> Option<f64> {
    let (at_zero, at_infinity) = limits;
    Some(if a.is_nan() || x.is_nan() || x < 0.0 || a < 0.0 {
        f64::NAN
    } else if a == 0.0 {
        if x > 0.0 { at_infinity } else { f64::NAN }
    } else if x == 0.0 {
        at_zero
    } else if a.is_infinite() {
        if x.is_infinite() { f64::NAN } else { at_zero }
    } else if x.is_infinite() {
        at_infinity
    } else {
        return None;
    })
}

/// P(a, x).
pub fn igamma(a: f64, x: f64) -> f64 {
    if let Some(edge) = igamma_edges(a, x, (0.0, 1.0)) {
        return edge;
    }
    if x > 1.0 && x > a { 1.0 - igammac(a, x) } else { lower_series(a, x) }
}

/// Q(a, x).
pub fn igammac(a: f64, x: f64) -> f64 {
    if let Some(edge) = igamma_edges(a, x, (1.0, 0.0)) {
        return edge;
    }
    if x <= 1.1 && a < 1.0 {
        upper_small(a, x)
    } else if x < a + 1.0 && a > 1.0 {
        1.0 - lower_series(a, x)
    } else {
        upper_fraction(a, x)
    }
}
