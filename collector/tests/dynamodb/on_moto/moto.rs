//! moto, which answers as DynamoDB and S3 do: one server for all tests of a program but those that measure, gone with it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use collector::store::{DynamoDb, StoreError, TableAddress};
use tokio::runtime::Runtime;

const PROGRAM: &str = "
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
";

pub struct Moto {
    /// It ends when this program does: its standard input is closed then.
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Where moto listens.
pub fn address() -> SocketAddr {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    MOTO.get_or_init(start).address
}

/// One more.
pub fn start() -> Moto {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let mut child = Command::new(&python)
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{python:?}: {error}; scripts/test installs it"));
    let mut line = String::new();
    let read = BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line);
    read.expect("it can be read");
    let port: u16 = line.trim().parse().expect("moto is in .venv: scripts/test installs it");
    Moto { child, address: ([127, 0, 0, 1], port).into() }
}

/// The runtime that every client of these tests lives on.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    })
}

fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test"))
}

fn client(service: SocketAddr) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials())
        .endpoint_url(format!("http://{service}"))
        .build();
    Client::from_conf(config)
}

/// A new table of the form that docs/store-dynamodb.md asks for, reached at `endpoint`.
pub fn table(endpoint: SocketAddr) -> TableAddress {
    table_on(address(), endpoint)
}

/// The same on this server.
pub fn table_on(service: SocketAddr, endpoint: SocketAddr) -> TableAddress {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("table-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    runtime().block_on(async {
        let mut call = client(service).create_table().table_name(&name);
        for (key, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
            let attribute = AttributeDefinition::builder().attribute_name(key);
            let attribute = attribute.attribute_type(ScalarAttributeType::S).build();
            let element = KeySchemaElement::builder().attribute_name(key).key_type(kind).build();
            call = call.attribute_definitions(attribute.expect("whole"));
            call = call.key_schema(element.expect("whole"));
        }
        call.billing_mode(BillingMode::PayPerRequest).send().await.expect("a table");
    });
    at(&name, endpoint)
}

/// The same table over another way.
pub fn at(table: &str, endpoint: SocketAddr) -> TableAddress {
    TableAddress {
        table: table.to_owned(),
        region: Some("eu-west-1".into()),
        endpoint: Some(format!("http://{endpoint}")),
        role_arn: None,
    }
}

/// The format that a table says it has.
pub fn format_of(table: &TableAddress) -> String {
    let mut call = client(address()).get_item().table_name(&table.table);
    for (name, value) in META {
        call = call.key(name, AttributeValue::S(value.into()));
    }
    let answer = runtime().block_on(call.send()).expect("it is there").item.expect("an item");
    answer["format"].as_n().expect("a number").clone()
}

/// Has a table say that it has this format.
pub fn set_format(table: &TableAddress, format: &str) {
    let mut call = client(address()).update_item().table_name(&table.table);
    for (name, value) in META {
        call = call.key(name, AttributeValue::S(value.into()));
    }
    call = call.update_expression("SET #f = :f").expression_attribute_names("#f", "format");
    call = call.expression_attribute_values(":f", AttributeValue::N(format.into()));
    runtime().block_on(call.send()).expect("it is changed");
}

/// Where a table says what there is to say about it as a whole.
const META: [(&str, &str); 2] = [("pk", "meta"), ("sk", "log")];

/// Opens the log of a table, however often it takes.
pub fn open(address: &TableAddress) -> DynamoDb {
    (0..50).find_map(|_| open_once(address).ok()).expect("it opens after a while")
}

/// The same at once, or not.
pub fn open_once(address: &TableAddress) -> Result<DynamoDb, StoreError> {
    let _within = runtime().enter();
    DynamoDb::open_as(address, Some(credentials()))
}
