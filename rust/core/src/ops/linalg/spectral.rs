//! Eigenvalues and singular values.

use super::*;
use crate::autograd::Ctx;
use crate::kernels::linalg::{eig as general, eigh as hermitian, svd as singular};
use crate::op::{Grads, Inputs, Keep, Meta, Metas, Op, apply_all};
use smallvec::smallvec;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

fn not_converged(op: &'static str, what: &str) -> Error {
    let message = format!(
        "The algorithm failed to converge because the input matrix {what} is ill-conditioned, has too many repeated \
             values, or holds numbers that are not finite."
    );
    Error::LinAlg { op, message }
}

/// 1 / (x[j] − x[i]), with ones on the diagonal.
fn gaps(x: &Term) -> Term {
    let gaps = x.unsqueeze(-2) - x.unsqueeze(-1);
    1.0 * gaps.then(with_ones).then(|g| g.reciprocal())
}

/// Eigenvalues, ascending, and eigenvectors of the Hermitian matrices in the lower triangle.
#[derive(Debug)]
pub struct Eigh {
    /// Without them the second output is empty.
    pub vectors: bool,
}

impl Op for Eigh {
    fn name(&self) -> &'static str {
        "linalg_eigh"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_square("linalg.eigh", "A", a)?;
        let vectors = if self.vectors { a.shape().into() } else { Shape::from_slice(&[0]) };
        let values = Meta::New(a.dtype().to_real(), join(batch(a), &[sizes(a).0]));
        Ok(smallvec![values, Meta::New(a.dtype(), vectors)])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, values) = (Stack::matrices(&inputs[0]), Stack::vectors(&outputs[0]));
        let vectors = self.vectors.then(|| Stack::matrices(&outputs[1]));
        let failed = AtomicBool::new(false);
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), 10 * cost(&a), |b| {
            match hermitian::eigh(a.get::<F>(b), self.vectors) {
                Some((w, v)) => {
                    values.put_vector(b, &w);
                    if let Some(to) = &vectors {
                        to.put(b, &v);
                    }
                }
                None => failed.store(true, Relaxed),
            }
        }));
        if failed.into_inner() { Err(not_converged("linalg.eigh", "")) } else { Ok(()) }
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(0).output(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        if !self.vectors {
            return fail("linalg_eigvalsh_backward", "the eigenvectors are missing".into());
        }
        let (w, v) = (Term::from(ctx.output(0)?), Term::from(ctx.output(1)?));
        let mut inner = ctx.some_grad(0).map(|g| Term::from(g).diag_embed());
        if let Some(g) = ctx.some_grad(1) {
            let own = v.h().mm(&Term::from(g));
            let turn = own.clone() - own.diagonal().diag_embed();
            let part = turn * gaps(&w);
            inner = Some(match inner {
                Some(diagonal) => diagonal + part,
                None => part,
            });
        }
        let Some(inner) = inner else { return Ok(ctx.grads()) };
        let inner = inner.then(|x| x.to(ctx.dtype(0)));
        let grad = v.mm(&inner).mm(&v.h());
        // Only the Hermitian part moves the result.
        Ok(smallvec![Some(((&grad + &grad.h()) * 0.5).0?)])
    }
    crate::attributes!(vectors);
}

/// Whether the lower triangle is meant.
fn is_lower(op: &'static str, uplo: &str) -> Result<bool> {
    match uplo {
        "L" | "l" => Ok(true),
        "U" | "u" => Ok(false),
        _ => fail(op, format!("Expected UPLO argument to be 'L' or 'U', but got {uplo}")),
    }
}

fn eigh_of(op: &'static str, a: &Tensor, uplo: &str, vectors: bool) -> Result<(Tensor, Tensor)> {
    check_square(op, "A", a)?;
    let lower = is_lower(op, uplo)?;
    let turned = if lower { a.clone() } else { adjoint(a)? };
    let mut both = apply_all(Eigh { vectors }, Inputs(&[Some(&turned)]))?;
    Ok((both.swap_remove(0), both.remove(0)))
}

pub fn eigh(a: &Tensor, uplo: &str) -> Result<(Tensor, Tensor)> {
    eigh_of("linalg.eigh", a, uplo, true)
}

fn wants_grad(a: &Tensor) -> bool {
    let modes = crate::autograd::Modes::current();
    modes.capture || modes.grad && a.requires_grad()
}

pub fn eigvalsh(a: &Tensor, uplo: &str) -> Result<Tensor> {
    Ok(eigh_of("linalg.eigvalsh", a, uplo, wants_grad(a))?.0)
}

