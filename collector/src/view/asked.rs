//! `POST /api/v1/targets/{name}/probe`: what every vantage found just now, side by side.

use proto::{Missed, Timestamp};
use serde::Serialize;

use super::target::{Found, found};
use crate::core::{Answer, AskedAt};
use crate::state::{Detail, Entry, ReporterIdx};

/// The answer.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Everywhere {
    pub name: String,
    pub asked: String,
    pub vantages: Vec<Here>,
}

/// What one vantage said.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/api.md says what each field means")]
pub struct Here {
    pub vantage: String,
    pub agent: Option<String>,
    pub zone: Option<String>,
    pub answer: &'static str,
    pub result: Option<Found>,
}

/// Shows what came of a question.
pub fn everywhere(name: String, asked: Timestamp, vantages: Vec<AskedAt>) -> Everywhere {
    let vantages = vantages.into_iter().map(|AskedAt { vantage, agent, answer }| {
        let (agent, zone) = agent.unzip();
        let word = match &answer {
            Answer::NoAgent => "no_agent",
            Answer::NoAnswer => "no_answer",
            Answer::Found(_) => "result",
            Answer::Missed(Missed::Refused) => "refused",
            Answer::Missed(Missed::Overloaded) => "overloaded",
            Answer::Missed(_) => "agent_fault",
        };
        let result = match answer {
            Answer::Found(result) => {
                let entry = Entry::new(&result, ReporterIdx(0));
                let note = result.note.map(|note| *note).unwrap_or_default();
                let (phases, body_bytes) = (result.phases, result.body_bytes);
                Some(found(&Detail { entry, phases, body_bytes, note }))
            }
            _ => None,
        };
        Here { vantage, agent, zone, answer: word, result }
    });
    Everywhere { name, asked: asked.rfc3339(), vantages: vantages.collect() }
}
