//! `/api/v1/hours`, `/api/v1/uptime`, `/api/v1/targets/{name}/history`, and summaries over more than the slots that are kept.
//!
//! The core says what is in memory and which parts hold the rest; those are read on a blocking thread, a few answers at a
//! time.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use proto::{HourManifest, Timestamp, Uid};
use tokio::sync::Semaphore;

use super::answer::{json, json_response};
use super::query::{Name, Parameters};
use super::{Api, Problem};
use crate::parts::{Counts, PartError, Totals, hour};
use crate::state::VantageIdx;
use crate::store::Parts;
use crate::view::history;
use crate::view::hours::{self, Filter, Hour, Shown, Source};
use crate::view::summary::{self, Window};
use crate::view::uptime::{self, By};

/// Answers that read parts at once; others wait.
const READERS_MAX: usize = 4;
/// Hours in one answer.
const HOURS_MAX: Duration = Duration::from_secs(31 * 24 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The parts of finished hours, for the routes that need them.
#[derive(Clone)]
pub struct History {
    parts: Arc<dyn Parts>,
    turns: Arc<Semaphore>,
}

impl History {
    /// Reads from these.
    pub fn new(parts: Arc<dyn Parts>) -> Self {
        Self { parts, turns: Arc::new(Semaphore::new(READERS_MAX)) }
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Parts) -> Result<T, PartError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.turns.clone().acquire_owned().await;
        let _turn = turn.map_err(|_| Problem::unavailable("the collector is stopping"))?;
        let parts = self.parts.clone();
        match tokio::task::spawn_blocking(move || work(parts.as_ref())).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(PartError::Gone(_))) => {
                Err(Problem::unavailable("an hour was written anew meanwhile; ask again"))
            }
            Ok(Err(error)) => {
                let cause = crate::config::chain(&error);
                tracing::error!(cause, "a finished hour cannot be read");
                Err(Problem::unavailable("a finished hour cannot be read; the log says why"))
            }
            Err(_) => Err(Problem::unavailable("the collector is stopping")),
        }
    }
}

/// A vantage that was asked for: its place, and its name.
type Vantage = Option<(VantageIdx, String)>;

async fn vantage(api: &Api, name: Option<String>) -> Result<Vantage, Problem> {
    let idx = super::v1::vantage(api, name.as_deref()).await?;
    Ok(idx.zip(name))
}

/// `from` and `to`: the last day unless given, at most so much.
fn span(api: &Api, parameters: &mut Parameters) -> Result<(Timestamp, Timestamp), Problem> {
    let now = api.hub.now();
    let (from, to) = parameters.span(now, DAY)?;
    if to.since(from) > HOURS_MAX {
        return Err(Problem::bad_request(
            "`from` and `to` are more than 31 days apart; ask for less at a time",
        ));
    }
    // Nothing older is kept, and an endless list of empty hours helps nobody.
    Ok((from.max(now - api.keep).min(to), to))
}

fn window((from, to): (Timestamp, Timestamp), now: Timestamp) -> Window {
    Window { from: from.rfc3339(), to: to.min(now).max(from).rfc3339() }
}

pub(super) async fn hours(
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let span = span(&api, &mut parameters)?;
    let name = parameters.text("vantage");
    let zone = parameters.text("zone");
    let category = parameters.text("category");
    parameters.finish()?;
    let vantage = vantage(&api, name).await?;
    let filter = Filter { vantage: vantage.as_ref().map(|(idx, _)| *idx), zone, category };
    let asked = filter.clone();
    let plan = move |core: &crate::core::Core, now| {
        (now, hours::hours(core.state(), now, &asked, span.0, span.1))
    };
    let (now, found) = api.hub.ask(plan).await?;
    let zoned = filter.zone.is_some();
    let read = move |parts: &dyn Parts| {
        let place = vantage.as_ref().map(|(_, name)| name.as_str());
        show(found, zoned, |manifest| Ok(filter.of_groups(place, &hour::totals(parts, manifest)?)))
    };
    let hours = api.history.read(read).await?;
    let answer = hours::Answer { as_of: now.rfc3339(), window: window(span, now), hours };
    Ok(json_response(json(&answer)))
}

