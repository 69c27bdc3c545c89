//! Every function that Python sees, one line per overload: PyTorch's own schema, and the Rust function that answers.
//!
//! # To add a function, write its line in the file of its family
//!
//! ```text
//! table! {
//!     /// What it computes; this becomes the docstring.
//!     fn method inplace:
//!         "clamp(Tensor self, Scalar? min=None, Scalar? max=None, *, Tensor? out=None) -> Tensor" => ops::clamp;
//!
//!     /// Several overloads stand under one name, separated by commas; the first that fits a call is taken.
//!     fn method:
//!         "max(Tensor self) -> Tensor" => ops::max,
//!         "max(Tensor self, int dim, bool keepdim=False, *, Tensor[]? out=None) -> (Tensor values, Tensor indices)"
//!             => |x: &Tensor, dim: i64, keepdim: bool| ops::max_dim(x, dim, keepdim);
//! }
//! ```
//!
//! **Forms**, before the colon:
//!
//! | form | gives |
//! |---|---|
//! | `fn` | `torch.f(x)` |
//! | `method` | `x.f()` |
//! | `inplace` | `x.f_()` (and `torch.f_(x)`, if there is an `fn`): the value of x becomes the result |
//! | `exchange` | `x.f_()` for views (`unsqueeze_`): x becomes the result |
//! | any other word | the function in `_rushlight._<word>`: `nn`, `linalg`, `fft`, `special`, `sparse`, … |
//!
//! **Schema**: copy the line of PyTorch's native_functions.yaml. Overload names (`add.Tensor`) and alias marks (`Tensor(a!)`)
//! may stay or go. Instead of rows of their own for `out=` and in place, add `Tensor? out=None` to the keywords (`Tensor[]?
//! out=None` for several results) and the form `inplace`. `$options` at the end of the keywords is dtype, layout, device,
//! pin_memory and requires_grad. `deprecated: ` before the name marks an old order of arguments. A type of `Any` takes any
//! object, as `args::Object`.
//!
//! **Rust**: a function or a closure without captures, with a parameter for each of the schema (but `out`), of the types that
//! the head of `args.rs` lists. It returns one of the types in `output.rs`, or a `Result` of one. The types of a closure's
//! parameters must be written out. If the function can write into a given tensor itself, its last parameter is `Out`; if
//! not, the binding runs it and brings the result into place: with the checks of dtype and shape that PyTorch makes, on the
//! road that autograd knows, resizing an `out=` of another shape.
//!
//! A number may stand where the schema says `Scalar|Tensor` (two of PyTorch's overloads in one) if the Rust parameter is an
//! `Operand`, and for all tensors of `add`, `sub`, `mul`, `div` and `floor_divide`.
//!
//! The tests check that each Rust function takes what its schema says (`_rushlight._check_table()`).
//!
//! A new file of rows: `mod` line and its name in `tables!`, both below.

use crate::call::Function;
use rushlight::layout::Shape;
use rushlight::ops::shape::Expand;
use rushlight::{Error, Result, Tensor};

pub mod aliases;

macro_rules! tables {
    ($($family:ident)*) => {
        $(pub mod $family;)*
        /// All tables, in the order in which they are published.
        pub const TABLES: &[&[&Function]] = &[$($family::TABLE),*];
    };
}
tables! { tensor convert grad pointwise unary activation special reduce shape create index matmul linalg fft conv pool nn random sort softmax loss optim attention rnn upsample }

/// All functions.
pub fn all() -> impl Iterator<Item = &'static &'static Function> {
    TABLES.iter().copied().flatten()
}

/// Sizes as the core takes them; none may be negative.
pub fn shape(op: &'static str, size: &[i64]) -> Result<Shape> {
    let fits = |&n: &i64| usize::try_from(n).ok();
    let shape: Option<Shape> = size.iter().map(fits).collect();
    shape.ok_or_else(|| {
        let bad = size.iter().copied().find(|&n| n < 0).unwrap_or(0);
        Error::custom(op, format!("Trying to create tensor with negative dimension {bad}: {size:?}"))
    })
}

/// Another tensor over the same memory, in the graph: a view of the whole.
pub fn alias(x: &Tensor) -> Result<Tensor> {
    rushlight::op::apply(Expand { shape: Shape::from_slice(x.shape()) }, [x])
}
