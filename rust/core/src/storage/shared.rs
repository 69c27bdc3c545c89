//! Memory that several processes see. It has no name in any file system: who holds its descriptor or a mapping of it keeps
//! it, and the system frees it with the last of them, however that one ends.
//!
//! [`Shared`] is such memory, [`Segment`] a piece of it that one process fills for another over and over again.

use crate::error::{Error, Result};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// What tells one piece of shared memory from all others on this machine.
pub type Key = u128;

/// A piece of memory that the system has put into our addresses.
#[derive(Debug)]
pub struct Mapping {
    ptr: NonNull<u8>,
    bytes: usize,
}

// SAFETY: plain memory; who may touch it when is the contract of `Storage::ptr`.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn of(file: &system::File, bytes: usize) -> Result<Mapping> {
        Ok(Mapping { ptr: system::map(file, bytes)?, bytes })
    }
    fn ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        system::unmap(self.ptr, self.bytes);
    }
}

/// Shared memory, with the descriptor by which others can have it.
#[derive(Debug)]
pub struct Shared {
    mapping: Mapping,
    key: Key,
    file: system::File,
}

impl Shared {
    /// New memory, full of zeros.
    pub fn create(bytes: usize) -> Result<Shared> {
        let file = system::create(bytes)?;
        Ok(Shared { mapping: Mapping::of(&file, bytes)?, key: new_key(), file })
    }

    /// Memory that another process has made, by its descriptor, which is ours from now on.
    pub fn open(descriptor: i32, bytes: usize, key: Key) -> Result<Shared> {
        let file = system::adopt(descriptor, bytes)?;
        Ok(Shared { mapping: Mapping::of(&file, bytes)?, key, file })
    }

    pub fn ptr(&self) -> *mut u8 {
        self.mapping.ptr()
    }
    pub fn bytes(&self) -> usize {
        self.mapping.bytes
    }
    pub fn key(&self) -> Key {
        self.key
    }
    /// All pages at once, which is faster than one by one when they are about to be filled.
    pub(super) fn populate(&self) {
        system::populate(self.mapping.ptr, self.mapping.bytes);
    }
    /// To be sent to another process; it stays ours.
    pub fn descriptor(&self) -> i32 {
        system::number(&self.file)
    }
}

/// A process, a moment, a count.
fn new_key() -> Key {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_nanos() as u64);
    let count = COUNT.fetch_add(1, Relaxed);
    (u128::from(now) << 64) | (u128::from(std::process::id()) << 32) | u128::from(count as u32)
}

/// The first line of a segment tells the state, tensors lie behind it.
pub const HEAD: usize = 64;
const FREE: u32 = 0;
const LENT: u32 = 1;
/// Not to be used again: somebody may still look at it.
const RETIRED: u32 = 2;

/// Counts the forks of this process: a child sees what was lent before, and nobody knows for how long.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Called before a fork.
pub(crate) fn will_fork() {
    FORKS.fetch_add(1, SeqCst);
}

/// Shared memory that goes back and forth between a process that fills it and one that looks at it. Needs no descriptor
/// once both have it.
#[derive(Clone, Debug)]
pub struct Segment(Arc<Mapping>);

impl Segment {
    /// With room for so many bytes behind its head; and a descriptor for the other side, to be closed by the caller.
    pub fn create(room: usize) -> Result<(Segment, i32)> {
        let bytes = room.checked_add(HEAD).ok_or(Error::Memory { op: "share_memory_", bytes: room })?;
        let file = system::create(bytes)?;
        Ok((Segment(Arc::new(Mapping::of(&file, bytes)?)), system::give(file)))
    }

    /// The other side's view of it; takes the descriptor and closes it.
    pub fn open(descriptor: i32, room: usize) -> Result<Segment> {
        let bytes = room.checked_add(HEAD).ok_or(Error::Memory { op: "share_memory_", bytes: room })?;
        let file = system::adopt(descriptor, bytes)?;
        Ok(Segment(Arc::new(Mapping::of(&file, bytes)?)))
    }

    pub fn room(&self) -> usize {
        self.0.bytes - HEAD
    }
    /// Where the bytes behind the head begin.
    pub fn ptr(&self) -> *mut u8 {
        self.0.ptr().wrapping_add(HEAD)
    }
    pub fn contains(&self, ptr: *const u8) -> bool {
        (ptr as usize).checked_sub(self.ptr() as usize).is_some_and(|at| at < self.room())
    }

    fn state(&self) -> &AtomicU32 {
        // SAFETY: the first bytes of a mapping of at least HEAD bytes, which both sides use as this and nothing else.
        unsafe { AtomicU32::from_ptr(self.0.ptr().cast()) }
    }

