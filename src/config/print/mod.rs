//! The config in effect, as YAML: every default filled in, every inherited value where it is used.
//!
//! What is printed here is a config file again and reads back as an equal config, so it can be
//! compared, kept and run. Secrets appear as the file or variable they come from.

mod clients;
mod failover;
mod flat;
mod health;
mod listener;
mod pool;
mod rate_limit;
mod route;
mod tls;
mod yaml;

pub use flat::{Setting, settings};

use self::yaml::{Tree, list, map, text, word};
use super::{
    AdminApi, AlertPlace, AlertRule, Config, DegradationLevel, EventLog, Role, RouteName,
    SecretSource, Token, Webhook, value,
};
use crate::model::PriorityClass;

/// Writes the config in effect.
#[must_use]
pub fn print(config: &Config) -> String {
    tree(config).to_string()
}

fn tree(config: &Config) -> Tree {
    let listeners =
        config.listeners.iter().map(|l| (l.name.to_string(), listener::tree(config, l)));
    let pools = config.pools.iter().map(|p| (p.name.to_string(), pool::tree(p)));
    let mut keys = vec![
        ("version", word(1)),
        ("listeners", Tree::Map(listeners.collect())),
        ("pools", Tree::Map(pools.collect())),
        ("admin", admin(&config.admin)),
    ];
    if !config.degradation.is_empty() {
        keys.push(("degradation", list(&config.degradation, |level| degradation(level))));
    }
    if !config.webhooks.is_empty() {
        keys.push(("webhooks", list(&config.webhooks, webhook)));
    }
    if let Some(dir) = &config.state_dir {
        let size = |most: Option<u64>| most.map_or_else(|| word("off"), |it| word(value::size(it)));
        let EventLog { file_bytes, files } = config.event_log;
        let events = map([("file_size", size(file_bytes)), ("files", word(files))]);
        let record = size(config.record_bytes);
        let dir = text(dir.display());
        keys.push(("state", map([("dir", dir), ("events", events), ("record", record)])));
    }
    keys.push(("reload", map([("watch", word(config.watch))])));
    let buffers = config.buffer_bytes.map_or_else(|| word("off"), |it| word(value::size(it)));
    keys.push(("limits", map([("buffers", buffers)])));
    keys.push(("workers", word(config.workers)));
    map(keys)
}

fn degradation(level: &DegradationLevel) -> Tree {
    let refused = PriorityClass::ALL.into_iter().filter(|class| level.classes[*class as usize]);
    let refused: Vec<_> = refused.collect();
    let priority =
        (!refused.is_empty()).then(|| ("priority", list(&refused, |class| word(class.name()))));
    let route = |name: &RouteName| text(format!("{}/{}", name.listener, name.route));
    let routes = (!level.routes.is_empty()).then(|| ("routes", list(&level.routes, route)));
    let respond = level.respond.as_ref().map(|fixed| {
        ("respond", map([("status", word(fixed.status)), ("body", text(&fixed.body))]))
    });
    let refuse = ("refuse", map(priority.into_iter().chain(routes)));
    map([("name", text(&level.name)), refuse].into_iter().chain(respond))
}

fn admin(admin: &AdminApi) -> Tree {
    let socket = admin.socket.as_ref().map_or(word("off"), |path| text(path.display()));
    let mut keys = vec![("socket", socket)];
    if !admin.bind.is_empty() {
        keys.insert(0, ("bind", list(&admin.bind, text)));
    }
    keys.push(("tokens", list(&admin.tokens, token)));
    keys.push(("alerts", list(&admin.alerts, alert)));
    keys.push(("faults", admin.faults.map_or(word("off"), |most| word(value::duration(most)))));
    keys.push(("allowed_hosts", list(&admin.allowed_hosts, text)));
    map(keys)
}

fn alert(rule: &AlertRule) -> Tree {
    let matches = rule.matches.iter().map(|(label, value)| (label.clone(), text(value)));
    let place = match &rule.place {
        AlertPlace::Zone(label) => ("zone", text(label)),
        AlertPlace::Region(label) => ("region", text(label)),
    };
    let lasts = rule.lasts.map(|lasts| ("for", word(value::duration(lasts))));
    let keys =
        [("match", Tree::Map(matches.collect())), place, ("action", word(rule.action.name()))];
    map(keys.into_iter().chain(lasts))
}

fn webhook(webhook: &Webhook) -> Tree {
    let restart = webhook.restart_after.map_or_else(|| "off".to_owned(), value::duration);
    let token = webhook.token.iter().map(|(_, source)| ("token", map([source_key(source)])));
    let keys = [
        ("url", text(&webhook.url)),
        ("events", list(&webhook.events, |event| word(event.name()))),
        ("restart_after", word(restart)),
    ];
    let tls = webhook.tls.iter().map(|terms| {
        (
            "tls",
            map([("server_name", text(&terms.server_name))]
                .into_iter()
                .chain(tls::trust(&terms.trust))),
        )
    });
    map(keys.into_iter().chain(tls).chain(token))
}

fn token(token: &Token) -> Tree {
    let role = match token.role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
    };
    map([("role", word(role)), source_key(&token.source)])
}

/// Where a secret is kept.
fn source_key(source: &SecretSource) -> (&'static str, Tree) {
    match source {
        SecretSource::File(path) => ("file", text(path.display())),
        SecretSource::Env(variable) => ("env", text(variable)),
    }
}
