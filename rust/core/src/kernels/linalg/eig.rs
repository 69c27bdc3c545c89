//! Eigenvalues of square matrices, in complex numbers: Hessenberg form by reflections, Schur form by shifted QR steps.

use super::qr::{form, reflect, reflector};
use super::{Field, Mat, axpy, norm};
use crate::dtype::{C128, Num};

/// Steps that one eigenvalue may take; they seldom need more than four.
const PATIENCE: usize = 120;

/// The eigenvalues, and as columns of unit length their vectors, if these are wanted. Those of a `real` matrix are real or come in
/// conjugate pairs. None if the steps did not converge.
pub fn eig(mut a: Mat<C128>, vectors: bool, real: bool) -> Option<(Vec<C128>, Mat<C128>)> {
    let n = a.rows;
    if !a.is_finite() {
        return None;
    }
    let scale = balance(&mut a);
    let mut taus = Vec::new();
    for k in 0..n.saturating_sub(1) {
        let tau = reflector(&mut a.col_mut(k)[k + 1..]);
        for j in k + 1..n {
            let (from, to) = a.read_write(k, j);
            reflect(tau.conj(), &from[k + 2..], &mut to[k + 1..]);
        }
        // From the right: A ← A − τ·(A·v)·vᴴ
        let mut v = a.col(k)[k + 1..].to_vec();
        v[0] = C128::ONE;
        let mut sum = vec![C128::ZERO; n];
        for (j, &x) in v.iter().enumerate() {
            axpy(tau * x, a.col(k + 1 + j), &mut sum);
        }
        for (j, &x) in v.iter().enumerate() {
            axpy(-x.conj(), &sum, a.col_mut(k + 1 + j));
        }
        taus.push(tau);
    }
    let mut q = if vectors { form(&a, &taus, n, 1) } else { Mat::zeros(0, n) };
    for k in 0..n {
        for i in k + 2..n {
            a[(i, k)] = C128::ZERO;
        }
    }
    schur(&mut a, &mut q)?;
    let mut values: Vec<C128> = (0..n).map(|i| a[(i, i)]).collect();
    let mut columns = if vectors { q.mul(&triangular_vectors(&a)) } else { q };
    for j in 0..columns.cols {
        let column = columns.col_mut(j);
        column.iter_mut().zip(&scale).for_each(|(x, &s)| *x = x.scale(s));
        let length = norm(column);
        column.iter_mut().for_each(|x| *x = x.scale(1.0 / length));
    }
    if real {
        pair(&mut values, &mut columns);
    }
    Some((values, columns))
}

/// Scales rows and columns by powers of two until they are of like size; returns the factors. Badly scaled matrices keep the
/// accuracy of their small eigenvalues so.
fn balance(a: &mut Mat<C128>) -> Vec<f64> {
    let n = a.rows;
    let mut scale = vec![1.0; n];
    for _ in 0..20 {
        let mut done = true;
        for i in 0..n {
            let (mut column, mut row) = (0.0, 0.0);
            for j in (0..n).filter(|&j| j != i) {
                column += a[(j, i)].size();
                row += a[(i, j)].size();
            }
            if column == 0.0 || row == 0.0 {
                continue;
            }
            let (total, mut f) = (column + row, 1.0);
            while column < row / 2.0 && f < 1e100 {
                (column, row, f) = (column * 2.0, row / 2.0, f * 2.0);
            }
            while column >= row * 2.0 && f > 1e-100 {
                (column, row, f) = (column / 2.0, row * 2.0, f / 2.0);
            }
            if f != 1.0 && column + row < 0.95 * total {
                done = false;
                scale[i] *= f;
                for j in 0..n {
                    a[(i, j)] = a[(i, j)].scale(1.0 / f);
                    a[(j, i)] = a[(j, i)].scale(f);
                }
            }
        }
        if done {
            break;
        }
    }
    scale
}

fn root(z: C128) -> C128 {
    let length = z.modulus();
    let re = ((length + z.re.abs()) / 2.0).sqrt();
    if re == 0.0 {
        return C128::ZERO;
    }
    let im = z.im / (2.0 * re);
    if z.re >= 0.0 { C128::new(re, im) } else { C128::new(im.abs(), re.copysign(z.im)) }
}

