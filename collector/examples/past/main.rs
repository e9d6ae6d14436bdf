//! Writes the folder that a collector would have after some time, for measurements:
//! `cargo run --release -p collector --example past -- FOLDER TARGETS HOURS NOW_MS > targets.csv`.
//!
//! `NOW_MS` is where the past ends, in milliseconds since the epoch (`date +%s000`).

mod log;

use std::time::Instant;

use collector::store::Folder;
use proto::Timestamp;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, targets, hours, now] = arguments.as_slice() else {
        panic!("expected FOLDER TARGETS HOURS NOW_MS");
    };
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let (targets, hours) = (number(targets) as usize, number(hours) as i64);
    let now = Timestamp::from_millis(number(now) as i64);
    let began = Instant::now();
    let mut store = Folder::open(folder.as_ref()).expect("a folder");
    let told = log::write(&mut store, targets, hours, hours - 1, now);
    println!("name,url,interval");
    for n in 0..targets {
        println!("{},{},10m", log::name(n), log::url(n));
    }
    eprintln!(
        "{} results, of which {} behind the snapshot, {} bytes of parts, in {:?}",
        told.results,
        told.behind,
        told.part_bytes,
        began.elapsed()
    );
}
