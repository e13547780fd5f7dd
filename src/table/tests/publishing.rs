//! Who sees which table, and who frees it.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::thread;

use crate::config::Algorithm;
use crate::table::fixture::{World, backends, zone};
use crate::table::{Publisher, Table};

fn next(world: &mut World, previous: Option<&Table>) -> Table {
    world.table(vec![zone("a", 1.0, backends("a", &[1, 1]))], previous)
}

#[test]
fn readers_see_the_newest_table() {
    let mut world = World::new(Algorithm::RoundRobin, vec![]);
    let (mut publisher, reader) = Publisher::new(next(&mut world, None));
    let mut cached = reader.cached();
    let mut changes = reader.changes();
    assert_eq!(cached.load().generation, 1);
    assert!(!changes.has_changed().unwrap());
    let table = next(&mut world, Some(publisher.current()));
    publisher.publish(table);
    assert_eq!(reader.load().generation, 2);
    assert_eq!(cached.load().generation, 2);
    assert_eq!(publisher.current().generation, 2);
    assert_eq!(*changes.borrow_and_update(), 2);
}

#[test]
fn an_old_table_stays_until_its_last_reader_has_left_it() {
    let mut world = World::new(Algorithm::RoundRobin, vec![]);
    let (mut publisher, reader) = Publisher::new(next(&mut world, None));
    let held = reader.load();
    let first: Weak<Table> = Arc::downgrade(&held);
    publisher.publish(next(&mut world, None));
    publisher.publish(next(&mut world, None));
    assert_eq!(publisher.reap(), 1);
    drop(held);
    assert!(first.upgrade().is_some(), "a reader freed the table");
    assert_eq!(publisher.reap(), 0);
    assert!(first.upgrade().is_none());
}

#[test]
fn a_worker_that_sleeps_holds_one_table_and_no_more() {
    let mut world = World::new(Algorithm::RoundRobin, vec![]);
    let (mut publisher, reader) = Publisher::new(next(&mut world, None));
    let mut cached = reader.cached();
    for _ in 0..10 {
        publisher.publish(next(&mut world, None));
    }
    assert_eq!(publisher.reap(), 1);
    cached.load();
    assert_eq!(publisher.reap(), 0);
}

#[test]
fn under_load_no_reader_frees_a_table() {
    let mut world = World::new(Algorithm::RoundRobin, vec![]);
    let (mut publisher, reader) = Publisher::new(next(&mut world, None));
    let stop = AtomicBool::new(false);
    let mut freed_by_others = 0;
    thread::scope(|scope| {
        for _ in 0..3 {
            let mut cached = reader.cached();
            let (reader, stop) = (reader.clone(), &stop);
            scope.spawn(move || {
                let mut last = 0;
                while !stop.load(Relaxed) {
                    let generation = cached.load().generation;
                    assert!(generation >= last, "went back from {last} to {generation}");
                    last = generation.max(reader.load().generation);
                }
            });
        }
        let mut published: Vec<Weak<Table>> = vec![];
        for _ in 0..2_000 {
            let table = next(&mut world, Some(publisher.current()));
            published.push(Arc::downgrade(publisher.current()));
            publisher.publish(table);
            // Nothing was reaped since the last look, so nothing may be gone.
            freed_by_others += published.iter().filter(|table| table.strong_count() == 0).count();
            publisher.reap();
            published.retain(|table| table.strong_count() > 0);
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(freed_by_others, 0);
    assert_eq!(publisher.reap(), 0);
}
