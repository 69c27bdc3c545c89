//! A piece of one product, on one thread, by a given way.

use super::dots::Dots;
use super::pack::{copy_a, pack_b, room_a};
use super::scratch::Scratch;
use super::source::Source;
use super::tile::{Block, RUN, Skinny};
use super::vector::{Real, Task, Vector};

/// How a product is computed. All ways serve any cut of C; which one it is depends on shape and strides alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The micro-kernel on the operands in place: B is small, with dense rows.
    InPlace,
    /// The same with four sums for each element: one row.
    Thin,
    /// The same, reading along a large B.
    Skinny,
    /// Sums along k: B's columns are dense, A has few rows.
    Dots,
    /// The micro-kernel on copies.
    Packed,
    /// f32 as six products of bf16 parts on AMX tiles.
    Amx,
    /// bf16 by AMX tiles, if true, or by AVX512-BF16.
    Bf16(bool),
}

/// `c = alpha·a·b + beta·add`; `add` is null or has a step for rows and one for columns. C's rows are dense.
#[derive(Clone, Copy)]
pub struct Piece<S: Source> {
    pub way: Way,
    /// m, k, n.
    pub size: [usize; 3],
    pub a: *const S,
    pub a_steps: [isize; 2],
    pub b: *const S,
    pub b_steps: [isize; 2],
    pub c: *mut S,
    pub c_row: isize,
    pub alpha: S::Scalar,
    pub beta: S::Scalar,
    pub add: *const S,
    pub add_steps: [isize; 2],
}

/// Rows of A that are copied at a time: with RUN columns 128 KiB of f32, which stay in L2.
const ROWS: usize = 128;

impl<S: Source> Task for Piece<S> {
    type T = S::T;

    #[inline(always)]
    unsafe fn run<V: Vector<T = S::T>>(self) {
        // SAFETY: the piece's own promises, passed on.
        unsafe {
            if self.size[1] == 0 {
                return self.fill();
            }
            match self.way {
                Way::Dots => self.dots::<V>(),
                Way::Packed | Way::Amx => self.packed::<V>(),
                #[cfg(target_arch = "x86_64")]
                Way::Bf16(tiles) => super::bf16::panels(&self.cast(), tiles),
                _ => self.in_place::<V>(),
            }
        }
    }
}

impl<S: Source> Piece<S> {
    /// The same of another type, which must be S in truth.
    pub fn cast<R: Source>(&self) -> Piece<R> {
        assert!(S::DTYPE == R::DTYPE);
        // SAFETY: the same type.
        unsafe { std::mem::transmute_copy(self) }
    }

    /// Only where memory holds what is summed.
    #[inline(always)]
    unsafe fn in_place<V: Vector<T = S::T>>(self) {
        // SAFETY: S is T, as `way` has seen.
        let mut block = unsafe { self.block(self.c.cast(), self.c_row) };
        block.a = self.a.cast();
        block.a_steps = self.a_steps;
        block.b = self.b.cast();
        block.b_row = Some(self.b_steps[0]);
        block.thin = self.way == Way::Thin;
        // SAFETY: the piece's promises.
        unsafe { if self.way == Way::Skinny { V::enter(Skinny(block)) } else { V::enter(block) } }
    }

    /// A block into given sums, with what is added, if memory holds what is summed: either in place, or put into C first.
    #[inline(always)]
    unsafe fn block(&self, sums: *mut S::T, row: isize) -> Block<S::T> {
        let mut block = Block {
            size: self.size,
            a: std::ptr::null(),
            a_steps: [0, 0],
            b: std::ptr::null(),
            b_row: None,
            c: sums,
            c_row: row,
            alpha: S::T::ONE,
            add: std::ptr::null(),
            add_row: 0,
            thin: false,
        };
        if S::SAME {
            // SAFETY: a scalar of a type that is summed as itself is that type.
            block.alpha = unsafe { std::mem::transmute_copy::<S::Scalar, S::T>(&self.alpha) };
            if !self.add.is_null() {
                (block.add, block.add_row) = (self.add.cast(), self.add_steps[0]);
                if self.beta != S::UNIT || self.add_steps[1] != 1 {
                    // SAFETY: C and what is added have the piece's shape.
                    unsafe { self.fill() };
                    (block.add, block.add_row) = (self.c.cast(), self.c_row);
                }
            }
        }
        block
    }

    /// `c = beta·add`, zero if nothing is added.
    unsafe fn fill(&self) {
        let [m, _, n] = self.size;
        for (i, j) in (0..m as isize).flat_map(|i| (0..n as isize).map(move |j| (i, j))) {
            // SAFETY: the caller's promise.
            unsafe {
                let add = self.add.wrapping_offset(i * self.add_steps[0] + j * self.add_steps[1]);
                let add = (!add.is_null()).then(|| (*add, self.beta));
                *self.c.offset(i * self.c_row + j) = S::blend([S::T::ZERO; 2].as_ptr(), S::UNIT, add);
            }
        }
    }

