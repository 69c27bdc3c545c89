//! A = L·Lᴴ.

use super::triangular::{Triangle, solve};
use super::{BLOCK, Field, Mat, axpy};

/// L over the lower triangle of a Hermitian matrix; the upper one is not read, and scratch afterwards. Returns 0, or the order of
/// the first leading minor that is not positive.
pub fn factor<F: Field>(a: &mut Mat<F>) -> i32 {
    let n = a.rows;
    if n <= 2 * BLOCK {
        return small(a);
    }
    for start in (0..n).step_by(BLOCK) {
        let (width, next) = (BLOCK.min(n - start), (start + BLOCK).min(n));
        let mut corner = a.block((start, start), width, width);
        let bad = small(&mut corner);
        if bad != 0 {
            return start as i32 + bad;
        }
        a.put((start, start), &corner);
        // Below the corner: L₂₁ᴴ = L₁₁⁻¹·A₂₁ᴴ
        let mut turned = a.block((next, start), n - next, width).adjoint();
        solve(&corner, &mut turned, Triangle { upper: false, unit: false, adjoint: false });
        let below = turned.adjoint();
        a.put((next, start), &below);
        for first in (next..n).step_by(BLOCK) {
            let (rows, cols) = (below.block((first - next, 0), n - first, width), BLOCK.min(n - first));
            a.subtract((first, first), &rows, &turned.block((0, first - next), width, cols));
        }
    }
    0
}

fn small<F: Field>(a: &mut Mat<F>) -> i32 {
    let n = a.rows;
    for j in 0..n {
        for k in 0..j {
            let by = a[(j, k)].conj();
            let (from, to) = a.read_write(k, j);
            axpy(-by, &from[j..], &mut to[j..]);
        }
        let pivot = a[(j, j)].re();
        if pivot.is_nan() || pivot <= 0.0 {
            return j as i32 + 1;
        }
        let (root, column) = (pivot.sqrt(), a.col_mut(j));
        column[..j].fill(F::ZERO);
        column[j] = F::of(root, 0.0);
        for x in &mut column[j + 1..] {
            *x = x.scale(1.0 / root);
        }
    }
    0
}
