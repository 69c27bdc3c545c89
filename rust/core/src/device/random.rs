//! The stream of random numbers of GPUs: Philox 4x32-10, counter based, so that each element computes its own numbers from the
//! seed, a running offset and its index. Every generator is deterministic: the same seed and the same calls, the same numbers.

use std::sync::{Mutex, PoisonError};

/// What one op draws from: a key, and where its numbers begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Philox {
    pub seed: u64,
    pub offset: u64,
}

static STATE: Mutex<Philox> = Mutex::new(Philox { seed: 67_280_421_310_721, offset: 0 });

/// Begins the stream of this seed.
pub fn manual_seed(seed: u64) {
    set_philox_state(Philox { seed, offset: 0 });
}

pub fn seed() -> u64 {
    philox_state().seed
}

pub fn philox_state() -> Philox {
    *STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn set_philox_state(state: Philox) {
    *STATE.lock().unwrap_or_else(PoisonError::into_inner) = state;
}

/// Reserves `draws` draws (of four words each) for every element of one op.
pub fn take_philox(draws: u64) -> Philox {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let now = *state;
    state.offset = state.offset.wrapping_add(draws);
    now
}

impl Philox {
    /// The four constants that shaders pass to `philox(index, draw, key, offset)`.
    pub fn words(self) -> [u32; 4] {
        [self.seed as u32, (self.seed >> 32) as u32, self.offset as u32, (self.offset >> 32) as u32]
    }
}
