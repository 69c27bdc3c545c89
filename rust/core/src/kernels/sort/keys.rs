//! Elements as unsigned keys in their order, and keys paired with places.

use super::Line;
use crate::dtype::DType;
use crate::kernels::isa::{Isa, Kernel, dispatch};
use crate::kernels::reduce::tile;

/// A key, and the pair of it with a place: compared by key first.
pub trait Key: Copy + Ord + Send + Sync + 'static {
    type Pair: Copy + Ord + Send + Sync + Default;
    /// What NaN becomes; nothing is greater.
    const NAN: Self;
    const BITS: u32;
    fn of_f32(x: f32) -> Self;
    fn of_f64(x: f64) -> Self;
    fn of_i64(x: i64) -> Self;
    fn not(self) -> Self;
    fn to_u64(self) -> u64;
    fn pair(self, place: usize) -> Self::Pair;
    fn key(pair: Self::Pair) -> Self;
    fn place(pair: Self::Pair) -> usize;
    /// Some bits of the key.
    fn digit(pair: Self::Pair, shift: u32, mask: usize) -> usize;
}

/// Whether 32 bits hold every key of a dtype.
pub fn is_narrow(dtype: DType) -> bool {
    !matches!(dtype, DType::I64 | DType::F64)
}

#[inline(always)]
fn key32(x: f32) -> u32 {
    // −0 becomes 0.
    let bits = (x + 0.0).to_bits();
    let key = bits ^ ((((bits as i32) >> 31) as u32) | 0x8000_0000);
    if x.is_nan() { u32::MAX } else { key }
}

/// The number that has this key. (For NaN and zeros the key does not tell which one.)
#[inline(always)]
pub fn f32_of(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key ^ 0x8000_0000 } else { !key })
}

#[inline(always)]
fn key64(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    let key = bits ^ ((((bits as i64) >> 63) as u64) | 1 << 63);
    if x.is_nan() { u64::MAX } else { key }
}

impl Key for u32 {
    type Pair = u64;
    const NAN: u32 = u32::MAX;
    const BITS: u32 = 32;
    #[inline(always)]
    fn of_f32(x: f32) -> u32 {
        key32(x)
    }
    #[inline(always)]
    fn of_f64(x: f64) -> u32 {
        key32(x as f32)
    }
    #[inline(always)]
    fn of_i64(x: i64) -> u32 {
        x as u32 ^ 0x8000_0000
    }
    #[inline(always)]
    fn not(self) -> u32 {
        !self
    }
    #[inline(always)]
    fn to_u64(self) -> u64 {
        self as u64
    }
    #[inline(always)]
    fn pair(self, place: usize) -> u64 {
        (self as u64) << 32 | place as u64
    }
    #[inline(always)]
    fn key(pair: u64) -> u32 {
        (pair >> 32) as u32
    }
    #[inline(always)]
    fn place(pair: u64) -> usize {
        pair as u32 as usize
    }
    #[inline(always)]
    fn digit(pair: u64, shift: u32, mask: usize) -> usize {
        (pair >> (32 + shift)) as usize & mask
    }
}

impl Key for u64 {
    type Pair = (u64, u64);
    const NAN: u64 = u64::MAX;
    const BITS: u32 = 64;
    #[inline(always)]
    fn of_f32(x: f32) -> u64 {
        key64(x as f64)
    }
    #[inline(always)]
    fn of_f64(x: f64) -> u64 {
        key64(x)
    }
    #[inline(always)]
    fn of_i64(x: i64) -> u64 {
        x as u64 ^ 1 << 63
    }
    #[inline(always)]
    fn not(self) -> u64 {
        !self
    }
    #[inline(always)]
    fn to_u64(self) -> u64 {
        self
    }
    #[inline(always)]
    fn pair(self, place: usize) -> (u64, u64) {
        (self, place as u64)
    }
    #[inline(always)]
    fn key(pair: (u64, u64)) -> u64 {
        pair.0
    }
    #[inline(always)]
    fn place(pair: (u64, u64)) -> usize {
        pair.1 as usize
    }
    #[inline(always)]
    fn digit(pair: (u64, u64), shift: u32, mask: usize) -> usize {
        (pair.0 >> shift) as usize & mask
    }
}

/// Elements whose keys are made at a time.
pub const TILE: usize = 512;

/// A row as keys.
pub struct Keys {
    pub dtype: DType,
    pub line: Line,
    pub n: usize,
}

struct Convert<'a, K>(DType, *const u8, bool, &'a mut [K]);
impl<I: Isa, K: Key> Kernel<I> for Convert<'_, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Convert(dtype, from, invert, to) = self;
        #[inline(always)]
        unsafe fn each<K: Key, W: Copy>(from: *const u8, invert: bool, to: &mut [K], key: impl Fn(W) -> K) {
            // SAFETY: the tile holds as many numbers of the compute type.
            let from = unsafe { std::slice::from_raw_parts(from.cast::<W>(), to.len()) };
            match invert {
                true => to.iter_mut().zip(from).for_each(|(k, x)| *k = key(*x).not()),
                false => to.iter_mut().zip(from).for_each(|(k, x)| *k = key(*x)),
            }
        }
        // SAFETY: as above.
        unsafe {
            match dtype {
                DType::F32 => each(from, invert, to, K::of_f32),
                DType::F64 => each(from, invert, to, K::of_f64),
                _ => each(from, invert, to, K::of_i64),
            }
        }
    }
}

impl Keys {
    /// Hands out tiles of keys with the place of their first, in order; inverted they sort the other way round (NaN first).
    ///
    /// # Safety
    /// The row must be there.
    pub unsafe fn tiles<K: Key>(&self, invert: bool, take: &mut dyn FnMut(usize, &[K])) {
        let mut wide = [0u128; TILE];
        let mut tile = [K::NAN; TILE];
        let (size, compute) = (self.dtype.size() as isize, self.dtype.compute());
        for first in (0..self.n).step_by(TILE) {
            let n = TILE.min(self.n - first);
            let mut from = self.line.at(first).cast_const();
            // SAFETY: the caller's promise; the tile holds any compute type.
            unsafe {
                if self.line.step != size || !tile::is_wide(self.dtype) {
                    let to = wide.as_mut_ptr().cast::<u8>();
                    tile::load(self.dtype, from, self.line.step, n, to);
                    from = to;
                }
            }
            dispatch(Convert(compute, from, invert, &mut tile[..n]));
            take(first, &tile[..n]);
        }
    }

    /// # Safety
    /// As for [`tiles`](Keys::tiles).
    pub unsafe fn pairs<K: Key>(&self, invert: bool) -> Vec<K::Pair> {
        let mut pairs = Vec::with_capacity(self.n);
        // SAFETY: the caller's promise.
        unsafe {
            self.tiles::<K>(invert, &mut |first, tile| {
                pairs.extend(tile.iter().enumerate().map(|(i, key)| key.pair(first + i)));
            });
        }
        pairs
    }

    pub fn nans<K: Key>(&self, pairs: &[K::Pair]) -> usize {
        pairs.iter().filter(|&&p| K::key(p) == K::NAN).count()
    }
}
