//! The process, its tables, and what control counts about itself.

use super::latency::{BOUNDS_S, Distribution};
use crate::admin::Source;
use crate::control::Status;
use crate::metrics::{Exposition, names};
use crate::model::Layer;

pub(super) fn collect(out: &mut Exposition, control: &impl Source, status: Option<&Status>) {
    out.family(&names::BUILD_INFO).add(&[env!("CARGO_PKG_VERSION")], 1.0);
    if let Some(status) = status {
        out.family(&names::START_TIME).add(&[], status.started.0 as f64 / 1000.0);
        let mut certificates = out.family(&names::CERTIFICATES);
        for certificate in &status.certificates {
            let labels = [&*certificate.listener, &*certificate.file];
            certificates.add(&labels, certificate.not_after.0 as f64 / 1000.0);
        }
        let mut refused = out.family(&names::CERTIFICATES_REFUSED);
        for certificate in &status.certificates {
            let labels = [&*certificate.listener, &*certificate.file];
            refused.add(&labels, f64::from(u8::from(certificate.refused.is_some())));
        }
    }
    out.family(&names::READY).add(&[], f64::from(u8::from(control.ready())));

    let counters = control.counters();
    out.family(&names::TABLE_GENERATION).add(&[], counters.generation.get() as f64);
    out.family(&names::TABLE_SWAPS).add(&[], counters.swaps.get() as f64);
    out.family(&names::TABLES_HELD).add(&[], counters.tables_held.get() as f64);
    let mut reloads = out.family(&names::RELOADS);
    reloads.add(&["ok"], counters.reloads_ok.get() as f64);
    reloads.add(&["failed"], counters.reloads_failed.get() as f64);
    let mut lookups = out.family(&names::LOOKUPS);
    lookups.add(&["ok"], counters.lookups_ok.get() as f64);
    lookups.add(&["failed"], counters.lookups_failed.get() as f64);

    let mut probes = out.family(&names::PROBES);
    for layer in Layer::ALL {
        let ended = counters.probes(layer);
        probes.add(&[layer.name(), "pass"], ended.passed.get() as f64);
        probes.add(&[layer.name(), "fail"], ended.failed.get() as f64);
        probes.add(&[layer.name(), "void"], ended.void.get() as f64);
    }
    let mut took = out.family(&names::PROBE_LATENCY);
    for layer in Layer::ALL {
        let mut total = Distribution::default();
        total.add_live(&counters.probes(layer).latency);
        took.histogram(&[layer.name()], &BOUNDS_S, &total.counts, total.sum_us as f64 / 1e6);
    }
}
