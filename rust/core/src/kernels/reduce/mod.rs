//! Reductions over any set of dimensions, in a fixed block tree: what is reduced is cut into blocks by the shape and
//! the strides alone, each block is folded in fixed lanes, and the blocks are joined pairwise. So the bits do not
//! depend on the number of threads, and sums are more accurate than a running sum.
//!
//! The engine here is not generic: it sees a reducer through [`Erased`], so that its code exists once. A reducer
//! (`folds`, `arg`, `moments`) says what a dense block and what a block of rows become, and how two results join.

pub mod arg;
pub mod folds;
pub mod moments;
#[cfg(test)]
mod tests;
pub mod tile;

use super::isa::{Isa, Kernel, dispatch};
use super::iter::Operand;
use super::threads::{GRAIN, split};
use crate::dtype::{DType, Element};
use smallvec::SmallVec;
use std::marker::PhantomData;
use tile::Scratch;

/// What becomes of numbers of type `In`. `Acc` is what stands for some of them on the way.
pub trait Reduce: Sync {
    type In: Element;
    type Acc: Copy + Send + Sync;
    type Out: Element;
    type Also: Element;
    /// Whether the order of what is reduced matters (positions come out).
    const ORDERED: bool = false;

    /// What nothing at all becomes.
    fn empty(&self) -> Self::Acc;
    /// A dense block, whose first element has position `first` among all that is reduced.
    fn block<I: Isa>(&self, x: &[Self::In], first: usize) -> Self::Acc;
    /// A block of several dense runs, each of which follows on the one before in position.
    #[inline(always)]
    fn runs<I: Isa>(&self, x: Runs<Self::In>, first: usize) -> Self::Acc {
        let mut acc = self.block::<I>(x.get(0), first);
        let mut i = 1;
        while i < x.count {
            acc = self.join(acc, self.block::<I>(x.get(i), first + i * x.n));
            i += 1;
        }
        acc
    }
    /// Column `k` of some rows into `acc[k]`; row `r` has position `first + r`.
    ///
    /// # Safety
    /// Each row must hold as many elements as `acc`; there are at most [`COLUMNS`].
    unsafe fn columns<I: Isa>(&self, rows: &[*const Self::In], first: usize, acc: &mut [Self::Acc]);
    fn join(&self, a: Self::Acc, b: Self::Acc) -> Self::Acc;
    fn finish(&self, acc: Self::Acc) -> (Self::Out, Self::Also);
}

/// `count` dense runs of `n` elements, `pitch` bytes apart.
#[derive(Clone, Copy)]
pub struct Runs<'a, T> {
    x: *const T,
    pub n: usize,
    pitch: isize,
    pub count: usize,
    of: PhantomData<&'a [T]>,
}

impl<'a, T> Runs<'a, T> {
    /// # Safety
    /// The runs must lie inside of what `x` points into, for as long as this lives.
    unsafe fn new(x: *const T, n: usize, pitch: isize, count: usize) -> Runs<'a, T> {
        Runs { x, n, pitch, count, of: PhantomData }
    }
    #[inline(always)]
    pub fn one(x: &'a [T]) -> Runs<'a, T> {
        Runs { x: x.as_ptr(), n: x.len(), pitch: 0, count: 1, of: PhantomData }
    }
    #[inline(always)]
    pub fn get(&self, i: usize) -> &'a [T] {
        debug_assert!(i < self.count);
        // SAFETY: the promise to `new`.
        unsafe { std::slice::from_raw_parts(self.x.wrapping_byte_offset(i as isize * self.pitch), self.n) }
    }
}

/// Blocks that are `step` bytes apart, one result each; a block of a longer row begins at position `first` of it.
struct Blocks<'a, R: Reduce> {
    reducer: &'a R,
    runs: Runs<'a, R::In>,
    step: isize,
    first: usize,
    acc: &'a mut [R::Acc],
}
impl<I: Isa, R: Reduce> Kernel<I> for Blocks<'_, R> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Blocks { reducer, mut runs, step, first, acc } = self;
        for acc in acc {
            *acc = reducer.runs::<I>(runs, first);
            runs.x = runs.x.wrapping_byte_offset(step);
        }
    }
}

