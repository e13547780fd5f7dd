//! From a whole request head to a job for the exchange, in one go and without waiting.
//!
//! Whatever the client speaks, its request comes here as a view on its bytes. Routing, choosing the first backend and writing the backend's head happen while the
//! request's bytes stand still; what has to outlive them is copied, and it is little.

use std::sync::Arc;

use httparse::Header;
use tokio::time::Instant;

use crate::balance::ip_hash;
use crate::config::{Algorithm, HashKey};
use crate::l7::asked::{
    class, coding, is_call, is_idempotent, rewrite, takes_trailers, upgrade, waits,
};
use crate::l7::budget::Budget;
use crate::l7::caller::Caller;
use crate::l7::error::Failure;
use crate::l7::exchange::{Fault, Job, Terms, Upload};
use crate::l7::grpc;
use crate::l7::headers::{
    Origin, Outgoing, WebSocketKey, client_address, given_id, is_claim, is_trusted, write_request,
};
use crate::l7::http1::{Body, Facts, Request};
use crate::l7::limits::too_many;
use crate::l7::local::Local;
use crate::l7::record::{Logged, Record, Texts};
use crate::l7::version::Version;
use crate::l7::worker::{Scratch, Worker};
use crate::live::UnderWay;
use crate::model::{BadRequest, FaultKind};
use crate::net::Pressure;
use crate::net::tls::Agreement;
use crate::table::{
    Action, Headers, Listener, Picker, Pool, RateLimit, RequestView, Route, Table, normalise_host,
    normalise_path,
};

/// The only protocol for which an extended CONNECT can be told to a backend that speaks HTTP/1.1.
const WEBSOCKET: &str = "websocket";

/// What becomes of a request.
pub(crate) enum Prepared {
    /// It goes to a backend.
    Forward(Job),
    /// It is answered here.
    Local(Local),
}

/// What a request is prepared with.
pub(crate) struct Desk<'a> {
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// What the handshake has shown, if there was one.
    pub(crate) agreement: Option<&'a Agreement>,
    /// Where it came in.
    pub(crate) listener: &'a Listener,
    /// What it is routed by.
    pub(crate) table: &'a Table,
}

