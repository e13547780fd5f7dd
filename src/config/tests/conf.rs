//! The example files.

use std::path::{Path, PathBuf};

use crate::config::{Config, print};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files
}

#[test]
fn every_example_is_valid_without_a_warning() {
    assert!(examples().len() >= 4);
    for path in examples() {
        match Config::load(&path) {
            Ok(loaded) => assert_eq!(loaded.warnings, [], "{}", path.display()),
            Err(problems) => panic!("{problems}"),
        }
    }
}

#[test]
fn every_example_printed_reads_back_as_the_same_config() {
    for path in examples() {
        let config = Config::load(&path).unwrap().config;
        let printed = print(&config);
        let again =
            Config::parse(&printed, Some(&path)).unwrap_or_else(|e| panic!("{e}\n{printed}"));
        assert_eq!(format!("{config:#?}"), format!("{:#?}", again.config), "{printed}");
        assert_eq!(print(&again.config), printed);
    }
}

#[test]
fn a_missing_file_is_told_in_one_line() {
    let problems = Config::load(Path::new("conf/nowhere.yaml")).unwrap_err();
    assert_eq!(problems.to_string(), "conf/nowhere.yaml: there is no such file");
}

#[test]
fn text_that_is_not_utf8_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.yaml");
    std::fs::write(&path, b"version: 1\nname: \xff\n").unwrap();
    let problems = Config::load(&path).unwrap_err().to_string();
    assert!(problems.ends_with("bad.yaml:2:7: the text is not UTF-8 from here on"), "{problems}");
}

#[test]
fn a_file_of_more_than_16_mib_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.yaml");
    std::fs::File::create(&path).unwrap().set_len(16 * 1024 * 1024 + 1).unwrap();
    let problems = Config::load(&path).unwrap_err().to_string();
    assert!(problems.ends_with("the file is larger than 16777216 bytes"), "{problems}");
}
