//! Somebody who keeps killing backends.

use std::sync::Arc;
use std::time::Duration;

use super::backend::Backend;

/// Kills one backend each `period` and brings it back halfway to the next.
pub(super) async fn run(world: Vec<Arc<Backend>>, period: Duration) {
    loop {
        tokio::time::sleep(period / 2).await;
        let Some(victim) = fastrand::choice(&world) else { return };
        victim.kill();
        tracing::info!(backend = %victim.name, "demo: killed");
        tokio::time::sleep(period / 2).await;
        match victim.revive().await {
            Ok(()) => tracing::info!(backend = %victim.name, "demo: brought back"),
            Err(error) => tracing::warn!(backend = %victim.name, %error, "demo: cannot return"),
        }
    }
}
