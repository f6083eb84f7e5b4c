//! TLS for mail sessions, by rustls: the client's side shows what the handshake showed, and the server's side has a certificate of its own.
//!
//! It stands apart because of one duty: nobody else decides whom to trust. A certificate is checked against the roots of the platform and the files
//! the user names; what was seen and why it was refused is kept for the screen, which libraries do not do by themselves.

mod card;
mod certificate;
mod socket;
mod verifier;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub use certificate::{Authority, Certificate};
pub use socket::{Socket, tell};

use crate::proto::smtp::plan::{Check, Trust};
use crate::trace::mail::TlsCard;
use verifier::{Recorder, Roots};

/// A file of roots that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct RootsError {
    pub path: PathBuf,
    /// The system's or the library's own words.
    pub error: String,
}

/// Opens TLS sessions as a client.
pub struct Connector {
    provider: Arc<CryptoProvider>,
    roots: Arc<Roots>,
    check: Check,
}

impl Connector {
    /// Reads the roots of the platform and of the trust's files.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or has no certificate in it.
    pub fn new(trust: &Trust) -> Result<Self, RootsError> {
        let provider = provider();
        Ok(Self {
            roots: Arc::new(Roots::read(&trust.ca_files, &provider)?),
            provider,
            check: trust.check,
        })
    }

    /// Upgrades a connection to a server of that name or address. The card tells what was seen, however it ended.
    pub async fn handshake<S>(
        &self,
        stream: S,
        server_name: &str,
    ) -> (TlsCard, io::Result<TlsStream<S>>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let begun = Instant::now();
        let recorder = Arc::new(Recorder::new(
            self.roots.clone(),
            self.provider.clone(),
            self.check,
        ));
        let result = match (self.config(recorder.clone()), name_of(server_name)) {
            (Ok(config), Ok(name)) => TlsConnector::from(config).connect(name, stream).await,
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let seen = recorder.seen();
        let session = result.as_ref().ok().map(|stream| stream.get_ref().1);
        let card = TlsCard {
            server_name: server_name.to_owned(),
            version: session
                .and_then(|session| session.protocol_version())
                .map(card::version),
            cipher: session
                .and_then(|session| session.negotiated_cipher_suite())
                .map(|suite| card::cipher(suite.suite())),
            chain: seen
                .chain
                .iter()
                .map(|der| card::certificate(der))
                .collect(),
            error: match (&result, &seen.distrust) {
                (Err(error), None) => Some(error.to_string()),
                _ => None,
            },
            distrust: seen.distrust,
            took: begun.elapsed(),
        };
        (card, result)
    }

    fn config(&self, recorder: Arc<Recorder>) -> io::Result<Arc<ClientConfig>> {
        let config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(recorder)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// The name that a certificate must be made out for.
fn name_of(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}

/// What a server needs to speak TLS with this certificate.
///
/// # Errors
///
/// In the library's words, when key and certificate do not fit.
pub fn acceptor(certificate: &Certificate) -> Result<TlsAcceptor, String> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(certificate.chain(), certificate.key())
        })
        .map_err(|error| error.to_string())?;
    // Nobody resumes a session in a lab, and tickets (RFC 8446 §4.6.1) would come when the handshake is over for the client.
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Version and cipher of a server's session, as the client's card writes them.
pub fn parameters(session: &rustls::CommonState) -> (String, String) {
    let version = session.protocol_version().map(card::version);
    let cipher = session
        .negotiated_cipher_suite()
        .map(|suite| card::cipher(suite.suite()));
    (version.unwrap_or_default(), cipher.unwrap_or_default())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests;
