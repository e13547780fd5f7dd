//! `pulsegate drain`, `undrain`, `failover`, `restore`, `weight`, `automation`, `traffic`,
//! `degrade`, `fault`, `breaker`, `emergency` and `orders`: one way from what is typed to an order and its answer.

use std::fmt::Write;
use std::time::Duration;

use anyhow::anyhow;

use super::args::ListArgs;
use super::failure::{Failure, note, print};
use super::order_args::{
    Automation, AutomationArgs, Breaker, BreakerArgs, DegradeArgs, DrainArgs, Emergency,
    EmergencyArgs, Failover, FailoverArgs, FaultArgs, FaultCommand, FaultKindArgs, Kind, OrderArgs,
    RestoreArgs, RouteArg, TargetArgs, TrafficArgs, UndrainArgs, WeightArgs,
};
use super::remote;
use crate::admin::view::{Give, Given};
use crate::events::wire::{Action, Fault, Order, Scope};
use crate::events::{Anchor, read_back};
use crate::model::{UnixMillis, printable};

pub(super) fn drain(args: &DrainArgs) -> Result<(), Failure> {
    let action = Action::Drain { over_ms: args.over.map(ms) };
    give(scope(&args.target)?, action, &args.order)
}

pub(super) fn undrain(args: &UndrainArgs) -> Result<(), Failure> {
    give(scope(&args.target)?, Action::Ready {}, &args.order)
}

pub(super) fn failover(args: &FailoverArgs) -> Result<(), Failure> {
    match &args.what {
        Failover::Zone { name, to, pool, order } => {
            give(zone(name, pool.as_ref()), Action::Fail { to: to.clone() }, order)
        }
        Failover::Region { from, to, pool, order } => {
            let scope = Scope::Region { pool: pool.clone(), region: from.clone() };
            give(scope, Action::Fail { to: to.clone() }, order)
        }
    }
}

pub(super) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    give(scope(&args.target)?, Action::Restore { advance: args.advance }, &args.order)
}

pub(super) fn weight(args: &WeightArgs) -> Result<(), Failure> {
    give(scope(&args.target)?, Action::Weight { weight: args.weight.0 }, &args.order)
}

pub(super) fn automation(args: &AutomationArgs) -> Result<(), Failure> {
    let scope = match &args.pool {
        Some(pool) => Scope::Pool { pool: pool.clone() },
        None => Scope::All {},
    };
    let action = match args.state {
        Automation::Pause => Action::Pause {},
        Automation::Resume => Action::Resume {},
    };
    give(scope, action, &args.order)
}

pub(super) fn traffic(args: &TrafficArgs) -> Result<(), Failure> {
    // All of it is no order: it ends the one before.
    let part = (args.percent < 100.0).then_some(args.percent / 100.0);
    give(Scope::Pool { pool: args.pool.clone() }, Action::Traffic { part }, &args.order)
}

pub(super) fn breaker(args: &BreakerArgs) -> Result<(), Failure> {
    let Breaker::Reset { pool, order } = &args.what;
    give(Scope::Pool { pool: pool.clone() }, Action::ResetBreaker {}, order)
}

pub(super) fn degrade(args: &DegradeArgs) -> Result<(), Failure> {
    let level = (args.level != "off").then(|| args.level.clone());
    give(Scope::All {}, Action::Degrade { level }, &args.order)
}

pub(super) fn fault(args: &FaultArgs) -> Result<(), Failure> {
    let scope = |RouteArg { listener, route }: &RouteArg| Scope::Route {
        listener: listener.clone(),
        route: route.clone(),
    };
    match &args.what {
        FaultCommand::Inject { route, kind, percent, order } => {
            let fault = match *kind {
                FaultKindArgs { delay: Some(delay), .. } => Fault::Delay { delay_ms: ms(delay) },
                FaultKindArgs { abort: Some(status), .. } => Fault::Abort { status },
                FaultKindArgs { .. } => Fault::Reset {},
            };
            give(scope(route), Action::Fault { fault, part: percent / 100.0 }, order)
        }
        FaultCommand::Clear { route, order } => give(scope(route), Action::ClearFault {}, order),
    }
}

pub(super) fn emergency(args: &EmergencyArgs) -> Result<(), Failure> {
    let Emergency::Stop { region, confirm, order } = &args.what;
    if region != confirm {
        let problem = anyhow!("--confirm {confirm} is not --region {region}: nothing was stopped");
        return Err(Failure::Bad(problem));
    }
    let scope = Scope::Region { pool: None, region: region.clone() };
    let mut asked = asked(scope, Action::Stop {}, order);
    asked.confirm = Some(confirm.clone());
    send(&asked, order)
}

