//! Every parser of outside bytes takes its corpus, and mutations of it: a short run of what `scripts/fuzz` does for hours.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proto::fuzz::Target;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Mutations go on for so long with each target.
const EACH: Duration = Duration::from_secs(1);
/// The longest mutated input.
const BYTES_MAX: usize = 4096;

fn targets() -> Vec<Target> {
    let all = [proto::fuzz::TARGETS, agent::fuzz::TARGETS, collector::fuzz::TARGETS];
    all.into_iter().flatten().copied().collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

/// The inputs in a folder, in the order of their names, so that every run is the same.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(folder().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

/// A few bytes changed, left out, doubled, or taken from another input.
fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut StdRng) {
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=input.len());
        match random.random_range(0..6) {
            0 if at < input.len() => input[at] = random.random(),
            1 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
            2 => input.truncate(at),
            3 => input.insert(at, random.random()),
            4 => {
                let from = random.random_range(0..=other.len());
                let to = random.random_range(from..=other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let end = random.random_range(at..=input.len());
                input.drain(at..end);
            }
        }
    }
    input.truncate(BYTES_MAX);
}

#[test]
fn every_parser_takes_its_corpus_and_mutations_of_it() {
    let names: Vec<_> = targets().into_iter().map(|(name, _)| name).collect();
    for entry in std::fs::read_dir(folder()).expect("a corpus") {
        let name = entry.expect("a folder").file_name();
        assert!(names.iter().any(|known| name == *known), "{name:?} is a corpus of no target");
    }
    for (name, target) in targets() {
        let corpus = corpus(name);
        assert!(!corpus.is_empty(), "{name} has no corpus");
        for input in &corpus {
            target(input);
        }
        let mut random = StdRng::seed_from_u64(1);
        let (began, mut runs) = (Instant::now(), 0);
        while began.elapsed() < EACH {
            let other = &corpus[random.random_range(0..corpus.len())];
            let mut input = corpus[random.random_range(0..corpus.len())].clone();
            mutate(&mut input, other, &mut random);
            let shown = input.clone();
            let fed = std::panic::catch_unwind(|| target(&input));
            assert!(fed.is_ok(), "{name} fails on {:?}", String::from_utf8_lossy(&shown));
            runs += 1;
        }
        println!("{name}: {} files, {runs} mutations", corpus.len());
    }
}
