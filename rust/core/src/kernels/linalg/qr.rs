//! Householder reflections: A = Q·R.

use super::{BLOCK, Field, Mat, axpy, dot, norm};

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
    let (m, n) = (a.rows, a.cols);
    let most = m.min(n);
    if most <= BLOCK {
        return small(a);
    }
    let mut taus = Vec::new();
    for start in (0..most).step_by(BLOCK) {
        let (width, next) = (BLOCK.min(most - start), (start + BLOCK).min(most));
        let mut panel = a.block((start, start), m - start, width);
        let own = small(&mut panel);
        a.put((start, start), &panel);
        if next < n {
            Several::new(&panel, &own).apply(a, (start, next), n - next, true);
        }
        taus.extend(own);
    }
    taus
}

fn small<F: Field>(a: &mut Mat<F>) -> Vec<F> {
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

/// Several reflections as one: 1 − V·T·Vᴴ.
struct Several<F> {
    v: Mat<F>,
    t: Mat<F>,
}

impl<F: Field> Several<F> {
    /// Of the vectors below the diagonal of `panel`.
    fn new(panel: &Mat<F>, taus: &[F]) -> Several<F> {
        let (mut v, k) = (panel.clone(), taus.len());
        for j in 0..k {
            v.col_mut(j)[..j].fill(F::ZERO);
            v[(j, j)] = F::ONE;
        }
        let mut t = Mat::zeros(k, k);
        for i in 0..k {
            // T[..i, i] = −τ·T[..i, ..i]·(V[.., ..i]ᴴ·v)
            let along: Vec<F> = (0..i).map(|j| dot(&v.col(j)[i..], &v.col(i)[i..])).collect();
            for (j, &by) in along.iter().enumerate() {
                let (from, to) = t.read_write(j, i);
                axpy(-(taus[i] * by), &from[..=j], &mut to[..=j]);
            }
            t[(i, i)] = taus[i];
        }
        Several { v, t }
    }

    /// Over `cols` columns of C from `place` on.
    fn apply(&self, c: &mut Mat<F>, place: (usize, usize), cols: usize, adjoint: bool) {
        let turned = self.v.adjoint();
        let t = if adjoint { self.t.adjoint() } else { self.t.clone() };
        let along = t.mul(&turned.mul(&c.block(place, self.v.rows, cols)));
        c.subtract(place, &self.v, &along);
    }
}

/// The blocks of reflections, with the row that each begins in; their vectors begin `shift` below the diagonal.
fn blocks<F: Field>(a: &Mat<F>, taus: &[F], shift: usize) -> Vec<(usize, Several<F>)> {
    let starts = (0..taus.len()).step_by(BLOCK);
    let block = |start: usize| {
        let (row, end) = (start + shift, (start + BLOCK).min(taus.len()));
        (row, Several::new(&a.block((row, start), a.rows - row, end - start), &taus[start..end]))
    };
    starts.map(block).collect()
}

/// The first `cols` columns of H₁·H₂·…, whose vectors are the columns of `a` from `shift` below the diagonal.
pub fn form<F: Field>(a: &Mat<F>, taus: &[F], cols: usize, shift: usize) -> Mat<F> {
    let mut q = Mat::eye(a.rows, cols);
    if taus.len() > BLOCK {
        for (row, several) in blocks(a, taus, shift).iter().rev() {
            let first = (*row).min(cols);
            several.apply(&mut q, (*row, first), cols - first, false);
        }
        return q;
    }
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
    if taus.len() > BLOCK {
        let mut all = blocks(a, taus, 0);
        if !adjoint {
            all.reverse();
        }
        let cols = c.cols;
        return all.iter().for_each(|(row, several)| several.apply(c, (*row, 0), cols, adjoint));
    }
    let one = |k: usize, c: &mut Mat<F>| {
        let tau = if adjoint { taus[k].conj() } else { taus[k] };
        for j in 0..c.cols {
            reflect(tau, &a.col(k)[k + 1..], &mut c.col_mut(j)[k..]);
        }
    };
    if adjoint { (0..taus.len()).for_each(|k| one(k, c)) } else { (0..taus.len()).rev().for_each(|k| one(k, c)) }
}
