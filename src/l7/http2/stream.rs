//! One stream: a request, and its exchange.

use std::future::poll_fn;
use std::rc::Rc;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use hyper::Request;
use tokio::time::Instant;

use crate::l7::desk::Prepared;
use crate::l7::exchange::{self, Client, Parties};
use crate::l7::record::Record;
use crate::l7::seat::{Seats, Work};
use crate::l7::worker::Worker;
use crate::model::Ended;
use crate::worker::listener_id;

use super::connection::Underway;
use super::peer::Peer;
use super::prepare::prepare;

/// A request that has come.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(super) underway: Underway,
    pub(super) request: Request<RecvStream>,
    pub(super) respond: SendResponse<Bytes>,
}

impl Work for Stream {
    fn worker(&self) -> &Rc<Worker> {
        &self.underway.0.caller.worker
    }

    fn seats(worker: &Worker) -> &Seats<Self> {
        &worker.streams
    }

    fn work(self) -> impl Future<Output = ()> {
        self.exchange()
    }
}

impl Stream {
    /// Answers the request.
    async fn exchange(self) {
        let Self { underway, request, respond } = self;
        let session = &underway.0;
        let caller = &session.caller;
        let mut record = Record::new(Instant::now());
        let (head, body) = request.into_parts();
        let prepared = prepare(session, &head, body.is_end_stream(), &mut record);
        drop(head);
        let mut peer = Peer::new(&session.meter, body, respond);
        let timer = caller.worker.timers.timer();
        let (after, ended) = match prepared {
            Prepared::Forward(mut job) => {
                // What came with the head is held with it, so that it can be sent again.
                poll_fn(|cx| peer.poll_what_came(cx)).await;
                let parties = Parties {
                    worker: &caller.worker,
                    client: &mut peer,
                    timer: &timer,
                    listener: listener_id(&caller.acceptor.live),
                    peer: caller.peer,
                    removed: &caller.acceptor.removed,
                };
                exchange::run(parties, &mut job, &mut record).await
            }
            Prepared::Local(local) => {
                (peer.answer(&caller.worker, &timer, &local, &mut record).await, local.ended())
            }
        };
        peer.close(after);
        if ended == Ended::Done {
            session.meter.earn();
        }
        caller.finish(&mut record, ended);
    }
}
