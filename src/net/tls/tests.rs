//! Handshakes between our two sides, over a pipe in memory.

use super::*;
use crate::trace::mail::Distrust;

/// A handshake with a server that has this certificate, and what a line said in it became.
async fn shake(
    certificate: &Certificate,
    trust: &Trust,
    name: &str,
) -> (TlsCard, io::Result<String>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (near, far) = tokio::io::duplex(16 * 1024);
    let acceptor = acceptor(certificate).unwrap();
    let server = tokio::spawn(async move {
        let mut stream = acceptor.accept(far).await?;
        stream.write_all(b"220 ready\r\n").await?;
        stream.shutdown().await
    });
    let connector = Connector::new(trust).unwrap();
    let (card, stream) = connector.handshake(near, name).await;
    let said = match stream {
        Ok(mut stream) => {
            let mut said = String::new();
            stream.read_to_string(&mut said).await.map(|_| said)
        }
        Err(error) => Err(error),
    };
    let _ = server.await.unwrap();
    (card, said)
}

fn kept() -> (tempfile::TempDir, Certificate, Trust) {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::load_or_make(folder.path()).unwrap();
    let trust = Trust {
        ca_files: vec![Authority::file(folder.path())],
        check: Check::Refuse,
    };
    (folder, certificate, trust)
}

#[tokio::test]
async fn the_lab_server_is_trusted_by_its_authority() {
    let (_folder, certificate, trust) = kept();
    for name in ["localhost", "127.0.0.1", "::1"] {
        let (card, said) = shake(&certificate, &trust, name).await;
        assert_eq!(said.unwrap(), "220 ready\r\n", "{card:?}");
        assert_eq!(card.version.as_deref(), Some("TLSv1.3"));
        assert!(card.cipher.unwrap().starts_with("TLS_"));
        assert_eq!(card.chain.len(), 2);
        assert_eq!((card.distrust, card.error), (None, None));
    }
}

#[tokio::test]
async fn a_stranger_is_refused_and_shown() {
    let (_folder, certificate, _) = kept();
    let trust = Trust::default();
    let (card, said) = shake(&certificate, &trust, "localhost").await;
    assert!(said.is_err());
    assert_eq!(card.distrust, Some(Distrust::UnknownIssuer));
    assert_eq!(card.chain[0].subject, "CN=sockscope lab mail server");
}

#[tokio::test]
async fn another_name_is_refused() {
    let (_folder, certificate, trust) = kept();
    let (card, said) = shake(&certificate, &trust, "mail.example.com").await;
    assert!(said.is_err());
    assert_eq!(card.distrust, Some(Distrust::WrongName));
}

/// A certificate for `localhost` that signs itself, and the same as a file has it.
fn signing_itself(is_ca: rcgen::IsCa, ends: i32) -> (Certificate, String) {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = is_ca;
    params.not_after = rcgen::date_time_ymd(ends, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap();
    (Certificate::of(&own, &key), own.pem())
}

/// As `openssl req -x509` makes them: an authority, and a server's own at the same time.
const AUTHORITY_TOO: rcgen::IsCa = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);

#[tokio::test]
async fn a_certificate_that_signs_itself_is_called_that() {
    for is_ca in [AUTHORITY_TOO, rcgen::IsCa::NoCa] {
        let (certificate, _) = signing_itself(is_ca, 4000);
        let (card, said) = shake(&certificate, &Trust::default(), "localhost").await;
        assert!(said.is_err());
        assert_eq!(card.distrust, Some(Distrust::SignsItself));
    }
}

#[tokio::test]
async fn a_certificate_that_signs_itself_is_trusted_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let made = |ends| {
        let (certificate, pem) = signing_itself(AUTHORITY_TOO, ends);
        let file = folder.path().join(format!("{ends}.pem"));
        std::fs::write(&file, pem).unwrap();
        let trust = Trust {
            ca_files: vec![file],
            check: Check::Refuse,
        };
        (certificate, trust)
    };
    let ((certificate, trust), (old, trust_in_old)) = (made(4000), made(2001));
    let (card, said) = shake(&certificate, &trust, "localhost").await;
    assert_eq!(said.unwrap(), "220 ready\r\n", "{card:?}");
    for (certificate, trust, name, distrust) in [
        (
            &certificate,
            &trust,
            "mail.example.com",
            Distrust::WrongName,
        ),
        (&old, &trust_in_old, "localhost", Distrust::Expired),
    ] {
        let (card, said) = shake(certificate, trust, name).await;
        assert!(said.is_err());
        assert_eq!(card.distrust, Some(distrust));
    }
}

#[tokio::test]
async fn insecure_shows_what_it_does_not_refuse() {
    let (_folder, certificate, mut trust) = kept();
    trust.check = Check::Report;
    let (card, said) = shake(&certificate, &trust, "mail.example.com").await;
    assert_eq!(said.unwrap(), "220 ready\r\n");
    assert_eq!(card.distrust, Some(Distrust::WrongName));
}

#[tokio::test]
async fn a_server_without_tls_is_an_error_of_its_own() {
    use tokio::io::AsyncWriteExt;
    let (near, mut far) = tokio::io::duplex(16 * 1024);
    far.write_all(b"220 mail.example.com ESMTP\r\n")
        .await
        .unwrap();
    let connector = Connector::new(&Trust::default()).unwrap();
    let (card, stream) = connector.handshake(near, "localhost").await;
    assert!(stream.is_err());
    assert!(card.error.is_some() && card.distrust.is_none(), "{card:?}");
    assert!(card.chain.is_empty() && card.version.is_none());
}

#[test]
fn a_file_of_roots_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for file in [empty, folder.path().join("missing.pem")] {
        let trust = Trust {
            ca_files: vec![file.clone()],
            check: Check::Refuse,
        };
        let error = Connector::new(&trust).err().unwrap();
        assert_eq!(error.path, file);
        assert!(!error.error.is_empty());
    }
}
