//! `dynamodb://TABLE?region=…&endpoint=…&role_arn=…`.

use std::fmt;

use url::form_urlencoded;

/// Which table, where, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableAddress {
    /// Its name.
    pub table: String,
    /// Where it is, unless that is where AWS tools look.
    pub region: Option<String>,
    /// Another address of the service.
    pub endpoint: Option<String>,
    /// A role to assume first.
    pub role_arn: Option<String>,
}

const EXPECTED: &str = "expected dynamodb://TABLE?region=…&endpoint=…&role_arn=…";

impl TableAddress {
    /// Reads what follows `dynamodb:`.
    ///
    /// # Errors
    /// A sentence.
    pub(in crate::store) fn parse(rest: &str) -> Result<Self, String> {
        let rest = rest.strip_prefix("//").ok_or(EXPECTED)?;
        let (table, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if !(3..=255).contains(&table.len()) || !table.chars().all(fine) {
            return Err(format!(
                "`{table}` is no table's name (3 to 255 of a-z, A-Z, 0-9, `_`, `-`, `.`); {EXPECTED}"
            ));
        }
        let mut address = Self { table: table.to_owned(), ..Self::default() };
        for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
            let place = match name.as_ref() {
                "region" => &mut address.region,
                "endpoint" => &mut address.endpoint,
                "role_arn" => &mut address.role_arn,
                other => return Err(format!("`{other}` is not a parameter; {EXPECTED}")),
            };
            if value.is_empty() || place.is_some() {
                return Err(format!("`{name}` is empty or given twice; {EXPECTED}"));
            }
            *place = Some(value.into_owned());
        }
        Ok(address)
    }
}

impl fmt::Display for TableAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dynamodb://{}", self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_name_and_perhaps_a_region_an_endpoint_and_a_role() {
        let address = TableAddress::parse(
            "//zone_watch.1?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1%3A5000&role_arn=arn:aws:iam::1:role/r",
        );
        let expected = TableAddress {
            table: "zone_watch.1".into(),
            region: Some("eu-west-1".into()),
            endpoint: Some("http://127.0.0.1:5000".into()),
            role_arn: Some("arn:aws:iam::1:role/r".into()),
        };
        assert_eq!(address, Ok(expected));
        assert_eq!(
            TableAddress::parse("//abc").map(|a| a.to_string()),
            Ok("dynamodb://abc".into())
        );
    }

    #[test]
    fn what_is_no_table_is_said() {
        for (text, word) in [
            ("table", "dynamodb://TABLE"),
            ("//", "no table's name"),
            ("//a/b", "no table's name"),
            ("//abc?zone=x", "`zone`"),
            ("//abc?region=", "empty"),
            ("//abc?region=a&region=b", "twice"),
        ] {
            let error = TableAddress::parse(text).expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
