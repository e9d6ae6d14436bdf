//! CloudWatch's embedded metric format: one JSON line on standard output, from which CloudWatch Logs makes metrics.
//!
//! A line is written every minute, also when there is nothing to do: an alarm or a scaling policy that sees no data does
//! not act. What is measured is documented in docs/cloudwatch.md.

use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// The namespace of every metric.
pub const NAMESPACE: &str = "Zonewatch";
/// Between two lines.
pub const EVERY: Duration = Duration::from_secs(60);
/// How metrics of an installation are told from those of another, unless it has a name.
pub const DEPLOYMENT: &str = "zonewatch";

/// A metric's value at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name in CloudWatch.
    pub name: &'static str,
    /// CloudWatch's word for its unit: `Count`, `Percent`, `Seconds`.
    pub unit: &'static str,
    /// A finite number.
    pub value: f64,
}

/// One line without its end, at so many milliseconds after 1970.
pub fn line(at_ms: i64, dimensions: &[(&str, &str)], metrics: &[Metric]) -> String {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let described: Vec<Value> =
        metrics.iter().map(|m| json!({"Name": m.name, "Unit": m.unit})).collect();
    let about = json!({
        "Timestamp": at_ms,
        "CloudWatchMetrics": [
            {"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": described}
        ],
    });
    let mut all = Map::from_iter([("_aws".to_owned(), about)]);
    all.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    all.extend(metrics.iter().map(|m| (m.name.to_owned(), json!(m.value))));
    Value::Object(all).to_string()
}

/// Writes a line where CloudWatch's log driver reads. If nobody reads, nobody misses it.
pub fn print(line: &str) {
    let _nobody_reads = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_of_its_fields_are_dimensions_and_which_are_metrics() {
        let down = Metric { name: "TargetsDown", unit: "Count", value: 3.0 };
        let text = line(1_700_000_000_000, &[("Deployment", "prod\n\"x\"")], &[down]);
        assert!(!text.contains('\n'), "one line: {text}");
        let expected = json!({
            "_aws": {
                "Timestamp": 1_700_000_000_000i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Zonewatch",
                    "Dimensions": [["Deployment"]],
                    "Metrics": [{"Name": "TargetsDown", "Unit": "Count"}],
                }],
            },
            "Deployment": "prod\n\"x\"",
            "TargetsDown": 3.0,
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }
}
