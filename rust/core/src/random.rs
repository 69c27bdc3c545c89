//! Generators of random numbers: the Mersenne Twister, and the state around it that PyTorch's CPU generator keeps, so that the
//! same seed gives the same numbers and a saved state moves from one to the other. The distributions are in `kernels::random`.

use crate::error::{Error, Result};
use crate::kernels::isa::{Isa, Kernel, dispatch};
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// The seed of a generator that nobody seeded.
pub const DEFAULT_SEED: u64 = 67_280_421_310_721;

/// Words of the twister.
const N: usize = 624;
const M: usize = 397;

/// mt19937 (Matsumoto and Nishimura, 1998).
#[derive(Clone)]
pub struct Mt19937 {
    seed: u64,
    /// One more than the words that are left of this block, as PyTorch counts.
    left: i32,
    next: usize,
    state: [u32; N],
}

impl Mt19937 {
    /// The twister is seeded by the low 32 bits.
    pub fn new(seed: u64) -> Mt19937 {
        let mut state = [seed as u32; N];
        for i in 1..N {
            let before = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        Mt19937 { seed, left: 1, next: 0, state }
    }

    /// Up to `most` words in order, still to be [tempered](temper); at least one.
    #[inline]
    pub fn words(&mut self, most: usize) -> &[u32] {
        if self.left <= 1 {
            dispatch(Twist(&mut self.state));
            (self.left, self.next) = (N as i32 + 1, 0);
        }
        let count = most.clamp(1, self.left as usize - 1);
        let start = self.next;
        self.left -= count as i32;
        self.next += count;
        &self.state[start..start + count]
    }

    /// Words that are left of this block.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.left as usize - 1
    }

    /// 32 random bits.
    #[inline]
    pub fn random(&mut self) -> u32 {
        temper(self.words(1)[0])
    }

    /// 64 random bits; the first word is the high one.
    #[inline]
    pub fn random64(&mut self) -> u64 {
        let high = self.random() as u64;
        high << 32 | self.random() as u64
    }

    /// Uniform on [0, 1), 53 bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.random64() & ((1 << 53) - 1)) as f64 * (0.5 / (1u64 << 52) as f64)
    }
}

/// What makes a word of the state a random number.
#[inline(always)]
pub fn temper(mut y: u32) -> u32 {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c_5680;
    y ^= (y << 15) & 0xefc6_0000;
    y ^ (y >> 18)
}

/// The next block of words.
struct Twist<'a>(&'a mut [u32; N]);

impl<I: Isa> Kernel<I> for Twist<'_> {
    type Output = ();

    /// Cut where the words read are old ones before and new ones after, so that each piece vectorises.
    #[inline(always)]
    fn run(self) {
        let s = self.0;
        let mix = |a: u32, b: u32| {
            let y = (a & 0x8000_0000) | (b & 0x7fff_ffff);
            (y >> 1) ^ (if b & 1 == 1 { 0x9908_b0df } else { 0 })
        };
        let old = *s;
        for k in 0..N - M {
            s[k] = old[k + M] ^ mix(old[k], old[k + 1]);
        }
        let (new, rest) = s.split_at_mut(N - M);
        for (k, y) in rest[..N - M].iter_mut().enumerate() {
            *y = new[k] ^ mix(old[N - M + k], old[N - M + k + 1]);
        }
        let (new, rest) = s.split_at_mut(2 * (N - M));
        for (k, y) in rest[..N - 1 - 2 * (N - M)].iter_mut().enumerate() {
            *y = new[N - M + k] ^ mix(old[2 * (N - M) + k], old[2 * (N - M) + k + 1]);
        }
        s[N - 1] = s[M - 1] ^ mix(old[N - 1], s[0]);
    }
}

/// What one generator holds: the twister, and the second numbers of pairs that the polar methods made.
#[derive(Clone)]
pub struct Engine {
    pub mt: Mt19937,
    pub next_normal: Option<f64>,
    pub next_float_normal: Option<f32>,
}

impl Engine {
    fn new(seed: u64) -> Engine {
        Engine { mt: Mt19937::new(seed), next_normal: None, next_float_normal: None }
    }
}

/// Bytes of a saved state: PyTorch's layout of its CPU generator.
pub const STATE_SIZE: usize = 5056;
const OLD_STATE_SIZE: usize = 5048;

/// A source of random numbers, shared by its clones. Ops lock it for as long as they draw.
#[derive(Clone)]
pub struct Generator(Arc<Mutex<Engine>>);

impl Default for Generator {
    fn default() -> Self {
        Generator::new(DEFAULT_SEED)
    }
}

impl std::fmt::Debug for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Generator(seed: {})", self.initial_seed())
    }
}

/// The generator that ops draw from when none is given; each process begins with a seed of its own.
pub fn default_generator() -> &'static Generator {
    static DEFAULT: LazyLock<Generator> = LazyLock::new(|| Generator::new(fresh_seed()));
    &DEFAULT
}

/// A number that is different each time: of 53 bits, as PyTorch's, so that it is exact in a double.
fn fresh_seed() -> u64 {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    if let Ok(now) = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        hasher.write_u128(now.as_nanos());
    }
    hasher.write_u32(std::process::id());
    hasher.finish() & ((1 << 53) - 1)
}

