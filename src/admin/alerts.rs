//! Alerts that come in by webhook, and what they order.
//!
//! A monitoring system may know of a zone's trouble before any probe does. What its alerts order is
//! configured, alert by alert. A group is judged as a whole: if no rule maps one of its alerts, or one
//! names what does not exist, or all together would leave a pool with nothing, then nothing is
//! ordered, and the group is counted, logged and refused, so that whoever wrote the rule hears of it.
//!
//! Operators come first: what one ordered of a place, no alert replaces or ends, and an alert that
//! is resolved ends only what an alert has ordered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::{Extension, Json};

use super::access::Caller;
use super::error::ApiError;
use super::view::{Alert, AlertStatus, Alerts, Heeded};
use super::{Source, State};
use crate::config::{AlertAction, AlertPlace, AlertRule};
use crate::control::{Actor, OrderError, OrderRequest};
use crate::events::{action, scope, wire};
use crate::model::{Action, Scope, printable};

/// What the name of who orders begins with, if it was an alert.
const SENDER: &str = "alertmanager by ";

/// Alerts of one group; Alertmanager sends far fewer.
const ALERTS_MAX: usize = 64;

/// Characters of a label or reason that are repeated.
const SHOWN_CHARS: usize = 100;

/// The rules, and how the webhooks so far ended.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    rules: Vec<AlertRule>,
    heeded: AtomicU64,
    refused: AtomicU64,
}

impl Hooks {
    pub(super) fn new(rules: &[AlertRule]) -> Self {
        Self { rules: rules.to_vec(), ..Self::default() }
    }

    /// Webhooks that were carried out.
    pub(super) fn heeded(&self) -> u64 {
        self.heeded.load(Relaxed)
    }

