//! Functions that WGSL lacks, or has too roughly for us (`tanh` overflows, `log` loses small numbers). A shader gets those that
//! its text names, and those that they name in turn. They stand in `shaders/prelude.wgsl`; `f_i` is the form of `f` for
//! integers.

use std::sync::LazyLock;

const TEXT: &str = include_str!("../../../../shaders/prelude.wgsl");

/// Each function by its name.
static FUNCTIONS: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let starts: Vec<usize> = TEXT.match_indices("\nfn ").map(|(at, _)| at + 1).collect();
    let ends = starts.iter().skip(1).copied().chain([TEXT.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let body = &TEXT[start..end];
            let name = body[3..].split('(').next().unwrap_or_default();
            // The comment above the next function is not ours.
            (name, body.rfind("\n}").map_or(body, |at| &body[..at + 2]))
        })
        .collect()
});

/// The definitions that a text needs.
pub(super) fn named_in(text: &str) -> String {
    let mut chosen: Vec<usize> = Vec::new();
    let mut open = vec![text];
    while let Some(text) = open.pop() {
        for (i, (name, body)) in FUNCTIONS.iter().enumerate() {
            if !chosen.contains(&i) && calls(text, name) && !text.contains(&format!("fn {name}(")) {
                chosen.push(i);
                open.push(body);
            }
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().fold(String::new(), |all, i| all + FUNCTIONS[i].1 + "\n")
}

/// Whether the text has `name(` as a whole word.
fn calls(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        text[at + name.len()..].starts_with('(') && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The same text with functions that have an integer form replaced by it.
pub(super) fn for_integers(text: &str) -> String {
    let mut text = text.to_string();
    for (name, _) in FUNCTIONS.iter() {
        let Some(plain) = name.strip_suffix("_i") else { continue };
        let mut made = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(&format!("{plain}(")) {
            let before = rest[..at].chars().next_back();
            made.push_str(&rest[..at]);
            made.push_str(if before.is_some_and(|c| c.is_alphanumeric() || c == '_') { plain } else { name });
            rest = &rest[at + plain.len()..];
        }
        made.push_str(rest);
        text = made;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_come_with_what_they_call() {
        let all = named_in("let y = tanh_of(x);");
        assert!(all.contains("fn tanh_of(") && all.contains("fn expm1("), "{all}");
        assert!(!all.contains("fn erf("), "{all}");
        assert_eq!(named_in("my_erf(x)"), "");
        assert_eq!(for_integers("greatest(a, not_greatest(b))"), "greatest_i(a, not_greatest(b))");
    }
}
