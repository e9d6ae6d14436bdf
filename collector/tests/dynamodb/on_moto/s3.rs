//! A target file in a bucket: read by its ETag, and once only while it stays the same.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};

use super::moto;

/// moto asks for no signature.
fn put(path: &str, body: &str) {
    let mut stream = TcpStream::connect(moto::address()).expect("moto listens");
    let length = body.len();
    write!(
        stream,
        "PUT {path} HTTP/1.1\r\nHost: s3.amazonaws.com\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn check(object: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zonewatch-collector"))
        .args(["check", object])
        .env("AWS_ENDPOINT_URL_S3", format!("http://{}", moto::address()))
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .expect("it can be started")
}

#[test]
fn a_target_file_is_read_from_a_bucket_and_what_is_not_there_is_said() {
    put("/lists", "");
    put("/lists/eu/all%20sites.csv", "name,url\na,http://one.example/\nb,http://two.example/\n");
    let found = check("s3://lists/eu/all sites.csv");
    let told = String::from_utf8_lossy(&found.stdout);
    assert!(found.status.success() && told.contains("2 targets"), "{found:?}");
    let missing = check("s3://lists/none.csv");
    let told = String::from_utf8_lossy(&missing.stderr);
    assert_eq!(missing.status.code(), Some(2), "{missing:?}");
    assert!(told.contains("s3://lists/none.csv") && told.contains("404"), "{told}");
}
