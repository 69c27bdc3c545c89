//! Eigenvalues of Hermitian matrices: a tridiagonal matrix by reflections, its eigenvalues by implicit QL steps.

use super::qr::{form, reflector};
use super::{Field, Mat, axpy, dot};

/// Steps that one eigenvalue may take; they seldom need more than three.
const PATIENCE: usize = 80;

/// The eigenvalues of the Hermitian matrix in the lower triangle of `a`, ascending, and as columns their vectors, if these are
/// wanted. None if the steps did not converge.
pub fn eigh<F: Field>(mut a: Mat<F>, vectors: bool) -> Option<(Vec<f64>, Mat<F>)> {
    let n = a.rows;
    for j in 0..n {
        a[(j, j)] = F::of(a[(j, j)].re(), 0.0);
        for i in j + 1..n {
            a[(j, i)] = a[(i, j)].conj();
        }
    }
    if !a.is_finite() {
        return None;
    }
    let mut off = vec![0.0; n];
    let mut taus = Vec::new();
    for k in 0..n.saturating_sub(1) {
        let tau = reflector(&mut a.col_mut(k)[k + 1..]);
        off[k] = a[(k + 1, k)].re();
        taus.push(tau);
        if tau.is_zero() {
            continue;
        }
        // HᴴAH = A − w·vᴴ − v·wᴴ with w = τ·A·v − ½·|τ|²·(vᴴ·A·v)·v
        let mut v = a.col(k)[k + 1..].to_vec();
        v[0] = F::ONE;
        let mut w = a.times((k + 1, k + 1), &v, tau);
        let by = tau.conj() * dot(&v, &w);
        axpy(-by.scale(0.5), &v, &mut w);
        a.each_column(k + 1, |j, column| {
            let (column, j) = (&mut column[k + 1..], j - k - 1);
            axpy(-v[j].conj(), &w, column);
            axpy(-w[j].conj(), &v, column);
        });
    }
    let mut values: Vec<f64> = (0..n).map(|i| a[(i, i)].re()).collect();
    let mut q = if vectors { form(&a, &taus, n, 1) } else { Mat::zeros(0, n) };
    steps(&mut values, &mut off, &mut q)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let sorted = Mat { rows: q.rows, cols: n, data: order.iter().flat_map(|&j| q.col(j)).copied().collect() };
    Some((order.iter().map(|&i| values[i]).collect(), sorted))
}

/// Diagonalises the tridiagonal matrix of diagonal `d` and `e` beside it, and turns the columns of `q` along.
fn steps<F: Field>(d: &mut [f64], e: &mut [f64], q: &mut Mat<F>) -> Option<()> {
    let n = d.len();
    let mut turns = Vec::new();
    for l in 0..n {
        let mut left = PATIENCE;
        loop {
            // Up to where the matrix falls apart.
            let small = |m: usize| e[m].abs() <= f64::EPSILON * (d[m].abs() + d[m + 1].abs());
            let end = (l..n - 1).find(|&m| small(m)).unwrap_or(n - 1);
            if end == l {
                break;
            }
            left = left.checked_sub(1)?;
            let slope = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let length = slope.hypot(1.0).copysign(slope);
            let mut g = d[end] - d[l] + e[l] / (slope + length);
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut whole = true;
            for i in (l..end).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                let r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[end] = 0.0;
                    whole = false;
                    break;
                }
                (s, c) = (f / r, g / r);
                g = d[i + 1] - p;
                let r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                turns.push((i + 1, i, c, s));
            }
            q.turn_columns(&turns);
            turns.clear();
            if whole {
                d[l] -= p;
                e[l] = g;
                e[end] = 0.0;
            }
        }
    }
    Some(())
}
