use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

use super::{Scene, with_tokens};
use crate::admin::Server;
use crate::admin::client::{Address, Client, ClientError};
use crate::config::{AdminApi, Secret};

/// A server on a unix socket and a TCP port, and the way to stop it.
struct Running {
    tcp: String,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

async fn start(socket: &Path) -> Running {
    let settings = AdminApi {
        bind: vec!["127.0.0.1:0".parse().unwrap()],
        socket: Some(socket.to_owned()),
        ..with_tokens()
    };
    let server = Server::bind(&settings).await.unwrap();
    let tcp = server.addresses().next().unwrap().to_string();
    let (stop, stopped) = oneshot::channel();
    let scene = Scene::new(&settings);
    let ended = tokio::spawn(async move {
        server.serve(scene.state.clone(), async { drop(stopped.await) }).await;
    });
    Running { tcp, stop, ended }
}

#[tokio::test]
async fn the_client_is_understood_over_both_doors() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    let running = start(&socket).await;
    let unix = Client::new(Address::Unix(socket.clone()), None);
    assert_eq!(unix.status().await.unwrap().generation, 3);
    assert_eq!(unix.reload(None).await.unwrap().generation, 4);

    let url = format!("http://{}/", running.tcp);
    let tcp = |token: Option<&str>| {
        let token = token.map(|it| Secret::new(it.to_owned()));
        Client::new(Address::from_url(&url).unwrap(), token)
    };
    assert_eq!(tcp(None).status().await.unwrap().generation, 3);
    assert!(matches!(tcp(None).reload(None).await, Err(ClientError::Refusal(..))));
    assert_eq!(tcp(Some("op")).reload(None).await.unwrap().generation, 4);

    running.stop.send(()).unwrap();
    running.ended.await.unwrap();
    assert!(matches!(unix.status().await, Err(ClientError::NoSocket(path)) if path == socket));
    assert!(matches!(tcp(None).status().await, Err(ClientError::Refused(_))));
}

#[tokio::test]
async fn a_connection_carries_one_request() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(&dir.path().join("admin.sock")).await;
    let mut stream = TcpStream::connect(&running.tcp).await.unwrap();
    let request = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request.repeat(2).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1);
    assert!(answer.contains("connection: close"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    let _running = start(&socket).await;
    let mut stream = UnixStream::connect(&socket).await.unwrap();
    stream.write_all(b"GET /health HTT").await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(6), stream.read_to_end(&mut answer));
    ended.await.expect("closed at the header timeout").unwrap();
}

#[tokio::test]
async fn a_full_tcp_address_does_not_keep_the_operator_out() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    let running = start(&socket).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(TcpStream::connect(&running.tcp).await.unwrap());
    }
    let unix = Client::new(Address::Unix(socket), None);
    assert_eq!(unix.status().await.unwrap().generation, 3);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.sock");
    let error = Client::new(Address::Unix(path.clone()), None).status().await.unwrap_err();
    assert_eq!(error.to_string(), format!("no socket at {}", path.display()));
    for url in ["https://localhost:1", "localhost:1", "http://a:1/path", "http://u@h:1", "unix:x"] {
        assert!(matches!(Address::from_url(url), Err(ClientError::Url(_))), "{url}");
    }
    assert_eq!(
        Address::from_url("http://[::1]:9900").unwrap(),
        Address::Tcp("[::1]:9900".to_owned())
    );
}
