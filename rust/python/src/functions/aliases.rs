//! Other names of functions in the table, as PyTorch has them.

/// (alias, name); an alias exists in each form that the function has (`f`, `x.f`, `x.f_`).
pub const ALIASES: &[(&str, &str)] = &[
    ("absolute", "abs"),
    ("arccos", "acos"),
    ("arccosh", "acosh"),
    ("arcsin", "asin"),
    ("arcsinh", "asinh"),
    ("arctan", "atan"),
    ("arctan2", "atan2"),
    ("arctanh", "atanh"),
    ("clip", "clamp"),
    ("concat", "cat"),
    ("concatenate", "cat"),
    ("det", "linalg_det"),
    ("divide", "div"),
    ("fix", "trunc"),
    ("greater", "gt"),
    ("greater_equal", "ge"),
    ("less", "lt"),
    ("less_equal", "le"),
    ("moveaxis", "movedim"),
    ("multiply", "mul"),
    ("negative", "neg"),
    ("not_equal", "ne"),
    ("row_stack", "vstack"),
    ("subtract", "sub"),
    ("swapaxes", "transpose"),
    ("swapdims", "transpose"),
    ("true_divide", "div"),
];

/// A name and its aliases, in the form in which the name is given (`f` or `f_`).
pub fn all_of(name: &str) -> impl Iterator<Item = String> {
    let (base, suffix) = name.strip_suffix('_').map_or((name, ""), |base| (base, "_"));
    let aliases = ALIASES.iter().filter(move |(_, of)| *of == base).map(move |(alias, _)| format!("{alias}{suffix}"));
    std::iter::once(name.to_string()).chain(aliases)
}
