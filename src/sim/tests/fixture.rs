//! A small world: one pool in two regions of two zones, two backends each.

use std::sync::Arc;

use crate::config::Config;
use crate::config::scenario::Scenario;
use crate::sim::{Run, simulate};

const CONFIG: &str = "
version: 1
listeners: { web: { bind: 127.0.0.1:0, pool: shop } }
pools:
  shop:
    regions:
      east:
        zones:
          a: { backends: [ 10.0.0.1:80, 10.0.0.2:80 ] }
          b: { backends: [ 10.0.1.1:80, 10.0.1.2:80 ] }
      west:
        zones:
          c: { backends: [ 10.1.0.1:80, 10.1.0.2:80 ] }
          d: { backends: [ \"west-d:80\", 10.1.1.2:80 ] }
    health:
      network: { interval: 100ms, timeout: 50ms }
      application: { interval: 500ms, timeout: 250ms, endpoints: [ /health ] }
";

/// Plays these lines of a scenario.
pub(super) fn played(seed: u64, lines: &str) -> Run {
    let config = Arc::new(Config::parse(CONFIG, None).unwrap().config);
    let text = format!("version: 1\nabout: a test\n{lines}");
    let scenario = Scenario::parse(&text, None, &config).unwrap_or_else(|e| panic!("{e}")).0;
    simulate(&config, &scenario, seed, tokio::time::Instant::now().into_std())
}
