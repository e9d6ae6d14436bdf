//! Which addresses may be dialled. Judged on the address itself, after name resolution and on every redirect, so that no
//! name and no spelling leads round it.
//!
//! Pure: tables and arithmetic.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proto::Cause;

use super::fault::Stop;
use super::resolve::Addresses;
use super::trace::Trace;

type Table<Net> = &'static [(Net, &'static str)];

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, c: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

const fn v6_host(a: u16, b: u16, h: u16) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, h), 128)
}

/// Refused whatever is probed: nothing there is a public service, and some of it hands out this machine's credentials.
const NEVER_V4: Table<Ipv4Net> = &[
    (v4(0, 0, 0, 0, 8), "unspecified"),
    (v4(169, 254, 0, 0, 16), "link-local or cloud metadata"),
    (v4(100, 100, 100, 200, 32), "cloud metadata"), // Alibaba Cloud
    (v4(168, 63, 129, 16, 32), "cloud metadata"),   // Azure
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(255, 255, 255, 255, 32), "broadcast"),
];
const NEVER_V6: Table<Ipv6Net> = &[
    (v6_host(0, 0, 0), "unspecified"),
    (v6(0xfe80, 0, 0, 10), "link-local"),
    (v6(0xfd00, 0xec2, 0, 32), "cloud metadata"), // AWS
    (v6_host(0xfd20, 0xce, 0x254), "cloud metadata"), // Google Cloud
    (v6(0xff00, 0, 0, 8), "multicast"),
];

