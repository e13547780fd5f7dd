//! Why bytes from a peer were refused: closed sets, so that each can be a metric label.

macro_rules! closed_set {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// Every member, in declaration order: `ALL[x as usize] == x`.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name used in metrics, logs and views.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

closed_set! {
    /// Why a request was refused before it was routed.
    BadRequest {
        /// Not a request line, or a method or version out of grammar.
        RequestLine = "request_line",
        /// Control bytes, raw non-ASCII bytes, or a form of target that is not served.
        Target = "target",
        /// A bad escape, NUL, a climb above the root, or a form the listener refuses.
        Path = "path",
        /// A header line out of grammar: space before the colon, folding, control bytes.
        Header = "header",
        /// A CR or LF that is not part of CRLF.
        BareNewline = "bare_newline",
        /// `Host` missing, repeated or invalid.
        Host = "host",
        /// Both `Content-Length` and `Transfer-Encoding`.
        LengthAndCoding = "length_and_coding",
        /// `Content-Length` repeated or malformed.
        ContentLength = "content_length",
        /// A transfer coding other than one final `chunked`, or any on HTTP/1.0.
        TransferEncoding = "transfer_encoding",
        /// Chunk framing out of grammar or limits.
        Chunk = "chunk",
        /// Trailers out of grammar or limits.
        Trailer = "trailer",
        /// More head bytes than allowed.
        HeadTooLarge = "head_too_large",
        /// More header fields than allowed.
        TooManyHeaders = "too_many_headers",
        /// A body larger than allowed.
        BodyTooLarge = "body_too_large",
        /// `Expect` other than `100-continue`.
        Expectation = "expectation",
        /// CONNECT, or another method that is not served.
        Method = "method",
        /// HTTP/2 preface or another major version.
        Version = "version",
    }
}

closed_set! {
    /// Why a backend's response was refused.
    BadResponse {
        /// Not a status line.
        StatusLine = "status_line",
        /// A header line out of grammar, or a bare CR or LF.
        Header = "header",
        /// Contradicting or malformed `Content-Length` or `Transfer-Encoding`.
        Framing = "framing",
        /// Chunk framing or trailers out of grammar or limits.
        Chunk = "chunk",
        /// More head bytes or header fields than allowed.
        TooLarge = "too_large",
        /// Closed before the whole response.
        Truncated = "truncated",
        /// `101` that was not asked for.
        Upgrade = "upgrade",
        /// More frames than any answer needs, over HTTP/2.
        Frames = "frames",
    }
}

closed_set! {
    /// Why an exchange ended, for the access log and metrics.
    Ended {
        /// The whole response was delivered.
        Done = "done",
        /// Answered by the proxy itself because of the request (4xx, redirect, fixed).
        Local = "local",
        /// Refused as malformed.
        BadRequest = "bad_request",
        /// The client left.
        ClientLeft = "client_left",
        /// The client was too slow.
        ClientTimeout = "client_timeout",
        /// No backend could take it.
        NoBackend = "no_backend",
        /// No zone had room for it.
        Shed = "shed",
        /// Its pool is left alone for a while.
        CircuitOpen = "circuit_open",
        /// It is one of those that a level of degraded service does without.
        Degraded = "degraded",
        /// An operator had put a fault on its route, which ended it.
        FaultInjected = "fault_injected",
        /// It came too soon.
        RateLimited = "rate_limited",
        /// Most of the memory for buffers was in use (`limits.buffers`).
        NoMemory = "no_memory",
        /// There was no place for it, and as many waited as may.
        QueueFull = "queue_full",
        /// No place became free in time.
        QueueTimeout = "queue_timeout",
        /// Connecting to backends failed.
        ConnectFailed = "connect_failed",
        /// There was no agreement with a backend by TLS.
        TlsFailed = "upstream_tls_failed",
        /// A backend closed or reset before its response.
        UpstreamReset = "upstream_reset",
        /// A backend went down before it had answered.
        BackendDown = "backend_down",
        /// A backend or listener was drained, and the drain did not wait any longer.
        Drained = "drained",
        /// A backend did not answer in time.
        UpstreamTimeout = "upstream_timeout",
        /// A backend answered with a status that was to be tried again, and nobody else could be asked.
        UpstreamStatus = "upstream_status",
        /// A backend's response was malformed.
        BadResponse = "bad_response",
        /// A backend's response broke off after its head was delivered.
        Truncated = "truncated",
        /// An upgraded tunnel ended.
        Tunnel = "tunnel",
        /// The route's total deadline passed.
        TotalTimeout = "total_timeout",
        /// The proxy was shutting down.
        Shutdown = "shutdown",
    }
}

closed_set! {
    /// Why a forwarded connection ended, for the access log and metrics.
    ForwardEnded {
        /// Both sides ended in order.
        Done = "done",
        /// The client reset it.
        ClientReset = "client_reset",
        /// The backend reset it.
        BackendReset = "backend_reset",
        /// The client left before there was a backend.
        ClientLeft = "client_left",
        /// No TLS hello came in time, and routes depend on it.
        HelloTimeout = "hello_timeout",
        /// It did not begin with a TLS hello.
        NotTls = "not_tls",
        /// No route matches.
        NoRoute = "no_route",
        /// No backend could take it.
        NoBackend = "no_backend",
        /// No zone had room for it.
        Shed = "shed",
        /// Connecting to backends failed.
        ConnectFailed = "connect_failed",
        /// Every backend had as many connections as it may, and so had the queue.
        QueueFull = "queue_full",
        /// No place at a backend became free in time.
        QueueTimeout = "queue_timeout",
        /// Nothing moved for too long.
        Idle = "idle",
        /// It was open for as long as one may be.
        Lifetime = "lifetime",
        /// Its backend went down, and the pool's `on_down` says that it ends then.
        BackendDown = "backend_down",
        /// The network said that nobody listens there.
        Unreachable = "unreachable",
        /// Of a flow that had not proven itself: it made way for a new one.
        Evicted = "evicted",
        /// Its backend or listener was drained, and the drain did not wait any longer.
        Drained = "drained",
        /// The proxy was shutting down.
        Shutdown = "shutdown",
    }
}

closed_set! {
    /// Why a connection was closed as soon as its client was known.
    ConnectionRefused {
        /// Its client may not connect (`allow`, `deny`).
        Denied = "denied",
        /// Its client has as many open as it may (`limits.connections_per_client`).
        PerClient = "per_client",
        /// All of the memory for buffers was in use (`limits.buffers`), so nothing of it was read.
        Memory = "memory",
    }
}

closed_set! {
    /// What a client was too slow with.
    SlowClient {
        /// Nothing came of a next request (`timeouts.idle`).
        Idle = "idle",
        /// A request's head was not whole in time (`timeouts.head`).
        Head = "head",
        /// Nothing came of a request's body (`timeouts.body_idle`).
        Body = "body",
        /// A request's body came too slowly (`limits.min_rate`).
        BodyRate = "body_rate",
        /// Nothing of a response was taken (`timeouts.body_idle`).
        Response = "response",
        /// A response was taken too slowly (`limits.min_rate`).
        ResponseRate = "response_rate",
    }
}

closed_set! {
    /// Why no connections were accepted for a while.
    AcceptPause {
        /// As many were open as may (`limits.connections`).
        Connections = "connections",
        /// As many TLS handshakes were under way as may (`limits.handshakes`).
        Handshakes = "handshakes",
        /// The process had no file descriptor or memory left.
        Lack = "lack",
        /// Much of the memory for buffers was in use (`limits.buffers`).
        Memory = "memory",
    }
}

closed_set! {
    /// Why a datagram was dropped.
    DatagramDropped {
        /// There was no room for another flow.
        NoRoom = "no_room",
        /// Its client may not begin a flow (`allow`, `deny`).
        Denied = "denied",
        /// Its client has as many flows as it may (`limits.connections_per_client`).
        PerClient = "per_client",
        /// No backend could take it.
        NoBackend = "no_backend",
        /// No zone had room for it.
        Shed = "shed",
        /// Larger than can be sent on.
        TooLarge = "too_large",
        /// The system could not send it.
        Unsent = "unsent",
        /// It would have begun something, and nothing new is taken.
        Closing = "closing",
    }
}

closed_set! {
    /// Why a TLS handshake did not end in an agreement, and its connection was closed.
    TlsFailure {
        /// It took longer than a request's head may.
        Late = "late",
        /// The client left in the middle.
        Gone = "gone",
        /// The client speaks HTTP without TLS.
        InClear = "in_clear",
        /// What the client sent is not TLS, or broken.
        Protocol = "protocol",
        /// No version, cipher suite or group in common.
        NoAgreement = "no_agreement",
        /// The client asked for a name that no certificate is for.
        UnknownName = "unknown_name",
        /// The client had to show a certificate, and has shown none.
        NoCertificate = "no_certificate",
        /// Nobody vouches for the client's certificate, or no more.
        BadCertificate = "bad_certificate",
        /// The client refused, such as for the certificate.
        Refused = "refused",
    }
}

closed_set! {
    /// What a client that speaks HTTP/2 sent too much of, and its connection was closed.
    Http2Abuse {
        /// SETTINGS, each of which is to be acknowledged.
        Settings = "settings",
        /// PING, each of which is to be answered.
        Pings = "pings",
        /// Streams that it gave up.
        Resets = "resets",
        /// Frames that mean nothing here.
        Other = "other",
        /// A head took longer than it may.
        SlowHead = "slow_head",
        /// What the frame layer bounds: pieces of a head, empty or small pieces of bodies, streams given up
        /// before they were looked at, errors.
        FrameLayer = "frame_layer",
    }
}

closed_set! {
    /// Why a PROXY protocol header was refused, and its connection closed.
    BadProxyHeader {
        /// From a source that may not send one.
        Untrusted = "untrusted",
        /// There was none where one is required.
        Missing = "missing",
        /// It did not arrive in time.
        Late = "late",
        /// A line out of grammar, or too long.
        Line = "line",
        /// A version other than 1 and 2.
        Version = "version",
        /// A command other than PROXY and LOCAL.
        Command = "command",
        /// Neither TCP over IPv4 or IPv6, nor a unix stream, nor unspecified.
        Family = "family",
        /// Addresses or ports malformed or cut off.
        Address = "address",
        /// A field cut off, empty, too long or repeated.
        Field = "field",
        /// The checksum does not hold.
        Checksum = "checksum",
        /// Longer than is read.
        TooLong = "too_long",
    }
}
