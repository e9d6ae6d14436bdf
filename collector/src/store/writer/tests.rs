//! The writer over stores that fail, doubt, hang on and are taken over.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::super::contract::read;
use super::super::{Memory, Parts};
use super::*;

/// Nothing here takes long; a loaded machine may.
const PATIENCE: Duration = Duration::from_secs(60);
const FAST: Pace = Pace { first: Duration::from_millis(1), longest: Duration::from_millis(4) };

#[derive(Clone, Copy, Debug)]
enum Act {
    Work,
    /// Nothing is written.
    Fail,
    /// All is written, and an error returned.
    Doubt,
}

/// What a store was asked to do, and what it holds: seen by the test while the writer has the store.
#[derive(Default)]
struct Seen {
    log: Memory,
    calls: Vec<(u64, Vec<Bytes>)>,
    /// Taken from the front; afterwards everything works.
    script: Vec<Act>,
    /// Appends wait as long as it stands.
    held: bool,
    /// Appends that have begun.
    begun: u64,
    always: Option<Act>,
    /// The next so many parts are refused.
    refused_parts: u32,
    /// Appends are dear: so long lies between two.
    gather: Duration,
}

#[derive(Clone, Default)]
struct Scripted(Arc<(Mutex<Seen>, Condvar)>);

impl Scripted {
    fn with(script: &[Act]) -> Self {
        let store = Self::default();
        store.seen().script = script.to_vec();
        store
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.0.lock().unwrap()
    }

    fn wait_until_an_append_has_begun(&self) {
        let begun = self.0.1.wait_timeout_while(self.seen(), PATIENCE, |seen| seen.begun == 0);
        assert!(!begun.unwrap().1.timed_out());
    }

    fn let_go(&self) {
        self.seen().held = false;
        self.0.1.notify_all();
    }

    fn held(&self) -> Vec<Bytes> {
        read(&self.seen().log, 0)
    }
}

impl Store for Scripted {
    fn append(&mut self, first: u64, records: &[Bytes]) -> Result<(), StoreError> {
        self.seen().begun += 1;
        self.0.1.notify_all();
        let mut seen = self.0.1.wait_while(self.seen(), |seen| seen.held).unwrap();
        seen.calls.push((first, records.to_vec()));
        let scripted = if seen.script.is_empty() { Act::Work } else { seen.script.remove(0) };
        let act = seen.always.unwrap_or(scripted);
        if !matches!(act, Act::Fail) {
            seen.log.append(first, records)?;
        }
        match act {
            Act::Work => Ok(()),
            Act::Fail | Act::Doubt => Err(StoreError::Failed("the disk is full".into())),
        }
    }

    fn read_from(
        &self,
        from: u64,
        each: &mut dyn FnMut(u64, Bytes) -> bool,
    ) -> Result<(), StoreError> {
        self.seen().log.read_from(from, each)
    }

    fn tail(&self) -> Result<u64, StoreError> {
        self.seen().log.tail()
    }

    fn head(&self) -> Result<u64, StoreError> {
        self.seen().log.head()
    }

    fn trim(&mut self, before: u64) -> Result<(), StoreError> {
        self.seen().log.trim(before)
    }

    fn put_part(&mut self, key: &str, bytes: &Bytes) -> Result<(), StoreError> {
        let mut seen = self.seen();
        if seen.refused_parts > 0 {
            seen.refused_parts -= 1;
            return Err(StoreError::Failed("the disk is full".into()));
        }
        seen.log.put_part(key, bytes)
    }

    fn delete_parts(&mut self, keys: &[String]) -> Result<(), StoreError> {
        self.seen().log.delete_parts(keys)
    }

    fn parts(&self) -> Arc<dyn Parts> {
        self.seen().log.parts()
    }

    fn gather(&self) -> Duration {
        self.seen().gather
    }
}

fn record(ticket: u64) -> Bytes {
    Bytes::from(format!("record {ticket}"))
}

struct Rig {
    handle: WriterHandle,
    events: mpsc::Receiver<WriterEvent>,
    thread: WriterThread,
    store: Scripted,
}

impl Rig {
    fn over(store: Scripted) -> Self {
        let position = store.tail().unwrap();
        let (handle, events, thread) = spawn_with(Box::new(store.clone()), position, FAST).unwrap();
        Self { handle, events, thread, store }
    }

    fn append(&self, tickets: std::ops::RangeInclusive<u64>) {
        for ticket in tickets {
            self.handle.append(ticket, record(ticket)).unwrap();
        }
    }

