//! The lab server's own certificate, made at its first start and kept in the state folder.
//!
//! It is signed by an authority made for it alone, whose private key is thrown away at once: whoever trusts the authority trusts this one
//! certificate and nothing that anybody could make later.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike, Days, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::card;
use crate::net::{os, saved};

/// Key and certificates of the server, for nobody else.
const SERVER_FILE: &str = "mail-server.pem";
/// The authority's certificate, for whoever is to trust the server.
const AUTHORITY_FILE: &str = "mail-authority.pem";
/// Days for which a new certificate is valid: as long as the strictest clients take.
const VALID_DAYS: u64 = 397;
/// A certificate with fewer days left is made anew.
const LEAST_DAYS: u64 = 2;

/// The lab server's certificate with its key.
pub struct Certificate {
    /// The server's own first, then the authority's.
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authority: Option<PathBuf>,
}

/// Where the authority's certificate lies in a state folder, once a server has run.
pub struct Authority;

impl Authority {
    pub fn file(folder: &Path) -> PathBuf {
        folder.join(AUTHORITY_FILE)
    }
}

impl Clone for Certificate {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
            authority: self.authority.clone(),
        }
    }
}

impl Certificate {
    /// The certificate kept in that folder, or a new one, which is then kept there.
    ///
    /// # Errors
    ///
    /// In the system's words, when the folder can't be written.
    pub fn load_or_make(folder: &Path) -> io::Result<Self> {
        let file = folder.join(SERVER_FILE);
        let authority = Authority::file(folder);
        let kept = load(&file, Utc::now());
        let mut certificate = match kept {
            Some(kept) => kept,
            None => {
                let (certificate, pem) = make(Utc::now()).map_err(io::Error::other)?;
                saved::replace(&file, pem.as_bytes())?;
                certificate
            }
        };
        let pem = certificate.authority_pem();
        if fs::read(&authority).ok().as_deref() != Some(pem.as_bytes()) {
            saved::replace(&authority, pem.as_bytes())?;
        }
        certificate.authority = Some(authority);
        Ok(certificate)
    }

    /// A certificate that is kept nowhere.
    ///
    /// # Errors
    ///
    /// In the library's words, when no key can be made.
    pub fn passing() -> Result<Self, String> {
        make(Utc::now())
            .map(|(certificate, _)| certificate)
            .map_err(|error| error.to_string())
    }

    /// Anybody's certificate.
    #[cfg(test)]
    pub(super) fn of(own: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            chain: vec![own.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).expect("it was made just now"),
            authority: None,
        }
    }

    /// The file that a client has to be given to trust this server.
    pub fn authority_file(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    /// The authority's certificate as such a file holds it.
    pub fn authority_pem(&self) -> String {
        let der = self.chain.last().map_or(&[][..], |der| der);
        pem("CERTIFICATE", der)
    }

    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

/// What the file holds, if it is whole and will be valid for a while.
fn load(file: &Path, now: DateTime<Utc>) -> Option<Certificate> {
    let text = Zeroizing::new(fs::read(file).ok()?);
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .ok()?;
    let key = PrivateKeyDer::from_pem_slice(&text).ok()?;
    let least = now.checked_add_days(Days::new(LEAST_DAYS))?.timestamp();
    let ends = chain.first().and_then(|der| card::end_of(der))?;
    let certificate = Certificate {
        chain,
        key,
        authority: None,
    };
    let is_whole = certificate.chain.len() == 2 && super::acceptor(&certificate).is_ok();
    (is_whole && ends > least).then_some(certificate)
}

/// A new certificate, and the text to keep.
fn make(now: DateTime<Utc>) -> Result<(Certificate, Zeroizing<String>), rcgen::Error> {
    let day = |time: DateTime<Utc>| {
        // Month and day are small.
        rcgen::date_time_ymd(time.year(), time.month() as u8, time.day() as u8)
    };
    let begin = day(now - Days::new(1));
    let end = day(now + Days::new(VALID_DAYS));

    let mut params = CertificateParams::new(Vec::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "sockscope lab authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (begin, end);
    let authority_key = KeyPair::generate()?;
    let authority = params.self_signed(&authority_key)?;
    let issuer = Issuer::new(params, authority_key);

    let mut params = CertificateParams::new(names())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "sockscope lab mail server");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (begin, end);
    let key = KeyPair::generate()?;
    let own = params.signed_by(&key, &issuer)?;

    let text = Zeroizing::new(format!(
        "{}{}{}",
        *Zeroizing::new(key.serialize_pem()),
        own.pem(),
        authority.pem()
    ));
    let certificate = Certificate {
        chain: vec![own.der().clone(), authority.der().clone()],
        key: PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|_| rcgen::Error::CouldNotParseKeyPair)?,
        authority: None,
    };
    Ok((certificate, text))
}

/// Under which names the server can be reached: this machine's, and every address it has now.
fn names() -> Vec<String> {
    let mut addresses: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    for address in os::interface_addresses() {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    std::iter::once("localhost".to_owned())
        .chain(addresses.iter().map(IpAddr::to_string))
        .collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let first = Certificate::load_or_make(&state).unwrap();
        let second = Certificate::load_or_make(&state).unwrap();
        assert_eq!(first.chain, second.chain);
        let file = second.authority_file().unwrap();
        assert_eq!(file, Authority::file(&state));
        assert_eq!(fs::read_to_string(file).unwrap(), second.authority_pem());
        let authority = CertificateDer::from_pem_file(file).unwrap();
        assert_eq!(authority, first.chain[1]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(state.join(SERVER_FILE)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn is_made_anew_when_it_is_damaged_or_about_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let first = Certificate::load_or_make(folder.path()).unwrap();
        let file = folder.path().join(SERVER_FILE);
        let whole = fs::read(&file).unwrap();
        let late = Utc::now() + Days::new(VALID_DAYS - 1);
        assert!(load(&file, Utc::now()).is_some());
        assert!(load(&file, late).is_none());
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        let second = Certificate::load_or_make(folder.path()).unwrap();
        assert_ne!(first.chain, second.chain);
        assert!(load(&file, Utc::now()).is_some());
    }

    #[test]
    fn says_for_whom_it_is_made_out() {
        let card = card::certificate(&Certificate::passing().unwrap().chain[0]);
        assert_eq!(card.subject, "CN=sockscope lab mail server");
        assert_eq!(card.issuer, "CN=sockscope lab authority");
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert!(card.names.iter().any(|other| other == name), "{card:?}");
        }
        assert_eq!(card.fingerprint.len(), 32 * 3 - 1);
    }
}
