//! The agents' port asks for a token, wherever that was given.

use proto::wire::raw::v1 as raw;
use proto::wire::raw::v1::fleet_client::FleetClient;
use proto::{AgentMessage, Hello};
use tonic::{Code, Request};

use crate::program::{Program, Targets};

/// What an agent that shows this gets for an answer: the kind of the first message, or the refusal.
fn knock(
    program: &Program,
    authorization: Option<&str>,
) -> Result<raw::CollectorMessage, tonic::Status> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = format!("http://{}", program.grpc);
        let mut client = FleetClient::connect(url).await.expect("the port is open");
        let hello = AgentMessage::Hello(Hello {
            agent_id: format!("agent-{}", authorization.map_or(0, str::len)),
            boot: 1,
            vantage: "eu".into(),
            zone: "eu-a".into(),
            capacity: 1,
            version: "1".into(),
            protocol: 1,
            epoch_seen: 0,
            held: Vec::new(),
            sent_us: 1,
            log_seen: 0,
            takes_settings: false,
            takes_parts: false,
        });
        let (messages, stream) = tokio::sync::mpsc::channel(1);
        messages.send(raw::AgentMessage::from(hello)).await.expect("there is room");
        let mut request = Request::new(tokio_stream::wrappers::ReceiverStream::new(stream));
        if let Some(value) = authorization {
            request.metadata_mut().insert("authorization", value.parse().expect("ASCII"));
        }
        let mut answers = client.session(request).await?.into_inner();
        answers.message().await.map(|message| message.expect("it does not end at once"))
    })
}

#[track_caller]
fn check(mut program: Program, tokens: [&str; 2]) {
    for good in tokens {
        let first = knock(&program, Some(&format!("Bearer {good}"))).expect("it is let in");
        assert!(
            matches!(first.message, Some(raw::collector_message::Message::Welcome(_))),
            "{first:?}"
        );
    }
    let missing = knock(&program, None).expect_err("no token");
    let said = "the collector asks agents for a token (--token-file)";
    assert_eq!((missing.code(), missing.message()), (Code::Unauthenticated, said));
    for bad in ["Bearer wrong-token", "Bearer ", tokens[0], "Basic x"] {
        let refused = knock(&program, Some(bad)).expect_err(bad);
        assert_eq!(refused.code(), Code::Unauthenticated, "{bad}");
    }
    program.says("a session was refused");
    for token in tokens {
        assert!(!program.log().contains(token), "{}", program.log());
    }
}

#[test]
fn a_token_file_and_a_variable_ask_agents_for_the_same() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let (path, file) = (targets.path(), targets.join("tokens"));
    std::fs::write(&file, "the-old-token\r\nthe-new-token\n").expect("it can be written");
    let tokens = ["the-old-token", "the-new-token"];
    let level = ("ZONEWATCH_LOG_LEVEL", "debug");
    check(Program::serve(&[&path, "--agent-token-file", &file], &[level]), tokens);
    let variable = [level, ("ZONEWATCH_AGENT_TOKEN", "the-old-token\nthe-new-token")];
    check(Program::serve(&[&path], &variable), tokens);
}

#[test]
fn agents_from_elsewhere_are_let_in_with_a_token_where_tls_ends_before() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let path = targets.path();
    let line = [&path, "--grpc-listen", "0.0.0.0:0", "--allow-plaintext"];
    let program =
        Program::serve(&line, &[("ZONEWATCH_AGENT_TOKEN", "a-good-token\nanother-token")]);
    check(program, ["a-good-token", "another-token"]);
}

#[test]
fn an_agent_that_has_no_name_is_told_what_is_wrong() {
    let targets = Targets::new("ok,http://127.0.0.1:9/\n");
    let program = Program::serve(&[&targets.path()], &[]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let refused = runtime.block_on(async {
        let mut client =
            FleetClient::connect(format!("http://{}", program.grpc)).await.expect("open");
        let hello = raw::Hello {
            capacity: 1,
            vantage: "eu".into(),
            zone: "z".into(),
            ..raw::Hello::default()
        };
        let message = raw::agent_message::Message::Hello(hello);
        let hello = raw::AgentMessage { message: Some(message) };
        client.session(tokio_stream::once(hello)).await.map(|_| ()).expect_err("it has no name")
    });
    assert_eq!(refused.code(), Code::InvalidArgument);
    let said = "`hello.agent_id` is \"\"; expected 1 to 255 bytes without control characters";
    assert_eq!(refused.message(), said);
}
