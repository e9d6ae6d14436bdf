//! Words looked for in the text of an index, on as many threads as there are processors: some ten nanoseconds for each target
//! that has the rarest of them, and the rest of the text at the speed of memory.

use std::cmp::Reverse;
use std::num::NonZero;
use std::ops::Range;
use std::sync::{LazyLock, Mutex};
use std::thread;

use memchr::memmem::Finder;

use super::Index;
use super::letters::Letters;

/// Targets that are worth a thread: they take it some hundreds of microseconds, and its start some tens.
const THREAD_MIN: usize = 32 << 10;
/// Targets that are looked at to find out which word is the rarest.
const SAMPLE: usize = 512;
/// Words that are compared in this way: one can be asked for thousands.
const COMPARED: usize = 4;

/// Held by the search that runs on several threads.
static SEVERAL: Mutex<()> = Mutex::new(());

static THREADS: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// What is looked for.
struct Words<'a> {
    /// Of all words together.
    letters: Letters,
    /// The rarest first, without those of which the letters say all.
    finders: Vec<Finder<'a>>,
}

/// The places of the targets that have each of the words, as bits: 64 of the order each, the first in the lowest.
pub(super) fn search(index: &Index, words: &[String]) -> Vec<u64> {
    let (words, all) = (Words::new(index, words), index.ends.len());
    let threads = (*THREADS).min(all / THREAD_MIN);
    // One search at a time has more than its own thread: however many ask, there are not many more than the processors can use.
    let alone = SEVERAL.try_lock();
    if threads < 2 || alone.is_err() {
        return words.mark(index, 0..all);
    }
    let each = all.div_ceil(threads).next_multiple_of(64);
    thread::scope(|scope| {
        let words = &words;
        let begin = |first| scope.spawn(move || words.mark(index, first..all.min(first + each)));
        let pieces: Vec<_> = (0..all).step_by(each).map(begin).collect();
        pieces.into_iter().flat_map(|piece| piece.join().expect("it does not panic")).collect()
    })
}

impl<'a> Words<'a> {
    fn new(index: &Index, words: &'a [String]) -> Self {
        let of = |word: &String| Letters::of(word.as_bytes());
        let letters = words.iter().map(of).fold(Letters::default(), Letters::and);
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        words.retain(|word| !Letters::are_all_of(word));
        // The longest is the rarest, more often than not.
        words.sort_by_key(|word| (Reverse(word.len()), *word));
        words.dedup();
        let mut finders: Vec<Finder<'_>> = words.into_iter().map(Finder::new).collect();
        if finders.len() > 1 {
            let compared = finders.len().min(COMPARED);
            finders[..compared].sort_by_cached_key(|word| index.sampled(word));
        }
        Self { letters, finders }
    }

    /// Looks at the targets at these places, which begin with a multiple of 64.
    fn mark(&self, index: &Index, places: Range<usize>) -> Vec<u64> {
        let Some((rarest, others)) = self.finders.split_first() else {
            return index.letters[places].chunks(64).map(|chunk| self.by_letters(chunk)).collect();
        };
        let mut bits = vec![0; places.len().div_ceil(64)];
        let text = &index.text.as_bytes()[..index.begin(places.end)];
        let (mut at, mut from) = (places.start, index.begin(places.start));
        // No word has a line feed in it: a hit lies within one target's text.
        while let Some(hit) = rarest.find(&text[from..]) {
            at = index.place_of(from + hit, at);
            let own = || &text[index.begin(at)..index.ends[at]];
            if index.letters[at].may_have(self.letters)
                && others.iter().all(|word| word.find(own()).is_some())
            {
                let place = at - places.start;
                bits[place / 64] |= 1 << (place % 64);
            }
            from = index.ends[at];
            at += 1;
        }
        bits
    }

    fn by_letters(&self, chunk: &[Letters]) -> u64 {
        let has = |letters: &Letters| u64::from(letters.may_have(self.letters));
        chunk.iter().enumerate().fold(0, |bits, (place, letters)| bits | has(letters) << place)
    }
}

impl Index {
    /// Where the text of the target at this place begins.
    fn begin(&self, place: usize) -> usize {
        place.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The place of the target whose text has this byte; it is `first` or one after it, and seldom far.
    fn place_of(&self, byte: usize, first: usize) -> usize {
        let (mut known, mut step) = (first, 1);
        while self.ends.get(known + step - 1).is_some_and(|end| *end <= byte) {
            known += step;
            step *= 2;
        }
        let last = self.ends.len().min(known + step);
        known + self.ends[known..last].partition_point(|end| *end <= byte)
    }

    /// How many of a few targets have the word.
    fn sampled(&self, word: &Finder<'_>) -> usize {
        let step = self.ends.len().div_ceil(SAMPLE).max(1);
        let sample = (0..self.ends.len()).step_by(step);
        let text = |place: usize| &self.text.as_bytes()[self.begin(place)..self.ends[place]];
        sample.filter(|place| word.find(text(*place)).is_some()).count()
    }
}
