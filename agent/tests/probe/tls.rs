//! HTTPS: what is trusted, what is not, and how that is told.

use std::time::Duration;

use proto::{Failure, ProbeSpec, Protocol, Timestamp, TlsVersion};
use rcgen::{BasicConstraints, IsCa, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::origin::Origin;
use super::tls_origin::{Authority, Identity, TlsOrigin, path};
use super::{SHORT, answered, details, failed, get, run};

fn trusting(authority: &Authority, url: String) -> ProbeSpec {
    ProbeSpec { tls_ca: Some(authority.path()), ..get(url) }
}

#[tokio::test]
async fn a_certificate_of_the_target_s_own_authority_is_good_for_its_names_and_addresses() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost", "127.0.0.1"], |params| {
        params.not_after = date_time_ymd(2050, 1, 2);
    });
    let origin = TlsOrigin::start(identity, &["http/1.1"]).await;
    for host in ["localhost", "127.0.0.1", "localhost."] {
        let report = run(&trusting(&authority, origin.url(host))).await;
        answered(&report, 200);
        assert!(report.phases.tls_us > 0);
        let expires = report.note.certificate_expires.map(Timestamp::rfc3339);
        assert_eq!(expires.as_deref(), Some("2050-01-02T00:00:00.000Z"));
        assert_eq!(report.note.tls, Some(TlsVersion::Tls13));
        assert_eq!(details(&report).cipher.as_deref(), Some("TLS13_AES_128_GCM_SHA256"));
        let more = report.note.more.expect("a certificate was seen");
        assert_eq!(more.certificate_subject, "CN=a server of the test");
        assert_eq!(more.certificate_issuer, "CN=the test's authority");
        assert_eq!(report.note.protocol, Some(Protocol::Http11));
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_offers_it() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"], |_| {});
    let origin = TlsOrigin::start(identity, &["h2", "http/1.1"]).await;
    let url = format!("https://user:pass@localhost:{}/path?q#f", origin.address.port());
    let spec = ProbeSpec {
        method: "POST".into(),
        headers: vec![("X-Mine".into(), "1".into())],
        body: b"payload".to_vec(),
        // The server says back what it was asked.
        expect_body: Some(format!(
            "^POST https://localhost:{}/path\\?q .*\"x-mine\": \"1\"",
            origin.address.port()
        )),
        ..trusting(&authority, url)
    };
    let report = run(&spec).await;
    answered(&report, 200);
    assert_eq!(report.note.protocol, Some(Protocol::Http2));
    assert!(report.phases.processing_us > 0 && report.phases.tls_us > 0);

    let basic = "authorization\": \"Basic dXNlcjpwYXNz".to_owned();
    answered(&run(&ProbeSpec { expect_body: Some(basic), ..spec.clone() }).await, 200);
    let host = ProbeSpec {
        headers: vec![("Host".into(), "other.test".into())],
        expect_body: Some("^POST https://other.test/path".into()),
        ..spec
    };
    answered(&run(&host).await, 200);
}

#[tokio::test]
async fn each_fault_of_a_certificate_is_named_and_its_expiry_still_told() {
    let authority = Authority::new();
    let (expired, early, late) =
        (date_time_ymd(2020, 1, 2), date_time_ymd(2019, 1, 2), date_time_ymd(2090, 1, 2));
    let identity = authority.issue(&["localhost"], |params| {
        (params.not_before, params.not_after) = (early, expired);
    });
    let origin = TlsOrigin::start(identity, &[]).await;
    let report = run(&trusting(&authority, origin.url("localhost"))).await;
    failed(&report, Failure::Tls, "the certificate expired at 2020-01-02T00:00:00.000Z");
    let expires = report.note.certificate_expires.map(Timestamp::rfc3339);
    assert_eq!(expires.as_deref(), Some("2020-01-02T00:00:00.000Z"));
    assert_eq!(report.note.remote_address, Some(origin.address));

    let identity = authority.issue(&["localhost"], |params| params.not_before = late);
    let origin = TlsOrigin::start(identity, &[]).await;
    let report = run(&trusting(&authority, origin.url("localhost"))).await;
    failed(&report, Failure::Tls, "the certificate is not valid before 2090-01-02");

    let identity = authority.issue(&["other.example"], |_| {});
    let origin = TlsOrigin::start(identity, &[]).await;
    let report = run(&trusting(&authority, origin.url("localhost"))).await;
    failed(&report, Failure::Tls, "the certificate is not for localhost but for other.example");

    let (identity, _file) = Identity::self_signed(&["localhost"], IsCa::NoCa);
    let origin = TlsOrigin::start(identity, &[]).await;
    let report = run(&trusting(&authority, origin.url("localhost"))).await;
    failed(&report, Failure::Tls, "the certificate is self-signed");

    let stranger = Authority::new().issue(&["localhost"], |_| {});
    let origin = TlsOrigin::start(stranger, &[]).await;
    let report = run(&trusting(&authority, origin.url("localhost"))).await;
    assert_eq!(report.outcome, proto::Outcome::Failed(Failure::Tls), "{}", report.note.cause);
}

#[tokio::test]
async fn without_verification_every_certificate_will_do() {
    let (identity, _file) = Identity::self_signed(&["other.example"], IsCa::NoCa);
    let origin = TlsOrigin::start(identity, &["h2"]).await;
    let spec = ProbeSpec { tls_verify: false, ..get(origin.url("localhost")) };
    let report = run(&spec).await;
    answered(&report, 200);
    assert!(report.note.certificate_expires.is_some());
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_where_it_is_the_target_s_ca_file() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let (identity, file) = Identity::self_signed(&["localhost"], is_ca);
        let origin = TlsOrigin::start(identity, &[]).await;
        let spec = ProbeSpec { tls_ca: Some(path(&file)), ..get(origin.url("localhost")) };
        answered(&run(&spec).await, 200);
        let wrong = ProbeSpec { url: origin.url("127.0.0.1"), ..spec };
        failed(&run(&wrong).await, Failure::Tls, "not for 127.0.0.1");
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_says_so_and_one_that_hangs_up_too() {
    let origin = Origin::raw(|mut stream, _| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let report = run(&get(format!("https://{}/", origin.address))).await;
    failed(&report, Failure::Tls, "does not speak TLS");

    let origin = Origin::raw(|_, _| async {}).await;
    let report = run(&get(format!("https://{}/", origin.address))).await;
    assert_eq!(report.outcome, proto::Outcome::Failed(Failure::Tls), "{}", report.note.cause);
}

#[tokio::test]
async fn a_handshake_that_stalls_is_a_timeout_in_that_phase() {
    let origin = Origin::raw(|mut stream, _| async move {
        let _ = stream.write_all(&[22, 3, 3, 1, 0]).await; // The beginning of a record that never ends.
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let spec = ProbeSpec { timeout: SHORT, ..get(format!("https://{}/", origin.address)) };
    let report = run(&spec).await;
    failed(&report, Failure::Timeout, &format!("TLS handshake with {}", origin.address));
    assert!(report.phases.tls_us >= 400_000, "{:?}", report.phases);
}
