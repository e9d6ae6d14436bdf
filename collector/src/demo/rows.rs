//! The demo's target file: a row a site, and some that are wrong.

use std::net::SocketAddr;

use super::sites::{Role, SLOW_AFTER, Site};

const HEADER: [&str; 10] = [
    "name",
    "url",
    "category",
    "team",
    "timeout",
    "expect_status",
    "expect_body",
    "slow_after",
    "follow_redirects",
    "paused",
];

/// How many rows are wrong.
pub const WRONG: usize = 4;

/// The file's text. Sites are behind `origin`, those that refuse behind `closed`.
pub fn target_file(sites: &[Site], origin: SocketAddr, closed: SocketAddr) -> String {
    let mut file = csv::Writer::from_writer(Vec::new());
    let mut write =
        |row: [&str; 10]| file.write_record(row).expect("rows of one length fit into memory");
    write(HEADER);
    let slow_after = humantime::format_duration(SLOW_AFTER).to_string();
    for site in sites {
        let scheme = if site.role == Role::NotTls { "https" } else { "http" };
        let port = if site.role == Role::Refusing { closed } else { origin }.port();
        let url = format!("{scheme}://{}:{port}/", site.host);
        let when = |role: Role, value| if site.role == role { value } else { "" };
        write([
            &site.host,
            &url,
            site.category,
            site.team,
            "",
            "",
            when(Role::WrongPage, "Thank you"),
            when(Role::Slow, &slow_after),
            when(Role::Circular, "true"),
            when(Role::Paused, "true"),
        ]);
    }
    let twice = sites.first().map_or("", |site| &site.host);
    let url = format!("http://www.wrong.example:{}/", origin.port());
    let wrong: [[&str; 10]; WRONG] = [
        ["files.wrong.example", "ftp://files.wrong.example/", "", "", "", "", "", "", "", ""],
        [twice, &url, "", "", "", "", "", "", "", ""],
        ["patient.wrong.example", &url, "", "", "90s", "", "", "", "", ""],
        ["status.wrong.example", &url, "", "", "", "two hundred", "", "", "", ""],
    ];
    wrong.into_iter().for_each(write);
    let bytes = file.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("only text was written")
}
