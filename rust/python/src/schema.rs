//! PyTorch's schema syntax: `max(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)`.
//! Parsed once per function, at import. Signatures, error texts, docstrings and stubs are all printed from here.
//!
//! Beyond PyTorch's own syntax: `Tensor? out=None` among the keywords gives the `out=` form (`Tensor[]? out=None` for
//! several results), `$options` stands for a factory's dtype, layout, device, pin_memory and requires_grad, and
//! `deprecated: ` before the name marks an old order of the arguments, which is taken with a warning. `Scalar|Tensor` joins
//! two of PyTorch's overloads into one.

use pyo3::exceptions::PySystemError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple};

/// How a function is being called; each form sees other parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `torch.add(x, y, out=z)`; the name of the submodule that holds it, if it is not the main one.
    Function(Option<&'static str>),
    /// `x.add(y)`
    Method,
    /// `x.add_(y)`: the result is written into x.
    InPlace,
    /// `x.unsqueeze_(0)`: x becomes the result.
    Exchange,
}

impl Form {
    pub fn is_function(self) -> bool {
        matches!(self, Form::Function(_))
    }
    /// The name that a caller sees.
    pub fn name(self, base: &str) -> String {
        if matches!(self, Form::InPlace | Form::Exchange) { format!("{base}_") } else { base.to_string() }
    }
}

pub struct Signature {
    pub name: &'static str,
    pub params: Vec<Param>,
    /// Parameters before `*`.
    pub positional: usize,
    pub returns: &'static str,
    /// Where `self` and `out` stand, if the schema has them.
    pub this: Option<usize>,
    pub out: Option<usize>,
    pub deprecated: bool,
    /// A bit for each parameter that takes a number in place of a tensor, if the function does.
    pub numbers: u32,
    /// Whether all of them may be numbers at once.
    pub only_numbers: bool,
    /// The name of the class of several results: `max`, `linalg_svd`.
    pub result_name: String,
    pub(crate) result_class: PyOnceLock<Py<PyAny>>,
}

pub struct Param {
    /// Interned: a keyword at a call site is most often the very same object.
    pub name: Py<PyString>,
    pub text: &'static str,
    pub ty: Type,
    /// A Python object, so that a default travels the same road as an argument.
    pub default: Option<Py<PyAny>>,
    pub default_text: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Tensor,
    Scalar,
    Int,
    Float,
    Bool,
    Str,
    DType,
    Device,
    Layout,
    MemoryFormat,
    Generator,
    /// Whatever it is, the function looks for itself.
    Any,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Type {
    pub kind: Kind,
    pub optional: bool,
    pub list: bool,
    /// `Scalar|Tensor`: a number may stand for the tensor.
    pub number: bool,
    /// `Tensor?[]`: items may be None.
    pub holes: bool,
    /// `int[2]`: a single int stands for all of them.
    pub size: Option<usize>,
}

const OPTIONS: &str = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False, bool? requires_grad=False";

/// These take numbers for all their tensors: `torch.add(2, 3)`.
const ARITHMETIC: [&str; 5] = ["add", "sub", "mul", "div", "floor_divide"];

impl Signature {
    pub fn parse(py: Python, schema: &'static str) -> PyResult<Signature> {
        let bad = || PySystemError::new_err(format!("bad schema: {schema}"));
        let (deprecated, text) = schema.strip_prefix("deprecated: ").map_or((false, schema), |text| (true, text));
        let (head, returns) = text.split_once(") -> ").ok_or_else(bad)?;
        let (name, list) = head.split_once('(').ok_or_else(bad)?;
        let name = name.split('.').next().unwrap_or(name); // add.Tensor is add
        let (mut params, mut positional, mut this) = (Vec::new(), None, None);
        let mut add = |item: &'static str, params: &mut Vec<Param>| -> PyResult<()> {
            let (ty, rest) = item.split_once(' ').ok_or_else(bad)?;
            let (text, default_text) = rest.split_once('=').unwrap_or((rest, ""));
            if text == "self" {
                this = Some(params.len());
            }
            let text = if text == "self" { "input" } else { text };
            let ty = Type::parse(ty).ok_or_else(bad)?;
            let default =
                if default_text.is_empty() { None } else { Some(default(py, default_text).ok_or_else(bad)??) };
            params.push(Param { name: PyString::intern(py, text).unbind(), text, ty, default, default_text });
            Ok(())
        };
        for item in items(list) {
            match item {
                "*" => positional = Some(params.len()),
                "$options" => items(OPTIONS).try_for_each(|item| add(item, &mut params))?,
                item => add(item, &mut params)?,
            }
        }
        let out = params.iter().position(|p: &Param| p.text == "out" && p.ty.kind == Kind::Tensor);
        let positional = positional.unwrap_or(params.len());
        let only_numbers = ARITHMETIC.contains(&name);
        let bit = |(i, p): (usize, &Param)| ((p.ty.number || only_numbers && p.ty.kind == Kind::Tensor) as u32) << i;
        let numbers = params.iter().enumerate().map(bit).sum();
        let result_class = PyOnceLock::new();
        Ok(Signature {
            name,
            positional,
            params,
            returns,
            this,
            out,
            deprecated,
            numbers,
            only_numbers: only_numbers || this.is_none(),
            result_name: name.to_string(),
            result_class,
        })
    }

