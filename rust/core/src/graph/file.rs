//! The file: a program with its weights, for Python, Rust and C alike.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `RUSHLITE` |
//! | 4 | version of the format |
//! | 4 | zeros |
//! | 8 | length of the description |
//! | 8 | where the weights start: a multiple of 64 |
//! | 8 | length of the weights |
//! | 8 | checksum of the weights |
//! | 8 | checksum of the description and of all numbers above |
//! | … | the description: see `write_graph` |
//! | … | the weights, each at a multiple of 64 |
//!
//! All numbers are little-endian. Whatever is read is checked before it is believed: lengths against what is left of the file,
//! so that nothing is allocated that the file does not hold; values against each other; ops by their own rules.

use super::batch::Batch;
use super::{Call, Graph, Value};
use crate::attribute::Attribute;
use crate::autograd::no_grad;
use crate::dtype::{DType, Scalar, Standing};
use crate::error::{Error, Result};
use crate::layout::{Layout, Shape};
use crate::op::Op;
use crate::storage::Storage;
use crate::tensor::Tensor;
use std::path::Path;
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"RUSHLITE";
const VERSION: u32 = 1;
const HEADER: usize = 56;
const ALIGN: usize = 64;
/// Attributes inside of attributes.
const DEEP: usize = 6;
/// Values of one graph.
const MOST_VALUES: usize = 1 << 24;

fn bad(what: impl Into<String>) -> Error {
    Error::custom("graph file", what)
}

fn damaged(what: &str) -> Error {
    bad(format!("the file is damaged: {what}"))
}

/// What a program is saved with besides itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// How the host puts inputs and outputs together, in its own words.
    pub host: String,
    /// Whatever the user adds, by name.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Graph {
    /// Reads a file: it is mapped into memory, and its weights stay there.
    pub fn load(path: impl AsRef<Path>) -> Result<Program> {
        let path = path.as_ref();
        let file =
            std::fs::File::open(path).map_err(|error| bad(format!("cannot open {}: {error}", path.display())))?;
        Program::read(Storage::of_file(file).map_err(|error| bad(format!("cannot read {}: {error}", path.display())))?)
    }

    /// The same of bytes in memory.
    pub fn from_bytes(bytes: &[u8]) -> Result<Program> {
        let storage = Storage::new(bytes.len())?;
        let to = storage.ptr().ok_or_else(|| bad("no memory that the CPU sees"))?;
        // SAFETY: fresh memory of this length.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Program::read(storage)
    }

    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = self.to_bytes(&Extras::default())?;
        std::fs::write(path, bytes).map_err(|error| bad(format!("cannot write {}: {error}", path.display())))
    }

    /// The file as bytes. Fails for an op that cannot be made again, naming it.
    pub fn to_bytes(&self, extras: &Extras) -> Result<Vec<u8>> {
        let mut weights = Vec::new();
        let mut writer = Writer(Vec::new());
        self.write_graph(&mut writer, &mut weights)?;
        writer.text(&extras.host);
        writer.number(extras.files.len() as u64);
        for (name, bytes) in &extras.files {
            writer.text(name);
            writer.bytes(bytes);
        }
        let description = writer.0;
        let start = (HEADER + description.len()).next_multiple_of(ALIGN);
        let mut file = Vec::with_capacity(start + weights.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&VERSION.to_le_bytes());
        file.extend_from_slice(&[0; 4]);
        for number in [description.len(), start, weights.len()] {
            file.extend_from_slice(&(number as u64).to_le_bytes());
        }
        file.extend_from_slice(&checksum(&[&weights]).to_le_bytes());
        let sum = checksum(&[&file, &description]);
        file.extend_from_slice(&sum.to_le_bytes());
        file.extend_from_slice(&description);
        file.resize(start, 0);
        file.extend_from_slice(&weights);
        Ok(file)
    }

    fn write_graph(&self, to: &mut Writer, weights: &mut Vec<u8>) -> Result<()> {
        to.number(self.metas.len() as u64);
        for (dtype, shape) in &self.metas {
            to.dtype(*dtype);
            to.list(shape.iter().map(|n| *n as u64));
        }
        to.list(self.inputs.iter().map(|v| *v as u64));
        to.list(self.outputs.iter().map(|v| *v as u64));
        let updates: Vec<u64> = self.updates.iter().flat_map(|(old, new)| [*old as u64, *new as u64]).collect();
        to.list(updates.into_iter());
        to.number(self.constants.len() as u64);
        for (value, tensor) in &self.constants {
            let here = no_grad(|| tensor.detach().to_cpu()?.contiguous())?;
            weights.resize(weights.len().next_multiple_of(ALIGN), 0);
            to.number(*value as u64);
            to.text(self.names.get(value).map_or("", String::as_str));
            to.byte(tensor.requires_grad() as u8 | ((tensor.standing() == Standing::Number) as u8) << 1);
            to.dtype(here.dtype());
            to.list(here.shape().iter().map(|n| *n as u64));
            to.number(weights.len() as u64);
            // SAFETY: dense memory of a live tensor on the CPU.
            weights.extend_from_slice(unsafe {
                std::slice::from_raw_parts(here.ptr(), here.numel() * here.dtype().size())
            });
        }
        to.number(self.calls.len() as u64);
        for call in &self.calls {
            to.op(&*call.op)?;
            to.byte(call.grad as u8 | (call.other.is_some() as u8) << 1);
            if let Some(other) = &call.other {
                to.op(&**other)?;
            }
            // Absent inputs are 0.
            to.list(call.inputs.iter().map(|v| v.map_or(0, |v| v as u64 + 1)));
            to.list(call.outputs.iter().map(|v| *v as u64));
        }
        to.byte(self.batch.is_some() as u8);
        if let Some(batch) = &self.batch {
            to.list(batch.sizes.iter().map(|n| *n as u64));
            to.list(batch.inputs.iter().map(|v| *v as u64));
        }
        Ok(())
    }
}

