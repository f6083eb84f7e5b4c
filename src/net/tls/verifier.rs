//! The check of a server's certificate, with a memory: the chain that was shown and why it is not trusted.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::RootsError;
use crate::net::lock::lock;
use crate::proto::smtp::plan::Check;
use crate::trace::mail::Distrust;

/// Certificates of a chain that are kept; real ones have three or four.
const LONGEST_CHAIN: usize = 10;

/// Whom we believe.
#[derive(Debug)]
pub(super) struct Roots {
    /// What stands in the files.
    named: Vec<CertificateDer<'static>>,
    /// `None` where the platform has no roots and no file brought one: nobody is trusted then.
    verifier: Option<Verifier>,
}

impl Roots {
    pub fn read(files: &[PathBuf], provider: &Arc<CryptoProvider>) -> Result<Self, RootsError> {
        let mut extra = Vec::new();
        for file in files {
            extra.extend(read_roots(file)?);
        }
        let verifier = if extra.is_empty() {
            Verifier::new(provider.clone()).ok()
        } else {
            let made = Verifier::new_with_extra_roots(extra.clone(), provider.clone());
            Some(made.map_err(|error| RootsError {
                path: files.first().cloned().unwrap_or_default(),
                error: error.to_string(),
            })?)
        };
        Ok(Self {
            named: extra,
            verifier,
        })
    }

    /// Whether a file names this very certificate. A server whose certificate signs itself shows such a one, and no chain leads away from it.
    fn name(&self, certificate: &CertificateDer) -> bool {
        self.named
            .iter()
            .any(|named| named.as_ref() == certificate.as_ref())
    }
}

/// Checks what is left to check of a certificate that the user vouches for: its time and its names.
fn check_named(
    certificate: &CertificateDer,
    server_name: &ServerName,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| Error::from(CertificateError::BadEncoding))?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = parsed.validity();
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name)?;
    Ok(ServerCertVerified::assertion())
}

fn read_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let wrong = |error: pem::Error| RootsError {
        path: file.to_owned(),
        error: match error {
            pem::Error::Io(error) => error.to_string(),
            pem::Error::NoItemsFound => "no certificate in PEM form is in it".to_owned(),
            other => other.to_string(),
        },
    };
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .map_err(wrong)?
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    if found.is_empty() {
        return Err(wrong(pem::Error::NoItemsFound));
    }
    Ok(found)
}

/// What a handshake showed of the server.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub chain: Vec<CertificateDer<'static>>,
    pub distrust: Option<Distrust>,
}

/// The verifier of one handshake.
#[derive(Debug)]
pub(super) struct Recorder {
    roots: Arc<Roots>,
    provider: Arc<CryptoProvider>,
    check: Check,
    seen: Mutex<Seen>,
}

impl Recorder {
    pub fn new(roots: Arc<Roots>, provider: Arc<CryptoProvider>, check: Check) -> Self {
        Self {
            roots,
            provider,
            check,
            seen: Mutex::default(),
        }
    }

    pub fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let result = match &self.roots.verifier {
            _ if self.roots.name(end_entity) => check_named(end_entity, server_name, now),
            Some(verifier) => verifier.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        let mut seen = lock(&self.seen);
        seen.chain = std::iter::once(end_entity)
            .chain(intermediates)
            .take(LONGEST_CHAIN)
            .map(|der| der.clone().into_owned())
            .collect();
        seen.distrust = result
            .as_ref()
            .err()
            .map(|error| distrust(error, end_entity));
        match (result, self.check) {
            (Err(_), Check::Report) => Ok(ServerCertVerified::assertion()),
            (result, _) => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn distrust(error: &Error, certificate: &CertificateDer) -> Distrust {
    let Error::InvalidCertificate(error) = error else {
        return Distrust::Other(error.to_string());
    };
    match error {
        // Of one that is an authority too, as `openssl req -x509` makes them, the library has only its own name for what is wrong.
        CertificateError::UnknownIssuer | CertificateError::Other(_)
            if signs_itself(certificate) =>
        {
            Distrust::SignsItself
        }
        CertificateError::UnknownIssuer => Distrust::UnknownIssuer,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Distrust::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Distrust::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Distrust::WrongName
        }
        CertificateError::Revoked => Distrust::Revoked,
        CertificateError::BadSignature => Distrust::BadSignature,
        other => Distrust::Other(other.to_string()),
    }
}

/// Whether a certificate names nobody but itself as the one who signed it.
fn signs_itself(certificate: &CertificateDer) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, parsed)| parsed.subject().as_raw() == parsed.issuer().as_raw())
}
