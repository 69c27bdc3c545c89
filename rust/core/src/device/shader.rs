//! The builder of shaders: what an op says, and the text around it.
//!
//! For a tensor named `x` the text of a shader may use
//!
//! | | |
//! |---|---|
//! | `x_get(i)` | element i in row-major order of x's shape, whatever its strides, as f32 or i32 |
//! | `x_at(i)` | its position in memory |
//! | `x_load(at)` | the element at a position, as f32 or i32 |
//! | `x_offset()` | the position of the first element, for those who add strides themselves |
//! | `x_set(i, v)`, `x_store(at, v)` | the same in the other direction, for tensors that are written |
//!
//! and for the constants `word(k)` (u32), `int(k)` (i32) and `num(k)` (f32), counted from 0 in the order in which they were
//! given. The text never depends on their values: that is what they are for.

use super::form::{Form, Wide};
use super::{Access, Binding, Gpu, Launch};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::fmt::{Display, Write};

/// Invocations in a workgroup of [`Shader::each`].
pub const GROUP: usize = 256;
/// The most workgroups that a dimension may have on every adapter.
const MAX_GROUPS: usize = 65_535;
/// Windows of buffers begin at multiples of this many bytes.
const ALIGN: usize = 256;
/// The most constants of a launch.
const MAX_WORDS: usize = 4096;

pub struct Shader<'a> {
    gpu: Gpu<'a>,
    key: String,
    constants: SmallVec<[u32; 32]>,
    tensors: SmallVec<[Operand<'a>; 8]>,
    /// What makes this shader impossible, told at the end.
    failed: Option<Error>,
}

struct Operand<'a> {
    name: &'static str,
    tensor: &'a Tensor,
    layout: &'a Layout,
    access: Access,
    form: Form,
    kind: Kind,
    /// Dimensions with their neighbours merged, innermost first: (size, stride). Empty: dense.
    dims: SmallVec<[(usize, isize); 5]>,
}

/// How the text reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// By index of the element.
    Indexed,
    /// By position alone.
    Raw,
    /// Four elements at a time.
    Vec4,
}

