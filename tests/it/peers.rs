//! Clients of the world, where they are installed.

use std::process::{Command, Stdio};

use crate::harness::{Server, Setup, is_installed};

#[test]
fn curl_gets_posts_and_follows() {
    if !is_installed("curl") {
        println!("skipped: curl not installed");
        return;
    }
    let server = Server::named("hello");
    let proxy = Setup::default()
        .route("{ match: { path: /moved }, redirect: { to: /new, status: 308 } }")
        .route("{ pool: site }")
        .over(&[&server]);
    let url = |path: &str| format!("http://{}{path}", proxy.address("web"));
    let large = proxy.path().join("large");
    std::fs::write(&large, vec![b'x'; 3_000_000]).expect("a writable folder");
    let file = format!("@{}", large.display());
    let cases: [&[&str]; 5] = [
        &[],
        &["--http1.0"],
        &["--data-binary", &file],
        &["--data-binary", &file, "-H", "Expect: 100-continue"],
        &["-H", "Connection: close"],
    ];
    for arguments in cases {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail", "--max-time", "20"]);
        // One connection for two requests, where it may be kept.
        let output = command.args(arguments).args([url("/a"), url("/b")]).output().expect("runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.stdout, b"hellohello", "curl {arguments:?}: {error}");
    }
    let output = Command::new("curl")
        .args(["--silent", "--max-time", "20", "--location", &url("/moved")])
        .output()
        .expect("runs");
    assert_eq!(output.stdout, b"hello");
}

#[test]
fn wrk_sees_no_errors() {
    if !is_installed("wrk") {
        println!("skipped: wrk not installed");
        return;
    }
    let server = Server::named("hello");
    let proxy = Setup::default().over(&[&server]);
    let output = Command::new("wrk")
        .args(["-t1", "-c8", "-d1s", &format!("http://{}/", proxy.address("web"))])
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Requests/sec"), "{text}");
    assert!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "{text}");
}

/// nginx as a backend: its own keep-alive, chunking and closing.
#[test]
fn nginx_behind_it() {
    let nginx = ["nginx", "/usr/sbin/nginx"].into_iter().find(|program| {
        let mut command = Command::new(program);
        command.arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    });
    let Some(nginx) = nginx else {
        println!("skipped: nginx not installed");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("nginx.sock");
    let root = folder.path().display();
    std::fs::write(folder.path().join("large"), vec![b'n'; 2_000_000]).expect("writable");
    std::fs::write(
        folder.path().join("nginx.conf"),
        format!(
            "daemon off; master_process off; error_log stderr; pid {root}/pid;\n\
             events {{}}\nhttp {{ access_log off; keepalive_requests 3;\n\
             client_body_temp_path {root}/c; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;\n\
             uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
             server {{ listen unix:{socket}; root {root};\n\
             location = /hi {{ return 200 hi; }} }} }}\n",
            socket = socket.display()
        ),
    )
    .expect("writable");
    let mut child = Command::new(nginx)
        .arg("-c")
        .arg(folder.path().join("nginx.conf"))
        .arg("-p")
        .arg(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .expect("runs");
    let listens = std::panic::catch_unwind(|| {
        crate::harness::until("nginx", || {
            std::os::unix::net::UnixStream::connect(&socket).ok().map(drop)
        });
        let config = Setup::default()
            .config(&[])
            .replace("backends: [  ]", &format!("backends: [ \"unix:{}\" ]", socket.display()));
        let proxy = crate::harness::Pulsegate::start(crate::harness::Pulsegate::folder(), &config);
        let mut client = crate::harness::Client::connect(proxy.address("web"));
        for _ in 0..10 {
            assert_eq!(client.get("/hi").text(), "hi");
            assert_eq!(client.get("/large").body.len(), 2_000_000);
            assert_eq!(client.get("/missing").status, 404);
        }
    });
    let _ = child.kill();
    let _ = child.wait();
    if let Err(panic) = listens {
        std::panic::resume_unwind(panic);
    }
}