struct Columns<'a, R: Reduce>(&'a R, &'a [*const R::In], usize, &'a mut [R::Acc]);
impl<I: Isa, R: Reduce> Kernel<I> for Columns<'_, R> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        // SAFETY: as for the erased `columns`.
        unsafe { self.0.columns::<I>(self.1, self.2, self.3) }
    }
}

/// Dense runs as [`Runs`] has them, of a type that is not known.
#[derive(Clone, Copy)]
struct Run {
    n: usize,
    pitch: isize,
    count: usize,
}
impl Run {
    fn one(n: usize) -> Run {
        Run { n, pitch: 0, count: 1 }
    }
}

/// A reducer whose types are known only to itself.
///
/// # Safety
/// The pointers that its methods take must be valid for what they name, and aligned to 16 bytes at their start.
unsafe trait Erased: Sync {
    fn ordered(&self) -> bool;
    fn acc_size(&self) -> usize;
    fn in_size(&self) -> usize;
    /// Folds `count` dense runs of `n` numbers into `acc`, or joins the result to what stands there.
    unsafe fn block(&self, x: *const u8, run: Run, first: usize, acc: *mut u8, join: bool);
    /// Folds whole rows, one result each.
    unsafe fn rows(&self, x: *const u8, n: usize, pitch: isize, count: usize, acc: *mut u8);
    unsafe fn columns(&self, rows: &[*const u8], n: usize, first: usize, acc: *mut u8);
    /// `acc[k] = join(acc[k], acc[n + k])` for all `k < m`.
    unsafe fn fold(&self, acc: *mut u8, n: usize, m: usize);
    /// Joins the `blocks` partial results of each of `n` elements and writes what comes out of it, densely. The
    /// partial results of an element are `pitch` apart, those of the next `step` further on.
    unsafe fn finish(&self, partial: *const u8, n: usize, step: usize, blocks: usize, pitch: usize, out: [*mut u8; 2]);
}

// SAFETY: the methods only touch what their callers vouch for.
unsafe impl<R: Reduce> Erased for R {
    fn ordered(&self) -> bool {
        R::ORDERED
    }
    fn acc_size(&self) -> usize {
        size_of::<R::Acc>()
    }
    fn in_size(&self) -> usize {
        size_of::<R::In>()
    }
    unsafe fn block(&self, x: *const u8, Run { n, pitch, count }: Run, first: usize, acc: *mut u8, join: bool) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut one = [self.empty()];
            let runs = Runs::new(x.cast(), n, pitch, count);
            dispatch(Blocks { reducer: self, runs, step: 0, first, acc: &mut one });
            let acc = acc.cast::<R::Acc>();
            acc.write(if join { Reduce::join(self, acc.read(), one[0]) } else { one[0] });
        }
    }
    unsafe fn rows(&self, x: *const u8, n: usize, pitch: isize, count: usize, acc: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe {
            let acc = std::slice::from_raw_parts_mut(acc.cast::<R::Acc>(), count);
            let runs = Runs::new(x.cast(), n, 0, 1);
            dispatch(Blocks { reducer: self, runs, step: pitch, first: 0, acc })
        }
    }
    unsafe fn columns(&self, rows: &[*const u8], n: usize, first: usize, acc: *mut u8) {
        // SAFETY: pointers are pointers; the caller's promise.
        unsafe {
            let rows = std::slice::from_raw_parts(rows.as_ptr().cast(), rows.len());
            let acc = std::slice::from_raw_parts_mut(acc.cast::<R::Acc>(), n);
            acc.fill(self.empty());
            dispatch(Columns(self, rows, first, acc));
        }
    }
    unsafe fn fold(&self, acc: *mut u8, n: usize, m: usize) {
        // SAFETY: the caller's promise.
        let acc = unsafe { std::slice::from_raw_parts_mut(acc.cast::<R::Acc>(), n + m) };
        (0..m).for_each(|k| acc[k] = Reduce::join(self, acc[k], acc[n + k]));
    }
    unsafe fn finish(&self, partial: *const u8, n: usize, step: usize, blocks: usize, pitch: usize, out: [*mut u8; 2]) {
        let partial = partial.cast::<R::Acc>();
        for k in 0..n {
            // SAFETY: the caller's promise.
            let (a, b) = Reduce::finish(self, unsafe { tree(self, partial.add(k * step), blocks, pitch) });
            // SAFETY: the caller's promise.
            unsafe {
                out[0].cast::<R::Out>().add(k).write(a);
                out[1].cast::<R::Also>().add(k).write(b);
            }
        }
    }
}

