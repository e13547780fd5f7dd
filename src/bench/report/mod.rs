//! A result for people: text for the terminal, a picture, a page.

mod compare;
mod html;
mod plot;
#[cfg(test)]
mod tests;
mod text;

pub use compare::comparison;
pub use html::html;
pub use plot::{Undrawable, svg};
pub use text::{progress, text};
