//! Reductions: a row of elements falls together in one state, in a fixed order that depends on the shape alone. A workgroup takes a
//! row or, where rows are few and long, a piece of one, whose state goes through scratch memory to a second launch; where rows
//! are many and short, each invocation takes one.

use super::wgsl;
use crate::device::{Form, Gpu, Shader};
use crate::dtype::DType;
use crate::error::Result;
use crate::tensor::Tensor;

/// What a reduction is made of, as text over `S`, its state, and `T`, what elements are read as (f32 or i32).
pub(crate) struct Fold<'a> {
    /// Key of its pipelines.
    pub name: String,
    /// The state: `f32`, `i32`, `vec2<i32>` …, of `words` numbers of its kind.
    pub state: &'static str,
    pub words: usize,
    /// The state of no elements.
    pub start: &'static str,
    /// What becomes of state `s` with the element `v`, the one of number `k` in its row.
    pub take: &'a str,
    /// What becomes of two states, `s` and `t`.
    pub join: &'a str,
    /// Statements that write the result of row `row` from `s`; `n` is how many elements a row has, `p(k)` a parameter.
    pub give: &'a str,
    pub parameters: &'a [f64],
}

/// Elements of a row that one workgroup takes; longer rows are cut.
const PIECE: usize = 8192;
const GROUP: usize = 256;
const SIDE: usize = 64;

impl Fold<'_> {
    /// `constants` words stand before the parameters.
    fn head(&self, wide: &str, constants: usize) -> String {
        format!(
            "alias S = {};\nalias T = {wide};\nfn p(k: u32) -> f32 {{ return num({constants}u + k); }}
fn start() -> S {{ return {}; }}\nfn take(s: S, v: T, k: u32) -> S {{ {} }}\nfn join(s: S, t: S) -> S {{ {} }}
fn give(row: u32, s: S, n: f32) {{ {} }}\n",
            self.state, self.start, self.take, self.join, self.give
        )
    }

    fn shader<'a>(&self, gpu: &Gpu<'a>, frame: &'static str, words: &[usize]) -> Shader<'a> {
        let shader = gpu.shader(frame).variant(&self.name).words(words);
        self.parameters.iter().fold(shader, |shader, p| shader.num(*p))
    }
}

/// Folds `x` over `dims` into the outputs, each by its name in `give`; their elements are the kept dimensions in order.
pub(crate) fn reduce(
    gpu: &Gpu,
    fold: &Fold,
    x: &Tensor,
    dims: &[usize],
    outputs: &[(&'static str, &Tensor)],
) -> Result<bool> {
    let Some(form) = Form::any(x.dtype()) else { return Ok(false) };
    let kept: Vec<usize> = (0..x.ndim()).filter(|d| !dims.contains(d)).collect();
    let rows: usize = kept.iter().map(|&d| x.shape()[d]).product();
    let len: usize = dims.iter().map(|&d| x.shape()[d]).product();
    if rows == 0 {
        return Ok(true);
    }
    let order: Vec<usize> = kept.iter().chain(dims).copied().collect();
    let x = &Tensor::on(x.storage().clone(), x.layout().permute(&order), x.dtype())?;
    let wide = form.wide.name();

    if len <= 8 || (rows >= 1024 && len <= 1024) {
        let mut shader = fold.shader(gpu, "reduce_rows", &[len, rows]).read("x", x);
        for (name, output) in outputs {
            shader = shader.write(name, output);
        }
        let groups = rows.div_ceil(SIDE);
        return shader.groups(groups, SIDE, || fold.head(wide, 2) + wgsl!("reduce_rows"));
    }

    let pieces = if rows >= 64 { 1 } else { len.div_ceil(PIECE).min(1024) };
    let words = [len, len.div_ceil(pieces), pieces];
    if pieces == 1 {
        let mut shader = fold.shader(gpu, "reduce", &words).read("x", x);
        for (name, output) in outputs {
            shader = shader.write(name, output);
        }
        let done = "fn done(piece: u32, row: u32, s: S, n: f32) { give(row, s, n); }\n";
        return shader.groups(rows, GROUP, || fold.head(wide, 3) + wgsl!("reduce_together") + wgsl!("reduce") + done);
    }

    let number = if fold.state.contains("f32") { DType::F32 } else { DType::I32 };
    let states = &gpu.scratch(&[rows * pieces * fold.words], number)?;
    let component = |i: usize| if fold.words == 1 { "s".to_string() } else { format!("s[{i}]") };
    let first = fold.shader(gpu, "reduce_pieces", &words).read("x", x).write("states", states);
    first.groups(rows * pieces, GROUP, || {
        let store: String = (0..fold.words)
            .map(|i| format!("    states_store(piece * {}u + {i}u, {});\n", fold.words, component(i)))
            .collect();
        let head = Fold { give: "", name: String::new(), ..*fold }.head(wide, 3);
        let done = format!("fn done(piece: u32, row: u32, s: S, n: f32) {{\n{store}}}\n");
        head + wgsl!("reduce_together") + wgsl!("reduce") + &done
    })?;
    let mut second = fold.shader(gpu, "reduce_join", &[len, pieces]).read("states", states);
    for (name, output) in outputs {
        second = second.write(name, output);
    }
    second.groups(rows, GROUP, || {
        let words = fold.words;
        let load: Vec<String> = (0..words).map(|i| format!("states_load(at * {words}u + {i}u)")).collect();
        let load = load.join(", ");
        let state = format!("fn state(at: u32) -> S {{ return S({load}); }}\n");
        fold.head(wide, 2) + &state + wgsl!("reduce_together") + wgsl!("reduce_join")
    })
}

/// The greatest (or least) element of each row and its place, NaN before all, the first of equals.
pub(crate) fn extreme(
    gpu: &Gpu,
    least: bool,
    x: &Tensor,
    dims: &[usize],
    value: Option<&Tensor>,
    place: &Tensor,
) -> Result<bool> {
    let float = x.dtype().is_float();
    let (kind, nan) = if float { ("f32", "is_nan") } else { ("i32", "is_nan_i") };
    let (a, b) = (format!("bitcast<{kind}>(s.x)"), format!("bitcast<{kind}>(t.x)"));
    let better = |v: &str, w: &str| {
        let order = if least { '<' } else { '>' };
        format!("(({nan}({v}) && !{nan}({w})) || {v} {order} {w})")
    };
    let take = format!("if (s.y < 0 || {}) {{ return S(bitcast<i32>(v), i32(k)); }} return s;", better("v", &a));
    let join = format!(
        "if (t.y < 0) {{ return s; }} if (s.y < 0 || {}) {{ return t; }} if ({}) {{ return s; }}
    if (t.y < s.y) {{ return t; }} return s;",
        better(&b, &a),
        better(&a, &b)
    );
    let give =
        format!("at_set(row, s.y);{}", if value.is_some() { format!(" out_set(row, {a});") } else { String::new() });
    let fold = Fold {
        name: format!("{}{}{kind}", if least { "least" } else { "greatest" }, value.is_some()),
        state: "vec2<i32>",
        words: 2,
        start: "S(0, -1)",
        take: &take,
        join: &join,
        give: &give,
        parameters: &[],
    };
    match value {
        Some(value) => reduce(gpu, &fold, x, dims, &[("out", value), ("at", place)]),
        None => reduce(gpu, &fold, x, dims, &[("at", place)]),
    }
}
