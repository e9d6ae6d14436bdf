//! The table: the five calls that everything in it is made of. Every read is a consistent one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use tokio::runtime::Handle;

use super::address::TableAddress;
use crate::store::StoreError;

/// One try of one call.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);
/// A call with all its tries. Every write is one that may be made again.
const CALL_MAX: Duration = Duration::from_secs(8);
/// Tries of one call: throttling, 5xx and time-outs.
const ATTEMPTS: u32 = 3;
/// What `BatchWriteItem` takes at once.
const BATCH_MAX: usize = 25;
/// Rounds of a batch that the service did part of.
const BATCH_ROUNDS_MAX: u32 = 8;

/// An item's attributes.
pub(super) type Item = HashMap<String, AttributeValue>;

/// What became of an item that was to be created.
pub(super) enum Created {
    /// It was.
    Now,
    /// There is one: this.
    There(Item),
}

/// Which items of a partition are asked for.
pub(super) struct Range<'a> {
    pub(super) pk: &'a str,
    /// The first sort key …
    pub(super) from: &'a str,
    /// … and the last one.
    pub(super) to: &'a str,
    pub(super) forward: bool,
    pub(super) limit: Option<i32>,
}

/// A table, and the runtime that its connections live on.
#[derive(Clone)]
pub(super) struct Table {
    client: Client,
    name: Arc<str>,
    handle: Handle,
}

impl Table {
    /// Nothing is sent yet.
    pub(super) async fn new(
        address: &TableAddress,
        credentials: Option<SharedCredentialsProvider>,
    ) -> Result<Self, StoreError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &address.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(credentials) = credentials {
            loader = loader.credentials_provider(credentials);
        }
        let mut shared = loader.load().await;
        if shared.region().is_none() {
            let reason = "no region; expected ?region=… or AWS_REGION".into();
            return Err(StoreError::Table { table: address.table.clone(), reason });
        }
        if let Some(role) = &address.role_arn {
            let provider = AssumeRoleProvider::builder(role).configure(&shared);
            let provider = provider.session_name("zonewatch").build().await;
            let provider = SharedCredentialsProvider::new(provider);
            shared = shared.into_builder().credentials_provider(provider).build();
        }
        let mut config = aws_sdk_dynamodb::config::Builder::from(&shared)
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(ATTEMPT_MAX)
                    .operation_attempt_timeout(ATTEMPT_MAX)
                    .operation_timeout(CALL_MAX)
                    .build(),
            )
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS)
                    .with_initial_backoff(Duration::from_millis(100)),
            );
        if let Some(endpoint) = &address.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(Self {
            client: Client::from_conf(config.build()),
            name: address.table.as_str().into(),
            handle: Handle::current(),
        })
    }

    /// Waits on a thread that may block.
    pub(super) fn wait<F: Future>(&self, call: F) -> F::Output {
        self.handle.block_on(call)
    }

    /// Creates an item whose key is free. May be made again: whoever finds its own item there has created it.
    pub(super) async fn create(&self, item: Item) -> Result<Created, StoreError> {
        let (pk, sk) = (text(&item, "pk")?.to_owned(), text(&item, "sk")?.to_owned());
        if self.put_if(item, "attribute_not_exists(pk)", []).await? {
            return Ok(Created::Now);
        }
        let there = self.get(&pk, &sk).await?;
        there.map(Created::There).ok_or_else(|| failed("an item was there and is not".into()))
    }

    /// Puts an item where `condition` holds; false where it does not.
    pub(super) async fn put_if<const N: usize>(
        &self,
        item: Item,
        condition: &str,
        values: [(&str, AttributeValue); N],
    ) -> Result<bool, StoreError> {
        let mut call = self.client.put_item().table_name(&*self.name).set_item(Some(item));
        call = call.condition_expression(condition);
        for (name, value) in values {
            call = call.expression_attribute_values(name, value);
        }
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// Puts an item, whatever is there.
    pub(super) async fn put(&self, item: Item) -> Result<(), StoreError> {
        let call = self.client.put_item().table_name(&*self.name).set_item(Some(item));
        call.send().await.map(|_| ()).map_err(|error| self.refused(&error))
    }

    pub(super) async fn get(&self, pk: &str, sk: &str) -> Result<Option<Item>, StoreError> {
        let call = self.client.get_item().table_name(&*self.name).consistent_read(true);
        let call = call.set_key(Some(key(pk, sk)));
        call.send().await.map(|answer| answer.item).map_err(|error| self.refused(&error))
    }

    /// One page of a range, and where the next one begins.
    pub(super) async fn page(
        &self,
        range: &Range<'_>,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let mut call = self.client.query().table_name(&*self.name).consistent_read(true);
        call = call.key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to");
        for (name, value) in [(":pk", range.pk), (":from", range.from), (":to", range.to)] {
            call = call.expression_attribute_values(name, AttributeValue::S(value.to_owned()));
        }
        call = call.scan_index_forward(range.forward).set_limit(range.limit);
        let answer = call.set_exclusive_start_key(start).send().await;
        let answer = answer.map_err(|error| self.refused(&error))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    /// A whole range.
    pub(super) async fn all(&self, range: &Range<'_>) -> Result<Vec<Item>, StoreError> {
        let (mut items, mut next) = self.page(range, None).await?;
        while next.is_some() {
            let (more, after) = self.page(range, next).await?;
            items.extend(more);
            next = after;
        }
        Ok(items)
    }

    /// Deletes items; one that is not there is deleted already.
    pub(super) async fn delete(&self, keys: Vec<(String, String)>) -> Result<(), StoreError> {
        for batch in keys.chunks(BATCH_MAX) {
            let request = |(pk, sk): &(String, String)| {
                let key = DeleteRequest::builder().set_key(Some(key(pk, sk))).build();
                key.map(|key| WriteRequest::builder().delete_request(key).build())
            };
            let requests: Result<Vec<_>, _> = batch.iter().map(request).collect();
            let requests = requests.map_err(|error| failed(error.to_string()))?;
            let mut left = Some(HashMap::from([(self.name.to_string(), requests)]));
            let mut rounds = 0;
            // The service may do part of a batch and hand back the rest.
            while let Some(requests) = left.take().filter(|left| !left.is_empty()) {
                if rounds == BATCH_ROUNDS_MAX {
                    return Err(failed("part of a batch was left undone, again and again".into()));
                }
                if rounds > 0 {
                    tokio::time::sleep(Duration::from_millis(50 << rounds)).await;
                }
                rounds += 1;
                let call = self.client.batch_write_item().set_request_items(Some(requests));
                let answer = call.send().await.map_err(|error| self.refused(&error))?;
                left = answer.unprocessed_items;
            }
        }
        Ok(())
    }

    /// What is wrong with a table that is there.
    pub(super) fn foreign(&self, reason: String) -> StoreError {
        StoreError::Table { table: self.name.to_string(), reason }
    }

    /// Tells a table that is not there, or not ours to use, from a failure that may pass.
    fn refused<E>(&self, error: &SdkError<E>) -> StoreError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        let message = error.as_service_error().and_then(ProvideErrorMetadata::message);
        match code {
            Some(
                code @ ("ResourceNotFoundException"
                | "AccessDeniedException"
                | "UnrecognizedClientException"
                | "ValidationException"),
            ) => self.foreign(format!("{code}: {}", message.unwrap_or("(no message)"))),
            Some(code) => failed(format!("{code}: {}", message.unwrap_or("(no message)"))),
            None => failed(DisplayErrorContext(error).to_string()),
        }
    }
}