/// Brings the Hessenberg matrix to triangular form, and turns the columns of `q` along.
fn schur(h: &mut Mat<C128>, q: &mut Mat<C128>) -> Option<()> {
    let n = h.rows;
    let whole: f64 = h.data.iter().fold(0.0, |m, x| m.max(x.size()));
    let (mut end, mut count) = (n, 0);
    let mut turns = Vec::new();
    while end > 1 {
        let last = end - 1;
        let start = (1..end).rev().find(|&k| {
            let beside = h[(k - 1, k - 1)].size() + h[(k, k)].size();
            h[(k, k - 1)].size() <= f64::EPSILON * if beside > 0.0 { beside } else { whole }
        });
        let start = start.unwrap_or(0);
        if start > 0 {
            h[(start, start - 1)] = C128::ZERO;
        }
        if start == last {
            (end, count) = (last, 0);
            continue;
        }
        count += 1;
        if count > PATIENCE {
            return None;
        }
        let shift = if count % 10 == 0 {
            // Out of a circle that the usual shift does not leave.
            h[(last, last)] + C128::of_f64(h[(last, last - 1)].modulus() * 0.75)
        } else {
            // The eigenvalue of the last two by two block that is nearer to its corner.
            let (a, b, c, d) = (h[(last - 1, last - 1)], h[(last - 1, last)], h[(last, last - 1)], h[(last, last)]);
            let half = (a - d).scale(0.5);
            let r = root(half * half + b * c);
            let sum = if half.re * r.re + half.im * r.im < 0.0 { half - r } else { half + r };
            if sum.is_zero() { d } else { d - b * c / sum }
        };
        for i in start..end {
            h[(i, i)] = h[(i, i)] - shift;
        }
        turns.clear();
        for k in start..last {
            // The rotation that takes (h[k,k], h[k+1,k]) to (r, 0).
            let (x, y) = (h[(k, k)], h[(k + 1, k)]);
            let r = x.modulus().hypot(y.modulus());
            let (c, s) = if r == 0.0 { (C128::ONE, C128::ZERO) } else { (x.scale(1.0 / r), y.scale(1.0 / r)) };
            for j in k..n {
                let (p, w) = (h[(k, j)], h[(k + 1, j)]);
                h[(k, j)] = c.conj() * p + s.conj() * w;
                h[(k + 1, j)] = c * w - s * p;
            }
            turns.push((c, s));
        }
        let both = |x: &mut [C128], y: &mut [C128], c: C128, s: C128| {
            for (x, y) in x.iter_mut().zip(y) {
                let (p, w) = (*x, *y);
                *x = c * p + s * w;
                *y = c.conj() * w - s.conj() * p;
            }
        };
        for (k, &(c, s)) in turns.iter().enumerate() {
            let (k, reach) = (start + k, (start + k + 2).min(end));
            let (x, y) = h.two(k, k + 1);
            both(&mut x[..reach], &mut y[..reach], c, s);
            if q.rows > 0 {
                let (x, y) = q.two(k, k + 1);
                both(x, y, c, s);
            }
        }
        for i in start..end {
            h[(i, i)] = h[(i, i)] + shift;
        }
    }
    Some(())
}

/// The eigenvectors of a triangular matrix, as columns of a triangular one.
fn triangular_vectors(t: &Mat<C128>) -> Mat<C128> {
    let n = t.rows;
    let whole: f64 = t.data.iter().fold(0.0, |m, x| m.max(x.size()));
    let least = (whole * f64::EPSILON).max(f64::MIN_POSITIVE);
    let mut vectors = Mat::zeros(n, n);
    for k in 0..n {
        let x = vectors.col_mut(k);
        x[k] = C128::ONE;
        for i in 0..k {
            x[i] = -t[(i, k)];
        }
        for i in (0..k).rev() {
            let mut gap = t[(i, i)] - t[(k, k)];
            if gap.size() < least {
                gap = C128::of_f64(least);
            }
            x[i] = x[i] / gap;
            // A nearly defective matrix: keep the numbers within range.
            let size = x[i].size();
            if size > 1e150 {
                x[..=k].iter_mut().for_each(|v| *v = v.scale(1.0 / size));
            }
            let by = -x[i];
            axpy(by, &t.col(i)[..i], &mut x[..i]);
        }
        let length = norm(x);
        x.iter_mut().for_each(|v| *v = v.scale(1.0 / length));
    }
    vectors
}

/// Makes the eigenvalues of a real matrix real, or pairs of conjugates, the one with the positive imaginary part first.
fn pair(values: &mut [C128], vectors: &mut Mat<C128>) {
    let n = values.len();
    let mut done = vec![false; n];
    for i in 0..n {
        if done[i] {
            continue;
        }
        done[i] = true;
        let turned = values[i].conj();
        let nearest = (0..n).filter(|&j| j == i || !done[j]).min_by(|&j, &k| {
            let far = |j: usize| (values[j] - turned).modulus();
            far(j).total_cmp(&far(k))
        });
        match nearest.filter(|&j| j != i) {
            Some(j) => {
                done[j] = true;
                let mean = (values[i] + values[j].conj()).scale(0.5);
                let (first, second) = if i < j { (i, j) } else { (j, i) };
                // Conjugates stand side by side.
                if second != first + 1 {
                    values.swap(second, first + 1);
                    done.swap(second, first + 1);
                    if vectors.rows > 0 {
                        vectors.swap_cols(second, first + 1);
                    }
                }
                let second = first + 1;
                let flip = mean.im < 0.0;
                values[first] = if flip { mean.conj() } else { mean };
                values[second] = values[first].conj();
                if vectors.rows > 0 {
                    let (x, y) = vectors.two(first, second);
                    for (x, y) in x.iter_mut().zip(y) {
                        if flip {
                            *x = x.conj();
                        }
                        *y = x.conj();
                    }
                }
            }
            None => {
                values[i].im = 0.0;
                if vectors.rows > 0 {
                    let column = vectors.col_mut(i);
                    let most =
                        column.iter().copied().fold(C128::ZERO, |m, x| if x.square() > m.square() { x } else { m });
                    let phase = most.conj().scale(1.0 / most.modulus());
                    column.iter_mut().for_each(|x| *x = C128::of_f64((*x * phase).re));
                    let length = norm(column);
                    column.iter_mut().for_each(|x| *x = x.scale(1.0 / length));
                }
            }
        }
    }
}
