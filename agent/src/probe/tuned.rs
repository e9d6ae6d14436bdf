//! What may change while the prober runs: a probe keeps what it began with.

use std::sync::Arc;

use http::header::USER_AGENT;

use super::ProberError;
use super::address::AddressPolicy;
use super::options::ProbeOptions;
use super::request::Request;
use super::resolve::Names;

pub(super) struct Tuned {
    options: ProbeOptions,
    pub(super) names: Arc<Names>,
    pub(super) addresses: AddressPolicy,
}

impl Tuned {
    /// What `options` ask for; the names looked up `before` are kept if the same servers are asked.
    pub(super) fn new(options: &ProbeOptions, before: Option<&Self>) -> Result<Self, ProberError> {
        let names = match before.filter(|before| before.options.dns == options.dns) {
            Some(before) => before.names.clone(),
            None => Arc::new(Names::new(options.dns.as_ref())?),
        };
        let addresses = AddressPolicy::new(options.deny_private, options.allow_network.clone())
            .refusing(options.refuse_network.clone());
        Ok(Self { options: options.clone(), names, addresses })
    }

    /// The request as the settings would introduce it, where neither the target nor the program's default is to.
    pub(super) fn introduced(&self, request: &Request) -> Option<Request> {
        let agent = self.options.user_agent.as_ref()?;
        if request.headers.contains_key(USER_AGENT) {
            return None;
        }
        let Request { method, url, headers, body, .. } = request;
        let mut headers = headers.clone();
        headers.insert(USER_AGENT, agent.clone());
        Some(Request::new(method.clone(), url.clone(), headers, body.clone()))
    }
}
