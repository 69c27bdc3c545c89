//! Systems with a triangular matrix.

use super::{BLOCK, Field, Mat, axpy, dot};

/// Which triangle holds the matrix, what stands on its diagonal, and which of its forms is meant.
#[derive(Clone, Copy)]
pub struct Triangle {
    pub upper: bool,
    pub unit: bool,
    pub adjoint: bool,
}

/// X of op(A)·X = B, over B.
pub fn solve<F: Field>(a: &Mat<F>, b: &mut Mat<F>, kind: Triangle) {
    let n = a.rows;
    if n <= 2 * BLOCK || b.cols < 8 {
        return small(a, b, kind);
    }
    // Block by block, from above or from below; what is known is taken from all that follows.
    let down = kind.upper == kind.adjoint;
    let blocks = n.div_ceil(BLOCK);
    for number in 0..blocks {
        let start = BLOCK * if down { number } else { blocks - 1 - number };
        let end = (start + BLOCK).min(n);
        let width = end - start;
        let mut x = b.block((start, 0), width, b.cols);
        small(&a.block((start, start), width, width), &mut x, kind);
        b.put((start, 0), &x);
        let (first, rows) = if down { (end, n - end) } else { (0, start) };
        let side = match kind.adjoint {
            true => a.block((start, first), width, rows).adjoint(),
            false => a.block((first, start), rows, width),
        };
        b.subtract((first, 0), &side, &x);
    }
}

fn small<F: Field>(a: &Mat<F>, b: &mut Mat<F>, kind: Triangle) {
    let n = a.rows;
    let over = |pivot: F, x: F| if kind.unit { x } else { x / pivot };
    for column in 0..b.cols {
        let x = b.col_mut(column);
        match (kind.upper, kind.adjoint) {
            (false, false) => {
                for k in 0..n {
                    x[k] = over(a[(k, k)], x[k]);
                    axpy(-x[k], &a.col(k)[k + 1..], &mut x[k + 1..]);
                }
            }
            (true, false) => {
                for k in (0..n).rev() {
                    x[k] = over(a[(k, k)], x[k]);
                    let by = -x[k];
                    axpy(by, &a.col(k)[..k], &mut x[..k]);
                }
            }
            (true, true) => {
                for k in 0..n {
                    x[k] = over(a[(k, k)].conj(), x[k] - dot(&a.col(k)[..k], &x[..k]));
                }
            }
            (false, true) => {
                for k in (0..n).rev() {
                    x[k] = over(a[(k, k)].conj(), x[k] - dot(&a.col(k)[k + 1..], &x[k + 1..]));
                }
            }
        }
    }
}
