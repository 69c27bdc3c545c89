//! Sums of products by a formula: `einsum("bij,bjk->bik", …)`.
//!
//! Each operand becomes a [`Term`] whose dimensions bear labels, each label once. Two terms at a time are contracted into one,
//! as a batched product of matrices, in the order of a [`plan`]; the last one is summed and turned into the result.

use super::check_dtype;
use crate::error::{Error, Result};
use crate::ops::shape::{diagonal, permute};
use crate::tensor::Tensor;

/// A letter, or the number of a dimension that an ellipsis stands for, counted from the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Label {
    Letter(char),
    Dots(usize),
}

fn fail<T>(text: String) -> Result<T> {
    Err(Error::custom("einsum", format!("einsum(): {text}")))
}

/// One side of a formula: letters, and where three dots are among them.
struct Subscripts {
    before: Vec<char>,
    after: Option<Vec<char>>,
}

impl Subscripts {
    fn parse(text: &str, whole: &str) -> Result<Subscripts> {
        let (mut before, mut after) = (Vec::new(), None::<Vec<char>>);
        let mut rest = text.chars().filter(|c| !c.is_whitespace()).peekable();
        while let Some(c) = rest.next() {
            match c {
                '.' => {
                    if after.is_some() {
                        return fail(format!(
                            "found '.' for an operand for which an ellipsis was already found in {whole:?}"
                        ));
                    }
                    if rest.next() != Some('.') || rest.next() != Some('.') {
                        return fail(format!("found '.' in {whole:?} that is not part of any ellipsis (...)"));
                    }
                    after = Some(Vec::new());
                }
                c if c.is_ascii_alphabetic() => after.as_mut().unwrap_or(&mut before).push(c),
                c => {
                    return fail(format!("invalid subscript {c:?} in {whole:?}, subscripts must be in [a-zA-Z]"));
                }
            }
        }
        Ok(Subscripts { before, after })
    }

    fn letters(&self) -> usize {
        self.before.len() + self.after.as_ref().map_or(0, Vec::len)
    }

    /// A label for each dimension, where dots stand for `dots` of them.
    fn labels(&self, dots: usize) -> Vec<Label> {
        let mut labels: Vec<Label> = self.before.iter().copied().map(Label::Letter).collect();
        if let Some(after) = &self.after {
            labels.extend((0..dots).rev().map(Label::Dots));
            labels.extend(after.iter().copied().map(Label::Letter));
        }
        labels
    }
}

/// A tensor whose dimensions bear labels, each of them once.
#[derive(Clone)]
struct Term {
    tensor: Tensor,
    labels: Vec<Label>,
}

impl Term {
    fn size(&self, label: Label) -> Option<usize> {
        let d = self.labels.iter().position(|&l| l == label)?;
        Some(self.tensor.shape()[d])
    }

    fn has(&self, label: Label) -> bool {
        self.labels.contains(&label)
    }

    /// Repeated labels become diagonals.
    fn new(tensor: &Tensor, labels: &[Label], number: usize) -> Result<Term> {
        let mut term = Term { tensor: tensor.clone(), labels: labels.to_vec() };
        let mut d = 0;
        while d < term.labels.len() {
            let label = term.labels[d];
            match term.labels[..d].iter().position(|&l| l == label) {
                None => d += 1,
                Some(first) => {
                    let (m, n) = (term.tensor.shape()[first], term.tensor.shape()[d]);
                    if m != n {
                        let what = format!("subscript {} is repeated for operand {number}", show(label));
                        return fail(format!("{what} but the sizes don't match, {n} != {m}"));
                    }
                    // The diagonal comes last.
                    term.tensor = diagonal(&term.tensor, 0, first as i64, d as i64)?;
                    term.labels.remove(d);
                    term.labels.remove(first);
                    term.labels.push(label);
                    d = 0;
                }
            }
        }
        Ok(term)
    }

    /// Without the dimensions that are summed away.
    fn sum(&self, gone: impl Fn(Label) -> bool) -> Result<Term> {
        let dims: Vec<i64> = (0..self.labels.len()).filter(|&d| gone(self.labels[d])).map(|d| d as i64).collect();
        if dims.is_empty() {
            return Ok(self.clone());
        }
        let labels = self.labels.iter().copied().filter(|&l| !gone(l)).collect();
        // A sum over one element is that element.
        let ones = dims.iter().all(|&d| self.tensor.shape()[d as usize] == 1);
        let tensor = if ones {
            let rest: Vec<usize> =
                (0..self.labels.len()).filter(|&d| !gone(self.labels[d])).map(|d| self.tensor.shape()[d]).collect();
            self.tensor.reshape(&rest)?
        } else {
            self.tensor.sum(&dims, false)?.to(self.tensor.dtype())?
        };
        Ok(Term { tensor, labels })
    }

