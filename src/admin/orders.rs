//! Orders, as they come in over the API.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::{Extension, Json};

use super::access::Caller;
use super::error::ApiError;
use super::{Source, State, view};
use crate::control::{Actor, OrderError, OrderRequest};
use crate::events::{action, scope};
use crate::model::{Action, Scope, printable};

/// Characters of a reason.
const WHY_CHARS: usize = 200;

/// `GET /orders`.
pub(super) async fn list<C: Source>(Shared(state): Shared<State<C>>) -> Json<view::Orders> {
    Json(view::Orders { orders: state.control.orders().await })
}

/// `POST /orders`.
pub(super) async fn give<C: Source>(
    Shared(state): Shared<State<C>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<view::Given>, ApiError> {
    let actor = caller.may_change()?;
    if !state.control.ready() {
        return Err(ApiError::Draining);
    }
    let asked: view::Give = serde_json::from_slice(&body)
        .map_err(|error| ApiError::Malformed(printable(&error.to_string()).into_owned()))?;
    let dry_run = asked.dry_run;
    match state.control.order(vec![request(&asked, actor)?]).await {
        Ok(done) => Ok(Json(view::Given {
            dry_run,
            generation: done.generation,
            moves: done.moves,
            warnings: done.warnings.iter().map(|it| printable(it).into_owned()).collect(),
        })),
        Err(OrderError::Senseless(problems)) => {
            Err(ApiError::Senseless(problems.iter().map(|it| printable(it).into_owned()).collect()))
        }
        Err(OrderError::Starves(pools)) => Err(ApiError::Starves(pools)),
        Err(OrderError::Ended) => Err(ApiError::Ended),
    }
}

fn request(asked: &view::Give, actor: Actor) -> Result<OrderRequest, ApiError> {
    let (scope, action) = (scope(&asked.scope), action(&asked.action));
    let mut problems = Vec::new();
    if let Action::Traffic(Some(part)) = action
        && !(0.0..=1.0).contains(&part)
    {
        problems.push(format!("a part of the traffic is from 0 to 1, not {part}"));
    }
    if let Action::Weight(Some(weight @ 65_536..)) = action {
        problems.push(format!("a weight is from 0 to 65535, not {weight}"));
    }
    if asked.for_ms == Some(0) {
        problems.push("an order holds for some time, not for none".to_owned());
    }
    if let (Action::Stop, Scope::Region { region, .. }) = (&action, &scope)
        && asked.confirm.as_deref() != Some(&**region)
        && !asked.dry_run
    {
        problems.push(format!("an emergency stop is confirmed by its region's name, `{region}`"));
    }
    if !problems.is_empty() {
        return Err(ApiError::Senseless(problems));
    }
    let why: String = printable(&asked.why).chars().take(WHY_CHARS).collect();
    Ok(OrderRequest {
        scope,
        action,
        why: Arc::from(why),
        lasts: asked.for_ms.map(Duration::from_millis),
        force: asked.force,
        rehearse: asked.dry_run,
        actor,
    })
}