    /// The parameters a caller may give in this form, each with whether it is keyword-only.
    pub fn visible(&self, form: Form) -> impl Iterator<Item = (&Param, bool)> {
        let hidden = move |i| !form.is_function() && [self.this, self.out].contains(&Some(i));
        let params = self.params.iter().enumerate().filter(move |(i, _)| !hidden(*i));
        params.map(move |(i, p)| (p, i >= self.positional))
    }

    /// `a, b, *, c`, each parameter written by `show`.
    fn list(&self, form: Form, show: impl Fn(&Param) -> String) -> String {
        let (mut text, mut starred) = (String::new(), false);
        let mut push = |item: &str| {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(item);
        };
        for (param, keyword_only) in self.visible(form) {
            if keyword_only && !std::mem::replace(&mut starred, true) {
                push("*");
            }
            push(&show(param));
        }
        text
    }

    /// For errors: `(Tensor input, tuple of ints dim, bool keepdim = False)`.
    pub fn for_error(&self, form: Form) -> String {
        let default = |p: &Param| match p.default_text {
            "" => String::new(),
            text => format!(" = {text}"),
        };
        format!("({})", self.list(form, |p| format!("{} {}{}", p.ty.for_error(), p.text, default(p))))
    }

    /// For `inspect.signature`: `(input, dim, keepdim=False)`.
    pub fn for_inspect(&self, form: Form, with_self: bool) -> String {
        let default = |p: &Param| match p.default_text {
            "" => String::new(),
            text if text.starts_with(|c: char| c.is_ascii_digit() || "-[\"'NTF".contains(c)) => format!("={text}"),
            _ => "=...".into(), // a name that inspect could not evaluate
        };
        let list = self.list(form, |p| format!("{}{}", p.text, default(p)));
        match (with_self && !form.is_function(), list.is_empty()) {
            (true, true) => "($self)".into(),
            (true, false) => format!("($self, {list})"),
            (false, _) => format!("({list})"),
        }
    }

