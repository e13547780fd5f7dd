//! Every default in one place, so that `check --print` and the documentation cannot drift apart.

use std::num::NonZeroU32;
use std::time::Duration;

/// Whole request head, from its first byte.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Between requests on a kept-alive client connection.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Opening a connection to a backend.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// From the request sent to the response's first byte.
pub const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two reads of a body, either direction.
pub const BODY_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes per second that a client must send of a body, or take of a response, while it is waited for.
pub const MIN_RATE: Option<NonZeroU32> = NonZeroU32::new(500);
/// How long it may be slower than that.
pub const MIN_RATE_GRACE: Duration = Duration::from_secs(30);
/// How long an unused upstream connection is kept.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a request or response head.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Header fields of a request or response.
pub const HEADERS: usize = 100;
/// Open client connections per listener, all workers together.
pub const CONNECTIONS: u32 = 20_000;
/// Streams open at once on a client's HTTP/2 connection.
pub const HTTP2_STREAMS: u32 = 128;
/// Requests under way at once on one connection to a backend that speaks HTTP/2 (as HAProxy has it).
pub const BACKEND_HTTP2_STREAMS: u32 = 100;
/// Connections to one backend that speaks HTTP/2, per worker.
pub const BACKEND_HTTP2_CONNECTIONS: u32 = 16;
/// Without a byte in either direction of a forwarded connection.
pub const TCP_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// Without a datagram in either direction of a flow.
pub const UDP_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// All tries to connect a client of a TCP listener to a backend.
pub const CONNECT_TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a TLS hello may take to arrive, where routes ask for it.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a PROXY protocol header may take to arrive.
pub const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that may wait for a place at one of a pool's backends.
pub const QUEUE_LENGTH: u32 = 500;
/// How long a connection waits for a place.
pub const QUEUE_TIMEOUT: Duration = Duration::from_millis(500);
/// Clients or values that a rate limit remembers.
pub const RATE_LIMIT_KEYS: u32 = 100_000;
/// Tries of one request, the first included.
pub const ATTEMPTS: u32 = 3;
/// The first pause before a request is sent again, at most.
pub const RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// The longest such pause.
pub const RETRY_BACKOFF_MAX: Duration = Duration::from_secs(1);
/// Bytes of a body that are held to be sent again.
pub const RETRY_BODY_BYTES: usize = 64 * 1024;
/// Requests that may be sent again, as a part of the recent ones.
pub const RETRY_BUDGET: f64 = 0.2;
/// Requests per second that may be sent again however few there are.
pub const RETRIES_PER_SECOND_MIN: u32 = 3;
/// An upstream connection idle for longer than this is not used for a request that must not be
/// sent twice.
pub const UNSAFE_REUSE_AGE: Duration = Duration::from_secs(1);
/// Idle upstream connections kept per backend and worker.
pub const POOL_IDLE_CONNECTIONS: usize = 4096;
/// A zone's health below which it fails, and from which on it may come back.
pub const ZONE_HEALTH: (f64, f64) = (0.5, 0.75);
/// A region's health below which it fails, and from which on it may come back.
pub const REGION_HEALTH: (f64, f64) = (0.7, 0.85);
/// The least time between two automatic changes of a zone.
pub const DWELL: Duration = Duration::from_secs(30);
/// How long a zone stays out after its first failure.
pub const HOLD_DOWN: Duration = Duration::from_secs(60);
/// How long a zone stays out at most, however often it failed.
pub const HOLD_DOWN_MAX: Duration = Duration::from_secs(30 * 60);
/// Time without failure that forgets one.
pub const HOLD_DOWN_DECAY: Duration = Duration::from_secs(60 * 60);
/// Changes per zone and hour that a pool's numbers must keep to.
pub const MAX_TRANSITIONS: u32 = 150;
/// What is out for longer without being proven is escalated.
pub const ESCALATE_AFTER: Duration = Duration::from_secs(5 * 60);
/// What a pool must carry without its largest zone, and how much more is enough again.
pub const HEADROOM: (f64, f64) = (1.0, 0.05);
/// How long it must be so before somebody is told.
pub const HEADROOM_LASTS: Duration = Duration::from_secs(30);
/// How long a zone must be well before it gets anything.
pub const PROVING: Duration = Duration::from_secs(30);
/// The parts a zone gets on its way back, and how long each lasts at least.
pub const STAGES: [(f64, Duration); 4] = [
    (0.01, Duration::from_secs(5 * 60)),
    (0.10, Duration::from_secs(5 * 60)),
    (0.50, Duration::from_secs(5 * 60)),
    (1.0, Duration::ZERO),
];
/// How long a zone is compared with the others when it has its whole part again.
pub const WATCH: Duration = Duration::from_secs(30 * 60);
/// How likely a zone as good as the others may be rolled back.
pub const GATE_ALPHA: f64 = 0.01;
/// How likely a zone that is certainly worse may pass a stage.
pub const GATE_BETA: f64 = 0.05;
/// Requests that a stage needs.
pub const GATE_MIN_REQUESTS: u64 = 100;
/// Times as many failed or slow requests as elsewhere that are certainly worse.
pub const GATE_WORSE_BY: u32 = 3;
/// An error rate that is good enough in itself.
pub const GATE_ERRORS_BELOW: f64 = 0.01;
/// How much more than its part of the traffic what is healthy is assumed to bear, where no capacity
/// is declared.
pub const OVERPROVISIONING: f64 = 1.4;
/// How long a drain waits for what is in flight.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// From one network probe's start to the next's.
pub const NETWORK_INTERVAL: Duration = Duration::from_millis(100);
/// How long a network probe may take.
pub const NETWORK_TIMEOUT: Duration = Duration::from_millis(50);
/// From one process probe's start to the next's.
pub const PROCESS_INTERVAL: Duration = Duration::from_millis(500);
/// How long a process probe may take.
pub const PROCESS_TIMEOUT: Duration = Duration::from_millis(250);
/// From one application probe's start to the next's.
pub const APPLICATION_INTERVAL: Duration = Duration::from_secs(1);
/// How long an application probe may take.
pub const APPLICATION_TIMEOUT: Duration = Duration::from_millis(500);
/// From one business probe's start to the next's.
pub const BUSINESS_INTERVAL: Duration = Duration::from_secs(5);
/// How long a business probe may take, all its steps together.
pub const BUSINESS_TIMEOUT: Duration = Duration::from_secs(2);
/// Failures in a row until Down.
pub const FALL: u32 = 3;
/// Failures in a row of the business layer until Down: one takes as long as a whole outage may.
pub const BUSINESS_FALL: u32 = 2;
/// Passes in a row until Up again.
pub const RISE: u32 = 2;
/// How much of the interval a probe may be early or late.
pub const JITTER: f64 = 0.1;
/// What a failing application keeps of its weight where it is degraded, not removed.
pub const DEGRADE: f64 = 0.5;
/// What a failing transaction leaves of the weight at the least.
pub const FLOOR: f64 = 0.1;
/// φ from which a silence is a suspicion: P(later) ≈ 3.4e-4.
pub const PHI_SUSPECT: u32 = 8;
/// φ from which a silence is a verdict: P(later) ≈ 1.1e-7.
pub const PHI_FAILED: u32 = 16;
/// Gaps between passes remembered per check.
pub const PHI_WINDOW: usize = 200;
/// The least deviation of those gaps, as a part of their mean.
pub const PHI_JITTER: f64 = 0.3;
/// Bytes of the body of an answer to a probe.
pub const ANSWER_BODY_BYTES: usize = 1024 * 1024;
/// How often within a minute a backend may come back.
pub const MAX_RETURNS: u32 = 5;
/// How far back live tries are judged.
pub const TRAFFIC_WINDOW: Duration = Duration::from_secs(10);
/// Tries within the window that say something.
pub const TRAFFIC_MIN_REQUESTS: u32 = 20;
/// The part of them that may fail.
pub const TRAFFIC_MAX_ERRORS: f64 = 0.5;
/// The part of the answers that may be slow, where slowness is judged.
pub const TRAFFIC_MAX_SLOW: f64 = 0.5;
/// How long the first ejection lasts at the least.
pub const EJECT: Duration = Duration::from_secs(10);
/// The longest an ejection lasts before proof may begin.
pub const EJECT_MAX: Duration = Duration::from_secs(5 * 60);
/// The part of a pool's backends that may be out by their answers.
pub const MAX_EJECTED: f64 = 0.5;
/// Tries that must end well before a backend on trial is in again.
pub const TRIAL_REQUESTS: u32 = 3;
/// The part of its weight that a backend has on trial.
pub const TRIAL_SHARE: f64 = 0.1;
/// Statuses an endpoint is expected to answer with.
pub const STATUS: (u16, u16) = (200, 399);
/// The admin API's unix socket, relative to the current directory.
pub const ADMIN_SOCKET: &str = "run/admin.sock";