/// Hours as they are shown; `read` reads those that are in parts.
fn show(
    hours: Vec<Hour>,
    zoned: bool,
    mut read: impl FnMut(&HourManifest) -> Result<Totals, PartError>,
) -> Result<Vec<Shown>, PartError> {
    let mut shown = Vec::with_capacity(hours.len());
    for Hour { start, is_final, revision, source } in hours {
        let (totals, exact) = match source {
            Source::Counted(totals, exact) => (totals, exact),
            Source::Parts(manifest) => (read(&manifest)?, None),
            Source::Empty => (Totals::default(), None),
        };
        shown.push(hours::shown(start, (is_final, revision), totals, exact, zoned));
    }
    Ok(shown)
}

pub(super) async fn target_history(
    State(api): State<Api>,
    Name(name): Name,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let span = span(&api, &mut parameters)?;
    let place = parameters.text("vantage");
    let limit = parameters.number("limit", 500, 1..=5000)?;
    let cursor = cursor(&mut parameters)?;
    parameters.finish()?;
    let vantage = vantage(&api, place).await?;
    let idx = vantage.as_ref().map(|(idx, _)| *idx);
    let asked = name.clone();
    let plan = move |core: &crate::core::Core, now| {
        let state = core.state();
        let target = state.by_name(&asked)?;
        let hours = match cursor {
            None => history::hours(state, now, target, idx, span),
            Some(_) => Vec::new(),
        };
        let (slots, next) = history::slots(state, now, target, idx, span, cursor, limit);
        let slots_from = state.forgotten().max(now - core.config().keep_slots);
        Some((now, state.target(target).uid, hours, slots, next, slots_from))
    };
    let found = api.hub.ask(plan).await?;
    let (now, uid, hours, slots, next, slots_from) =
        found.ok_or_else(|| Problem::not_found(format!("no target is called `{name}`")))?;
    let read = move |parts: &dyn Parts| {
        let place = vantage.as_ref().map(|(_, name)| name.as_str());
        show(hours, false, |manifest| row(parts, manifest, uid, place))
    };
    let hours = api.history.read(read).await?;
    let answer = history::Answer {
        name,
        as_of: now.rfc3339(),
        window: window(span, now),
        hours,
        slots_from: slots_from.rfc3339(),
        slots,
        next_cursor: next.map(|(planned, vantage)| format!("{}-{}", planned.millis(), vantage.0)),
    };
    Ok(json_response(json(&answer)))
}

/// What an hour's parts say about one target.
fn row(
    parts: &dyn Parts,
    manifest: &HourManifest,
    uid: Uid,
    vantage: Option<&str>,
) -> Result<Totals, PartError> {
    let mut all = Totals::default();
    let take = |input: &mut crate::parts::In<'_>| input.take::<Totals>();
    hour::rows(parts, manifest, Some(uid), take, |_, place, row| {
        if vantage.is_none_or(|only| only == place) {
            all.merge(&row);
        }
    })?;
    Ok(all)
}

fn cursor(parameters: &mut Parameters) -> Result<Option<history::Cursor>, Problem> {
    let Some(text) = parameters.text("cursor") else { return Ok(None) };
    let parse = || {
        let (planned, vantage) = text.split_once('-')?;
        let planned = Timestamp::from_millis(planned.parse().ok()?);
        Some((planned, VantageIdx(vantage.parse().ok()?)))
    };
    parse().map(Some).ok_or_else(|| no_cursor(&text))
}

fn no_cursor(text: &str) -> Problem {
    Problem::bad_request(format!("`cursor={text}`: expected the next_cursor of the page before"))
}

