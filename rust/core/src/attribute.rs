//! The constants of ops by name: what graph files hold, and how an op is made again from them.
//!
//! [`attributes!`](crate::attributes) stands inside an `impl Op` and lists the fields of its struct, once: it writes both
//! directions, and the compiler sees to it that no field is forgotten.

use crate::dtype::{Constant, DType, Scalar};
use crate::error::{Error, Result};
use crate::layout::{Layout, Shape, Strides};
use crate::op::Op;
use crate::random::{Generator, default_generator};
use smallvec::{Array, SmallVec};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

pub type Attributes = Vec<(&'static str, Attribute)>;

/// A constant of an op.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    DType(DType),
    Scalar(Scalar),
    Text(String),
    List(Vec<Attribute>),
    /// An op inside of an op, by its key: see [`crate::ops::key`].
    Op(String, Vec<(String, Attribute)>),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Attribute::None => f.write_str("none"),
            Attribute::Bool(x) => write!(f, "{x}"),
            Attribute::Int(x) => write!(f, "{x}"),
            Attribute::Float(x) => write!(f, "{x:?}"),
            Attribute::Ints(x) => write!(f, "{x:?}"),
            Attribute::Floats(x) if x.len() > 8 => write!(f, "{} numbers", x.len()),
            Attribute::Floats(x) => write!(f, "{x:?}"),
            Attribute::DType(x) => write!(f, "{x}"),
            Attribute::Scalar(x) => write!(f, "{x}"),
            Attribute::Text(x) => f.write_str(x),
            Attribute::List(all) => {
                f.write_str("(")?;
                for (i, one) in all.iter().enumerate() {
                    write!(f, "{}{one}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Attribute::Op(key, all) => {
                write!(f, "{key}[")?;
                for (i, (name, one)) in all.iter().enumerate() {
                    write!(f, "{}{name}={one}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}

/// What a field of an op becomes in a file, and back.
pub trait Saved: Sized {
    fn save(&self) -> Attribute;
    /// None if that is not one of these.
    fn load(from: &Attribute) -> Option<Self>;
}

/// The attributes that a file gives for one op.
pub struct Given<'a> {
    pub op: &'a str,
    pub all: &'a [(String, Attribute)],
}

impl Given<'_> {
    pub fn take<T: Saved>(&self, name: &str) -> Result<T> {
        let found = self.all.iter().find(|(n, _)| n == name).map(|(_, value)| value);
        found.and_then(T::load).ok_or_else(|| {
            let given = found.map_or("nothing".to_string(), |value| format!("{value:?}"));
            self.refuse(&format!("attribute {name} is {given}"))
        })
    }

    /// For attributes that an op cannot have.
    pub fn refuse(&self, what: &str) -> Error {
        Error::custom("graph", format!("not a valid {}: {what}", self.op))
    }
}

/// Both directions between an op and its attributes: the names of all fields, and, where not every value makes sense, which do.
#[macro_export]
macro_rules! attributes {
    ($($field:ident),* $(,)? $(; $op:ident if $valid:expr)?) => {
        fn attributes(&self) -> $crate::op::Attributes {
            let Self { $($field),* } = self;
            vec![$((stringify!($field), $crate::attribute::Saved::save($field))),*]
        }
        #[allow(unused_variables)]
        fn from_attributes(given: &$crate::attribute::Given) -> $crate::Result<Self> {
            let made = Self { $($field: given.take(stringify!($field))?),* };
            $(
                let $op = &made;
                if !$valid {
                    return Err(given.refuse(concat!("expected ", stringify!($valid))));
                }
            )?
            Ok(made)
        }
    };
}

/// Enums without fields, by the names of their variants.
#[macro_export]
macro_rules! saved_names {
    ($($Enum:ty { $($Variant:ident),* $(,)? })*) => {$(
        impl $crate::attribute::Saved for $Enum {
            fn save(&self) -> $crate::attribute::Attribute {
                $crate::attribute::Attribute::Text(match self { $(<$Enum>::$Variant => stringify!($Variant)),* }.to_string())
            }
            fn load(from: &$crate::attribute::Attribute) -> Option<Self> {
                let $crate::attribute::Attribute::Text(name) = from else { return None };
                Some(match name.as_str() { $(stringify!($Variant) => <$Enum>::$Variant,)* _ => return None })
            }
        }
    )*};
}

/// Structs inside of ops, field by field.
#[macro_export]
macro_rules! saved_fields {
    ($($Struct:ident { $($field:ident),* $(,)? } $(; $one:ident if $valid:expr)?)*) => {$(
        impl $crate::attribute::Saved for $Struct {
            fn save(&self) -> $crate::attribute::Attribute {
                let Self { $($field),* } = self;
                $crate::attribute::Attribute::List(vec![$($crate::attribute::Saved::save($field)),*])
            }
            fn load(from: &$crate::attribute::Attribute) -> Option<Self> {
                let $crate::attribute::Attribute::List(list) = from else { return None };
                let mut parts = list.iter();
                let made = Self { $($field: $crate::attribute::Saved::load(parts.next()?)?),* };
                $(
                    let $one = &made;
                    if !$valid {
                        return None;
                    }
                )?
                parts.next().is_none().then_some(made)
            }
        }
    )*};
}

/// Enums, variant by variant with the names of fields: `Norm { 0: p }` is `Norm(p)`.
#[macro_export]
macro_rules! saved_variants {
    ($Enum:ident { $($Variant:ident { $($field:tt: $name:ident),* }),* $(,)? } $(; $one:ident if $valid:expr)?) => {
        impl $crate::attribute::Saved for $Enum {
            fn save(&self) -> $crate::attribute::Attribute {
                match self {
                    $($Enum::$Variant { $($field: $name),* } => {
                        let name = $crate::attribute::Attribute::Text(stringify!($Variant).to_string());
                        $crate::attribute::Attribute::List(vec![name, $($crate::attribute::Saved::save($name)),*])
                    })*
                }
            }
            fn load(from: &$crate::attribute::Attribute) -> Option<Self> {
                use $crate::attribute::{Attribute, Saved};
                let Attribute::List(list) = from else { return None };
                let mut parts = list.iter();
                let Attribute::Text(name) = parts.next()? else { return None };
                let made = match name.as_str() {
                    $(stringify!($Variant) => $Enum::$Variant { $($field: Saved::load(parts.next()?)?),* },)*
                    _ => return None,
                };
                $(
                    let $one = &made;
                    if !$valid {
                        return None;
                    }
                )?
                parts.next().is_none().then_some(made)
            }
        }
    };
}

macro_rules! plain {
    ($($t:ty => $Variant:ident;)*) => {$(
        impl Saved for $t {
            fn save(&self) -> Attribute {
                Attribute::$Variant(self.clone())
            }
            fn load(from: &Attribute) -> Option<Self> {
                match from {
                    Attribute::$Variant(x) => Some(x.clone()),
                    _ => None,
                }
            }
        }
    )*};
}
plain! {
    bool => Bool;
    i64 => Int;
    f64 => Float;
    DType => DType;
    Scalar => Scalar;
    Vec<i64> => Ints;
    Vec<f64> => Floats;
    String => Text;
}

/// Sizes and counts that can be: far above any memory, far below what overflows when two are multiplied by a few others.
pub(crate) const MOST: i64 = 1 << 40;

impl Saved for usize {
    fn save(&self) -> Attribute {
        Attribute::Int(*self as i64)
    }
    fn load(from: &Attribute) -> Option<Self> {
        match from {
            Attribute::Int(x) if (0..=MOST).contains(x) => Some(*x as usize),
            _ => None,
        }
    }
}

impl Saved for u64 {
    fn save(&self) -> Attribute {
        Attribute::Int(*self as i64)
    }
    fn load(from: &Attribute) -> Option<Self> {
        i64::load(from).map(|x| x as u64)
    }
}

impl Saved for Constant {
    fn save(&self) -> Attribute {
        Attribute::Scalar(self.scalar)
    }
    fn load(from: &Attribute) -> Option<Self> {
        Scalar::load(from).map(Constant::from)
    }
}

fn ints<'a>(all: impl IntoIterator<Item = &'a usize>) -> Attribute {
    Attribute::Ints(all.into_iter().map(|x| *x as i64).collect())
}

fn sizes<C: FromIterator<usize>>(from: &Attribute) -> Option<C> {
    match from {
        Attribute::Ints(all) => all.iter().map(|x| (0..=MOST).contains(x).then_some(*x as usize)).collect(),
        _ => None,
    }
}

/// Dimensions of tensors.
const MOST_DIMS: usize = 64;

impl<const N: usize> Saved for SmallVec<[usize; N]>
where
    [usize; N]: Array<Item = usize>,
{
    fn save(&self) -> Attribute {
        ints(self)
    }
    fn load(from: &Attribute) -> Option<Self> {
        sizes::<Self>(from).filter(|all| all.len() <= MOST_DIMS)
    }
}

impl<const N: usize> Saved for SmallVec<[(i64, i64); N]>
where
    [(i64, i64); N]: Array<Item = (i64, i64)>,
{
    fn save(&self) -> Attribute {
        Attribute::Ints(self.iter().flat_map(|(a, b)| [*a, *b]).collect())
    }
    fn load(from: &Attribute) -> Option<Self> {
        let Attribute::Ints(all) = from else { return None };
        let within = all.len() % 2 == 0 && all.len() <= 2 * MOST_DIMS && all.iter().all(|x| x.abs() <= MOST);
        within.then(|| all.chunks(2).map(|pair| (pair[0], pair[1])).collect())
    }
}

impl<const N: usize> Saved for [usize; N] {
    fn save(&self) -> Attribute {
        ints(self)
    }
    fn load(from: &Attribute) -> Option<Self> {
        sizes::<Vec<usize>>(from)?.try_into().ok()
    }
}

impl Saved for Arc<[usize]> {
    fn save(&self) -> Attribute {
        ints(self.iter())
    }
    fn load(from: &Attribute) -> Option<Self> {
        sizes(from)
    }
}

impl<T: Saved> Saved for Option<T> {
    fn save(&self) -> Attribute {
        self.as_ref().map_or(Attribute::None, T::save)
    }
    fn load(from: &Attribute) -> Option<Self> {
        match from {
            Attribute::None => Some(None),
            some => T::load(some).map(Some),
        }
    }
}

/// Arrays that several ops share.
impl<T: Saved + Clone, const N: usize> Saved for Arc<[T; N]> {
    fn save(&self) -> Attribute {
        Attribute::List(self.iter().map(T::save).collect())
    }
    fn load(from: &Attribute) -> Option<Self> {
        let Attribute::List(all) = from else { return None };
        let all: Vec<T> = all.iter().map(T::load).collect::<Option<_>>()?;
        all.try_into().ok().map(Arc::new)
    }
}

impl Saved for Layout {
    fn save(&self) -> Attribute {
        let strides = self.strides().iter().map(|s| *s as i64).collect();
        Attribute::List(vec![ints(self.shape()), Attribute::Ints(strides), self.offset().save()])
    }
    fn load(from: &Attribute) -> Option<Self> {
        let Attribute::List(parts) = from else { return None };
        let [shape, Attribute::Ints(strides), offset] = &parts[..] else { return None };
        let (shape, offset) = (Shape::load(shape)?, usize::load(offset)?);
        let strides: Strides = strides.iter().map(|s| *s as isize).collect();
        let countable = shape.iter().try_fold(1i64, |n, s| n.checked_mul(*s as i64)).is_some_and(|n| n <= MOST);
        let reach = strides.iter().all(|s| s.unsigned_abs() as i64 <= MOST);
        (shape.len() == strides.len() && countable && reach).then(|| Layout::strided(shape, strides, offset))
    }
}

impl Saved for Arc<dyn Op> {
    fn save(&self) -> Attribute {
        // An op without a key is found when the whole graph is written.
        let key = crate::ops::key(&**self).unwrap_or("");
        Attribute::Op(key.to_string(), self.attributes().into_iter().map(|(n, a)| (n.to_string(), a)).collect())
    }
    fn load(from: &Attribute) -> Option<Self> {
        let Attribute::Op(key, all) = from else { return None };
        crate::ops::make(key, all).ok()
    }
}

/// Names that ops show in errors. Few are in use; a file cannot fill memory with others.
impl Saved for &'static str {
    fn save(&self) -> Attribute {
        Attribute::Text(self.to_string())
    }
    fn load(from: &Attribute) -> Option<Self> {
        static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let Attribute::Text(name) = from else { return None };
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(name.as_str()) {
            return Some(known);
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
        (name.len() <= 64 && name.chars().all(plain) && known.len() < 1024).then(|| {
            let name: &'static str = name.clone().leak();
            known.insert(name);
            name
        })
    }
}

/// A loaded program draws from the default generator; one of its own cannot be saved.
impl Saved for Generator {
    fn save(&self) -> Attribute {
        if self.same(default_generator()) { Attribute::None } else { "generator".save() }
    }
    fn load(from: &Attribute) -> Option<Self> {
        (*from == Attribute::None).then(|| default_generator().clone())
    }
}
