//! `pulsegate explain`.

use std::path::Path;
use std::sync::Arc;

use super::args::{ExplainArgs, RemoteArgs};
use super::failure::{Failure, print};
use super::remote;
use crate::config::Config;
use crate::explain::view::{self, Explanation};
use crate::explain::{Assumption, Question, assume, explain_state};
use crate::model::printable;
use crate::sim;

pub(super) fn execute(args: &ExplainArgs) -> Result<(), Failure> {
    let (method, url) = match &args.request[..] {
        [method, url] => (method.clone(), url.clone()),
        others => (String::new(), others.concat()),
    };
    let question = view::Question {
        method,
        url,
        client: args.client.clone(),
        sni: args.sni.clone(),
        alpn: args.alpn.clone(),
        headers: args.headers.clone(),
        listener: args.listener.clone(),
        zone: args.zone.clone(),
        assume: args.assume.clone(),
    };
    let told = match &args.config {
        Some(path) => offline(path, question)?,
        None => {
            let remote = RemoteArgs {
                socket: args.socket.clone(),
                url: args.admin_url.clone(),
                token_file: args.token_file.clone(),
            };
            remote::ask(&remote, async |client| client.explain(&question).await)?
        }
    };
    if args.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&told)?));
    }
    let lines = told.text();
    let lines: Vec<_> = lines.lines().map(printable).collect();
    print(&format!("{}\n", lines.join("\n")))
}

/// By a core that no process runs, in which every backend is well.
fn offline(path: &Path, asked: view::Question) -> Result<Explanation, Failure> {
    let refused = |why: String| Failure::Problems(format!("error: {why}"));
    let loaded = Config::load(path).map_err(|problems| Failure::Problems(problems.to_string()))?;
    let now = tokio::time::Instant::now().into_std();
    let (mut state, now) = sim::all_well(&Arc::new(loaded.config), now);
    let assumed = asked.assume.clone();
    let question = Question::try_from(asked).map_err(refused)?;
    let parsed = assumed.iter().map(|text| Assumption::parse(text, &state));
    let assumptions = parsed.collect::<Result<Vec<_>, _>>().map_err(refused)?;
    let then = assume(&mut state, &assumptions, now);
    let told = explain_state(&state, &question, then).map_err(refused)?;
    Ok(Explanation { assumed, ..told })
}
