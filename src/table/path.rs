//! Paths in one form, so that a route cannot be dodged by writing a path differently.
//!
//! Routes match the normalised path and backends get the same one (RFC 3986 §6.2.2): unreserved
//! characters decoded, other escapes in upper case, dot segments removed. What cannot be read one
//! way only (a bad escape, a NUL, a climb above the root) is refused.

use crate::config::{EscapedSlash, PathOptions};

/// The path cannot be read one way only, or the listener refuses its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathError;

/// Writes the normalised form of an absolute path (without query) into `out`.
///
/// # Errors
/// See [`PathError`].
pub fn normalise_path(path: &str, options: PathOptions, out: &mut String) -> Result<(), PathError> {
    out.clear();
    if !path.starts_with('/') {
        return Err(PathError);
    }
    if is_normal(path, options) {
        out.push_str(path);
        return Ok(());
    }
    decode(path.as_bytes(), options, out)?;
    remove_dot_segments(out, options)
}

/// Most paths need nothing: no escape, no dot that begins a segment, no doubled slash.
fn is_normal(path: &str, options: PathOptions) -> bool {
    let mut previous = 0;
    for byte in path.bytes() {
        let suspect = match byte {
            b'%' | b'\\' | b'#' => true,
            b'.' => previous == b'/',
            b'/' => previous == b'/' && options.merge_slashes,
            _ => false,
        };
        if suspect {
            return false;
        }
        previous = byte;
    }
    true
}

fn decode(path: &[u8], options: PathOptions, out: &mut String) -> Result<(), PathError> {
    let mut rest = path.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let (high, low) = (rest.next().ok_or(PathError)?, rest.next().ok_or(PathError)?);
                let value = hex(high)? << 4 | hex(low)?;
                push_escaped(value, options, out)?;
            }
            b'\\' if options.reject_backslash => return Err(PathError),
            b'\\' => out.push_str("%5C"),
            b'#' => return Err(PathError),
            _ => out.push(char::from(byte)),
        }
    }
    Ok(())
}

fn push_escaped(value: u8, options: PathOptions, out: &mut String) -> Result<(), PathError> {
    let is_slash = value == b'/' || value == b'\\';
    match value {
        0 => return Err(PathError),
        b'-' | b'.' | b'_' | b'~' => out.push(char::from(value)),
        _ if value.is_ascii_alphanumeric() => out.push(char::from(value)),
        _ if is_slash && options.escaped_slash == EscapedSlash::Reject => return Err(PathError),
        _ if is_slash && options.escaped_slash == EscapedSlash::Decode => out.push('/'),
        _ => {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(DIGITS[usize::from(value >> 4)]));
            out.push(char::from(DIGITS[usize::from(value & 15)]));
        }
    }
    Ok(())
}

fn hex(digit: u8) -> Result<u8, PathError> {
    char::from(digit).to_digit(16).map(|value| value as u8).ok_or(PathError)
}

/// RFC 3986 §5.2.4, in place; unlike there, climbing above the root is an error.
fn remove_dot_segments(path: &mut String, options: PathOptions) -> Result<(), PathError> {
    let mut bytes = std::mem::take(path).into_bytes();
    let (mut read, mut write) = (0, 0);
    while read < bytes.len() {
        // `read` is at a slash; the segment runs up to the next one.
        let end = bytes[read + 1..].iter().position(|b| *b == b'/').map(|at| read + 1 + at);
        let (next, last) = (end.unwrap_or(bytes.len()), end.is_none());
        match &bytes[read + 1..next] {
            b"." => {
                if last {
                    bytes[write] = b'/';
                    write += 1;
                }
            }
            b".." => {
                write = bytes[..write].iter().rposition(|b| *b == b'/').ok_or(PathError)?;
                if last {
                    bytes[write] = b'/';
                    write += 1;
                }
            }
            b"" if !last && options.merge_slashes => {}
            _ => {
                bytes.copy_within(read..next, write);
                write += next - read;
            }
        }
        read = next;
    }
    bytes.truncate(write);
    // Only ASCII was ever pushed, so the bytes are valid UTF-8.
    *path = String::from_utf8(bytes).map_err(|_| PathError)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEFAULT: PathOptions = PathOptions {
        escaped_slash: EscapedSlash::Keep,
        merge_slashes: false,
        reject_backslash: true,
    };

    fn normal(path: &str, options: PathOptions) -> Result<String, PathError> {
        let mut out = String::from("left over");
        normalise_path(path, options, &mut out).map(|()| out)
    }

    #[test]
    fn one_form_for_one_path() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/b.html", "/a/b.html"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a/b/../..", "/"),
            ("/a/%2e%2E/b", "/b"),
            ("/%61dmin", "/admin"),
            ("/%7euser", "/~user"),
            ("/a%2fb", "/a%2Fb"),
            ("/a//b", "/a//b"),
            ("/...", "/..."),
            ("/.hidden", "/.hidden"),
            ("/a;x=..%2f/b", "/a;x=..%2F/b"),
            ("/%c3%a4", "/%C3%A4"),
        ] {
            assert_eq!(normal(path, DEFAULT).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn what_reads_two_ways_is_refused() {
        for path in
            ["", "a", "/%", "/%4", "/%zz", "/%00", "/..", "/a/../..", "/%2e%2e/x", "/a\\b", "/a#b"]
        {
            assert_eq!(normal(path, DEFAULT), Err(PathError), "{path}");
        }
    }

    #[test]
    fn slashes_are_treated_as_configured() {
        let decode = PathOptions { escaped_slash: EscapedSlash::Decode, ..DEFAULT };
        assert_eq!(normal("/a/..%2fb", decode).as_deref(), Ok("/b"));
        assert_eq!(normal("/..%5cb", decode), Err(PathError));
        let reject = PathOptions { escaped_slash: EscapedSlash::Reject, ..DEFAULT };
        assert_eq!(normal("/a%2Fb", reject), Err(PathError));
        assert_eq!(normal("/a%5cb", reject), Err(PathError));
        let merge = PathOptions { merge_slashes: true, ..DEFAULT };
        assert_eq!(normal("//a///b//", merge).as_deref(), Ok("/a/b/"));
        let keep = PathOptions { reject_backslash: false, ..DEFAULT };
        assert_eq!(normal("/a\\b", keep).as_deref(), Ok("/a%5Cb"));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(path in "/[a-c./%2efF5\\\\]{0,24}", merge: bool) {
            let options = PathOptions { merge_slashes: merge, reject_backslash: false, ..DEFAULT };
            if let Ok(once) = normal(&path, options) {
                prop_assert_eq!(normal(&once, options), Ok(once.clone()));
                prop_assert!(once.starts_with('/'));
                prop_assert!(!once.split('/').any(|segment| segment == "." || segment == ".."));
            }
        }
    }
}
