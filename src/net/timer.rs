//! One coarse timer wheel per worker: a deadline per connection, moved by a plain store.
//!
//! Every exchange moves its connection's deadline four or five times (head, connect, first byte,
//! body, idle), and almost none ever fires. So a timer is linked into the wheel once and stays in
//! its slot while its deadline moves *away*; the slot finds out when its turn comes and links it
//! anew. Only a deadline that moves *nearer* than the slot relinks at once.
//!
//! Deadlines are rounded up to the next tick of 20 ms: a timer never fires early.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

const TICK: Duration = Duration::from_millis(20);
const SLOTS: usize = 1024;
const NONE: u32 = u32::MAX;

/// A worker's timer wheel.
#[derive(Debug)]
pub struct Timers {
    start: Instant,
    wheel: RefCell<Wheel>,
}

#[derive(Debug)]
struct Wheel {
    /// The last tick that was worked off.
    now: u64,
    /// First entry of each slot's list.
    slots: Box<[u32]>,
    entries: Vec<Entry>,
    free: u32,
    /// Who waits for the next turn, whatever their deadlines are.
    waiting: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    /// The tick it is due at; `u64::MAX` = never.
    due: u64,
    /// The tick of the slot it is linked in; `u64::MAX` = not linked.
    linked: u64,
    prev: u32,
    next: u32,
    /// The tick after which a wait for the next turn is over; `u64::MAX` = nobody waits.
    turn: u64,
    /// It is among those who wait. Belongs to the place, not to the timer that has it: a place
    /// that changes hands many times within a tick is queued once.
    queued: bool,
    waker: Option<Waker>,
}

/// One deadline; dropping it takes it off the wheel.
#[derive(Debug)]
pub struct Timer {
    timers: Rc<Timers>,
    key: u32,
}

/// Names a timer to [`Timers::wake`].
#[derive(Clone, Copy, Debug)]
pub struct TimerKey(u32);

impl Timers {
    /// An empty wheel that starts now.
    #[must_use]
    pub fn new() -> Rc<Self> {
        let wheel = Wheel {
            now: 0,
            slots: vec![NONE; SLOTS].into_boxed_slice(),
            entries: Vec::new(),
            free: NONE,
            waiting: Vec::new(),
        };
        Rc::new(Self { start: Instant::now(), wheel: RefCell::new(wheel) })
    }

    /// A timer without a deadline.
    #[must_use]
    pub fn timer(self: &Rc<Self>) -> Timer {
        let key = self.wheel.borrow_mut().insert();
        Timer { timers: Rc::clone(self), key }
    }

