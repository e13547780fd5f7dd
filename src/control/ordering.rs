//! Takes orders in: checks them, rehearses them, carries them out, keeps them.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::clock::anchor;
use super::event::Event;
use super::keep::{Write, kept};
use super::listeners::open_all;
use super::task::Task;
use super::{OrderDone, OrderError, OrderRequest, line, names};
use crate::config::Config;
use crate::decision::{Input, State};
use crate::model::{Action, Order, Plan, Scope};

/// Where an order's answer goes.
pub(super) type Answer = oneshot::Sender<Result<OrderDone, OrderError>>;

impl Task {
    /// Answers orders; carries them out, all or none, unless they are refused or only rehearsed.
    pub(super) fn order(&mut self, requests: &[OrderRequest], answer: Answer) {
        let trial = match self.rehearsed(requests) {
            Ok(trial) => trial,
            Err(error) => return drop(answer.send(Err(error))),
        };
        if requests.iter().any(|request| request.rehearse) {
            let generation = self.publisher.current().generation;
            return drop(answer.send(Ok(OrderDone { generation, ..trial })));
        }
        if let Some(problem) = self.carry_out(requests) {
            return drop(answer.send(Err(OrderError::Senseless(vec![problem]))));
        }
        let generation = self.publisher.current().generation;
        let mut done = OrderDone { generation, ..trial };
        match self.keep_orders() {
            None => {
                done.warnings.push("state.dir is not set: a restart forgets this".to_owned());
                drop(answer.send(Ok(done)));
            }
            Some(written) => drop(tokio::spawn(async move {
                if let Ok(Err(error)) = written.await {
                    done.warnings.push(format!("a restart forgets this: {error}"));
                }
                drop(answer.send(Ok(done)));
            })),
        }
    }

    /// What would follow from orders, if they are not to be refused. What is harmless one by one
    /// may leave a pool with nothing together.
    fn rehearsed(&self, requests: &[OrderRequest]) -> Result<OrderDone, OrderError> {
        let mut problems = Vec::new();
        let config = self.state.config();
        for OrderRequest { scope, action, lasts, .. } in requests {
            problems.extend(names::unknown(config, scope, action));
            problems.extend(names::unfit(scope, action));
            problems.extend(names::forbidden(config, action, *lasts));
        }
        if !problems.is_empty() {
            return Err(OrderError::Senseless(problems));
        }
        let after = self.after(requests);
        let starved = starved(self.state.plan(), &after);
        let meant = |request: &OrderRequest| request.force || request.rehearse;
        if !starved.is_empty() && !requests.iter().all(meant) {
            return Err(OrderError::Starves(starved));
        }
        let moves = line::moves(self.state.plan(), &after);
        let warning = |pool| format!("nothing is left to serve pool {pool}");
        Ok(OrderDone { generation: 0, moves, warnings: starved.into_iter().map(warning).collect() })
    }

    /// The plan as it would be once the orders have their whole effect.
    fn after(&self, requests: &[OrderRequest]) -> Plan {
        let mut state: State = self.state.clone();
        let now = Instant::now().into_std();
        let at_once = |request: &OrderRequest| {
            let mut order = order(request, now);
            if let Action::Drain { over } = &mut order.action {
                *over = None;
            }
            Input::Ordered(order)
        };
        let step = state.step(requests.iter().map(at_once), now);
        step.plan.map_or_else(|| Plan::clone(self.state.plan()), |plan| Plan::clone(&plan))
    }

