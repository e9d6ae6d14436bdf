//! `--emf`: a line for CloudWatch at the start and every minute, on standard output alone.

use crate::program::{Program, Targets};

#[test]
fn an_idle_collector_tells_cloudwatch_what_it_knows_at_once() {
    let targets = Targets::new("name,url\na,http://127.0.0.1:9/\n");
    let mut program =
        Program::serve(&[&targets.path(), "--emf"], &[("ZONEWATCH_DEPLOYMENT", "prod")]);
    let line: serde_json::Value = serde_json::from_str(&program.out_line()).expect("JSON");
    assert_eq!(line["Deployment"], "prod");
    let described = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(described["Namespace"], "Zonewatch");
    for metric in described["Metrics"].as_array().expect("a list") {
        let name = metric["Name"].as_str().expect("a name");
        assert!(line[name].is_number(), "{name}: {line}");
    }
    assert_eq!((line["Coverage"].as_f64(), line["SlotsMissed"].as_f64()), (Some(100.0), Some(0.0)));
}
