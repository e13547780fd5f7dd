//! Putting configurations in force and taking them back, over the API.

use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::Uri;
use axum::{Extension, Json};

use super::access::Caller;
use super::error::ApiError;
use super::{Source, State, view};
use crate::control::{Actor, ReloadError, Reloaded};
use crate::model::printable;

/// `POST /reload`.
pub(super) async fn reload<C: Source>(
    Shared(state): Shared<State<C>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<view::Reloaded>, ApiError> {
    let actor = changer(&state, &caller)?;
    let confirm = match uri.query() {
        None | Some("") => None,
        Some(query) => {
            let ms = query.strip_prefix("confirm_ms=").and_then(|ms| ms.parse().ok());
            let ms = ms.filter(|ms| *ms > 0).ok_or(ApiError::Query("?confirm_ms=N, N above 0"))?;
            Some(Duration::from_millis(ms))
        }
    };
    done(state.control.reload(actor, confirm).await)
}

/// `POST /reload/confirm`.
pub(super) async fn confirm<C: Source>(
    Shared(state): Shared<State<C>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<view::Confirmed>, ApiError> {
    let actor = changer(&state, &caller)?;
    let confirmed = state.control.confirm(actor).await;
    confirmed.map(|()| Json(view::Confirmed { confirmed: true })).map_err(|error| nothing(&error))
}

/// `POST /rollback`.
pub(super) async fn roll_back<C: Source>(
    Shared(state): Shared<State<C>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<view::Reloaded>, ApiError> {
    let actor = changer(&state, &caller)?;
    match state.control.roll_back(actor).await {
        Ok(reloaded) => done(Ok(reloaded)),
        Err(error) => Err(nothing(&error)),
    }
}

fn changer<C: Source>(state: &State<C>, caller: &Caller) -> Result<Actor, ApiError> {
    let actor = caller.may_change()?;
    if state.control.ready() { Ok(actor) } else { Err(ApiError::Draining) }
}

fn done(result: Result<Reloaded, ReloadError>) -> Result<Json<view::Reloaded>, ApiError> {
    match result {
        Ok(done) => Ok(Json(view::Reloaded {
            generation: done.generation,
            warnings: cleaned(&done.warnings),
        })),
        Err(error) => Err(ApiError::Refused(cleaned(&error.problems))),
    }
}

/// Not the fault of any file: what was asked for is not there.
fn nothing(error: &ReloadError) -> ApiError {
    ApiError::Nothing(cleaned(&error.problems))
}

fn cleaned(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| printable(text).into_owned()).collect()
}
