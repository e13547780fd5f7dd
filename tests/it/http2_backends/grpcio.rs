//! gRPC as its own Python implementation speaks it on both ends, where that is installed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::harness::python;

use super::setup;

const SKIPPED: &str = "skipped: Python's grpcio not installed";

fn script(python: &str, arguments: &[&str]) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/http2_backends/grpcio.py");
    let mut command = Command::new(python);
    command.arg(path).args(arguments);
    command
}

/// A server that ends with the case.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(python: &str) -> Self {
        let mut command = script(python, &["serve"]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("python3 runs");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        Self { child, port: line.trim().parse().expect("a port") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn calls_of_all_kinds_pass() {
    let Some(python) = python("grpc") else { return println!("{SKIPPED}") };
    let server = Server::start(python);
    let proxy = setup("")
        .route("{ pool: site, match: { path: { prefix: /test.Calls } } }")
        .over_addresses(&[([127, 0, 0, 1], server.port).into()]);
    let address = proxy.address("web").to_string();
    let output = script(python, &["call", &address]).output().expect("python3 runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    let expected = "unary b'olleh' 5\nlarge True\ndown [b'0', b'1', b'2']\nup b'a+b'\n\
                    both [b'00', b'11', b'22']\nfails FAILED_PRECONDITION not now: 50 %\n\
                    late DEADLINE_EXCEEDED\nnowhere UNIMPLEMENTED no route matches this request\n";
    assert_eq!(told, expected, "{failed}");
}
