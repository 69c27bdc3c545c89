//! Matrix products on the CPU: batched, broadcast over the batch, any strides, `c = alpha·a·b + beta·add`.
//!
//! [`run`] brings every product to one form (C's rows are dense), chooses a [`Way`] by shape and strides, and cuts C into
//! pieces for the threads. A sum is never cut, and how an element is summed does not depend on the piece that it is in:
//! any number of threads gives the same bits. `piece` computes one piece, `tile` is the micro-kernel under most ways.
//!
//! f16 and bf16 are summed in f32, i8, u8, i16 and i32 in i32 (it wraps as narrower sums would), complex numbers as pairs
//! of real ones. On CPUs with AMX, `amx` multiplies f32 as bf16 parts; `bf16` has the instructions for that type.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod bf16;
#[cfg(target_arch = "x86_64")]
mod cpu;
pub mod distance;
mod dots;
mod pack;
mod piece;
mod scratch;
mod source;
#[cfg(target_arch = "x86_64")]
mod split;
#[cfg(test)]
mod tests;
mod tile;
mod vector;
#[cfg(target_arch = "x86_64")]
mod view;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use scratch::Scratch;
pub use source::Source;
pub(crate) use vector::Real;

use super::isa::{Level, level};
use super::iter::Operand;
use super::threads::{num_threads, split};
use crate::dtype::{DType, Num};
use piece::{Piece, Way};
use smallvec::SmallVec;
use vector::Task;

/// `c = a·b` for every matrix of the batch.
///
/// # Safety
/// Operands c, a, b are valid, hold elements of type `S`, and have shapes `[…, m, n]`, `[…, m, k]`, `[…, k, n]`, where the
/// batch dimensions of a and b broadcast to those of c. The elements of c are distinct, and nobody else touches them.
pub unsafe fn batched<S: Source>(operands: &[Operand; 3]) {
    // SAFETY: the caller's promise.
    unsafe { run::<S>(operands, S::UNIT, None, level()) }
}

/// `c = alpha·a·b + beta·add`, where `add` broadcasts to c (a bias of `[n]`, a matrix). A beta of zero does not read it.
///
/// # Safety
/// As `batched`, and `add` is valid, holds `S`, and shares no memory with c.
pub unsafe fn fused<S: Source>(operands: &[Operand; 3], alpha: S::Wide, beta: S::Wide, add: &Operand) {
    let beta = S::scalar(beta);
    // SAFETY: `scalar` of zero is zero; the caller's promise.
    let zero = beta == S::scalar(S::Wide::ZERO);
    unsafe { run::<S>(operands, S::scalar(alpha), (!zero).then_some((add, beta)), level()) }
}

/// One product on the calling thread, `c = alpha·a·b`, or added to what is in c: for kernels that are made of small products.
/// `a` comes with its steps, `b` and `c` with their step from row to row, which are dense.
///
/// # Safety
/// The operands are valid for sizes m, k, n; nobody else touches c, which overlaps neither a nor b.
pub(crate) unsafe fn product<T: Real>(
    size: [usize; 3],
    (a, a_steps): (*const T, [isize; 2]),
    (b, b_row): (*const T, isize),
    (c, c_row): (*mut T, isize),
    alpha: T,
    adds: bool,
) {
    let [m, k, n] = size;
    if k == 0 && !adds {
        for i in 0..m as isize {
            // SAFETY: the caller's promise.
            unsafe { std::slice::from_raw_parts_mut(c.offset(i * c_row), n).fill(T::ZERO) };
        }
        return;
    }
    let add = if adds { c.cast_const() } else { std::ptr::null() };
    let thin = m == 1;
    let block = tile::Block { size, a, a_steps, b, b_row: Some(b_row), c, c_row, alpha, add, add_row: c_row, thin };
    // SAFETY: the caller's promise; the machine has its level.
    unsafe { block.on(level()) }
}

/// A dimension of the batch: its size, and the steps of c, a, b and add.
struct Dim {
    size: usize,
    steps: [isize; 4],
}

/// All products of a call: the piece is that of the whole first product.
struct Products<S: Source> {
    whole: Piece<S>,
    batch: SmallVec<[Dim; 4]>,
    level: Level,
}

