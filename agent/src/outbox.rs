//! Results until the collector has acknowledged them: bounded in bytes, sent again on every new stream.
//!
//! Nothing is freed before its acknowledgement on the current stream. At the bound the oldest batch is given up, and
//! what was in it is reported as missed (`buffer_full`), one range a target. A watermark stays true through all of it:
//! a report of losses travels in the place of what was lost. Reads no clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use proto::wire::{decode_batch, encode_batch, encode_batch_without_runs};
use proto::{Batch, Missed, MissedRange, ProbeResult, ResultsMessage, Timestamp, Uid};
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::LocalMicros;
use crate::notes::{self, SentNotes};

/// Results and missed ranges in one batch: about 80 KB encoded.
pub(crate) const BATCH_ITEMS_MAX: usize = 4096;

/// What an open batch may take: 4096 results without notes take half of it, and encoded it is smaller, so a message
/// stays well under the 4 MiB that gRPC takes.
const OPEN_COST_MAX: usize = 1 << 20;

/// How long a result waits for others to travel with.
pub(crate) const SEAL_AFTER: Duration = Duration::from_millis(100);

/// Batches sent and not acknowledged, at one in 100 ms: 25 s without an acknowledgement. Also what a stream's queue
/// must have room for.
pub(crate) const UNACKED_BATCHES_MAX: usize = 256;

/// What a sealed batch costs besides its bytes.
const SEALED_COST: usize = 128;
/// What a lost target costs until its loss is reported: a map entry. No less than its range takes in a batch.
const LOSS_COST: usize = 40;

/// Batches on their way to the collector.
#[derive(Debug)]
pub(crate) struct Outbox {
    bytes_max: usize,
    open: Open,
    /// Oldest first; those that were sent on this stream stand before those that were not.
    sealed: VecDeque<Sealed>,
    sealed_bytes: usize,
    losses: Losses,
    sent: SentNotes,
    stream: Option<Stream>,
    /// The watermark of the newest batch that was acknowledged.
    delivered: Timestamp,
    /// The watermark of the newest batch that was acknowledged or is sent on this stream.
    passed: Timestamp,
    dropped: u64,
}

#[derive(Debug, Default)]
struct Open {
    batch: Batch,
    cost: usize,
    since: Option<LocalMicros>,
    /// How far the clock may have been off by which its results were timed.
    clock_error: Duration,
}

/// A batch that will not change any more.
#[derive(Debug)]
struct Sealed {
    columns: Bytes,
    watermark: Timestamp,
    clock_error: Duration,
    /// First and last planned start of its results.
    planned: Option<(Timestamp, Timestamp)>,
    /// Hashes of its results' keys, sorted.
    keys: Box<[u32]>,
    results: usize,
}

impl Sealed {
    /// It only says how far everything is.
    fn is_hollow(&self) -> bool {
        self.columns.is_empty()
    }

    fn cost(&self) -> usize {
        self.columns.len() + size_of_val(&*self.keys) + SEALED_COST
    }
}

/// What was given up and is not reported yet: one range a target.
#[derive(Debug, Default)]
struct Losses {
    ranges: BTreeMap<Uid, (Timestamp, Timestamp)>,
    /// Of the newest batch among them.
    watermark: Timestamp,
}

/// What has happened on the current stream.
#[derive(Debug)]
struct Stream {
    last_seq: u64,
    /// Sequence numbers of `sealed[..sent.len()]`.
    sent: VecDeque<u64>,
    unacked_bytes: u64,
    unacked_bytes_max: u64,
    /// The collector reads runs.
    takes_runs: bool,
}

