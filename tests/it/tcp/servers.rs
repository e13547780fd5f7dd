//! Real servers behind a listener that forwards bytes, asked by their own clients.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error, NoTls};

use crate::access_log::line_of;
use crate::harness::{Client, End, Installed, PASSWORD, Pulsegate, Setup, USER, installed, until};

/// A balancer in front of these, of which all but the first only take over.
fn in_front_of(servers: &[&Installed]) -> Pulsegate {
    let backend = |(index, server): (usize, &&Installed)| {
        format!("{{ address: \"{}\", backup: {} }}", server.address, index > 0)
    };
    let backends: Vec<String> = servers.iter().enumerate().map(backend).collect();
    let zone = format!("z: {{ backends: [ {} ] }}", backends.join(", "));
    // Alone, it needs no probe to be asked.
    let health = if servers.len() > 1 { "{ network: {} }" } else { "off" };
    let setup = Setup::tcp()
        .listener("access_log: { path: access.log }")
        .health(health)
        .pool(&format!("regions: {{ r: {{ zones: {{ {zone} }} }} }}"));
    Pulsegate::start(Pulsegate::folder(), &setup.config(&[]))
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("our own child");
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn log_in(at: SocketAddr) -> Result<tokio_postgres::Client, Error> {
    let mut config = Config::new();
    config.hostaddr(at.ip()).port(at.port()).user(USER).password(PASSWORD).dbname("postgres");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn port_of(client: &tokio_postgres::Client) -> Result<i32, Error> {
    Ok(client.query_one("SELECT inet_server_port()", &[]).await?.get(0))
}

#[test]
fn a_postgresql_session_passes_whole() {
    let Some(server) = Installed::postgres() else { return };
    let proxy = in_front_of(&[&server]);
    let (runtime, at) = (runtime(), proxy.address("web"));
    let client = until("PostgreSQL", || runtime.block_on(log_in(at)).ok());
    runtime.block_on(async {
        // 20 MB down, and 8 MB up and down again.
        let rows = "SELECT i, repeat(i::text, 500) FROM generate_series(1, 10000) AS i";
        let rows = client.query(rows, &[]).await.expect("rows");
        assert_eq!(rows.len(), 10_000);
        for (row, expected) in rows.iter().zip(1..) {
            let (number, text): (i32, &str) = (row.get(0), row.get(1));
            assert!(number == expected && text == number.to_string().repeat(500), "row {number}");
        }
        let vast: String =
            (0..1_000_000).map(|n: u32| format!("{:08x}", n.wrapping_mul(n))).collect();
        let back = client.query_one("SELECT $1::text", &[&vast]).await.expect("a row");
        assert!(back.get::<_, &str>(0) == vast, "what came back differs");
    });
}

/// Cancelling is a connection of its own, which knows the session by its key.
#[test]
fn a_postgresql_query_is_cancelled() {
    let Some(server) = Installed::postgres() else { return };
    let proxy = in_front_of(&[&server]);
    let (runtime, at) = (runtime(), proxy.address("web"));
    let client = until("PostgreSQL", || runtime.block_on(log_in(at)).ok());
    let witness = runtime.block_on(log_in(server.address)).expect("a session");
    let token = client.cancel_token();
    let sleeping = runtime.spawn(async move { client.simple_query("SELECT pg_sleep(600)").await });
    let runs = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    until("the query to run", || {
        runtime.block_on(witness.query_opt(runs, &[])).expect("an answer").map(drop)
    });
    runtime.block_on(async {
        token.cancel_query(NoTls).await.expect("it is heard");
        let error = sleeping.await.expect("it runs on").expect_err("it was cancelled");
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error}");
    });
}

#[test]
fn when_a_primary_postgresql_is_killed_the_next_session_is_the_standbys() {
    let Some(primary) = Installed::postgres() else { return };
    let Some(standby) = Installed::postgres() else { return };
    let proxy = in_front_of(&[&primary, &standby]);
    let (runtime, at) = (runtime(), proxy.address("web"));
    let port = |server: &Installed| i32::from(server.address.port());
    for server in [&primary, &standby] {
        until("PostgreSQL", || runtime.block_on(log_in(server.address)).ok());
    }
    let client = until("a session of the primary", || {
        let client = runtime.block_on(log_in(at)).ok()?;
        let served_by = runtime.block_on(port_of(&client)).ok()?;
        (served_by == port(&primary)).then_some(client)
    });
    signal(primary.process(), Signal::KILL);
    until("the session to end", || runtime.block_on(port_of(&client)).is_err().then_some(()));
    let served_by = until("another session", || {
        let client = runtime.block_on(log_in(at)).ok()?;
        runtime.block_on(port_of(&client)).ok()
    });
    assert_eq!(served_by, port(&standby));
}

/// Redis with its own client, `redis-cli`.
struct Redis {
    server: Installed,
    client: PathBuf,
}

impl Redis {
    fn start() -> Option<Self> {
        let (client, server) = (installed("redis-cli")?, Installed::redis(&[])?);
        let redis = Self { server, client };
        until("Redis", || (redis.asks(redis.server.address, &["PING"]) == "PONG").then_some(()));
        Some(redis)
    }

    fn command(&self, at: SocketAddr, words: &[&str]) -> Command {
        let mut command = Command::new(&self.client);
        command.args(["-h", &at.ip().to_string(), "-p", &at.port().to_string()]).args(words);
        command.stdin(Stdio::null());
        command
    }

    fn asks(&self, at: SocketAddr, words: &[&str]) -> String {
        let output = self.command(at, words).output().expect("it is installed");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

#[test]
fn a_redis_is_asked_and_may_answer_late() {
    let Some(redis) = Redis::start() else { return };
    let proxy = in_front_of(&[&redis.server]);
    let at = proxy.address("web");
    let value: String = (0..1_000_000).map(|n: u32| format!("{:08x}", n.wrapping_mul(n))).collect();
    let file = proxy.path().join("value");
    std::fs::write(&file, &value).expect("a writable folder");
    let set = redis
        .command(at, &["-x", "SET", "vast"])
        .stdin(std::fs::File::open(&file).expect("just written"))
        .output();
    assert_eq!(set.expect("it is installed").stdout, b"OK\n");
    assert!(redis.asks(at, &["GET", "vast"]) == value, "what came back differs");

    let waiting = redis.command(at, &["BLPOP", "list", "0"]).stdout(Stdio::piped()).spawn();
    let waiting = waiting.expect("it is installed");
    let blocked = || redis.asks(at, &["INFO", "clients"]).contains("blocked_clients:1");
    until("the wait", || blocked().then_some(()));
    redis.asks(at, &["RPUSH", "list", "late"]);
    let output = waiting.wait_with_output().expect("it ends").stdout;
    assert_eq!(output, b"list\nlate\n");
}

#[test]
fn when_a_primary_redis_is_killed_the_next_connection_is_the_standbys() {
    let (Some(primary), Some(standby)) = (Redis::start(), Redis::start()) else { return };
    let proxy = in_front_of(&[&primary.server, &standby.server]);
    let at = proxy.address("web");
    primary.asks(primary.server.address, &["SET", "name", "primary"]);
    standby.asks(standby.server.address, &["SET", "name", "standby"]);
    until("the primary", || (primary.asks(at, &["GET", "name"]) == "primary").then_some(()));
    signal(primary.server.process(), Signal::KILL);
    until("the standby", || (primary.asks(at, &["GET", "name"]) == "standby").then_some(()));
}

/// A connection through the balancer that was answered, and its server stopped with this much
/// unread.
fn stopped_with(unread: usize) -> Option<(Redis, Pulsegate, Client)> {
    let redis = Redis::start()?;
    let proxy = in_front_of(&[&redis.server]);
    let mut client = Client::connect(proxy.address("web"));
    client.send("PING\r\n");
    assert_eq!(client.line(), "+PONG");
    signal(redis.server.process(), Signal::STOP);
    client.send(vec![b'x'; unread]);
    until("all to be passed on", || {
        let text = Client::connect(proxy.admin()).admin("/metrics").text();
        let mut lines = text.lines();
        let sent = lines.find(|line| line.starts_with("pulsegate_backend_sent_bytes_total"))?;
        sent.ends_with(&format!(" {}", unread + 6)).then_some(())
    });
    Some((redis, proxy, client))
}

fn ended(proxy: &Pulsegate) -> String {
    line_of(proxy, "access.log", 0)["ended"].as_str().expect("a word").to_owned()
}

/// What it had not read is lost, and its kernel says so with a reset.
#[test]
fn a_server_killed_in_the_middle_resets_its_client() {
    let Some((redis, proxy, mut client)) = stopped_with(50_000) else { return };
    signal(redis.server.process(), Signal::KILL);
    assert_eq!(client.ended(), End::Reset);
    assert_eq!(ended(&proxy), "backend_reset");
}

/// Its kernel ends its connections in order, and so it is passed on.
#[test]
fn a_server_killed_while_nothing_was_under_way_ends_its_client_in_order() {
    let Some((redis, proxy, mut client)) = stopped_with(0) else { return };
    signal(redis.server.process(), Signal::KILL);
    assert_eq!(client.ended(), End::Fin);
    client.half_close();
    assert_eq!(ended(&proxy), "done");
}
