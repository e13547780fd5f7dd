//! What happened behind a balancer while it was measured, from its own event log.

use std::fs::{self, File};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::Context;

use super::events::told;
use crate::admin::client::{Address, Client};
use crate::bench::view::{Mark, Run};
use crate::events;
use crate::events::wire::{Event, Line};
use crate::model::printable;

/// The events an admin API shows at most.
const LIMIT: usize = 1000;

/// Every event that `source` knows: a log's file, an admin socket, or an admin API's URL.
///
/// # Errors
/// It cannot be read, or is none of these.
pub(super) async fn read(source: &str) -> anyhow::Result<Vec<Line>> {
    let read = async {
        if source.starts_with("http://") {
            return asked(Address::from_url(source)?).await;
        }
        let path = Path::new(source);
        if fs::metadata(path)?.file_type().is_socket() {
            return asked(Address::Unix(path.to_owned())).await;
        }
        Ok(events::read(File::open(path)?)?)
    };
    read.await.with_context(|| format!("--scenario {}", printable(source)))
}

async fn asked(address: Address) -> anyhow::Result<Vec<Line>> {
    Ok(Client::new(address, None).events(LIMIT).await?.events)
}

/// The events that fell into the run. A table that moved no share is none: it follows from another.
pub(super) fn during(run: &Run, lines: &[Line]) -> Vec<Mark> {
    let mark = |line: &Line| {
        let at_ms = line.at_ms.checked_sub(run.started_unix_ms)? as f64;
        let moved = !matches!(&line.event, Event::Published { moves, .. } if moves.is_empty());
        let text = || printable(&told(&line.event).0).into_owned();
        (moved && at_ms <= run.elapsed_ms).then(|| Mark { at_ms, text: text() })
    };
    lines.iter().filter_map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Chain;
    use crate::model::UnixMillis;

    fn run() -> Run {
        Run {
            method: "GET".to_owned(),
            url: "http://a/".to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            streams: 1,
            connections: 1,
            reopened: 0,
            started: String::new(),
            started_unix_ms: 1000,
            planned_ms: 500.0,
            elapsed_ms: 500.0,
            interrupted: false,
            arrivals: "constant".to_owned(),
            seed: None,
            steps: Vec::new(),
        }
    }

    #[test]
    fn what_fell_into_the_run_and_moved_something_is_marked() {
        let mut chain = Chain::default();
        let health = |to: &str| Event::Health {
            pool: "api".to_owned(),
            backend: "a1".to_owned(),
            from: "up".to_owned(),
            to: to.to_owned(),
            factor: 0.0,
            cause: None,
            reason: None,
        };
        let empty = Event::Published { generation: 3, moves: Vec::new(), because: Vec::new() };
        let events = [
            (999, health("a")),
            (1000, health("b")),
            (1200, empty),
            (1500, health("c\x1b")),
            (1501, health("d")),
        ];
        let lines: Vec<Line> = events.map(|(at, event)| chain.next(UnixMillis(at), event)).into();
        let marks = during(&run(), &lines);
        let told: Vec<_> = marks.iter().map(|mark| (mark.at_ms, mark.text.as_str())).collect();
        assert_eq!(told, [(0.0, "health: api/a1 up -> b"), (500.0, "health: api/a1 up -> c�")]);
    }
}
