//! What the system says of this process, under the names that every Prometheus client uses.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The kernel's unit of processor time for /proc: fixed at 100 a second on Linux.
const TICKS: f64 = 100.0;
const PAGE: i64 = 4096;

/// What is known, in OpenMetrics without an end mark: the program's own metrics follow. What cannot be read is left out.
pub fn process_metrics() -> String {
    let mut registry = Registry::default();
    register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a String does not fail");
    text.truncate(text.trim_end_matches("# EOF\n").len());
    text
}

fn register(registry: &mut Registry) {
    if let Some((cpu, memory, threads)) = stat() {
        registry.register(
            "process_cpu_seconds",
            "Processor time used, in user and system mode",
            ConstCounter::new(cpu),
        );
        registry.register(
            "process_resident_memory_bytes",
            "Memory in use",
            ConstGauge::new(memory),
        );
        registry.register("process_threads", "Threads", ConstGauge::new(threads));
    }
    if let Some(open) = open_files() {
        registry.register("process_open_fds", "Open file descriptors", ConstGauge::new(open));
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if let Some(limit) = limit.and_then(|limit| i64::try_from(limit).ok()) {
        registry.register("process_max_fds", "Most open file descriptors", ConstGauge::new(limit));
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let metrics = runtime.metrics();
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        registry.register(
            "runtime_tasks_alive",
            "Tasks of the runtime that are not over",
            ConstGauge::new(count(metrics.num_alive_tasks())),
        );
        registry.register(
            "runtime_queue_depth",
            "Tasks that are ready and wait for a thread",
            ConstGauge::new(count(metrics.global_queue_depth())),
        );
    }
}

/// Processor seconds, bytes of memory, threads.
fn stat() -> Option<(f64, i64, i64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name stands in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field)?.parse::<i64>().ok();
    let cpu = (number(11)? + number(12)?) as f64 / TICKS;
    Some((cpu, number(21)?.checked_mul(PAGE)?, number(17)?))
}

fn open_files() -> Option<i64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    // The one that reads them is among them.
    i64::try_from(open.saturating_sub(1)).ok()
}
