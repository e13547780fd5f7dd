//! Certificates that are renewed while they are in use.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::certificate::Stamp;
use super::{BackendTls, Certificate, CertificateFiles, Config, HealthChecks, ProcessAsk, Source};
use super::{BusinessAsk, Unusable};
use crate::model::UnixMillis;

/// What came of looking at a config's certificates again.
#[derive(Debug)]
pub struct Renewal {
    /// The config with what is new; `None` = nothing is.
    pub config: Option<Config>,
    /// What took another's place, or is new.
    pub renewed: Vec<CertificateFiles>,
    /// What is in the files and cannot be used, and why; what was in use before still is.
    pub refused: BTreeMap<PathBuf, String>,
}

impl Config {
    /// How its certificates' files are now, and how they were when they were read: two equal pairs
    /// look alike.
    #[must_use]
    pub fn certificate_stamps(&self) -> CertificateStamps {
        let mut stamps = Vec::new();
        let mut add = |one: &Certificate| stamps.push((one.stamp, one.files.stamp()));
        let mut lists = Vec::new();
        for listener in self.listeners.iter().filter_map(|it| it.tls.as_ref()) {
            listener.certificates().for_each(&mut add);
            lists.extend(listener.shown.iter().filter_map(|shown| shown.source.listed()));
        }
        self.backend_tls(&mut |tls| tls.client.iter().for_each(&mut add));
        CertificateStamps { stamps, lists }
    }

    /// Reads again what has changed.
    #[must_use]
    pub fn renew(&self, now: UnixMillis) -> Renewal {
        let mut renewing = Renewing { now, renewed: Vec::new(), refused: BTreeMap::new() };
        let mut config = self.clone();
        for tls in config.listeners.iter_mut().filter_map(|listener| listener.tls.as_mut()) {
            let mut fresh = (**tls).clone();
            fresh.shown.iter_mut().for_each(|shown| renewing.source(&mut shown.source));
            if fresh != **tls {
                *tls = Arc::new(fresh);
            }
        }
        config.backend_tls_mut(&mut |tls| {
            let client = tls.as_mut().and_then(|tls| tls.client.as_mut());
            client.into_iter().for_each(|one| renewing.one(one));
        });
        let Renewing { renewed, refused, .. } = renewing;
        Renewal { config: (!renewed.is_empty()).then_some(config), renewed, refused }
    }

    fn backend_tls(&self, seen: &mut dyn FnMut(&BackendTls)) {
        for pool in &self.pools {
            pool.tls.iter().for_each(&mut *seen);
            for checks in pool.checks() {
                asked(checks).into_iter().flatten().for_each(&mut *seen);
            }
        }
    }

    /// Every place where it is said how TLS is spoken with backends.
    pub fn backend_tls_mut(&mut self, change: &mut dyn FnMut(&mut Option<BackendTls>)) {
        for pool in &mut self.pools {
            change(&mut pool.tls);
            asked_mut(&mut pool.health, change);
            let zones = pool.regions.iter_mut().flat_map(|region| &mut region.zones);
            for backend in zones.flat_map(|zone| &mut zone.backends) {
                if let Some(own) = &mut backend.own_health {
                    asked_mut(&mut Arc::make_mut(own).checks, change);
                }
            }
        }
    }
}

/// How certificates' files look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateStamps {
    stamps: Vec<(Stamp, Stamp)>,
    /// What is in the folders.
    lists: Vec<Vec<CertificateFiles>>,
}

impl CertificateStamps {
    /// How many certificates were looked at.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stamps.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }
}

struct Renewing {
    now: UnixMillis,
    renewed: Vec<CertificateFiles>,
    refused: BTreeMap<PathBuf, String>,
}

impl Renewing {
    fn source(&mut self, source: &mut Source) {
        match source {
            Source::Pair(one) => self.one(one),
            Source::Folder { path, certificates } => {
                // A folder that cannot be looked at is no reason to show nothing any more.
                let Some(listed) = Source::list(path) else {
                    self.refused.insert(path.clone(), "the folder cannot be read".to_owned());
                    return;
                };
                let before = std::mem::take(certificates);
                for files in listed {
                    let known = before.iter().find(|one| one.files == files).cloned();
                    match known {
                        Some(mut one) => {
                            self.one(&mut one);
                            certificates.push(one);
                        }
                        None => certificates.extend(self.first(&files)),
                    }
                }
                if certificates.is_empty() {
                    self.refused.insert(path.clone(), "no certificate is left in it".to_owned());
                    *certificates = before;
                } else if certificates.len() < before.len() {
                    let gone = before.iter().filter(|one| !certificates.contains(one));
                    self.renewed.extend(gone.map(|one| one.files.clone()));
                }
            }
        }
    }

    fn one(&mut self, one: &mut Certificate) {
        match one.renewed(self.now) {
            None => {}
            Some(Ok(fresh)) if fresh == *one => {}
            Some(Ok(fresh)) => {
                self.renewed.push(fresh.files.clone());
                *one = fresh;
            }
            Some(Err(unusable)) => self.refuse(&one.files, unusable),
        }
    }

    fn first(&mut self, files: &CertificateFiles) -> Option<Certificate> {
        match Certificate::load(files) {
            Ok(fresh) => {
                self.renewed.push(files.clone());
                Some(fresh)
            }
            Err(unusable) => {
                self.refuse(files, unusable);
                None
            }
        }
    }

    fn refuse(&mut self, files: &CertificateFiles, unusable: Unusable) {
        self.refused.insert(files.cert.clone(), unusable.why);
    }
}

fn asked(checks: &HealthChecks) -> [Option<&BackendTls>; 3] {
    let process = checks.process.as_ref().and_then(|check| match &check.ask {
        ProcessAsk::Http { tls, .. } | ProcessAsk::Grpc { tls, .. } => tls.as_ref(),
        ProcessAsk::Banner { .. } | ProcessAsk::Tls { .. } | ProcessAsk::Agent { .. } => None,
    });
    let application = checks.application.as_ref().and_then(|check| check.tls.as_ref());
    let business = checks.business.as_ref().and_then(|check| match &check.ask {
        BusinessAsk::Transaction { tls, .. } => tls.as_ref(),
        BusinessAsk::Postgres { .. } | BusinessAsk::Redis { .. } => None,
    });
    [process, application, business]
}

fn asked_mut(checks: &mut HealthChecks, change: &mut dyn FnMut(&mut Option<BackendTls>)) {
    if let Some(ProcessAsk::Http { tls, .. } | ProcessAsk::Grpc { tls, .. }) =
        checks.process.as_mut().map(|check| &mut check.ask)
    {
        change(tls);
    }
    if let Some(check) = &mut checks.application {
        change(&mut check.tls);
    }
    if let Some(BusinessAsk::Transaction { tls, .. }) =
        checks.business.as_mut().map(|check| &mut check.ask)
    {
        change(tls);
    }
}
