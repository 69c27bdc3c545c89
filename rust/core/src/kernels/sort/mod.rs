//! Sorting and selecting along a dimension. Elements become unsigned keys whose order is theirs (NaN last, −0 as 0), and each key
//! carries its place: so every order is total, every sort is stable, and results do not depend on threads.

pub mod keys;
mod radix;
pub mod search;
#[cfg(test)]
mod tests;

use super::iter::{Operand, along};
use super::threads::num_threads;
use crate::dtype::DType;
use keys::{Key, Keys, is_narrow};

/// A row of an operand.
#[derive(Clone, Copy)]
pub struct Line {
    pub ptr: *mut u8,
    /// Bytes from one element to the next.
    pub step: isize,
}

impl Line {
    fn at(&self, i: usize) -> *mut u8 {
        self.ptr.wrapping_offset(self.step * i as isize)
    }

    /// # Safety
    /// Both elements must exist and be of `size`.
    unsafe fn copy_from(&self, to: usize, from: Line, at: usize, size: usize) {
        let (to, from) = (self.at(to), from.at(at));
        // SAFETY: the caller's promise.
        unsafe {
            match size {
                1 => to.write(from.read()),
                2 => to.cast::<u16>().write_unaligned(from.cast::<u16>().read_unaligned()),
                4 => to.cast::<u32>().write_unaligned(from.cast::<u32>().read_unaligned()),
                8 => to.cast::<u64>().write_unaligned(from.cast::<u64>().read_unaligned()),
                _ => to.cast::<[u64; 2]>().write_unaligned(from.cast::<[u64; 2]>().read_unaligned()),
            }
        }
    }

    /// # Safety
    /// Element `i` of this line must be an i64.
    unsafe fn put(&self, i: usize, index: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.at(i).cast::<i64>().write(index as i64) }
    }
}

/// What is sought in each row.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Sought {
    /// All of it, in order.
    Sorted { descending: bool },
    /// The first `k` of that order.
    Top { k: usize, largest: bool },
    /// The k-th smallest, counted from 0.
    Nth(usize),
    /// The middle one (the lower of two); NaN if there is any, or, if they are to be left out, among the others.
    Median { skip_nan: bool },
    /// The most frequent one, the least of several.
    Mode,
}

crate::saved_variants! {
    Sought {
        Sorted { descending: descending }, Top { k: k, largest: largest }, Nth { 0: k }, Median { skip_nan: skip }, Mode {},
    }
}

/// Finds what is sought in every row of `x` along `dim`, whose length is not 0: values and places. The outputs have the shape
/// of `x` with as many elements along `dim` as are sought.
///
/// # Safety
/// The operands must be valid: `x` of `dtype`, values too, places i64; outputs overlap nothing.
pub unsafe fn find(sought: Sought, dtype: DType, dim: usize, x: &Operand, values: Option<&Operand>, places: &Operand) {
    let n = x.shape[dim];
    let rows = x.shape.iter().product::<usize>() / n.max(1);
    if rows == 0 || n == 0 {
        return;
    }
    let step = |o: &Operand| o.strides[dim] * o.size as isize;
    let steps = (step(x), values.map(step), step(places));
    // Few long rows: the threads share each of them. Otherwise each row has one thread.
    let shared = rows < num_threads() && n >= radix::LONG;
    let all = [Some(x), values, Some(places)].into_iter().flatten().copied().collect::<Vec<_>>();
    let one = |from: Line, to: Option<Line>, at: Line| {
        let job = Job { sought, dtype, n, from, to, at, shared };
        // SAFETY: the caller's promise.
        unsafe { if is_narrow(dtype) { job.run::<u32>() } else { job.run::<u64>() } }
    };
    let shape = x.shape;
    let last = all.len() - 1;
    let body = |run: super::iter::Run| {
        for r in 0..run.len {
            let start = |o: usize| run.ptrs[o].wrapping_offset(run.strides[o] * r as isize);
            let line = |o: usize, step: isize| Line { ptr: start(o), step };
            one(line(0, steps.0), steps.1.map(|step| line(1, step)), line(last, steps.2));
        }
    };
    if shared {
        // One thread goes through the rows, so that the pool is free for what is inside of each.
        return serially(shape, dim, &all, &body);
    }
    along(shape, dim, &all, &body);
}

