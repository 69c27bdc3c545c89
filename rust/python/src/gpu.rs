//! The driver of GPUs as the core sees it: memory pool, queue of launches, caches of pipelines and bind groups. What touches
//! WebGPU is Python (`rushlight.gpu._adapter`): it is called when something new is needed and when the queue is handed over,
//! once for some dozens of ops.
//!
//! Locks: the GIL may be taken while nothing of `State` is locked, never the other way round; and no Python object is let go of
//! under the lock, because that may run the collector, which may drop tensors, which lock.

use crate::error::foreign;
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use rushlight::device::{Access, DeviceMemory, Driver, Launch, Limits};
use rushlight::storage::Storage;
use rushlight::{Error, Result};
use smallvec::SmallVec;
use std::any::Any;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Launches after which the queue is handed over.
const BATCH: usize = 64;
/// The uniform block of each launch begins at a multiple of this, the alignment that every adapter has.
const SLOT: usize = 256;
/// Bind groups that are kept.
const GROUPS: usize = 4096;
/// Bytes of free buffers above which freed ones are given back to the system.
const KEEP: usize = 1 << 30;

#[derive(Debug)]
pub struct Gpu {
    this: Weak<Gpu>,
    name: String,
    limits: Limits,
    /// Where `RUSHLIGHT_GPU_MEMORY` draws the line.
    ceiling: usize,
    adapter: Py<PyAny>,
    state: Mutex<State>,
}

#[derive(Default, Debug)]
struct State {
    queue: Vec<Queued>,
    /// The uniform blocks of what is queued.
    constants: Vec<u8>,
    pipelines: HashMap<String, Arc<Pipeline>>,
    groups: HashMap<GroupKey, Arc<Py<PyAny>>>,
    /// Free buffers by size.
    free: BTreeMap<usize, Vec<Buffer>>,
    /// The number of the batch that is being filled.
    batch: u64,
    next_id: u64,
    warned: HashSet<&'static str>,
    count: Count,
}

/// What `memory_stats` tells.
#[derive(Default, Debug, Clone)]
struct Count {
    allocated: usize,
    peak: usize,
    kept: usize,
    pool_hits: usize,
    pool_misses: usize,
    launches: usize,
    flushes: usize,
    reads: usize,
    writes: usize,
    pipelines: usize,
    groups_hits: usize,
    groups_misses: usize,
    fallbacks: usize,
}

#[derive(Debug)]
struct Pipeline {
    pipeline: Py<PyAny>,
    layout: Py<PyAny>,
    /// Which kinds of bindings it has: bind groups of equal kinds fit.
    kinds: u64,
    window: usize,
}

type GroupKey = SmallVec<[u64; 25]>;

#[derive(Debug)]
struct Queued {
    pipeline: Arc<Pipeline>,
    group: Arc<Py<PyAny>>,
    offset: usize,
    workgroups: [u32; 2],
}

#[derive(Debug)]
struct Buffer {
    id: u64,
    bytes: usize,
    object: Py<PyAny>,
    /// The batch that used it last.
    used: u64,
}

/// A buffer in use.
#[derive(Debug)]
struct Memory {
    gpu: Arc<Gpu>,
    driver: Arc<dyn Driver>,
    id: u64,
    bytes: usize,
    object: Option<Py<PyAny>>,
    used: std::sync::atomic::AtomicU64,
}

impl DeviceMemory for Memory {
    fn driver(&self) -> &Arc<dyn Driver> {
        &self.driver
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        let mut state = self.gpu.lock();
        state.count.allocated -= self.bytes;
        if state.count.kept + self.bytes > KEEP {
            // Bind groups know it; both go when the last batch that uses it has been handed over.
            let groups = std::mem::take(&mut state.groups);
            drop(state);
            drop((groups, object));
            return;
        }
        state.count.kept += self.bytes;
        let used = self.used.load(std::sync::atomic::Ordering::Relaxed);
        state.free.entry(self.bytes).or_default().push(Buffer { id: self.id, bytes: self.bytes, object, used });
    }
}

