//! The exponential of a matrix.

use super::lu;
use super::{Field, Mat, axpy};

/// Numerator of the Padé approximant of order 13, whose error is below f64's rounding where the 1-norm is at most 5.37.
const PADE: [f64; 14] = [
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
];

/// eᴬ: the approximant of A/2ˢ, squared s times.
pub fn exp<F: Field>(mut a: Mat<F>) -> Mat<F> {
    let n = a.rows;
    let norm = (0..n).map(|j| a.col(j).iter().map(|x| x.modulus()).sum::<f64>()).fold(0.0, f64::max);
    if !a.is_finite() {
        a.data.fill(F::of_f64(f64::NAN));
        return a;
    }
    let squarings = if norm > 5.37 { (norm / 5.37).log2().ceil() as i32 } else { 0 };
    let by = 2f64.powi(-squarings);
    a.data.iter_mut().for_each(|x| *x = x.scale(by));
    let a2 = a.mul(&a);
    let a4 = a2.mul(&a2);
    let a6 = a4.mul(&a2);
    // Σ b[i]·P[i], where P[0] is the identity.
    let sum = |terms: &[(f64, &Mat<F>)], one: f64| {
        let mut sum = Mat::zeros(n, n);
        for (b, p) in terms {
            axpy(F::of_f64(*b), &p.data, &mut sum.data);
        }
        (0..n).for_each(|i| sum[(i, i)] = sum[(i, i)] + F::of_f64(one));
        sum
    };
    let b = &PADE;
    let plus = |mut x: Mat<F>, y: &Mat<F>, by: f64| {
        axpy(F::of_f64(by), &y.data, &mut x.data);
        x
    };
    let high = a6.mul(&sum(&[(b[13], &a6), (b[11], &a4), (b[9], &a2)], 0.0));
    let odd = a.mul(&plus(high, &sum(&[(b[7], &a6), (b[5], &a4), (b[3], &a2)], b[1]), 1.0));
    let high = a6.mul(&sum(&[(b[12], &a6), (b[10], &a4), (b[8], &a2)], 0.0));
    let even = plus(high, &sum(&[(b[6], &a6), (b[4], &a4), (b[2], &a2)], b[0]), 1.0);
    let (mut result, mut below) = (plus(even.clone(), &odd, 1.0), plus(even, &odd, -1.0));
    let mut pivots = vec![0; n];
    lu::factor(&mut below, &mut pivots);
    lu::solve_with(&below, &pivots, &mut result, false);
    for _ in 0..squarings {
        result = result.mul(&result);
    }
    result
}
