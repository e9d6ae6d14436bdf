//! The shell round [`Watch`] for a list elsewhere: it asks, sleeps and tells.

use std::time::Instant;

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::super::{Content, FileError, TargetFile};
use super::{Watch, Watching};

/// What is known of the source between two answers.
#[derive(Default)]
struct Seen {
    /// What is wrong with the content that was judged last.
    content: Option<String>,
    /// Why the source does not answer, if it does not.
    outage: Option<String>,
}

/// Sends every change that is to be taken.
pub(super) async fn follow(
    watching: Watching,
    mut in_force: Watch,
    on_change: mpsc::Sender<TargetFile>,
) {
    let Watching { source, defaults, secrets, health, ask_every } = watching;
    let mut seen = Seen::default();
    loop {
        tokio::time::sleep(ask_every).await;
        let known = in_force.known(Instant::now()).cloned();
        let fetched = source.fetch(known.as_ref(), &defaults, &secrets).await;
        let answered = seen.hear(&in_force, fetched);
        if let Some(Content { version, read }) = answered {
            in_force.judged_version(version);
            seen.content = read.as_ref().err().map(ToString::to_string);
            if let Some(file) = super::poll::judge(&mut in_force, read)
                && on_change.send(file).await.is_err()
            {
                return; // Nobody wants to know any more.
            }
        }
        let problem = seen.outage.clone().or_else(|| seen.content.clone());
        super::report(&health, problem);
    }
}

impl Seen {
    /// Says what is new about the source's reach; gives content that has yet to be judged.
    fn hear(
        &mut self,
        in_force: &Watch,
        fetched: Result<Option<Content>, FileError>,
    ) -> Option<Content> {
        let error = match fetched {
            Ok(answered) => {
                if self.outage.take().is_some() {
                    info!("the source of the targets answers again");
                }
                return answered;
            }
            Err(error) => error.to_string(),
        };
        if self.outage.as_ref() != Some(&error) {
            let kept = in_force.targets();
            warn!(
                error,
                kept, "targets cannot be fetched; keeping those in force, and asking again"
            );
            self.outage = Some(error);
        }
        None
    }
}