// SAFETY: pointers to what the caller of `run` vouches for; every task writes a piece of C of its own.
unsafe impl<S: Source> Sync for Products<S> {}

/// The steps of the last two dimensions, where a dimension of size 1 (or absent) stands still.
fn steps(o: &Operand) -> [isize; 2] {
    [2, 1].map(|from_end| step(o, from_end))
}

fn step(o: &Operand, from_end: usize) -> isize {
    match o.shape.len().checked_sub(from_end) {
        Some(d) if o.shape[d] != 1 => o.strides[d],
        _ => 0,
    }
}

/// # Safety
/// As `fused`; the machine has `level`.
unsafe fn run<S: Source>(operands: &[Operand; 3], alpha: S::Scalar, add: Option<(&Operand, S::Scalar)>, level: Level) {
    let [c, a, b] = operands;
    let rank = c.shape.len();
    let size = [c.shape[rank - 2], a.shape[a.shape.len() - 1], c.shape[rank - 1]];
    let (add, beta) = match add {
        Some((add, beta)) => (Some(add), beta),
        None => (None, S::UNIT),
    };
    if c.shape.contains(&0) {
        return;
    }
    let batch = (0..rank - 2)
        .map(|d| {
            let of = |o: &Operand| step(o, rank - d);
            Dim { size: c.shape[d], steps: [of(c), of(a), of(b), add.map_or(0, of)] }
        })
        .filter(|dim| dim.size > 1)
        .collect();
    let c_steps = steps(c);
    let whole = Piece::<S> {
        way: Way::Packed,
        size,
        a: a.ptr.cast(),
        a_steps: steps(a),
        b: b.ptr.cast(),
        b_steps: steps(b),
        c: c.ptr.cast(),
        c_row: c_steps[0],
        alpha,
        beta,
        add: add.map_or(std::ptr::null(), |o| o.ptr.cast()),
        add_steps: add.map_or([0, 0], steps),
    };
    let mut products = Products { whole, batch, level };
    let [m, _, n] = size;
    // Either way round, the rows of C must be dense.
    let (upright, turned) = (n == 1 || c_steps[1] == 1, m == 1 || c_steps[0] == 1);
    // SAFETY: the caller's promise; the pieces below are cut inside it.
    unsafe {
        if !upright && !turned {
            return products.by_detour(c_steps);
        }
        if !upright || (n == 1 && m > 1 && turned) {
            products.turn(c_steps[1]);
        }
        products.all();
    }
}

/// Multiply-adds per cycle, roughly, and bytes from memory per cycle: for the guess at what threads are worth.
const MACS: usize = 16;
const BYTES: usize = 8;
/// Cycles below which another thread costs more than it brings.
const CYCLES: usize = 16 * 1024;

impl<S: Source> Products<S> {
    /// `cᵀ = bᵀ·aᵀ`; the columns of C, `c_col` apart, become its rows.
    fn turn(&mut self, c_col: isize) {
        let turned = |[rs, cs]: [isize; 2]| [cs, rs];
        let whole = self.whole;
        let [m, k, n] = whole.size;
        self.whole = Piece {
            size: [n, k, m],
            a: whole.b,
            a_steps: turned(whole.b_steps),
            b: whole.a,
            b_steps: turned(whole.a_steps),
            c_row: c_col,
            add_steps: turned(whole.add_steps),
            ..whole
        };
        self.batch.iter_mut().for_each(|dim| dim.steps.swap(1, 2));
    }

