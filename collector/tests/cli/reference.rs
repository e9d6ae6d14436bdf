//! The reference says what the programs say of themselves: every option, every default, every column, and no other.

use std::collections::BTreeMap;

use clap::{Command, CommandFactory};
use collector::target_file::Column;

const OPTIONS: &str = include_str!("../../../docs/options.md");
const COLUMNS: &str = include_str!("../../../docs/target-file.md");

/// The heading that begins so, and the text below it.
#[track_caller]
fn section(heading: &str) -> &'static str {
    let begin = OPTIONS.find(heading).unwrap_or_else(|| panic!("no section {heading:?}"));
    OPTIONS[begin..].split("\n## ").next().expect("a section")
}

/// `code` spans of a text.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Options in the tables of a section, each with the cell of its default.
fn tabled(text: &'static str) -> BTreeMap<&'static str, &'static str> {
    let rows = text.lines().filter(|line| line.starts_with("| `--"));
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let names = code(cells[0]).filter_map(|span| span.split_whitespace().next());
        names.map(move |name| (name, cells[1])).collect::<Vec<_>>()
    })
    .collect()
}

/// Options of a command's `--help`, each with its default if it has one.
fn helped(program: &Command, command: &str) -> BTreeMap<String, Option<String>> {
    let command = program.find_subcommand(command).unwrap_or_else(|| panic!("no {command}"));
    let options = command.get_arguments().filter(|argument| argument.get_long().is_some());
    options
        .filter(|option| !matches!(option.get_id().as_str(), "help" | "version"))
        .map(|option| {
            let values = option.get_default_values().iter();
            let default = values.map(|value| value.to_string_lossy().into_owned()).next();
            let flag = !option.get_action().takes_values();
            (format!("--{}", option.get_long().expect("long")), default.filter(|_| !flag))
        })
        .collect()
}

#[test]
fn the_options_reference_is_what_help_says() {
    let collector = collector::args::Cli::command();
    let agent = agent::cli::Cli::command();
    let probing = tabled(section("## The options of probing"));
    for (program, command, heading) in [
        (&collector, "serve", "## `zonewatch-collector serve"),
        (&collector, "check", "## `zonewatch-collector check"),
        (&collector, "demo", "## `zonewatch-collector demo"),
        (&collector, "healthcheck", "## `zonewatch-collector healthcheck"),
        (&agent, "run", "## `zonewatch-agent run"),
        (&agent, "probe", "## `zonewatch-agent probe"),
        (&agent, "healthcheck", "## `zonewatch-agent healthcheck"),
    ] {
        let text = section(heading);
        let (own, help) = (tabled(text), helped(program, command));
        for (option, default) in &help {
            let cell = own.get(option.as_str()).or_else(|| probing.get(option.as_str()));
            let mentioned =
                code(text).any(|span| span.split_whitespace().any(|word| word == option));
            assert!(cell.is_some() || mentioned, "{command} {option} is not in docs/options.md");
            if let (Some(cell), Some(default)) = (cell, default) {
                let said = code(cell).any(|span| span == default) || *cell == "as above";
                assert!(
                    said,
                    "{command} {option}: the default is {default}, docs/options.md says {cell:?}"
                );
            }
        }
        for option in own.keys() {
            assert!(
                help.contains_key(*option),
                "{command} has no {option}, but docs/options.md has"
            );
        }
    }
}

#[test]
fn the_columns_reference_is_what_the_parser_reads() {
    let rows = COLUMNS.lines().filter(|line| line.starts_with("| `"));
    let told: Vec<&str> =
        rows.flat_map(|row| code(row.split(" | ").next().unwrap_or_default())).collect();
    let read: Vec<&str> = Column::ALL.into_iter().map(Column::name).collect();
    let (mut told_sorted, mut read_sorted) = (told, read);
    told_sorted.sort_unstable();
    read_sorted.sort_unstable();
    assert_eq!(told_sorted, read_sorted);
}