    async fn event(&mut self) -> Option<WriterEvent> {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("an event");
        if let Some(WriterEvent::Durable { up_to }) = event {
            assert!(self.store.held().contains(&record(up_to)), "{up_to} is there when it is said");
        }
        event
    }

    /// Every event up to the one that says this.
    async fn events_up_to(&mut self, last: WriterEvent) -> Vec<WriterEvent> {
        let mut events = Vec::new();
        while events.last() != Some(&last) {
            events.push(self.event().await.expect("the thread goes on"));
        }
        events
    }
}

fn failing() -> WriterEvent {
    WriterEvent::Failing { error: "the log cannot be read or written: the disk is full".into() }
}

fn records_of(tickets: std::ops::RangeInclusive<u64>) -> Vec<Bytes> {
    tickets.map(record).collect()
}

#[tokio::test]
async fn records_become_durable_in_the_order_they_were_queued() {
    let mut rig = Rig::over(Scripted::default());
    for ticket in 1..=500 {
        rig.append(ticket..=ticket);
    }
    let events = rig.events_up_to(WriterEvent::Durable { up_to: 500 }).await;
    let tickets: Vec<u64> = events
        .iter()
        .map(|event| match event {
            WriterEvent::Durable { up_to } => *up_to,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(tickets.is_sorted_by(|a, b| a < b), "{tickets:?}");
    assert_eq!(rig.store.held(), records_of(1..=500));
    drop(rig.handle);
    rig.thread.close(PATIENCE).unwrap();
}

#[tokio::test]
async fn what_queued_up_meanwhile_goes_in_one_transaction() {
    let store = Scripted::default();
    store.seen().held = true;
    let mut rig = Rig::over(store);
    rig.append(1..=100);
    rig.store.let_go();
    rig.events_up_to(WriterEvent::Durable { up_to: 100 }).await;
    assert!(rig.store.seen().calls.len() <= 2, "the first, and all that waited behind it");
}

#[tokio::test]
async fn where_appends_are_dear_the_first_is_made_at_once_and_the_next_waits_unless_it_has_to_hurry()
 {
    let store = Scripted::default();
    store.seen().gather = Duration::from_secs(3600);
    let mut rig = Rig::over(store);
    rig.append(1..=1);
    rig.events_up_to(WriterEvent::Durable { up_to: 1 }).await;
    rig.append(2..=5);
    rig.handle.hurry();
    rig.events_up_to(WriterEvent::Durable { up_to: 5 }).await;
    rig.append(6..=6);
    rig.events_up_to(WriterEvent::Durable { up_to: 6 }).await;
    let calls: Vec<usize> =
        rig.store.seen().calls.iter().map(|(_, records)| records.len()).collect();
    assert_eq!(calls, [1, 4, 1]);
}

#[tokio::test]
async fn a_transaction_is_bounded_by_bytes() {
    let store = Scripted::default();
    store.seen().held = true;
    let rig = Rig::over(store);
    for ticket in 1..=20 {
        rig.handle.append(ticket, Bytes::from(vec![0; 300_000])).unwrap();
    }
    rig.store.let_go();
    drop(rig.handle);
    rig.thread.close(PATIENCE).unwrap();
    assert_eq!(rig.store.tail().unwrap(), 20);
    assert!(rig.store.seen().calls.iter().all(|(_, group)| group.len() <= 4));
}

#[tokio::test]
async fn a_full_queue_refuses_without_waiting_and_loses_nothing_it_took() {
    let store = Scripted::default();
    store.seen().held = true;
    let mut rig = Rig::over(store);
    let taken = (1u64..).find(|t| rig.handle.append(*t, record(*t)).is_err()).unwrap() - 1;
    // The thread holds one group besides.
    assert!((QUEUE_MAX..=QUEUE_MAX + GROUP_MAX).contains(&(taken as usize)), "{taken} taken");
    rig.store.let_go();
    rig.events_up_to(WriterEvent::Durable { up_to: taken }).await;
    assert_eq!(rig.store.held(), records_of(1..=taken));
}

#[tokio::test]
async fn a_failing_append_is_told_once_and_made_again_with_the_same_bytes() {
    let store = Scripted::with(&[Act::Fail; 5]);
    store.seen().held = true;
    let mut rig = Rig::over(store);
    rig.append(1..=3);
    rig.store.let_go();
    assert_eq!(rig.event().await, Some(failing()));
    // What comes while it fails does not make the group grow.
    rig.append(4..=9);
    let events = rig.events_up_to(WriterEvent::Durable { up_to: 9 }).await;
    assert_eq!(events[0], WriterEvent::Recovered, "nothing was durable before");
    assert!(!events[1..].iter().any(|e| matches!(e, WriterEvent::Failing { .. })), "{events:?}");
    let seen = rig.store.seen();
    assert!(seen.calls[..6].iter().all(|call| *call == seen.calls[0]), "{:?}", seen.calls);
    drop(seen);
    assert_eq!(rig.store.held(), records_of(1..=9));
}

#[tokio::test]
async fn an_append_that_was_made_and_said_to_have_failed_is_there_once() {
    for script in
        [&[Act::Doubt][..], &[Act::Doubt, Act::Fail, Act::Doubt], &[Act::Fail, Act::Doubt]]
    {
        let mut rig = Rig::over(Scripted::with(script));
        rig.append(1..=1);
        let events = rig.events_up_to(WriterEvent::Durable { up_to: 1 }).await;
        assert_eq!(events, [failing(), WriterEvent::Recovered, WriterEvent::Durable { up_to: 1 }]);
        rig.append(2..=2);
        rig.events_up_to(WriterEvent::Durable { up_to: 2 }).await;
        assert_eq!(rig.store.held(), records_of(1..=2));
    }
}

#[tokio::test]
async fn whatever_the_store_does_the_log_is_what_was_queued() {
    for seed in 0..40u64 {
        let acts = [Act::Work, Act::Fail, Act::Doubt];
        let script: Vec<Act> = (0..30)
            .map(|n| acts[(seed.wrapping_mul(0x9E37_79B9) >> (n % 29)) as usize % 3])
            .collect();
        let mut rig = Rig::over(Scripted::with(&script));
        let mut durable = 0;
        for ticket in 1..=60 {
            rig.append(ticket..=ticket);
            if ticket % 7 == 0 {
                tokio::task::yield_now().await;
            }
        }
        while durable < 60 {
            if let WriterEvent::Durable { up_to } = rig.event().await.unwrap() {
                assert!(up_to > durable, "seed {seed}: {up_to} after {durable}");
                durable = up_to;
            }
        }
        assert_eq!(rig.store.held(), records_of(1..=60), "seed {seed}");
    }
}

#[tokio::test]
async fn what_somebody_else_wrote_deposes_the_writer() {
    let mut rig = Rig::over(Scripted::default());
    rig.store.seen().log.append(0, &[Bytes::from_static(b"another claim")]).unwrap();
    rig.append(1..=1);
    assert_eq!(rig.event().await, Some(WriterEvent::Deposed { position: 0 }));
    assert_eq!(rig.event().await, None, "it has ended");
    assert_eq!(rig.handle.append(2, record(2)), Err(QueueFull));
    assert_eq!(rig.thread.close(PATIENCE), Err(CloseError::Unwritten { records: 1 }));
    assert_eq!(rig.store.held(), [Bytes::from_static(b"another claim")]);
}

#[tokio::test]
async fn closing_writes_what_is_queued_even_if_nobody_listens() {
    let store = Scripted::default();
    store.seen().held = true;
    let rig = Rig::over(store);
    rig.append(1..=200);
    drop((rig.handle, rig.events));
    rig.store.let_go();
    rig.thread.close(PATIENCE).unwrap();
    assert_eq!(rig.store.held(), records_of(1..=200));
}

#[tokio::test]
async fn closing_over_a_store_that_recovers_in_time_writes_everything() {
    let mut rig = Rig::over(Scripted::with(&[Act::Fail; 4]));
    rig.append(1..=5);
    assert_eq!(rig.event().await, Some(failing()));
    drop(rig.handle);
    rig.thread.close(PATIENCE).unwrap();
    assert_eq!(rig.store.held(), records_of(1..=5));
}

#[tokio::test]
async fn closing_over_a_store_that_stays_broken_gives_up_and_says_what_was_lost() {
    let store = Scripted::default();
    store.seen().always = Some(Act::Fail);
    let mut rig = Rig::over(store);
    rig.append(1..=5);
    assert_eq!(rig.event().await, Some(failing()));
    drop(rig.handle);
    let closed = rig.thread.close(Duration::from_millis(20));
    assert_eq!(closed, Err(CloseError::Unwritten { records: 5 }));
    assert_eq!(rig.events.recv().await, None, "nothing was reported durable");
}

#[tokio::test]
async fn closing_does_not_wait_for_ever_for_a_store_that_hangs() {
    let store = Scripted::default();
    store.seen().held = true;
    let rig = Rig::over(store);
    rig.append(1..=1);
    rig.store.wait_until_an_append_has_begun();
    drop(rig.handle);
    assert_eq!(rig.thread.close(Duration::from_millis(1)), Err(CloseError::Stuck));
    rig.store.let_go();
}

#[tokio::test]
async fn a_failing_writer_whose_events_nobody_reads_gives_up() {
    let store = Scripted::default();
    store.seen().always = Some(Act::Fail);
    let rig = Rig::over(store);
    rig.append(1..=1);
    drop((rig.handle, rig.events));
    assert_eq!(rig.thread.close(PATIENCE), Err(CloseError::Unwritten { records: 1 }));
}

#[tokio::test]
async fn a_writer_over_a_folder_leaves_it_to_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3u64 {
        let store = super::super::Folder::open(folder.path()).unwrap();
        let (handle, mut events, thread) = spawn(Box::new(store), round * 2).unwrap();
        for ticket in [round * 2 + 1, round * 2 + 2] {
            handle.append(ticket, record(ticket)).unwrap();
        }
        drop(handle);
        let mut last = None;
        while let Some(event) = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap() {
            last = Some(event);
        }
        assert_eq!(last, Some(WriterEvent::Durable { up_to: round * 2 + 2 }));
        // The log is closed when the reports end.
        thread.close(PATIENCE).unwrap();
    }
    let store = super::super::Folder::open(folder.path()).unwrap();
    assert_eq!(read(&store, 0), records_of(1..=6));
}

#[tokio::test]
async fn chores_are_done_in_order_beside_the_log() {
    let mut rig = Rig::over(Scripted::default());
    rig.append(1..=3);
    let part = Bytes::from_static(b"part");
    rig.handle.chore(1, Chore::Put("a".into(), part.clone())).unwrap();
    rig.handle.chore(2, Chore::Put("b".into(), part.clone())).unwrap();
    rig.handle.chore(3, Chore::Delete(vec!["a".into()])).unwrap();
    let mut durable = 0;
    let mut done = 0;
    while durable < 3 || done < 3 {
        match rig.event().await.unwrap() {
            WriterEvent::Durable { up_to } => durable = up_to,
            WriterEvent::ChoresDone { up_to } => {
                assert_eq!(up_to, done + 1);
                done = up_to;
            }
            other => panic!("{other:?}"),
        }
    }
    rig.handle.chore(4, Chore::Trim(2)).unwrap();
    assert_eq!(rig.event().await, Some(WriterEvent::ChoresDone { up_to: 4 }));
    let seen = rig.store.seen();
    assert_eq!(seen.log.head().unwrap(), 2);
    assert_eq!(seen.log.parts().keys("").unwrap(), ["b"]);
}

#[tokio::test]
async fn a_chore_that_fails_is_done_again_and_appends_go_on_meanwhile() {
    let store = Scripted::default();
    store.seen().refused_parts = 5;
    let mut rig = Rig::over(store);
    rig.handle.chore(1, Chore::Put("a".into(), Bytes::from_static(b"part"))).unwrap();
    let error = "the log cannot be read or written: the disk is full".to_owned();
    assert_eq!(rig.event().await, Some(WriterEvent::ChoresFailing { error }));
    rig.append(1..=1);
    let mut events = vec![rig.event().await.unwrap(), rig.event().await.unwrap()];
    events.push(rig.event().await.unwrap());
    assert!(events.contains(&WriterEvent::Durable { up_to: 1 }), "{events:?}");
    assert!(events.contains(&WriterEvent::ChoresRecovered), "{events:?}");
    assert_eq!(events.last(), Some(&WriterEvent::ChoresDone { up_to: 1 }));
}

#[tokio::test]
async fn chores_that_are_left_at_the_end_are_left_undone() {
    let store = Scripted::default();
    store.seen().refused_parts = u32::MAX;
    let rig = Rig::over(store);
    rig.handle.chore(1, Chore::Put("a".into(), Bytes::new())).unwrap();
    rig.append(1..=1);
    let Rig { handle, events, thread, store } = rig;
    drop(handle);
    thread.close(PATIENCE).unwrap();
    drop(events);
    assert_eq!(store.held().len(), 1);
    assert!(store.seen().log.parts().keys("").unwrap().is_empty());
}
