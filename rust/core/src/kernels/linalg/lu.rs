//! P·L·U with partial pivoting, and what is solved with it.

use super::triangular::{Triangle, solve};
use super::{BLOCK, Field, Mat, axpy};

/// L (below the diagonal, whose ones are not stored) and U over A; `pivots[k]` is the row, counted from 1, that row k was exchanged
/// with. Returns 0, or the place from 1 of the first zero on the diagonal of U.
pub fn factor<F: Field>(a: &mut Mat<F>, pivots: &mut [i32]) -> i32 {
    let (m, n) = (a.rows, a.cols);
    let (most, mut info) = (m.min(n), 0);
    if most <= 2 * BLOCK {
        return small(a, pivots);
    }
    for start in (0..most).step_by(BLOCK) {
        let (width, next) = (BLOCK.min(most - start), (start + BLOCK).min(most));
        let mut panel = a.block((start, start), m - start, width);
        let own = &mut pivots[start..next];
        let bad = small(&mut panel, own);
        if bad != 0 && info == 0 {
            info = start as i32 + bad;
        }
        let swaps: Vec<i32> = own.to_vec();
        own.iter_mut().for_each(|p| *p += start as i32);
        a.each_column(0, |j, column| {
            if !(start..next).contains(&j) {
                swaps.iter().enumerate().for_each(|(k, &p)| column.swap(start + k, start + p as usize - 1));
            }
        });
        a.put((start, start), &panel);
        if next < n {
            let mut right = a.block((start, next), width, n - next);
            let corner = panel.block((0, 0), width, width);
            solve(&corner, &mut right, Triangle { upper: false, unit: true, adjoint: false });
            a.put((start, next), &right);
            let below = panel.block((width, 0), m - start - width, width);
            a.subtract((next, next), &below, &right);
        }
    }
    info
}

fn small<F: Field>(a: &mut Mat<F>, pivots: &mut [i32]) -> i32 {
    let (m, n) = (a.rows, a.cols);
    let mut info = 0;
    for j in 0..n {
        // Column j meets all that has happened to the columns before it.
        let done = j.min(m);
        for (k, &p) in pivots[..done].iter().enumerate() {
            a.col_mut(j).swap(k, p as usize - 1);
        }
        for k in 0..done {
            let (from, to) = a.read_write(k, j);
            let by = -to[k];
            axpy(by, &from[k + 1..], &mut to[k + 1..]);
        }
        if j >= m {
            continue;
        }
        let (mut best, column) = (j, a.col(j));
        for i in j + 1..m {
            if column[i].size() > column[best].size() || column[i].is_nan() && !column[best].is_nan() {
                best = i;
            }
        }
        pivots[j] = best as i32 + 1;
        let value = a[(best, j)];
        if value.is_zero() {
            info = if info == 0 { j as i32 + 1 } else { info };
            continue;
        }
        // The rows of the columns before are exchanged too: of L.
        for k in 0..=j {
            a.col_mut(k).swap(j, best);
        }
        for x in &mut a.col_mut(j)[j + 1..] {
            *x = *x / value;
        }
    }
    info
}

/// X of op(A)·X = B from A's factors, over B.
pub fn solve_with<F: Field>(lu: &Mat<F>, pivots: &[i32], b: &mut Mat<F>, adjoint: bool) {
    let exchange = |b: &mut Mat<F>, k: usize| b.swap_rows(k, (pivots[k] as usize).saturating_sub(1).min(lu.rows - 1));
    let lower = Triangle { upper: false, unit: true, adjoint };
    let upper = Triangle { upper: true, unit: false, adjoint };
    if adjoint {
        solve(lu, b, upper);
        solve(lu, b, lower);
        (0..pivots.len()).rev().for_each(|k| exchange(b, k));
    } else {
        (0..pivots.len()).for_each(|k| exchange(b, k));
        solve(lu, b, lower);
        solve(lu, b, upper);
    }
}

/// The sign of the permutation that the pivots make.
pub fn sign(pivots: &[i32]) -> f64 {
    let odd = pivots.iter().enumerate().filter(|&(k, &p)| p as usize != k + 1).count() % 2;
    if odd == 1 { -1.0 } else { 1.0 }
}
