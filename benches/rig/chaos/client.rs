//! A client that asks on and on, and judges every answer.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use super::backend::unchunk;
use super::question::Question;

/// Nothing that was asked takes longer, whatever becomes of the backends.
const HANG: Duration = Duration::from_secs(15);

/// What clients saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Requests answered rightly and as a whole.
    pub(crate) whole: u64,
    /// Requests refused, by status.
    pub(crate) refused: BTreeMap<u16, u64>,
    /// Answers that broke off where it could be told, or that never began.
    pub(crate) broken: u64,
    /// Requests given up by their client.
    pub(crate) given_up: u64,
    /// Answers that claimed to be whole, and were wrong.
    pub(crate) wrong: Vec<String>,
    /// Requests of which nothing was heard.
    pub(crate) hung: Vec<String>,
    /// The longest that anything took.
    pub(crate) longest: Duration,
}

/// What came of one request.
enum Answer {
    /// 200 and its body; then `true` = the connection takes another.
    Body(Vec<u8>, bool),
    /// Another status.
    Status(u16, bool),
}

impl Seen {
    /// Adds what another client saw.
    pub(crate) fn add(&mut self, other: Self) {
        self.whole += other.whole;
        self.broken += other.broken;
        self.given_up += other.given_up;
        self.wrong.extend(other.wrong);
        self.hung.extend(other.hung);
        self.longest = self.longest.max(other.longest);
        for (status, count) in other.refused {
            *self.refused.entry(status).or_default() += count;
        }
    }

    /// Requests that were asked and not given up.
    pub(crate) fn asked(&self) -> u64 {
        self.whole + self.broken + self.refused.values().sum::<u64>()
    }

    /// Asks on one connection, until it or the time is over.
    pub(super) fn ask(
        &mut self,
        target: SocketAddr,
        until: Instant,
        rng: &mut Rng,
    ) -> io::Result<()> {
        let stream = TcpStream::connect_timeout(&target, HANG)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANG))?;
        stream.set_write_timeout(Some(HANG))?;
        let mut reader = BufReader::new(&stream);
        for _ in 0..rng.u32(1..100) {
            if Instant::now() >= until {
                break;
            }
            let question = Question::new(rng);
            let bytes = question.bytes(rng);
            if rng.u8(..50) == 0 {
                self.given_up += 1;
                return give_up(&stream, &bytes, rng);
            }
            let begun = Instant::now();
            // A refusal may come before the body has gone out.
            let sent = (&stream).write_all(&bytes);
            let answer = read(&mut reader);
            self.longest = self.longest.max(begun.elapsed());
            let goes_on = match answer {
                Ok(answer) => self.judge(&question, &answer),
                Err(error) => {
                    self.judge_error(&question, &error);
                    false
                }
            };
            if sent.is_err() || !goes_on {
                break;
            }
        }
        Ok(())
    }

    fn judge(&mut self, question: &Question, answer: &Answer) -> bool {
        match answer {
            Answer::Body(body, goes_on) => {
                let right = question.answer();
                if *body == right {
                    self.whole += 1;
                } else {
                    let (came, should) = (body.len(), right.len());
                    let of = question.name();
                    self.wrong.push(format!("{of}: {came} bytes came of {should}"));
                }
                *goes_on
            }
            Answer::Status(status, goes_on) => {
                *self.refused.entry(*status).or_default() += 1;
                *goes_on
            }
        }
    }

    fn judge_error(&mut self, question: &Question, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.hung.push(question.name()),
            io::ErrorKind::InvalidData => self.wrong.push(format!("{}: {error}", question.name())),
            _ => self.broken += 1,
        }
    }
}

/// Leaves in the middle of a request, or before its answer.
fn give_up(mut stream: &TcpStream, bytes: &[u8], rng: &mut Rng) -> io::Result<()> {
    let part = if rng.bool() { bytes.len() } else { rng.usize(..bytes.len()) };
    stream.write_all(&bytes[..part])
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(whole) => Ok(whole.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads one response, whose framing must be sound.
fn read(reader: &mut impl BufRead) -> io::Result<Answer> {
    let start = line(reader)?;
    let status = start.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status: u16 = status.ok_or_else(|| invalid(&start))?;
    let (mut length, mut chunked, mut goes_on) = (None, false, true);
    loop {
        let field = line(reader)?.to_ascii_lowercase();
        match field.split_once(": ") {
            Some(("content-length", value)) => length = value.parse::<usize>().ok(),
            Some(("transfer-encoding", _)) => chunked = true,
            Some(("connection", value)) => goes_on = value != "close",
            Some(_) => {}
            None => break,
        }
    }
    let body = match length {
        _ if chunked => unchunk(reader)?,
        Some(length) => {
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            body
        }
        None => return Err(invalid("a response without framing")),
    };
    Ok(if status == 200 { Answer::Body(body, goes_on) } else { Answer::Status(status, goes_on) })
}
