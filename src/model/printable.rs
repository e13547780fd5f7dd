//! Text that cannot play tricks on the screen it is shown on.

use std::borrow::Cow;

/// The text without control characters and without those that reorder what is around them; each
/// becomes `�`, so that it is seen that there was something.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(misleads) {
        text.chars().map(|c| if misleads(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a character could move a terminal's cursor, break a line, or reorder the text around it.
/// All of them are in the basic plane.
#[must_use]
pub fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_misleads_is_replaced() {
        assert_eq!(printable("naïve → 200"), "naïve → 200");
        assert_eq!(printable("a\x1b[2J\u{202e}b\n"), "a�[2J�b�");
    }
}
