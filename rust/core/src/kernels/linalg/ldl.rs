//! Symmetric and Hermitian matrices that need not be positive: A = L·D·Lᵀ by Bunch and Kaufman's pivots, stored as LAPACK does.

use super::{Field, Mat};

/// The conjugate, where the matrix is Hermitian.
fn other<F: Field>(x: F, hermitian: bool) -> F {
    if hermitian { x.conj() } else { x }
}

/// L and D (with blocks of one and two rows) over the lower triangle. A positive pivot is a block of one row, and the row from 1 that
/// it was exchanged with; two equal negative ones are a block of two. Returns 0, or the place from 1 of the first zero block.
pub fn factor<F: Field>(a: &mut Mat<F>, pivots: &mut [i32], hermitian: bool) -> i32 {
    let n = a.rows;
    let alpha = (1.0 + 17f64.sqrt()) / 8.0;
    let (mut k, mut info) = (0, 0);
    let size = |x: F| if hermitian { x.re().abs() } else { x.size() };
    while k < n {
        let own = size(a[(k, k)]);
        let (mut far, mut most) = (k, 0.0);
        for i in k + 1..n {
            if a[(i, k)].size() > most {
                (far, most) = (i, a[(i, k)].size());
            }
        }
        let (mut with, mut two) = (k, false);
        if own.max(most) == 0.0 || own.is_nan() {
            info = if info == 0 { k as i32 + 1 } else { info };
            if hermitian {
                a[(k, k)] = F::of(a[(k, k)].re(), 0.0);
            }
            pivots[k] = k as i32 + 1;
            k += 1;
            continue;
        }
        if own < alpha * most {
            let before = (k..far).map(|j| a[(far, j)].size());
            let row = before.chain((far + 1..n).map(|i| a[(i, far)].size())).fold(0.0, f64::max);
            if own >= alpha * most * (most / row) {
                // The diagonal is good enough.
            } else if size(a[(far, far)]) >= alpha * row {
                with = far;
            } else {
                (with, two) = (far, true);
            }
        }
        let place = k + two as usize;
        if with != place {
            exchange(a, place, with, hermitian);
            if two {
                let (x, y) = (a[(k + 1, k)], a[(with, k)]);
                (a[(k + 1, k)], a[(with, k)]) = (y, x);
            }
        }
        if hermitian {
            a[(k, k)] = F::of(a[(k, k)].re(), 0.0);
            if two {
                a[(k + 1, k + 1)] = F::of(a[(k + 1, k + 1)].re(), 0.0);
            }
        }
        if two {
            eliminate_two(a, k, hermitian);
            pivots[k] = -(with as i32 + 1);
            pivots[k + 1] = pivots[k];
            k += 2;
        } else {
            let inverse = F::ONE / a[(k, k)];
            for j in k + 1..n {
                let by = other(a[(j, k)], hermitian) * inverse;
                for i in j..n {
                    a[(i, j)] = a[(i, j)] - a[(i, k)] * by;
                }
                if hermitian {
                    a[(j, j)] = F::of(a[(j, j)].re(), 0.0);
                }
            }
            for i in k + 1..n {
                a[(i, k)] = a[(i, k)] * inverse;
            }
            pivots[k] = with as i32 + 1;
            k += 1;
        }
    }
    info
}

/// Exchanges rows and columns p < q of the part from p on.
fn exchange<F: Field>(a: &mut Mat<F>, p: usize, q: usize, hermitian: bool) {
    for i in q + 1..a.rows {
        let (x, y) = (a[(i, p)], a[(i, q)]);
        (a[(i, p)], a[(i, q)]) = (y, x);
    }
    for j in p + 1..q {
        let (x, y) = (a[(j, p)], a[(q, j)]);
        (a[(j, p)], a[(q, j)]) = (other(y, hermitian), other(x, hermitian));
    }
    a[(q, p)] = other(a[(q, p)], hermitian);
    let (x, y) = (a[(p, p)], a[(q, q)]);
    (a[(p, p)], a[(q, q)]) = (y, x);
}

fn eliminate_two<F: Field>(a: &mut Mat<F>, k: usize, hermitian: bool) {
    let n = a.rows;
    // D = [p, q̄; q, r]; a row (x, y) of L·D becomes (x, y)·D⁻¹.
    let (p, q, r) = (a[(k, k)], a[(k + 1, k)], a[(k + 1, k + 1)]);
    let turned = other(q, hermitian);
    // Divided by |q|, the greatest of the three, so that nothing overflows.
    let (d11, d22) = (r / q, p / turned);
    let t = F::ONE / (d11 * d22 - F::ONE);
    for j in k + 2..n {
        let (x, y) = (a[(j, k)], a[(j, k + 1)]);
        let w = t * (d11 * x - y) / turned;
        let v = t * (d22 * y - x) / q;
        let (cw, cv) = (other(w, hermitian), other(v, hermitian));
        for i in j..n {
            a[(i, j)] = a[(i, j)] - a[(i, k)] * cw - a[(i, k + 1)] * cv;
        }
        a[(j, k)] = w;
        a[(j, k + 1)] = v;
        if hermitian {
            a[(j, j)] = F::of(a[(j, j)].re(), 0.0);
        }
    }
}

/// X of A·X = B from A's factors, over B.
pub fn solve<F: Field>(a: &Mat<F>, pivots: &[i32], b: &mut Mat<F>, hermitian: bool) {
    let n = a.rows;
    let row = |p: i32| (p.unsigned_abs() as usize).saturating_sub(1).min(n - 1);
    let mut k = 0;
    while k < n {
        let two = pivots[k] < 0 && k + 1 < n;
        b.swap_rows(k + two as usize, row(pivots[k]));
        for x in b.data.chunks_exact_mut(n) {
            if two {
                let (p, q, r) = (a[(k, k)], a[(k + 1, k)], a[(k + 1, k + 1)]);
                let (u, v) = (x[k], x[k + 1]);
                for i in k + 2..n {
                    x[i] = x[i] - a[(i, k)] * u - a[(i, k + 1)] * v;
                }
                let turned = other(q, hermitian);
                let (d11, d22) = (r / q, p / turned);
                let t = F::ONE / (d11 * d22 - F::ONE);
                x[k] = t * (d11 * u / turned - v / q);
                x[k + 1] = t * (d22 * v / q - u / turned);
            } else {
                let u = x[k];
                for i in k + 1..n {
                    x[i] = x[i] - a[(i, k)] * u;
                }
                x[k] = u / a[(k, k)];
            }
        }
        k += 1 + two as usize;
    }
    let mut k = n;
    while k > 0 {
        k -= 1;
        let two = pivots[k] < 0 && k > 0;
        let first = k - two as usize;
        for x in b.data.chunks_exact_mut(n) {
            for j in first..=k {
                for i in k + 1..n {
                    x[j] = x[j] - other(a[(i, j)], hermitian) * x[i];
                }
            }
        }
        b.swap_rows(k, row(pivots[k]));
        k = first;
    }
}