/// Seeds the default generator.
pub fn manual_seed(seed: u64) {
    default_generator().manual_seed(seed);
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator(Arc::new(Mutex::new(Engine::new(seed))))
    }

    /// Exclusive use of the engine. An op that panicked while drawing left it usable.
    pub fn lock(&self) -> MutexGuard<'_, Engine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, if nobody has it now.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, Engine>> {
        match self.0.try_lock() {
            Ok(engine) => Some(engine),
            Err(std::sync::TryLockError::Poisoned(engine)) => Some(engine.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    pub fn manual_seed(&self, seed: u64) {
        *self.lock() = Engine::new(seed);
    }

    pub fn initial_seed(&self) -> u64 {
        self.lock().mt.seed
    }

    /// Seeds with a number that is different each time, and returns it.
    pub fn seed(&self) -> u64 {
        let seed = fresh_seed();
        self.manual_seed(seed);
        seed
    }

    /// A generator of its own, in the same state.
    pub fn fork(&self) -> Generator {
        Generator(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// Whether both draw from the same engine.
    pub fn same(&self, other: &Generator) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The state as PyTorch lays it out.
    pub fn get_state(&self) -> Vec<u8> {
        let engine = self.lock();
        let mt = &engine.mt;
        let mut bytes = Vec::with_capacity(STATE_SIZE);
        bytes.extend(mt.seed.to_le_bytes());
        bytes.extend(mt.left.to_le_bytes());
        bytes.extend(1i32.to_le_bytes());
        bytes.extend((mt.next as u64).to_le_bytes());
        bytes.extend(mt.state.iter().flat_map(|&word| (word as u64).to_le_bytes()));
        // normal_x, normal_y, normal_rho, normal_is_valid and padding: only the second is in use.
        bytes.extend(0f64.to_le_bytes());
        bytes.extend(engine.next_normal.unwrap_or(0.0).to_le_bytes());
        bytes.extend(0f64.to_le_bytes());
        bytes.extend((engine.next_normal.is_some() as u64).to_le_bytes());
        bytes.extend(engine.next_float_normal.unwrap_or(0.0).to_le_bytes());
        bytes.extend((engine.next_float_normal.is_some() as u32).to_le_bytes());
        bytes
    }

    /// Takes up a state that [`get_state`](Generator::get_state) or PyTorch saved.
    pub fn set_state(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() != STATE_SIZE && bytes.len() != OLD_STATE_SIZE {
            return Err(Error::argument("set_state", format!("an RNG state of {STATE_SIZE} bytes"), bytes.len()));
        }
        let eight = |at: usize| std::array::from_fn::<u8, 8, _>(|i| bytes[at + i]);
        let four = |at: usize| std::array::from_fn::<u8, 4, _>(|i| bytes[at + i]);
        let word = |at: usize| u64::from_le_bytes(eight(at));
        let float = |at: usize| f64::from_le_bytes(eight(at));
        let (left, seeded, next) = (i32::from_le_bytes(four(8)), i32::from_le_bytes(four(12)), word(16));
        if seeded != 1 || !(1..=N as i32).contains(&left) || next > N as u64 || next as i32 + left - 1 > N as i32 {
            return Err(Error::custom("set_state", "Invalid mt19937 state"));
        }
        let state = std::array::from_fn(|i| word(24 + 8 * i) as u32);
        let mt = Mt19937 { seed: word(0), left, next: next as usize, state };
        let mut engine = Engine { mt, next_normal: None, next_float_normal: None };
        let at = 24 + 8 * N;
        let valid = i32::from_le_bytes(four(at + 24)) != 0;
        if bytes.len() == OLD_STATE_SIZE {
            // States of old hold the radius and the turn of the pair instead of its second number.
            engine.next_normal = valid.then(|| float(at + 16) * (std::f64::consts::TAU * float(at)).sin());
        } else {
            engine.next_normal = valid.then(|| float(at + 8));
            engine.next_float_normal = (bytes[at + 36] != 0).then(|| f32::from_le_bytes(four(at + 32)));
        }
        *self.lock() = engine;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's numbers for its default seed.
    #[test]
    fn reference_stream() {
        let mut mt = Mt19937::new(5489);
        assert_eq!(mt.random(), 3_499_211_612);
        for _ in 1..9_999 {
            mt.random();
        }
        assert_eq!(mt.random(), 4_123_659_995);
    }

    #[test]
    fn words_come_in_the_same_order_in_any_pieces() {
        let (mut one, mut many) = (Mt19937::new(1), Mt19937::new(1));
        let mut count = 1;
        for _ in 0..40 {
            let words = many.words(count).to_vec();
            assert!(!words.is_empty() && words.len() <= count);
            for word in words {
                assert_eq!(temper(word), one.random());
            }
            count = count * 7 % 1000 + 1;
        }
    }

    #[test]
    fn states_travel() {
        let generator = Generator::new(123);
        for _ in 0..700 {
            generator.lock().mt.random();
        }
        generator.lock().next_normal = Some(0.25);
        let state = generator.get_state();
        assert_eq!(state.len(), STATE_SIZE);
        let other = Generator::default();
        other.set_state(&state).expect("a state of our own");
        assert_eq!(other.initial_seed(), 123);
        assert_eq!(other.get_state(), state);
        assert_eq!(other.lock().mt.random64(), generator.lock().mt.random64());
        assert!(other.set_state(&state[1..]).is_err());
        assert!(other.set_state(&[0; STATE_SIZE]).is_err());
    }
}
