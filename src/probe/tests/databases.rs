//! PostgreSQL and Redis: servers that speak them badly, and the real ones where installed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::model::{PostgresAsk, RedisAsk, Secret};
use crate::probe::{postgres, redis};

fn select(statement: &str) -> PostgresAsk {
    PostgresAsk {
        statement: statement.into(),
        user: "check".into(),
        database: "postgres".into(),
        password: Some(Secret::new("hunter2".into())),
        expect: Some("1".into()),
    }
}

fn ping() -> RedisAsk {
    RedisAsk { command: vec!["PING".into()], user: None, password: None, expect: None }
}

/// What `probe` says of a server that sends this when it was sent something.
async fn answered_by<T>(
    bytes: &[u8],
    close: bool,
    probe: impl AsyncFnOnce(Target) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let (listener, address) = listener().await;
    let served = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_buf(&mut Vec::new()).await.unwrap();
        while stream.write_all(bytes).await.is_ok() && !close {}
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = probe(address.into()) => result,
        () = served => unreachable!("it waits for ever"),
    }
}

#[tokio::test]
async fn a_redis_reply_is_understood_or_told() {
    let replied = async |reply: &'static [u8]| {
        answered_by(reply, true, async |at| redis::probe(&at, &ping()).await).await
    };
    for good in [&b"+PONG\r\n"[..], b":1\r\n", b"$4\r\nPONG\r\n", b"$0\r\n\r\n"] {
        assert_eq!(replied(good).await, Ok(()), "{good:?}");
    }
    assert_eq!(
        replied(b"-LOADING Redis is loading\r\n").await,
        Err(Fault::seen(Failure::Rejected, "LOADING Redis is loading"))
    );
    for (bad, expected) in [
        (&b""[..], Failure::Truncated),
        (b"+PON", Failure::Truncated),
        (b"$4\r\nPO", Failure::Truncated),
        (b"$-1\r\n", Failure::Content),
        (b"$99999999\r\n", Failure::TooLarge),
        (b"$two\r\nPONG\r\n", Failure::Protocol),
        (b"$2\r\nPONG\r\n", Failure::Protocol),
        (b"*1\r\n+PONG\r\n", Failure::Protocol),
        (b"HTTP/1.1 400 Bad Request\r\n", Failure::Protocol),
    ] {
        assert_eq!(failure(replied(bad).await), expected, "{bad:?}");
    }
    let endless = answered_by(b"+more and ", false, async |at| redis::probe(&at, &ping()).await);
    assert_eq!(failure(endless.await), Failure::TooLarge);
}

#[tokio::test]
async fn what_is_no_postgres_is_told() {
    let asked = async |reply: &[u8], close: bool| {
        answered_by(reply, close, async |at| postgres::probe(&at, &select("SELECT 1")).await).await
    };
    assert_eq!(failure(asked(b"", true).await), Failure::Truncated);
    assert_eq!(failure(asked(b"HTTP/1.1 400 Bad Request\r\n\r\n", true).await), Failure::Protocol);
    // A message that claims to be of 2 GiB, and goes on and on.
    assert_eq!(failure(asked(b"D\x7f\xff\xff\xff", false).await), Failure::TooLarge);
}

