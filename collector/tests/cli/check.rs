//! `check`: the exit code says whether to go on, the text says why.

use crate::program::{Targets, run};

#[test]
fn a_good_file_is_0_a_bad_row_is_1_and_no_target_at_all_is_2() {
    for (text, code, said) in [
        ("name,url\na,http://a/\nb,https://b/\n", 0, "2 rows, 2 targets, 0 bad rows"),
        ("google, <https://www.google.com>\n", 0, "1 row, 1 target, 0 bad rows"),
        ("name,url\na,http://a/\nb,ftp://b/\n", 1, "2 rows, 1 target, 1 bad row"),
    ] {
        let targets = Targets::new(text);
        let ended = run(&["check", &targets.path()], &[]);
        assert_eq!(ended.code, Some(code), "{text}: {}{}", ended.out, ended.err);
        assert!(ended.out.contains(said), "{}", ended.out);
        assert_eq!(ended.err, "");
    }
    let targets = Targets::new("name,url\nb,ftp://b/\n");
    let ended = run(&["check", &targets.path()], &[]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""));
}

#[test]
fn a_bad_row_is_told_with_its_file_and_line_and_without_its_password() {
    let targets = Targets::new("name,url\na,http://a/\nb,ftp://me:hunter2@b/\n");
    let ended = run(&["check", &targets.path()], &[]);
    let expected = format!("{}:3: \"ftp://***@b/\" is not an http or https URL", targets.path());
    assert!(ended.out.contains(&expected), "{}", ended.out);
    assert!(!ended.out.contains("hunter2"));
}

#[test]
fn secrets_come_from_the_environment_which_may_hold_anything() {
    let targets =
        Targets::new("name,url,headers\na,http://a/,\"{\"\"X\"\": \"\"${MY_TOKEN}\"\"}\"\n");
    let missing = run(&["check", &targets.path()], &[]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.contains("MY_TOKEN"), "{}", missing.err);
    let given = run(&["check", &targets.path()], &[("MY_TOKEN", "hunter2")]);
    assert_eq!(given.code, Some(0), "{}", given.err);
    assert!(!given.out.contains("hunter2"));
}
