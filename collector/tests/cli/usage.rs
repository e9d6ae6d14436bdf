//! What cannot work is said before anything is opened, in one sentence that says what would, with exit code 2.

use crate::program::{Targets, run, run_in};

/// The program ends at once with this code and says exactly this; nothing is left behind.
#[track_caller]
fn refused(arguments: &[&str], variables: &[(&str, &str)], expected: &str) {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let ended = run_in(targets.folder(), arguments, variables);
    assert_eq!(ended.err.lines().next(), Some(expected), "{arguments:?}\n{}", ended.err);
    assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.err);
    assert_eq!(ended.out, "");
    let left: Vec<_> = std::fs::read_dir(targets.folder()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "{arguments:?} left {left:?}");
}

/// `serve targets.csv` with this added.
#[track_caller]
fn refused_with(options: &[&str], expected: &str) {
    refused(&[&["serve", "targets.csv"], options].concat(), &[], expected);
}

#[test]
fn what_is_no_command_or_option_is_said_by_name() {
    let words = |arguments: &[&str]| {
        let ended = run(arguments, &[]);
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        ended.err
    };
    assert!(
        words(&["serve", "targets.csv", "--nosuch"]).contains("unexpected argument '--nosuch'")
    );
    assert!(words(&["sevre", "targets.csv"]).contains("unrecognized subcommand 'sevre'"));
    assert!(words(&["serve"]).contains("<TARGETS>"));
    assert!(words(&[]).contains("Usage: zonewatch-collector"));
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["serve", "--help"], &["check", "--help"], &["--version"]] {
        let ended = run(arguments, &[]);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(ended.out.contains("zonewatch-collector"), "{arguments:?}: {}", ended.out);
    }
}

#[test]
fn every_option_names_its_variable_in_the_help() {
    let help = run(&["serve", "--help"], &[]).out;
    let options: Vec<&str> = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--"))
        .map(|line| line.split_whitespace().next().expect("a name"))
        .filter(|name| *name != "help")
        .collect();
    assert!(options.len() > 20, "{options:?}");
    for option in options {
        let variable = format!("ZONEWATCH_{}", option.to_uppercase().replace('-', "_"));
        assert!(help.contains(&format!("[env: {variable}")), "{option}: {help}");
    }
}

#[test]
fn target_files_that_give_no_target_are_told_apart() {
    let write = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    for ((name, bytes), expected) in [
        (write("empty.csv", b""), "is empty; expected a CSV file with a `url` column"),
        (write("blank.csv", b"\n \n\n"), "is empty; expected a CSV file with a `url` column"),
        (
            write("binary", b"\x7fELF\x02\x01\x01\0\0\0\0\0"),
            "is a binary file (it holds NUL bytes); expected a CSV file in UTF-8",
        ),
        (write("a.gz", b"\x1f\x8b\x08\0abc"), "is a gzip file; expected a CSV file in UTF-8"),
        (write("utf16.csv", b"\xff\xfen\0a\0"), "is UTF-16 text; expected a CSV file in UTF-8"),
        (write("header.csv", b"name,url\n"), "has a header line and no rows"),
        (write("other.csv", b"name,link\na,b\n"), "no `url` column; line 1 has \"name\", \"link\""),
        (
            write("bad.csv", b"name,url\na,ftp://x\n"),
            "none of its 1 rows can be used; the first: line 2: \"ftp://x\" is not an http or https URL",
        ),
    ] {
        let targets = Targets::new("");
        let path = targets.join(&name);
        std::fs::write(&path, bytes).expect("it can be written");
        let ended = run(&["serve", &path], &[]);
        assert_eq!(ended.err, format!("zonewatch-collector: {path}: {expected}\n"));
        assert_eq!(ended.code, Some(2), "{name}");
        let checked = run(&["check", &path], &[]);
        assert!(checked.err.starts_with(&format!("{path}: {expected}\n")), "{}", checked.err);
        assert_eq!(checked.code, Some(2), "{name}");
    }
}

