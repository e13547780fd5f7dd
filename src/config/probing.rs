//! What a config's probes cost, and how soon they see a fault: by arithmetic, before anything runs.

use std::time::Duration;

use super::{Cadence, HealthChecks, Pool};
use crate::model::Layer;

/// What one layer of a pool asks, and how soon it sees a fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeLoad {
    /// The layer.
    pub layer: Layer,
    /// Probes a second, over all its backends; a hostname counts as one, and a probe that another
    /// pool asks for too counts here as well.
    pub per_second: f64,
    /// From a fault that makes every probe time out to `fall` failures, at worst.
    pub detection: Duration,
}

/// The layers that are asked of any backend of a pool, lowest first.
#[must_use]
pub fn probe_loads(pool: &Pool) -> Vec<ProbeLoad> {
    let mut loads: Vec<ProbeLoad> = Vec::new();
    for checks in pool.checks() {
        for (layer, cadence, questions) in layers(checks) {
            let per_second = questions as f64 / cadence.interval.as_secs_f64();
            let detection = detection(cadence);
            match loads.iter_mut().find(|load| load.layer == layer) {
                Some(load) => {
                    load.per_second += per_second;
                    load.detection = load.detection.max(detection);
                }
                None => loads.push(ProbeLoad { layer, per_second, detection }),
            }
        }
    }
    loads.sort_by_key(|load| load.layer);
    loads
}

/// How late the backend that is watched least is known to answer nothing, and by which layer.
pub(super) fn latest_detection(pool: &Pool) -> Option<(Layer, Duration)> {
    let quickest = |checks| {
        let all = layers(checks).map(|(layer, cadence, _)| (layer, detection(cadence)));
        all.min_by_key(|(_, time)| *time)
    };
    pool.checks().filter_map(quickest).max_by_key(|(_, time)| *time)
}

/// The layers asked, each with how many questions it asks at its cadence.
fn layers(checks: &HealthChecks) -> impl Iterator<Item = (Layer, &Cadence, usize)> {
    let network = checks.network.as_ref().map(|it| (Layer::Network, &it.cadence, 1));
    let process = checks.process.as_ref().map(|it| (Layer::Process, &it.cadence, 1));
    let application = checks.application.as_ref();
    let application = application.map(|it| (Layer::Application, &it.cadence, it.endpoints.len()));
    let business = checks.business.as_ref().map(|it| (Layer::Business, &it.cadence, 1));
    [network, process, application, business].into_iter().flatten()
}

/// The first failure is at most one interval away, with both ends moved by the jitter, and the
/// second follows it at once; those after it come at the regular times. The last takes its timeout.
fn detection(cadence: &Cadence) -> Duration {
    let intervals = cadence.fall.saturating_sub(1).max(1);
    let jitter = cadence.interval.mul_f64(2.0 * cadence.jitter.clamp(0.0, 0.5));
    let at_once = if cadence.fall == 2 { cadence.timeout } else { Duration::ZERO };
    cadence.interval.saturating_mul(intervals) + jitter + cadence.timeout + at_once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn defaults_cost_and_see_what_is_asked_of_them() {
        let text = "version: 1
listeners: { web: { bind: 127.0.0.1:80, pool: site } }
pools:
  site:
    backends: [ 10.0.0.1:80, { address: 10.0.0.2:80, health: { process: off } } ]
    health:
      network: {}
      process: {}
      application: { endpoints: [ /health, /ready ] }
      business: { transaction: [ { get: / }, { get: / } ] }
";
        let loads = probe_loads(&Config::parse(text, None).unwrap().config.pools[0]);
        let shown: Vec<_> = loads
            .iter()
            .map(|load| (load.layer.name(), load.per_second, load.detection.as_millis()))
            .collect();
        assert_eq!(
            shown,
            [
                ("network", 20.0, 270),
                ("process", 2.0, 1350),
                ("application", 4.0, 2700),
                ("business", 0.4, 10_000),
            ]
        );
    }

    #[test]
    fn what_a_backend_is_asked_of_its_own_is_counted_as_its_own() {
        let text = "version: 1
listeners: { web: { bind: 127.0.0.1:80, pool: site } }
pools:
  site:
    backends:
      - 10.0.0.1:80
      - { address: 10.0.0.2:80, health: off }
      - { address: 10.0.0.3:80, health: { network: { interval: 1s, timeout: 1s, fall: 2, jitter: 0% } } }
";
        let [network] = probe_loads(&Config::parse(text, None).unwrap().config.pools[0])[..] else {
            panic!("one layer is asked")
        };
        assert_eq!((network.per_second, network.detection.as_secs()), (11.0, 3));
    }

    #[test]
    fn where_nothing_is_asked_nothing_is_counted() {
        let text = "version: 1
listeners: { web: { bind: 127.0.0.1:80, pool: site } }
pools: { site: { backends: [ 10.0.0.1:80 ], health: off } }
";
        assert!(probe_loads(&Config::parse(text, None).unwrap().config.pools[0]).is_empty());
    }
}
