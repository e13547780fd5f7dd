//! `allow` and `deny`: which clients may connect.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::listener::{NET, network};
use crate::config::problem::shown;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, required};
use crate::config::{ClientList, Clients, ListSource, Networks};

/// What `allow` and `deny` may be.
pub(super) const KIND: Kind =
    Kind::OneOrMany(&Kind::AnyOf(&[Kind::Text(NET), Kind::Shape(&FROM_FILE)]));

static FROM_FILE: Shape = Shape {
    name: "client_file",
    about: "A file with a network or an address per line; after `#` is a comment.",
    keys: &[required("file", Kind::Text(super::PATH), "Read again at each reload.")],
    later: &[],
};

/// Bytes of such a file.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Reads `allow` and `deny` of a listener; `None` = whoever likes.
pub(super) fn check(listener: &Fields<'_>) -> Option<Clients> {
    let allow = list(listener, "allow");
    let deny = list(listener, "deny");
    if let (Some(allow), Some(cursor)) = (&allow, listener.get("allow")) {
        if allow.networks.is_empty() {
            cursor.problem("nobody is allowed, so nobody could ever connect (remove it)");
        }
        contradictions(&cursor, allow, deny.as_ref());
    }
    let any = allow.is_some() || deny.is_some();
    any.then(|| Clients { allow, deny: deny.unwrap_or_default() })
}

/// Reports what is allowed by name and denied as a whole.
fn contradictions(cursor: &Cursor<'_>, allow: &ClientList, deny: Option<&ClientList>) {
    let typed = |list: &ClientList| {
        let nets = list.sources.iter().filter_map(|source| match source {
            ListSource::Network(net) => Some(*net),
            ListSource::File(_) => None,
        });
        nets.collect::<Vec<_>>()
    };
    let denied = deny.map(typed).unwrap_or_default();
    for net in typed(allow) {
        if let Some(by) = denied.iter().find(|by| by.contains(&net)) {
            cursor.problem(format!(
                "{net} is allowed, and all of it is denied by {by}, which counts for more (remove one)"
            ));
        }
    }
}

fn list(listener: &Fields<'_>, key: &str) -> Option<ClientList> {
    let cursors = listener.list(key)?;
    let (mut sources, mut networks) = (Vec::new(), Vec::new());
    for cursor in &cursors {
        if cursor.is_mapping() {
            let Some(fields) = cursor.fields(&FROM_FILE) else { continue };
            let Some((at, path)) = fields.text("file") else { continue };
            let path = PathBuf::from(path);
            match read(&path) {
                Ok(read) => networks.extend(read),
                Err(why) => at.problem(why),
            }
            sources.push(ListSource::File(path));
        } else if let Some(net) = network(cursor) {
            sources.push(ListSource::Network(net));
            networks.push(net);
        }
    }
    Some(ClientList { sources, networks: Networks::new(networks) })
}

/// The networks in a file.
fn read(path: &Path) -> Result<Vec<IpNet>, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
    read.map_err(|error| format!("the file cannot be read: {error}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("the file is larger than {MAX_BYTES} bytes"));
    }
    let lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split_once('#').map_or(line, |(net, _)| net).trim()));
    let of = |(line, text): (usize, &str)| {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let net = address.or_else(|_| text.parse::<IpNet>());
        net.map_err(|_| format!("line {line} of the file: {} is not {NET}", shown(text)))
    };
    lines.filter(|(_, text)| !text.is_empty()).map(of).collect()
}