    /// Into a dense copy of each C, and from there to C.
    unsafe fn by_detour(mut self, c_steps: [isize; 2]) {
        let ([m, _, n], to) = (self.whole.size, self.whole.c);
        let count: usize = self.batch.iter().map(|dim| dim.size).product();
        let mut dense = vec![std::mem::MaybeUninit::<S>::uninit(); count * m * n];
        let offsets: Vec<isize> = (0..count).map(|q| self.at(q)[0]).collect();
        let mut step = (m * n) as isize;
        for dim in self.batch.iter_mut().rev() {
            dim.steps[0] = step;
            step *= dim.size as isize;
        }
        (self.whole.c, self.whole.c_row) = (dense.as_mut_ptr().cast(), n as isize);
        // SAFETY: the copy has room for all; the caller's promise for the rest.
        unsafe {
            self.all();
            for (q, offset) in offsets.into_iter().enumerate() {
                for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let to = to.offset(offset + i as isize * c_steps[0] + j as isize * c_steps[1]);
                    *to = dense[(q * m + i) * n + j].assume_init();
                }
            }
        }
    }

    /// Where product `q` lies from the first: c, a, b, add.
    fn at(&self, mut q: usize) -> [isize; 4] {
        let mut at = [0; 4];
        for dim in self.batch.iter().rev() {
            let i = (q % dim.size) as isize;
            q /= dim.size;
            at.iter_mut().zip(dim.steps).for_each(|(at, step)| *at += i * step);
        }
        at
    }

    /// Batch dimensions along which B stands still and the others go on like rows are rows.
    fn fold(&mut self) {
        while let Some(dim) = self.batch.last() {
            let (whole, [c, a, b, add]) = (&mut self.whole, dim.steps);
            let m = whole.size[0];
            let goes_on = |rs: isize, step: isize| m == 1 || step == m as isize * rs;
            let add_goes_on = whole.add.is_null() || goes_on(whole.add_steps[0], add);
            if b != 0 || !goes_on(whole.c_row, c) || !goes_on(whole.a_steps[0], a) || !add_goes_on {
                return;
            }
            if m == 1 {
                (whole.c_row, whole.a_steps[0], whole.add_steps[0]) = (c, a, add);
            }
            whole.size[0] *= dim.size;
            self.batch.pop();
        }
    }

    /// # Safety
    /// The pieces of the batch are what `fused` asks for.
    unsafe fn all(mut self) {
        if !self.batch.is_empty() {
            self.fold();
        }
        let [m, k, n] = self.whole.size;
        self.whole.way = self.whole.choose(self.level);
        let count: usize = self.batch.iter().map(|dim| dim.size).product();
        let traffic = (m * k + k * n + 2 * m * n) * size_of::<S>() / BYTES;
        let cycles = m * k * n * S::PARTS * S::PARTS * size_of::<S::T>() / (4 * MACS) + traffic;
        #[cfg(target_arch = "x86_64")]
        if self.whole.way == Way::Amx {
            // SAFETY: the caller's promise.
            return unsafe { self.by_amx(count) };
        }
        if count == 1 && cycles < 2 * CYCLES {
            // SAFETY: the whole product is a piece.
            return unsafe { self.whole.on(self.level) };
        }
        let [h, w] = self.whole.cut(if count * cycles < 2 * CYCLES { 1 } else { num_threads().div_ceil(count) });
        let across = n.div_ceil(w);
        let pieces = m.div_ceil(h) * across;
        let grain = (CYCLES * pieces).div_ceil(cycles.max(1)).max(1);
        split(count * pieces, grain, &|from, to| {
            for task in from..to {
                let at = self.at(task / pieces);
                let (i, j) = (task % pieces / across * h, task % pieces % across * w);
                // SAFETY: pieces do not overlap.
                unsafe { self.whole.piece(at, [i, j], [h.min(m - i), w.min(n - j)]).on(self.level) };
            }
        });
    }

    /// An element depends on its row and column only, and what AMX cannot represent is collected as tiles of a grid over
    /// C, which are then computed whole by the usual way: any cut gives the same bits.
    #[cfg(target_arch = "x86_64")]
    unsafe fn by_amx(self, count: usize) {
        const GRID: [usize; 2] = [256, 512];
        let [m, _, n] = self.whole.size;
        let [h, w] = self.whole.cut(num_threads().div_ceil(count));
        let across = n.div_ceil(w);
        let pieces = m.div_ceil(h) * across;
        let again = std::sync::Mutex::new(Vec::new());
        split(count * pieces, 1, &|from, to| {
            for task in from..to {
                let (q, i, j) = (task / pieces, task % pieces / across * h, task % pieces % across * w);
                let piece: Piece<f32> = self.whole.piece(self.at(q), [i, j], [h.min(m - i), w.min(n - j)]).cast();
                let unfit = |r: usize, s: usize| {
                    let tile = [q, (i + r) / GRID[0] * GRID[0], (j + s) / GRID[1] * GRID[1]];
                    let mut again = again.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if !again.contains(&tile) {
                        again.push(tile);
                    }
                };
                // SAFETY: `choose` has seen AMX; pieces do not overlap.
                unsafe {
                    amx::strip(&piece, unfit);
                    piece.finish(piece.c, piece.c_row);
                }
            }
        });
        let again = again.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        split(again.len(), 1, &|from, to| {
            for &[q, i, j] in &again[from..to] {
                let size = [GRID[0].min(m - i), GRID[1].min(n - j)];
                // SAFETY: tiles of the grid do not overlap.
                unsafe { self.whole.piece(self.at(q), [i, j], size).on(self.level) };
            }
        });
    }
}

