//! Graph files that were changed by chance or by malice: no crash, no hang, no memory beyond the file's own size class.
//!
//! A short run is part of the tests. `RUSHLIGHT_FUZZ_SECONDS=600 cargo test --release -p rushlight --test fuzz_graph` is a long one;
//! `RUSHLIGHT_FUZZ_SEED` starts it elsewhere. What was tried last is in `target/tmp/fuzz_case.rlg`, for crashes that leave no
//! words. The files it begins with are in `tests/data/graphs`, which `tests/fuzz_files.py --graphs` writes.

use rushlight::graph::Graph;
use rushlight::graph::file::checksum;
use rushlight::{DType, Tensor};
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Counts what is allocated, and refuses what no case may ask for at once, as a machine does that has no more.
struct Counting;
static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
const MOST: usize = 1 << 28;

// SAFETY: passes on to the system's allocator, or gives null.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > MOST {
            return std::ptr::null_mut();
        }
        PEAK.fetch_max(USED.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A loaded graph may take so many times the file's bytes (one byte of a list can stand for an attribute), and so many more.
const FACTOR: usize = 64;
const MORE: usize = 1 << 20;
/// Longer than any case may take.
const LONG: Duration = Duration::from_secs(20);

struct Dice(u64);
impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n.max(1)
    }
    fn number(&mut self) -> u64 {
        const ODD: [u64; 14] =
            [0, 1, 2, 3, 5, 7, 64, 255, 1 << 31, 1 << 40, (1 << 40) + 1, u64::MAX, 1 << 63, u64::MAX >> 1];
        ODD[self.roll(ODD.len())]
    }
}

fn files() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/graphs");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

const HEADER: usize = 56;

fn number(file: &[u8], at: usize) -> usize {
    u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize
}

/// The file with another description, and sums that agree.
fn with_description(file: &[u8], description: &[u8]) -> Vec<u8> {
    let weights = &file[number(file, 24)..];
    let start = (HEADER + description.len()).next_multiple_of(64);
    let mut made = file[..16].to_vec();
    for n in [description.len(), start, weights.len()] {
        made.extend_from_slice(&(n as u64).to_le_bytes());
    }
    made.extend_from_slice(&file[40..48]);
    let sum = checksum(&[&made, description]);
    made.extend_from_slice(&sum.to_le_bytes());
    made.extend_from_slice(description);
    made.resize(start, 0);
    made.extend_from_slice(weights);
    made
}

fn changed(files: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let file = &files[dice.roll(files.len())];
    if dice.roll(8) == 0 {
        // As chance has it: nearly always a wrong sum.
        let mut file = file.clone();
        match dice.roll(3) {
            0 => file.truncate(dice.roll(file.len())),
            1 => file.push(0),
            _ => {
                let at = dice.roll(file.len());
                file[at] ^= 1 << dice.roll(8);
            }
        }
        return file;
    }
    let mut text = file[HEADER..HEADER + number(file, 16)].to_vec();
    for _ in 0..1 + dice.roll(3) {
        let at = dice.roll(text.len());
        match dice.roll(7) {
            0 => text[at] ^= 1 << dice.roll(8),
            1 => text[at] = dice.roll(16) as u8,
            2 | 3 if at + 8 <= text.len() => {
                // A number, on the place of a number: those of shapes and attributes are small.
                let at = (at..text.len() - 8).find(|i| text[i + 1..i + 8] == [0; 7]).unwrap_or(at);
                let old = number(&text, at) as u64;
                let new = if dice.roll(2) == 0 {
                    dice.number()
                } else {
                    old.wrapping_add(dice.roll(5) as u64).wrapping_sub(2)
                };
                text[at..at + 8].copy_from_slice(&new.to_le_bytes());
            }
            4 => {
                let to = (at + dice.roll(32)).min(text.len());
                text.drain(at..to);
            }
            5 => {
                let other = &files[dice.roll(files.len())];
                let other = &other[HEADER..HEADER + number(other, 16)];
                let from = dice.roll(other.len());
                let part = &other[from..(from + dice.roll(200)).min(other.len())];
                text.splice(at..at, part.iter().copied());
            }
            _ => text[at] = text[at].wrapping_add(1),
        }
        if text.is_empty() {
            break;
        }
    }
    with_description(file, &text)
}

/// Tensors that a graph says it takes.
fn inputs(graph: &Graph) -> Option<Vec<Tensor>> {
    let one = |v: &usize| {
        let (dtype, shape) = &graph.metas[*v];
        let numel = shape.iter().try_fold(1usize, |n, s| n.checked_mul(*s)).filter(|n| *n <= 1 << 16)?;
        let numbers = Tensor::from_slice(&(0..numel).map(|i| (i % 5) as f32 - 1.0).collect::<Vec<_>>(), shape).ok()?;
        let numbers = if dtype.is_int() || *dtype == DType::Bool { numbers.abs().ok()? } else { numbers };
        numbers.to(*dtype).ok()
    };
    graph.inputs.iter().map(one).collect()
}

#[test]
fn changed_files_do_no_harm() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = setting("RUSHLIGHT_FUZZ_SECONDS").unwrap_or(4);
    let mut dice = Dice(setting("RUSHLIGHT_FUZZ_SEED").unwrap_or(88_172_645_463_325_252).max(1));
    let files = files();
    assert!(files.len() >= 5);
    for file in &files {
        let program = Graph::from_bytes(file).unwrap();
        let given = inputs(program.graph()).unwrap();
        program.run(&given.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(&with_description(file, &file[HEADER..HEADER + number(file, 16)]), file);
    }
    std::panic::set_hook(Box::new(|_| {})); // programs that fail do so by the thousand
    let case = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz_case.rlg");
    let (start, mut tried, mut loaded, mut ran) = (Instant::now(), 0u64, 0u64, 0u64);
    let mut problem = None;
    while problem.is_none() && start.elapsed().as_secs() < seconds {
        let file = changed(&files, &mut dice);
        std::fs::write(&case, &file).unwrap();
        let (begun, before) = (Instant::now(), USED.load(Relaxed));
        PEAK.store(before, Relaxed);
        tried += 1;
        let program = Graph::from_bytes(&file);
        let peak = PEAK.load(Relaxed).saturating_sub(before);
        if peak > FACTOR * file.len() + MORE {
            problem = Some(format!("{peak} bytes were allocated for a file of {}", file.len()));
        }
        if let Ok(program) = program {
            loaded += 1;
            if let Some(given) = inputs(program.graph()) {
                let given: Vec<&Tensor> = given.iter().collect();
                // A second time: by the plan.
                ran += (program.run(&given).is_ok() && program.run(&given).is_ok()) as u64;
            }
        }
        if begun.elapsed() > LONG {
            problem = Some(format!("took {:?}", begun.elapsed()));
        }
    }
    let _ = std::panic::take_hook();
    println!("{tried} files, {loaded} loaded, {ran} ran");
    assert!(problem.is_none(), "{problem:?}: see {}", case.display());
    assert!(tried > 20 && loaded > 0);
}