    /// For the `.pyi` file, one or two overloads without the word `def`: as a method of Tensor, as a function of the module
    /// (which `x.f_()` may be too), or of a namespace. `numbers` has a bit for each parameter that takes numbers for tensors.
    pub fn stubs(&self, form: Form, of_module: bool, name: &str, numbers: u32) -> Vec<String> {
        let default = |p: &Param| match p.default_text {
            "" => String::new(),
            text if text.starts_with(|c: char| c.is_ascii_alphabetic())
                && !["None", "True", "False"].contains(&text) =>
            {
                " = ...".into()
            }
            text => format!(" = {text}"),
        };
        let takes_numbers = |p: &Param| self.params.iter().position(|q| std::ptr::eq(p, q)).map(|i| numbers >> i & 1);
        let typed = |p: &Param| {
            // A keyword of Python's cannot be a name in a stub: such a parameter is given by position.
            let escape = if ["from", "lambda"].contains(&p.text) { "_" } else { "" };
            let or_number = if takes_numbers(p) == Some(1) { " | Number" } else { "" };
            format!("{}{escape}: {}{or_number}{}", p.text, p.ty.python(), default(p))
        };
        let this = match form {
            Form::Function(_) => "",
            _ if of_module => "input: Tensor, ",
            _ => "self, ",
        };
        let positional: Vec<&Param> = self.visible(form).filter(|(_, keyword)| !keyword).map(|(p, _)| p).collect();
        let mut lists = vec![self.list(form, typed)];
        if let [size] = positional[..]
            && matches!(size.ty, Type { kind: Kind::Int, list: true, size: None, .. })
        {
            // `x.view(2, 4)`
            let rest = lists[0].replacen(&typed(size), &format!("*{}: _int", size.text), 1).replacen(", *, ", ", ", 1);
            lists.push(rest);
        }
        let returns = self.returns_python();
        let text =
            |list: String| format!("{name}({}) -> {returns}: ...", (this.to_string() + &list).trim_end_matches(", "));
        lists.into_iter().map(text).collect()
    }

    fn returns_python(&self) -> String {
        match self.returns {
            "()" => "None".into(),
            many if many.starts_with('(') => {
                let each: Vec<String> = self.return_fields().map(|(ty, _)| python_return(ty)).collect();
                format!("tuple[{}]", each.join(", "))
            }
            one => python_return(one.split(' ').next().unwrap_or(one)),
        }
    }

    /// The types and names of several results.
    pub fn return_fields(&self) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
        let list = self.returns.strip_prefix('(').and_then(|r| r.strip_suffix(')')).unwrap_or(self.returns);
        items(list).map(|item| item.split_once(' ').map_or((item, None), |(ty, name)| (ty, Some(name))))
    }
}

fn python_return(ty: &'static str) -> String {
    match Type::parse(ty) {
        Some(ty) if ty.list => format!("tuple[{}, ...]", Type { list: false, ..ty }.python()),
        Some(ty) => ty.python(),
        None => "Any".into(),
    }
}

/// Splits at the commas that stand outside of brackets and quotes.
fn items(list: &'static str) -> impl Iterator<Item = &'static str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (mut depth, mut quoted, mut end) = (0, false, rest.len());
        for (i, c) in rest.bytes().enumerate() {
            match c {
                b'[' | b'(' => depth += 1,
                b']' | b')' => depth -= 1,
                b'"' | b'\'' => quoted = !quoted,
                b',' if depth == 0 && !quoted => {
                    end = i;
                    break;
                }
                _ => {}
            }
        }
        let item = rest[..end].trim();
        rest = rest.get(end + 1..).unwrap_or("").trim_start();
        Some(item)
    })
}

