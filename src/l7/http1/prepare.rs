//! From the bytes of a head to a request at the desk.

use std::mem::MaybeUninit;

use httparse::Header;

use crate::l7::desk::{Desk, Prepared};
use crate::l7::error::Failure;
use crate::l7::local::Local;
use crate::l7::record::Record;
use crate::table::Picker;

use super::connection::Connection;
use super::facts::facts;
use super::head::parse_request;

/// Header fields that fit on the stack; configured limits above take a heap allocation.
const FIELDS: usize = 128;

/// Prepares a request; fills in `record` as far as it gets.
pub(super) fn prepare(connection: &Connection, head: &[u8], record: &mut Record) -> Prepared {
    let Connection { caller, stream, .. } = connection;
    stream.with_agreement(|agreement| {
        caller.worker.with_table(|table, picker| {
            caller.acceptor.with_listener(table, |listener, _| {
                let desk = Desk { caller, agreement, listener, table };
                prepare_whole(&desk, head, picker, record)
            })
        })
    })
}

fn prepare_whole(
    desk: &Desk<'_>,
    head: &[u8],
    picker: &mut Picker,
    record: &mut Record,
) -> Prepared {
    let fields = desk.listener.settings.limits.headers;
    let mut few = [const { MaybeUninit::uninit() }; FIELDS];
    let mut many = Vec::new();
    let room: &mut [MaybeUninit<Header<'_>>] = if fields <= FIELDS {
        &mut few[..fields]
    } else {
        many.resize_with(fields, MaybeUninit::uninit);
        &mut many
    };
    match parse_request(head, room) {
        Ok(request) => desk.prepare(&request, facts, picker, record),
        Err(reason) => {
            desk.log_refused(record);
            Prepared::Local(Local::failure(&desk.caller.worker, Failure::Request(reason)))
        }
    }
}
