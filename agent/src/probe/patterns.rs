//! Compiled `expect_body` patterns: each once, however many targets share it, and never more than fit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use dashmap::DashMap;
use regex::bytes::{Regex, RegexBuilder};

/// What one compiled pattern may take, in the steps that it is charged by: a target must not take an agent's memory.
const SIZES: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, 1 << 20];
/// What all of them may take: 16,384 plain ones.
const ALL_MAX: usize = 256 << 20;

type Held = DashMap<Arc<str>, Weak<Pattern>>;

/// The patterns of one prober.
#[derive(Default)]
pub(super) struct Patterns {
    held: Arc<Held>,
    taken: Arc<AtomicUsize>,
}

/// One of them, given back when the last target that has it goes.
pub(super) struct Pattern {
    pub(super) regex: Regex,
    text: Arc<str>,
    size: usize,
    held: Arc<Held>,
    taken: Arc<AtomicUsize>,
}

impl Drop for Pattern {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.size, Ordering::Relaxed);
        self.held.remove_if(&self.text, |_, pattern| pattern.strong_count() == 0);
    }
}

impl Patterns {
    /// Compiles `text`, unless it is held already.
    ///
    /// # Errors
    /// Malformed, or larger than an agent takes.
    pub(super) fn get(&self, text: &str) -> Result<Arc<Pattern>, String> {
        if let Some(held) = self.held.get(text).and_then(|held| held.upgrade()) {
            return Ok(held);
        }
        let (regex, size) = compile(text)?;
        let taken = self.taken.fetch_add(size, Ordering::Relaxed) + size;
        let text = Arc::<str>::from(text);
        let (held, all) = (Arc::clone(&self.held), Arc::clone(&self.taken));
        let pattern = Arc::new(Pattern { regex, text: Arc::clone(&text), size, held, taken: all });
        if taken > ALL_MAX {
            return Err(format!(
                "all patterns of this agent together take over {} MiB",
                ALL_MAX >> 20
            ));
        }
        self.held.insert(text, Arc::downgrade(&pattern));
        Ok(pattern)
    }
}

/// With the size that it fits into.
fn compile(text: &str) -> Result<(Regex, usize), String> {
    for size in SIZES {
        let built = RegexBuilder::new(text).size_limit(size).dfa_size_limit(size).build();
        match built {
            Ok(regex) => return Ok((regex, size)),
            Err(regex::Error::CompiledTooBig(_)) => {}
            // The message repeats the whole pattern over several lines; the last says what is wrong.
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                return Err(last.trim_start_matches("error: ").to_owned());
            }
        }
    }
    Err(format!("compiled, it takes more than {} bytes", SIZES[SIZES.len() - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_compiled_once_for_all_who_have_it_and_forgotten_with_the_last() {
        let patterns = Patterns::default();
        let (one, other) = (patterns.get("a+").unwrap(), patterns.get("a+").unwrap());
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(patterns.taken.load(Ordering::Relaxed), SIZES[0]);
        drop((one, other));
        assert_eq!((patterns.held.len(), patterns.taken.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn patterns_that_would_take_the_agent_s_memory_are_refused() {
        let patterns = Patterns::default();
        patterns.taken.store(ALL_MAX, Ordering::Relaxed);
        assert!(patterns.get("a").err().unwrap().contains("together"));
        assert_eq!(patterns.taken.load(Ordering::Relaxed), ALL_MAX);
        assert!(Patterns::default().get("\\w{5000}").err().unwrap().contains("bytes"));
    }
}