    /// The dimensions in groups: each group becomes one dimension.
    fn grouped(&self, groups: &[&[Label]]) -> Result<Tensor> {
        let order: Vec<Label> = groups.iter().flat_map(|group| group.iter().copied()).collect();
        let shape: Vec<usize> =
            groups.iter().map(|group| group.iter().filter_map(|&l| self.size(l)).product()).collect();
        self.ordered(&order)?.reshape(&shape)
    }

    fn ordered(&self, order: &[Label]) -> Result<Tensor> {
        if order == self.labels {
            return Ok(self.tensor.clone());
        }
        let at = |l: &Label| self.labels.iter().position(|m| m == l).map(|d| d as i64);
        permute(&self.tensor, &order.iter().filter_map(at).collect::<Vec<_>>())
    }
}

fn show(label: Label) -> String {
    match label {
        Label::Letter(c) => c.to_string(),
        Label::Dots(_) => "...".to_string(),
    }
}

/// Contracts two terms; of the labels, those in `kept` are needed later.
fn contract(a: &Term, b: &Term, kept: &dyn Fn(Label) -> bool) -> Result<Term> {
    // A size of 1 beside another one is broadcast: the label is then the other's alone.
    let spread = |x: &Term, y: &Term, l: Label| x.size(l) == Some(1) && y.size(l).is_some_and(|n| n != 1);
    let (a, b) = (a.sum(|l| spread(a, b, l))?, b.sum(|l| spread(b, a, l))?);
    let (a, b) = (a.sum(|l| !b.has(l) && !kept(l))?, b.sum(|l| !a.has(l) && !kept(l))?);
    let of = |x: &Term, test: &dyn Fn(Label) -> bool| x.labels.iter().copied().filter(|&l| test(l)).collect::<Vec<_>>();
    let batch = of(&a, &|l| b.has(l) && kept(l));
    let along = of(&a, &|l| b.has(l) && !kept(l));
    let (left, right) = (of(&a, &|l| !b.has(l)), of(&b, &|l| !a.has(l)));
    let tensor = if along.is_empty() {
        // Nothing to sum: elements times elements.
        let open = |x: &Term, own: &[Label], before: usize, after: usize| -> Result<Tensor> {
            let order = [&batch[..], own].concat();
            let x = x.ordered(&order)?;
            let (shared, own) = x.shape().split_at(batch.len());
            let shape = [shared, &vec![1; before], own, &vec![1; after]].concat();
            x.reshape(&shape)
        };
        open(&a, &left, 0, right.len())?.mul(&open(&b, &right, left.len(), 0)?)?
    } else {
        let x = a.grouped(&[&batch, &left, &along])?;
        let y = b.grouped(&[&batch, &along, &right])?;
        let size = |l: &Label| a.size(*l).or(b.size(*l)).unwrap_or(1);
        let shape: Vec<usize> = batch.iter().chain(&left).chain(&right).map(size).collect();
        let product = match batch.is_empty() {
            true => x.reshape(&x.shape()[1..])?.matmul(&y.reshape(&y.shape()[1..])?)?,
            false => x.matmul(&y)?,
        };
        product.reshape(&shape)?
    };
    Ok(Term { tensor, labels: [batch, left, right].concat() })
}

