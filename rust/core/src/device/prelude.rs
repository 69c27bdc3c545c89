//! Functions that WGSL lacks. A shader gets those that its text names, and those that they name in turn.

/// Each function by its name; the text of a family may define helpers of its own.
const FUNCTIONS: &[(&str, &str)] = &[
    ("is_nan", "fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }"),
    ("is_nan_i", "fn is_nan_i(x: i32) -> bool { return false; }"),
];

/// The definitions that a text needs.
pub(super) fn named_in(text: &str) -> String {
    let mut chosen: Vec<usize> = Vec::new();
    let mut open = vec![text];
    while let Some(text) = open.pop() {
        for (i, (name, body)) in FUNCTIONS.iter().enumerate() {
            if !chosen.contains(&i) && calls(text, name) {
                chosen.push(i);
                open.push(body);
            }
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|i| FUNCTIONS[i].1).fold(String::new(), |all, body| all + body + "\n")
}

/// Whether the text has `name(` as a whole word.
fn calls(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        after == Some('(') && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The same text with functions that have an integer form replaced by it.
pub(super) fn for_integers(text: &str) -> String {
    let mut text = text.to_string();
    for (name, _) in FUNCTIONS {
        if let Some(plain) = name.strip_suffix("_i") {
            text = text.replace(&format!("{plain}("), &format!("{name}("));
        }
    }
    text
}