/// Four sizes to each power of two.
fn class_of(bytes: usize) -> usize {
    let bytes = bytes.max(SLOT).next_multiple_of(SLOT);
    let step = (1usize << bytes.ilog2().saturating_sub(2)).max(SLOT);
    bytes.next_multiple_of(step)
}

impl Gpu {
    /// A driver over an adapter object of Python's.
    pub fn new(adapter: &Bound<PyAny>) -> PyResult<Arc<Gpu>> {
        let limits = Limits {
            binding: adapter.getattr("max_binding")?.extract()?,
            buffer: adapter.getattr("max_buffer")?.extract()?,
            f16: adapter.getattr("f16")?.extract()?,
        };
        let ceiling = adapter.getattr("memory_limit")?.extract()?;
        let adapter = adapter.clone().unbind();
        Ok(Arc::new_cyclic(|this| Gpu {
            this: this.clone(),
            name: "gpu:0".into(),
            limits,
            ceiling,
            adapter,
            state: Mutex::new(State { batch: 1, ..State::default() }),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn this(&self) -> Result<Arc<Gpu>> {
        self.this.upgrade().ok_or_else(|| Error::custom("gpu", "the driver is gone"))
    }

    /// Calls a method of the adapter.
    fn ask<R>(&self, call: impl FnOnce(&Bound<PyAny>) -> PyResult<R>) -> Result<R> {
        Python::attach(|py| call(self.adapter.bind(py))).map_err(foreign)
    }

    /// Hands the queue over. The adapter's lock keeps batches of several threads in order: inside of it, it asks for the batch.
    pub fn flush(&self) -> Result<()> {
        if self.lock().queue.is_empty() {
            return Ok(());
        }
        self.ask(|adapter| adapter.call_method0("flush").map(|_| ()))
    }

    /// The constants, and (pipeline, bind group, offset, x, y) of each launch.
    pub fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let (queue, constants) = {
            let mut state = self.lock();
            if state.queue.is_empty() {
                return Ok(None);
            }
            state.batch += 1;
            state.count.flushes += 1;
            let constants = std::mem::take(&mut state.constants);
            (std::mem::replace(&mut state.queue, Vec::with_capacity(BATCH)), constants)
        };
        let launches = PyList::empty(py);
        for launch in &queue {
            let [x, y] = launch.workgroups;
            launches.append((launch.pipeline.pipeline.bind(py), launch.group.bind(py), launch.offset, x, y))?;
        }
        Ok(Some((PyBytes::new(py, &constants), launches).into_pyobject(py)?))
    }

    /// Gives all free buffers back.
    pub fn empty_cache(&self) -> Result<()> {
        self.flush()?;
        let (free, groups) = {
            let mut state = self.lock();
            state.count.kept = 0;
            (std::mem::take(&mut state.free), std::mem::take(&mut state.groups))
        };
        drop(groups);
        self.ask(|adapter| {
            let all: Vec<_> = free.values().flatten().map(|b| b.object.bind(adapter.py())).collect();
            adapter.call_method1("destroy", (PyList::new(adapter.py(), all)?,)).map(|_| ())
        })
    }

    pub fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let count = self.lock().count.clone();
        let dict = PyDict::new(py);
        for (name, value) in [
            ("allocated_bytes", count.allocated),
            ("peak_allocated_bytes", count.peak),
            ("kept_bytes", count.kept),
            ("pool_hits", count.pool_hits),
            ("pool_misses", count.pool_misses),
            ("launches", count.launches),
            ("flushes", count.flushes),
            ("reads", count.reads),
            ("writes", count.writes),
            ("pipelines", count.pipelines),
            ("bind_group_hits", count.groups_hits),
            ("bind_group_misses", count.groups_misses),
            ("fallbacks", count.fallbacks),
        ] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    pub fn reset_peak(&self) {
        let mut state = self.lock();
        state.count.peak = state.count.allocated;
    }

    fn pipeline(&self, launch: &Launch, source: &dyn Fn() -> String) -> Result<Arc<Pipeline>> {
        if let Some(pipeline) = self.lock().pipelines.get(launch.key) {
            return Ok(pipeline.clone());
        }
        let access: Vec<bool> = launch.buffers.iter().map(|b| b.access == Access::ReadWrite).collect();
        let window = (launch.constants.len() * 4).next_multiple_of(SLOT);
        let text = source();
        let (pipeline, layout) = self.ask(|adapter| {
            adapter
                .call_method1("pipeline", (launch.key, text, access.clone(), window))?
                .extract::<(Py<PyAny>, Py<PyAny>)>()
        })?;
        let kinds = access.iter().fold(1, |kinds, w| kinds << 1 | *w as u64) | (window as u64) << 32;
        let pipeline = Arc::new(Pipeline { pipeline, layout, kinds, window });
        let mut state = self.lock();
        state.count.pipelines += 1;
        let twin = state.pipelines.insert(launch.key.to_string(), pipeline.clone());
        drop(state);
        drop(twin);
        Ok(pipeline)
    }

    fn create(&self, bytes: usize) -> Result<Py<PyAny>> {
        let result = Python::attach(|py| self.adapter.bind(py).call_method1("create", (bytes,)).map(Bound::unbind));
        result.map_err(|error| {
            let memory = Python::attach(|py| error.is_instance_of::<PyMemoryError>(py));
            if memory { Error::Memory { op: "gpu", bytes } } else { foreign(error) }
        })
    }

    fn acquire(&self, bytes: usize, unused: bool) -> Result<Box<dyn DeviceMemory>> {
        if bytes > self.limits.buffer {
            let message = format!(
                "a tensor of {bytes} bytes is larger than any buffer of this GPU (max-buffer-size = {} bytes); make it in pieces",
                self.limits.buffer
            );
            return Err(Error::custom("gpu", message));
        }
        let size = class_of(bytes).min(self.limits.buffer);
        let found = {
            let mut state = self.lock();
            let batch = state.batch;
            let pending = !state.queue.is_empty();
            let found = state.free.get_mut(&size).and_then(|list| match unused && pending {
                true => list.iter().rposition(|b| b.used != batch).map(|at| list.swap_remove(at)),
                false => list.pop(),
            });
            match &found {
                Some(_) => {
                    state.count.pool_hits += 1;
                    state.count.kept -= size;
                }
                None => state.count.pool_misses += 1,
            }
            found
        };
        let buffer = match found {
            Some(buffer) => buffer,
            None => {
                let room = |state: &State| state.count.allocated + state.count.kept + size <= self.ceiling;
                if !room(&self.lock()) {
                    self.empty_cache()?;
                }
                if !room(&self.lock()) {
                    return Err(Error::Memory { op: "gpu", bytes });
                }
                let object = match self.create(size) {
                    Err(Error::Memory { .. }) => {
                        self.empty_cache()?;
                        self.create(size)?
                    }
                    other => other?,
                };
                let mut state = self.lock();
                state.next_id += 1;
                Buffer { id: state.next_id, bytes: size, object, used: 0 }
            }
        };
        let gpu = self.this()?;
        let mut state = self.lock();
        state.count.allocated += buffer.bytes;
        state.count.peak = state.count.peak.max(state.count.allocated);
        drop(state);
        let Buffer { id, bytes, object, used } = buffer;
        let driver: Arc<dyn Driver> = gpu.clone();
        Ok(Box::new(Memory { gpu, driver, id, bytes, object: Some(object), used: used.into() }))
    }
}

fn memory(storage: &Storage) -> Result<&Memory> {
    let memory = storage.device_memory().and_then(|memory| memory.as_any().downcast_ref::<Memory>());
    memory.ok_or_else(|| Error::custom("gpu", "a tensor that is not on this GPU"))
}

impl Driver for Gpu {
    fn name(&self) -> &str {
        &self.name
    }
    fn limits(&self) -> Limits {
        self.limits
    }
    fn alloc(&self, bytes: usize) -> Result<Box<dyn DeviceMemory>> {
        self.acquire(bytes, false)
    }
    fn alloc_to_write(&self, bytes: usize) -> Result<Box<dyn DeviceMemory>> {
        self.acquire(bytes, true)
    }

    fn launch(&self, launch: &Launch, source: &dyn Fn() -> String) -> Result<()> {
        let pipeline = self.pipeline(launch, source)?;
        let mut key = GroupKey::from_slice(&[pipeline.kinds]);
        for binding in launch.buffers {
            key.extend([memory(binding.buffer)?.id, binding.offset as u64, binding.size as u64]);
        }
        let known = self.lock().groups.get(&key).cloned();
        let hit = known.is_some();
        let group = match known {
            Some(group) => group,
            None => self.group(&pipeline, launch, key)?,
        };
        let full = {
            let mut state = self.lock();
            let offset = state.constants.len();
            state.constants.extend(launch.constants.iter().flat_map(|word| word.to_ne_bytes()));
            state.constants.resize(offset + pipeline.window, 0);
            for binding in launch.buffers {
                memory(binding.buffer)?.used.store(state.batch, std::sync::atomic::Ordering::Relaxed);
            }
            state.queue.push(Queued { pipeline, group, offset, workgroups: launch.workgroups });
            state.count.launches += 1;
            *(if hit { &mut state.count.groups_hits } else { &mut state.count.groups_misses }) += 1;
            state.queue.len() >= BATCH || state.constants.len() >= BATCH * 4 * SLOT
        };
        if full { self.flush() } else { Ok(()) }
    }

    fn write(&self, to: &Storage, offset: usize, bytes: &[u8]) -> Result<()> {
        let target = memory(to)?;
        let pending = {
            let mut state = self.lock();
            state.count.writes += 1;
            !state.queue.is_empty() && target.used.load(std::sync::atomic::Ordering::Relaxed) == state.batch
        };
        if pending {
            self.flush()?; // what was launched before must see the old bytes
        }
        self.ask(|adapter| {
            let bytes = match bytes.len() % 4 {
                0 => PyBytes::new(adapter.py(), bytes),
                rest => PyBytes::new(adapter.py(), &[bytes, &[0; 4][rest..]].concat()),
            };
            adapter.call_method1("write", (target.object.as_ref(), offset, bytes)).map(|_| ())
        })
    }

    fn read(&self, from: &Storage, offset: usize, bytes: usize) -> Result<Vec<u8>> {
        let source = memory(from)?;
        self.lock().count.reads += 1;
        self.flush()?;
        let start = offset / 4 * 4;
        let end = (offset + bytes).next_multiple_of(4);
        self.ask(|adapter| {
            let data = adapter.call_method1("read", (source.object.as_ref(), start, end - start))?;
            let data = pyo3::buffer::PyBuffer::<u8>::get(&data)?;
            let mut all = data.to_vec(adapter.py())?;
            all.drain(..offset - start);
            all.truncate(bytes);
            Ok(all)
        })
    }

    fn fallback(&self, op: &'static str) -> Result<()> {
        let new = {
            let mut state = self.lock();
            state.count.fallbacks += 1;
            state.warned.insert(op)
        };
        self.ask(|adapter| adapter.call_method1("fallback", (op, new)).map(|_| ()))
    }
}

impl Gpu {
    fn group(&self, pipeline: &Arc<Pipeline>, launch: &Launch, key: GroupKey) -> Result<Arc<Py<PyAny>>> {
        let group = self.ask(|adapter| {
            let py = adapter.py();
            let buffers = PyList::empty(py);
            for binding in launch.buffers {
                let memory = memory(binding.buffer).map_err(crate::error::raise)?;
                let size = if binding.size == 0 { memory.bytes } else { binding.size };
                buffers.append((memory.object.as_ref(), binding.offset, size))?;
            }
            adapter.call_method1("group", (&pipeline.layout, buffers, pipeline.window)).map(Bound::unbind)
        })?;
        let group = Arc::new(group);
        let mut state = self.lock();
        let full = state.groups.len() >= GROUPS;
        let old = if full { std::mem::take(&mut state.groups) } else { HashMap::new() };
        let twin = state.groups.insert(key, group.clone());
        drop(state);
        drop((old, twin));
        Ok(group)
    }
}
