//! L2 by an agent: a small service beside the backend that says how it is.
//!
//! It is connected to, may be sent a text, and answers one line of words: `up`, `drain`,
//! `down <reason>`, and a percentage of its weight, as `75%` or `up 75%`. HAProxy's other words are
//! understood too (`ready` is up, `maint` is drain, `stopped` and `fail` are down, and `#` begins
//! the reason). A word that is not known makes the answer no answer: half-understood orders are
//! worse than none.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connect;
use super::fault::{Fault, shown};
use crate::model::{Address, AgentReport, AgentState, Failure};

/// Bytes of an agent's line.
const LINE_BYTES_MAX: usize = 1024;

/// Asks once.
pub(super) async fn probe(address: &Address, port: u16, send: &str) -> Result<AgentReport, Fault> {
    let mut address = address.clone();
    if let Address::Inet(address) = &mut address {
        address.set_port(port);
    }
    let mut stream = connect::open(&address.into()).await?;
    if !send.is_empty() {
        stream.write_all(format!("{send}\n").as_bytes()).await?;
    }
    let mut line = Vec::with_capacity(64);
    // The line ends by its end, or by the connection's.
    while !line.contains(&b'\n') && stream.read_buf(&mut line).await? > 0 {
        if line.len() > LINE_BYTES_MAX {
            return Err(Fault::seen(Failure::TooLarge, "the agent's line"));
        }
    }
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    if line.trim().is_empty() {
        return Err(Fault::peer(Failure::Truncated));
    }
    read(line.trim()).ok_or_else(|| Fault::seen(Failure::Protocol, &line))
}

/// Understands a line, or does not.
fn read(line: &str) -> Option<AgentReport> {
    let (words, mut reason) = line.split_once('#').unwrap_or((line, ""));
    let mut report = AgentReport { state: AgentState::Up, weight: None, reason: "".into() };
    let mut rest = words;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '\r']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        match word.to_ascii_lowercase().as_str() {
            "" => break,
            "up" | "ready" => report.state = AgentState::Up,
            "drain" | "maint" => report.state = AgentState::Drain,
            "down" | "stopped" | "fail" => {
                report.state = AgentState::Down;
                if !rest.trim().is_empty() {
                    reason = rest;
                }
                break;
            }
            percent => report.weight = Some(ratio(percent)?),
        }
    }
    report.reason = shown(reason.trim());
    Some(report)
}

/// `75%` as 0.75; at most the whole.
fn ratio(word: &str) -> Option<f64> {
    let percent: u32 = word.strip_suffix('%')?.parse().ok()?;
    (percent <= 100).then(|| f64::from(percent) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Option<(AgentState, Option<f64>, String)> {
        let report = read(line)?;
        Some((report.state, report.weight, report.reason.to_string()))
    }

    #[test]
    fn each_word_is_understood() {
        for (line, state, weight, reason) in [
            ("up", AgentState::Up, None, ""),
            ("READY", AgentState::Up, None, ""),
            ("drain", AgentState::Drain, None, ""),
            ("75%", AgentState::Up, Some(0.75), ""),
            ("0%", AgentState::Up, Some(0.0), ""),
            ("up, 50% # warming up", AgentState::Up, Some(0.5), "warming up"),
            ("drain 10%", AgentState::Drain, Some(0.1), ""),
            ("down disk is full", AgentState::Down, None, "disk is full"),
            ("fail # no disk", AgentState::Down, None, "no disk"),
            ("30% down", AgentState::Down, Some(0.3), ""),
        ] {
            assert_eq!(told(line), Some((state, weight, reason.to_owned())), "{line}");
        }
    }

    #[test]
    fn what_is_not_known_is_no_answer() {
        for line in ["sideways", "up sideways", "101%", "-1%", "%", "7.5%", "HTTP/1.1 400"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
