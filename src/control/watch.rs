//! Watches the configuration file and the lists of clients that it names, for who asked for it
//! (`reload: { watch: true }`).
//!
//! Files are not changed in one instant: editors truncate and write, deployments copy. So a change
//! is only looked at once the file has been the same for a whole period, and only its content
//! counts. A content is tried once: if it is bad it is reported once, and the running table stays.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use twox_hash::XxHash3_64;

use super::command::Command;
use super::{Actor, ReloadError, Reloaded};
use crate::config::Config;
use crate::table::Reader;

/// How often the file is looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// Asks for a reload whenever the file has settled with another content, while the configuration
/// in force says so; until control ends.
pub(super) async fn watch(path: PathBuf, table: Reader, commands: mpsc::WeakSender<Command>) {
    let path: Arc<Path> = path.into();
    let mut period = interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watched: HashMap<Arc<Path>, Watched> = HashMap::new();
    loop {
        period.tick().await;
        let Some(commands) = commands.upgrade() else { return };
        let files = files(&path, &table.load().config);
        watched.retain(|path, _| files.contains(path));
        let mut changed = false;
        for file in files {
            let look = look(Arc::clone(&file)).await;
            changed |= watched.entry(file).or_default().changed(look);
        }
        if changed {
            let (answer, asked) = oneshot::channel();
            if commands.send(reload(answer)).await.is_err() {
                return;
            }
            // How it went is in the event log and in the last reload's report.
            drop(asked);
        }
    }
}

/// What is to be watched now: nothing, unless the configuration in force says so.
fn files(path: &Arc<Path>, config: &Config) -> Vec<Arc<Path>> {
    if !config.watch {
        return Vec::new();
    }
    let clients = config.listeners.iter().filter_map(|listener| listener.clients.as_ref());
    let lists = clients.flat_map(|clients| clients.files()).map(|file| Arc::from(file.as_path()));
    let mut files: Vec<Arc<Path>> = lists.chain([Arc::clone(path)]).collect();
    files.sort_unstable();
    files.dedup();
    files
}

fn reload(answer: oneshot::Sender<Result<Reloaded, ReloadError>>) -> Command {
    Command::Reload { actor: Actor::File, confirm: None, answer }
}

/// What a look at the file showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    modified: SystemTime,
    length: u64,
    content: u64,
}

/// The newest look, and the content that was last asked to be loaded.
#[derive(Debug, Default)]
struct Watched {
    newest: Option<Look>,
    tried: Option<u64>,
}

impl Watched {
    /// Whether the file has settled with a content that was not tried yet. A file that cannot be
    /// read is between two contents. The first content counts as tried: it is in force.
    fn changed(&mut self, look: Option<Look>) -> bool {
        let settled = look.is_some() && look == self.newest;
        self.newest = look;
        let Some(look) = look else { return false };
        let Some(tried) = self.tried else {
            self.tried = Some(look.content);
            return false;
        };
        if !settled || tried == look.content {
            return false;
        }
        self.tried = Some(look.content);
        true
    }
}

async fn look(path: Arc<Path>) -> Option<Look> {
    let read = move || {
        let metadata = fs::metadata(&path).ok()?;
        let content = XxHash3_64::oneshot(&fs::read(&path).ok()?);
        Some(Look { modified: metadata.modified().ok()?, length: metadata.len(), content })
    };
    spawn_blocking(read).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(modified_s: u64, content: u64) -> Option<Look> {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(modified_s);
        Some(Look { modified, length: 1, content })
    }

    #[test]
    fn a_content_is_tried_once_it_has_settled_and_only_once() {
        let mut watched = Watched::default();
        assert!(!watched.changed(look(1, 10)), "what the process started with");
        assert!(!watched.changed(look(2, 11)), "perhaps half-written");
        assert!(!watched.changed(look(3, 12)), "written on");
        assert!(watched.changed(look(3, 12)));
        assert!(!watched.changed(look(3, 12)));
        assert!(!watched.changed(look(4, 12)), "touched");
        assert!(!watched.changed(look(4, 12)));
    }

    #[test]
    fn a_file_that_is_gone_for_a_moment_is_no_change() {
        let mut watched = Watched::default();
        watched.changed(look(1, 10));
        assert!(!watched.changed(None));
        assert!(!watched.changed(look(1, 10)));
        assert!(!watched.changed(look(1, 10)));
    }

    #[test]
    fn going_back_to_an_earlier_content_is_a_change() {
        let mut watched = Watched::default();
        watched.changed(look(1, 10));
        watched.changed(look(2, 11));
        assert!(watched.changed(look(2, 11)));
        assert!(!watched.changed(look(3, 10)));
        assert!(watched.changed(look(3, 10)));
    }
}
