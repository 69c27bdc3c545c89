//! What must stand still while a process forks. The child has only the thread that forked: a lock that another thread held
//! would never open there again.

use crate::{random, storage};
use std::any::Any;
use std::cell::RefCell;

thread_local! {
    /// Locks that are held across the fork.
    static HELD: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// To be called before a fork, by the thread that forks. False if another thread is at work with something that the child
/// needs: let it work for a moment and call again.
pub fn prepare() -> bool {
    release();
    let (Some(open), Some(engine)) = (storage::hold(), random::default_generator().try_lock()) else { return false };
    HELD.with_borrow_mut(|held| held.extend([Box::new(engine) as Box<dyn Any>, open]));
    storage::shared::will_fork();
    true
}

/// Instead of a `prepare` that succeeds: forks all the same.
pub fn give_up() {
    release();
    storage::shared::will_fork();
}

/// To be called after it, in both processes.
pub fn release() {
    let held = HELD.with_borrow_mut(std::mem::take);
    drop(held);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_held_by_the_thread_that_forks() {
        assert!(prepare());
        let elsewhere = std::thread::spawn(|| random::default_generator().try_lock().is_none());
        assert!(elsewhere.join().unwrap());
        release();
        let mut busy = Some(random::default_generator().lock());
        assert!(!std::thread::spawn(prepare).join().unwrap());
        busy.take();
        assert!(prepare());
        release();
    }
}