#[test]
fn a_place_without_a_target_file_is_said_so() {
    let missing =
        "zonewatch-collector: nosuch.csv: no such file; expected a CSV file with a `url` column";
    refused(&["serve", "nosuch.csv"], &[], missing);
    let folder = "zonewatch-collector: .: is a folder; expected a CSV file with a `url` column";
    refused(&["serve", "."], &[], folder);
    for (url, shown, expected) in [
        (
            "http://me:hunter2@lists.example/t.csv",
            "http://***@lists.example/t.csv",
            "the list, and the secrets in it, would cross the network in the clear; expected a path, an https:// URL or s3://bucket/key",
        ),
        (
            "ftp://lists.example/t.csv",
            "ftp://lists.example/t.csv",
            "expected a path, an https:// URL or s3://bucket/key",
        ),
    ] {
        let expected = format!("zonewatch-collector: {shown}: {expected}");
        refused(&["serve", url], &[], &expected);
        refused(&["check", url], &[], &expected);
    }
    let nobody = "https://127.0.0.1:1/t.csv";
    let ended = run(&["serve", nobody], &[]);
    assert_eq!(ended.code, Some(2));
    let expected =
        format!("zonewatch-collector: {nobody}: cannot be fetched: error sending request");
    assert!(ended.err.starts_with(&expected) && ended.err.contains("refused"), "{}", ended.err);
}

#[test]
fn values_that_cannot_be_are_told_what_could() {
    let address = "expected IP:PORT, like 127.0.0.1:8080 or [::1]:8080";
    for bad in ["8080", "localhost:8080", ":8080", "127.0.0.1:99999"] {
        let expected =
            format!("error: invalid value '{bad}' for '--http-listen <IP:PORT>': {address}");
        refused_with(&["--http-listen", bad], &expected);
        refused(&["demo", "--http-listen", bad], &[], &expected);
        refused(&["healthcheck", "--http-listen", bad], &[], &expected);
    }
    let duration = "expected a duration like 500ms, 30s, 10m or 1h";
    let expected = format!("error: invalid value '5' for '--interval <D>': {duration}");
    refused_with(&["--interval", "5"], &expected);
    let span = "is not within 1s and 24h";
    for bad in ["500ms", "0s", "25h"] {
        refused_with(
            &["--interval", bad],
            &format!("zonewatch-collector: --interval: the interval {bad} {span}"),
        );
    }
    refused_with(
        &["--lease", "0s"],
        "zonewatch-collector: --lease 0s is out of range; expected 1s to 10m",
    );
    refused_with(
        &["--keep-slots", "59m"],
        "zonewatch-collector: --keep-slots 59m is too short; expected at least 1h",
    );
    refused_with(
        &["--local-agents", "27"],
        "error: invalid value '27' for '--local-agents <N>': 27 is not in 0..=26",
    );
    refused_with(
        &["--log-level", "verbose"],
        "error: invalid value 'verbose' for '--log-level <LOG_LEVEL>': expected error, warn, info, debug or trace, \
         or directives like collector=debug,info",
    );
    refused_with(
        &["--default", "interval"],
        "zonewatch-collector: --default interval: expected COLUMN=VALUE, like expect_status=2xx",
    );
    refused_with(
        &["--default", "intervall=5m"],
        "zonewatch-collector: --default intervall: there is no such option; did you mean `interval`?",
    );
}

#[test]
fn a_store_is_a_folder_a_table_or_memory() {
    for (store, expected) in [
        ("memory", "--store memory: write memory: or ./memory for a folder"),
        (
            "s3://bucket",
            "--store s3://bucket: no such kind of store; expected a folder, dynamodb://TABLE or memory:",
        ),
        ("", "--store is empty; expected a folder, dynamodb://TABLE or memory:"),
    ] {
        refused_with(&["--store", store], &format!("zonewatch-collector: {expected}"));
    }
}

