//! Traffic that is ordered away: what is shed is reset, counted and logged, the rest is served.

use std::net::TcpStream;

use crate::access_log::line;
use crate::drains::say;
use crate::harness::{Client, End, Setup, Wire, until};

#[test]
fn what_is_shed_is_reset_and_what_is_under_way_goes_on() {
    let site = Setup::tcp().listener("access_log: { path: access.log }").start();
    let (mut client, mut upstream) = super::pair(&site);
    let ordered = say(&site, "traffic site --percent 50");
    assert_eq!(ordered.code, Some(0), "{ordered:?}");

    // One that is reset at once may not even look connected.
    let connect = |_| TcpStream::connect(site.proxy.address("web")).ok();
    let streams: Vec<_> = (0..20).filter_map(connect).collect();
    let served: Vec<_> = (0..10).map(|_| site.accept()).collect();
    let told: Vec<_> = (0..10).map(|n| line(&site, "access.log", n)).collect();
    for line in told {
        assert_eq!((&line["ended"], &line["attempts"]), (&"shed".into(), &0.into()), "{line}");
    }
    until("all to be counted", || {
        let text = Client::connect(site.proxy.admin()).admin("/metrics").text();
        let expected = "pulsegate_forwarded_connections_total{ended=\"shed\"} 10\n";
        text.contains(expected).then_some(())
    });
    for mut upstream in served {
        upstream.send("served");
        upstream.half_close();
    }
    let ends = streams.into_iter().map(|stream| Wire::new(stream, "proxy").rest());
    let whole = (b"served".to_vec(), End::Fin);
    assert_eq!(ends.filter(|end| *end == whole).count(), 10);

    client.send("still here");
    assert_eq!(upstream.exactly(10), b"still here");
}
