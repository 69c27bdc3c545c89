//! A = L·Lᴴ.

use super::{Field, Mat, axpy};

/// L over the lower triangle of a Hermitian matrix; the upper one is not read, and zero afterwards. Returns 0, or the order of the
/// first leading minor that is not positive.
pub fn factor<F: Field>(a: &mut Mat<F>) -> i32 {
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
