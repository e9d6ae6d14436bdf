//! How much both programs log, changed while they run: SIGUSR1 asks for more, SIGUSR2 for what was asked for at the start.
//!
//! Only our own modules say more: those of libraries would drown them. What a program logs goes by its options alone, so there
//! is no file to read again.

use std::convert::Infallible;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::reload::{Error, Handle};

/// What each SIGUSR1 asks for; the last one stays.
const MORE: [&str; 2] = ["debug", "trace"];
/// The modules that then say more: our crates and programs.
const OURS: [&str; 5] = ["agent", "collector", "proto", "zonewatch_agent", "zonewatch_collector"];

type Set = Box<dyn Fn(EnvFilter) -> Result<(), Error> + Send>;

/// How much is logged.
pub struct Levels {
    /// `--log-level`, as it was given.
    asked: String,
    /// How many SIGUSR1 came since it was in force.
    more: usize,
    set: Set,
}

impl Levels {
    /// The levels of logs that were started with `asked`, and whose filter `handle` replaces.
    pub fn new<S: 'static>(asked: &str, handle: Handle<EnvFilter, S>) -> Self {
        let set = Box::new(move |filter| handle.reload(filter));
        Self { asked: asked.to_owned(), more: 0, set }
    }

    /// Follows the signals for as long as it is polled.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub fn follow(mut self) -> std::io::Result<impl Future<Output = Infallible>> {
        let mut more = signal(SignalKind::user_defined1())?;
        let mut as_asked = signal(SignalKind::user_defined2())?;
        Ok(async move {
            loop {
                self.more = next(&mut more, &mut as_asked, self.more).await;
                self.change();
            }
        })
    }

    fn change(&self) {
        let level = level(&self.asked, self.more);
        let changed = EnvFilter::try_new(&level).map_err(|error| error.to_string());
        let changed =
            changed.and_then(|filter| (self.set)(filter).map_err(|error| error.to_string()));
        match changed {
            Ok(()) => tracing::info!(in_force = level, "log level changed"),
            Err(error) => tracing::warn!(wanted = level, error, "log level not changed"),
        }
    }
}

async fn next(more: &mut Signal, as_asked: &mut Signal, so_far: usize) -> usize {
    tokio::select! {
        _ = more.recv() => (so_far + 1).min(MORE.len()),
        _ = as_asked.recv() => 0,
    }
}

/// The directives after so many steps.
fn level(asked: &str, more: usize) -> String {
    let Some(said) = more.checked_sub(1).and_then(|step| MORE.get(step)) else {
        return asked.to_owned();
    };
    OURS.iter().fold(asked.to_owned(), |level, ours| format!("{level},{ours}={said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_says_more_of_our_own_modules_and_keeps_what_was_asked_for() {
        assert_eq!(level("warn,h2=info", 0), "warn,h2=info");
        let debug = level("warn,h2=info", 1);
        assert!(debug.starts_with("warn,h2=info,agent=debug,collector=debug,"), "{debug}");
        assert!(level("warn", MORE.len()).ends_with("zonewatch_collector=trace"));
        for more in 0..=MORE.len() {
            assert!(EnvFilter::try_new(level("off", more)).is_ok());
        }
    }
}
