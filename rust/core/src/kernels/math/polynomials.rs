//! Orthogonal polynomials of an integer degree, by their recurrences; Chebyshev's by angles where those are exact.

/// Which family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Chebyshev's, of the first to the fourth kind.
    T,
    U,
    V,
    W,
    /// Hermite's, as physicists and as probabilists have them.
    H,
    He,
    /// Laguerre's.
    L,
    /// Legendre's.
    P,
}

crate::saved_names! {
    Family { T, U, V, W, H, He, L, P }
}

/// Beyond this degree no recurrence has a digit left.
const HIGHEST: f64 = 1e6;

/// The polynomial of degree ⌊n⌋ at x; 0 for a negative degree.
#[inline(never)]
pub fn polynomial(family: Family, x: f64, n: f64) -> f64 {
    let n = n.trunc();
    if n.is_nan() || x.is_nan() {
        return f64::NAN;
    } else if n < 0.0 {
        return 0.0;
    } else if n == 0.0 {
        return 1.0;
    }
    match family {
        Family::T | Family::U | Family::V | Family::W => chebyshev(family, x, n),
        _ if n > HIGHEST => f64::NAN,
        Family::H => recur(n, 1.0, x + x, |k, p, q| (x + x) * q - (k + k) * p),
        Family::He => recur(n, 1.0, x, |k, p, q| x * q - k * p),
        Family::L => recur(n, 1.0, 1.0 - x, |k, p, q| ((k + k + (1.0 - x)) * q - k * p) / (k + 1.0)),
        Family::P if x.abs() == 1.0 => sign(x, n),
        Family::P => recur(n, 1.0, x, |k, p, q| ((k + k + 1.0) * x * q - k * p) / (k + 1.0)),
    }
}

/// ±1: the sign of xⁿ.
fn sign(x: f64, n: f64) -> f64 {
    if x > 0.0 || n % 2.0 == 0.0 { 1.0 } else { -1.0 }
}

/// The polynomial of degree n from those of degrees 0 and 1, each of degree k + 1 from the two before it.
fn recur(n: f64, zero: f64, one: f64, next: impl Fn(f64, f64, f64) -> f64) -> f64 {
    let (mut p, mut q, mut k) = (zero, one, 1.0);
    while k < n && !q.is_nan() {
        (p, q) = (q, next(k, p, q));
        k += 1.0;
    }
    q
}

fn chebyshev(family: Family, x: f64, n: f64) -> f64 {
    let odd = n + n + 1.0;
    if x.abs() == 1.0 {
        return match family {
            Family::T => sign(x, n),
            Family::U => sign(x, n) * (n + 1.0),
            Family::V => {
                if x > 0.0 {
                    1.0
                } else {
                    sign(x, n) * odd
                }
            }
            _ => {
                if x > 0.0 {
                    odd
                } else {
                    sign(x, n)
                }
            }
        };
    }
    if x.abs() < 1.0 && n > 8.0 {
        let angle = x.acos();
        let half = (n + 0.5) * angle;
        return match family {
            Family::T => (n * angle).cos(),
            Family::U => ((n + 1.0) * angle).sin() / angle.sin(),
            Family::V => half.cos() / (angle / 2.0).cos(),
            _ => half.sin() / (angle / 2.0).sin(),
        };
    }
    let one = match family {
        Family::T => x,
        Family::U => x + x,
        Family::V => x + x - 1.0,
        _ => x + x + 1.0,
    };
    recur(n.min(HIGHEST), 1.0, one, |_, p, q| (x + x) * q - p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} {b}");
        let x = 0.3;
        near(polynomial(Family::T, x, 3.0), 4.0 * x * x * x - 3.0 * x);
        near(polynomial(Family::U, x, 3.0), 8.0 * x * x * x - 4.0 * x);
        near(polynomial(Family::V, x, 2.0), 4.0 * x * x - 2.0 * x - 1.0);
        near(polynomial(Family::W, x, 2.0), 4.0 * x * x + 2.0 * x - 1.0);
        near(polynomial(Family::H, x, 3.0), 8.0 * x * x * x - 12.0 * x);
        near(polynomial(Family::He, x, 3.0), x * x * x - 3.0 * x);
        near(polynomial(Family::L, x, 2.0), (x * x - 4.0 * x + 2.0) / 2.0);
        near(polynomial(Family::P, x, 3.0), (5.0 * x * x * x - 3.0 * x) / 2.0);
        // By angles and by recurrence alike.
        let by_hand = recur(12.0, 1.0, x, |_, p, q| (x + x) * q - p);
        near(polynomial(Family::T, x, 12.0), by_hand);
        assert_eq!(polynomial(Family::T, x, -1.0), 0.0);
        assert!(polynomial(Family::P, 0.5, 1e300).is_nan());
    }
}
