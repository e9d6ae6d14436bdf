//! `/api/v1/targets`: the index of the list is made once for each state of it; words are looked for, and orders made, on threads
//! that may take their time; the core is asked for a part at a time, and at last for the page.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::answer::{PART, json};
use super::query::Parameters;
use super::v1::vantage;
use super::{Api, Problem};
use crate::hub::{Hub, Stopped};
use crate::view::index::{Edition, Index, Indexing};
use crate::view::targets::{After, Finding, Page, Question, Sort, verdict_names};

/// The index of the list as it is; none before the first question.
#[derive(Clone, Default)]
pub struct Lists(Arc<Mutex<Option<Arc<Index>>>>);

impl Lists {
    /// The index, made now if the list has changed; whoever asks meanwhile waits for it here.
    async fn index(&self, hub: &Hub) -> Result<Arc<Index>, Stopped> {
        let mut kept = self.0.lock().await;
        let edition = hub.ask(|core, _| Edition::of(core.state())).await?;
        if let Some(index) = kept.as_ref().filter(|index| index.edition() == edition) {
            return Ok(index.clone());
        }
        let mut indexing = hub.ask(|core, _| Indexing::new(core.state())).await?;
        loop {
            let asked = hub.ask(move |core, _| {
                let more = indexing.go_on(core.state(), PART);
                (indexing, more)
            });
            let more;
            (indexing, more) = asked.await?;
            if !more {
                break;
            }
        }
        let index = spawn_blocking(move || indexing.finish()).await.map_err(|_| Stopped)?;
        Ok(kept.insert(Arc::new(index)).clone())
    }
}

pub(super) async fn targets(
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let verdict = parameters.choice("verdict", &verdict_names())?;
    let category = parameters.text("category");
    let name = parameters.text("vantage");
    let labels = parameters.prefixed("label.", "label.NAME");
    let words = parameters.text("q").unwrap_or_default();
    let sort = match parameters.choice("sort", &["name", "-since", "-latency"])?.as_deref() {
        Some("-since") => Sort::Since,
        Some("-latency") => Sort::Latency,
        _ => Sort::Name,
    };
    let limit = parameters.number("limit", 100, 1..=1000)?;
    let cursor = parameters.text("cursor");
    parameters.finish()?;
    let after = api.orders.read(cursor.as_deref())?;
    let vantage = vantage(&api, name.as_deref()).await?;
    let words = words.split_whitespace().map(str::to_lowercase).collect();
    let mut question =
        Question { verdict, category, vantage, labels, words, sort, limit, after: After::Nothing };
    let asked = format!("targets {question:?} {cursor:?}");
    question.after = after;
    let found = async { Ok(json(&page(&api, question).await?)) };
    Ok(api.answers.kept(asked, found).await?.json())
}

async fn page(api: &Api, question: Question) -> Result<Page, Problem> {
    let gone = |_| Problem::unavailable("the list could not be searched");
    let index = api.lists.index(&api.hub).await?;
    let finding = spawn_blocking(move || Finding::new(&index, question));
    let mut finding = finding.await.map_err(gone)?;
    loop {
        let asked = api.hub.ask(move |core, now| {
            let more = finding.go_on(core.state(), now, PART);
            (finding, more)
        });
        let more;
        (finding, more) = asked.await?;
        if !more {
            break;
        }
    }
    let sorted = spawn_blocking(move || finding.sorted()).await.map_err(gone)?;
    let (mut page, after) = api.hub.ask(move |core, now| sorted.page(core.state(), now)).await?;
    page.next_cursor = api.orders.cursor(after);
    Ok(page)
}
