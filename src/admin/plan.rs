//! What another configuration would change, asked over the API.

use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::{Extension, Json};
use tokio::time::Instant;

use super::access::Caller;
use super::error::ApiError;
use super::{Source, State};
use crate::config::Config;
use crate::explain::plan::plan;
use crate::explain::plan::view::{Plan, Question};
use crate::model::printable;

/// `POST /plan`. Nothing changes; but checking a configuration reads the files that it names, which is
/// for those who may put it in force.
pub(super) async fn answer<C: Source>(
    Shared(state): Shared<State<C>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Plan>, ApiError> {
    caller.may_change()?;
    let asked: Question = serde_json::from_slice(&body)
        .map_err(|error| ApiError::Malformed(printable(&error.to_string()).into_owned()))?;
    let core = state.control.snapshot(true).await.and_then(|known| known.core);
    let core = core.ok_or(ApiError::Ended)?;
    let now = Instant::now().into_std();
    let planned = tokio::task::spawn_blocking(move || {
        let loaded = Config::parse(&asked.config, asked.path.as_deref().map(Path::new));
        let loaded = loaded.map_err(|problems| {
            let lines = problems.to_string();
            ApiError::Refused(lines.lines().map(|line| printable(line).into_owned()).collect())
        })?;
        let doubts = loaded.warnings.iter().map(ToString::to_string);
        let mut told = plan(&core, &Arc::new(loaded.config), now);
        told.warnings.extend(doubts);
        Ok(Json(told))
    });
    planned.await.map_err(|_| ApiError::Ended)?
}
