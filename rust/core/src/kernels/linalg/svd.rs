//! Singular values: a bidiagonal matrix by reflections, its singular values by implicit QR steps.

use super::qr::{form, reflect, reflector};
use super::{Field, Mat, axpy};

/// Steps for each singular value; they seldom need more than three.
const PATIENCE: usize = 80;

/// U, the singular values, descending, and V (not its adjoint). `columns` says how many columns of U and V are wanted; without it
/// both are empty.
pub fn svd<F: Field>(a: Mat<F>, columns: Option<[usize; 2]>) -> Option<(Mat<F>, Vec<f64>, Mat<F>)> {
    if !a.is_finite() {
        return None;
    }
    if a.rows < a.cols {
        let (v, values, u) = tall(a.adjoint(), columns.map(|[u, v]| [v, u]))?;
        return Some((u, values, v));
    }
    tall(a, columns)
}

fn tall<F: Field>(mut a: Mat<F>, columns: Option<[usize; 2]>) -> Option<(Mat<F>, Vec<f64>, Mat<F>)> {
    let n = a.cols;
    let (mut d, mut e) = (vec![0.0; n], vec![0.0; n]);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    // The vectors of the reflections from the right, column by column below the diagonal.
    let mut turned = Mat::zeros(n, n);
    let mut row = Vec::new();
    for k in 0..n {
        let tau = reflector(&mut a.col_mut(k)[k..]);
        d[k] = a[(k, k)].re();
        let vector = a.col(k)[k + 1..].to_vec();
        a.each_column(k + 1, |_, column| reflect(tau.conj(), &vector, &mut column[k..]));
        left.push(tau);
        if k + 1 == n {
            break;
        }
        row.clear();
        row.extend((k + 1..n).map(|j| a[(k, j)].conj()));
        let tau = reflector(&mut row);
        e[k] = row[0].re();
        row[0] = F::ONE;
        // Rows below: A ← A − τ·(A·u)·uᴴ
        let sum = a.times((k + 1, k + 1), &row, tau);
        a.each_column(k + 1, |j, column| axpy(-row[j - k - 1].conj(), &sum, &mut column[k + 1..]));
        turned.col_mut(k)[k + 1..].copy_from_slice(&row);
        right.push(tau);
    }
    let [mut u, mut v] = match columns {
        Some([u, v]) => [form(&a, &left, u, 0), form(&turned, &right, v, 1)],
        None => [Mat::zeros(0, n), Mat::zeros(0, n)],
    };
    steps(&mut d, &mut e, &mut u, &mut v)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| d[j].total_cmp(&d[i]));
    for q in [&mut u, &mut v] {
        if q.rows > 0 {
            let sorted: Vec<F> = order.iter().flat_map(|&j| q.col(j)).copied().collect();
            q.data[..sorted.len()].copy_from_slice(&sorted);
        }
    }
    Some((u, order.iter().map(|&i| d[i]).collect(), v))
}

/// Two columns, cos and sin.
type Turn = (usize, usize, f64, f64);

/// (cos, sin, length) of the rotation that takes (f, g) to (length, 0).
fn angle(f: f64, g: f64) -> (f64, f64, f64) {
    let length = f.hypot(g);
    if length == 0.0 { (1.0, 0.0, 0.0) } else { (f / length, g / length, length) }
}

/// Diagonalises the bidiagonal matrix of diagonal `d` and `e` above it, and turns the columns of `u` and `v` along. What is found
/// small beside its neighbours is taken for zero (Golub and Kahan's steps, as LINPACK arranges them).
fn steps<F: Field>(d: &mut [f64], e: &mut [f64], u: &mut Mat<F>, v: &mut Mat<F>) -> Option<()> {
    let tiny = f64::MIN_POSITIVE / f64::EPSILON;
    let eps = f64::EPSILON;
    let (mut end, mut left) = (d.len(), PATIENCE);
    let (mut of_u, mut of_v) = (Vec::new(), Vec::new());
    while end > 0 {
        let last = end - 1;
        // The active block is start..end; e[start − 1] is zero.
        let small = |k: usize| e[k].abs() <= tiny + eps * (d[k].abs() + d[k + 1].abs());
        let start = (0..last).rev().find(|&k| small(k)).map_or(0, |k| k + 1);
        if start > 0 {
            e[start - 1] = 0.0;
        }
        if start == last {
            if d[last] < 0.0 || d[last] == 0.0 && d[last].is_sign_negative() {
                d[last] = -d[last];
                if v.rows > 0 {
                    v.col_mut(last).iter_mut().for_each(|x| *x = -*x);
                }
            }
            (end, left) = (last, PATIENCE);
            continue;
        }
        left = left.checked_sub(1)?;
        let zero = (start..end).rev().find(|&k| {
            let beside = if k != last { e[k].abs() } else { 0.0 } + if k != start { e[k - 1].abs() } else { 0.0 };
            d[k].abs() <= tiny + eps * beside
        });
        match zero {
            Some(k) if k == last => {
                // The last column is chased away by rotations of V.
                d[k] = 0.0;
                let mut f = e[last - 1];
                e[last - 1] = 0.0;
                for j in (start..last).rev() {
                    let (c, s, length) = angle(d[j], f);
                    d[j] = length;
                    if j != start {
                        f = -s * e[j - 1];
                        e[j - 1] *= c;
                    }
                    of_v.push((j, last, c, s));
                }
            }
            Some(k) => {
                // Row k is chased away by rotations of U: the block falls in two.
                d[k] = 0.0;
                let mut f = e[k];
                e[k] = 0.0;
                for j in k + 1..end {
                    let (c, s, length) = angle(d[j], f);
                    d[j] = length;
                    f = -s * e[j];
                    e[j] *= c;
                    of_u.push((j, k, c, s));
                }
            }
            None => step(d, e, &mut of_u, &mut of_v, start, end),
        }
        for (q, turns) in [(&mut *u, &mut of_u), (&mut *v, &mut of_v)] {
            q.turn_columns(turns);
            turns.clear();
        }
    }
    Some(())
}

/// One QR step with the shift of the last two by two block.
fn step(d: &mut [f64], e: &mut [f64], u: &mut Vec<Turn>, v: &mut Vec<Turn>, start: usize, end: usize) {
    let last = end - 1;
    let scale = [d[last], d[last - 1], e[last - 1], d[start], e[start]].iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let (sp, spm1, epm1) = (d[last] / scale, d[last - 1] / scale, e[last - 1] / scale);
    let (sk, ek) = (d[start] / scale, e[start] / scale);
    let b = ((spm1 + sp) * (spm1 - sp) + epm1 * epm1) / 2.0;
    let c = (sp * epm1) * (sp * epm1);
    let mut shift = 0.0;
    if b != 0.0 || c != 0.0 {
        let root = (b * b + c).sqrt();
        shift = c / (b + if b < 0.0 { -root } else { root });
    }
    let (mut f, mut g) = ((sk + sp) * (sk - sp) + shift, sk * ek);
    for j in start..last {
        let (c, s, length) = angle(f, g);
        if j != start {
            e[j - 1] = length;
        }
        f = c * d[j] + s * e[j];
        e[j] = c * e[j] - s * d[j];
        g = s * d[j + 1];
        d[j + 1] *= c;
        v.push((j, j + 1, c, s));
        let (c, s, length) = angle(f, g);
        d[j] = length;
        f = c * e[j] + s * d[j + 1];
        d[j + 1] = c * d[j + 1] - s * e[j];
        g = s * e[j + 1];
        e[j + 1] *= c;
        u.push((j, j + 1, c, s));
    }
    e[last - 1] = f;
}