/// A failure of the service, or of the way to it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

pub(super) fn failed(what: String) -> StoreError {
    StoreError::Failed(Box::new(Failure(what)))
}

fn key(pk: &str, sk: &str) -> Item {
    item(pk, sk, [])
}

/// An item with these attributes.
pub(super) fn item<const N: usize>(
    pk: &str,
    sk: &str,
    attributes: [(&str, AttributeValue); N],
) -> Item {
    let mut item: Item =
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    item.insert("pk".into(), AttributeValue::S(pk.to_owned()));
    item.insert("sk".into(), AttributeValue::S(sk.to_owned()));
    item
}

pub(super) fn number_value(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn bytes_value(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub(super) fn text<'a>(item: &'a Item, name: &str) -> Result<&'a str, StoreError> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.map(String::as_str).ok_or_else(|| lacks(item, name))
}

pub(super) fn number(item: &Item, name: &str) -> Result<u64, StoreError> {
    let value = item.get(name).and_then(|value| value.as_n().ok());
    value.and_then(|value| value.parse().ok()).ok_or_else(|| lacks(item, name))
}

pub(super) fn bytes<'a>(item: &'a Item, name: &str) -> Result<&'a [u8], StoreError> {
    let value = item.get(name).and_then(|value| value.as_b().ok());
    value.map(AsRef::as_ref).ok_or_else(|| lacks(item, name))
}

fn lacks(item: &Item, name: &str) -> StoreError {
    let key = |name| item.get(name).and_then(|value| value.as_s().ok()).map_or("?", String::as_str);
    failed(format!("item {} {} has no proper `{name}`", key("pk"), key("sk")))
}
