//! A small GET over plain HTTP to something near: our own /livez, the task metadata endpoint.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Task metadata is a few KiB.
const BODY_MAX: usize = 256 << 10;

/// From connecting to the last byte.
const TIME_MAX: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LocalGetError {
    /// Not a URL that can be asked.
    #[error("`{0}` is not an http URL with a host")]
    Url(Uri),
    /// It took too long.
    #[error("no answer within {} s", TIME_MAX.as_secs())]
    Time,
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    /// What came was not HTTP.
    #[error("bad answer: {0}")]
    Http(#[from] hyper::Error),
    /// The body broke off or is too long.
    #[error("bad body: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
}

/// Asks for `uri`.
///
/// # Errors
/// When there is no whole answer in time.
pub async fn get(uri: Uri) -> Result<(StatusCode, Bytes), LocalGetError> {
    tokio::time::timeout(TIME_MAX, ask(uri)).await.map_err(|_| LocalGetError::Time)?
}

async fn ask(uri: Uri) -> Result<(StatusCode, Bytes), LocalGetError> {
    let Some(authority) = uri.authority().filter(|_| uri.scheme_str() == Some("http")) else {
        return Err(LocalGetError::Url(uri));
    };
    let (host, port) = (authority.host(), authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(http::header::HOST, authority.as_str())
        .body(Empty::<Bytes>::new())
        .expect("parts of a URL make a request");
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, BODY_MAX).collect().await.map_err(LocalGetError::Body)?;
        Ok((head.status, body.to_bytes()))
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended?;
            answer.await
        }
    }
}
