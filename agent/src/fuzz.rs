//! The entries of a fuzzer: every parser of bytes that a probed server, or the machine that an agent runs on, chooses.

use std::cell::RefCell;

use proto::ProbeSpec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::config::{CollectorUrl, Secret};
use crate::explain;
use crate::metadata::Task;
use crate::probe::{Ended, ProbeOptions, Prober, fuzz as probe};

/// The name of what is fed, and where it goes in.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("answer", answer),
    ("certificate", probe::certificate),
    ("location", probe::location),
    ("hosts_file", probe::hosts_file),
    ("ecs_metadata", ecs_metadata),
    ("collector_url", collector_url),
];

fn ecs_metadata(bytes: &[u8]) {
    let _whatever_it_says = Task::parse(bytes);
}

fn collector_url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(url) = text.parse::<CollectorUrl>() {
        assert!(!url.to_string().contains('@'), "credentials are shown");
    }
    let _token = Secret::first_line(text);
}

thread_local! {
    /// One server and one prober for all that is fed.
    static RIG: RefCell<Option<(Runtime, TcpListener, Prober)>> = const { RefCell::new(None) };
}

/// A real probe of a server that answers with these bytes, whatever they are, and closes.
fn answer(bytes: &[u8]) {
    RIG.with_borrow_mut(|rig| {
        let (runtime, listener, prober) = rig.get_or_insert_with(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
            let prober = Prober::new(&ProbeOptions::default()).expect("the defaults are good");
            (runtime, listener, prober)
        });
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let spec = ProbeSpec {
            expect_body: Some("a+b".into()),
            follow_redirects: bytes.first() == Some(&b'H'),
            timeout: std::time::Duration::from_secs(1),
            ..ProbeSpec::get(url.clone())
        };
        let prepared = prober.prepare(&spec).expect("a good specification");
        let serve = async {
            // Until the probe is over: it may come again, by a redirect to itself.
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _asked = stream.read(&mut request).await;
                let _taken = stream.write_all(bytes).await;
            }
        };
        let ended = runtime.block_on(async {
            tokio::select! {
                ended = prober.probe(&prepared) => Some(ended),
                () = serve => None,
            }
        });
        if let Some(Ended::Report(report)) = ended {
            let _shown = (explain::text(&url, &report), explain::json(&url, &report));
        }
    });
}
