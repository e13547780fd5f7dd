//! Sockets, buffers and timers: what the data plane does with bytes before they mean anything.
//!
//! Three ideas keep a connection cheap. It waits for readability *before* it takes a [`Buffer`], so
//! an idle connection holds none. Its deadlines share one coarse wheel per worker ([`Timers`]), so
//! moving a deadline is a store and not a timer. And a partial read tells that the socket is
//! drained, so no extra system call is spent on hearing "would block".

mod alarm;
mod buffer;
pub mod client_hello;
mod client_tls;
mod datagram;
mod descriptor;
mod fault;
mod listen;
mod listening;
mod pipe;
pub mod proxy_protocol;
mod relay;
mod socket;
mod stream;
mod timer;
pub mod tls;
mod trust;

pub use alarm::Alarm;
pub use buffer::{Buffer, Buffers, Pressure};
pub use client_tls::client_tls;
pub use datagram::{Batch, Correspondent, Datagrams, Run};
pub use fault::{is_lack, is_local};
pub use listen::{FirstWord, bind, listen};
pub use listening::Listening;
pub use pipe::Pipe;
pub use relay::{Relay, RelayEnd, Side};
pub use stream::{ReadHalf, Stream, WriteHalf};
pub use timer::{Timer, TimerKey, Timers};
