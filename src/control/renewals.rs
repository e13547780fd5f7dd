//! Watches the certificates in use, so that what is renewed on disk is shown without a reload.
//!
//! Reading the whole configuration again would put in force whatever else has been typed there since. So
//! only the certificates' own files are read. They are written one after the other, and are looked at
//! once they have been the same for a whole period; what cannot be used then is told, and changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::clock::WallClock;
use super::command::Command;
use super::task::Task;
use crate::config::{CertificateStamps, Config, Renewal};
use crate::table::Reader;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// The time more for each of them: thousands are looked at less often.
const PER_CERTIFICATE: Duration = Duration::from_millis(1);

/// What was found in the files.
#[derive(Debug)]
pub(super) struct Renewed {
    /// What they were compared with.
    from: Arc<Config>,
    renewal: Renewal,
}

/// Tells control whatever has changed; until control ends.
pub(super) async fn watch(table: Reader, clock: WallClock, commands: mpsc::WeakSender<Command>) {
    let mut looked = Looked::default();
    let mut told = BTreeMap::new();
    loop {
        sleep(PERIOD + PER_CERTIFICATE * u32::try_from(looked.newest.len()).unwrap_or(u32::MAX))
            .await;
        let config = Arc::clone(&table.load().config);
        let from = Arc::clone(&config);
        let Ok(stamps) = spawn_blocking(move || from.certificate_stamps()).await else { return };
        let Some(commands) = commands.upgrade() else { return };
        if !looked.is_due(stamps) {
            continue;
        }
        let from = Arc::clone(&config);
        let Ok(renewal) = spawn_blocking(move || from.renew(clock())).await else { return };
        if renewal.config.is_none() && renewal.refused == told {
            continue;
        }
        told.clone_from(&renewal.refused);
        let renewed = Box::new(Renewed { from: config, renewal });
        if commands.send(Command::Renewed(renewed)).await.is_err() {
            return;
        }
    }
}

/// What looks have shown.
#[derive(Debug, Default)]
struct Looked {
    newest: CertificateStamps,
    /// What the files were read for last.
    read: CertificateStamps,
}

impl Looked {
    /// Whether the files have settled and were not read since. What is in use belongs to a look, so that
    /// going back to an older configuration is one, too.
    fn is_due(&mut self, stamps: CertificateStamps) -> bool {
        let settled = stamps == self.newest;
        self.newest = stamps;
        let due = settled && self.newest != self.read;
        if due {
            self.read = self.newest.clone();
        }
        due
    }
}

impl Task {
    /// Puts renewed certificates in force, and remembers what could not be used.
    pub(super) fn renewed(&mut self, Renewed { from, renewal }: Renewed) {
        let Renewal { config, renewed, refused } = renewal;
        for (file, why) in &refused {
            if self.refused.get(file) != Some(why) {
                tracing::warn!(file = %file.display(), %why, "a renewed certificate cannot be used");
            }
        }
        self.refused = refused;
        // A reload that came in between has read them itself.
        if let Some(config) = config.filter(|_| Arc::ptr_eq(&from, self.state.config())) {
            for files in renewed {
                tracing::info!(certificate = %files.cert.display(), "certificate renewed");
            }
            self.refresh(Arc::new(config));
        }
    }

    /// Why what is in these files now cannot be used.
    pub(super) fn refusals(&self) -> &BTreeMap<PathBuf, String> {
        &self.refused
    }
}
