//! Copies of blocks of A and B that the micro-kernel reads fast, in the type that is summed.

use super::source::Source;
use super::tile::stripe;
use super::vector::{Real, Vector};

/// Copies `rows × cols` of A. Returns the steps of the copy, which needs room for `room(rows, cols)`; a complex element
/// becomes two beside each other.
///
/// # Safety
/// The block is readable, `to` has room.
#[inline(always)]
pub unsafe fn copy_a<S: Source>(
    from: *const S,
    [rs, cs]: [isize; 2],
    rows: usize,
    cols: usize,
    to: *mut S::T,
) -> [isize; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        if S::PARTS == 1 && rs.abs() < cs.abs() {
            let ld = odd_lines(rows);
            for p in 0..cols {
                let (from, to) = (from.offset(p as isize * cs), to.add(p * ld));
                line(from, rs, rows, to);
            }
            return [1, ld as isize];
        }
        let ld = odd_lines(cols * S::PARTS);
        for i in 0..rows {
            let (from, to) = (from.offset(i as isize * rs), to.add(i * ld));
            if S::PARTS == 1 {
                line(from, cs, cols, to);
            } else if cs == 1 {
                to.copy_from_nonoverlapping(from.cast(), 2 * cols);
            } else {
                for p in 0..cols {
                    let x = *from.offset(p as isize * cs);
                    (*to.add(2 * p), *to.add(2 * p + 1)) = (x.part(0), x.part(1));
                }
            }
        }
        [ld as isize, 1]
    }
}

/// Elements that `copy_a` may need.
pub fn room_a<S: Source>(rows: usize, cols: usize) -> usize {
    let cols = cols * S::PARTS;
    (rows * odd_lines(cols)).max(cols * odd_lines(rows))
}

/// A distance of rows that does not put them all on the same few lines of the cache.
fn odd_lines(n: usize) -> usize {
    n.next_multiple_of(16) + 16
}

#[inline(always)]
unsafe fn line<S: Source>(from: *const S, step: isize, n: usize, to: *mut S::T) {
    // SAFETY: the caller's promise.
    unsafe {
        if step == 1 && S::SAME {
            to.copy_from_nonoverlapping(from.cast(), n);
        } else if step == 1 {
            let (from, to) = (std::slice::from_raw_parts(from, n), std::slice::from_raw_parts_mut(to, n));
            to.iter_mut().zip(from).for_each(|(to, from)| *to = from.part(0));
        } else {
            for i in 0..n {
                *to.add(i) = (*from.offset(i as isize * step)).part(0);
            }
        }
    }
}

/// Copies `k × n` of B into stripes of whole vectors, padded with zeros: what is `block.b_row = None`. A complex
/// element `x + iy` becomes `x y` over `-y x`, so that `(u + iv)(x + iy)` is the real product of `u v` with that.
///
/// # Safety
/// The block is readable, `to` has room for `PARTS·k × PARTS·n`, with n rounded up to whole vectors.
#[inline(always)]
pub unsafe fn pack_b<V: Vector<T = S::T>, S: Source>(
    from: *const S,
    [rs, cs]: [isize; 2],
    k: usize,
    n: usize,
    to: *mut S::T,
) {
    let (depth, width) = (k * S::PARTS, n * S::PARTS);
    let mut j = 0;
    while j < width {
        let vectors = stripe::<V>((width - j).div_ceil(V::LANES));
        let (ld, w) = (vectors * V::LANES, (width - j).min(vectors * V::LANES));
        // SAFETY: the stripe lies in the block and in the copy.
        unsafe {
            let (from, to) = (from.offset((j / S::PARTS) as isize * cs), to.add(j * depth));
            if S::PARTS == 2 {
                pairs(from, [rs, cs], k, w / 2, to, ld);
            } else if rs == 1 {
                turned::<V, S>(from, cs, k, w, to, ld);
            } else {
                for p in 0..k {
                    let to = to.add(p * ld);
                    if w == ld && cs == 1 {
                        line(from.offset(p as isize * rs), 1, ld, to);
                    } else {
                        line(from.offset(p as isize * rs), cs, w, to);
                        (w..ld).for_each(|i| *to.add(i) = S::T::ZERO);
                    }
                }
            }
        }
        j += w;
    }
}

/// Columns are dense.
#[inline(always)]
unsafe fn turned<V: Vector<T = S::T>, S: Source>(
    from: *const S,
    cs: isize,
    k: usize,
    w: usize,
    to: *mut S::T,
    ld: usize,
) {
    // Along the columns, so that they are read as a few sequential streams.
    for j in (0..w).step_by(V::LANES) {
        let wide = V::LANES.min(w - j);
        for p in (0..k).step_by(V::LANES) {
            let deep = V::LANES.min(k - p);
            // SAFETY: the caller's promise; no vector has more than 16 lanes.
            unsafe {
                let (from, to) = (from.offset(j as isize * cs).add(p), to.add(p * ld + j));
                if S::SAME {
                    V::transpose(from.cast(), cs, wide, deep, to, ld);
                } else {
                    let mut block = [S::T::ZERO; 256];
                    for i in 0..wide {
                        line(from.offset(i as isize * cs), 1, deep, block.as_mut_ptr().add(16 * i));
                    }
                    V::transpose(block.as_ptr(), 16, wide, deep, to, ld);
                }
            }
        }
        // Whole vectors that hold nothing but padding do not occur: a stripe has as many as its columns need.
    }
}

#[inline(always)]
unsafe fn pairs<S: Source>(from: *const S, [rs, cs]: [isize; 2], k: usize, w: usize, to: *mut S::T, ld: usize) {
    for p in 0..k {
        // SAFETY: the caller's promise.
        unsafe {
            let (upper, lower) = (to.add(2 * p * ld), to.add((2 * p + 1) * ld));
            if cs == 1 {
                let from = std::slice::from_raw_parts(from.offset(p as isize * rs).cast::<S::T>(), 2 * w);
                let (upper, lower) =
                    (std::slice::from_raw_parts_mut(upper, ld), std::slice::from_raw_parts_mut(lower, ld));
                let rows = upper.chunks_exact_mut(2).zip(lower.chunks_exact_mut(2));
                for ((upper, lower), x) in rows.zip(from.chunks_exact(2)) {
                    (upper[0], upper[1]) = (x[0], x[1]);
                    (lower[0], lower[1]) = (x[1].negative(), x[0]);
                }
                upper[2 * w..].fill(S::T::ZERO);
                lower[2 * w..].fill(S::T::ZERO);
                continue;
            }
            for j in 0..w {
                let x = *from.offset(p as isize * rs + j as isize * cs);
                (*upper.add(2 * j), *upper.add(2 * j + 1)) = (x.part(0), x.part(1));
                (*lower.add(2 * j), *lower.add(2 * j + 1)) = (x.part(1).negative(), x.part(0));
            }
            (2 * w..ld).for_each(|i| (*upper.add(i), *lower.add(i)) = (S::T::ZERO, S::T::ZERO));
        }
    }
}
