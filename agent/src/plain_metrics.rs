//! From OpenMetrics to the text format 0.0.4, for scrapers that ask for nothing newer.

/// The same metrics in the older format: a counter's family is called as its samples are, and there is no end mark.
pub fn plain_metrics(open: &str) -> String {
    let counters: Vec<&str> = open
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut plain = String::with_capacity(open.len() + 64);
    for line in open.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let about =
            ["# HELP ", "# TYPE "].iter().find_map(|head| Some((head, line.strip_prefix(head)?)));
        match about.and_then(|(head, rest)| Some((head, rest.split_once(' ')?))) {
            Some((head, (name, rest))) if counters.contains(&name) => {
                plain.push_str(&format!("{head}{name}_total {rest}"));
            }
            _ => plain.push_str(line),
        }
        plain.push('\n');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_named_as_its_samples_and_the_rest_stays() {
        let open = "# HELP a_b Things.\n# TYPE a_b counter\na_b_total{x=\"y z\"} 3\n# HELP g More.\n# TYPE g gauge\ng 1\n# EOF\n";
        let plain = "# HELP a_b_total Things.\n# TYPE a_b_total counter\na_b_total{x=\"y z\"} 3\n# HELP g More.\n# TYPE g gauge\ng 1\n";
        assert_eq!(plain_metrics(open), plain);
    }
}
