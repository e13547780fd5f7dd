//! From the listener to a request's route, and what is done there.

use super::listed;
use super::pools::Led;
use super::question::Request;
use super::view::{Explanation, Route};
use crate::config::{HeaderCondition, HostMatch, PathMatch, Priority, RedirectTo};
use crate::model::PriorityClass;
use crate::table::{
    Action, Headers, Listener, Mismatch, RequestView, normalise_host, normalise_path,
};

/// Follows the request to its route, and to the pools, if it leads to any.
pub(super) fn follow<'t>(
    listener: &'t Listener,
    asked: &Request,
    explanation: &mut Explanation,
) -> Result<Option<Led<'t>>, String> {
    let (mut host, mut path) = (String::new(), String::new());
    normalise_host(asked.authority.as_bytes(), &mut host)
        .map_err(|_| String::from("the URL's host would be refused with 400"))?;
    normalise_path(&asked.path, listener.settings.paths, &mut path)
        .map_err(|_| String::from("the URL's path would be refused with 400"))?;
    let headers = Fields(&asked.headers);
    let view = RequestView { method: &asked.method, host: &host, path: &path, headers: &headers };
    explanation.request = format!("{} {host}{path}", asked.method);
    explanation.action = String::from("404: no route matches");
    explanation.unserved = String::from("503");
    for route in &listener.routes {
        let name = route.policy.name.to_string();
        let mismatch = route.mismatch(&view).map(|mismatch| wanted(mismatch, route, &view));
        let matches = mismatch.is_none();
        explanation.routes.push(Route { name, mismatch });
        if matches {
            explanation.action = action(&route.action);
            return Ok(match &route.action {
                Action::Pools(split) => {
                    let (class, told_class) = class(&route.policy.priority, listener, asked);
                    let listener_rates = &listener.rate_limits[..];
                    let (name, own) = (&*route.policy.name, &*listener.settings.name);
                    let route = Some(&**route);
                    Some(Led {
                        split,
                        class,
                        told_class,
                        listener: own,
                        name,
                        listener_rates,
                        route,
                    })
                }
                Action::Redirect(_) | Action::Fixed(_) | Action::Ready => None,
            });
        }
    }
    Ok(None)
}

/// The class of a request, and where that comes from. Its headers are those of a trusted proxy, as
/// for everything else that is explained, if the listener trusts any.
fn class(priority: &Priority, listener: &Listener, asked: &Request) -> (PriorityClass, String) {
    let Priority { class, header } = priority;
    let trusts = !listener.settings.trusted_proxies.is_empty();
    let Some(name) = header.as_ref().filter(|_| trusts) else {
        return (*class, class.name().to_owned());
    };
    let mut headers = asked.headers.iter();
    let value = headers.find(|(header, _)| **header == **name).map(|(_, value)| value);
    match value.and_then(|value| PriorityClass::named(value.trim().as_bytes())) {
        Some(class) => (class, format!("{} (header {name})", class.name())),
        None => (*class, format!("{} (header {name} names none)", class.name())),
    }
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