/// Calls `body` with each row in turn.
fn serially(shape: &[usize], dim: usize, operands: &[Operand], body: &dyn Fn(super::iter::Run)) {
    let others: Vec<usize> = (0..shape.len()).filter(|&d| d != dim).collect();
    let rows: usize = others.iter().map(|&d| shape[d]).product();
    for row in 0..rows {
        let mut ptrs: Vec<*mut u8> = operands.iter().map(|o| o.ptr).collect();
        let mut rest = row;
        for &d in others.iter().rev() {
            let at = (rest % shape[d]) as isize;
            ptrs.iter_mut()
                .zip(operands)
                .for_each(|(p, o)| *p = p.wrapping_offset(at * o.strides[d] * o.size as isize));
            rest /= shape[d];
        }
        body(super::iter::Run { len: 1, ptrs: &ptrs, strides: &vec![0; operands.len()] });
    }
}

struct Job {
    sought: Sought,
    dtype: DType,
    n: usize,
    from: Line,
    to: Option<Line>,
    at: Line,
    shared: bool,
}

impl Job {
    /// Writes what was found: element `i` of the outputs is element `place` of the row.
    unsafe fn write(&self, i: usize, place: usize) {
        // SAFETY: the promise of `find`'s caller.
        unsafe {
            if let Some(to) = self.to {
                to.copy_from(i, self.from, place, self.dtype.size());
            }
            self.at.put(i, place);
        }
    }

    unsafe fn run<K: Key>(&self) {
        let keys = Keys { dtype: self.dtype, line: self.from, n: self.n };
        // SAFETY: the promise of `find`'s caller.
        unsafe {
            match self.sought {
                Sought::Sorted { descending } => {
                    let mut pairs = keys.pairs::<K>(descending);
                    radix::sort::<K>(&mut pairs, self.shared);
                    self.write_all::<K>(&pairs, descending);
                }
                Sought::Top { k, largest } => {
                    let mut best = top::<K>(&keys, k, largest);
                    best.sort_unstable();
                    self.write_all::<K>(&best, largest);
                }
                Sought::Nth(k) => {
                    let mut pairs = keys.pairs::<K>(false);
                    let (_, pair, _) = pairs.select_nth_unstable(k);
                    self.write(0, K::place(*pair));
                }
                Sought::Median { skip_nan } => {
                    let mut pairs = keys.pairs::<K>(false);
                    let nan = if self.dtype.is_float() { keys.nans::<K>(&pairs) } else { 0 };
                    let place = if nan > 0 && (!skip_nan || nan == self.n) {
                        pairs.iter().position(|&p| K::key(p) == K::NAN).unwrap_or(0)
                    } else {
                        K::place(*pairs.select_nth_unstable((self.n - nan - 1) / 2).1)
                    };
                    self.write(0, place);
                }
                Sought::Mode => {
                    let mut pairs = keys.pairs::<K>(false);
                    radix::sort::<K>(&mut pairs, self.shared);
                    let (mut best, mut start) = (0..1, 0);
                    for i in 1..=self.n {
                        if i == self.n || K::key(pairs[i]) != K::key(pairs[start]) {
                            if i - start > best.len() || start == 0 {
                                best = start..i;
                            }
                            start = i;
                        }
                    }
                    self.write(0, K::place(pairs[best.end - 1]));
                }
            }
        }
    }

    /// The pairs in order. Where a key tells all of its value, the value is made of it: that spares a walk through memory.
    unsafe fn write_all<K: Key>(&self, pairs: &[K::Pair], inverted: bool) {
        // SAFETY: the promise of `find`'s caller.
        unsafe {
            match self.to {
                Some(to) if self.dtype == DType::F32 && pairs.len() > 64 => {
                    for (i, &pair) in pairs.iter().enumerate() {
                        let key = K::key(pair).to_u64() as u32;
                        let value = keys::f32_of(if inverted { !key } else { key });
                        if value == 0.0 || value.is_nan() {
                            to.copy_from(i, self.from, K::place(pair), 4);
                        } else {
                            to.at(i).cast::<f32>().write(value);
                        }
                        self.at.put(i, K::place(pair));
                    }
                }
                _ => pairs.iter().enumerate().for_each(|(i, &pair)| self.write(i, K::place(pair))),
            }
        }
    }
}

