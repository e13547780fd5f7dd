//! From the listener to the route, and what is done there.

use std::sync::Arc;

use super::view::{Explanation, Route};
use super::{Question, nearest};
use crate::config::{HeaderCondition, HostMatch, PathMatch, Protocol, RedirectTo};
use crate::table::{
    Action, Headers, Listener, Mismatch, RequestView, Table, normalise_host, normalise_path,
};

/// The listener that the request arrives at.
pub(super) fn listener<'t>(table: &'t Table, question: &Question) -> Result<&'t Listener, String> {
    let names = table.listeners.iter().map(|listener| &listener.settings.name);
    if let Some(wanted) = &question.listener {
        let mut listeners = table.listeners.iter();
        let found = listeners.find(|listener| *listener.settings.name == **wanted);
        return found.map(|found| &**found).ok_or_else(|| nearest("listener", wanted, names));
    }
    let on_port = |listener: &&Arc<Listener>| {
        let bound = listener.sockets.iter().map(|socket| socket.local.port());
        let configured = listener.settings.bind.iter().map(|bind| bind.port());
        question.port.is_some_and(|port| bound.chain(configured).any(|bound| bound == port))
    };
    let by_port = http(table).find(on_port).or_else(|| http(table).next());
    by_port.map(|found| &**found).ok_or_else(|| String::from("no listener speaks HTTP"))
}

fn http(table: &Table) -> impl Iterator<Item = &Arc<Listener>> {
    table.listeners.iter().filter(|listener| listener.settings.protocol == Protocol::Http)
}

/// Follows the request to its route; the pools are left for later.
pub(super) fn follow(
    table: &Table,
    listener: &Listener,
    question: &Question,
) -> Result<Explanation, String> {
    let (mut host, mut path) = (String::new(), String::new());
    normalise_host(question.authority.as_bytes(), &mut host)
        .map_err(|_| String::from("the URL's host would be refused with 400"))?;
    normalise_path(&question.path, listener.settings.paths, &mut path)
        .map_err(|_| String::from("the URL's path would be refused with 400"))?;
    let headers = Fields(&question.headers);
    let view =
        RequestView { method: &question.method, host: &host, path: &path, headers: &headers };
    let mut explanation = Explanation {
        generation: table.generation,
        request: format!("{} {host}{path}", question.method),
        listener: listener.settings.name.to_string(),
        action: String::from("404: no route matches"),
        ..Explanation::default()
    };
    if question.listener.is_none() {
        let others = http(table).map(|other| other.settings.name.to_string());
        explanation.other_listeners = others.filter(|name| *name != explanation.listener).collect();
    }
    for route in &listener.routes {
        let name = route.policy.name.to_string();
        let mismatch = route.mismatch(&view).map(|mismatch| wanted(mismatch, route, &view));
        let matches = mismatch.is_none();
        explanation.routes.push(Route { name, mismatch });
        if matches {
            explanation.action = action(&route.action);
            break;
        }
    }
    Ok(explanation)
}

/// What a route wanted that the request is not.
fn wanted(
    mismatch: Mismatch<'_>,
    route: &crate::table::Route,
    request: &RequestView<'_, Fields<'_>>,
) -> String {
    let matches = &route.policy.matches;
    match mismatch {
        Mismatch::Host => {
            let hosts = matches.hosts.iter().map(|host| match host {
                HostMatch::Exact(name) => name.to_string(),
                HostMatch::Wildcard(suffix) => format!("*{suffix}"),
            });
            format!("wants host {}, not {}", listed(hosts), request.host)
        }
        Mismatch::Path => {
            let path = match &matches.path {
                Some(PathMatch::Exact(path)) => format!("exactly {path}"),
                Some(PathMatch::Prefix(prefix)) => format!("under {prefix}"),
                Some(PathMatch::Regex(regex)) => format!("like {}", regex.as_str()),
                None => String::new(),
            };
            format!("wants a path {path}, not {}", request.path)
        }
        Mismatch::Method => {
            let methods = matches.methods.iter().map(|method| method.to_string());
            format!("wants {}, not {}", listed(methods), request.method)
        }
        Mismatch::Header(name) => {
            let header = matches.headers.iter().find(|header| *header.name == *name);
            match header.map(|header| &header.condition) {
                Some(HeaderCondition::Equal(value)) => format!("wants header {name}: {value}"),
                Some(HeaderCondition::Present(false)) => format!("wants no header {name}"),
                Some(HeaderCondition::Regex(regex)) => {
                    format!("wants header {name} like {}", regex.as_str())
                }
                _ => format!("wants a header {name}"),
            }
        }
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(" or ")
}

fn action(action: &Action) -> String {
    match action {
        Action::Pools(_) => String::from("sent to a backend"),
        Action::Fixed(fixed) => format!("answered here with {}", fixed.status),
        Action::Ready => String::from("answered here with 200 or 503, by this node's readiness"),
        Action::Redirect(redirect) => match &redirect.to {
            RedirectTo::Https => format!("redirected with {} to https", redirect.status),
            RedirectTo::Location(_) => format!("redirected with {}", redirect.status),
        },
    }
}

/// The header fields of a question.
pub(super) struct Fields<'a>(pub(super) &'a [(String, String)]);

impl Headers for Fields<'_> {
    fn any(&self, name: &str, mut test: impl FnMut(&[u8]) -> bool) -> bool {
        self.0.iter().filter(|(field, _)| field == name).any(|(_, value)| test(value.as_bytes()))
    }
}
