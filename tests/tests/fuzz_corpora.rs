//! The corpora of the fuzz targets, and every input that once failed, through the same oracles, without a fuzzer.

use std::path::Path;

use noti_fuzz::TARGETS;

/// Runs all files of a folder; gives back how many there were.
fn replay(folder: &Path, oracle: fn(&[u8])) -> usize {
    let Ok(entries) = folder.read_dir() else {
        return 0;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in &paths {
        let data = std::fs::read(path).unwrap();
        if let Err(panic) = std::panic::catch_unwind(|| oracle(&data)) {
            eprintln!("the input is {}", path.display());
            std::panic::resume_unwind(panic);
        }
    }
    paths.len()
}

#[test]
fn every_kept_input_passes() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    for (name, oracle) in TARGETS {
        let seeds = replay(&fuzz.join("corpus").join(name), oracle);
        let regressions = replay(&fuzz.join("regressions").join(name), oracle);
        println!("{name}: {seeds} seeds, {regressions} regressions");
        assert!(seeds > 0, "{name} has no corpus");
    }
}

/// A target that is not in the list would never be replayed; a folder that is no target neither.
#[test]
fn the_list_of_targets_is_complete() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let names = |folder: &str| {
        let entries = fuzz.join(folder).read_dir().unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let mut targets: Vec<_> = TARGETS
        .iter()
        .map(|(name, _)| std::ffi::OsString::from(name))
        .collect();
    targets.sort();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
}