/// `equation` names the dimensions of each operand; after `->` stand those of the result, without it all that occur once, in
/// alphabetical order. Three dots stand for further dimensions, which broadcast. `path` says which operands to contract next
/// (each result is put at the end of the list); without it the order that needs the fewest multiplications is found.
pub fn einsum(equation: &str, operands: &[Tensor], path: Option<&[i64]>) -> Result<Tensor> {
    if operands.is_empty() {
        return fail("must provide at least one operand".into());
    }
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(Subscripts::parse(output, equation)?)),
        None => (equation, None),
    };
    let subscripts: Vec<Subscripts> =
        inputs.split(',').map(|text| Subscripts::parse(text, equation)).collect::<Result<_>>()?;
    if subscripts.len() != operands.len() {
        let (given, expected) = if subscripts.len() > operands.len() { ("fewer", "") } else { ("more", "") };
        let counts = format!("{} for {equation:?}", operands.len());
        return fail(format!("{given} operands were provided than specified in the equation{expected}: {counts}"));
    }
    let (mut terms, mut dots) = (Vec::new(), 0);
    for (i, (of, tensor)) in subscripts.iter().zip(operands).enumerate() {
        check_dtype_of(&operands[0], tensor)?;
        let (letters, ndim) = (of.letters(), tensor.ndim());
        if letters > ndim || letters < ndim && of.after.is_none() {
            let (more, none) = if of.after.is_some() {
                ("more subscripts than dimensions", "")
            } else {
                ("a number of subscripts that does not match the number of dimensions", " and no ellipsis was given")
            };
            let text = format!(
                "the number of subscripts in the equation ({letters}) does not match the number of dimensions ({ndim}) for operand {i}{none}"
            );
            return fail(format!("{text}: {more}"));
        }
        let own = ndim - letters;
        dots = dots.max(if of.after.is_some() { own } else { 0 });
        terms.push(Term::new(tensor, &of.labels(own), i)?);
    }
    let order = match &output {
        Some(of) => {
            let labels = of.labels(dots);
            for (i, &label) in labels.iter().enumerate() {
                if labels[..i].contains(&label) {
                    return fail(format!("output subscript {} appears more than once in the output", show(label)));
                }
                if !terms.iter().any(|t| t.has(label)) {
                    let text = format!(
                        "output subscript {} does not appear in the equation for any input operand",
                        show(label)
                    );
                    return fail(text);
                }
            }
            labels
        }
        None => implied(&subscripts, dots),
    };
    let sizes = check_sizes(&terms)?;
    let result = match path {
        Some(path) => along_path(terms, &order, path)?,
        None => along_plan(terms, &order, &sizes)?,
    };
    // A size that was 1 wherever it stood may have been summed away in broadcasting: never one of the result's.
    let result = result.sum(|l| !order.contains(&l))?.ordered(&order)?;
    if operands.len() == 1 && operands[0].same(&result) { crate::ops::shape::alias(&result) } else { Ok(result) }
}

fn check_dtype_of(first: &Tensor, tensor: &Tensor) -> Result<()> {
    if first.same(tensor) || first.dtype() == tensor.dtype() { Ok(()) } else { check_dtype("einsum", first, tensor) }
}

/// Without `->`: the dots, then letters that occur once, capitals first.
fn implied(subscripts: &[Subscripts], dots: usize) -> Vec<Label> {
    let all: Vec<char> =
        subscripts.iter().flat_map(|s| s.before.iter().chain(s.after.iter().flatten()).copied()).collect();
    let mut once: Vec<char> = all.iter().copied().filter(|c| all.iter().filter(|d| *d == c).count() == 1).collect();
    once.sort_unstable();
    (0..dots).rev().map(Label::Dots).chain(once.into_iter().map(Label::Letter)).collect()
}

/// The size of each label; sizes other than 1 must agree.
fn check_sizes(terms: &[Term]) -> Result<Vec<(Label, usize)>> {
    let mut sizes: Vec<(Label, usize)> = Vec::new();
    for (i, term) in terms.iter().enumerate() {
        for (&label, &size) in term.labels.iter().zip(term.tensor.shape()) {
            match sizes.iter_mut().find(|(l, _)| *l == label) {
                None => sizes.push((label, size)),
                Some((_, seen)) if *seen == 1 => *seen = size,
                Some((_, seen)) if size != 1 && size != *seen => {
                    let what = format!("subscript {} has size {size} for operand {i}", show(label));
                    return fail(format!("{what} which does not broadcast with previously seen size {seen}"));
                }
                Some(_) => {}
            }
        }
    }
    Ok(sizes)
}

/// Takes terms `i` and `j` out of the list and puts their product at its end.
fn step(terms: &mut Vec<Term>, i: usize, j: usize, order: &[Label]) -> Result<()> {
    let (i, j) = (i.min(j), i.max(j));
    let b = terms.remove(j);
    let a = terms.remove(i);
    let kept = |l: Label| order.contains(&l) || terms.iter().any(|t| t.has(l));
    let product = contract(&a, &b, &kept)?;
    terms.push(product);
    Ok(())
}

/// Pairs of numbers, one after the other.
fn along_path(mut terms: Vec<Term>, order: &[Label], path: &[i64]) -> Result<Term> {
    let n = terms.len();
    if n > 1 && path.len() != 2 * (n - 1) {
        let text = format!("expected contraction path given in path parameter to have size {}", 2 * (n - 1));
        return fail(format!("{text} but got {}", path.len()));
    }
    for pair in path.chunks_exact(2).take(n - 1) {
        let found = |i: i64| usize::try_from(i).ok().filter(|&i| i < terms.len());
        match (found(pair[0]), found(pair[1])) {
            (Some(i), Some(j)) if i != j => step(&mut terms, i, j, order)?,
            _ => return fail(format!("invalid contraction path: ({}, {}) of {} terms", pair[0], pair[1], terms.len())),
        }
    }
    last(terms)
}

