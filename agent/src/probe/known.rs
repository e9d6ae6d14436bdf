//! Chains of certificates that were found good: a probe that is shown one again need not check its signatures again.
//!
//! Whether a chain is good hangs on its bytes, the name, the trust and the time, and on nothing else. What was asked is the
//! key, as its SHA-256; the answer holds from when it was found until the first certificate of the chain expires. That the
//! server has the certificate's key every handshake proves anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{Context, SHA256};
use dashmap::DashMap;
use proto::Timestamp;
use rustc_hash::FxBuildHasher;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::{Facts, instant};

/// Chains that are held, at 300 to 700 bytes each at most 11 MiB. When there are more, all begin anew.
const CHAINS_MAX: usize = 16_384;

/// What was asked: whose trust, for which name, which certificates.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Question([u8; 32]);

impl Question {
    pub(super) fn new(
        trust: u64,
        name: &ServerName<'_>,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&trust.to_le_bytes());
        let name = name.to_str();
        let certificates = intermediates.iter().map(AsRef::as_ref);
        for part in [name.as_bytes(), leaf].into_iter().chain(certificates) {
            // With its length, so that no two lists of parts read the same.
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        Self(context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// A chain that was found good.
struct Good {
    found: Timestamp,
    until: Timestamp,
    leaf: Arc<Facts>,
}

/// What all probes of a process have found good.
#[derive(Default)]
pub(super) struct Known {
    chains: DashMap<Question, Good, FxBuildHasher>,
    trusts: AtomicU64,
}

impl Known {
    /// A number for somebody's trust, that no other has.
    pub(super) fn number(&self) -> u64 {
        self.trusts.fetch_add(1, Ordering::Relaxed)
    }

    /// What the server's certificate says, if its chain was found good and that holds at `now`.
    pub(super) fn get(&self, question: &Question, now: UnixTime) -> Option<Arc<Facts>> {
        let (good, now) = (self.chains.get(question)?, instant(now));
        (good.found <= now && now <= good.until).then(|| Arc::clone(&good.leaf))
    }

    /// A chain was found good at `now`. One of which not every end can be read is not remembered.
    pub(super) fn add(
        &self,
        question: Question,
        leaf: Arc<Facts>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) {
        let mut until = leaf.not_after;
        for certificate in intermediates {
            let Some(facts) = Facts::read(certificate) else { return };
            until = until.min(facts.not_after);
        }
        if self.chains.len() >= CHAINS_MAX {
            self.chains.clear();
        }
        self.chains.insert(question, Good { found: instant(now), until, leaf });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{Certificate, CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// Good from 2020 to the beginning of `year`.
    fn until(year: i32) -> Certificate {
        let mut params = CertificateParams::new(["a.test".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    /// So many seconds after the beginning of a year.
    fn at(year: i32, seconds: i64) -> UnixTime {
        let seconds = date_time_ymd(year, 1, 1).unix_timestamp() + seconds;
        UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().unwrap()))
    }

    #[test]
    fn a_chain_is_known_until_its_first_certificate_expires_and_not_before_it_was_found() {
        let (leaf, above) = (until(2031), [until(2030).der().clone()]);
        let name = ServerName::try_from("a.test").unwrap();
        let question = Question::new(0, &name, leaf.der(), &above);
        let known = Known::default();
        let facts = Arc::new(Facts::read(leaf.der()).unwrap());
        assert!(known.get(&question, at(2029, 0)).is_none());
        known.add(question, facts, &above, at(2029, 0));
        for (now, expected) in
            [(at(2029, -1), false), (at(2029, 0), true), (at(2030, 0), true), (at(2030, 1), false)]
        {
            assert_eq!(known.get(&question, now).is_some(), expected, "{now:?}");
        }
    }

    #[test]
    fn another_trust_name_or_certificate_is_another_question() {
        let (one, other) = (until(2030), until(2030));
        let (one, other) = (one.der(), other.der());
        let name = |name: &'static str| ServerName::try_from(name).unwrap();
        let asked = Question::new(1, &name("a.test"), one, std::slice::from_ref(other));
        assert!(asked == Question::new(1, &name("a.test"), one, std::slice::from_ref(other)));
        for different in [
            Question::new(2, &name("a.test"), one, std::slice::from_ref(other)),
            Question::new(1, &name("b.test"), one, std::slice::from_ref(other)),
            Question::new(1, &name("a.test"), other, std::slice::from_ref(other)),
            Question::new(1, &name("a.test"), one, &[]),
            Question::new(1, &name("a.test"), one, &[other.clone(), other.clone()]),
        ] {
            assert!(asked != different);
        }
    }

    #[test]
    fn no_more_chains_are_held_than_there_is_room_for() {
        let known = Known::default();
        let leaf = until(2030);
        let facts = Arc::new(Facts::read(leaf.der()).unwrap());
        let name = ServerName::try_from("a.test").unwrap();
        for trust in 0..CHAINS_MAX as u64 + 10 {
            let question = Question::new(trust, &name, leaf.der(), &[]);
            known.add(question, Arc::clone(&facts), &[], at(2029, 0));
        }
        assert!(known.chains.len() <= CHAINS_MAX);
    }
}
