//! Asking DNS: what to ask for, both families of addresses, and what the errors mean.

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use hickory_resolver::Resolver;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use proto::Cause;
use tokio::time::{Instant, sleep_until};

use super::fault::io_text;
use super::sockets::Sockets;

/// Once one family has addresses, the other gets this long: a server that drops AAAA must not fail every probe.
const FAMILY_WAIT: Duration = Duration::from_millis(500);

/// What to ask for, in this order; whether it is the name as it stands.
pub(super) fn candidates(plain: &Name, search: &[Name], ndots: usize) -> Vec<(Name, bool)> {
    let mut as_is = plain.clone();
    as_is.set_fqdn(true);
    if plain.is_fqdn() {
        return vec![(as_is, true)];
    }
    let joined = search.iter().filter_map(|domain| plain.clone().append_domain(domain).ok());
    let mut names: Vec<_> = joined.map(|name| (name, false)).collect();
    let dots = usize::from(plain.num_labels()).saturating_sub(1);
    names.insert(if dots >= ndots { 0 } else { names.len() }, (as_is, true));
    names
}

/// IPv6 before IPv4. An error of one family counts only when the other has no addresses either.
pub(super) async fn both_families(
    resolver: &Resolver<Sockets>,
    name: Name,
) -> Result<Vec<IpAddr>, NetError> {
    let mut ask_v4 = pin!(one_family(resolver, name.clone(), RecordType::A));
    let mut ask_v6 = pin!(one_family(resolver, name, RecordType::AAAA));
    let (mut v4, mut v6) = (None, None);
    let mut deadline = None;
    while v4.is_none() || v6.is_none() {
        let patience = deadline.unwrap_or_else(Instant::now);
        tokio::select! {
            answer = &mut ask_v6, if v6.is_none() => v6 = Some(answer),
            answer = &mut ask_v4, if v4.is_none() => v4 = Some(answer),
            () = sleep_until(patience), if deadline.is_some() => break,
        }
        if matches!(v4, Some(Ok(_))) || matches!(v6, Some(Ok(_))) {
            deadline.get_or_insert_with(|| Instant::now() + FAMILY_WAIT);
        }
    }
    let mut addresses = Vec::new();
    let mut error = None;
    for answer in [v6, v4].into_iter().flatten() {
        match answer {
            Ok(found) => addresses.extend(found),
            // A server that fails says more than one that knows the name, but no address of this family.
            Err(new) if error.as_ref().is_none_or(is_no_data) => error = Some(new),
            Err(_) => {}
        }
    }
    match error {
        Some(error) if addresses.is_empty() => Err(error),
        _ => Ok(addresses),
    }
}

/// At least one address, or why not.
async fn one_family(
    resolver: &Resolver<Sockets>,
    name: Name,
    family: RecordType,
) -> Result<Vec<IpAddr>, NetError> {
    let lookup = resolver.lookup(name, family).await?;
    let found: Vec<_> =
        lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
    if found.is_empty() {
        return Err(NoRecords::new(lookup.query().clone(), ResponseCode::NoError).into());
    }
    Ok(found)
}

fn is_no_data(error: &NetError) -> bool {
    error.is_no_records_found() && !error.is_nx_domain()
}

/// A look-up's error.
pub(super) fn reason(error: &NetError) -> (Cause, String) {
    let is = |kind, text: &str| (kind, text.to_owned());
    match error {
        error if error.is_nx_domain() => is(Cause::DnsNoSuchName, "no such name (NXDOMAIN)"),
        error if error.is_no_records_found() => is(Cause::DnsNoAddress, "the name has no address"),
        NetError::Dns(DnsError::ResponseCode(code)) => match *code {
            ResponseCode::ServFail => {
                is(Cause::DnsServerFailure, "the name server failed (SERVFAIL)")
            }
            ResponseCode::Refused => {
                is(Cause::DnsRefused, "the name server refused to answer (REFUSED)")
            }
            code => (Cause::DnsOther, format!("the name server answered: {code}")),
        },
        NetError::Timeout => is(Cause::DnsTimeout, "no name server answered in time"),
        NetError::NoConnections => is(Cause::DnsUnreachable, "no name server could be asked"),
        NetError::Io(error) => {
            (Cause::DnsUnreachable, format!("cannot reach the name server: {}", io_text(error)))
        }
        other => (Cause::DnsOther, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn asked(name: &str, search: &[&str], ndots: usize, expected: &[&str]) {
        let plain = Name::from_str_relaxed(name).unwrap();
        let search: Vec<_> = search.iter().map(|s| Name::from_str_relaxed(s).unwrap()).collect();
        let names: Vec<_> = candidates(&plain, &search, ndots)
            .into_iter()
            .map(|(name, _)| name.to_string())
            .collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn search_domains_are_tried_after_a_name_with_dots_and_before_one_without() {
        asked(
            "www.example.com",
            &["corp.test"],
            1,
            &["www.example.com.", "www.example.com.corp.test."],
        );
        asked("www", &["corp.test", "test"], 1, &["www.corp.test.", "www.test.", "www."]);
        asked("a.b", &["c"], 5, &["a.b.c.", "a.b."]);
        asked("www.", &["corp.test"], 1, &["www."]);
        asked("www", &[], 1, &["www."]);
    }
}