/// Joins partial results pairwise, by a binary counter: when block b has come, as many pairs are complete as b + 1 has
/// trailing zeros.
///
/// # Safety
/// There must be `blocks` results, `pitch` apart.
unsafe fn tree<R: Reduce>(reducer: &R, partial: *const R::Acc, blocks: usize, pitch: usize) -> R::Acc {
    // SAFETY: the caller's promise.
    let one = |b: usize| unsafe { partial.add(b * pitch).read() };
    if blocks == 1 {
        return one(0);
    }
    let mut stack = [reducer.empty(); 48];
    let mut height = 0;
    let merge = |stack: &mut [R::Acc; 48], height: &mut usize| {
        *height -= 1;
        stack[*height - 1] = reducer.join(stack[*height - 1], stack[*height]);
    };
    for b in 0..blocks {
        stack[height] = one(b);
        height += 1;
        (0..(b + 1).trailing_zeros()).for_each(|_| merge(&mut stack, &mut height));
    }
    while height > 1 {
        merge(&mut stack, &mut height);
    }
    stack[0]
}

/// Elements of a block where what is reduced is dense; rows and columns of a block where what is kept is.
const BLOCK: usize = 4096;
/// The same where elements are read where they lie, without a tile.
const LONG: usize = 16384;
const ROWS: usize = 64;
const COLUMNS: usize = 512;
/// Rows shorter than this are taken side by side.
const SHORT: usize = 48;
/// Columns fewer than this are widened by taking several rows as one.
const NARROW: usize = 64;
/// Outputs that are finished together.
const CHUNK: usize = 256;

/// A dimension that is reduced: its size and stride (bytes).
#[derive(Clone, Copy)]
struct Reduced {
    size: usize,
    step: isize,
}

/// A dimension that is kept, with its strides (bytes) in what is read and in both outputs.
#[derive(Clone, Copy)]
struct Kept {
    size: usize,
    step: isize,
    to: [isize; 2],
}

struct Job<'a> {
    reducer: &'a dyn Erased,
    dtype: DType,
    /// Dense runs can be read where they are.
    direct: bool,
    from: *const u8,
    to: [Option<Typed<'a>>; 2],
    partial: *mut u8,
    reduced: SmallVec<[Reduced; 5]>,
    kept: SmallVec<[Kept; 5]>,
    length: usize,
    width: usize,
    blocks: usize,
}

// SAFETY: each unit of work writes partial results that no other unit touches.
unsafe impl Sync for Job<'_> {}

/// An operand and the dtype of its elements.
pub type Typed<'a> = (DType, &'a Operand<'a>);

/// Reduces `from` over `dims`. The outputs have the dimensions of `from`; those in `dims` are of size 1 there. Of the two
/// that a reducer has, those are written for which there is a place.
///
/// # Safety
/// The operands must be valid and of the given dtypes; that of `from` must widen to the reducer's `In`, or be it.
pub unsafe fn reduce<R: Reduce>(reducer: &R, (dtype, from): Typed, dims: &[usize], to: [Option<Typed>; 2]) {
    let direct = from.size == size_of::<R::In>() && (tile::is_wide(dtype) || R::In::DTYPE == DType::U8);
    // SAFETY: the caller's promise.
    unsafe { reduce_erased(reducer, direct, (dtype, from), dims, to) }
}

