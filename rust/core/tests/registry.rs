//! Every op can be made again from its attributes, or says that it cannot.

use rushlight::ops;
use std::collections::BTreeSet;
use std::path::Path;

/// What no file holds: several views at once are recorded one by one; a slope is of a function that only its caller knows.
const NEVER: [&str; 2] = ["Split", "Slope"];

fn files(dir: &Path, all: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, all),
            false => all.push(std::fs::read_to_string(path).unwrap()),
        }
    }
}

#[test]
fn every_op_of_the_sources_is_registered() {
    let mut sources = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops"), &mut sources);
    let lists = sources.iter().filter_map(|source| source.split("entries!(").nth(1)?.split(");").next());
    let listed: BTreeSet<&str> = lists.flat_map(|list| list.split(|c: char| !c.is_alphanumeric())).collect();
    for source in &sources {
        for (at, _) in source.match_indices(" Op for ") {
            let name: String = source[at + 8..].chars().take_while(|c| c.is_alphanumeric()).collect();
            let known = name.is_empty() || NEVER.contains(&name.as_str()) || listed.contains(name.as_str());
            assert!(known, "{name} is in no list of entries");
        }
    }
}

#[test]
fn keys_are_unique() {
    let keys: Vec<&str> = ops::entries().map(|entry| entry.key).collect();
    assert_eq!(keys.len(), keys.iter().collect::<BTreeSet<_>>().len());
    assert!(keys.len() > 200, "{}", keys.len());
}

#[test]
fn what_an_op_cannot_be_is_refused() {
    use rushlight::op::Attribute::{Bool, Int, Text};
    let given = |name: &str, value| vec![(name.to_string(), value)];
    assert!(ops::make("Cat", &given("dim", Int(1))).is_ok());
    for (key, all) in [
        ("Cat", vec![]),
        ("Cat", given("dim", Int(-1))),
        ("Cat", given("dim", Int(i64::MAX))),
        ("Cat", given("dim", Bool(true))),
        ("Cat", given("dimension", Int(0))),
        ("Nothing", vec![]),
        ("Split", vec![]),
        ("BernoulliBy", given("generator", Text("generator".into()))),
    ] {
        let error = ops::make(key, &all).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}
