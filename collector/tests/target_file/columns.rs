//! What each column may hold.

use super::{bad, check, check_with, value};

#[test]
fn an_interval_is_a_duration_from_a_second_to_a_day() {
    value("interval", "1m", "every=1m");
    value("interval", "24h", "every=1day");
    value("interval", "1s", "every=1s timeout=1s");
    value("interval", "1h 30m", "every=1h 30m");
    bad("interval", "500ms", "interval 500ms is not within 1s and 24h");
    bad(
        "interval",
        "25h",
        "interval \"25h\" is not above 0 and at most 24h, in whole milliseconds",
    );
    bad(
        "interval",
        "30",
        "interval \"30\" is not a duration; expected one like 500ms, 30s, 10m or 1h",
    );
    bad(
        "interval",
        "-1s",
        "interval \"-1s\" is not a duration; expected one like 500ms, 30s, 10m or 1h",
    );
}

#[test]
fn a_timeout_of_its_own_is_no_longer_than_the_interval() {
    value("timeout", "5s", "timeout=5s");
    value("timeout", "10m", "timeout=10m");
    bad("timeout", "11m", "timeout 11m is longer than its interval 10m");
    bad("timeout", "100ms", "timeout 100ms is not within 1s and 24h");
    check(
        "url,interval,timeout\nhttp://ok/\nhttp://a/,10s,30s\n",
        &["ok http://ok/", "!3: timeout 30s is longer than its interval 10s"],
    );
}

#[test]
fn a_default_timeout_gives_way_to_a_shorter_interval() {
    check("url,interval\nhttp://a/,5s\n", &["a http://a/ every=5s timeout=5s"]);
    check_with(
        &["timeout=20s"],
        "url,interval\nhttp://a/,5s\nhttp://b/,\n",
        &["a http://a/ every=5s timeout=5s", "b http://b/ timeout=20s"],
    );
}

#[test]
fn a_method_is_any_token_in_capitals_but_connect() {
    value("method", "head", "HEAD");
    value("method", "GET", "");
    value("method", "Propfind", "PROPFIND");
    bad(
        "method",
        "GET /",
        "method \"GET /\" is not one to probe with; expected GET, HEAD, POST, …",
    );
    bad(
        "method",
        "connect",
        "method \"connect\" is not one to probe with; expected GET, HEAD, POST, …",
    );
}

