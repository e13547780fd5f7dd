//! L4: does a Redis server answer a command?
//!
//! A command is a list of words and its reply one line or one string: so little of the protocol
//! (RESP 2) is needed that it is spoken here.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connect::{self, Io, Target};
use super::fault::Fault;
use crate::model::{Failure, RedisAsk};

/// Bytes of a reply.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// Asks once.
pub(super) async fn probe(target: &Target, ask: &RedisAsk) -> Result<(), Fault> {
    let mut stream = connect::open(target).await?;
    if let Some(password) = &ask.password {
        let user = ask.user.as_deref();
        let words = ["AUTH"].into_iter().chain(user).chain([password.expose()]);
        let reply = command(&mut *stream, words).await?;
        if reply != b"OK" {
            return Err(Fault::seen(Failure::Protocol, "AUTH was not answered with OK"));
        }
    }
    let reply = command(&mut *stream, ask.command.iter().map(|word| &**word)).await?;
    match &ask.expect {
        Some(expected) if reply != expected.as_bytes() => {
            let reply = format!("the reply is {:?}", String::from_utf8_lossy(&reply));
            Err(Fault::seen(Failure::Content, &reply))
        }
        _ => Ok(()),
    }
}

/// Sends a command and reads its reply.
async fn command<'w>(
    stream: &mut dyn Io,
    words: impl Iterator<Item = &'w str> + Clone,
) -> Result<Vec<u8>, Fault> {
    let mut request = format!("*{}\r\n", words.clone().count());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(request.as_bytes()).await?;
    let mut received = Vec::new();
    loop {
        if stream.read_buf(&mut received).await? == 0 {
            return Err(Fault::peer(Failure::Truncated));
        }
        if let Some(reply) = reply(&received)? {
            return Ok(reply);
        }
        if received.len() > REPLY_BYTES_MAX {
            return Err(Fault::seen(Failure::TooLarge, "reply"));
        }
    }
}

/// The reply, once it is whole.
fn reply(received: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let garbage = || Fault::seen(Failure::Protocol, &String::from_utf8_lossy(received));
    let Some((kind, rest)) = received.split_first() else { return Ok(None) };
    if !b"+-:$".contains(kind) {
        return Err(garbage());
    }
    let Some(end) = memchr::memmem::find(rest, b"\r\n") else { return Ok(None) };
    let (line, rest) = (&rest[..end], &rest[end + 2..]);
    match kind {
        b'-' => Err(Fault::seen(Failure::Rejected, &String::from_utf8_lossy(line))),
        b'$' => {
            let text = std::str::from_utf8(line).map_err(|_| garbage())?;
            if text == "-1" {
                return Err(Fault::seen(Failure::Content, "the reply is null"));
            }
            let length: usize = text.parse().map_err(|_| garbage())?;
            if length > REPLY_BYTES_MAX {
                return Err(Fault::seen(Failure::TooLarge, "reply"));
            }
            match rest.split_at_checked(length) {
                Some((value, b"\r\n")) => Ok(Some(value.to_vec())),
                Some((_, more)) if more.len() >= 2 => Err(garbage()),
                _ => Ok(None),
            }
        }
        _ => Ok(Some(line.to_vec())),
    }
}