    /// Webhooks that were refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}

/// `POST /webhooks/alertmanager`.
pub(super) async fn receive<C: Source>(
    Shared(state): Shared<State<C>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Heeded>, ApiError> {
    let heeded = heed(&state, &caller, &body).await;
    match &heeded {
        Ok(Heeded { orders, left }) => {
            state.hooks.heeded.fetch_add(1, Relaxed);
            tracing::info!(orders, ?left, "webhook heeded");
        }
        Err(error) => {
            state.hooks.refused.fetch_add(1, Relaxed);
            tracing::warn!(?error, "webhook refused; nothing was ordered");
        }
    }
    heeded.map(Json)
}

async fn heed<C: Source>(
    state: &State<C>,
    caller: &Caller,
    body: &[u8],
) -> Result<Heeded, ApiError> {
    let Actor::Admin(who) = caller.may_change()? else { return Err(ApiError::ReadOnly) };
    if !state.control.ready() {
        return Err(ApiError::Draining);
    }
    let Alerts { alerts } = serde_json::from_slice(body)
        .map_err(|error| ApiError::Malformed(printable(&error.to_string()).into_owned()))?;
    let actor = Actor::Admin(format!("{SENDER}{who}").into());
    let mut requests =
        requests(&state.hooks.rules, &alerts, &actor).map_err(ApiError::Senseless)?;
    let left = leave_to_operators(&mut requests, &state.control.orders().await);
    let orders = requests.len();
    if orders > 0 {
        state.control.order(requests).await.map_err(refusal)?;
    }
    Ok(Heeded { orders, left })
}

/// Takes out what would touch an operator's order, and ends of what no alert has ordered; returns
/// why, for the former.
fn leave_to_operators(requests: &mut Vec<OrderRequest>, standing: &[wire::Order]) -> Vec<String> {
    let mut left = Vec::new();
    let alerts = Actor::Admin(SENDER.into()).to_string();
    requests.retain(|request| {
        let asked = answers(&request.action);
        let touched = |order: &&wire::Order| {
            asked.contains(&action(&order.action).name()) && same_place(request, order)
        };
        let mut touched = standing.iter().filter(touched);
        let ends =
            matches!(request.action, Action::Ready | Action::Restore { .. } | Action::Resume);
        if let Some(order) = touched.clone().find(|order| !order.actor.starts_with(&alerts)) {
            let (name, actor) = (action(&order.action).name(), printable(&order.actor));
            left.push(format!("{}: {name} was ordered by {actor}", request.scope));
            return false;
        }
        !ends || touched.next().is_some()
    });
    left
}

/// The orders of a place that an action of an alert's replaces or ends.
fn answers(action: &Action) -> &'static [&'static str] {
    match action {
        Action::Drain { .. } | Action::Ready => &["drain", "maint", "stop"],
        Action::Restore { .. } => &["drain", "maint", "stop", "fail"],
        Action::Fail { .. } => &["fail"],
        _ => &["pause"],
    }
}

fn same_place(request: &OrderRequest, order: &wire::Order) -> bool {
    match (&request.scope, scope(&order.scope)) {
        (Scope::Zone { zone, .. }, Scope::Zone { zone: of, .. }) => *zone == of,
        (Scope::Region { region, .. }, Scope::Region { region: of, .. }) => *region == of,
        (Scope::Region { region, .. }, Scope::Zone { region: of, .. }) => {
            Some(region) == of.as_ref()
        }
        _ => false,
    }
}

fn refusal(error: OrderError) -> ApiError {
    match error {
        OrderError::Senseless(problems) => {
            ApiError::Senseless(problems.iter().map(|it| printable(it).into_owned()).collect())
        }
        OrderError::Starves(pools) => ApiError::Starves(pools),
        OrderError::Ended => ApiError::Ended,
    }
}

/// The orders of a group, or every reason why there are none.
fn requests(
    rules: &[AlertRule],
    alerts: &[Alert],
    actor: &Actor,
) -> Result<Vec<OrderRequest>, Vec<String>> {
    if alerts.is_empty() || alerts.len() > ALERTS_MAX {
        return Err(vec![format!("{} alerts (expected 1 to {ALERTS_MAX})", alerts.len())]);
    }
    let mut problems = Vec::new();
    let mut requests = Vec::new();
    for alert in alerts {
        match request(rules, alert, actor) {
            Ok(request) => requests.push(request),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(requests) } else { Err(problems) }
}

fn request(rules: &[AlertRule], alert: &Alert, actor: &Actor) -> Result<OrderRequest, String> {
    let name = shown(alert.labels.get("alertname").map_or("without a name", |name| name));
    let has = |(label, value): &(String, String)| alert.labels.get(label) == Some(value);
    let rule = rules.iter().find(|rule| rule.matches.iter().all(has));
    let rule = rule.ok_or_else(|| format!("no rule of admin.alerts matches alert {name}"))?;
    let named = |label: &String| {
        let value = alert.labels.get(label).map(|value| Arc::<str>::from(value.as_str()));
        value.ok_or_else(|| format!("alert {name} has no label `{label}`"))
    };
    let scope = match &rule.place {
        AlertPlace::Zone(label) => Scope::Zone { pool: None, region: None, zone: named(label)? },
        AlertPlace::Region(label) => Scope::Region { pool: None, region: named(label)? },
    };
    let action = match (rule.action, alert.status) {
        (AlertAction::Drain, AlertStatus::Firing) => Action::Drain { over: None },
        (AlertAction::Drain, AlertStatus::Resolved) => Action::Ready,
        (AlertAction::Failover, AlertStatus::Firing) => Action::Fail { to: None },
        (AlertAction::Failover, AlertStatus::Resolved) => Action::Restore { advance: false },
        (AlertAction::Pause, AlertStatus::Firing) => Action::Pause,
        (AlertAction::Pause, AlertStatus::Resolved) => Action::Resume,
    };
    let said = alert.annotations.get("summary").map_or("", |summary| summary);
    let why = format!("alert {name} {}", shown(said)).trim_end().into();
    let (lasts, actor) = (rule.lasts, actor.clone());
    Ok(OrderRequest { scope, action, why, lasts, force: false, rehearse: false, actor })
}

fn shown(text: &str) -> String {
    printable(text).chars().take(SHOWN_CHARS).collect()
}