/// The `k` first pairs, in any order. If they are few, the row is passed once: what might be among them is gathered until
/// there is too much of it.
unsafe fn top<K: Key>(keys: &Keys, k: usize, largest: bool) -> Vec<K::Pair> {
    // SAFETY: the caller's promise, in both branches.
    unsafe {
        if k == 0 {
            return Vec::new();
        }
        if k * 8 > keys.n {
            let mut pairs = keys.pairs::<K>(largest);
            if k < pairs.len() {
                pairs.select_nth_unstable(k - 1);
                pairs.truncate(k);
            }
            return pairs;
        }
        let most = 2 * k + 256;
        let mut best: Vec<K::Pair> = Vec::with_capacity(most + keys::TILE);
        let mut limit = K::NAN;
        keys.tiles::<K>(largest, &mut |first, tile| {
            for (c, chunk) in tile.chunks(32).enumerate() {
                // One comparison of all, without branches, says whether there is anything to look at.
                if !chunk.iter().fold(false, |any, key| any | (*key <= limit)) {
                    continue;
                }
                for (i, key) in chunk.iter().enumerate() {
                    if *key <= limit {
                        best.push(K::pair(*key, first + c * 32 + i));
                    }
                }
                if best.len() >= most {
                    best.select_nth_unstable(k - 1);
                    best.truncate(k);
                    limit = K::key(best[k - 1]);
                }
            }
        });
        if best.len() > k {
            best.select_nth_unstable(k - 1);
            best.truncate(k);
        }
        best
    }
}

/// What the distinct values of a dense tensor are.
pub struct Distinct {
    /// The place of the first of each, in order of value.
    pub first: Vec<usize>,
    /// For each element the number of its value.
    pub inverse: Vec<i64>,
    pub counts: Vec<i64>,
}

/// Sorts out the distinct values of `n` dense elements; each NaN is one of its own.
///
/// # Safety
/// There must be as many elements of `dtype`.
pub unsafe fn distinct(dtype: DType, ptr: *mut u8, n: usize) -> Distinct {
    let keys = Keys { dtype, line: Line { ptr, step: dtype.size() as isize }, n };
    // SAFETY: the caller's promise.
    unsafe { if is_narrow(dtype) { distinct_by::<u32>(&keys) } else { distinct_by::<u64>(&keys) } }
}

unsafe fn distinct_by<K: Key>(keys: &Keys) -> Distinct {
    // SAFETY: the caller's promise.
    let mut pairs = unsafe { keys.pairs::<K>(false) };
    radix::sort::<K>(&mut pairs, true);
    let mut all = Distinct { first: Vec::new(), inverse: vec![0; keys.n], counts: Vec::new() };
    let float = keys.dtype.is_float();
    for (i, &pair) in pairs.iter().enumerate() {
        let key = K::key(pair);
        if i == 0 || key != K::key(pairs[i - 1]) || float && key == K::NAN {
            all.first.push(K::place(pair));
            all.counts.push(0);
        }
        let number = all.first.len() - 1;
        all.inverse[K::place(pair)] = number as i64;
        all.counts[number] += 1;
    }
    all
}

/// The order of `rows` rows of `width` dense elements, compared place by place; equal rows keep their order.
///
/// # Safety
/// There must be as many elements of `dtype`.
pub unsafe fn row_order(dtype: DType, ptr: *mut u8, rows: usize, width: usize) -> (Vec<usize>, Vec<u64>) {
    let keys = Keys { dtype, line: Line { ptr, step: dtype.size() as isize }, n: rows * width };
    let mut all = Vec::with_capacity(keys.n);
    // SAFETY: the caller's promise.
    unsafe {
        match is_narrow(dtype) {
            true => keys.tiles::<u32>(false, &mut |_, tile| all.extend(tile.iter().map(|k| *k as u64))),
            false => keys.tiles::<u64>(false, &mut |_, tile| all.extend_from_slice(tile)),
        }
    }
    let mut order: Vec<usize> = (0..rows).collect();
    let row = |r: usize| &all[r * width..][..width];
    order.sort_by(|&a, &b| row(a).cmp(row(b)));
    (order, all)
}