    /// Takes the segment for filling if nobody uses it, here or there.
    pub fn take(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && self.state().compare_exchange(FREE, LENT, Acquire, Relaxed).is_ok()
    }
    /// Gives back what was taken and not sent.
    pub fn give_back(&self) {
        self.state().store(FREE, Release);
    }
    pub fn is_retired(&self) -> bool {
        self.state().load(Relaxed) == RETIRED
    }
    /// The memory, for a storage's owner.
    pub fn memory(&self) -> Arc<Mapping> {
        self.0.clone()
    }
    /// Looks at what the other side has filled: the segment goes back to it with the last clone of this.
    pub fn lend(&self) -> Lease {
        Lease(Arc::new(Lent { segment: self.clone(), process: std::process::id(), forks: FORKS.load(SeqCst) }))
    }
}

/// A look into a segment.
#[derive(Clone)]
pub struct Lease(Arc<Lent>);

impl Lease {
    pub fn segment(&self) -> &Segment {
        &self.0.segment
    }
}

struct Lent {
    segment: Segment,
    process: u32,
    forks: u32,
}

impl Drop for Lent {
    fn drop(&mut self) {
        // A forked child has a copy of this, and no say; and what such a child may look at is not filled again.
        if self.process == std::process::id() {
            let forked = self.forks != FORKS.load(SeqCst);
            self.segment.state().store(if forked { RETIRED } else { FREE }, Release);
        }
    }
}

#[cfg(unix)]
mod system {
    use crate::error::{Error, Result};
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
    use std::ptr::NonNull;

    pub type File = OwnedFd;

    fn failed(what: &str) -> Error {
        let error = io::Error::last_os_error();
        let hint = match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE) => {
                "; each shared tensor holds a file descriptor: share fewer and larger ones, or raise the limit (ulimit -n)"
            }
            _ => "",
        };
        Error::custom("share_memory_", format!("{what}: {error}{hint}"))
    }

    pub fn create(bytes: usize) -> Result<File> {
        let mut file = anonymous();
        if file.is_none() && io::Error::last_os_error().raw_os_error() == Some(libc::EMFILE) && more_descriptors() {
            file = anonymous();
        }
        let file = file.ok_or_else(|| failed("no shared memory to be had"))?;
        let Ok(length) = libc::off_t::try_from(bytes.max(1)) else {
            return Err(Error::Memory { op: "share_memory_", bytes });
        };
        // SAFETY: a descriptor of ours.
        if unsafe { libc::ftruncate(file.as_raw_fd(), length) } != 0 {
            return Err(failed(&format!("no shared memory of {bytes} bytes")));
        }
        Ok(file)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    fn anonymous() -> Option<File> {
        // SAFETY: a name that ends with a zero; the descriptor is new and ours.
        unsafe {
            let file = libc::memfd_create(c"rushlight".as_ptr(), libc::MFD_CLOEXEC);
            (file >= 0).then(|| OwnedFd::from_raw_fd(file))
        }
    }

    /// Named for the moment between two calls.
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    fn anonymous() -> Option<File> {
        use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("/rl{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let name = std::ffi::CString::new(name).ok()?;
        // SAFETY: a name that ends with a zero; the descriptor is new and ours.
        unsafe {
            let file = libc::shm_open(name.as_ptr(), libc::O_CREAT | libc::O_EXCL | libc::O_RDWR, 0o600);
            if file < 0 {
                return None;
            }
            libc::shm_unlink(name.as_ptr());
            libc::fcntl(file, libc::F_SETFD, libc::FD_CLOEXEC);
            Some(OwnedFd::from_raw_fd(file))
        }
    }

    /// Takes as many descriptors as the system lets us have; false if we had them.
    fn more_descriptors() -> bool {
        // SAFETY: a plain struct that the calls fill and read.
        unsafe {
            let mut limit: libc::rlimit = std::mem::zeroed();
            if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) != 0 || limit.rlim_cur >= limit.rlim_max {
                return false;
            }
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit) == 0
        }
    }

    pub fn adopt(descriptor: i32, bytes: usize) -> Result<File> {
        // SAFETY: the caller gives it to us; a number that is no descriptor fails in the next call.
        unsafe {
            if libc::fcntl(descriptor, libc::F_GETFD) < 0 {
                return Err(failed("a descriptor of shared memory"));
            }
            let file = OwnedFd::from_raw_fd(descriptor);
            let mut about: libc::stat = std::mem::zeroed();
            if libc::fstat(descriptor, &mut about) != 0 {
                return Err(failed("a descriptor of shared memory"));
            }
            if u64::try_from(about.st_size).unwrap_or(0) < bytes as u64 {
                let given = format!("{} bytes", about.st_size);
                return Err(Error::argument("share_memory_", format!("shared memory of {bytes} bytes"), given));
            }
            Ok(file)
        }
    }

    pub fn number(file: &File) -> RawFd {
        file.as_raw_fd()
    }
    pub fn give(file: File) -> RawFd {
        file.into_raw_fd()
    }

    pub fn map(file: &File, bytes: usize) -> Result<NonNull<u8>> {
        // SAFETY: a new mapping, at a place that the system chooses.
        let ptr = unsafe {
            let how = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), bytes.max(1), how, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        match NonNull::new(ptr.cast()) {
            Some(found) if ptr != libc::MAP_FAILED => Ok(found),
            _ if io::Error::last_os_error().raw_os_error() == Some(libc::ENOMEM) => {
                Err(Error::Memory { op: "share_memory_", bytes })
            }
            _ => Err(failed("mapping shared memory")),
        }
    }

    pub fn populate(ptr: NonNull<u8>, bytes: usize) {
        #[cfg(target_os = "linux")]
        // SAFETY: a hint about a mapping of this length; a system that does not know it says no, which does not matter.
        unsafe {
            libc::madvise(ptr.as_ptr().cast(), bytes, libc::MADV_POPULATE_WRITE);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (ptr, bytes);
    }

    pub fn unmap(ptr: NonNull<u8>, bytes: usize) {
        // SAFETY: a mapping of this length, made by `map`, of which this is the end.
        unsafe { libc::munmap(ptr.as_ptr().cast(), bytes.max(1)) };
    }
}