/// The first of these programs that is installed.
fn installed(name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders.into_iter().map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A server that ends with its test.
struct Server {
    process: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port of loopback that nobody uses just now.
fn free_port() -> u16 {
    nobody().1.port()
}

/// Waits until a probe of what was started reports this.
async fn until<T>(
    probe: impl AsyncFn() -> Result<T, Fault>,
    such: impl Fn(&Result<T, Fault>) -> bool,
) where
    T: std::fmt::Debug,
{
    let patience = tokio::time::timeout(PATIENT, async {
        loop {
            let result = probe().await;
            if such(&result) {
                return;
            }
            tokio::time::sleep(BRIEF).await;
        }
    });
    patience.await.expect("the server comes up");
}

#[tokio::test]
async fn a_real_redis_is_asked() {
    let Some(program) = installed("redis-server") else {
        println!("skipped: redis-server is not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let process = Command::new(program)
        .args(["--bind", "127.0.0.1", "--save", "", "--requirepass", "hunter2", "--port"])
        .arg(port.to_string())
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Server { process, _folder: folder };
    let address = Address::Inet(([127, 0, 0, 1], port).into());
    let asked = async |ask: RedisAsk| redis::probe(&address.clone().into(), &ask).await;

    let known = RedisAsk { password: Some(Secret::new("hunter2".into())), ..ping() };
    until(|| asked(known.clone()), |result| *result == Ok(())).await;
    assert_eq!(asked(RedisAsk { user: Some("default".into()), ..known.clone() }).await, Ok(()));
    assert_eq!(asked(RedisAsk { expect: Some("PONG".into()), ..known.clone() }).await, Ok(()));
    let other = RedisAsk { expect: Some("OK".into()), ..known.clone() };
    assert_eq!(asked(other).await, Err(Fault::seen(Failure::Content, "the reply is \"PONG\"")));

    let unknown = asked(ping()).await;
    assert_eq!(unknown, Err(Fault::seen(Failure::Rejected, "NOAUTH Authentication required.")));
    let wrong = RedisAsk { password: Some(Secret::new("guess".into())), ..ping() };
    assert_eq!(failure(asked(wrong).await), Failure::Rejected);
}

/// A command that is run as a user whom PostgreSQL accepts: it refuses to run as root.
fn as_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

/// A new PostgreSQL at this port, which wants a password of everybody.
fn start_postgres(programs: &Path, port: u16) -> Server {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let password = folder.path().join("password");
    std::fs::write(&password, "hunter2\n").unwrap();
    for (path, mode) in [(folder.path(), 0o777), (password.as_path(), 0o644)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let made = as_user(&programs.join("initdb"))
        .args(["--no-sync", "--auth=scram-sha-256", "--username=check", "--pwfile"])
        .arg(&password)
        .arg("--pgdata")
        .arg(&data)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let process = as_user(&programs.join("postgres"))
        .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c"])
        .args(["fsync=off", "-p", &port.to_string(), "-D"])
        .arg(&data)
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Server { process, _folder: folder }
}

#[tokio::test]
async fn a_real_postgres_is_asked() {
    let Some(program) = installed("initdb") else {
        println!("skipped: PostgreSQL is not installed");
        return;
    };
    let port = free_port();
    let _server = start_postgres(program.parent().unwrap(), port);
    let address = Address::Inet(([127, 0, 0, 1], port).into());
    let asked = async |ask: &PostgresAsk| postgres::probe(&address.clone().into(), ask).await;

    until(|| async { asked(&select("SELECT 1")).await }, |result| *result == Ok(())).await;
    assert_eq!(asked(&PostgresAsk { expect: None, ..select("SELECT 2") }).await, Ok(()));
    let content = |detail: &str| Err(Fault::seen(Failure::Content, detail));
    assert_eq!(asked(&select("SELECT 2")).await, content("the value is \"2\""));
    assert_eq!(asked(&select("SELECT NULL")).await, content("the value is null"));
    assert_eq!(asked(&select("SELECT 1 WHERE false")).await, content("there is no row"));
    assert_eq!(
        asked(&select("SELECT * FROM nowhere")).await,
        Err(Fault::seen(Failure::Rejected, "relation \"nowhere\" does not exist"))
    );
    let wrong = PostgresAsk { password: Some(Secret::new("guess".into())), ..select("SELECT 1") };
    let told = "password authentication failed for user \"check\"";
    assert_eq!(asked(&wrong).await, Err(Fault::seen(Failure::Rejected, told)));
    let vast = select("SELECT repeat('x', 1000000) FROM generate_series(1, 100)");
    assert_eq!(failure(asked(&vast).await), Failure::TooLarge);
}
