//! `/etc/hosts`: a name found there is answered from it alone.

use std::collections::HashMap;
use std::net::IpAddr;

/// The file's names, lower case, with their addresses in the order of its lines.
#[derive(Debug, Default)]
pub(super) struct HostsFile {
    names: HashMap<String, Vec<IpAddr>>,
}

impl HostsFile {
    /// Reads what it can; a line that is none is passed over, as the system does.
    pub(super) fn parse(text: &str) -> Self {
        let mut names: HashMap<String, Vec<IpAddr>> = HashMap::new();
        for line in text.trim_start_matches('\u{feff}').lines() {
            let content = line.split('#').next().unwrap_or_default();
            let mut words = content.split_whitespace();
            let Some(Ok(ip)) = words.next().map(str::parse::<IpAddr>) else { continue };
            for name in words {
                let addresses = names.entry(key(name)).or_default();
                if !addresses.contains(&ip) {
                    addresses.push(ip);
                }
            }
        }
        Self { names }
    }

    /// The addresses of `name`, in any case, with or without a final dot.
    pub(super) fn lookup(&self, name: &str) -> Option<&[IpAddr]> {
        self.names.get(&key(name)).map(Vec::as_slice)
    }
}

fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_with_all_their_addresses() {
        let hosts = HostsFile::parse(
            "127.0.0.1 localhost\n::1 localhost ip6-localhost # both\n\nnonsense here\n10.0.0.1\tDB db.internal\n",
        );
        let found = |name: &str| {
            let addresses = hosts.lookup(name).unwrap_or_default();
            addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found("LocalHost."), ["127.0.0.1", "::1"]);
        assert_eq!(found("db"), ["10.0.0.1"]);
        assert_eq!(found("db.internal"), ["10.0.0.1"]);
        assert!(hosts.lookup("here").is_none() && hosts.lookup("both").is_none());
    }
}
