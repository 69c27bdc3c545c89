//! A buffer for each thread. It only grows, so a loop of products pays for page faults once and never for an allocation
//! afterwards.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::null_mut;

const PAGE: usize = 4096;

thread_local! {
    static KEPT: Scratch = const { Scratch { ptr: Cell::new(null_mut()), len: Cell::new(0) } };
}

/// Page-aligned, uninitialised memory; it goes back to the thread when dropped. (Not a closure that is handed a buffer:
/// code in a closure would not be compiled for the instruction set of the function around it.)
pub struct Scratch {
    ptr: Cell<*mut u8>,
    len: Cell<usize>,
}

impl Scratch {
    /// At least so many bytes. A second one at the same time finds the kept buffer taken and gets a fresh one.
    pub fn take(bytes: usize) -> Scratch {
        let taken = |kept: &Scratch| (kept.ptr.replace(null_mut()), kept.len.replace(0));
        let (ptr, len) = KEPT.try_with(taken).unwrap_or((null_mut(), 0));
        let scratch = Scratch { ptr: Cell::new(ptr), len: Cell::new(len) };
        if len < bytes {
            scratch.free();
            let len = bytes.next_multiple_of(16 * PAGE);
            let layout = layout(len);
            // SAFETY: the size is not zero.
            let ptr = unsafe { alloc(layout) };
            if ptr.is_null() {
                handle_alloc_error(layout);
            }
            scratch.ptr.set(ptr);
            scratch.len.set(len);
        }
        scratch
    }

    pub fn ptr(&self) -> *mut u8 {
        self.ptr.get()
    }

    fn free(&self) {
        if !self.ptr.get().is_null() {
            // SAFETY: allocated above with the same layout.
            unsafe { dealloc(self.ptr.replace(null_mut()), layout(self.len.replace(0))) }
        }
    }
}

fn layout(len: usize) -> Layout {
    // SAFETY: a power of two; sizes are those of matrices in memory, far below `isize::MAX`.
    unsafe { Layout::from_size_align_unchecked(len, PAGE) }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The one in the thread local itself finds no other; what is there already goes.
        let _ = KEPT.try_with(|kept| {
            if !std::ptr::eq(kept, self) {
                self.ptr.swap(&kept.ptr);
                self.len.swap(&kept.len);
            }
        });
        self.free();
    }
}