unsafe fn reduce_erased(
    reducer: &dyn Erased,
    direct: bool,
    (dtype, from): Typed,
    dims: &[usize],
    to: [Option<Typed>; 2],
) {
    let step = |o: &Operand, d: usize| o.strides[d] * o.size as isize;
    let inner_first = || (0..from.shape.len()).rev().filter(|&d| from.shape[d] != 1);
    let mut reduced: SmallVec<[Reduced; 5]> = inner_first()
        .filter(|d| dims.contains(d))
        .map(|d| Reduced { size: from.shape[d], step: step(from, d) })
        .collect();
    if !reducer.ordered() {
        reduced.sort_by_key(|r| r.step.abs());
    }
    reduced.dedup_by(|outer, inner| {
        let merges = outer.step == inner.step * inner.size as isize;
        if merges {
            inner.size *= outer.size;
        }
        merges
    });
    let mut kept: SmallVec<[Kept; 5]> = inner_first()
        .filter(|d| !dims.contains(d))
        .map(|d| {
            let to = to.map(|to| to.map_or(0, |to| step(to.1, d)));
            Kept { size: from.shape[d], step: step(from, d), to }
        })
        .collect();
    kept.sort_by_key(|k| k.step.abs());
    kept.dedup_by(|outer, inner| {
        let size = inner.size as isize;
        let merges = outer.step == inner.step * size && (0..2).all(|i| outer.to[i] == inner.to[i] * size);
        if merges {
            inner.size *= outer.size;
        }
        merges
    });
    let (length, width) = (reduced.iter().map(|r| r.size).product(), kept.iter().map(|k| k.size).product());
    if reduced.is_empty() {
        reduced.push(Reduced { size: 1, step: from.size as isize });
    }
    if kept.is_empty() {
        kept.push(Kept { size: 1, step: from.size as isize, to: [0, 0] });
    }
    if width == 0 {
        return;
    }
    let dense = from.size as isize;
    let by_columns = (kept[0].step == dense && kept[0].size > 1 && reduced[0].step != dense)
        || (length < SHORT && kept[0].size >= 16);
    let mut job = Job {
        reducer,
        dtype,
        direct,
        from: from.ptr,
        to,
        partial: std::ptr::null_mut(),
        reduced,
        kept,
        length,
        width,
        blocks: 0,
    };
    let mut partial;
    let (step, pitch);
    if by_columns {
        // Several rows as one, where they follow on each other and are short.
        let (inner, next) = (job.kept[0], job.reduced[0]);
        let adjoin = inner.step == dense && next.step == dense * inner.size as isize && !reducer.ordered();
        let fused = if adjoin && inner.size < NARROW { (COLUMNS / inner.size).clamp(1, next.size.max(1)) } else { 1 };
        let rows = ROWS * fused;
        job.blocks = length.div_ceil(rows).max(1);
        partial = Scratch::bytes(width * job.blocks * reducer.acc_size());
        job.partial = partial.ptr();
        let strips = inner.size.div_ceil(COLUMNS);
        let units = job.blocks * strips * (width / inner.size);
        let work = rows.min(length.max(1)) * inner.size.min(COLUMNS);
        split(units, (GRAIN / work.max(1)).max(1), &|a, b| job.strips(a, b, strips, fused));
        (step, pitch) = (1, width);
    } else {
        let inner = job.reduced[0];
        // A block is a piece of a run, some runs, or (where runs are short or strided) a tile that is gathered.
        let run = if inner.step == dense && inner.size >= SHORT { inner.size } else { 0 };
        let most = if job.direct && run > 0 { LONG } else { BLOCK };
        let size = if run == 0 || run >= most { most } else { most / run * run };
        job.blocks = match run {
            r if r >= most => r.div_ceil(most) * (length / r),
            _ => length.div_ceil(size).max(1),
        };
        partial = Scratch::bytes(width * job.blocks * reducer.acc_size());
        job.partial = partial.ptr();
        let work = size.min(length.max(1));
        split(width * job.blocks, (GRAIN / work).max(1), &|a, b| job.runs(a, b, run, size));
        (step, pitch) = (job.blocks, 1);
    }
    split(width, (GRAIN / job.blocks).max(CHUNK), &|a, b| job.finish(a, b, step, pitch));
}

