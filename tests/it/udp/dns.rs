//! Names looked up through the balancer, by a resolver that does not know of it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, Record};

use super::Stage;
use crate::harness::Setup;

/// Answers every question after an address with this one, until the socket fails.
fn serve(socket: &UdpSocket, address: Ipv4Addr) {
    let mut buffer = [0; 2_000];
    while let Ok((n, from)) = socket.recv_from(&mut buffer) {
        let Ok(mut message) = Message::from_vec(&buffer[..n]) else { continue };
        let Some(query) = message.queries.first().cloned() else { continue };
        message.metadata.message_type = MessageType::Response;
        message.metadata.response_code = ResponseCode::NoError;
        message.answers.push(Record::from_rdata(query.name().clone(), 60, RData::A(A(address))));
        let bytes = message.to_vec().expect("a message");
        socket.send_to(&bytes, from).expect("room");
    }
}

#[test]
fn a_resolver_gets_its_answers() {
    let stage = Stage::start(Setup::udp(), 2);
    let expected = Ipv4Addr::new(192, 0, 2, 53);
    for backend in &stage.backends {
        let backend = backend.try_clone().expect("a file descriptor");
        thread::spawn(move || serve(&backend, expected));
    }
    let SocketAddr::V4(proxy) = stage.proxy.address("web") else { panic!("an IPv4 address") };
    let mut connection = ConnectionConfig::udp();
    connection.port = proxy.port();
    let server = NameServerConfig::new((*proxy.ip()).into(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, vec![], vec![server]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = builder.build().expect("a resolver");
        for n in 0..20 {
            let found = resolver.ipv4_lookup(format!("name-{n}.example.")).await;
            let found = found.expect("an answer");
            let addresses: Vec<_> = found.answers().iter().map(|it| it.data.clone()).collect();
            assert_eq!(addresses, [RData::A(A(expected))]);
        }
    });
}