    /// Wakes everyone who waits on a timer, without any deadline having passed: to look again at
    /// whatever else they wait for.
    pub fn wake_all(&self) {
        let wakers: Vec<Waker> =
            self.wheel.borrow_mut().entries.iter_mut().filter_map(|e| e.waker.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Wakes whoever waits on this timer, without its deadline having passed: to look again at
    /// whatever else they wait for. If the timer is gone, whoever has its place is woken in vain.
    pub fn wake(&self, key: TimerKey) {
        let mut wheel = self.wheel.borrow_mut();
        let waker = wheel.entries.get_mut(key.0 as usize).and_then(|entry| entry.waker.take());
        drop(wheel);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Turns the wheel; runs as long as its worker.
    pub async fn run(self: Rc<Self>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            // Not the tick's own time: after a pause of the whole process that is long ago, and
            // deadlines set meanwhile would fire early.
            interval.tick().await;
            self.turn(self.start.elapsed().as_millis() as u64 / TICK.as_millis() as u64);
        }
    }

    fn turn(&self, to: u64) {
        loop {
            // Wakers run outside the borrow: waking may drop or move timers.
            let due = {
                let mut wheel = self.wheel.borrow_mut();
                if wheel.now >= to {
                    return;
                }
                wheel.step()
            };
            due.into_iter().for_each(Waker::wake);
        }
    }
}

impl Wheel {
    fn insert(&mut self) -> u32 {
        let fresh = Entry {
            due: u64::MAX,
            linked: u64::MAX,
            prev: NONE,
            next: NONE,
            turn: u64::MAX,
            queued: false,
            waker: None,
        };
        if self.free == NONE {
            self.entries.push(fresh);
            return self.entries.len() as u32 - 1;
        }
        let key = self.free;
        let entry = &mut self.entries[key as usize];
        self.free = entry.next;
        *entry = Entry { queued: entry.queued, ..fresh };
        key
    }

    fn remove(&mut self, key: u32) {
        self.unlink(key);
        let entry = &mut self.entries[key as usize];
        entry.waker = None;
        entry.next = self.free;
        self.free = key;
    }

    fn set(&mut self, key: u32, due: u64) {
        let entry = &mut self.entries[key as usize];
        entry.due = due;
        if due < entry.linked {
            self.unlink(key);
            self.link(key, due);
        }
    }

    /// Advances one tick and returns the wakers of what is due.
    fn step(&mut self) -> Vec<Waker> {
        self.now += 1;
        let mut due = self.turned();
        let mut key = self.slots[self.now as usize % SLOTS];
        while key != NONE {
            let entry = &mut self.entries[key as usize];
            let next = entry.next;
            if entry.linked <= self.now {
                let at = entry.due;
                if at <= self.now {
                    due.extend(entry.waker.take());
                }
                self.unlink(key);
                if at > self.now && at != u64::MAX {
                    self.link(key, at);
                }
            }
            key = next;
        }
        due
    }

    /// The wakers of those who waited for this turn.
    fn turned(&mut self) -> Vec<Waker> {
        let (now, mut wakers) = (self.now, Vec::new());
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|&key| {
            let entry = &mut self.entries[key as usize];
            if entry.turn < now {
                wakers.extend(entry.waker.take());
            }
            entry.queued = entry.turn != u64::MAX && entry.turn >= now;
            entry.queued
        });
        self.waiting = waiting;
        wakers
    }

    fn link(&mut self, key: u32, tick: u64) {
        let tick = tick.max(self.now + 1);
        let slot = tick as usize % SLOTS;
        let first = std::mem::replace(&mut self.slots[slot], key);
        let entry = &mut self.entries[key as usize];
        (entry.linked, entry.prev, entry.next) = (tick, NONE, first);
        if first != NONE {
            self.entries[first as usize].prev = key;
        }
    }

    fn unlink(&mut self, key: u32) {
        let entry = &mut self.entries[key as usize];
        if entry.linked == u64::MAX {
            return;
        }
        let (slot, prev, next) = (entry.linked as usize % SLOTS, entry.prev, entry.next);
        (entry.linked, entry.prev, entry.next) = (u64::MAX, NONE, NONE);
        if prev == NONE {
            self.slots[slot] = next;
        } else {
            self.entries[prev as usize].next = next;
        }
        if next != NONE {
            self.entries[next as usize].prev = prev;
        }
    }
}

impl Entry {
    fn keep_waker(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            waker => *waker = Some(cx.waker().clone()),
        }
    }
}

impl Timer {
    /// Sets the deadline to `after` from now.
    pub fn set(&self, after: Duration) {
        let mut wheel = self.timers.wheel.borrow_mut();
        let ticks = after.as_millis().div_ceil(TICK.as_millis()) as u64;
        // One more, because the current tick has already begun.
        let due = wheel.now.saturating_add(ticks).saturating_add(1);
        wheel.set(self.key, due);
    }

    /// What [`Timers::wake`] knows it by.
    #[must_use]
    pub fn key(&self) -> TimerKey {
        TimerKey(self.key)
    }

