//! One program for every target: the variable `FUZZ_TARGET` says which.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let all = || proto::fuzz::TARGETS.iter().chain(agent::fuzz::TARGETS).chain(collector::fuzz::TARGETS);
    let Some((_, target)) = all().find(|(known, _)| *known == name) else {
        for (known, _) in all() {
            println!("{known}");
        }
        std::process::exit(i32::from(!name.is_empty()) * 2);
    };
    *target
});

fuzz_target!(|bytes: &[u8]| (*TARGET)(bytes));