    /// Why they could not be carried out, if so.
    fn carry_out(&mut self, requests: &[OrderRequest]) -> Option<String> {
        let now = Instant::now().into_std();
        let mut drained = drained_listeners(self.state.orders());
        let mut opens = false;
        for request in requests {
            if let (Scope::Listener(name), Action::Ready) = (&request.scope, &request.action) {
                opens |= drained.remove(name);
            }
        }
        if opens && let Err(problem) = self.follow_listener_orders(&drained) {
            return Some(problem);
        }
        let orders: Vec<Order> = requests.iter().map(|request| order(request, now)).collect();
        for order in &orders {
            self.journal.record(Event::Ordered { order: order.clone() });
        }
        self.step(orders.into_iter().map(Input::Ordered));
        if requests.iter().any(|request| matches!(request.scope, Scope::Listener(_))) {
            let drained = drained_listeners(self.state.orders());
            // Closing cannot fail.
            drop(self.follow_listener_orders(&drained));
            self.publish();
        }
        None
    }

    /// Writes down that an order ended by itself, and lets follow what the decision does not.
    pub(super) fn expired(&mut self, order: Order) {
        let listener = matches!(order.scope, Scope::Listener(_));
        self.journal.record(Event::Expired { order });
        if listener {
            let drained = drained_listeners(self.state.orders());
            match self.follow_listener_orders(&drained) {
                Ok(()) => self.publish(),
                Err(problem) => tracing::error!(%problem, "a listener stays closed"),
            }
        }
        // Nobody asked for this one.
        drop(self.keep_orders());
    }

    /// Opens the listeners that shall be open and lets go of the others.
    ///
    /// # Errors
    /// One could not be opened; nothing changed then.
    pub(super) fn follow_listener_orders(
        &mut self,
        drained: &BTreeSet<Arc<str>>,
    ) -> Result<(), String> {
        let config = Arc::clone(self.state.config());
        self.open_listeners(&config, drained).map_err(|problems| problems.join("; "))
    }

    /// Has exactly the listeners of a configuration open, but for drained ones.
    ///
    /// # Errors
    /// One line for each that could not be opened; nothing changed then.
    pub(super) fn open_listeners(
        &mut self,
        config: &Config,
        drained: &BTreeSet<Arc<str>>,
    ) -> Result<(), Vec<String>> {
        let workers = self.live.worker_count();
        self.listeners = open_all(config, &self.listeners, drained, workers, &*self.open)?;
        self.listeners.iter().for_each(|listener| self.live.add_listener(listener));
        Ok(())
    }

    /// Has the standing orders written; `None` where there is no state folder.
    pub(super) fn keep_orders(&self) -> Option<oneshot::Receiver<Result<(), String>>> {
        let writes = self.keeper.as_ref()?;
        let (answer, written) = oneshot::channel();
        let orders = kept(self.state.orders(), anchor(self.clock));
        writes.send(Write { orders, answer }).ok()?;
        Some(written)
    }
}

/// The listeners that are closed by order.
pub(super) fn drained_listeners(orders: &[Order]) -> BTreeSet<Arc<str>> {
    let drains = |order: &&Order| matches!(order.action, Action::Drain { .. } | Action::Maint);
    let listener = |order: &Order| match &order.scope {
        Scope::Listener(name) => Some(Arc::clone(name)),
        _ => None,
    };
    orders.iter().filter(drains).filter_map(listener).collect()
}

fn order(request: &OrderRequest, now: std::time::Instant) -> Order {
    Order {
        scope: request.scope.clone(),
        action: request.action.clone(),
        actor: request.actor.to_string().into(),
        why: Arc::clone(&request.why),
        since: now,
        until: request.lasts.and_then(|lasts| now.checked_add(lasts)),
    }
}

/// Pools that something served before and nothing does after.
fn starved(before: &Plan, after: &Plan) -> Vec<String> {
    let served = |plan: &Plan, pool: &str| {
        let zones = plan.pools.iter().filter(|it| *it.pool == *pool).flat_map(|it| &it.zones);
        let mut serving = zones.filter(|zone| zone.share > 0.0).flat_map(|zone| &*zone.backends);
        serving.any(|backend| backend.effective_weight > 0.0)
    };
    let pools = before.pools.iter().map(|pool| &*pool.pool);
    pools.filter(|pool| served(before, pool) && !served(after, pool)).map(str::to_owned).collect()
}