/// Eigenvalues and eigenvectors of square matrices, complex numbers all of them.
#[derive(Debug)]
pub struct Eig {
    /// Without them the second output is empty.
    pub vectors: bool,
}

impl Op for Eig {
    fn name(&self) -> &'static str {
        "linalg_eig"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_square("linalg.eig", "A", a)?;
        let dtype = a.dtype().to_complex();
        let vectors = if self.vectors { a.shape().into() } else { Shape::from_slice(&[0]) };
        Ok(smallvec![Meta::New(dtype, join(batch(a), &[sizes(a).0])), Meta::New(dtype, vectors)])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, values) = (Stack::matrices(&inputs[0]), Stack::vectors(&outputs[0]));
        let vectors = self.vectors.then(|| Stack::matrices(&outputs[1]));
        let (failed, real) = (AtomicBool::new(false), !inputs[0].dtype().is_complex());
        for_each(a.batch(), 25 * cost(&a), |b| match general::eig(a.get::<C128>(b), self.vectors, real) {
            Some((w, v)) => {
                values.put_vector(b, &w);
                if let Some(to) = &vectors {
                    to.put(b, &v);
                }
            }
            None => failed.store(true, Relaxed),
        });
        if failed.into_inner() { Err(not_converged("linalg.eig", "")) } else { Ok(()) }
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(0).output(1)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        // gA = V⁻ᴴ·(diag(gw) + (Vᴴ·gV − VᴴV·diag(Re(Vᴴ·gV))) / conj(w[j] − w[i]))·Vᴴ: the vectors are of unit length.
        let (w, v) = (Term::from(ctx.output(0)?), Term::from(ctx.output(1)?));
        let vh = v.h();
        let mut inner = ctx.some_grad(0).map(|g| Term::from(g).diag_embed());
        if let Some(g) = ctx.some_grad(1) {
            let own = vh.mm(&Term::from(g));
            let length = own.diagonal().then(|d| d.real());
            let turn = &own - &(vh.mm(&v) * length.unsqueeze(-2));
            let turn = turn.clone() - turn.diagonal().diag_embed();
            let part = turn * gaps(&w).conj();
            inner = Some(match inner {
                Some(diagonal) => diagonal + part,
                None => part,
            });
        }
        let Some(inner) = inner else { return Ok(ctx.grads()) };
        let inner = inner.mm(&vh);
        Ok(smallvec![Some(vh.then(|vh| solve(vh, inner.0.as_ref().map_err(Clone::clone)?, true)).0?)])
    }
    crate::attributes!(vectors);
}

fn eig_of(op: &'static str, a: &Tensor, vectors: bool) -> Result<(Tensor, Tensor)> {
    check_square(op, "A", a)?;
    let mut both = apply_all(Eig { vectors }, Inputs(&[Some(a)]))?;
    Ok((both.swap_remove(0), both.remove(0)))
}

pub fn eig(a: &Tensor) -> Result<(Tensor, Tensor)> {
    eig_of("linalg.eig", a, true)
}

pub fn eigvals(a: &Tensor) -> Result<Tensor> {
    Ok(eig_of("linalg.eigvals", a, wants_grad(a))?.0)
}

/// U, the singular values, descending, and Vᴴ.
#[derive(Debug)]
pub struct Svd {
    /// Square U and Vᴴ; else their first columns and rows.
    pub full: bool,
    /// Without them U and Vᴴ are empty.
    pub vectors: bool,
}

