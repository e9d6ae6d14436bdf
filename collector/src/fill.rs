//! Secrets are filled in on the way to an agent, and nowhere before: the state, the log and every answer hold `${NAME}`.

use std::sync::Arc;

use proto::{CollectorMessage, Hello, ProbeSpec};

use crate::target_file::Secrets;

/// Knows the values.
#[derive(Clone, Debug)]
pub struct Filler(Arc<Secrets>);

impl Filler {
    /// Fills in these.
    pub fn new(secrets: Arc<Secrets>) -> Self {
        Self(secrets)
    }

    /// Completes what an agent is sent.
    ///
    /// A grant's hash is marked with the values in use: an agent that comes back with a grant from before one of them
    /// changed holds another hash, and is granted anew.
    pub fn outgoing(&self, message: &mut CollectorMessage) {
        match message {
            CollectorMessage::Assign(assign) => {
                let mark = self.0.mark();
                for grant in &mut assign.grants {
                    grant.content_hash ^= mark;
                    grant.targets.iter_mut().for_each(|target| self.fill(&mut target.spec));
                }
            }
            CollectorMessage::Run(targets) => {
                targets.iter_mut().for_each(|run| self.fill(&mut run.target.spec));
            }
            CollectorMessage::ProbeNow(probe) => self.fill(&mut probe.target.spec),
            CollectorMessage::Welcome(_)
            | CollectorMessage::Ack { .. }
            | CollectorMessage::Beat(_)
            | CollectorMessage::Settings(_)
            | CollectorMessage::GoAway { .. } => {}
        }
    }

    /// Takes the mark from what an agent says that it holds.
    pub fn incoming(&self, hello: &mut Hello) {
        let mark = self.0.mark();
        hello.held.iter_mut().for_each(|held| held.content_hash ^= mark);
    }

    /// A name that is not known any more stays as it is: the next reading of the target file says so, and drops the row.
    fn fill(&self, spec: &mut ProbeSpec) {
        for (_, value) in &mut spec.headers {
            if let Some(filled) = self.filled(value) {
                *value = filled;
            }
        }
        if let Some(filled) =
            std::str::from_utf8(&spec.body).ok().and_then(|body| self.filled(body))
        {
            spec.body = filled.into_bytes();
        }
    }

    /// What a text becomes, if it becomes something else.
    fn filled(&self, text: &str) -> Option<String> {
        if !text.contains("${") {
            return None;
        }
        self.0.fill(text).ok().map(std::borrow::Cow::into_owned)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::{Assign, Grant, HeldShard, ScheduledTarget, ShardId, Timestamp, Uid};

    use super::*;

    fn filler(value: &str) -> Filler {
        let secrets = Secrets::new([("TOKEN".to_owned(), value.to_owned())]);
        secrets.fill("${TOKEN}").expect("it is known");
        Filler::new(Arc::new(secrets))
    }

    /// What an agent gets: the header, the body, and the grant's hash.
    fn granted(filler: &Filler) -> (String, String, u64) {
        let spec = ProbeSpec {
            headers: vec![("A".into(), "Bearer ${TOKEN}".into())],
            body: b"k=${TOKEN}&l=$${TOKEN}".to_vec(),
            ..ProbeSpec::get("http://a/${TOKEN}")
        };
        let at = Timestamp::from_millis(0);
        let (interval, phase) = (Duration::from_secs(60), Duration::ZERO);
        let target = ScheduledTarget { uid: Uid(1), revision: 1, interval, phase, from: at, spec };
        let shard = ShardId::new(3).expect("a shard");
        let grant = Grant { shard, from: at, content_hash: 77, targets: vec![target], more: false };
        let assign = Assign { version: 1, revokes: Vec::new(), grants: vec![grant] };
        let mut message = CollectorMessage::Assign(assign);
        filler.outgoing(&mut message);
        let CollectorMessage::Assign(assign) = message else { panic!("an Assign") };
        let spec = &assign.grants[0].targets[0].spec;
        assert_eq!(spec.url, "http://a/${TOKEN}", "of headers and body alone");
        let body = String::from_utf8(spec.body.clone()).expect("text");
        (spec.headers[0].1.clone(), body, assign.grants[0].content_hash)
    }

    #[test]
    fn an_agent_gets_values_and_nobody_else() {
        let (header, body, _) = granted(&filler("s3cr3t"));
        assert_eq!((header.as_str(), body.as_str()), ("Bearer s3cr3t", "k=s3cr3t&l=${TOKEN}"));
    }

    #[test]
    fn a_grant_from_before_a_value_changed_is_another_one() {
        let held = |filler: &Filler, content_hash| {
            let shard = ShardId::new(3).expect("a shard");
            let from = Timestamp::from_millis(0);
            let mut hello = Hello {
                agent_id: "a".into(),
                boot: 1,
                vantage: "eu".into(),
                zone: "a".into(),
                capacity: 1,
                version: "1".into(),
                protocol: 1,
                epoch_seen: 0,
                held: vec![HeldShard { shard, from, content_hash }],
                sent_us: 1,
                log_seen: 0,
                takes_settings: true,
                takes_parts: true,
            };
            filler.incoming(&mut hello);
            hello.held[0].content_hash
        };
        let (_, _, hash) = granted(&filler("one"));
        assert_eq!(held(&filler("one"), hash), 77);
        assert_ne!(held(&filler("two"), hash), 77);
        let unused = Filler::new(Arc::new(Secrets::new([("OTHER".into(), "x".into())])));
        assert_eq!(held(&unused, 77), 77, "values that no row uses change nothing");
    }
}
