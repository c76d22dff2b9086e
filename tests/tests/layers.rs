//! Files import each other in one direction: no circles in any crate, and in the core no layer imports a later one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The layers of the core, in order. Each imports only itself and those before it.
const LAYERS: [&str; 5] = ["json", "wire", "event", "session", "driver|server"];

/// Circles that are still there, as the names of their files. None may be added.
const KNOWN: &[(&str, &[&str])] = &[
    ("noti-std/src", &["client/builder", "client/network"]),
    (
        "noti-std/src",
        &[
            "client/delivery",
            "client/event",
            "client/exchange",
            "client/monitor",
        ],
    ),
];

type Module = Vec<String>;
/// Each module with those that it imports from.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The modules below `folder` with their sources: `session/acks.rs` is `[session, acks]`, `lib.rs` is `[]`.
fn modules(folder: &Path, path: &Module, found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap().path();
        let name = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut module = path.clone();
        if entry.is_dir() {
            module.push(name);
            modules(&entry, &module, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            if !matches!(name.as_str(), "mod" | "lib" | "main") {
                module.push(name);
            }
            found.insert(module, fs::read_to_string(&entry).unwrap());
        }
    }
}

/// The paths that a source names by `crate::` or `super::`, its own tests and re-exports left out.
fn paths(source: &str, module: &Module) -> Vec<Module> {
    let code = source
        .lines()
        .take_while(|line| *line != "mod tests {")
        .filter(|line| !line.trim_start().starts_with("//") && !line.starts_with("pub use self::"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut named = Vec::new();
    for (start, prefix) in ["crate::", "super::", "self::"]
        .iter()
        .flat_map(|prefix| code.match_indices(prefix))
    {
        let before = code[..start].chars().next_back();
        if before.is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | ':')) {
            continue;
        }
        let (mut base, mut rest) = (Module::new(), &code[start..]);
        if prefix == "self::" {
            base.clone_from(module);
            rest = &rest[prefix.len()..];
        } else if prefix == "super::" {
            base.clone_from(module);
            while let Some(tail) = rest.strip_prefix("super::") {
                base.pop();
                rest = tail;
            }
        } else {
            rest = &rest[prefix.len()..];
        }
        for tail in expanded(rest) {
            let mut path = base.clone();
            path.extend(tail);
            named.push(path);
        }
    }
    named
}

/// `a::{b::c, d}` as `a::b::c` and `a::d`.
fn expanded(text: &str) -> Vec<Module> {
    let end = text
        .find(|next: char| !(next.is_alphanumeric() || matches!(next, '_' | ':')))
        .unwrap_or(text.len());
    let path: Module = text[..end]
        .split("::")
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if !text[end..].starts_with('{') {
        return vec![path];
    }
    let (mut depth, mut from, mut parts) = (0, end + 1, Vec::new());
    for (at, next) in text[end..].char_indices() {
        match next {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && next == ',') {
            parts.push(text[from..end + at].trim());
            from = end + at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    parts
        .into_iter()
        .filter(|part| !part.is_empty() && *part != "self")
        .flat_map(expanded)
        .map(|tail| path.iter().cloned().chain(tail).collect())
        .collect()
}

fn imports(source: &str) -> Imports {
    let mut sources = BTreeMap::new();
    modules(&root().join(source), &Module::new(), &mut sources);
    assert!(sources.len() > 3, "{source} has hardly any modules");
    let found: Imports = sources
        .iter()
        .map(|(module, text)| {
            let targets = paths(text, module).into_iter().filter_map(|mut path| {
                while !sources.contains_key(&path) {
                    path.pop()?;
                }
                Some(path)
            });
            // The root only declares and re-exports.
            let targets = targets.filter(|target| target != module && !target.is_empty());
            (module.clone(), targets.collect())
        })
        .collect();
    assert!(
        found.values().any(|targets| !targets.is_empty()),
        "{source} imports nothing"
    );
    found
}

fn name(module: &Module) -> String {
    if module.is_empty() {
        "(root)".to_owned()
    } else {
        module.join("/")
    }
}

/// The modules that can be reached from `start`.
fn reached(imports: &Imports, start: &Module) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![start.clone()];
    while let Some(module) = waiting.pop() {
        for target in imports.get(&module).into_iter().flatten() {
            if reached.insert(target.clone()) {
                waiting.push(target.clone());
            }
        }
    }
    reached
}

/// The sets of modules that import each other, by name.
fn circles(imports: &Imports) -> BTreeSet<Vec<String>> {
    let all: BTreeMap<_, _> = imports
        .keys()
        .map(|module| (module, reached(imports, module)))
        .collect();
    all.iter()
        .filter(|(module, reached)| reached.contains(**module))
        .map(|(module, reached)| {
            let circle = reached.iter().filter(|other| all[other].contains(*module));
            circle.map(name).collect()
        })
        .collect()
}

#[test]
fn no_two_files_import_each_other() {
    let known: BTreeSet<(String, Vec<String>)> = KNOWN
        .iter()
        .map(|(source, names)| {
            (
                (*source).to_owned(),
                names.iter().map(|name| (*name).to_owned()).collect(),
            )
        })
        .collect();
    let mut found = BTreeSet::new();
    for source in [
        "noti-proto/src",
        "noti-std/src",
        "noti-std/broker/src",
        "noti-std/forward/src",
        "noti-std/cli/src",
    ] {
        for circle in circles(&imports(source)) {
            found.insert((source.to_owned(), circle));
        }
    }
    assert_eq!(found, known);
}

#[test]
fn a_layer_of_the_core_imports_only_those_before_it() {
    let layer = |module: &Module| {
        let first = module.first()?;
        LAYERS
            .iter()
            .position(|names| names.split('|').any(|name| name == first))
    };
    let mut wrong = Vec::new();
    for (module, targets) in imports("noti-proto/src") {
        for target in targets {
            if let (Some(from), Some(to)) = (layer(&module), layer(&target))
                && (to > from
                    || (from == to && from == LAYERS.len() - 1 && module.first() != target.first()))
            {
                wrong.push(format!("{} imports {}", name(&module), name(&target)));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The check itself finds what it is for.
#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let mut imports = Imports::new();
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")] {
        imports.insert(module(from), BTreeSet::from([module(to)]));
    }
    assert_eq!(
        circles(&imports),
        BTreeSet::from([vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]])
    );
    let named = paths(
        "use crate::a::{b::C, d};\nuse super::e::f;\n",
        &vec!["x".to_owned(), "y".to_owned()],
    );
    let named: Vec<_> = named.iter().map(|path| path.join("::")).collect();
    assert_eq!(named, ["a::b::C", "a::d", "x::e::f"]);
}