/// Refused with `--deny-private`: IANA's special-purpose registries, without what is globally reachable.
const PRIVATE_V4: Table<Ipv4Net> = &[
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignment"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];
const PRIVATE_V6: Table<Ipv6Net> = &[
    (v6_host(0, 0, 1), "loopback"),
    (v6(0x64, 0xff9b, 1, 48), "local NAT64"),
    (v6(0x100, 0, 0, 64), "discard-only"),
    (v6(0x2001, 0, 0, 23), "protocol assignment"), // Teredo is in it
    (v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (v6(0x3fff, 0, 0, 20), "documentation"),
    (v6(0x5f00, 0, 0, 16), "segment routing"),
    (v6(0xfc00, 0, 0, 7), "unique local"),
    (v6(0xfec0, 0, 0, 10), "site-local"),
];

/// What this agent refuses to dial.
pub(super) struct AddressPolicy {
    deny_private: bool,
    allow: Vec<IpNet>,
    refuse: Vec<IpNet>,
}

impl AddressPolicy {
    /// `allow` is stronger than every refusal but those of [`Self::refusing`].
    pub(super) fn new(deny_private: bool, allow: Vec<IpNet>) -> Self {
        Self { deny_private, allow, refuse: Vec::new() }
    }

    /// … and what is refused in any case.
    pub(super) fn refusing(self, refuse: Vec<IpNet>) -> Self {
        Self { refuse, ..self }
    }

    /// Why `ip` is refused, if it is, for people.
    #[cfg(test)]
    fn refusal(&self, ip: IpAddr) -> Option<&'static str> {
        self.judge(ip).map(|(_, reason)| reason)
    }

    /// Why `ip` is refused, if it is.
    fn judge(&self, ip: IpAddr) -> Option<(Cause, &'static str)> {
        let judged = embedded_v4(ip).map_or(ip, IpAddr::V4);
        let is_in = |networks: &[IpNet]| {
            networks.iter().any(|network| network.contains(&ip) || network.contains(&judged))
        };
        if is_in(&self.refuse) {
            return Some((Cause::BlockedSettings, "the collector's settings refuse it"));
        }
        if is_in(&self.allow) {
            return None;
        }
        match judged {
            IpAddr::V4(ip) => self.first(NEVER_V4, PRIVATE_V4, |net| net.contains(&ip)),
            IpAddr::V6(ip) => self.first(NEVER_V6, PRIVATE_V6, |net| net.contains(&ip)),
        }
    }

    fn first<Net>(
        &self,
        never: Table<Net>,
        private: Table<Net>,
        holds: impl Fn(&Net) -> bool,
    ) -> Option<(Cause, &'static str)> {
        let find = |table: Table<Net>| table.iter().find(|(net, _)| holds(net));
        let never = find(never).map(|(_, reason)| (Cause::BlockedAlways, *reason));
        let private = || find(private).map(|(_, reason)| (Cause::BlockedPrivate, *reason));
        never.or_else(|| if self.deny_private { private() } else { None })
    }

    /// Leaves those of `addresses` that may be dialled; notes the others.
    ///
    /// # Errors
    /// `Blocked` when none is left.
    pub(super) fn filter(&self, addresses: &mut Addresses, trace: &mut Trace) -> Result<(), Stop> {
        trace.detail(|details| details.resolved = addresses.to_vec());
        let mut refused = Vec::new();
        let mut first = None;
        addresses.retain(|ip| {
            let Some((kind, reason)) = self.judge(*ip) else { return true };
            refused.push((*ip, reason));
            first.get_or_insert((kind, *ip, reason));
            false
        });
        trace.detail(|details| details.refused = refused);
        match first {
            Some((kind, ip, reason)) if addresses.is_empty() => Err(Stop::failed(
                kind,
                format!("{ip} is refused: {reason} (exceptions: --allow-network)"),
            )),
            _ => Ok(()),
        }
    }
}

/// The IPv4 address that a packet to `ip` ends at, where `ip` is IPv6 around one: mapped, translated, compatible, NAT64
/// (well-known, and local as a /96) and 6to4.
fn embedded_v4(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(join(high, low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(join(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x64, 0xff9b, 1, _, _, _, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(policy: &AddressPolicy, ips: &str, refused: bool) {
        for text in ips.split_whitespace() {
            let ip = text.parse().unwrap_or_else(|_| panic!("{text} is no address"));
            let reason = policy.refusal(ip);
            assert_eq!(reason.is_some(), refused, "{text}: {reason:?}");
        }
    }

    const ALWAYS_REFUSED: &str = "169.254.169.254 169.254.0.0 169.254.255.255 fe80::1 febf::1 fd00:ec2::254 \
        0.0.0.0 0.1.2.3 :: 224.0.0.1 239.255.255.255 ff02::1 255.255.255.255 168.63.129.16 fd20:ce::254";
    const WRAPPED: &str = "::ffff:169.254.169.254 ::169.254.169.254 64:ff9b::169.254.169.254 2002:a9fe:a9fe::1 \
        ::ffff:0:169.254.169.254 ::ffff:0.0.0.0 ::ffff:224.0.0.1";
    const SPECIAL: &str = "127.0.0.1 127.255.255.255 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 \
        192.0.0.1 192.0.2.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 240.0.0.1 ::1 fc00::1 fdff::1 \
        2001:db8::1 2001::1 100::1 64:ff9b:1::a00:1 fec0::1 ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::10.0.0.1 2002:c0a8:101::1";
    const PUBLIC: &str = "1.1.1.1 8.8.8.8 93.184.216.34 172.15.255.255 172.32.0.0 100.63.255.255 100.128.0.0 \
        169.253.255.255 169.255.0.0 192.0.1.1 198.20.0.0 223.255.255.255 2606:4700::1111 2a00::1 ::ffff:8.8.8.8 \
        64:ff9b::8.8.8.8 2002:808:808::1";

    #[test]
    fn link_local_metadata_multicast_and_unspecified_are_refused_always() {
        for deny_private in [false, true] {
            let policy = AddressPolicy::new(deny_private, Vec::new());
            check(&policy, ALWAYS_REFUSED, true);
            check(&policy, WRAPPED, true);
            check(&policy, PUBLIC, false);
        }
    }

    #[test]
    fn special_purpose_addresses_are_refused_only_when_asked() {
        check(&AddressPolicy::new(false, Vec::new()), SPECIAL, false);
        check(&AddressPolicy::new(true, Vec::new()), SPECIAL, true);
    }

    #[test]
    fn an_exception_covers_an_address_in_every_wrapping_and_nothing_else() {
        let allow = vec!["169.254.169.254/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let policy = AddressPolicy::new(true, allow);
        check(&policy, "169.254.169.254 ::ffff:169.254.169.254 10.1.2.3 64:ff9b::10.0.0.1", false);
        check(&policy, "169.254.169.253 192.168.0.1 fe80::1", true);
        let wrapped = AddressPolicy::new(false, vec!["2002:a9fe::/32".parse().unwrap()]);
        check(&wrapped, "2002:a9fe:1::1", false);
        check(&wrapped, "169.254.0.1", true);
    }

    #[test]
    fn what_the_settings_refuse_no_exception_allows() {
        let networks = |text: &str| vec![text.parse::<IpNet>().unwrap()];
        let policy = AddressPolicy::new(false, networks("10.0.0.0/8"));
        let policy = policy.refusing(networks("10.1.0.0/16"));
        check(&policy, "10.1.2.3 ::ffff:10.1.2.3", true);
        check(&policy, "10.2.0.1 9.9.9.9", false);
    }

    proptest::proptest! {
        #[test]
        fn every_ipv4_address_is_judged_the_same_in_every_wrapping(bits: u32, deny_private: bool) {
            let plain = Ipv4Addr::from(bits);
            let [high, low] = [(bits >> 16) as u16, bits as u16];
            let policy = AddressPolicy::new(deny_private, Vec::new());
            let expected = policy.refusal(plain.into());
            for wrapped in [
                plain.to_ipv6_mapped(),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 1, 2, 3, 4, 5),
            ] {
                proptest::prop_assert_eq!(policy.refusal(wrapped.into()), expected, "{}", wrapped);
            }
        }
    }

    #[test]
    fn a_name_with_one_good_address_is_dialled_there_and_one_with_none_is_blocked() {
        let policy = AddressPolicy::new(false, Vec::new());
        let (bad, good) = ("169.254.169.254".parse().unwrap(), "1.1.1.1".parse().unwrap());
        let mut trace = Trace::detailed();
        let mut addresses = Addresses::from_slice(&[bad, good]);
        policy.filter(&mut addresses, &mut trace).unwrap();
        assert_eq!(addresses[..], [good]);
        assert_eq!(trace.details().refused, [(bad, "link-local or cloud metadata")]);
        let stop = policy.filter(&mut Addresses::from_slice(&[bad]), &mut trace).unwrap_err();
        assert!(
            matches!(&stop, Stop::Failed(Cause::BlockedAlways, cause) if cause.contains("169.254.169.254"))
        );
    }
}