/// Four sums of 64-bit words, each mixed so that order counts; what is missing to the last words is zeros, and the length counts.
pub fn checksum(parts: &[&[u8]]) -> u64 {
    const PRIME: u64 = 0x9E37_79B1_85EB_CA87;
    let mut state = [1u64, 2, 3, 4].map(|i| i.wrapping_mul(PRIME));
    let mix = |state: &mut u64, word: u64| *state = (*state ^ word).wrapping_mul(PRIME).rotate_left(29);
    for part in parts {
        let mut blocks = part.chunks_exact(32);
        for block in &mut blocks {
            for (state, word) in state.iter_mut().zip(block.chunks_exact(8)) {
                mix(state, u64::from_le_bytes(word.try_into().unwrap_or_default()));
            }
        }
        let mut rest = [0u8; 40];
        let left = blocks.remainder();
        rest[..left.len()].copy_from_slice(left);
        rest[32..].copy_from_slice(&(part.len() as u64).to_le_bytes());
        for (i, word) in rest.chunks_exact(8).enumerate() {
            mix(&mut state[i % 4], u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
    }
    let mut sum = 0;
    state.iter().for_each(|s| mix(&mut sum, *s));
    sum ^ sum >> 31
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, x: u8) {
        self.0.push(x);
    }
    fn number(&mut self, x: u64) {
        self.0.extend_from_slice(&x.to_le_bytes());
    }
    fn float(&mut self, x: f64) {
        self.number(x.to_bits());
    }
    fn bytes(&mut self, x: &[u8]) {
        self.number(x.len() as u64);
        self.0.extend_from_slice(x);
    }
    fn text(&mut self, x: &str) {
        self.bytes(x.as_bytes());
    }
    fn list(&mut self, all: impl ExactSizeIterator<Item = u64>) {
        self.number(all.len() as u64);
        all.for_each(|x| self.number(x));
    }
    fn dtype(&mut self, x: DType) {
        self.byte(x as u8);
    }

    fn op(&mut self, op: &dyn Op) -> Result<()> {
        let Some(key) = crate::ops::key(op) else {
            return Err(Error::NotImplemented { op: op.name(), what: "saving this operation in a graph file" });
        };
        let all: Vec<(String, Attribute)> = op.attributes().into_iter().map(|(n, a)| (n.to_string(), a)).collect();
        crate::ops::make(key, &all).map_err(|error| bad(format!("{} cannot be saved: {error}", op.name())))?;
        self.text(key);
        self.attributes(&all);
        Ok(())
    }

    fn attributes(&mut self, all: &[(String, Attribute)]) {
        self.number(all.len() as u64);
        for (name, value) in all {
            self.text(name);
            self.attribute(value);
        }
    }

    fn attribute(&mut self, value: &Attribute) {
        match value {
            Attribute::None => self.byte(0),
            Attribute::Bool(x) => {
                self.byte(1);
                self.byte(*x as u8);
            }
            Attribute::Int(x) => {
                self.byte(2);
                self.number(*x as u64);
            }
            Attribute::Float(x) => {
                self.byte(3);
                self.float(*x);
            }
            Attribute::Ints(all) => {
                self.byte(4);
                self.list(all.iter().map(|x| *x as u64));
            }
            Attribute::Floats(all) => {
                self.byte(5);
                self.list(all.iter().map(|x| x.to_bits()));
            }
            Attribute::DType(x) => {
                self.byte(6);
                self.dtype(*x);
            }
            Attribute::Scalar(x) => {
                self.byte(7);
                match *x {
                    Scalar::Bool(x) => {
                        self.byte(0);
                        self.number(x as u64);
                    }
                    Scalar::Int(x) => {
                        self.byte(1);
                        self.number(x as u64);
                    }
                    Scalar::Float(x) => {
                        self.byte(2);
                        self.float(x);
                    }
                    Scalar::Complex(re, im) => {
                        self.byte(3);
                        self.float(re);
                        self.float(im);
                    }
                }
            }
            Attribute::Text(x) => {
                self.byte(8);
                self.text(x);
            }
            Attribute::List(all) => {
                self.byte(9);
                self.number(all.len() as u64);
                all.iter().for_each(|x| self.attribute(x));
            }
            Attribute::Op(key, all) => {
                self.byte(10);
                self.text(key);
                self.attributes(all);
            }
        }
    }
}

/// What is left of the description.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        if n > self.0.len() {
            return Err(damaged("it ends too early"));
        }
        let (head, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(head)
    }
    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }
    fn flag(&mut self) -> Result<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(damaged(&format!("{other} is neither true nor false"))),
        }
    }
    fn number(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().unwrap_or_default()))
    }
    fn size(&mut self) -> Result<usize> {
        self.number()?.try_into().map_err(|_| damaged("a size is too large"))
    }
    /// How many things of at least `least` bytes follow.
    fn count(&mut self, least: usize) -> Result<usize> {
        let n = self.size()?;
        match n.checked_mul(least) {
            Some(bytes) if bytes <= self.0.len() => Ok(n),
            _ => Err(damaged("a list is longer than the file")),
        }
    }
    fn bytes(&mut self) -> Result<&'a [u8]> {
        let n = self.count(1)?;
        self.take(n)
    }
    fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| damaged("a name is not UTF-8"))
    }
    fn list(&mut self) -> Result<Vec<u64>> {
        let n = self.count(8)?;
        (0..n).map(|_| self.number()).collect()
    }
    fn shape(&mut self) -> Result<Shape> {
        let all = self.list()?;
        if all.len() > 64 || all.iter().any(|n| *n > 1 << 40) {
            return Err(damaged("a shape that no tensor has"));
        }
        Ok(all.into_iter().map(|n| n as usize).collect())
    }
    fn values(&mut self, count: usize) -> Result<Vec<Value>> {
        let all = self.list()?;
        let inside = |v: u64| usize::try_from(v).ok().filter(|v| *v < count);
        all.into_iter().map(|v| inside(v).ok_or_else(|| damaged("a value that is not there"))).collect()
    }
    fn dtype(&mut self) -> Result<DType> {
        let at = self.byte()? as usize;
        DType::ALL.get(at).copied().ok_or_else(|| damaged("an unknown dtype"))
    }

    fn op(&mut self) -> Result<Arc<dyn Op>> {
        let key = self.text()?;
        let all = self.attributes(0)?;
        crate::ops::make(key, &all)
    }

    fn attributes(&mut self, depth: usize) -> Result<Vec<(String, Attribute)>> {
        let n = self.count(9)?;
        (0..n).map(|_| Ok((self.text()?.to_string(), self.attribute(depth)?))).collect()
    }

    fn attribute(&mut self, depth: usize) -> Result<Attribute> {
        if depth > DEEP {
            return Err(damaged("attributes are nested too deeply"));
        }
        Ok(match self.byte()? {
            0 => Attribute::None,
            1 => Attribute::Bool(self.flag()?),
            2 => Attribute::Int(self.number()? as i64),
            3 => Attribute::Float(f64::from_bits(self.number()?)),
            4 => Attribute::Ints(self.list()?.into_iter().map(|x| x as i64).collect()),
            5 => Attribute::Floats(self.list()?.into_iter().map(f64::from_bits).collect()),
            6 => Attribute::DType(self.dtype()?),
            7 => Attribute::Scalar(match self.byte()? {
                0 => Scalar::Bool(self.number()? != 0),
                1 => Scalar::Int(self.number()? as i64),
                2 => Scalar::Float(f64::from_bits(self.number()?)),
                3 => Scalar::Complex(f64::from_bits(self.number()?), f64::from_bits(self.number()?)),
                _ => return Err(damaged("an unknown kind of number")),
            }),
            8 => Attribute::Text(self.text()?.to_string()),
            9 => {
                let n = self.count(1)?;
                Attribute::List((0..n).map(|_| self.attribute(depth + 1)).collect::<Result<_>>()?)
            }
            10 => Attribute::Op(self.text()?.to_string(), self.attributes(depth + 1)?),
            _ => return Err(damaged("an unknown kind of attribute")),
        })
    }

    fn graph(&mut self, weights: &Weights) -> Result<Graph> {
        let mut graph = Graph::default();
        let count = self.count(9)?;
        if count > MOST_VALUES {
            return Err(damaged("more values than a graph has"));
        }
        graph.metas = (0..count).map(|_| Ok((self.dtype()?, self.shape()?))).collect::<Result<_>>()?;
        graph.inputs = self.values(count)?;
        graph.outputs = self.values(count)?;
        let updates = self.values(count)?;
        if updates.len() % 2 != 0 {
            return Err(damaged("half of an update"));
        }
        graph.updates = updates.chunks(2).map(|pair| (pair[0], pair[1])).collect();
        // Every value is made once, and before it is read.
        let mut made = vec![false; count];
        let mut make = |v: Value| match std::mem::replace(&mut made[v], true) {
            true => Err(damaged("a value is made twice")),
            false => Ok(()),
        };
        graph.inputs.iter().try_for_each(|v| make(*v))?;
        for _ in 0..self.count(34)? {
            let value = self.size()?;
            if value >= count {
                return Err(damaged("a value that is not there"));
            }
            make(value)?;
            let name = self.text()?;
            let flags = self.byte()?;
            let (dtype, shape, offset) = (self.dtype()?, self.shape()?, self.size()?);
            graph.constants.push((value, weights.tensor(dtype, &shape, offset, flags)?));
            if !name.is_empty() {
                graph.names.insert(value, name.to_string());
            }
        }
        for _ in 0..self.count(33)? {
            let op = self.op()?;
            let flags = self.byte()?;
            if flags > 3 {
                return Err(damaged("an unknown kind of call"));
            }
            let other = (flags & 2 != 0).then(|| self.op()).transpose()?;
            let inputs = self.list()?.into_iter().map(|v| match usize::try_from(v).ok() {
                Some(0) => Ok(None),
                Some(v) if v <= count && made[v - 1] => Ok(Some(v - 1)),
                _ => Err(damaged("a call reads what is not there yet")),
            });
            let inputs = inputs.collect::<Result<_>>()?;
            let outputs = self.values(count)?;
            for v in &outputs {
                if std::mem::replace(&mut made[*v], true) {
                    return Err(damaged("a value is made twice"));
                }
            }
            graph.calls.push(Call { op, inputs, outputs, grad: flags & 1 != 0, other });
        }
        let known = |v: &Value| graph.inputs.contains(v) || graph.constants.iter().any(|(c, _)| c == v);
        let updates = graph.updates.iter().all(|(old, new)| known(old) && made[*new]);
        if !graph.outputs.iter().all(|v| made[*v]) || !updates {
            return Err(damaged("a result that nothing computes"));
        }
        if self.flag()? {
            let sizes = self.list()?.into_iter().map(|n| n as usize).collect::<Vec<_>>();
            let sizes: [usize; 2] = sizes.try_into().map_err(|_| damaged("batch sizes"))?;
            if sizes.iter().any(|n| *n > 1 << 32) {
                return Err(damaged("batch sizes"));
            }
            let inputs = self.values(count)?;
            graph.batch = Some(Batch { sizes, inputs });
        }
        Ok(graph)
    }
}

