//! Megabytes both ways at once, each side slow in turn: nothing is lost, added or reordered.

use std::hash::Hasher as _;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use twox_hash::XxHash3_64;

use crate::harness::Setup;

const BYTES: usize = 24 << 20;

/// Sends bytes that repeat nowhere, then FIN; returns their checksum.
fn send(mut to: &TcpStream, seed: u64) -> u64 {
    let (mut random, mut sum) = (fastrand::Rng::with_seed(seed), XxHash3_64::with_seed(0));
    let mut left = BYTES;
    while left > 0 {
        // Small exchanges and bulk, in turn.
        let n = left.min(if random.bool() { random.usize(1..200) } else { 256 << 10 });
        let mut bytes = vec![0; n];
        random.fill(&mut bytes);
        sum.write(&bytes);
        to.write_all(&bytes).expect("the proxy takes it");
        left -= n;
    }
    to.shutdown(Shutdown::Write).expect("the connection is open");
    sum.finish()
}

/// Reads to FIN, `slow` in sips with pauses; returns the checksum and the length.
fn receive(mut from: &TcpStream, slow: bool) -> (u64, usize) {
    let (mut sum, mut length) = (XxHash3_64::with_seed(0), 0);
    let mut bytes = vec![0; if slow { 3000 } else { 256 << 10 }];
    loop {
        let n = from.read(&mut bytes).expect("no reset");
        if n == 0 {
            return (sum.finish(), length);
        }
        sum.write(&bytes[..n]);
        length += n;
        if slow && length % 64 == 0 {
            std::thread::yield_now();
        }
    }
}

fn both_ways(slow_client: bool, slow_backend: bool) {
    let site = Setup::tcp().start();
    let client = site.client();
    let upstream = site.accept();
    let (near, far) = (client.stream(), upstream.stream());
    std::thread::scope(|scope| {
        let up = scope.spawn(|| send(near, 1));
        let down = scope.spawn(|| send(far, 2));
        let at_backend = scope.spawn(|| receive(far, slow_backend));
        let at_client = receive(near, slow_client);
        assert_eq!(at_client, (down.join().expect("sent"), BYTES), "to the client");
        let at_backend = at_backend.join().expect("received");
        assert_eq!(at_backend, (up.join().expect("sent"), BYTES), "to the backend");
    });
}

#[test]
fn with_both_sides_as_fast_as_they_can() {
    both_ways(false, false);
}

#[test]
fn with_a_client_that_sips() {
    both_ways(true, false);
}

#[test]
fn with_a_backend_that_sips() {
    both_ways(false, true);
}
