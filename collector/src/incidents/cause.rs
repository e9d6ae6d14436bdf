//! What a failure may have in common with others.

use std::net::IpAddr;

use proto::{CauseKind, Failure, IncidentCause, Note, Outcome, Unexpected};
use url::{Host, Url};

use super::caused;

/// What is known of a target's failure.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// The target's name.
    pub name: &'a str,
    /// Its URL.
    pub url: &'a str,
    /// What was found.
    pub outcome: Option<Outcome>,
    /// What was told about it.
    pub note: Option<&'a Note>,
    /// The vantage that it fails from, if it does not from others.
    pub vantage: Option<&'a str>,
    /// The agent that found it, if no other did.
    pub agent: Option<&'a str>,
}

/// The causes that a target can share with a few others: itself, the certificate, the address, the host, the DNS zone.
pub fn near(evidence: &Evidence<'_>) -> Vec<IncidentCause> {
    let mut causes = vec![caused(CauseKind::Target, evidence.name)];
    let failed = |failure| evidence.outcome == Some(Outcome::Failed(failure));
    if failed(Failure::Tls)
        && let Some(certificate) = evidence.note.and_then(certificate)
    {
        causes.push(certificate);
    }
    if let Some(address) = evidence.note.and_then(|note| note.remote_address) {
        causes.push(caused(CauseKind::Address, address.ip().to_canonical().to_string()));
    }
    if let Some(host) = host(evidence.url) {
        if failed(Failure::Dns)
            && let Some(zone) = zone(&host)
        {
            causes.push(caused(CauseKind::Zone, zone));
        }
        causes.push(caused(CauseKind::Host, host));
    }
    causes
}

/// The causes that many otherwise unrelated targets can share: the vantage, the agent, the way in which they fail.
pub fn wide(evidence: &Evidence<'_>) -> Vec<IncidentCause> {
    let vantage = evidence.vantage.map(|vantage| caused(CauseKind::Vantage, vantage));
    let agent = evidence.agent.map(|agent| caused(CauseKind::Agent, agent));
    let way = evidence.outcome.map(|outcome| caused(CauseKind::Failure, way(outcome)));
    vantage.into_iter().chain(agent).chain(way).collect()
}

/// The certificate that a target showed, if one is known: whom it is for, who signed it, and when it expires tell one from another.
pub fn certificate(note: &Note) -> Option<IncidentCause> {
    let expires = note.certificate_expires?;
    let (subject, issuer) = note.more.as_ref().map_or(("", ""), |more| {
        (more.certificate_subject.as_str(), more.certificate_issuer.as_str())
    });
    let expires = expires.rfc3339();
    Some(caused(
        CauseKind::Certificate,
        format!("{subject}, signed by {issuer}, expires {expires}"),
    ))
}

/// What was found, in a few words.
pub fn way(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(failure) => failure.name().to_owned(),
        Outcome::Answered { unexpected: Some(Unexpected::Body), .. } => "body".to_owned(),
        Outcome::Answered { status, .. } => format!("status {status}"),
    }
}

fn host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    match url.host()? {
        Host::Domain(name) => Some(name.trim_end_matches('.').to_owned()),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// The zone that a name probably is in: its last two labels, or three below a short second level such as `co.uk`. A list
/// of all suffixes would be exact and out of date; a zone that is guessed too small costs one message more.
fn zone(host: &str) -> Option<String> {
    let labels: Vec<&str> = host.split('.').collect();
    let [.., second, top] = labels.as_slice() else { return None };
    let count = if top.len() == 2 && second.len() <= 3 { 3 } else { 2 };
    labels.len().checked_sub(count).map(|first| labels[first..].join("."))
}

/// The address as members show it.
pub fn address(note: Option<&Note>) -> Option<IpAddr> {
    note.and_then(|note| note.remote_address).map(|address| address.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(causes: &[IncidentCause]) -> Vec<String> {
        causes.iter().map(|cause| format!("{} {}", cause.kind, cause.value)).collect()
    }

    #[test]
    fn a_failure_shares_its_address_and_host_and_a_name_that_is_not_found_its_zone() {
        let note = Note {
            remote_address: Some("[::ffff:10.0.0.7]:443".parse().expect("an address")),
            ..Note::default()
        };
        let mut evidence = Evidence {
            name: "a",
            url: "https://www.shop.example.co.uk:8443/x",
            outcome: Some(Outcome::Failed(Failure::Timeout)),
            note: Some(&note),
            vantage: None,
            agent: Some("a1"),
        };
        let near_it = near(&evidence);
        let expected = ["target a", "address 10.0.0.7", "host www.shop.example.co.uk"];
        assert_eq!(shown(&near_it), expected);
        assert_eq!(shown(&wide(&evidence)), ["agent a1", "failure timeout"]);
        evidence.outcome = Some(Outcome::Failed(Failure::Dns));
        evidence.note = None;
        let expected = ["target a", "dns_zone example.co.uk", "host www.shop.example.co.uk"];
        assert_eq!(shown(&near(&evidence)), expected);
    }

    #[test]
    fn an_address_for_a_host_has_no_zone_and_a_single_label_neither() {
        assert_eq!(host("http://10.0.0.1/"), None);
        assert_eq!(zone("localhost"), None);
        assert_eq!(zone("example.com"), Some("example.com".into()));
        assert_eq!(zone("a.b.example.com"), Some("example.com".into()));
    }
}
