//! Each kind of failure, provoked once among good answers.

use std::time::Duration;

use super::stage::{Act, OK, Play};
use crate::bench::measure::Fault;

const CLIENT_ERROR: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const SERVER_ERROR: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

/// Ten requests over one connection, of which the fifth meets `act`.
fn fifth(act: Act) -> (Vec<(Fault, u64)>, u64, u64) {
    let play = Play {
        length: Duration::from_millis(10),
        timeout: Duration::from_secs(1),
        ..Play::default()
    };
    let script = move |n, now| if n == 4 { act } else { Act::Answer(now, OK) };
    let (measured, _) = play.against(script);
    assert_eq!(measured.tally.requests(), 10);
    assert_eq!(measured.unfinished, 0);
    (measured.tally.faults().collect(), measured.tally.answers(), measured.reopened)
}

#[test]
fn each_kind_is_told_apart_and_costs_one_request_only() {
    for (act, fault, reopened) in [
        (Act::Close(""), Fault::Unanswered, 1),
        (Act::Close("HTTP/1.1 200 OK\r\nContent-Le"), Fault::Truncated, 1),
        (Act::Close("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), Fault::Truncated, 1),
        (Act::Close("220 mail.example ESMTP\r\n\r\n"), Fault::Malformed, 1),
        (Act::Answer(Duration::ZERO, CLIENT_ERROR), Fault::ClientError, 0),
        (Act::Answer(Duration::ZERO, SERVER_ERROR), Fault::ServerError, 0),
    ] {
        assert_eq!(fifth(act), (vec![(fault, 1)], 9, reopened), "{fault}");
    }
}

#[test]
fn a_timeout_counts_from_due_also_for_those_who_wait_behind_it() {
    let (faults, answers, reopened) = fifth(Act::Silence);
    // The connection is given up after a second: too late for all who waited for it.
    assert_eq!((faults, answers, reopened), (vec![(Fault::Timeout, 6)], 4, 0));
}

#[test]
fn a_server_that_is_gone_fails_each_request_that_is_due() {
    let play = Play { length: Duration::from_millis(10), connects: 1, ..Play::default() };
    let (measured, _) = play.against(|n, now| match n {
        4 => Act::Close(""),
        _ => Act::Answer(now, OK),
    });
    let faults: Vec<_> = measured.tally.faults().collect();
    assert_eq!(faults, [(Fault::Connect, 5), (Fault::Unanswered, 1)]);
}

#[test]
fn a_connection_closed_between_requests_is_opened_again_and_fails_nobody() {
    let play = Play { length: Duration::from_millis(10), ..Play::default() };
    let closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let (measured, _) = play.against(move |_, _| Act::Close(closing));
    assert_eq!((measured.tally.answers(), measured.tally.failures()), (10, 0));
    assert_eq!(measured.reopened, 9);
}