/// The orders that stand.
pub(super) fn list(args: &ListArgs) -> Result<(), Failure> {
    let answer = remote::ask(&args.remote, async |client| client.orders().await)?;
    if args.json {
        return print(&format!("{:#}\n", serde_json::to_value(&answer)?));
    }
    let mut out = String::new();
    for order in &answer.orders {
        // Writing to a String cannot fail.
        let _ = write!(out, "{}  {}", UnixMillis(order.since_ms), printable(&told(order)));
        let _ = match order.until_ms {
            Some(until) => writeln!(out, " (until {})", UnixMillis(until)),
            None => writeln!(out),
        };
    }
    print(if out.is_empty() { "no order stands\n" } else { &out })
}

/// An order in one line.
pub(super) fn told(order: &Order) -> String {
    // Only its words are wanted, whatever the time is.
    let instant = tokio::time::Instant::now().into_std();
    read_back(order, Anchor { instant, wall: UnixMillis(order.since_ms) }).to_string()
}

fn scope(target: &TargetArgs) -> Result<Scope, Failure> {
    let TargetArgs { kind, name, pool } = target;
    let only = |what: &str| match pool {
        Some(_) => Err(Failure::Bad(anyhow!("--pool does not go with a {what}"))),
        None => Ok(()),
    };
    match kind {
        Kind::Zone => Ok(zone(name, pool.as_ref())),
        Kind::Region => Ok(Scope::Region { pool: pool.clone(), region: name.clone() }),
        Kind::Pool => only("pool").map(|()| Scope::Pool { pool: name.clone() }),
        Kind::Listener => only("listener").map(|()| Scope::Listener { listener: name.clone() }),
        Kind::Backend => {
            let named = pool.as_deref().map(|pool| (pool, &**name)).or(name.split_once('/'));
            let Some((pool, backend)) = named else {
                return Err(Failure::Bad(anyhow!("{name}: expected pool/backend")));
            };
            Ok(Scope::Backend { pool: pool.to_owned(), backend: backend.to_owned() })
        }
    }
}

fn zone(name: &str, pool: Option<&String>) -> Scope {
    let (region, zone) = match name.split_once('/') {
        Some((region, zone)) => (Some(region.to_owned()), zone),
        None => (None, name),
    };
    Scope::Zone { pool: pool.cloned(), region, zone: zone.to_owned() }
}

fn asked(scope: Scope, action: Action, args: &OrderArgs) -> Give {
    Give {
        scope,
        action,
        why: args.why.clone(),
        for_ms: args.lasts.map(ms),
        force: args.force,
        dry_run: args.dry_run,
        confirm: None,
    }
}

fn give(scope: Scope, action: Action, args: &OrderArgs) -> Result<(), Failure> {
    send(&asked(scope, action, args), args)
}

fn send(asked: &Give, args: &OrderArgs) -> Result<(), Failure> {
    let given = remote::ask(&args.remote, async |client| client.give(asked).await)?;
    if args.json {
        return print(&format!("{:#}\n", serde_json::to_value(&given)?));
    }
    given.warnings.iter().for_each(|warning| note(&format!("warning: {}", printable(warning))));
    print(&answer(&given))
}

fn answer(given: &Given) -> String {
    let mut out = if given.dry_run {
        "would change, nothing was done:\n".to_owned()
    } else {
        format!("done, generation {}\n", given.generation)
    };
    for one in &given.moves {
        out.push_str(&format!("  {}\n", printable(&super::events::moved(one))));
    }
    if given.moves.is_empty() {
        out.push_str("  no zone's share moves\n");
    }
    out
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::wire::Move;

    fn target(kind: Kind, name: &str, pool: Option<&str>) -> Option<Scope> {
        let (name, pool) = (name.to_owned(), pool.map(str::to_owned));
        scope(&TargetArgs { kind, name, pool }).ok()
    }

    #[test]
    fn names_may_say_where_they_are() {
        let text = |text: &str| text.to_owned();
        let backend = Scope::Backend { pool: text("api"), backend: text("10.0.0.1:80") };
        assert_eq!(target(Kind::Backend, "api/10.0.0.1:80", None), Some(backend.clone()));
        assert_eq!(target(Kind::Backend, "10.0.0.1:80", Some("api")), Some(backend));
        assert_eq!(target(Kind::Backend, "a1", None), None);
        let zone = Scope::Zone { pool: None, region: Some(text("eu")), zone: text("eu-1") };
        assert_eq!(target(Kind::Zone, "eu/eu-1", None), Some(zone));
        assert_eq!(target(Kind::Listener, "web", Some("api")), None);
    }

    #[test]
    fn the_answer_tells_what_moves_and_whether_it_did() {
        let (pool, region, zone) = ("api".to_owned(), "eu".to_owned(), "eu-1".to_owned());
        let moves = vec![Move { pool, region, zone, before: 0.5, after: 0.0 }];
        let mut given = Given { dry_run: false, generation: 7, moves, warnings: Vec::new() };
        assert_eq!(answer(&given), "done, generation 7\n  api eu/eu-1 50.0 % -> 0.0 %\n");
        given.dry_run = true;
        given.moves.clear();
        assert_eq!(answer(&given), "would change, nothing was done:\n  no zone's share moves\n");
    }
}
