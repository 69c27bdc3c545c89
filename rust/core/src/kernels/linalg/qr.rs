//! Householder reflections: A = Q·R.

use super::{Field, Mat, axpy, dot, norm};

/// The reflection that takes x to a multiple β of the first unit vector: H = 1 − τ·v·vᴴ with Hᴴ·x = β·e₁, v₁ = 1. β replaces x₁
/// and the rest of v the rest of x. β is real.
pub fn reflector<F: Field>(x: &mut [F]) -> F {
    let Some((first, rest)) = x.split_first_mut() else { return F::ZERO };
    let tail = norm(rest);
    if tail == 0.0 && first.im() == 0.0 {
        return F::ZERO;
    }
    let length = first.modulus().hypot(tail);
    let beta = if first.re() >= 0.0 { -length } else { length };
    let tau = F::of((beta - first.re()) / beta, -first.im() / beta);
    let by = F::ONE / (*first - F::of(beta, 0.0));
    for v in rest {
        *v = *v * by;
    }
    *first = F::of(beta, 0.0);
    tau
}

/// y ← (1 − τ·v·vᴴ)·y, where v begins with a one that is not stored: `v` is what follows it.
pub fn reflect<F: Field>(tau: F, v: &[F], y: &mut [F]) {
    if tau.is_zero() {
        return;
    }
    let Some((first, rest)) = y.split_first_mut() else { return };
    let by = -(tau * (*first + dot(v, rest)));
    *first = *first + by;
    axpy(by, v, rest);
}

/// R and, below the diagonal, the reflections, over A. Returns their τ.
pub fn factor<F: Field>(a: &mut Mat<F>) -> Vec<F> {
    let mut taus = Vec::new();
    for k in 0..a.rows.min(a.cols) {
        let tau = reflector(&mut a.col_mut(k)[k..]);
        for j in k + 1..a.cols {
            let (from, to) = a.read_write(k, j);
            reflect(tau.conj(), &from[k + 1..], &mut to[k..]);
        }
        taus.push(tau);
    }
    taus
}

/// The first `cols` columns of H₁·H₂·…, whose vectors are the columns of `a` from `shift` below the diagonal.
pub fn form<F: Field>(a: &Mat<F>, taus: &[F], cols: usize, shift: usize) -> Mat<F> {
    let mut q = Mat::eye(a.rows, cols);
    for (k, &tau) in taus.iter().enumerate().rev() {
        // The columns before are those of the identity, out of this reflection's reach.
        for j in (k + shift).min(cols)..cols {
            reflect(tau, &a.col(k)[k + shift + 1..], &mut q.col_mut(j)[k + shift..]);
        }
    }
    q
}

/// Q·C or Qᴴ·C, over C.
pub fn apply<F: Field>(a: &Mat<F>, taus: &[F], c: &mut Mat<F>, adjoint: bool) {
    let one = |k: usize, c: &mut Mat<F>| {
        let tau = if adjoint { taus[k].conj() } else { taus[k] };
        for j in 0..c.cols {
            reflect(tau, &a.col(k)[k + 1..], &mut c.col_mut(j)[k..]);
        }
    };
    if adjoint { (0..taus.len()).for_each(|k| one(k, c)) } else { (0..taus.len()).rev().for_each(|k| one(k, c)) }
}
