//! Clients of the world that speak HTTP/2, where they are installed.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use crate::harness::{Server, Setup, certificate, folder};
use crate::tls::tls;

const SKIPPED: &str = "skipped: curl with HTTP/2 not installed";

/// Is curl installed, and knows HTTP/2?
pub(crate) fn curl_speaks_http2() -> bool {
    let version = Command::new("curl").arg("--version").output().ok();
    version.is_some_and(|it| String::from_utf8_lossy(&it.stdout).contains("HTTP2"))
}

/// What curl says to these arguments; `None` where it is not installed, or without HTTP/2.
fn curl(arguments: &[&str]) -> Option<Output> {
    if !curl_speaks_http2() {
        return None;
    }
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--output", "-"]);
    Some(
        command
            .args(["--write-out", "|%{http_version} %{http_code}|"])
            .args(arguments)
            .output()
            .expect("runs"),
    )
}

fn says(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn large(dir: &Path) -> String {
    let path = dir.join("large");
    std::fs::write(&path, vec![b'x'; 3_000_000]).expect("a writable folder");
    format!("@{}", path.display())
}

#[test]
fn curl_in_clear_by_prior_knowledge() {
    let server = Server::named("hello");
    let proxy = Setup::default().over(&[&server]);
    let url = |path: &str| format!("http://{}{path}", proxy.address("web"));
    let (_dir, dir) = folder();
    let file = large(&dir);
    let cases: [&[&str]; 4] = [
        &[],
        &["--data-binary", &file],
        &["--data-binary", &file, "-H", "Expect: 100-continue"],
        &["-H", "Cookie: a=1; b=2"],
    ];
    for case in cases {
        // One request: some versions forget what they know before the second.
        let url = url("/a");
        let arguments = [&["--http2-prior-knowledge"], case, &[&*url]].concat();
        let Some(output) = curl(&arguments) else { return println!("{SKIPPED}") };
        assert_eq!(says(&output), "hello|2 200|", "{case:?}");
    }
}

#[test]
fn curl_by_tls_agrees_on_it_and_is_told_of_another_host() {
    let (_dir, dir) = folder();
    certificate(&dir, "a", &["a.test"]);
    certificate(&dir, "b", &["b.test"]);
    let server = Server::answering(Arc::new(|head| {
        let body = head.get("x-forwarded-proto").unwrap_or("none").to_owned();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }));
    for (option, expected) in [("http2: { max_streams: 10 }", "2"), ("http2: off", "1.1")] {
        let setup = Setup::default().listener(&tls(&dir, &["a", "b"])).listener(option);
        let proxy = setup.over(&[&server]);
        let port = proxy.address("web").port();
        let (ca, at) =
            (dir.join("a.pem").display().to_string(), format!("a.test:{port}:127.0.0.1"));
        let url = format!("https://a.test:{port}/");
        let usual = ["--http2", "--cacert", &ca, "--resolve", &at, &url];
        let Some(output) = curl(&usual) else { return println!("{SKIPPED}") };
        assert_eq!(says(&output), format!("https|{expected} 200|"));
        let Some(output) = curl(&[&usual[..], &["-H", "Host: b.test"]].concat()) else {
            return println!("{SKIPPED}");
        };
        assert!(says(&output).ends_with(&format!("|{expected} 421|")), "{}", says(&output));
    }
}