/// A default value as a Python object, or nothing for a text that is no value.
fn default(py: Python, text: &'static str) -> Option<PyResult<Py<PyAny>>> {
    let object = match text {
        "None" => Ok(py.None().into_bound(py)),
        "True" => true.into_pyobject(py).map(|b| b.to_owned().into_any()).map_err(PyErr::from),
        "False" => false.into_pyobject(py).map(|b| b.to_owned().into_any()).map_err(PyErr::from),
        "inf" => f64::INFINITY.into_pyobject(py).map(Bound::into_any).map_err(PyErr::from),
        "-inf" => f64::NEG_INFINITY.into_pyobject(py).map(Bound::into_any).map_err(PyErr::from),
        "contiguous_format" | "preserve_format" => crate::types::memory_format(py, text),
        "strided" => crate::types::layout(py, "strided"),
        "long" => crate::types::dtype_object(py, rushlight::DType::I64),
        list if list.starts_with('[') => {
            let values: Option<Vec<_>> = items(&list[1..list.len() - 1]).map(|item| default(py, item)?.ok()).collect();
            PyTuple::new(py, values?).map(Bound::into_any)
        }
        string if string.starts_with(['"', '\'']) => Ok(PyString::intern(py, &string[1..string.len() - 1]).into_any()),
        number => match number.parse::<i64>() {
            Ok(int) => int.into_pyobject(py).map(Bound::into_any).map_err(PyErr::from),
            Err(_) => number.parse::<f64>().ok()?.into_pyobject(py).map(Bound::into_any).map_err(PyErr::from),
        },
    };
    Some(object.map(Bound::unbind))
}

impl Type {
    pub fn parse(text: &'static str) -> Option<Type> {
        let (text, optional) = text.strip_suffix('?').map_or((text, false), |text| (text, true));
        let (base, size) = match text.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
            Some((base, size)) => (base, Some(size)),
            None => (text, None),
        };
        let (base, holes) = base.strip_suffix('?').map_or((base, false), |base| (base, true));
        let (base, number) = base.strip_prefix("Scalar|").map_or((base, false), |base| (base, true));
        let kind = match base.split('(').next().unwrap_or(base) {
            "Tensor" => Kind::Tensor, // and Tensor(a!)
            "Scalar" => Kind::Scalar,
            "int" | "SymInt" => Kind::Int,
            "float" => Kind::Float,
            "bool" => Kind::Bool,
            "str" => Kind::Str,
            "ScalarType" => Kind::DType,
            "Device" => Kind::Device,
            "Layout" => Kind::Layout,
            "MemoryFormat" => Kind::MemoryFormat,
            "Generator" => Kind::Generator,
            "Any" => Kind::Any,
            _ => return None,
        };
        Some(Type { kind, optional, list: size.is_some(), number, holes, size: size.and_then(|s| s.parse().ok()) })
    }

    /// In the words of PyTorch's errors.
    pub fn for_error(&self) -> String {
        let base = match self.kind {
            Kind::Tensor => "Tensor",
            Kind::Scalar => "Number",
            Kind::Int => "int",
            Kind::Float => "float",
            Kind::Bool => "bool",
            Kind::Str => "str",
            Kind::DType => "torch.dtype",
            Kind::Device => "torch.device",
            Kind::Layout => "torch.layout",
            Kind::MemoryFormat => "torch.memory_format",
            Kind::Generator => "torch.Generator",
            Kind::Any => "object",
        };
        if self.list { format!("tuple of {base}s") } else { base.into() }
    }

    /// In the words of the stubs, where `int` is a dtype and `dtype` a property: see the head of the `.pyi` file.
    fn python(&self) -> String {
        let base = match self.kind {
            Kind::Tensor => "Tensor",
            Kind::Scalar => "Number",
            Kind::Int => "_int",
            Kind::Float => "_float",
            Kind::Bool => "_bool",
            Kind::Str => "str",
            Kind::DType => "_dtype",
            Kind::Device => "_DeviceLike",
            Kind::Layout => "_layout",
            Kind::MemoryFormat => "_memory_format",
            Kind::Generator => "Generator",
            Kind::Any => "Any",
        };
        let base = if self.number { "Tensor | Number" } else { base };
        let item = if self.holes { format!("{base} | None") } else { base.to_string() };
        let all = match (self.list, self.size) {
            (true, Some(_)) => format!("{base} | Sequence[{item}]"),
            (true, None) => format!("Sequence[{item}]"),
            _ => base.to_string(),
        };
        if self.optional { format!("{all} | None") } else { all }
    }
}
