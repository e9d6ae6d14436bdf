//! A real file that really changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use collector::target_file::{ASK_EVERY, Health, Source, TargetFile, Watch, Watching, read_path};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{defaults, secrets, story};

struct Watched {
    folder: TempDir,
    changes: mpsc::Receiver<TargetFile>,
    health: tokio::sync::watch::Receiver<Health>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Watched {
    fn path(&self) -> PathBuf {
        self.folder.path().join("t.csv")
    }

    fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).expect("written");
        let (defaults, secrets) = (Arc::new(defaults(&[])), Arc::new(secrets()));
        let first = read_path(&path, &defaults, &secrets).expect("a good file");
        let (sender, changes) = mpsc::channel(1);
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (told, health) = tokio::sync::watch::channel(Health::default());
        let (source, ask_every) = (Source::File(path), ASK_EVERY);
        let watching = Watching { source, defaults, secrets, health: told, ask_every };
        tasks.spawn(watching.run(Watch::new(&first), sender, stop.clone()));
        Self { folder, changes, health, stop, tasks }
    }

    /// Waits until this is what is wrong with the file.
    async fn until_problem(&mut self, words: &str) {
        let is = |health: &Health| health.problem.as_ref().is_some_and(|text| text.contains(words));
        let said = tokio::time::timeout(Duration::from_secs(60), self.health.wait_for(is)).await;
        said.unwrap_or_else(|_| panic!("never said: {words}")).expect("the watch goes on");
    }

    /// What the next change says; the deadline is for a machine that is very busy.
    async fn next(&mut self) -> String {
        let next = tokio::time::timeout(Duration::from_secs(60), self.changes.recv());
        story(&next.await.expect("a change in time").expect("the watch goes on"))
    }
}

#[tokio::test]
async fn a_file_written_over_and_a_file_put_in_its_place_are_noticed() {
    let mut watched = Watched::start("a,http://a/\n");
    std::fs::write(watched.path(), "a,http://a2/\n").expect("written");
    assert_eq!(watched.next().await, "a http://a2/");
    let new = watched.folder.path().join("new.csv");
    std::fs::write(&new, "a,http://a3/\n").expect("written");
    std::fs::rename(&new, watched.path()).expect("renamed");
    assert_eq!(watched.next().await, "a http://a3/");
}

#[tokio::test]
async fn what_was_read_before_the_last_write_is_not_what_is_in_force_in_the_end() {
    let mut watched = Watched::start("a,http://a/\n");
    for part in 1..=40 {
        std::fs::write(watched.path(), format!("a,http://a{part}/\n")).expect("written");
        tokio::time::sleep(Duration::from_millis(part)).await;
    }
    // Whoever is stopped for long between two writes may see one of those before, too.
    while watched.next().await != "a http://a40/" {}
}

#[tokio::test]
async fn a_bad_file_and_one_that_is_gone_are_waited_out() {
    let mut watched = Watched::start("a,http://a/\n");
    std::fs::write(watched.path(), "nothing\n").expect("written");
    watched.until_problem("no `url` column").await;
    std::fs::remove_file(watched.path()).expect("removed");
    watched.until_problem("no such file").await;
    std::fs::write(watched.path(), "a,http://a2/\n").expect("written");
    assert_eq!(watched.next().await, "a http://a2/", "the only change that was told");
    let health = watched.health.borrow().clone();
    assert_eq!((health.problem, health.failures), (None, 2));
}

#[tokio::test]
async fn a_watch_ends_when_it_is_told_to() {
    let mut watched = Watched::start("a,http://a/\n");
    watched.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(60), watched.tasks.join_next());
    assert!(matches!(ended.await, Ok(Some(Ok(())))));
    assert!(watched.changes.recv().await.is_none());
}