    /// `c = alpha·sums + beta·add`, where that is not done yet.
    #[inline(always)]
    pub unsafe fn finish(&self, sums: *const S::T, row: isize) {
        let [m, _, n] = self.size;
        let plain = self.add.is_null() && self.alpha == S::UNIT;
        if plain && sums.cast() == self.c.cast_const() {
            return;
        }
        for i in 0..m as isize {
            // SAFETY: the caller's promise: both have m rows of n.
            unsafe {
                let (sums, to) = (sums.offset(i * row), self.c.offset(i * self.c_row));
                if plain && S::PARTS == 1 {
                    let to = std::slice::from_raw_parts_mut(to, n);
                    for (j, to) in to.iter_mut().enumerate() {
                        *to = S::blend(sums.add(j), S::UNIT, None);
                    }
                    continue;
                }
                let add = self.add.wrapping_offset(i * self.add_steps[0]);
                for j in 0..n {
                    let x = (!self.add.is_null())
                        .then(|| (*add.wrapping_offset(j as isize * self.add_steps[1]), self.beta));
                    *to.add(j) = S::blend(sums.add(j * S::PARTS), self.alpha, x);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn dots<V: Vector<T = S::T>>(self) {
        let [m, k, n] = self.size;
        let dense = self.a_steps[1] == 1 || k == 1;
        let (room, bytes) = (if dense { 0 } else { m * k * size_of::<S>() }, size_of::<S::T>());
        let sums_at = room.next_multiple_of(64);
        let scratch = Scratch::take(sums_at + if S::SAME { 0 } else { m * n * bytes });
        let buffer = scratch.ptr();
        {
            // SAFETY: the buffer has room for a dense copy of A, and the sums.
            unsafe {
                let (mut a, mut a_row) = (self.a, self.a_steps[0]);
                if !dense {
                    let copy = buffer.cast::<S>();
                    for (i, p) in (0..m).flat_map(|i| (0..k).map(move |p| (i, p))) {
                        *copy.add(i * k + p) = *a.offset(i as isize * a_row + p as isize * self.a_steps[1]);
                    }
                    (a, a_row) = (copy, k as isize);
                }
                let (sums, row) =
                    if S::SAME { (self.c.cast(), self.c_row) } else { (buffer.add(sums_at).cast(), n as isize) };
                V::enter(Dots { size: self.size, a, a_row, b: self.b, b_col: self.b_steps[1], sums, sums_row: row });
                self.finish(sums, row);
            }
        }
    }

    #[inline(always)]
    unsafe fn packed<V: Vector<T = S::T>>(self) {
        let ([m, k, n], parts) = (self.size, S::PARTS);
        let deep = k.min(RUN / parts);
        let width = (n * parts).next_multiple_of(V::LANES);
        let narrow = !S::SAME && parts == 1;
        // A copy of A keeps its rows off each other's cache lines; a small A does without.
        let copy = !S::SAME || m * k > 64 * 64 || self.a_steps.iter().any(|s| s.unsigned_abs() > 512);
        let sizes = [
            if copy { room_a::<S>(m.min(ROWS), deep) } else { 0 },
            deep * parts * width,
            if narrow { m * width } else { 0 },
        ];
        let bytes = sizes.map(|n| (n * size_of::<S::T>()).next_multiple_of(64));
        let scratch = Scratch::take(bytes.iter().sum());
        let buffer = scratch.ptr();
        {
            // SAFETY: the buffer has room for the copies and the sums; blocks are cut inside the operands.
            unsafe {
                let (to_a, to_b) = (buffer.cast::<S::T>(), buffer.add(bytes[0]).cast::<S::T>());
                let (sums, row) = if narrow {
                    (buffer.add(bytes[0] + bytes[1]).cast(), width as isize)
                } else {
                    (self.c.cast::<S::T>(), self.c_row * parts as isize)
                };
                let mut block = self.block(sums, row);
                for p in (0..k).step_by(deep) {
                    let kc = deep.min(k - p);
                    let (a, b) =
                        (self.a.offset(p as isize * self.a_steps[1]), self.b.offset(p as isize * self.b_steps[0]));
                    pack_b::<V, S>(b, self.b_steps, kc, n, to_b);
                    for i in (0..m).step_by(ROWS) {
                        let h = ROWS.min(m - i);
                        let a = a.offset(i as isize * self.a_steps[0]);
                        let (a, a_steps) = if copy {
                            (to_a.cast_const(), copy_a::<S>(a, self.a_steps, h, kc, to_a))
                        } else {
                            (a.cast(), self.a_steps)
                        };
                        V::enter(Block {
                            size: [h, kc * parts, n * parts],
                            a,
                            a_steps,
                            b: to_b,
                            c: sums.offset(i as isize * row),
                            add: block.add.wrapping_offset(i as isize * block.add_row),
                            ..block
                        });
                    }
                    (block.add, block.add_row) = (sums, row);
                }
                if !S::SAME {
                    self.finish(sums, row);
                }
            }
        }
    }
}
