//! What a handshake showed, in words that a card can hold: names of versions and ciphers, and what a certificate says of itself.

use std::fmt::Write as _;
use std::net::IpAddr;

use chrono::DateTime;
use rustls::{CipherSuite, ProtocolVersion};
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::trace::escape::escape_hostile;
use crate::trace::mail::CertificateCard;

/// Names of a certificate that are kept; some are made out for a hundred.
const MOST_NAMES: usize = 100;

/// Such as `TLSv1.3`: as other tools write it.
pub(super) fn version(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The suite by its name in the registry of IANA.
pub(super) fn cipher(suite: CipherSuite) -> String {
    // The library tells the suites of TLS 1.3 apart by another prefix than the registry.
    format!("{suite:?}").replacen("TLS13_", "TLS_", 1)
}

/// What the DER form of a certificate says. One that can't be read says nothing but its fingerprint.
pub(super) fn certificate(der: &[u8]) -> CertificateCard {
    let fingerprint = fingerprint(der);
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return CertificateCard {
            subject: String::new(),
            issuer: String::new(),
            names: Vec::new(),
            not_before: String::new(),
            not_after: String::new(),
            fingerprint,
        };
    };
    let text = |text: String| escape_hostile(&text).into_owned();
    let validity = certificate.validity();
    CertificateCard {
        subject: text(certificate.subject().to_string()),
        issuer: text(certificate.issuer().to_string()),
        names: names(&certificate).into_iter().map(text).collect(),
        not_before: day(validity.not_before),
        not_after: day(validity.not_after),
        fingerprint,
    }
}

/// The subject alternative names (RFC 5280 §4.2.1.6) that a server can have.
fn names(certificate: &X509Certificate) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
            _ => None,
        })
        .take(MOST_NAMES)
        .collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

fn day(time: ASN1Time) -> String {
    DateTime::from_timestamp(time.timestamp(), 0)
        .map(|time| time.format("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

fn fingerprint(der: &[u8]) -> String {
    let mut text = String::with_capacity(95);
    for (place, byte) in Sha256::digest(der).iter().enumerate() {
        let colon = if place > 0 { ":" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

/// When a certificate ends to be valid, in seconds since 1970.
pub(super) fn end_of(der: &[u8]) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}