/// The part of the file that tensors look into.
struct Weights {
    file: Storage,
    start: usize,
    len: usize,
}

impl Weights {
    fn tensor(&self, dtype: DType, shape: &[usize], offset: usize, flags: u8) -> Result<Tensor> {
        let layout = Layout::checked("graph file", shape, dtype)?;
        let bytes = layout.numel() * dtype.size();
        let inside = offset.is_multiple_of(ALIGN) && offset.checked_add(bytes).is_some_and(|end| end <= self.len);
        if !inside || flags > 3 {
            return Err(damaged("weights lie outside of the file"));
        }
        let from = self.file.ptr().ok_or_else(|| bad("no memory that the CPU sees"))?.wrapping_add(self.start + offset);
        // SAFETY: inside the file's memory, which its owner keeps alive.
        let bytes_of = unsafe { std::slice::from_raw_parts(from, bytes) };
        if dtype == DType::Bool && bytes_of.iter().any(|b| *b > 1) {
            return Err(damaged("a bool that is neither true nor false"));
        }
        if flags & 2 != 0 {
            if !shape.is_empty() {
                return Err(damaged("a number with dimensions"));
            }
            // SAFETY: one element of this dtype, read unaligned or byte by byte.
            return Tensor::number(unsafe { crate::tensor::load(from, dtype) }, dtype);
        }
        // Copy-on-write: what writes to a loaded parameter does not write to the file.
        // SAFETY: inside the file's memory; the storage is its owner.
        let storage = unsafe { Storage::external(from, bytes, true, Box::new(self.file.clone())) };
        let tensor = Tensor::on(storage, layout, dtype)?;
        if flags & 1 != 0 && dtype.is_differentiable() {
            tensor.set_requires_grad(true)?;
        }
        Ok(tensor)
    }
}

