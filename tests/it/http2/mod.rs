//! HTTP/2 with clients: what passes to backends that speak HTTP/1.1 and back, and what does not.

mod clients;
mod ends;
mod floods;
mod rules;
mod streams;
mod websockets;

pub(crate) use clients::curl_speaks_http2;
