//! The config in effect as a list of settings: what two configs are compared by.
//!
//! It is taken from what is printed, so every setting that has an effect is there, with its default
//! filled in, and two configs that differ only in how they are typed are the same.

use super::yaml::Tree;
use crate::config::Config;
use crate::config::check::auto_name;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The keys that lead to it; an item of a list goes by its name.
    pub path: Vec<String>,
    /// As printed.
    pub value: String,
}

/// Every setting of a config, in the order of the file.
#[must_use]
pub fn settings(config: &Config) -> Vec<Setting> {
    let mut found = Vec::new();
    walk(&super::tree(config), &mut Vec::new(), &mut found);
    found
}

fn walk(tree: &Tree, path: &mut Vec<String>, found: &mut Vec<Setting>) {
    let mut below = |key: String, value: &Tree| {
        path.push(key);
        walk(value, path, found);
        path.pop();
    };
    match tree {
        Tree::Map(entries) if !entries.is_empty() => {
            entries.iter().for_each(|(key, value)| below(key.clone(), value));
        }
        Tree::List(items) if items.iter().any(|item| matches!(item, Tree::Map(_))) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| below(name(index, item), item));
        }
        leaf => {
            let value = leaf.on_one_line();
            found.push(Setting { path: path.clone(), value });
        }
    }
}

/// What an item of a list is recognised by in another config.
fn name(index: usize, item: &Tree) -> String {
    let Tree::Map(entries) = item else { return auto_name(index).to_string() };
    let names = ["name", "address", "url"];
    let of = |name: &&str| entries.iter().find(|(key, _)| key == name);
    match names.iter().find_map(of) {
        Some((_, Tree::Text(name) | Tree::Word(name))) => name.clone(),
        _ => auto_name(index).to_string(),
    }
}
