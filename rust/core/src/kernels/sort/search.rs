//! Searching sorted sequences, and counting into bins.

use crate::dtype::{DType, Ordered};
use crate::kernels::threads::split;

/// For each of some dense values the place in a dense sorted sequence before which it would be put (after its equals, if
/// `right`). Sequences are rows of `length`; the values are rows as many, or belong to one sequence. All of one compute type.
pub struct Search<'a> {
    pub length: usize,
    pub right: bool,
    /// For each sequence the places that bring it into order, if it is not.
    pub sorter: Option<&'a [i64]>,
}

#[derive(Clone, Copy)]
struct Shared<T>(*mut T);
// SAFETY: each place is written by one thread.
unsafe impl<T> Sync for Shared<T> {}
impl<T> Shared<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}

impl Search<'_> {
    /// # Safety
    /// `sequences` must hold `rows · length` and `values` `rows · each` numbers of the compute type `dtype`.
    pub unsafe fn run(
        &self,
        dtype: DType,
        sequences: *const u8,
        values: *const u8,
        rows: usize,
        each: usize,
    ) -> Vec<i64> {
        // SAFETY: the caller's promise.
        unsafe {
            match dtype {
                DType::F32 => self.typed::<f32>(sequences.cast(), values.cast(), rows, each),
                DType::F64 => self.typed::<f64>(sequences.cast(), values.cast(), rows, each),
                _ => self.typed::<i64>(sequences.cast(), values.cast(), rows, each),
            }
        }
    }

    unsafe fn typed<W: Ordered>(&self, sequences: *const W, values: *const W, rows: usize, each: usize) -> Vec<i64> {
        // SAFETY: the caller's promise.
        let (sequences, values) = unsafe {
            (std::slice::from_raw_parts(sequences, rows * self.length), std::slice::from_raw_parts(values, rows * each))
        };
        let mut found = vec![0i64; values.len()];
        let to = Shared(found.as_mut_ptr());
        split(values.len(), 2048, &|from, end| {
            for i in from..end {
                let row = i / each.max(1) * self.length;
                let sequence = &sequences[row..row + self.length];
                let sorter = self.sorter.map(|s| &s[row..row + self.length]);
                let (x, mut low, mut high) = (values[i], 0, self.length);
                while low < high {
                    let middle = (low + high) / 2;
                    let at = sorter.map_or(middle, |s| s[middle] as usize);
                    let y = sequence[at];
                    // NaN stands at the end of a sequence.
                    let before =
                        if self.right { !(y > x || (y.is_nan() && !x.is_nan())) } else { !(y >= x || y.is_nan()) };
                    let before = before || (x.is_nan() && !y.is_nan()) || (self.right && x.is_nan());
                    if before { low = middle + 1 } else { high = middle }
                }
                // SAFETY: i is below the number of values.
                unsafe { to.get().add(i).write(low as i64) };
            }
        });
        found
    }
}