#[test]
fn headers_are_a_json_object_of_strings_in_its_order() {
    value(
        "headers",
        r#"{"X-B": "1", "Accept": "text/html"}"#,
        r#"headers=[("X-B", "1"), ("Accept", "text/html")]"#,
    );
    value("headers", "{}", "");
    let wrong = |line: u32, column: u32| {
        format!(
            "headers is not a JSON object of strings (at line {line} column {column} of the field); expected one like {{\"Accept\": \"text/html\"}}"
        )
    };
    bad("headers", "Accept: text/html", &wrong(1, 1));
    bad("headers", r#"{"A": 1}"#, &wrong(1, 7));
    bad("headers", r#"{"A": "b"} x"#, &wrong(1, 12));
    bad("headers", r#"{"A b": "c"}"#, "header \"A b\" is not a header's name");
    bad("headers", r#"{"A": "b", "a": "c"}"#, "header \"a\" is there twice");
    bad(
        "headers",
        r#"{"A": "b\nc"}"#,
        "the value of header A holds more than visible ASCII characters",
    );
}

#[test]
fn headers_without_quotes_round_the_field_are_read_if_they_hold_no_comma() {
    check(
        "url,headers\nhttp://a/,{\"Accept\": \"text/html\"}\n",
        &[r#"a http://a/ headers=[("Accept", "text/html")]"#],
    );
}

#[test]
fn headers_and_body_have_limits() {
    let many: Vec<_> = (0..65).map(|n| format!("\"h{n}\":\"\"")).collect();
    bad("headers", &format!("{{{}}}", many.join(",")), "65 headers; expected at most 64");
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(40_000));
    bad("headers", &large, "40001 bytes of headers; expected at most 32768");
    bad("body", &"x".repeat(65_537), "65537 bytes of body; expected at most 65536");
}

#[test]
fn names_of_secrets_are_checked_in_headers_and_body_and_kept_as_names() {
    value("headers", r#"{"A": "Bearer ${TOKEN}"}"#, r#"headers=[("A", "Bearer ${TOKEN}")]"#);
    value("body", "k=${TOKEN}&l=$${TOKEN}", "body=\"k=${TOKEN}&l=$${TOKEN}\"");
    value("category", "${TOKEN}", "[${TOKEN}]");
}

#[test]
fn an_unknown_secret_is_a_bad_row_that_names_it() {
    let unknown = "${NONE} is neither in the collector's environment nor in --secrets-file";
    bad("headers", r#"{"A": "${TOKEN} ${NONE}"}"#, &format!("header A: {unknown}"));
    bad("body", "${NONE}", &format!("body: {unknown}"));
    bad("body", "${", "body: `${` without a name and `}` after it; a plain `${` is written `$${`");
}

#[test]
fn a_secret_that_is_no_header_value_is_never_shown() {
    bad(
        "headers",
        r#"{"A": "${NEWLINE}"}"#,
        "the value of header A holds more than visible ASCII characters",
    );
}

#[test]
fn a_body_keeps_the_spaces_inside_its_quotes() {
    check(
        "url,body\nhttp://a/,\" x \"\nhttp://b/, x \n",
        &["a http://a/ body=\" x \"", "b http://b/ body=\"x\""],
    );
}

#[test]
fn expected_status_codes_are_codes_ranges_and_classes() {
    value("expect_status", "200,204,301", "status=[(200, 200), (204, 204), (301, 301)]");
    value("expect_status", "2xx", "status=[(200, 299)]");
    value("expect_status", "200-399", "");
    bad(
        "expect_status",
        "ok",
        "expect_status: `ok` is not a status code, a range or a class; expected 200, 200-399 or 2xx",
    );
}

#[test]
fn an_expected_body_is_a_regular_expression() {
    value("expect_body", "(?i)welcome|hi", "match=(?i)welcome|hi");
    bad("expect_body", "(a", "expect_body is not a regular expression: unclosed group");
    bad("expect_body", &"x".repeat(5000), "expect_body is 5000 bytes long; expected at most 4096");
    bad(
        "expect_body",
        "(a{1000}){1000}",
        "expect_body is not a regular expression: Compiled regex exceeds size limit of 1048576 bytes.",
    );
}

#[test]
fn a_body_expected_of_head_could_never_match() {
    check(
        "name,url,method,expect_body\na,http://a/,HEAD,x\nb,http://b/,HEAD,x*\n",
        &[
            "b http://b/ HEAD match=x*",
            "!2: expect_body with method HEAD, whose answers have no body: it would never match",
        ],
    );
}

#[test]
fn slow_after_is_a_duration_and_beyond_the_timeout_a_warning() {
    value("slow_after", "500ms", "slow=500ms");
    check(
        "url,slow_after\nhttp://a/,1s\nhttp://b/,10s\nhttp://c/,1h\n",
        &[
            "a http://a/ slow=1s",
            "b http://b/ slow=10s",
            "c http://c/ slow=1h",
            "?line 3: slow_after is not shorter than the timeout, so no answer is slow (2 such rows)",
        ],
    );
    bad(
        "slow_after",
        "0s",
        "slow_after \"0s\" is not above 0 and at most 24h, in whole milliseconds",
    );
}

#[test]
fn switches_are_true_or_false_in_any_case() {
    value("follow_redirects", "TRUE", "follow");
    value("tls_verify", "False", "insecure");
    value("paused", "true", "paused");
    value("paused", "false", "");
    bad("paused", "yes", "paused \"yes\" is neither `true` nor `false`");
    bad("tls_verify", "0", "tls_verify \"0\" is neither `true` nor `false`");
}

#[test]
fn a_ca_file_is_a_path_on_the_agents() {
    value("tls_ca", "/etc/ssl/own.pem", "ca=/etc/ssl/own.pem");
    bad("tls_ca", "a\tb", "tls_ca \"a\\tb\" has a control character in it");
}

#[test]
fn vantages_are_all_or_names() {
    value("vantages", "all", "");
    value("vantages", "us | eu|us", "from=eu+us");
    bad(
        "vantages",
        "eu||us",
        "vantages \"eu||us\" has nothing between its `|`; expected `all` alone, or names",
    );
    bad(
        "vantages",
        "eu|all",
        "vantages \"eu|all\" has `all` between its `|`; expected `all` alone, or names",
    );
}

#[test]
fn every_other_column_is_a_label_and_an_empty_one_is_left_out() {
    check(
        "url,Team,tier\nhttp://a/,web,\nhttp://b/\nhttp://c/,\"x, y\",1\n",
        &[
            r#"a http://a/ labels=[("Team", "web")]"#,
            "b http://b/",
            r#"c http://c/ labels=[("Team", "x, y"), ("tier", "1")]"#,
        ],
    );
    bad(
        "team",
        &"x".repeat(257),
        "column \"team\": the label is 257 bytes long; expected at most 256",
    );
}

#[test]
fn a_label_that_looks_like_an_option_is_warned_of() {
    check(
        "url,expect-status,time_out\nhttp://a/,,\n",
        &[
            "a http://a/",
            "?line 1: column \"expect-status\" is a label; did you mean `expect_status`?",
            "?line 1: column \"time_out\" is a label; did you mean `timeout`?",
        ],
    );
}

#[test]
fn defaults_fill_what_a_row_leaves_empty() {
    check_with(
        &[
            "interval=1m",
            "expect_status=2xx",
            "team=web",
            r#"headers={"A":"${TOKEN}"}"#,
            "category=None",
        ],
        "url,interval,Team,category\nhttp://a/,,,\nhttp://b/,2m,db,Own\n",
        &[
            r#"a http://a/ [None] every=1m headers=[("A", "${TOKEN}")] status=[(200, 299)] labels=[("team", "web")]"#,
            r#"b http://b/ [Own] every=2m headers=[("A", "${TOKEN}")] status=[(200, 299)] labels=[("Team", "db")]"#,
        ],
    );
}
