//! Why a request goes where it goes, asked over the API. Reading is all it takes.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use tokio::time::Instant;

use super::error::ApiError;
use super::{Source, State};
use crate::control::Snapshot;
use crate::explain::view::{self, Explanation};
use crate::explain::{Assumption, Known, Question, assume, explain, explain_state};
use crate::model::printable;

/// `POST /explain`.
pub(super) async fn answer<C: Source>(
    Shared(state): Shared<State<C>>,
    body: Bytes,
) -> Result<Json<Explanation>, ApiError> {
    let asked: view::Question = serde_json::from_slice(&body)
        .map_err(|error| ApiError::Malformed(printable(&error.to_string()).into_owned()))?;
    let assumed = asked.assume.clone();
    let question = Question::try_from(asked).map_err(ApiError::Unanswerable)?;
    let known = state.control.snapshot(!assumed.is_empty()).await.ok_or(ApiError::Ended)?;
    let told = explained(known, &assumed, &question).map_err(ApiError::Unanswerable)?;
    Ok(Json(told))
}

fn explained(
    known: Snapshot,
    assumed: &[String],
    question: &Question,
) -> Result<Explanation, String> {
    let now = Instant::now().into_std();
    let Snapshot { table, report, core } = known;
    let Some(mut core) = core else {
        return explain(Known { table: &table, report: &report, now }, question);
    };
    let parsed = assumed.iter().map(|text| Assumption::parse(text, &core));
    let assumptions = parsed.collect::<Result<Vec<_>, _>>()?;
    let then = assume(&mut core, &assumptions, now);
    let told = explain_state(&core, question, then)?;
    Ok(Explanation { assumed: assumed.to_vec(), ..told })
}
