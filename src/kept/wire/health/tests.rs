use super::*;
use crate::decision::tests::fixture::key;

fn anchor() -> Anchor {
    let instant = tokio::time::Instant::now().into_std();
    Anchor { instant, wall: UnixMillis(1_795_228_024_123) }
}

fn later(anchor: Anchor, ms: u64) -> Anchor {
    let instant = anchor.instant + Duration::from_millis(ms);
    Anchor { instant, wall: UnixMillis(anchor.wall.0 + ms) }
}

fn refused(detail: &str) -> Reason {
    Reason { failure: Failure::Refused, detail: detail.into() }
}

/// Everything that can be kept, seen by a process that began at this moment.
fn whole(zero: Instant) -> Recalled {
    let at = |ms| zero + Duration::from_millis(ms);
    let outcomes = [Outcome::Pass, Outcome::Void("late".into()), Outcome::Fail(refused("nobody"))];
    let latency = Duration::from_micros(250);
    let samples = (1..).zip(outcomes);
    let results = samples.map(|(n, outcome)| Sample { at: at(n), latency, outcome }).collect();
    let check = KeptCheck {
        name: "connect".to_owned(),
        verdict: Verdict::Down,
        since: at(3),
        passes: 0,
        fails: 3,
        decided_by: Some(Detector::Phi),
        failing_since: Some(at(3)),
        last_failure: Some(refused("nobody")),
        results,
    };
    let charge = Charge { since: at(2), until: at(30_000), reason: refused(""), by_trial: true };
    let health = Kept {
        health: Health::Down,
        since: at(3),
        flips: 7,
        ejections: KeptEjections { count: 2, row: 1, returned: Some(at(1)), charge: Some(charge) },
        agent: Some(AgentReport {
            state: AgentState::Drain,
            weight: Some(0.5),
            reason: "tired".into(),
        }),
        layers: vec![KeptLayer {
            layer: Layer::Network,
            verdict: Verdict::Down,
            since: at(3),
            checks: vec![check],
        }],
    };
    let (address, probed) = ("10.0.0.1:80".to_owned(), "10.0.0.1:81".to_owned());
    Recalled { address, probed, health, start: Some((at(1), 2)) }
}

fn file(anchor: Anchor) -> String {
    let known = [(key("site", "a"), whole(anchor.instant))];
    String::from_utf8(written(&known, later(anchor, 100)).unwrap()).unwrap()
}

fn only(text: &str, anchor: Anchor) -> Recalled {
    let mut back = read_back(text.as_bytes(), anchor).unwrap();
    assert_eq!((back.known.len(), back.refused), (1, 0), "{text}");
    back.known.remove(&key("site", "a")).unwrap()
}

#[test]
fn what_was_written_is_read_back_by_whatever_clock() {
    let (first, second) = (anchor(), anchor());
    assert_eq!(only(&file(first), later(first, 2_000)), whole(first.instant));
    // Another process: its clock began elsewhere, the wall's did not.
    let wall = UnixMillis(first.wall.0 + 2_000);
    let next = Anchor { instant: second.instant + Duration::from_secs(90), wall };
    assert_eq!(only(&file(first), next), whole(next.instant - Duration::from_secs(2)));
}

#[test]
fn what_was_written_at_a_time_yet_to_come_is_no_verdict() {
    let anchor = anchor();
    let back = only(&file(later(anchor, 60_000)), anchor).health;
    let check = &back.layers[0].checks[0];
    assert_eq!((check.verdict, check.fails, check.results.len()), (Verdict::Unknown, 0, 3));
    assert!(check.results.iter().all(|sample| sample.at <= anchor.instant));
    let until = back.ejections.charge.unwrap().until;
    assert!(until <= anchor.instant + Duration::from_secs(30), "not longer than it was to be");
}

#[test]
fn one_backend_that_is_not_understood_takes_no_other_with_it() {
    let anchor = anchor();
    let known = ["a", "b", "c"].map(|name| (key("site", name), whole(anchor.instant)));
    let text = String::from_utf8(written(&known, anchor).unwrap()).unwrap();
    let from = text.find("\"name\":\"b\"").unwrap();
    for (what, instead) in [
        ("\"flips\":7", "\"flips\":-1"),
        ("\"verdict\":\"down\"", "\"verdict\":\"asleep\""),
        ("\"layer\":\"network\"", "\"layer\":\"astral\""),
        ("\"fail\":{\"failure\":\"refused\"", "\"fail\":{\"failure\":\"bored\""),
        ("\"weight\":0.5", "\"weight\":1.5"),
    ] {
        let broken = text[..from].to_owned() + &text[from..].replacen(what, instead, 1);
        assert_ne!(broken, text, "{what}");
        let back = read_back(broken.as_bytes(), anchor).unwrap();
        let mut names: Vec<_> = back.known.keys().map(|key| &*key.name).collect();
        names.sort_unstable();
        assert_eq!((names, back.refused), (vec!["a", "c"], 1), "{instead}");
    }
}

#[test]
fn what_is_no_such_file_is_an_error_that_says_so() {
    let anchor = anchor();
    let whole = file(anchor);
    let half = &whole[..whole.len() / 2];
    let other = whole.replacen("\"version\":1", "\"version\":2", 1);
    for (text, expected) in [
        ("", "EOF"),
        ("[]", "expected struct"),
        ("\u{0}\u{1b}", "expected value"),
        (half, "EOF"),
        (&other, "it is of version 2 (expected 1)"),
    ] {
        let error = read_back(text.as_bytes(), anchor).err().expect(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn texts_from_the_file_are_harmless_and_capped() {
    let anchor = anchor();
    let long = format!("nobody\\u001b[2J{}", "a".repeat(1_000));
    let back = only(&file(anchor).replace("nobody", &long), later(anchor, 100)).health;
    let reason = back.layers[0].checks[0].last_failure.clone().unwrap();
    assert!(reason.detail.starts_with("nobody\u{fffd}[2J"), "{}", reason.detail);
    assert_eq!(reason.detail.chars().count(), TEXT);
}

proptest::proptest! {
    #[test]
    fn no_text_does_harm(text in ".{0,200}", at in 0..4_000_usize, ago in proptest::num::u64::ANY) {
        let anchor = anchor();
        drop(read_back(text.as_bytes(), anchor));
        let whole = file(anchor);
        let mut cut: Vec<u8> = whole.clone().into_bytes();
        let at = at % cut.len();
        cut[at] = cut[at].wrapping_add(1);
        drop(read_back(&cut, anchor));
        let odd = whole.replace("\"since\":97", &format!("\"since\":{ago}"));
        let back = only(&odd, later(anchor, 100)).health;
        proptest::prop_assert!(back.since <= anchor.instant + Duration::from_millis(100));
    }
}
