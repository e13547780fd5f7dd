//! `webhooks`: who is told what happens.

use std::time::Duration;

use hyper::Uri;

use super::secret;
use crate::config::problem::shown;
use crate::config::read::Cursor;
use crate::config::shape::{Kind, OFF, Shape, duration, key, required};
use crate::config::{News, Webhook};

/// An entry of `webhooks`.
pub(super) static SHAPE: Shape = Shape {
    name: "webhook",
    about: "An address that is told what happens.",
    keys: &[
        required("url", Kind::Text(URL), "Where to; only there: redirects are not followed."),
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

const URL: &str = "a URL such as http://10.0.0.5:9000/pulsegate";
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
    let (authority, path) = place?;
    let token = match token {
        Some(token) => Some(token?),
        None => None,
    };
    Some(Webhook { url: url?.1.to_owned(), authority, path, token, events, restart_after })
}

fn place(cursor: &Cursor<'_>, url: &str) -> Option<(String, String)> {
    let expected = format!("expected {URL}");
    let Ok(uri) = url.parse::<Uri>() else {
        cursor.problem(format!("{} is no URL ({expected})", shown(url)));
        return None;
    };
    if uri.scheme_str() == Some("https") {
        cursor.problem(format!("https is not spoken to webhooks yet ({expected})"));
        return None;
    }
    let authority = uri.authority().filter(|it| !it.as_str().contains('@'));
    let (Some("http"), Some(authority)) = (uri.scheme_str(), authority) else {
        cursor.problem(format!("{} does not say where to ({expected})", shown(url)));
        return None;
    };
    let with_port = match authority.port() {
        Some(_) => authority.to_string(),
        None => format!("{authority}:80"),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Some((with_port, path.to_owned()))
}
