//! `pulsegate drains`.

use std::fmt::Write;

use super::args::ListArgs;
use super::failure::{Failure, print};
use super::remote;
use crate::admin::view::{Connection, Drain};
use crate::model::printable;

pub(super) fn execute(args: &ListArgs) -> Result<(), Failure> {
    let answer = remote::ask(&args.remote, async |client| client.drains().await)?;
    if args.json {
        return print(&format!("{:#}\n", serde_json::to_value(&answer)?));
    }
    if answer.drains.is_empty() {
        return print("nothing is being drained\n");
    }
    print(&answer.drains.iter().map(render).collect::<String>())
}

/// One line, and one more for each connection that holds it open.
fn render(drain: &Drain) -> String {
    let mut out = String::new();
    let (age, left) = (seconds(drain.age_ms), seconds(drain.left_ms));
    let state = match drain.open {
        0 => "empty".to_owned(),
        open => format!("{open} open, cut off in {left}"),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{} {} draining for {age}, {state}", drain.of, printable(&drain.name));
    for Connection { client, protocol, route, age_ms, bytes_in, bytes_out } in &drain.connections {
        let (protocol, route, age) = (printable(protocol), printable(route), seconds(*age_ms));
        let client = printable(client);
        let _ = writeln!(
            out,
            "  {client}  {protocol}  route {route}  {age}  {bytes_in} bytes in, {bytes_out} out"
        );
    }
    out
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_is_told_with_all_that_holds_it_open() {
        let connection = Connection {
            client: "10.1.2.3:4567".to_owned(),
            protocol: "websocket".to_owned(),
            route: "chat\u{1b}".to_owned(),
            age_ms: 90_100,
            bytes_in: 12,
            bytes_out: 3_456,
        };
        let mut drain = Drain {
            of: "backend".to_owned(),
            name: "api/a1".to_owned(),
            age_ms: 2_340,
            left_ms: 7_660,
            open: 1,
            connections: vec![connection],
        };
        insta::assert_snapshot!(render(&drain), @r"
        backend api/a1 draining for 2.3 s, 1 open, cut off in 7.6 s
          10.1.2.3:4567  websocket  route chat�  90.1 s  12 bytes in, 3456 out
        ");
        (drain.open, drain.connections) = (0, Vec::new());
        assert_eq!(render(&drain), "backend api/a1 draining for 2.3 s, empty\n");
    }
}