impl Outbox {
    /// Empty; holds about `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            open: Open::default(),
            sealed: VecDeque::new(),
            sealed_bytes: 0,
            losses: Losses::default(),
            sent: SentNotes::default(),
            stream: None,
            delivered: Timestamp::EPOCH,
            passed: Timestamp::EPOCH,
            dropped: 0,
        }
    }

    /// Takes a result in.
    pub(crate) fn add(&mut self, now: LocalMicros, mut result: ProbeResult) {
        self.sent.filter(&mut result);
        let note = result.note.as_deref().map_or(0, notes::cost);
        self.open.cost += size_of::<ProbeResult>() + note;
        self.open.batch.results.push(result);
        self.open.since.get_or_insert(now);
        self.keep_bound();
    }

    /// The clock by which the result taken in last was timed may have been off by so much, more perhaps than it is now.
    pub(crate) fn timed_within(&mut self, clock_error: Duration) {
        self.open.clock_error = self.open.clock_error.max(clock_error);
    }

    /// Takes a range of missed slots in.
    pub(crate) fn add_missed(&mut self, now: LocalMicros, range: MissedRange) {
        self.open.cost += size_of::<MissedRange>();
        self.open.batch.missed.push(range);
        self.open.since.get_or_insert(now);
        self.keep_bound();
    }

    /// The open batch must be sealed before more is added.
    pub(crate) fn is_full(&self) -> bool {
        let Batch { results, missed } = &self.open.batch;
        let cost_max = OPEN_COST_MAX.min(self.bytes_max / 8);
        results.len() + missed.len() >= BATCH_ITEMS_MAX || self.open.cost > cost_max
    }

    /// When the open batch has waited long enough. While nobody listens there is no hurry, and batches fill.
    pub(crate) fn seal_at(&self) -> Option<LocalMicros> {
        self.stream.as_ref()?;
        self.open.since.map(|since| since.plus(SEAL_AFTER))
    }

    /// Closes the open batch, if there is anything in it. Every scheduled key before `watermark` must be in this batch
    /// or in an earlier one.
    pub(crate) fn seal(&mut self, watermark: Timestamp, clock_error: Duration) {
        let Open { batch, clock_error: timed_within, .. } = std::mem::take(&mut self.open);
        if !batch.is_empty() {
            let clock_error = clock_error.max(timed_within);
            self.push(self.sealed.len(), &batch, watermark, clock_error);
            self.keep_bound();
        }
    }

    /// Says how far everything is, with an empty batch, unless something is on its way that will say it.
    pub(crate) fn seal_watermark(&mut self, watermark: Timestamp, clock_error: Duration) {
        let idle = self.sealed.is_empty() && self.open.batch.is_empty();
        if idle && self.losses.ranges.is_empty() && self.stream.is_some() {
            self.push(0, &Batch::default(), watermark, clock_error);
        }
    }

    fn push(&mut self, at: usize, batch: &Batch, watermark: Timestamp, clock_error: Duration) {
        let planned = batch.results.iter().map(|r| r.planned);
        let planned = planned.clone().min().zip(planned.max());
        let mut keys: Vec<_> = batch.results.iter().map(|r| key(r.uid, r.planned)).collect();
        keys.sort_unstable();
        let sealed = Sealed {
            columns: encode_batch(batch),
            watermark,
            clock_error,
            planned,
            keys: keys.into(),
            results: batch.results.len(),
        };
        self.sealed_bytes += sealed.cost();
        self.sealed.insert(at, sealed);
    }

    /// Gives up the oldest batches until the rest fits.
    fn keep_bound(&mut self) {
        while self.bytes() > self.bytes_max
            && let Some(oldest) = self.take_oldest()
        {
            self.dropped += u64::try_from(oldest.results).unwrap_or(u64::MAX);
            let batch = decode(&oldest.columns);
            for result in batch.results {
                self.sent.forget(result.uid);
                let after = result.planned + Duration::from_millis(1);
                self.losses.add(result.uid, result.planned, after);
            }
            for MissedRange { uid, from, to, .. } in batch.missed {
                self.losses.add(uid, from, to);
            }
            self.losses.watermark = self.losses.watermark.max(oldest.watermark);
        }
    }

    fn take_oldest(&mut self) -> Option<Sealed> {
        let oldest = self.sealed.pop_front()?;
        self.sealed_bytes -= oldest.cost();
        if let Some(stream) = &mut self.stream
            && stream.sent.pop_front().is_some()
        {
            stream.unacked_bytes -= oldest.columns.len() as u64;
        }
        Some(oldest)
    }

    /// A stream begins: everything is to be sent on it, from sequence number 1.
    pub(crate) fn open_stream(&mut self, unacked_bytes_max: u64, takes_runs: bool) {
        self.close_stream();
        self.passed = self.delivered;
        let sent = VecDeque::new();
        let stream = Stream { last_seq: 0, sent, unacked_bytes: 0, unacked_bytes_max, takes_runs };
        self.stream = Some(stream);
    }

    /// The stream is over: acknowledgements that still arrive from it count no more.
    pub(crate) fn close_stream(&mut self) {
        self.stream = None;
        self.sealed.retain(|sealed| !sealed.is_hollow());
        self.sealed_bytes = self.sealed.iter().map(Sealed::cost).sum();
    }

    /// Everything up to `seq` of the current stream is durable or refused: frees it.
    pub(crate) fn ack(&mut self, seq: u64) {
        while let Some(stream) = &self.stream
            && stream.sent.front().is_some_and(|first| *first <= seq)
        {
            let freed = self.take_oldest().expect("what was sent is still there");
            self.delivered = freed.watermark;
        }
    }

    /// Keys planned from `at` on have come in: what waits here must not claim to be past them.
    pub(crate) fn cap_watermarks(&mut self, at: Timestamp) {
        let sealed = self.sealed.iter_mut().map(|sealed| &mut sealed.watermark);
        let ours = [&mut self.delivered, &mut self.passed, &mut self.losses.watermark];
        for watermark in sealed.chain(ours) {
            *watermark = at.min(*watermark);
        }
    }

    /// The next batch to send on the current stream, if it may carry more.
    pub(crate) fn next_to_send(&mut self) -> Option<ResultsMessage> {
        let sent = self.stream.as_ref()?.sent.len();
        self.report_losses(sent);
        let next = self.sealed.get(sent)?;
        let bytes = next.columns.len() as u64;
        let stream = self.stream.as_mut()?;
        let room = stream.unacked_bytes + bytes <= stream.unacked_bytes_max;
        let first = stream.unacked_bytes == 0; // goes whatever its size, or it would wait for ever
        if (!room && !first) || sent >= UNACKED_BATCHES_MAX {
            return None;
        }
        stream.last_seq += 1;
        stream.sent.push_back(stream.last_seq);
        stream.unacked_bytes += bytes;
        self.passed = next.watermark;
        let Sealed { columns, watermark, clock_error, .. } = next;
        let columns = match stream.takes_runs {
            true => columns.clone(),
            false => encode_batch_without_runs(&decode(columns)),
        };
        let (seq, watermark, clock_error) = (stream.last_seq, *watermark, *clock_error);
        Some(ResultsMessage { seq, watermark, columns, clock_error })
    }

    /// Puts what was lost before the first batch that was not sent: that is where it was, so that the watermarks of
    /// those behind it are true.
    fn report_losses(&mut self, mut place: usize) {
        if let Some(first) = self.losses.ranges.values().map(|(from, _)| *from).min() {
            // What was sent already said the truth on this stream; on another one it would come before this report.
            for sent in self.sealed.range_mut(..place) {
                sent.watermark = sent.watermark.min(first);
            }
        }
        while !self.losses.ranges.is_empty() {
            let mut missed = Vec::new();
            while missed.len() < BATCH_ITEMS_MAX
                && let Some((uid, (from, to))) = self.losses.ranges.pop_first()
            {
                missed.push(MissedRange { uid, from, to, reason: Missed::BufferFull });
            }
            let mut watermark = self.passed;
            if self.losses.ranges.is_empty() {
                watermark = watermark.max(std::mem::take(&mut self.losses.watermark));
            }
            self.push(place, &Batch { results: Vec::new(), missed }, watermark, Duration::ZERO);
            place += 1;
        }
    }

    /// Whether a result for this key waits here. It may, once in four thousand million times, say so wrongly.
    pub(crate) fn holds(&self, uid: Uid, planned: Timestamp) -> bool {
        let open = &self.open.batch.results;
        if open.iter().any(|result| (result.uid, result.planned) == (uid, planned)) {
            return true;
        }
        let hash = key(uid, planned);
        self.sealed.iter().any(|sealed| {
            sealed.planned.is_some_and(|(first, last)| (first..=last).contains(&planned))
                && sealed.keys.binary_search(&hash).is_ok()
        })
    }

    /// Nothing is left to deliver.
    pub(crate) fn is_empty(&self) -> bool {
        let delivered = self.sealed.iter().all(Sealed::is_hollow);
        self.open.batch.is_empty() && delivered && self.losses.ranges.is_empty()
    }

    /// What everything here takes.
    pub(crate) fn bytes(&self) -> usize {
        let losses = match self.losses.ranges.len() {
            0 => 0,
            count => count * LOSS_COST + SEALED_COST,
        };
        self.sealed_bytes + self.open.cost + losses
    }

    /// Results that were given up, ever.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Losses {
    fn add(&mut self, uid: Uid, from: Timestamp, to: Timestamp) {
        let range = self.ranges.entry(uid).or_insert((from, to));
        *range = (range.0.min(from), range.1.max(to));
    }
}

fn decode(columns: &Bytes) -> Batch {
    decode_batch(columns).expect("the outbox encoded it")
}

fn key(uid: Uid, planned: Timestamp) -> u32 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&uid.0.to_le_bytes());
    bytes[8..].copy_from_slice(&planned.millis().to_le_bytes());
    let [a, b, c, d, ..] = xxh3_64(&bytes).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests;