impl Desk<'_> {
    /// Prepares a request, which `read` knows the meaning of; fills in `record` as far as it gets.
    pub(crate) fn prepare<'b>(
        &self,
        request: &Request<'_, 'b>,
        read: impl FnOnce(&Request<'_, 'b>) -> Result<Facts<'b>, BadRequest>,
        picker: &mut Picker,
        record: &mut Record,
    ) -> Prepared {
        let refused = |failure| Prepared::Local(Local::failure(&self.caller.worker, failure));
        let mut prepared = self.place(request, read, picker, record).unwrap_or_else(refused);
        if let Prepared::Local(local) = &mut prepared {
            local.to_call = is_call(request);
        }
        prepared
    }

    fn place<'b>(
        &self,
        request: &Request<'_, 'b>,
        read: impl FnOnce(&Request<'_, 'b>) -> Result<Facts<'b>, BadRequest>,
        picker: &mut Picker,
        record: &mut Record,
    ) -> Result<Prepared, Failure> {
        let made = self.caller.worker.ids.next();
        let trusted = is_trusted(self.caller.peer.ip(), &self.listener.settings.trusted_proxies);
        let given = if trusted { given_id(request.headers) } else { None };
        let id = given.unwrap_or(std::str::from_utf8(&made).unwrap_or_default());
        self.log(request, id, record);
        let facts = read(request).map_err(Failure::Request)?;
        let now = record.started;
        if let Some(local) = self.too_many(&self.listener.rate_limits, request, trusted, now) {
            return Ok(Prepared::Local(self.shape(local, request, &facts)));
        }
        let mut scratch = self.caller.worker.scratch.borrow_mut();
        self.normalise(&facts, &mut scratch).map_err(Failure::Request)?;
        let vouched = self.is_vouched_for(&scratch.host);
        let route = if vouched {
            self.route(request, &scratch, trusted).ok_or(Failure::NoRoute)
        } else {
            Err(Failure::Misdirected)
        };
        let route = match route {
            Ok(route) => Arc::clone(route),
            Err(failure) => {
                return Ok(Prepared::Local(self.local_failure(failure, request, &facts)));
            }
        };
        record.route = record.is_logged().then(|| Arc::clone(&route));
        if let Some(local) = self.too_many(&route.rate_limits, request, trusted, now) {
            return Ok(Prepared::Local(self.shape(local, request, &facts)));
        }
        let sight = Sight { request, facts: &facts, scratch: &scratch, trusted, id };
        let local = match &route.action {
            Action::Pools(split) => {
                let pool = split.choose(picker);
                return self.forward(&sight, &route, pool, picker, record);
            }
            Action::Redirect(redirect) => {
                let target = format!("{}{}", facts.path, facts.query);
                Local::redirect(redirect, &scratch.authority, &target)
            }
            Action::Fixed(fixed) => Local::fixed(fixed),
            Action::Ready => Local::ready(self.caller.worker.is_ready()),
        };
        Ok(Prepared::Local(self.shape(local, request, &facts)))
    }

    /// The answer if it comes too soon.
    fn too_many(
        &self,
        limits: &[RateLimit],
        request: &Request<'_, '_>,
        trusted: bool,
        now: Instant,
    ) -> Option<Local> {
        if limits.is_empty() {
            return None;
        }
        let client = || {
            let trusted = &self.listener.settings.trusted_proxies;
            client_address(self.caller.peer.ip(), trusted, request.headers)
        };
        let headers = Fields { all: request.headers, trusted };
        let proved = self.agreement.and_then(|agreement| agreement.client.as_deref());
        let too_many = too_many(limits, client, &headers, proved, now)?;
        Some(Local::too_many(&self.caller.worker, too_many))
    }

    /// Fits a local response to the request it answers.
    fn shape(&self, mut local: Local, request: &Request<'_, '_>, facts: &Facts<'_>) -> Local {
        local.to_head = request.method == "HEAD";
        local.hsts = self.hsts().cloned();
        local.unread |= facts.body != Body::None;
        local.close |= !facts.keep_alive
            || request.version == Version::Http10
            || self.caller.acceptor.removed.get();
        local
    }

    fn local_failure(
        &self,
        failure: Failure,
        request: &Request<'_, '_>,
        facts: &Facts<'_>,
    ) -> Local {
        self.shape(Local::failure(&self.caller.worker, failure), request, facts)
    }

    fn normalise(&self, facts: &Facts<'_>, scratch: &mut Scratch) -> Result<(), BadRequest> {
        scratch.authority.clear();
        match facts.authority {
            Some(authority) => {
                normalise_host(authority.as_bytes(), &mut scratch.host)
                    .map_err(|_| BadRequest::Host)?;
                scratch.authority.push_str(authority);
            }
            // Only HTTP/1.0 goes without; the backend is told the address that was asked.
            None => {
                use std::fmt::Write as _;
                let _ = write!(scratch.authority, "{}", self.caller.acceptor.live.local);
                scratch.host.clear();
            }
        }
        if facts.path == "*" {
            scratch.path.clear();
            scratch.path.push('*');
            return Ok(());
        }
        normalise_path(facts.path, self.listener.settings.paths, &mut scratch.path)
            .map_err(|_| BadRequest::Path)
    }

    /// Does what the client agreed on by TLS hold for this host, too?
    fn is_vouched_for(&self, host: &str) -> bool {
        let (Some(context), Some(agreement)) = (&self.listener.tls, self.agreement) else {
            return true;
        };
        host.is_empty() || context.vouches(agreement.server_name.as_deref(), host)
    }

    fn route(
        &self,
        request: &Request<'_, '_>,
        scratch: &Scratch,
        trusted: bool,
    ) -> Option<&Arc<Route>> {
        let headers = Fields { all: request.headers, trusted };
        self.listener.route(&RequestView {
            method: request.method,
            host: &scratch.host,
            path: &scratch.path,
            headers: &headers,
        })
    }

    fn forward(
        &self,
        sight: &Sight<'_, '_, '_>,
        route: &Arc<Route>,
        pool: crate::live::PoolId,
        picker: &mut Picker,
        record: &mut Record,
    ) -> Result<Prepared, Failure> {
        let Sight { request, facts, .. } = *sight;
        let limit = route.policy.body_bytes;
        if let (Body::Length(length), Some(limit)) = (facts.body, limit)
            && length > limit
        {
            return Err(Failure::Request(BadRequest::BodyTooLarge));
        }
        let worker = &self.caller.worker;
        if worker.buffers.pressure() >= Pressure::Spent {
            return Ok(Prepared::Local(self.local_failure(Failure::NoMemory, request, facts)));
        }
        let Some(pool) = self.table.pool(pool) else {
            return Ok(Prepared::Local(self.local_failure(Failure::NoBackend, request, facts)));
        };
        record.pool = record.is_logged().then(|| Arc::clone(&pool.name));
        let (fault, under_way) = match self.enter(sight, route, pool, picker, record.started) {
            Ok(entered) => entered,
            Err(local) => return Ok(Prepared::Local(self.shape(local, request, facts))),
        };
        let Some((upgrade, websocket)) = switch(route, facts) else {
            return Ok(Prepared::Local(self.local_failure(Failure::Protocol, request, facts)));
        };
        let key = self.key(pool, sight);
        let lease = pool.choose(picker, key, &[]);
        if let (None, Some(fixed)) = (&lease, &pool.when_down) {
            return Ok(Prepared::Local(self.shape(Local::fixed(fixed), request, facts)));
        }
        let mut head = worker.buffers.take_vec();
        let is_call = is_call(request);
        let (waits, name) = waits(request, route, is_call);
        let budget = name.map(|name| (name, waits.or(route.policy.timeouts.total).is_some()));
        let switch = (upgrade.as_deref(), websocket.as_deref());
        let budget_at = self.write_head(sight, (route, pool), switch, budget, &mut head);
        let terms = Terms {
            route: Arc::clone(route),
            version: request.version,
            keep_alive: facts.keep_alive && !self.caller.acceptor.removed.get(),
            to_head: request.method == "HEAD",
            idempotent: route.policy.retries.idempotent || is_idempotent(request.method),
            converses: facts.body != Body::None && grpc::is_call(request.headers),
            expects: facts.expect_continue,
            is_call,
            upgrade,
            key: websocket,
            hsts: self.hsts().cloned(),
            coding: coding(route, request),
            head_bytes: self.listener.settings.limits.head_bytes,
            headers: self.listener.settings.limits.headers,
        };
        Ok(Prepared::Forward(Job {
            lease,
            under_way,
            fault,
            pool: pool.id,
            policy: pool.into(),
            key,
            head,
            budget: Budget::new(waits, budget_at, is_call),
            upload: Upload::new(facts.body, limit),
            terms,
        }))
    }

    /// What answers say of plain HTTP.
    fn hsts(&self) -> Option<&Arc<str>> {
        self.listener.settings.tls.as_ref().and_then(|tls| tls.hsts.as_ref())
    }

    /// Lets a request in: with the fault that it is to meet, counted as under way where that is
    /// counted. Or says what it is answered with instead.
    fn enter(
        &self,
        sight: &Sight<'_, '_, '_>,
        route: &Route,
        pool: &Pool,
        picker: &mut Picker,
        now: Instant,
    ) -> Result<(Fault, Option<UnderWay>), Local> {
        let worker = &self.caller.worker;
        let class = class(&route.policy.priority, sight.request.headers, sight.trusted);
        let mut fault = None;
        if let Some(exceptions) = &self.table.exceptions {
            let (listener, name) = (&self.listener.settings.name, &route.policy.name);
            if let Some(level) = exceptions.refuses(listener, name, class) {
                return Err(Local::degraded(worker, level.respond.as_ref()));
            }
            fault = exceptions.meets(listener, name, picker);
        }
        if let Some(FaultKind::Abort(status)) = fault {
            return Err(Local::aborted(status));
        }
        let entered = pool.admits(class, picker, worker.index);
        let under_way = entered.map_err(|refused| Local::refused(worker, refused, now))?;
        Ok((Fault::new(fault), under_way))
    }

    /// What ip-hash hashes; other algorithms need nothing.
    fn key(&self, pool: &Pool, sight: &Sight<'_, '_, '_>) -> Option<u64> {
        let Algorithm::IpHash(key) = &pool.algorithm else { return None };
        let headers = sight.request.headers;
        if let HashKey::Header(name) = key {
            let named = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            if let Some(header) = named {
                return Some(ip_hash::key(header.value));
            }
        }
        let trusted = &self.listener.settings.trusted_proxies;
        let client = client_address(self.caller.peer.ip(), trusted, headers);
        Some(ip_hash::address_key(client))
    }

    /// Writes the backend's head, which asks for that protocol if for any; returns where the `budget`
    /// is told, if it is.
    fn write_head(
        &self,
        sight: &Sight<'_, '_, '_>,
        (route, pool): (&Route, &Pool),
        (upgrade, key): (Option<&str>, Option<&WebSocketKey>),
        budget: Option<(&str, bool)>,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let Sight { request, facts, scratch, trusted, id } = *sight;
        let path = if route.policy.raw_path { facts.path } else { &scratch.path };
        let (prefix, path) = rewrite(route, path);
        let origin = Origin {
            peer: self.caller.peer,
            trusted,
            scheme: if self.agreement.is_some() { "https" } else { "http" },
            authority: &scratch.authority,
            id,
        };
        let edits = &route.policy.request_headers;
        let settings = &self.listener.settings;
        let identity = settings.tls.as_ref().map(|tls| &tls.identity_headers);
        let client = self.agreement.and_then(|agreement| agreement.client.as_deref());
        write_request(
            out,
            &Outgoing {
                request,
                facts,
                path,
                prefix,
                origin,
                upgrade,
                key,
                edits,
                reserved: &settings.reserved_headers,
                proved: identity.zip(client),
                trailers: pool.http2 && takes_trailers(request.headers),
                budget,
            },
        )
    }

    fn log(&self, request: &Request<'_, '_>, id: &str, record: &mut Record) {
        if self.listener.settings.access_log.is_none() {
            return;
        }
        let worker: &Worker = &self.caller.worker;
        let value = |name: &str| {
            request.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value)
        };
        let trusted = &self.listener.settings.trusted_proxies;
        let peer = self.caller.peer;
        let client = client_address(peer.ip(), trusted, request.headers);
        let port = if client == peer.ip().to_canonical() { peer.port() } else { 0 };
        let logged = Logged {
            time: (worker.clock)(),
            client: (client, port).into(),
            version: request.version,
            id: id.as_bytes(),
            method: request.method.as_bytes(),
            host: request
                .authority
                .map_or_else(|| value("host"), |it| Some(it.as_bytes()))
                .unwrap_or_default(),
            path: request.target.as_bytes(),
            agent: value("user-agent"),
        };
        record.texts = Some(Texts::new(worker.buffers.take_vec(), &logged));
    }

    /// A head that could not be read begins its record.
    pub(crate) fn log_refused(&self, record: &mut Record) {
        if self.listener.settings.access_log.is_some() {
            let worker: &Worker = &self.caller.worker;
            let logged = Logged::unreadable((worker.clock)(), self.caller.peer);
            record.texts = Some(Texts::new(worker.buffers.take_vec(), &logged));
        }
    }
}

