//! `webhooks`: who is told what happens.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;

use super::{backend_tls, secret};
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, OFF, Shape, duration, key, required};
use crate::config::{News, Webhook, WebhookTls};

/// An entry of `webhooks`.
pub(super) static SHAPE: Shape = Shape {
    name: "webhook",
    about: "An address that is told what happens.",
    keys: &[
        required("url", Kind::Text(URL), "Where to; only there: redirects are not followed."),
        key("tls", Kind::Shape(&TLS), "How to speak TLS, where the URL is https."),
        key("token", Kind::Shape(&TOKEN), "A bearer token to present; default none."),
        key("events", Kind::OneOrMany(&EVENT), "What it is told of; default everything."),
        key(
            "restart_after",
            Kind::AnyOf(&[OFF, duration(1_000, 86_400_000)]),
            "How long a backend is down before its restart is asked for; default `1m`.",
        ),
    ],
    later: &["format", "headers", "retries"],
};

static TOKEN: Shape = Shape {
    name: "webhook_token",
    about: "Where the token is kept.",
    keys: &[
        key("file", Kind::Text("a path"), "The file that holds it."),
        key("env", Kind::Text("a variable's name"), "The environment variable that holds it."),
    ],
    later: &[],
};

static TLS: Shape = Shape {
    name: "webhook_tls",
    about: "How to speak TLS to a webhook.",
    keys: &[
        key(
            "ca",
            Kind::Text(backend_tls::FILE),
            "Who may vouch for it; default the system's authorities.",
        ),
        key("verify", Kind::Boolean, "`false` = any certificate passes; default `true`."),
        key(
            "server_name",
            Kind::Text(backend_tls::NAME),
            "Asked for and verified; default the URL's host.",
        ),
    ],
    later: &["cert", "key"],
};

const URL: &str = "a URL such as https://hooks.internal/pulsegate";
const EVENT: Kind =
    Kind::Words { now: &["transition", "escalation", "headroom", "restart"], later: &[] };
const RESTART_AFTER: Duration = Duration::from_secs(60);

/// Reads one.
pub(super) fn check(cursor: &Cursor<'_>) -> Option<Webhook> {
    let fields = cursor.fields(&SHAPE)?;
    let url = fields.text("url");
    let place = url.as_ref().and_then(|(cursor, url)| place(cursor, url));
    let token = fields.get("token").map(|cursor| secret::at(&cursor, &TOKEN));
    let typed = fields.list("events");
    let word = |cursor: &Cursor<'_>| match EVENT {
        Kind::Words { now, later } => cursor.word(now, later),
        _ => None,
    };
    let events = typed.as_ref().map_or(News::ALL.to_vec(), |typed| {
        let words: Vec<_> = typed.iter().filter_map(word).collect();
        News::ALL.into_iter().filter(|news| words.contains(&news.name())).collect()
    });
    if let (Some([]), Some(none)) = (typed.as_deref(), fields.get("events")) {
        none.problem("it would be told of nothing (expected at least one)");
    }
    let restart_after = fields.duration_or_off("restart_after").unwrap_or(Some(RESTART_AFTER));
    let Place { authority, path, host } = place?;
    let tls = match host {
        Some(host) => Some(spoken(&fields, &host)?),
        None => {
            if let Some(cursor) = fields.get("tls") {
                cursor.problem("the URL is not https (expected one, or no `tls`)");
            }
            None
        }
    };
    let token = match token {
        Some(token) => Some(token?),
        None => None,
    };
    Some(Webhook { url: url?.1.to_owned(), authority, path, tls, token, events, restart_after })
}

/// How TLS is spoken to this host; `None` = what is said of it is wrong.
fn spoken(webhook: &Fields<'_>, host: &str) -> Option<WebhookTls> {
    let fields = webhook.fields("tls");
    let typed = fields.as_ref().and_then(|fields| fields.get("server_name"));
    let server_name = match typed {
        Some(cursor) => backend_tls::name(&cursor)?,
        None => Arc::from(host),
    };
    let trust = match webhook.get("tls").zip(fields.as_ref()) {
        Some((cursor, fields)) => backend_tls::trust(&cursor, fields)?,
        None => backend_tls::system(webhook.cursor()),
    };
    Some(WebhookTls { server_name, trust })
}

/// Where a URL leads.
struct Place {
    authority: String,
    path: String,
    /// Whom to ask for by TLS, if that is to be spoken.
    host: Option<String>,
}

fn place(cursor: &Cursor<'_>, url: &str) -> Option<Place> {
    let expected = format!("expected {URL}");
    let Ok(uri) = url.parse::<Uri>() else {
        cursor.problem(format!("{} is no URL ({expected})", shown(url)));
        return None;
    };
    let authority = uri.authority().filter(|it| !it.as_str().contains('@'));
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), authority) else {
        cursor.problem(format!("{} does not say where to ({expected})", shown(url)));
        return None;
    };
    let (port, secure) = if scheme == "https" { (443, true) } else { (80, false) };
    let with_port = match authority.port() {
        Some(_) => authority.to_string(),
        None => format!("{authority}:{port}"),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
    Some(Place { authority: with_port, path, host: secure.then(|| bare.to_owned()) })
}
