//! Headers: which may pass, which are ours to say, and how a head is written for the other side.

mod edits;
mod framing;
mod identity;
mod name;
mod request;
mod response;
mod websocket_key;

pub(crate) use edits::append;
pub use framing::{FramingError, Lengths};
pub(crate) use identity::{Origin, client_address, given_id, is_trusted};
pub(crate) use name::{Known, OPTIONS_MAX, elements, is_claim, known};
pub(crate) use request::{Outgoing, write_request};
pub(crate) use response::{ClientFraming, ClientSide, HSTS, response_fields, write_response};
pub(crate) use websocket_key::WebSocketKey;