impl Job<'_> {
    fn at(&self, mut index: usize) -> *const u8 {
        let mut at = self.from;
        for k in &self.kept {
            at = at.wrapping_offset((index % k.size) as isize * k.step);
            index /= k.size;
        }
        at
    }

    /// The offset of the element at `position` among what is reduced.
    fn offset(&self, mut position: usize) -> isize {
        let mut at = 0;
        for r in &self.reduced {
            at += (position % r.size) as isize * r.step;
            position /= r.size;
        }
        at
    }

    /// Units `a..b` of (kept element, block), each block along what is reduced.
    fn runs(&self, a: usize, b: usize, run: usize, size: usize) {
        let (inner, dense) = (self.reduced[0], run > 0);
        let in_place = self.direct && dense;
        let most = if in_place { LONG } else { BLOCK };
        let in_size = self.reducer.in_size();
        let mut tile = Scratch::bytes(if in_place { 0 } else { BLOCK * in_size });
        let tile = tile.ptr();
        if in_place && self.blocks == 1 && self.reduced.len() == 1 {
            let (mut at, next) = (a, self.kept[0]);
            while at < b {
                let count = (next.size - at % next.size).min(b - at);
                // SAFETY: these rows lie inside the operand, and have a place each.
                unsafe {
                    let acc = self.partial.add(at * self.reducer.acc_size());
                    self.reducer.rows(self.at(at), self.length, next.step, count, acc);
                }
                at += count;
            }
            return;
        }
        for unit in a..b {
            let (base, block) = (self.at(unit / self.blocks), unit % self.blocks);
            // SAFETY: `unit` is below width · blocks.
            let acc = unsafe { self.partial.add(unit * self.reducer.acc_size()) };
            let (mut at, end) = if run >= most {
                let per_run = run.div_ceil(most);
                let start = block / per_run * run;
                let within = block % per_run * most;
                (start + within, start + (within + most).min(run))
            } else {
                (block * size, ((block + 1) * size).min(self.length))
            };
            let first = at;
            let mut filled = 0;
            if at >= end {
                // SAFETY: no elements; `acc` is ours.
                unsafe { self.reducer.block(tile, Run::one(0), first, acc, false) };
            }
            while at < end {
                let mut len = (inner.size - at % inner.size).min(end - at);
                let start = base.wrapping_offset(self.offset(at));
                // SAFETY: the run lies inside the operand, and the tile has room for a block.
                unsafe {
                    if in_place {
                        let run = self.alike(at, len, end);
                        self.reducer.block(start, run, at, acc, at != first);
                        len *= run.count;
                    } else {
                        let to = tile.add(filled * in_size);
                        self.load(start, inner.step, len, to);
                        filled += len;
                    }
                }
                at += len;
            }
            if filled > 0 {
                // SAFETY: the tile holds `filled` numbers.
                unsafe { self.reducer.block(tile, Run::one(filled), first, acc, false) };
            }
        }
    }

    /// The run of `len` elements at `at`, with all that follow it in like distance before `end`, if it is a whole one.
    fn alike(&self, at: usize, len: usize, end: usize) -> Run {
        match self.reduced.get(1) {
            Some(next) if len == self.reduced[0].size => {
                let count = ((end - at) / len).min(next.size - at / len % next.size);
                Run { n: len, pitch: next.step, count }
            }
            _ => Run::one(len),
        }
    }

    /// # Safety
    /// As for [`tile::load`].
    unsafe fn load(&self, from: *const u8, step: isize, n: usize, to: *mut u8) {
        // Raw bytes stay bytes, also those of bool.
        let dtype = if self.reducer.in_size() == 1 { None } else { Some(self.dtype) };
        // SAFETY: the caller's promise.
        unsafe {
            match dtype {
                Some(dtype) => tile::load(dtype, from, step, n, to),
                None if step == 1 => to.copy_from_nonoverlapping(from, n),
                None => (0..n).for_each(|i| to.add(i).write(from.offset(i as isize * step).read())),
            }
        }
    }

    /// Units `a..b` of (outer kept index, block, strip): a block of rows, folded in a strip of columns.
    fn strips(&self, a: usize, b: usize, strips: usize, fused: usize) {
        let inner = self.kept[0];
        let (in_size, acc_size) = (self.reducer.in_size(), self.reducer.acc_size());
        let in_place = self.direct && inner.step == in_size as isize;
        let widest = inner.size.min(COLUMNS) * fused;
        let mut lanes = Scratch::bytes(widest * 2 * acc_size);
        let mut tile = Scratch::bytes(if in_place { 0 } else { ROWS * widest * in_size });
        let (lanes, tile) = (lanes.ptr(), tile.ptr());
        for unit in a..b {
            let (outer, block, strip) = (unit / strips / self.blocks, unit / strips % self.blocks, unit % strips);
            let col = strip * COLUMNS;
            let columns = COLUMNS.min(inner.size - col);
            let base = self.at(outer * inner.size + col);
            let (from, to) = (block * ROWS * fused, ((block + 1) * ROWS * fused).min(self.length));
            // SAFETY: rows from..to and these columns lie inside the operand; lanes and tile have room for them.
            unsafe {
                let wide = |first: usize, rows: usize, fused: usize, lanes: *mut u8| {
                    let mut starts = [std::ptr::null(); ROWS];
                    for (r, start) in starts[..rows].iter_mut().enumerate() {
                        let row = base.wrapping_offset(self.offset(first + r * fused));
                        *start = if in_place {
                            row
                        } else {
                            let to = tile.add(r * columns * fused * in_size);
                            self.load(row, inner.step, columns * fused, to);
                            to.cast_const()
                        };
                    }
                    self.reducer.columns(&starts[..rows], columns * fused, first, lanes);
                };
                // Fused rows must not reach over the end of the reduced dimension that they follow each other in.
                let whole = if fused == 1 || self.reduced.len() == 1 { (to - from) / fused } else { 0 };
                let rest = to - from - whole * fused;
                wide(from, whole, fused, lanes);
                let mut n = fused;
                while n > 1 {
                    let half = n.div_ceil(2);
                    self.reducer.fold(lanes, half * columns, (n - half) * columns);
                    n = half;
                }
                for r in (0..rest).step_by(ROWS) {
                    let rows = ROWS.min(rest - r);
                    wide(from + whole * fused + r, rows, 1, lanes.add(columns * acc_size));
                    self.reducer.fold(lanes, columns, columns);
                }
                let at = block * self.width + outer * inner.size + col;
                self.partial.add(at * acc_size).copy_from_nonoverlapping(lanes, columns * acc_size);
            }
        }
    }

    /// Joins and writes kept elements `a..b`.
    fn finish(&self, a: usize, b: usize, step: usize, pitch: usize) {
        let mut buffers = [[0u128; CHUNK]; 2];
        let [one, two] = &mut buffers;
        let out = [one.as_mut_ptr().cast::<u8>(), two.as_mut_ptr().cast::<u8>()];
        let inner = self.kept[0];
        let mut at = a;
        while at < b {
            let n = CHUNK.min(b - at).min(inner.size - at % inner.size);
            let (mut rest, mut places) = (at, self.to.map(|to| to.map_or(std::ptr::null_mut(), |to| to.1.ptr)));
            for k in &self.kept {
                let i = (rest % k.size) as isize;
                places.iter_mut().zip(k.to).for_each(|(p, s)| *p = p.wrapping_offset(i * s));
                rest /= k.size;
            }
            // SAFETY: the partial results of kept elements at..at + n are there; the outputs have places for them.
            unsafe {
                let partial = self.partial.add(at * step * self.reducer.acc_size());
                self.reducer.finish(partial, n, step, self.blocks, pitch, out);
                for (i, to) in self.to.iter().enumerate() {
                    if let Some((dtype, _)) = to {
                        tile::store(*dtype, places[i], inner.to[i], n, out[i]);
                    }
                }
            }
            at += n;
        }
    }
}
