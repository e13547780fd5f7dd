//! L2 for protocols in which the server speaks first (SMTP, SSH, FTP, MySQL): does it?

use tokio::io::AsyncReadExt;

use super::connect::{self, Target};
use super::fault::Fault;
use crate::model::Failure;

/// Waits for what the server says; `prefix` is how that must begin, empty = any byte will do.
pub(super) async fn probe(target: &Target, prefix: &str) -> Result<(), Fault> {
    let mut stream = connect::open(target).await?;
    let wanted = prefix.len().max(1) as u64;
    let mut said = Vec::new();
    let mut begin = (&mut stream).take(wanted);
    while begin.read_buf(&mut said).await? > 0 {
        let same = said.len().min(prefix.len());
        if said[..same] != prefix.as_bytes()[..same] {
            return Err(Fault::seen(Failure::Content, &String::from_utf8_lossy(&said)));
        }
    }
    if said.len() as u64 == wanted { Ok(()) } else { Err(Fault::peer(Failure::Truncated)) }
}