/// Systems that pass no descriptors from process to process.
#[cfg(not(unix))]
mod system {
    use crate::error::{Error, Result};
    use std::ptr::NonNull;

    #[derive(Debug)]
    pub enum File {}

    fn missing<T>() -> Result<T> {
        let what = "memory shared between processes on this system (send copies: x.numpy(), or bytes)";
        Err(Error::NotImplemented { op: "share_memory_", what })
    }
    pub fn create(_: usize) -> Result<File> {
        missing()
    }
    pub fn adopt(_: i32, _: usize) -> Result<File> {
        missing()
    }
    pub fn number(file: &File) -> i32 {
        match *file {}
    }
    pub fn give(file: File) -> i32 {
        match file {}
    }
    pub fn map(file: &File, _: usize) -> Result<NonNull<u8>> {
        match *file {}
    }
    pub fn populate(_: NonNull<u8>, _: usize) {}
    pub fn unmap(_: NonNull<u8>, _: usize) {}
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::storage::Storage;

    fn duplicate(descriptor: i32) -> i32 {
        // SAFETY: a call about a living descriptor.
        unsafe { libc::dup(descriptor) }
    }

    #[test]
    fn memory_moves_under_its_views_and_comes_back_as_itself() {
        let storage = Storage::new(100).unwrap();
        let (alias, apart) = (storage.clone(), storage.apart());
        // SAFETY: 100 bytes of ours.
        unsafe { storage.ptr().unwrap().write(7) };
        storage.share().unwrap();
        let at = alias.ptr().unwrap();
        assert_eq!((at, at), (storage.ptr().unwrap(), apart.ptr().unwrap()));
        // SAFETY: as above.
        assert_eq!(unsafe { at.read() }, 7);
        let shared = apart.shared().expect("it moved");
        let again = Storage::open_shared(duplicate(shared.descriptor()), 100, shared.key()).unwrap();
        assert!(again.same(&storage));
        let elsewhere = Shared::open(duplicate(shared.descriptor()), 100, shared.key()).unwrap();
        // SAFETY: two mappings of 100 bytes.
        unsafe { elsewhere.ptr().add(99).write(9) };
        // SAFETY: as above.
        assert_eq!(unsafe { at.add(99).read() }, 9);
        assert!(Shared::open(duplicate(shared.descriptor()), 101, 0).is_err());
        assert!(Shared::open(-1, 1, 0).is_err());
        assert!(Storage::new(0).unwrap().share().is_ok());
    }

    #[test]
    fn a_segment_comes_back_when_nobody_looks_any_more() {
        let (here, descriptor) = Segment::create(1000).unwrap();
        let there = Segment::open(descriptor, 1000).unwrap();
        assert!(here.take() && !here.take());
        let lease = there.lend();
        let second = lease.clone();
        drop(lease);
        assert!(!here.take());
        drop(second);
        let used_here = here.memory();
        assert!(!here.take());
        drop(used_here);
        assert!(here.take());
        let lease = there.lend();
        will_fork();
        drop(lease);
        assert!(!here.take() && here.is_retired());
    }
}
