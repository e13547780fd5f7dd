//! Lines that are understood, lines that are not, and what the help says.

use clap::CommandFactory;

use super::*;

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn durations_have_a_unit_and_a_length() {
    assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
    assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
    assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
    assert_eq!(duration("8h"), Ok(Duration::from_secs(28_800)));
    for wrong in ["", "5", "s", "0s", "-1s", "1.5s", "5w", "99999999999999999999s"] {
        assert!(duration(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_contradicts_itself_is_bad_usage() {
    for wrong in [
        "pulsegate",
        "pulsegate run",
        "pulsegate check",
        "pulsegate check --schema --print",
        "pulsegate status --socket a --url http://b:1",
        "pulsegate status --token-file f",
        "pulsegate explain",
        "pulsegate explain GET http://a/ b",
        "pulsegate explain GET http://a/ --config f --socket s",
        "pulsegate plan",
        "pulsegate plan --config f --against g --socket s",
        "pulsegate simulate --config f",
        "pulsegate simulate --scenario s --check --json",
        "pulsegate replay --config f",
        "pulsegate completions nosuchshell",
        "pulsegate demo --drill --kill-one-every 5s",
        "pulsegate drain",
        "pulsegate drain zone",
        "pulsegate drain planet earth",
        "pulsegate drain zone a --for 0s",
        "pulsegate failover region",
        "pulsegate weight zone a heavy",
        "pulsegate weight zone a 65536",
        "pulsegate traffic api --percent 101",
        "pulsegate traffic api",
        "pulsegate automation stop",
        "pulsegate emergency stop --region r",
        "pulsegate bench",
        "pulsegate bench http://a --target p99",
        "pulsegate bench http://a --rate x",
        "pulsegate bench http://a --ramp 1000",
        "pulsegate bench http://a --ramp 1:1s --rate 5",
        "pulsegate bench http://a --connections 0",
        "pulsegate bench http://a --streams 5",
        "pulsegate bench http://a --report a.png",
        "pulsegate bench --compare a.json",
        "pulsegate bench http://a --compare a.json b.json",
        "pulsegate bench http://a --duration 5",
    ] {
        assert_eq!(parsed(wrong).unwrap_err().exit_code(), 2, "{wrong}");
    }
}

#[test]
fn what_the_contract_names_is_understood() {
    for right in [
        "pulsegate run --config f",
        "pulsegate run -c f --log-format json --log debug",
        "pulsegate check --config f --print",
        "pulsegate check --schema",
        "pulsegate demo --kill-one-every 5s",
        "pulsegate demo --drill",
        "pulsegate status --json",
        "pulsegate status --url http://b:1 --token-file f",
        "pulsegate events --last 5 --json",
        "pulsegate drain zone us-east-1a --pool api --why x --for 30m --json",
        "pulsegate drain backend api/a1 --over 5m --dry-run",
        "pulsegate drain listener web --force --socket s",
        "pulsegate undrain region eu-west-1",
        "pulsegate failover zone us-east-1a --to us-east-1b",
        "pulsegate failover region --from us-east-1 --to eu-west-1",
        "pulsegate restore zone us-east-1a --advance",
        "pulsegate weight zone us-east-1a 0",
        "pulsegate weight backend api/a1 default",
        "pulsegate automation pause --for 8h",
        "pulsegate automation resume --pool api",
        "pulsegate traffic api --percent 25",
        "pulsegate emergency stop --region us-east-1 --confirm us-east-1",
        "pulsegate orders --json",
        "pulsegate drains",
        "pulsegate reload --socket s",
        "pulsegate reload --confirm 5m",
        "pulsegate reload --confirmed",
        "pulsegate rollback",
        "pulsegate explain GET http://a/ --client 10.0.0.1 -H a:b --assume zone=a=down",
        "pulsegate explain GET http://a/ --url http://b:1 --token-file f --json",
        "pulsegate explain tcp://a:1 --sni b --alpn h2 --alpn http/1.1",
        "pulsegate simulate --config f --scenario s --seed 7",
        "pulsegate simulate --scenario s --json",
        "pulsegate replay a b --config f",
        "pulsegate completions zsh",
        "pulsegate bench http://a --rate 5000 --duration 30s --connections 10",
        "pulsegate bench http://a --target p50=50ms,p99=200ms --target errors=0.01%",
        "pulsegate bench https://a --h2 --streams 5 --insecure",
        "pulsegate bench --compare a.json b.json c.json d.json",
        "pulsegate bench http://a --report a.html --scenario run/admin.sock",
        "pulsegate bench http://a --ramp 100:1s,200:1.5s --arrivals poisson --seed 3",
        "pulsegate bench http://a --method POST --header a:b -H c:d --body-file f --json",
    ] {
        assert!(parsed(right).is_ok(), "{right}");
    }
}
