//! What is seen of a run does not depend on anything but its inputs, and adds up.

use super::fixture::played;

const LOSS: &str = "
duration: 30s
load: { shop: { rps: 200 } }
events: [ { at: 5s, kill: { zone: a, for: 10s } } ]
";

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, other) = (played(7, LOSS), played(7, LOSS));
    assert_eq!(one.text(), other.text());
    assert_eq!(one.json(), other.json());
    assert_eq!(one.svg(), other.svg());
    assert_ne!(one.json(), played(8, LOSS).json(), "the seed counts");
}

#[test]
fn a_lost_zone_costs_no_request() {
    let run = played(1, LOSS);
    assert_eq!((run.totals.offered, run.totals.failed, run.totals.shed), (5_980, 0, 0));
    assert!(run.totals.retried > 0);
    let [incident] = &run.incidents[..] else { panic!("{:?}", run.incidents) };
    let after = |moment: Option<std::time::Duration>| moment.unwrap() - incident.at;
    assert!(after(incident.detected).as_millis() < 1_000);
    assert!(after(incident.moved).as_millis() < 1_000);
    assert_eq!(incident.share, (0.25, 0.0));
}

#[test]
fn without_anybody_left_every_request_fails() {
    let run = played(
        1,
        "duration: 20s\nload: { shop: { rps: 100 } }\n\
         events: [ { at: 10s, kill: { pool: shop, silent: false } } ]\n",
    );
    assert!(run.totals.failed.abs_diff(1_000) < 20, "{:?}", run.totals);
}

#[test]
fn what_exceeds_capacity_is_seen_and_fails() {
    let run =
        played(1, "duration: 60s\nload: { shop: { rps: 400 } }\nworld: { default: { rps: 80 } }\n");
    let (_, load, _) = run.totals.worst.clone().unwrap();
    assert!(load > 1.2, "{load}");
    assert!(run.totals.failed > run.totals.offered / 10, "{:?}", run.totals);
    assert!(run.text().contains("of what it can answer"), "{}", run.text());
}

#[test]
fn nothing_is_told_of_a_quiet_day() {
    let run = played(3, "duration: 60s\nload: { shop: { rps: 100 } }\n");
    assert_eq!(run.timeline, []);
    assert!(run.text().contains("nothing went wrong"));
}