    /// The time as the wheel has it, in milliseconds since it was made: in whole turns, and free to ask
    /// for.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.timers.wheel.borrow().now * TICK.as_millis() as u64
    }

    /// Takes the deadline away.
    pub fn clear(&self) {
        self.timers.wheel.borrow_mut().set(self.key, u64::MAX);
    }

    /// Ready once the deadline has passed.
    pub fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut wheel = self.timers.wheel.borrow_mut();
        let now = wheel.now;
        let entry = &mut wheel.entries[self.key as usize];
        if entry.due <= now {
            return Poll::Ready(());
        }
        entry.keep_waker(cx);
        Poll::Pending
    }

    /// Ready once the wheel has turned a whole tick since the first call; then the next call begins
    /// anew. For what is worth doing only if the wait turns out not to be short.
    pub fn poll_next_turn(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut wheel = self.timers.wheel.borrow_mut();
        let Wheel { now, entries, waiting, .. } = &mut *wheel;
        let entry = &mut entries[self.key as usize];
        if entry.turn < *now {
            entry.turn = u64::MAX;
            return Poll::Ready(());
        }
        if entry.turn == u64::MAX {
            // The current tick has already begun.
            entry.turn = *now + 1;
            if !std::mem::replace(&mut entry.queued, true) {
                waiting.push(self.key);
            }
        }
        entry.keep_waker(cx);
        Poll::Pending
    }

    /// Runs `work` until it ends or the deadline passes (`None`).
    pub async fn limit<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => self.poll_expired(cx).map(|()| None),
        })
        .await
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.timers.wheel.borrow_mut().remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel() -> Rc<Timers> {
        Timers::new()
    }

    fn expired(timer: &Timer) -> bool {
        timer.poll_expired(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_never_fires_early_and_at_most_two_ticks_late() {
        let timers = wheel();
        for ms in [0_u64, 1, 19, 20, 21, 10_000, 60_000] {
            let timer = timers.timer();
            let begin = timers.wheel.borrow().now;
            timer.set(Duration::from_millis(ms));
            let mut tick = begin;
            while !expired(&timer) {
                tick += 1;
                timers.turn(tick);
            }
            let elapsed_max = (tick - begin) * 20;
            assert!(elapsed_max > ms, "{ms} ms fired after at most {elapsed_max} ms");
            assert!(elapsed_max <= ms + 40, "{ms} ms fired after {elapsed_max} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_away_is_found_again_and_one_that_moves_nearer_fires() {
        let timers = wheel();
        let timer = timers.timer();
        timer.set(Duration::from_secs(1));
        timers.turn(25);
        timer.set(Duration::from_secs(1));
        timers.turn(60);
        assert!(!expired(&timer), "the deadline was moved");
        timer.set(Duration::from_millis(100));
        timers.turn(66);
        assert!(expired(&timer));
        timer.set(Duration::from_secs(60));
        assert!(!expired(&timer));
        timers.turn(66 + 3001);
        assert!(expired(&timer));
    }

    #[tokio::test(start_paused = true)]
    async fn limit_ends_the_work_at_its_deadline() {
        let timers = wheel();
        let timer = timers.timer();
        timer.set(Duration::from_secs(2));
        tokio::select! {
            () = Rc::clone(&timers).run() => {}
            output = timer.limit(std::future::pending::<()>()) => assert!(output.is_none()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_turn_is_awaited_once_however_often_a_place_changes_hands() {
        let timers = wheel();
        let turned = |timer: &Timer| {
            timer.poll_next_turn(&mut Context::from_waker(Waker::noop())).is_ready()
        };
        for tick in 1..100 {
            for _ in 0..10 {
                let brief = timers.timer();
                assert!(!turned(&brief));
            }
            timers.turn(tick);
            assert!(timers.wheel.borrow().waiting.len() <= 1);
        }
        let timer = timers.timer();
        assert!(!turned(&timer));
        timers.turn(100);
        assert!(!turned(&timer), "the tick in which it began was not a whole one");
        timers.turn(101);
        assert!(turned(&timer));
        assert!(!turned(&timer), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn dropped_timers_leave_the_wheel_whole() {
        let timers = wheel();
        let mut kept = Vec::new();
        for i in 0..100_u64 {
            let timer = timers.timer();
            timer.set(Duration::from_millis(20 * (i % 7)));
            if i % 3 == 0 {
                kept.push(timer);
            }
        }
        timers.turn(10);
        assert!(kept.iter().all(expired));
        let again = timers.timer();
        again.set(Duration::from_millis(20));
        assert!(!expired(&again));
        timers.turn(12);
        assert!(expired(&again));
    }
}
