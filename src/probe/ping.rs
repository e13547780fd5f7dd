//! L1 without a port: does the host answer an ICMP echo?
//!
//! Asked over the kernel's own ping sockets, which need no privilege: the kernel fills in the
//! checksum and the identifier and gives each socket only the answers to what it sent. Whether a
//! process may open one is up to `net.ipv4.ping_group_range` (for IPv6 too); where it may not, the
//! result says so and counts for nothing.

use std::net::{SocketAddr, UdpSocket as StdUdpSocket};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::fault::Fault;
use crate::model::Address;

/// Bytes of an echo's header: type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;
/// What the kernel says to a process whose groups may not ping.
const FORBIDDEN: &str = "ICMP echo is not allowed here: \
                         net.ipv4.ping_group_range does not hold a group of this process";

/// Asks once.
pub(super) async fn probe(address: &Address) -> Result<(), Fault> {
    let Address::Inet(address) = address else {
        return Err(Fault::Local("a unix socket has no host to ping".into()));
    };
    let socket = open(*address)?;
    let (request, answer) = types(*address);
    let nonce = fastrand::u64(..);
    let mut packet = [0; HEADER + size_of::<u64>()];
    packet[0] = request;
    packet[HEADER..].copy_from_slice(&nonce.to_be_bytes());
    socket.send(&packet).await?;
    let mut received = [0; 256];
    loop {
        let length = socket.recv(&mut received).await?;
        // Another answer is a late one to who had this identifier before.
        if received[0] == answer && received[..length].get(HEADER..) == Some(&packet[HEADER..]) {
            return Ok(());
        }
    }
}

/// The types of an echo request and of its reply (RFC 792, RFC 4443 section 4).
fn types(address: SocketAddr) -> (u8, u8) {
    if address.is_ipv4() { (8, 0) } else { (128, 129) }
}

fn open(address: SocketAddr) -> Result<UdpSocket, Fault> {
    let (domain, protocol) = match address {
        SocketAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        SocketAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(protocol));
    let socket = socket.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::ACCESS | Errno::PERM) => Fault::Local(FORBIDDEN.into()),
        _ => Fault::from(error),
    })?;
    // Connected, so that an answer "unreachable" comes back as this socket's error.
    socket.connect(&address.into())?;
    Ok(UdpSocket::from_std(StdUdpSocket::from(socket))?)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn host(text: &str) -> Address {
        Address::Inet((text.parse::<std::net::IpAddr>().unwrap(), 9).into())
    }

    /// Where it may not be asked the result must say so, and where it may be, there is an answer.
    #[tokio::test]
    async fn an_echo_comes_back_or_the_system_is_named_that_forbids_it() {
        match probe(&host("127.0.0.1")).await {
            Ok(()) => {}
            Err(Fault::Local(why)) => assert_eq!(&*why, FORBIDDEN),
            Err(fault) => panic!("{fault:?}"),
        }
    }

    #[tokio::test]
    #[ignore = "run by the test below, in a network of its own where everybody may ping"]
    async fn inside() {
        assert_eq!(probe(&host("127.0.0.1")).await, Ok(()));
        assert_eq!(probe(&host("::1")).await, Ok(()));
        // Loopback has a route for itself alone.
        let Err(Fault::Peer(reason)) = probe(&host("192.0.2.1")).await else { panic!("no route") };
        assert_eq!(reason.failure, crate::model::Failure::Unreachable);
    }

    #[test]
    fn where_it_is_allowed_hosts_answer_on_both_protocols() {
        let script =
            "ip link set lo up && echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range";
        let again = "exec \"$0\" --ignored --exact probe::ping::tests::inside --nocapture";
        let allowed = Command::new("unshare").args(["--net", "sh", "-c", script]).output();
        if !allowed.is_ok_and(|output| output.status.success()) {
            println!("skipped: this user cannot make a network namespace in which to ping");
            return;
        }
        let inside = Command::new("unshare")
            .args(["--net", "sh", "-c", &format!("{script} && {again}")])
            .arg(std::env::current_exe().unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&inside.stdout);
        assert!(inside.status.success() && said.contains("1 passed"), "{said}");
    }
}