impl<S: Source> Piece<S> {
    /// Rows `i..i + h` and columns `j..j + w` of the product that lies `at` from this one.
    fn piece(&self, at: [isize; 4], [i, j]: [usize; 2], [h, w]: [usize; 2]) -> Piece<S> {
        let (row, col) = (i as isize, j as isize);
        Piece {
            size: [h, self.size[1], w],
            a: self.a.wrapping_offset(at[1] + row * self.a_steps[0]),
            b: self.b.wrapping_offset(at[2] + col * self.b_steps[1]),
            c: self.c.wrapping_offset(at[0] + row * self.c_row + col),
            // A null pointer stays null: its steps are zero.
            add: self.add.wrapping_offset(at[3] + row * self.add_steps[0] + col * self.add_steps[1]),
            ..*self
        }
    }

    fn choose(&self, level: Level) -> Way {
        let [m, k, n] = self.size;
        #[cfg(target_arch = "x86_64")]
        if level == Level::Avx512 && k >= 16 {
            let extras = cpu::extras();
            if S::DTYPE == DType::BF16 && (extras.amx || extras.bf16) && m > 6 && m * n >= 256 {
                return Way::Bf16(extras.amx);
            }
            // Splitting costs for each element of A and B, tiles save for each product; other ways lose sooner where
            // they must transpose B.
            let pays = if self.b_steps[1] == 1 { 53 * m + 43 * n } else { 28 * (m + n) };
            if S::DTYPE == DType::F32 && extras.amx && k >= 32 && m * n >= pays {
                return Way::Amx;
            }
        }
        let _ = level;
        let dense_rows = self.b_steps[1] == 1 || n == 1;
        // Columns that are as dense as rows are: a vector is both.
        let by_dots = S::PARTS == 1 && m <= 6 && k >= 16 && self.b_steps[0] == 1;
        if by_dots && (n == 1 || !dense_rows) {
            return Way::Dots;
        }
        if S::SAME && dense_rows {
            // What lies far apart is not worth a copy if it is read once or twice, or fits a near cache.
            let bytes = k * n * size_of::<S>();
            if m == 1 && bytes <= 256 << 10 {
                return Way::Thin;
            }
            if m <= 16 && bytes > 256 << 10 {
                return Way::Skinny;
            }
            if bytes <= IN_PLACE || k <= 4 {
                return Way::InPlace;
            }
        }
        Way::Packed
    }

    /// Rows and columns of a piece for so many threads.
    fn cut(&self, threads: usize) -> [usize; 2] {
        let [m, _, n] = self.size;
        let ([down, right], [most_down, most_right]) = match self.way {
            Way::Packed => ([24, 48], [512, 2048 / size_of::<S>()]),
            Way::Amx | Way::Bf16(_) => ([32, 32], [m, 1024]),
            Way::InPlace => ([24, 48], [m, n]),
            // Rows are few, and each piece would read B again.
            Way::Thin | Way::Skinny | Way::Dots => ([m, 48], [m, n]),
        };
        let (mut h, mut w) = (m.min(most_down.next_multiple_of(down)), n.min(most_right.next_multiple_of(right)));
        // Three pieces a thread even out what the threads get; B and A are packed once per piece, so pieces are kept
        // near square.
        while threads > 1 && m.div_ceil(h) * n.div_ceil(w) < 3 * threads {
            let (half_h, half_w) = ((h / 2).max(1).next_multiple_of(down), (w / 2).max(1).next_multiple_of(right));
            if half_h < h && (h >= w || half_w >= w) {
                h = half_h;
            } else if half_w < w {
                w = half_w;
            } else {
                break;
            }
        }
        [h, w]
    }
}

/// Bytes of B up to which the micro-kernel reads it in place.
const IN_PLACE: usize = 400 << 10;
