//! A config in few words: one listener `web`, one pool `site`, and what the case adds to them.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::net::TcpStream;

use super::{Backends, Client, Pulsegate, Server, Upstream};

/// What a case's config adds to the plainest one.
///
/// That one has a single worker, so that orders are exact, and no probes, so that every connection
/// a backend sees is traffic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    listener: Vec<String>,
    routes: Vec<String>,
    pool: Vec<String>,
    pools: Vec<String>,
    top: Vec<String>,
    health: Option<String>,
    protocol: Option<&'static str>,
}

impl Setup {
    /// The listener forwards bytes instead of speaking HTTP.
    pub(crate) fn tcp() -> Self {
        Self { protocol: Some("tcp"), ..Self::default() }
    }

    /// The listener forwards datagrams.
    pub(crate) fn udp() -> Self {
        Self { protocol: Some("udp"), ..Self::default() }
    }

    /// A key of the listener `web`.
    pub(crate) fn listener(mut self, line: &str) -> Self {
        self.listener.push(line.to_owned());
        self
    }

    /// A route of it, in order; without any, everything goes to the pool `site`.
    pub(crate) fn route(mut self, route: &str) -> Self {
        self.routes.push(route.to_owned());
        self
    }

    /// A key of the pool `site`.
    pub(crate) fn pool(mut self, line: &str) -> Self {
        self.pool.push(line.to_owned());
        self
    }

    /// Probes the pool `site`.
    pub(crate) fn health(mut self, health: &str) -> Self {
        self.health = Some(health.to_owned());
        self
    }

    /// One more pool of one backend, without probes.
    pub(crate) fn another_pool(mut self, name: &str, backend: SocketAddr) -> Self {
        self.pools.push(format!("{name}: {{ health: off, backends: [ \"{backend}\" ] }}"));
        self
    }

    /// A key of the file.
    pub(crate) fn top(mut self, line: &str) -> Self {
        self.top.push(line.to_owned());
        self
    }

    /// The file for these backends of `site`.
    pub(crate) fn config(&self, backends: &[SocketAddr]) -> String {
        let mut text = String::from("version: 1\n");
        if !self.top.iter().any(|line| line.starts_with("workers")) {
            text.push_str("workers: 1\n");
        }
        if !self.top.iter().any(|line| line.starts_with("admin")) {
            text.push_str("admin: { bind: 127.0.0.1:0, socket: admin.sock }\n");
        }
        let mut write = |indent: usize, lines: &[String]| {
            for line in lines {
                let _ = writeln!(text, "{:indent$}{line}", "");
            }
        };
        let lines =
            |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        write(0, &self.top);
        write(0, &lines(&["listeners:", "  web:"]));
        write(4, &[format!("protocol: {}", self.protocol.unwrap_or("http"))]);
        for (key, default) in [("bind", "127.0.0.1:0"), ("access_log", "off")] {
            if !self.listener.iter().any(|line| line.starts_with(key)) {
                write(4, &[format!("{key}: {default}")]);
            }
        }
        write(4, &self.listener);
        if !self.routes.is_empty() {
            write(4, &lines(&["routes:"]));
            write(6, &self.routes.iter().map(|route| format!("- {route}")).collect::<Vec<_>>());
        } else if !self.listener.iter().any(|line| line.starts_with("pool:")) {
            write(4, &lines(&["pool: site"]));
        }
        let health = self.health.as_deref().unwrap_or("off");
        write(0, &lines(&["pools:", "  site:"]));
        write(4, &[format!("health: {health}")]);
        if !self.pool.iter().any(|line| line.starts_with("regions:")) {
            let quoted: Vec<String> = backends.iter().map(|b| format!("\"{b}\"")).collect();
            write(4, &[format!("backends: [ {} ]", quoted.join(", "))]);
        }
        write(4, &self.pool);
        write(2, &self.pools);
        text
    }

    /// Runs it with this many scripted backends.
    pub(crate) fn backends(self, n: usize) -> Site {
        Site::start(self, Backends::start(n))
    }

    /// Runs it with one scripted backend.
    pub(crate) fn start(self) -> Site {
        self.backends(1)
    }

    /// Runs it with these servers as the pool's backends.
    pub(crate) fn over(&self, servers: &[&Server]) -> Pulsegate {
        let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
        self.over_addresses(&addresses)
    }

    /// Runs it with whoever listens at these addresses as the pool's backends.
    pub(crate) fn over_addresses(&self, addresses: &[SocketAddr]) -> Pulsegate {
        Pulsegate::start(Pulsegate::folder(), &self.config(addresses))
    }
}

/// A balancer in front of scripted backends.
pub(crate) struct Site {
    pub(crate) setup: Setup,
    pub(crate) proxy: Pulsegate,
    pub(crate) backends: Backends,
}

impl Site {
    /// Is a new connection reset? So soon that connecting itself may tell.
    pub(crate) fn resets(&self) -> bool {
        let is_reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
        match TcpStream::connect(self.proxy.address("web")) {
            Ok(mut stream) => stream.read(&mut [0]).is_err_and(|error| is_reset(&error)),
            Err(error) => is_reset(&error),
        }
    }

    /// Over backends that the case prepared.
    pub(crate) fn start(setup: Setup, backends: Backends) -> Self {
        let config = setup.config(backends.addresses());
        Self { proxy: Pulsegate::start(Pulsegate::folder(), &config), setup, backends }
    }

    /// The plainest one.
    pub(crate) fn plain() -> Self {
        Setup::default().start()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.proxy.address("web"))
    }

    /// The next connection to a backend.
    pub(crate) fn accept(&self) -> Upstream {
        self.backends.accept()
    }

    /// A client that has sent this, and the connection it led to.
    pub(crate) fn send(&self, request: impl AsRef<[u8]>) -> (Client, Upstream) {
        let mut client = self.client();
        client.send(request);
        (client, self.accept())
    }
}