/// A protocol to change to, and the key of its handshake.
type Switch = (Option<Arc<str>>, Option<Box<WebSocketKey>>);

/// The protocol that a backend is asked to change to, if any, and the key of its handshake where the
/// proxy has to make it; `None` = none could be asked for, and the client takes nothing else.
fn switch(route: &Route, facts: &Facts<'_>) -> Option<Switch> {
    let upgrade = upgrade(route, facts);
    if facts.is_connect && upgrade.as_deref() != Some(WEBSOCKET) {
        return None;
    }
    let key = facts.is_connect.then(|| Box::new(WebSocketKey::new(fastrand::u128(..))));
    Some((upgrade, key))
}

/// A parsed request with everything found out about it.
#[derive(Clone, Copy)]
struct Sight<'a, 'h, 'b> {
    request: &'a Request<'h, 'b>,
    facts: &'a Facts<'b>,
    scratch: &'a Scratch,
    trusted: bool,
    id: &'a str,
}

/// Parsed header fields, as routes look at them: without the claims of who is not trusted, which no
/// backend will see either.
struct Fields<'h, 'b> {
    all: &'h [Header<'b>],
    trusted: bool,
}

impl Headers for Fields<'_, '_> {
    fn any(&self, name: &str, mut test: impl FnMut(&[u8]) -> bool) -> bool {
        (self.trusted || !is_claim(name))
            && self
                .all
                .iter()
                .any(|field| field.name.eq_ignore_ascii_case(name) && test(field.value))
    }
}