impl<'a> Shader<'a> {
    pub(super) fn new(gpu: Gpu<'a>, name: &'static str) -> Shader<'a> {
        let mut key = String::with_capacity(64);
        key.push_str(name);
        Shader { gpu, key, constants: SmallVec::new(), tensors: SmallVec::new(), failed: None }
    }

    /// What else the text depends on.
    pub fn variant(mut self, what: impl Display) -> Self {
        let _ = write!(self.key, "/{what}");
        self
    }

    /// A tensor that is only read.
    pub fn read(self, name: &'static str, tensor: &'a Tensor) -> Self {
        self.operand(name, tensor, tensor.layout(), Access::Read, Kind::Indexed)
    }

    /// A tensor that is written, and may be read.
    pub fn write(self, name: &'static str, tensor: &'a Tensor) -> Self {
        self.operand(name, tensor, tensor.layout(), Access::ReadWrite, Kind::Indexed)
    }

    /// A dense f32 tensor whose offset is a multiple of 4, read four elements at a time: `x_load4(at / 4)`.
    pub fn read4(self, name: &'static str, tensor: &'a Tensor) -> Self {
        self.operand(name, tensor, tensor.layout(), Access::Read, Kind::Vec4)
    }

    /// The memory of a tensor, seen through a layout of the caller's: there is `x_load(at)` and `x_offset()`, and `x_store(at, v)`
    /// if it is written; what lies where is the text's business.
    pub fn raw(self, name: &'static str, tensor: &'a Tensor, layout: &'a Layout, access: Access) -> Self {
        self.operand(name, tensor, layout, access, Kind::Raw)
    }

    fn operand(
        mut self,
        name: &'static str,
        tensor: &'a Tensor,
        layout: &'a Layout,
        access: Access,
        kind: Kind,
    ) -> Self {
        match Form::any(tensor.dtype()) {
            Some(form) => {
                let plain = layout.is_contiguous() || kind != Kind::Indexed;
                let dims = if plain { SmallVec::new() } else { merged(layout) };
                self.tensors.push(Operand { name, tensor, layout, access, form, kind, dims });
            }
            None => {
                let why = format!("dtype {} has no form on the GPU: use .float() first", tensor.dtype());
                self.failed = Some(Error::custom(self.gpu.op, why));
            }
        }
        self
    }

    /// A constant.
    pub fn word(mut self, word: usize) -> Self {
        self.constants.push(word as u32);
        self
    }
    pub fn words<T: Copy + Into<Word>>(mut self, words: &[T]) -> Self {
        self.constants.extend(words.iter().map(|&w| w.into().0));
        self
    }
    /// A constant of type i32.
    pub fn int(mut self, value: i64) -> Self {
        self.constants.push(value as i32 as u32);
        self
    }
    /// A constant of type f32.
    pub fn num(mut self, value: f64) -> Self {
        self.constants.push((value as f32).to_bits());
        self
    }

    /// One invocation for each of `count`: the text is the body of a function of `i: u32`.
    pub fn each(self, count: usize, body: impl Fn() -> String) -> Result<bool> {
        self.launch(count.div_ceil(GROUP), count, &|| {
            format!(
                "fn invocation(i: u32) {{\n{}\n}}\n
@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {{
    let i = id.x + id.y * groups.x * {GROUP}u;
    if (i < count()) {{
        invocation(i);
    }}
}}
",
                body()
            )
        })
    }

    /// `groups` workgroups of `size` invocations: the text, of a whole module, has a `fn group(id: u32, lane: u32)`.
    pub fn groups(self, groups: usize, size: usize, module: impl Fn() -> String) -> Result<bool> {
        self.launch(groups, groups, &|| {
            format!(
                "{}
@compute @workgroup_size({size})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {{
    let i = id.x + id.y * groups.x;
    if (i < count()) {{
        group(i, lane);
    }}
}}
",
                module()
            )
        })
    }

    fn launch(mut self, groups: usize, count: usize, text: &dyn Fn() -> String) -> Result<bool> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if count == 0 {
            return Ok(true);
        }
        let rows = groups.div_ceil(MAX_GROUPS);
        if rows > MAX_GROUPS || count > u32::MAX as usize {
            return Err(Error::custom(
                self.gpu.op,
                format!("{count} elements are more than one launch on the GPU counts"),
            ));
        }
        let count_at = self.constants.len();
        self.constants.push(count as u32);
        let (bindings, places) = self.bind()?;
        for (operand, place) in self.tensors.iter().zip(&places) {
            let _ = write!(self.key, ":{}{}", operand.form.name, place.binding);
            if let dtype @ (crate::dtype::DType::Bool | crate::dtype::DType::I8 | crate::dtype::DType::I16) =
                operand.tensor.dtype()
            {
                let _ = write!(self.key, "{dtype}");
            }
            if operand.kind == Kind::Vec4 {
                self.key.push('v');
            }
            if operand.access == Access::ReadWrite {
                self.key.push('w');
            }
            let _ = write!(self.key, "{}", operand.dims.len());
        }
        // Offsets and strides come behind the op's own constants.
        let first = self.constants.len();
        for (operand, place) in self.tensors.iter().zip(&places) {
            self.constants.push(place.offset as u32);
            for (size, stride) in &operand.dims {
                self.constants.extend([*size as u32, *stride as u32]);
            }
        }
        if self.constants.len() > MAX_WORDS {
            return Err(Error::custom(self.gpu.op, format!("a launch with {} constants", self.constants.len())));
        }
        let slots = self.constants.len().div_ceil(64) * 16;
        if slots > 16 {
            let _ = write!(self.key, ";{slots}");
        }
        let tensors = &self.tensors;
        let source = || {
            let text = text();
            let mut head = String::new();
            declare(&mut head, tensors, &places, &bindings, count_at, first, slots);
            let functions = super::prelude::named_in(&text);
            format!("{head}{functions}{text}")
        };
        let launch = Launch {
            op: self.gpu.op,
            key: &self.key,
            constants: &self.constants,
            buffers: &bindings,
            workgroups: [groups.div_ceil(rows) as u32, rows as u32],
        };
        self.gpu.driver.launch(&launch, &source)?;
        Ok(true)
    }

    /// Each buffer once: WebGPU refuses one that is read under one binding and written under another.
    fn bind(&self) -> Result<(SmallVec<[Binding<'a>; 8]>, SmallVec<[Place; 8]>)> {
        let limit = self.gpu.driver.limits().binding;
        let mut bindings: SmallVec<[Binding<'a>; 8]> = SmallVec::new();
        let mut places: SmallVec<[Place; 8]> = SmallVec::new();
        for operand in &self.tensors {
            let storage = operand.tensor.storage();
            let element = |o: &Operand| (o.form.name, o.kind == Kind::Vec4);
            let known = places.iter().zip(&self.tensors).find(|(_, o)| o.tensor.storage().same(storage));
            let known = match known {
                Some((place, other)) if element(other) == element(operand) => Some(place.binding),
                Some((_, other)) if other.access == Access::Read && operand.access == Access::Read => None,
                Some(_) => {
                    let why = "two tensors over one memory with different dtypes; clone() one of them first";
                    return Err(Error::custom(self.gpu.op, why));
                }
                None => None,
            };
            let binding = known.unwrap_or_else(|| {
                bindings.push(Binding { buffer: storage, access: operand.access, offset: 0, size: 0 });
                bindings.len() - 1
            });
            if operand.access == Access::ReadWrite {
                bindings[binding].access = Access::ReadWrite;
            }
            places.push(Place { binding, offset: operand.layout.offset() });
        }
        for (i, binding) in bindings.iter_mut().enumerate() {
            let mine = || self.tensors.iter().zip(&places).filter(move |(_, p)| p.binding == i);
            let Some((first, _)) = mine().next() else { continue };
            let (width, size) = (first.form.bytes, first.tensor.dtype().size());
            if binding.buffer.bytes() / size * width <= limit {
                continue;
            }
            let (mut low, mut high) = (usize::MAX, 0);
            for (operand, _) in mine() {
                let (from, to) = window(operand.layout);
                (low, high) = (low.min(from * width), high.max(to * width));
            }
            let low = low / ALIGN * ALIGN;
            let length = (high - low).next_multiple_of(4);
            if length > limit {
                return Err(too_large(self.gpu.op, length, limit));
            }
            (binding.offset, binding.size) = (low, length);
            for place in places.iter_mut().filter(|p| p.binding == i) {
                place.offset -= low / width;
            }
        }
        Ok((bindings, places))
    }
}

struct Place {
    binding: usize,
    offset: usize,
}

/// One constant, whatever it was.
pub struct Word(pub u32);
impl From<u32> for Word {
    fn from(x: u32) -> Word {
        Word(x)
    }
}
impl From<usize> for Word {
    fn from(x: usize) -> Word {
        Word(x as u32)
    }
}
impl From<isize> for Word {
    fn from(x: isize) -> Word {
        Word(x as i32 as u32)
    }
}
impl From<i64> for Word {
    fn from(x: i64) -> Word {
        Word(x as i32 as u32)
    }
}

#[cold]
pub(super) fn too_large(op: &'static str, bytes: usize, limit: usize) -> Error {
    let message = format!(
        "a tensor of {bytes} bytes is larger than what a shader can see at once on this GPU (max-storage-buffer-binding-size = \
         {limit} bytes); work on pieces of it (torch.chunk)"
    );
    Error::custom(op, message)
}

/// The elements that a layout touches: first, and one past the last.
pub(super) fn window(layout: &Layout) -> (usize, usize) {
    if layout.numel() == 0 {
        return (layout.offset(), layout.offset());
    }
    let (mut low, mut high) = (layout.offset() as isize, layout.offset() as isize);
    for (&size, &stride) in layout.shape().iter().zip(layout.strides()) {
        let span = (size as isize - 1) * stride;
        if span < 0 { low += span } else { high += span }
    }
    (low as usize, high as usize + 1)
}

/// Dimensions without those of one element, neighbours that lie densely merged; innermost first.
fn merged(layout: &Layout) -> SmallVec<[(usize, isize); 5]> {
    let mut dims: SmallVec<[(usize, isize); 5]> = SmallVec::new();
    for (&size, &stride) in layout.shape().iter().zip(layout.strides()).rev() {
        match dims.last_mut() {
            _ if size == 1 => {}
            Some((n, s)) if *n as isize * *s == stride => *n *= size,
            _ => dims.push((size, stride)),
        }
    }
    if dims.is_empty() {
        dims.push((1, 0));
    }
    dims
}

/// Bindings, constants, and the functions of each tensor.
fn declare(
    to: &mut String,
    tensors: &[Operand],
    places: &[Place],
    bindings: &[Binding],
    count_at: usize,
    first: usize,
    slots: usize,
) {
    if tensors.iter().any(|t| t.form.name == "f16") {
        to.push_str("enable f16;\n");
    }
    for (i, binding) in bindings.iter().enumerate() {
        let operand = places.iter().position(|p| p.binding == i).map_or(&tensors[0], |at| &tensors[at]);
        let access = if binding.access == Access::Read { "read" } else { "read_write" };
        let element = if operand.kind == Kind::Vec4 { "vec4<f32>" } else { operand.form.name };
        let _ = writeln!(to, "@group(0) @binding({i}) var<storage, {access}> data{i}: array<{element}>;");
    }
    let _ = write!(
        to,
        "@group(0) @binding({}) var<uniform> constants: array<vec4<u32>, {slots}>;
fn word(k: u32) -> u32 {{ return constants[k >> 2u][k & 3u]; }}
fn int(k: u32) -> i32 {{ return bitcast<i32>(word(k)); }}
fn num(k: u32) -> f32 {{ return bitcast<f32>(word(k)); }}
fn count() -> u32 {{ return word({count_at}u); }}
",
        bindings.len()
    );
    let mut at = first;
    for (operand, place) in tensors.iter().zip(places) {
        let (x, data, wide) = (operand.name, place.binding, operand.form.wide.name());
        let _ = writeln!(to, "fn {x}_offset() -> u32 {{ return word({at}u); }}");
        if operand.kind == Kind::Vec4 {
            let _ = writeln!(to, "fn {x}_load4(at: u32) -> vec4<f32> {{ return data{data}[at]; }}");
            at += 1;
            continue;
        }
        let _ = writeln!(to, "fn {x}_load(at: u32) -> {wide} {{ return {wide}(data{data}[at]); }}");
        if operand.access == Access::ReadWrite {
            let narrow = Form::narrow(operand.tensor.dtype(), "v");
            let _ = writeln!(to, "fn {x}_store(at: u32, v: {wide}) {{ data{data}[at] = {narrow}; }}");
        }
        if operand.kind == Kind::Raw {
            at += 1;
            continue;
        }
        let _ = writeln!(to, "fn {x}_at(i: u32) -> u32 {{");
        if operand.dims.is_empty() {
            let _ = writeln!(to, "    return word({at}u) + i;\n}}");
        } else {
            let _ = writeln!(to, "    var at = word({at}u);\n    var rest = i;");
            for d in 0..operand.dims.len() {
                let (size, stride) = (at + 1 + 2 * d, at + 2 + 2 * d);
                if d + 1 == operand.dims.len() {
                    let _ = writeln!(to, "    at += rest * word({stride}u);");
                } else {
                    let _ =
                        writeln!(to, "    at += (rest % word({size}u)) * word({stride}u);\n    rest /= word({size}u);");
                }
            }
            let _ = writeln!(to, "    return at;\n}}");
        }
        let _ = writeln!(to, "fn {x}_get(i: u32) -> {wide} {{ return {x}_load({x}_at(i)); }}");
        if operand.access == Access::ReadWrite {
            let _ = writeln!(to, "fn {x}_set(i: u32, v: {wide}) {{ {x}_store({x}_at(i), v); }}");
        }
        at += 1 + 2 * operand.dims.len();
    }
}

impl Display for Wide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
