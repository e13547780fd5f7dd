//! Lookups as this machine is configured to do them: `/etc/hosts` first, then the name servers of
//! `/etc/resolv.conf`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::ResolveHosts;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::{Answer, Family, Resolve};

/// How long both files are believed before they are read again. Entries of `/etc/hosts` have this
/// as their TTL.
const FILES_TTL: Duration = Duration::from_secs(60);

/// The system's resolver. Reads both files again every minute, so a machine that moves to another
/// network needs no restart.
#[derive(Default)]
pub struct SystemResolver {
    settings: Mutex<Option<(Instant, Arc<Settings>)>>,
}

/// What both files said.
struct Settings {
    hosts: Hosts,
    servers: Result<TokioResolver, String>,
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move { self.settings().await.resolve(host).await })
    }
}

impl SystemResolver {
    /// Answers from these name servers only, without either file.
    #[cfg(test)]
    fn fixed(servers: TokioResolver) -> Self {
        let settings = Settings { hosts: Hosts::default(), servers: Ok(servers) };
        Self { settings: Mutex::new(Some((Instant::now(), Arc::new(settings)))) }
    }

    async fn settings(&self) -> Arc<Settings> {
        let mut kept = self.settings.lock().await;
        match &*kept {
            Some((read, settings)) if read.elapsed() < FILES_TTL => Arc::clone(settings),
            _ => {
                let settings = Arc::new(Settings::read().await);
                *kept = Some((Instant::now(), Arc::clone(&settings)));
                settings
            }
        }
    }
}

impl Settings {
    async fn read() -> Self {
        let hosts = spawn_blocking(Hosts::from_system).await;
        let hosts = hosts.ok().and_then(Result::ok).unwrap_or_default();
        let builder = spawn_blocking(TokioResolver::builder_tokio).await;
        let servers = match builder {
            Ok(Ok(mut builder)) => {
                let options = builder.options_mut();
                options.use_hosts_file = ResolveHosts::Never;
                options.cache_size = 0;
                builder.build().map_err(|error| error.to_string())
            }
            Ok(Err(error)) => Err(format!("/etc/resolv.conf: {error}")),
            Err(_) => Err("/etc/resolv.conf could not be read".to_owned()),
        };
        Self { hosts, servers }
    }

    async fn resolve(&self, host: &str) -> Answer {
        let listed = self.listed(host);
        if listed.v4 != Family::Nothing || listed.v6 != Family::Nothing {
            return listed;
        }
        match &self.servers {
            Ok(servers) => {
                let (v4, v6) = tokio::join!(
                    asked(servers, host, RecordType::A),
                    asked(servers, host, RecordType::AAAA)
                );
                Answer { v4, v6 }
            }
            Err(error) => Answer::failed(error),
        }
    }

    /// What `/etc/hosts` says.
    fn listed(&self, host: &str) -> Answer {
        let family = |kind| {
            let query = Query::query(Name::from_ascii(host).ok()?, kind);
            let lookup = self.hosts.lookup_static_host(&query)?;
            let addresses = lookup.answers().iter().filter_map(|record| record.data.ip_addr());
            Some(Family::Records(addresses.collect(), FILES_TTL))
        };
        let v4 = family(RecordType::A).unwrap_or(Family::Nothing);
        let v6 = family(RecordType::AAAA).unwrap_or(Family::Nothing);
        Answer { v4, v6 }
    }
}

/// What the name servers say about one family.
async fn asked(servers: &TokioResolver, host: &str, kind: RecordType) -> Family {
    let lookup = match servers.lookup(host, kind).await {
        Ok(lookup) => lookup,
        Err(error) if is_negative(&error) => return Family::Nothing,
        Err(error) => return Family::failed(&error.to_string()),
    };
    let records = lookup.answers();
    let ttl = records.iter().map(|record| record.ttl).min().unwrap_or_default();
    let addresses = records.iter().filter_map(|record| record.data.ip_addr()).collect();
    Family::Records(addresses, Duration::from_secs(ttl.into()))
}

/// Whether the name servers answered that there is nothing, as opposed to not answering.
fn is_negative(error: &NetError) -> bool {
    error.is_no_records_found() || error.is_nx_domain()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    use hickory_resolver::config::{
        ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts,
    };
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
    use hickory_resolver::proto::rr::{RData, Record};
    use tokio::net::UdpSocket;

    use super::*;

    /// Answers each query over UDP as the script says; `None` = with a server failure.
    async fn serve(socket: UdpSocket, script: fn(&str, RecordType) -> Option<Vec<IpAddr>>) {
        let mut buffer = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let request = Message::from_vec(&buffer[..length]).unwrap();
            let query = request.queries[0].clone();
            let mut response =
                Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
            response.metadata.recursion_available = true;
            response.add_query(query.clone());
            match script(&query.name().to_string(), query.query_type()) {
                Some(addresses) => response.add_answers(addresses.into_iter().map(|address| {
                    Record::from_rdata(query.name().clone(), 7, RData::from(address))
                })),
                None => {
                    response.metadata.response_code = ResponseCode::ServFail;
                    &mut response
                }
            };
            socket.send_to(&response.to_vec().unwrap(), peer).await.unwrap();
        }
    }

    async fn resolver(script: fn(&str, RecordType) -> Option<Vec<IpAddr>>) -> SystemResolver {
        let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let port = socket.local_addr().unwrap().port();
        tokio::spawn(serve(socket, script));
        let mut connection = ConnectionConfig::udp();
        connection.port = port;
        let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, vec![], vec![server]);
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        *builder.options_mut() = ResolverOpts::default();
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        builder.options_mut().cache_size = 0;
        SystemResolver::fixed(builder.build().unwrap())
    }

    #[tokio::test]
    async fn both_families_come_with_their_ttl() {
        let resolver = resolver(|name, kind| {
            assert_eq!(name, "app.test.");
            Some(vec![match kind {
                RecordType::A => Ipv4Addr::new(10, 0, 0, 1).into(),
                _ => Ipv6Addr::LOCALHOST.into(),
            }])
        })
        .await;
        let answer = resolver.resolve("app.test").await;
        let ttl = Duration::from_secs(7);
        assert_eq!(answer.v4, Family::Records(vec![Ipv4Addr::new(10, 0, 0, 1).into()], ttl));
        assert_eq!(answer.v6, Family::Records(vec![Ipv6Addr::LOCALHOST.into()], ttl));
    }

    #[tokio::test]
    async fn nothing_and_failure_are_told_apart() {
        let resolver =
            resolver(|_, kind| if kind == RecordType::A { Some(vec![]) } else { None }).await;
        let answer = resolver.resolve("app.test").await;
        assert_eq!(answer.v4, Family::Nothing);
        assert!(matches!(answer.v6, Family::Failed(_)), "{answer:?}");
    }

    #[test]
    fn the_hosts_file_is_asked_by_family() {
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(&b"10.0.0.9 app.test\n"[..]).unwrap();
        let settings = Settings { hosts, servers: Err("not asked".to_owned()) };
        let answer = settings.listed("app.test");
        let listed = vec![Ipv4Addr::new(10, 0, 0, 9).into()];
        assert_eq!(answer.v4, Family::Records(listed, FILES_TTL));
        assert_eq!(answer.v6, Family::Nothing);
        assert_eq!(settings.listed("other.test").v4, Family::Nothing);
    }
}