impl Op for Svd {
    fn name(&self) -> &'static str {
        "linalg_svd"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        let a = &inputs[0];
        check_matrices("linalg.svd", "A", a)?;
        let ((m, n), batch) = (sizes(a), batch(a));
        let k = m.min(n);
        let (u, v) = if self.full { (m, n) } else { (k, k) };
        let shape = |sizes: &[usize]| if self.vectors { join(batch, sizes) } else { Shape::from_slice(&[0]) };
        Ok(smallvec![
            Meta::New(a.dtype(), shape(&[m, u])),
            Meta::New(a.dtype().to_real(), join(batch, &[k])),
            Meta::New(a.dtype(), shape(&[v, n])),
        ])
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let (a, values) = (Stack::matrices(&inputs[0]), Stack::vectors(&outputs[1]));
        let vectors = self.vectors.then(|| (Stack::matrices(&outputs[0]), Stack::matrices(&outputs[2])));
        let failed = AtomicBool::new(false);
        in_field!(inputs[0].dtype(), F => for_each(a.batch(), 20 * cost(&a), |b| {
            let columns = vectors.as_ref().map(|(u, v)| [u.cols, v.rows]);
            match singular::svd(a.get::<F>(b), columns) {
                Some((u, s, v)) => {
                    values.put_vector(b, &s);
                    if let Some((to_u, to_v)) = &vectors {
                        to_u.put(b, &u);
                        to_v.put(b, &v.adjoint());
                    }
                }
                None => failed.store(true, Relaxed),
            }
        }));
        if failed.into_inner() { Err(not_converged("linalg.svd", "")) } else { Ok(()) }
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.output(0).output(1).output(2)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        if !self.vectors {
            return fail("svd_backward", "the singular vectors are missing".into());
        }
        let shape = ctx.shape(0);
        let (m, n) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        let k = m.min(n);
        // What is beyond the first k columns is any basis of the rest: nothing of it flows back.
        let (u, s) = (Term::from(ctx.output(0)?).columns(0, k), Term::from(ctx.output(1)?));
        let vh = Term::from(ctx.output(2)?).rows(0, k);
        let gu = ctx.some_grad(0).map(|g| Term::from(g).columns(0, k));
        let gvh = ctx.some_grad(2).map(|g| Term::from(g).rows(0, k));
        let mut inner = ctx.some_grad(1).map(|g| Term::from(g).diag_embed());
        let mut add = |part: Term| {
            inner = Some(match inner.take() {
                Some(sum) => sum + part,
                None => part,
            });
        };
        let squares = &s * &s;
        let weights = gaps(&squares);
        let (down, across) = (s.unsqueeze(-1), s.unsqueeze(-2));
        let skew = |x: &Term| {
            let x = x - &x.h();
            x.clone() - x.diagonal().diag_embed()
        };
        let (uu, vv) = (gu.as_ref().map(|g| u.h().mm(g)), gvh.as_ref().map(|g| vh.mm(&g.h())));
        if let Some(uu) = &uu {
            add(skew(uu) * &weights * &across);
        }
        if let Some(vv) = &vv {
            add(skew(vv) * &weights * &down);
        }
        if ctx.dtype(0).is_complex() {
            // The phases of a pair of vectors turn against each other.
            let phase = |x: &Term| {
                let x = x.diagonal();
                (&x - &x.conj()) * 0.5
            };
            let turn = match (&uu, &vv) {
                (Some(uu), Some(vv)) => Some((phase(uu) - phase(vv)) * 0.5),
                (Some(uu), None) => Some(phase(uu)),
                (None, Some(vv)) => Some(-phase(vv)),
                (None, None) => None,
            };
            if let Some(turn) = turn {
                add((turn / &s).diag_embed());
            }
        }
        let Some(inner) = inner else { return Ok(ctx.grads()) };
        let inner = inner.then(|x| x.to(ctx.dtype(0)));
        let mut grad = u.mm(&inner).mm(&vh);
        if let Some(gu) = gu.filter(|_| m > k) {
            let rest = &gu - &u.mm(&u.h().mm(&gu));
            grad = grad + (rest / &across).mm(&vh);
        }
        if let Some(gvh) = gvh.filter(|_| n > k) {
            let rest = &gvh - &gvh.mm(&vh.h()).mm(&vh);
            grad = grad + u.mm(&(rest / &down));
        }
        Ok(smallvec![Some(grad.0?)])
    }
    crate::attributes!(full, vectors);
}

fn svd_of(a: &Tensor, full: bool, vectors: bool) -> Result<(Tensor, Tensor, Tensor)> {
    let mut all = apply_all(Svd { full, vectors }, Inputs(&[Some(a)]))?.into_iter();
    match (all.next(), all.next(), all.next()) {
        (Some(u), Some(s), Some(vh)) => Ok((u, s, vh)),
        _ => fail("linalg.svd", "a result is missing".into()),
    }
}

/// With `full`, U and Vᴴ are square.
pub fn svd(a: &Tensor, full: bool) -> Result<(Tensor, Tensor, Tensor)> {
    svd_of(a, full, true)
}

/// The singular values, descending.
pub fn svdvals(a: &Tensor) -> Result<Tensor> {
    check_matrices("linalg.svdvals", "A", a)?;
    Ok(svd_of(a, false, wants_grad(a))?.1)
}

/// The old form: V instead of its adjoint, and zeros for U and V if they are not wanted.
pub fn old_svd(a: &Tensor, some: bool, vectors: bool) -> Result<(Tensor, Tensor, Tensor)> {
    check_matrices("svd", "input", a)?;
    if vectors {
        let (u, s, vh) = svd(a, !some)?;
        return Ok((u, s, adjoint(&vh)?));
    }
    let (m, n) = sizes(a);
    let zeros = |n: usize| Tensor::zeros(&join(batch(a), &[n, n]), a.dtype());
    Ok((zeros(m)?, svdvals(a)?, zeros(n)?))
}