#[test]
fn agents_are_let_in_from_elsewhere_only_with_a_token_and_over_tls() {
    let open = "zonewatch-collector: --grpc-listen 0.0.0.0:0 is not a loopback address and nothing tells agents from \
                strangers: give --agent-token-file or --client-ca";
    let plain = "zonewatch-collector: --grpc-listen 0.0.0.0:0 is not a loopback address and has no TLS: agents' tokens \
                 and results would cross the network in the clear; give --tls-cert and --tls-key, or --allow-plaintext \
                 if TLS ends at a load balancer";
    let everywhere = ["serve", "targets.csv", "--grpc-listen", "0.0.0.0:0"];
    let token = [("ZONEWATCH_AGENT_TOKEN", "a-good-token")];
    refused(&everywhere, &[], open);
    refused(&[&everywhere[..], &["--allow-plaintext"]].concat(), &[], open);
    refused(&everywhere, &token, plain);
    let off = [token[0], ("ZONEWATCH_ALLOW_PLAINTEXT", "0")];
    refused(&everywhere, &off, plain);
    refused(&["serve", "targets.csv"], &[("ZONEWATCH_GRPC_LISTEN", "0.0.0.0:0")], open);
    let unclear = [token[0], ("ZONEWATCH_ALLOW_PLAINTEXT", "nope")];
    let expected = "error: invalid value 'nope' for '--allow-plaintext': expected true or false";
    refused(&everywhere, &unclear, expected);
}

#[test]
fn options_that_only_make_sense_together_are_asked_for_together() {
    for (given, missing) in [
        (["--tls-cert", "a.pem"], "--tls-key <F>"),
        (["--tls-key", "a.key"], "--tls-cert <F>"),
        (["--client-ca", "ca.pem"], "--tls-cert <F>"),
    ] {
        let ended = run(&[&["serve", "targets.csv"], &given[..]].concat(), &[]);
        assert_eq!(ended.code, Some(2), "{given:?}");
        assert!(ended.err.contains("required arguments were not provided"), "{}", ended.err);
        assert!(ended.err.contains(&format!("\n  {missing}\n")), "{}", ended.err);
    }
}

#[test]
fn secrets_that_cannot_be_used_are_told_by_place_and_never_repeated() {
    let variable = |text: &str| [("ZONEWATCH_AGENT_TOKEN".to_owned(), text.to_owned())];
    for (token, expected) in [
        (
            "hush",
            "zonewatch-collector: ZONEWATCH_AGENT_TOKEN: line 1: a token has at least 8 characters",
        ),
        ("", "zonewatch-collector: ZONEWATCH_AGENT_TOKEN: expected one token a line, found none"),
    ] {
        let variables = variable(token);
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        refused(&["serve", "targets.csv"], &variables, expected);
    }
    let missing = "No such file or directory (os error 2)";
    refused_with(
        &["--api-token-file", "nosuch"],
        &format!("zonewatch-collector: nosuch: the token file cannot be read: {missing}"),
    );
    refused_with(
        &["--secrets-file", "nosuch"],
        &format!(
            "zonewatch-collector: secrets file nosuch: {missing}; expected a UTF-8 file of NAME=value lines"
        ),
    );
    refused_with(
        &["--agent-settings", "nosuch"],
        &format!("zonewatch-collector: --agent-settings nosuch: cannot be read: {missing}"),
    );
    refused_with(
        &["--tls-cert", "nosuch", "--tls-key", "nosuch"],
        &format!("zonewatch-collector: --tls-cert nosuch: cannot be read: {missing}"),
    );
}

#[test]
fn tls_files_that_are_none_are_refused_before_anything_is_claimed() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    std::fs::write(targets.join("bad.pem"), "nonsense").expect("it can be written");
    let path = targets.path();
    let pem = targets.join("bad.pem");
    let store = targets.join("store");
    let line = [
        "serve",
        &path,
        "--store",
        &store,
        "--http-listen",
        "127.0.0.1:0",
        "--grpc-listen",
        "127.0.0.1:0",
        "--tls-cert",
        &pem,
        "--tls-key",
        &pem,
    ];
    let ended = run(&line, &[]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    let expected =
        format!("zonewatch-collector: --tls-cert {pem}: holds no certificate; expected PEM\n");
    assert_eq!(ended.err, expected);
    assert!(!std::path::Path::new(&store).exists(), "the log was opened");
}