/// A loaded program: see [`Graph::load`].
pub struct Program {
    graph: Graph,
    extras: Extras,
    plans: super::plan::Plans,
}

impl Program {
    /// A program that was captured here.
    pub fn new(graph: Graph) -> Program {
        Program { graph, extras: Extras::default(), plans: Default::default() }
    }

    fn read(file: Storage) -> Result<Program> {
        let ptr = file.ptr().ok_or_else(|| bad("no memory that the CPU sees"))?;
        // SAFETY: the storage's own memory, which lives as long as `file`.
        let bytes = unsafe { std::slice::from_raw_parts(ptr.cast_const(), file.bytes()) };
        if bytes.len() < 8 || &bytes[..8] != MAGIC {
            return Err(bad("this is not a graph file of Rushlight (it does not begin with RUSHLITE)"));
        }
        if bytes.len() < HEADER {
            return Err(damaged("it ends in its header"));
        }
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
        let version = number(8) as u32;
        if version != VERSION {
            let newer = if version > VERSION { "newer than" } else { "not" };
            return Err(bad(format!(
                "format version {version} is {newer} what this Rushlight reads ({VERSION}); update it, or save again"
            )));
        }
        let size = |at: usize| usize::try_from(number(at)).map_err(|_| damaged("a length is too large"));
        let (description, start, len) = (size(16)?, size(24)?, size(32)?);
        let end = HEADER.checked_add(description);
        let fits = end.is_some_and(|end| end <= start) && start.is_multiple_of(ALIGN);
        match start.checked_add(len) {
            Some(all) if fits && all == bytes.len() => {}
            Some(all) if fits && all > bytes.len() => {
                return Err(damaged(&format!("{all} bytes are expected, it has {}: it is truncated", bytes.len())));
            }
            _ => return Err(damaged("its lengths do not agree")),
        }
        let (head, text) = (&bytes[..HEADER - 8], &bytes[HEADER..HEADER + description]);
        if checksum(&[head, text]) != number(HEADER - 8) {
            return Err(damaged("the checksum of the description is wrong"));
        }
        if checksum(&[&bytes[start..]]) != number(40) {
            return Err(damaged("the checksum of the weights is wrong"));
        }
        let mut reader = Reader(text);
        let graph = reader.graph(&Weights { file: file.clone(), start, len })?;
        let host = reader.text()?.to_string();
        let mut files = Vec::new();
        for _ in 0..reader.count(16)? {
            files.push((reader.text()?.to_string(), reader.bytes()?.to_vec()));
        }
        if !reader.0.is_empty() {
            return Err(damaged("something follows its end"));
        }
        Ok(Program { graph, extras: Extras { host, files }, plans: Default::default() })
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }
    pub fn extras(&self) -> &Extras {
        &self.extras
    }

    /// Runs the program. Inputs have the dtypes that it was captured with; where it was captured for batches of any size, the first
    /// dimension may differ. A program that cannot be right (a file made by hand) ends in an error, not in a panic.
    pub fn run(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        for (i, (value, input)) in self.graph.inputs.iter().zip(inputs).enumerate() {
            let (dtype, shape) = &self.graph.metas[*value];
            if *dtype != input.dtype() || shape.len() != input.ndim() {
                let expected = format!("input {i} of dtype {dtype} and {} dimensions, like {shape:?}", shape.len());
                return Err(Error::argument("graph", expected, format!("{} {:?}", input.dtype(), input.shape())));
            }
        }
        let run = std::panic::AssertUnwindSafe(|| self.plans.run(&self.graph, inputs));
        std::panic::catch_unwind(run)
            .unwrap_or_else(|_| Err(bad("an operation of this program failed: its constants do not fit its inputs")))
    }
}
