//! The sort of pairs: by comparison where they are few, else by digits of the key from the lowest up, on all threads.

use super::keys::Key;
use crate::kernels::threads::{num_threads, split};

/// Pairs from which on digits are faster.
const MANY: usize = 2048;
/// Pairs that are worth several threads.
pub const LONG: usize = 32 * 1024;
const DIGIT: u32 = 11;
const BUCKETS: usize = 1 << DIGIT;

#[derive(Clone, Copy)]
struct Shared<T>(*mut T);
// SAFETY: each thread writes places of its own.
unsafe impl<T> Sync for Shared<T> {}
impl<T> Shared<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}

/// Sorts pairs, which stand in order of their places, by key.
pub fn sort<K: Key>(pairs: &mut Vec<K::Pair>, shared: bool) {
    let n = pairs.len();
    if n < MANY {
        return pairs.sort_unstable();
    }
    // Bits that differ at all: digits that are the same everywhere need no pass.
    let first = K::key(pairs[0]).to_u64();
    let varying = pairs.iter().fold(0, |bits, &p| bits | (K::key(p).to_u64() ^ first));
    let parts = if shared && n >= LONG { num_threads().min(16) } else { 1 };
    let cut = |part: usize| n * part / parts;
    let mut other = vec![K::Pair::default(); n];
    let mut counts = vec![[0u32; BUCKETS]; parts];
    for shift in (0..K::BITS).step_by(DIGIT as usize) {
        let mask = BUCKETS - 1;
        if (varying >> shift) as usize & mask == 0 {
            continue;
        }
        let (from, tables) = (&pairs[..], Shared(counts.as_mut_ptr()));
        let each = |work: &(dyn Fn(usize) + Sync)| match parts {
            1 => work(0),
            _ => split(parts, 1, &|a, b| (a..b).for_each(work)),
        };
        each(&|part| {
            // SAFETY: the table of this part.
            let counts = unsafe { &mut *tables.get().add(part) };
            counts.fill(0);
            from[cut(part)..cut(part + 1)].iter().for_each(|&p| counts[K::digit(p, shift, mask)] += 1);
        });
        // Where the first of each part with each digit goes.
        let mut next = 0;
        for bucket in 0..BUCKETS {
            for counts in counts.iter_mut() {
                next += std::mem::replace(&mut counts[bucket], next);
            }
        }
        let (to, tables) = (Shared(other.as_mut_ptr()), Shared(counts.as_mut_ptr()));
        each(&|part| {
            // SAFETY: the table of this part; the places that it counts out are given to nobody else.
            unsafe {
                let counts = &mut *tables.get().add(part);
                for &pair in &from[cut(part)..cut(part + 1)] {
                    let place = &mut counts[K::digit(pair, shift, mask)];
                    to.get().add(*place as usize).write(pair);
                    *place += 1;
                }
            }
        });
        std::mem::swap(pairs, &mut other);
    }
}