pub(super) async fn uptime(
    State(api): State<Api>,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let now = api.hub.now();
    let month = parameters.month("month")?;
    let default = Duration::from_secs(30 * 24 * 3600);
    let length = parameters.duration("window", default, api.keep)?;
    let (from, to) = month.unwrap_or((now - length, now));
    let by = match parameters.choice("by", &["target", "category", "vantage"])?.as_deref() {
        Some("target") => Some(By::Target),
        Some("category") => Some(By::Category),
        Some(_) => Some(By::Vantage),
        None => None,
    };
    let name = parameters.text("vantage");
    let category = parameters.text("category");
    let limit = parameters.number("limit", 1000, 1..=10_000)?;
    let offset = match parameters.text("cursor") {
        Some(text) => text.parse::<usize>().map_err(|_| no_cursor(&text))?,
        None => 0,
    };
    parameters.finish()?;
    let vantage = vantage(&api, name).await?;
    let filter = Filter { vantage: vantage.as_ref().map(|(idx, _)| *idx), zone: None, category };
    let asked = filter.clone();
    let from = from.max(now - api.keep);
    let plan = move |core: &crate::core::Core, now| {
        uptime::plan(core.state(), now, &asked, by, (from, to))
    };
    let mut plan = api.hub.ask(plan).await?;
    let read = move |parts: &dyn Parts| {
        let place = vantage.as_ref().map(|(_, name)| name.as_str());
        for manifest in std::mem::take(&mut plan.parts) {
            let groups = hour::totals(parts, &manifest)?;
            plan.counted.add_groups(&filter, place, by, &groups);
            if by == Some(By::Target) {
                let targets = &mut plan.counted.targets;
                hour::rows(parts, &manifest, None, Counts::take, |uid, at, counts| {
                    if place.is_none_or(|only| only == at) {
                        targets.entry(uid).or_default().merge(&counts);
                    }
                })?;
            }
        }
        Ok(uptime::answer(plan, to, by, (offset, limit)))
    };
    let answer = api.history.read(read).await?;
    if wants_csv(&headers) { Ok(csv(&answer)) } else { Ok(json_response(json(&answer))) }
}

fn wants_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/csv"))
}

fn csv(answer: &uptime::Answer) -> Response {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let named: &[&str] = match answer.by {
        Some("target") => &["target", "category"],
        Some("category") => &["category"],
        Some(_) => &["vantage"],
        None => &[],
    };
    let counted =
        ["expected", "received", "up", "missed", "open", "low", "high", "coverage"].as_slice();
    let mut records = vec![[named, counted].concat().into_iter().map(str::to_owned).collect()];
    let share = |share: &uptime::Share| {
        let counts = [share.expected, share.received, share.up, share.missed, share.open];
        let bounds = match &share.uptime {
            Some(uptime) => [uptime.low, uptime.high, uptime.coverage].map(|part| part.to_string()),
            None => [const { String::new() }; 3],
        };
        counts.iter().map(u64::to_string).chain(bounds).collect::<Vec<String>>()
    };
    match answer.by {
        None => records.push(share(&answer.all)),
        Some(_) => records.extend(answer.rows.iter().map(|row| {
            let names = [&row.target, &row.category, &row.vantage].into_iter().flatten().cloned();
            names.chain(share(&row.share)).collect::<Vec<String>>()
        })),
    }
    let written = records.iter().try_for_each(|record| writer.write_record(record));
    debug_assert!(written.is_ok(), "memory takes everything, and records are of one length");
    let body = writer.into_inner().unwrap_or_default();
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cursor) = answer.next_cursor.as_ref().and_then(|c| HeaderValue::from_str(c).ok()) {
        response.headers_mut().insert("next-cursor", cursor);
    }
    response
}

/// A summary whose window begins before the slots that are kept.
pub(super) async fn long_summary(
    api: Api,
    question: summary::Question,
    place: Option<String>,
) -> Result<Response, Problem> {
    let filter = Filter {
        vantage: question.vantage,
        zone: question.zone.clone(),
        category: question.category.clone(),
    };
    let plan = move |core: &crate::core::Core, now: Timestamp| {
        let state = core.state();
        let from = now - question.window;
        let kept = state.forgotten();
        let begin = state.hours().start_of(from);
        let older = state.hours().range(begin, kept).filter_map(|(_, hour)| hour.sealed.clone());
        let older: Vec<HourManifest> = older.collect();
        let window = now.since(from.max(kept));
        let mut counting = summary::Counting::new(now, summary::Question { window, ..question });
        counting.count(state, 0..usize::MAX);
        (counting, (from < kept).then_some(begin), older)
    };
    let (counting, begin, older) = api.hub.ask(plan).await?;
    let read = move |parts: &dyn Parts| {
        let mut totals = Totals::default();
        for manifest in &older {
            totals.merge(&filter.of_groups(place.as_deref(), &hour::totals(parts, manifest)?));
        }
        Ok(counting.finish_with(begin.map(|begin| (begin, totals))))
    };
    Ok(json_response(json(&api.history.read(read).await?)))
}
