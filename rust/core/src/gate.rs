//! Hooks for a host language: what to do around long work (let go of an interpreter's lock) and between the steps of a
//! walk (look for a user's interrupt). Without a host there is nothing to do.

use crate::error::Result;
use std::sync::OnceLock;

pub struct Gate {
    /// Runs work that is long enough to be worth releasing a lock for.
    pub release: fn(&mut (dyn FnMut() + Send)),
    /// Fails if the user wants the program to stop.
    pub check: fn() -> Result<()>,
    /// Where in the user's program we are, for anomaly reports.
    pub trace: fn() -> String,
}

static GATE: OnceLock<Gate> = OnceLock::new();

/// Elements of work from which on the lock is released.
const GRAIN: usize = 1 << 16;

/// Called once by the host.
pub fn install(gate: Gate) {
    let _ = GATE.set(gate);
}

/// Runs `work`, which touches about `cost` elements.
#[inline]
pub(crate) fn work<R: Send>(cost: usize, work: impl FnOnce() -> R + Send) -> R {
    match GATE.get() {
        Some(gate) if cost >= GRAIN => {
            let (mut work, mut result) = (Some(work), None);
            (gate.release)(&mut || result = work.take().map(|work| work()));
            result.expect("the gate runs what it is given")
        }
        _ => work(),
    }
}

#[inline]
pub(crate) fn check() -> Result<()> {
    GATE.get().map_or(Ok(()), |gate| (gate.check)())
}

pub(crate) fn trace() -> String {
    GATE.get().map_or_else(String::new, |gate| (gate.trace)())
}
