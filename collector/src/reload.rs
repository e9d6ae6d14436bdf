//! Files that are read again when they change: tokens, certificates, keys. What is wrong with a new one changes nothing.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Between two looks. Two that show the same make a change: of a certificate and its key, which are put in place one after
/// the other, nobody reads half.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the files said when they were last read with success.
pub type Live<T> = watch::Receiver<Arc<T>>;

/// Something that never changes, where something that may is asked for.
pub fn fixed<T>(value: T) -> Live<T> {
    watch::channel(Arc::new(value)).1
}

type Load<T> = Box<dyn Fn() -> Result<T, String> + Send>;

/// Files, and what to make of them.
pub struct Reloaded<T> {
    what: &'static str,
    paths: Vec<PathBuf>,
    load: Load<T>,
    live: watch::Sender<Arc<T>>,
    seen: Signature,
}

/// What of each file a change changes; nothing for one that is not there.
type Signature = Vec<Option<(i64, i64, u64, u64)>>;

fn look(paths: &[PathBuf]) -> Signature {
    let one = |path: &PathBuf| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.mtime(), file.mtime_nsec(), file.len(), file.ino()))
    };
    paths.iter().map(one).collect()
}

impl<T> Reloaded<T> {
    /// Reads the files for the first time. `what` is what the log calls them.
    ///
    /// # Errors
    /// What `load` says.
    pub fn new<E: std::error::Error>(
        what: &'static str,
        paths: Vec<PathBuf>,
        load: impl Fn() -> Result<T, E> + Send + 'static,
    ) -> Result<Self, E> {
        let seen = look(&paths);
        let live = watch::Sender::new(Arc::new(load()?));
        let load = Box::new(move || load().map_err(|error| crate::config::chain(&error)));
        Ok(Self { what, paths, load, live, seen })
    }

    /// What is in force, now and later.
    pub fn live(&self) -> Live<T> {
        self.live.subscribe()
    }

    /// Looks again and again, until `stop`.
    ///
    /// # Errors
    /// Never: what is wrong with a file is told, and changes nothing.
    pub async fn keep(mut self, stop: CancellationToken) -> Result<(), std::convert::Infallible> {
        let mut last = self.seen.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = look(&self.paths);
            let settled = now == last;
            last = now;
            if settled {
                self.take(&last);
            }
        }
    }

    /// Reads again if these files are others than those read last.
    fn take(&mut self, now: &Signature) {
        if self.seen == *now {
            return;
        }
        self.seen.clone_from(now);
        match (self.load)() {
            Ok(value) => {
                tracing::info!(files = ?self.paths, "{} read again, and in force for what is new", self.what);
                self.live.send_replace(Arc::new(value));
            }
            Err(error) => {
                tracing::warn!(
                    error,
                    "{} cannot be used; what was read before stays in force",
                    self.what
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_taken_and_a_bad_or_missing_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f");
        std::fs::write(&path, "1").expect("written");
        let file = path.clone();
        let load = move || std::fs::read_to_string(&file).unwrap_or_default().parse::<u32>();
        let mut reloaded = Reloaded::new("a number", vec![path.clone()], load).expect("a number");
        let live = reloaded.live();
        for (text, expected) in [("22", 22), ("bad", 22), ("333", 333)] {
            std::fs::write(&path, text).expect("written");
            let now = look(&reloaded.paths);
            reloaded.take(&now);
            assert_eq!(**live.borrow(), expected, "{text}");
        }
        std::fs::remove_file(&path).expect("removed");
        let now = look(&reloaded.paths);
        reloaded.take(&now);
        assert_eq!(**live.borrow(), 333);
    }
}