fn last(mut terms: Vec<Term>) -> Result<Term> {
    terms.pop().map_or_else(|| fail("no operand is left".into()), Ok)
}

fn along_plan(mut terms: Vec<Term>, order: &[Label], sizes: &[(Label, usize)]) -> Result<Term> {
    if terms.len() > 2 {
        for (i, j) in plan(&terms, order, sizes) {
            step(&mut terms, i, j, order)?;
        }
    } else if terms.len() == 2 {
        step(&mut terms, 0, 1, order)?;
    }
    last(terms)
}

/// Operands up to which all orders are tried.
const ALL_ORDERS: usize = 8;

/// In which order to contract: pairs of places, as for `step`. Labels are bits of a number; the cost of a step is the product
/// of the sizes of all labels that take part.
fn plan(terms: &[Term], order: &[Label], sizes: &[(Label, usize)]) -> Vec<(usize, usize)> {
    let bit = |l: &Label| sizes.iter().position(|(m, _)| m == l).map_or(0, |i| 1u128 << i.min(127));
    let bits = |labels: &[Label]| labels.iter().map(bit).fold(0, |a, b| a | b);
    let volume = |set: u128| -> f64 {
        sizes.iter().enumerate().filter(|(i, _)| set >> (*i).min(127) & 1 == 1).map(|(_, s)| s.1 as f64).product()
    };
    let sets: Vec<u128> = terms.iter().map(|t| bits(&t.labels)).collect();
    let (n, output) = (terms.len(), bits(order));
    if n > ALL_ORDERS { greedy(sets, output, &volume) } else { thorough(&sets, n, output, &volume) }
}

/// The best of all orders, by dynamic programming over the subsets of the operands.
fn thorough(sets: &[u128], n: usize, output: u128, volume: &dyn Fn(u128) -> f64) -> Vec<(usize, usize)> {
    let full = (1usize << n) - 1;
    let union = |group: usize| (0..n).filter(|i| group >> i & 1 == 1).fold(0, |a, i| a | sets[i]);
    // What is left of a group's labels when it has been contracted.
    let left: Vec<u128> = (0..=full).map(|g| union(g) & (output | union(full & !g))).collect();
    let mut best = vec![(f64::INFINITY, 0usize); full + 1];
    for group in 1..=full {
        if group.is_power_of_two() {
            best[group] = (0.0, 0);
            continue;
        }
        let mut part = (group - 1) & group;
        while part > 0 {
            let other = group & !part;
            if part > other {
                let set = |g: usize| if g.is_power_of_two() { union(g) } else { left[g] };
                let cost = best[part].0 + best[other].0 + volume(set(part) | set(other));
                if cost < best[group].0 {
                    best[group] = (cost, part);
                }
            }
            part = (part - 1) & group;
        }
    }
    // From the tree to places in a list that shrinks.
    let mut list: Vec<usize> = (0..n).map(|i| 1 << i).collect();
    let mut pairs = Vec::new();
    fn walk(group: usize, best: &[(f64, usize)], list: &mut Vec<usize>, pairs: &mut Vec<(usize, usize)>) {
        if group.is_power_of_two() {
            return;
        }
        let part = best[group].1;
        walk(part, best, list, pairs);
        walk(group & !part, best, list, pairs);
        let at = |list: &[usize], g: usize| list.iter().position(|&x| x == g).unwrap_or(0);
        let (i, j) = (at(list, part), at(list, group & !part));
        pairs.push((i, j));
        list.remove(i.max(j));
        list.remove(i.min(j));
        list.push(group);
    }
    walk(full, &best, &mut list, &mut pairs);
    pairs
}

/// Again and again the pair whose product is smallest compared with what it replaces.
fn greedy(mut sets: Vec<u128>, output: u128, volume: &dyn Fn(u128) -> f64) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    while sets.len() > 1 {
        let mut best = (f64::INFINITY, f64::INFINITY, 0, 1, 0);
        for i in 0..sets.len() {
            for j in i + 1..sets.len() {
                let others = (0..sets.len()).filter(|&k| k != i && k != j).fold(output, |a, k| a | sets[k]);
                let left = (sets[i] | sets[j]) & others;
                let gain = volume(left) - volume(sets[i]) - volume(sets[j]);
                let cost = volume(sets[i] | sets[j]);
                if (gain, cost) < (best.0, best.1) {
                    best = (gain, cost, i, j, left);
                }
            }
        }
        let (_, _, i, j, left) = best;
        pairs.push((i, j));
        sets.remove(j);
        sets.remove(i);
        sets.push(left);
    }
    pairs
}
