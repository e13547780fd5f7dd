//! What a kept document says of itself, so that another version of this program never misreads it.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Document<T> {
    version: u32,
    content: T,
}

/// A document as it is written: compact, for one of ten thousand backends has megabytes.
///
/// # Errors
/// The content cannot be put into JSON, such as a map whose keys are no text.
pub fn encode(version: u32, content: &impl Serialize) -> Result<Vec<u8>, String> {
    let document = Document { version, content };
    let mut text = serde_json::to_vec(&document).map_err(|error| error.to_string())?;
    text.push(b'\n');
    Ok(text)
}

/// The content of a document, if it is of this version.
///
/// # Errors
/// It is no such document, or of another version; in words that name neither its path nor its
/// content.
pub fn decode<T: DeserializeOwned>(version: u32, text: &[u8]) -> Result<T, String> {
    let document: Document<IgnoredAny> =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if document.version != version {
        return Err(format!("it is of version {} (expected {version})", document.version));
    }
    let document: Document<T> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    Ok(document.content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_by_its_own_version_only() {
        let text = encode(2, &vec![1, 2, 3]).unwrap();
        assert_eq!(decode::<Vec<u8>>(2, &text), Ok(vec![1, 2, 3]));
        let error = decode::<Vec<u8>>(3, &text).unwrap_err();
        assert_eq!(error, "it is of version 2 (expected 3)");
        // Whatever another version's content looks like.
        assert!(decode::<String>(3, &text).unwrap_err().contains("version 2"));
        assert!(decode::<String>(2, &text).unwrap_err().contains("invalid type"));
        for broken in [&b""[..], b"{", b"[]", b"{\"version\": 1}", &text[..text.len() / 2]] {
            assert!(decode::<Vec<u8>>(1, broken).is_err());
        }
    }
}
