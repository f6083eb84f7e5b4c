use base64::Engine;
use proptest::prelude::*;

use super::*;

fn source(lab: Lab, from: End, kind: Option<Kind>, bytes: &[u8]) -> Source<'_> {
    Source {
        lab: Some(lab),
        from,
        kind,
        bytes,
        length: bytes.len() as u64,
        masked: false,
        encrypted: false,
        damaged: false,
    }
}

/// Each field as `name=bytes`, with its value behind `→` where that is another text, but without spaces and line ends.
fn cut(source: Source) -> Vec<String> {
    let mut seen = Vec::new();
    for field in of_source(&source) {
        let name = match &field.name {
            Name::Key(key) => key.trim_start_matches("wire.field.").to_owned(),
            Name::Own(name) => name.clone(),
        };
        if matches!(&*name, "space" | "line_end" | "separator") {
            continue;
        }
        let bytes = shown(&source.bytes[field.range]);
        let value = if field.value == bytes {
            String::new()
        } else {
            format!(" → {}", field.value)
        };
        seen.push(format!("{name}={bytes}{value}"));
    }
    seen
}

#[test]
fn a_ping_has_a_word_a_number_a_token_and_padding() {
    let ping = |bytes| cut(source(Lab::Ping, End::Client, Some(Kind::Datagram), bytes));
    assert_eq!(ping(b"Ping 17"), ["ping_word=Ping", "ping_number=17"]);
    assert_eq!(
        ping(b"PING 1 00FF00FF00FF00FF ABC"),
        [
            "ping_word=PING",
            "ping_number=1",
            "ping_token=00FF00FF00FF00FF",
            "ping_padding=ABC"
        ]
    );
    assert_eq!(ping(b"hello"), ["text=hello"]);
    assert_eq!(ping(b"Ping me"), ["ping_word=Ping", "data=me"]);
}

#[test]
fn damage_is_shown_where_it_is() {
    let damaged = |bytes| Source {
        damaged: true,
        ..source(Lab::Ping, End::Server, Some(Kind::Datagram), bytes)
    };
    let bytes = b"PING 1 00FF00FF00FF00FF ABcDXF";
    let wrong: Vec<_> = of_source(&damaged(bytes))
        .into_iter()
        .filter(|field| field.about.is_some())
        .collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!(
        (wrong[0].range.clone(), wrong[0].name.clone()),
        (28..29, Name::Key("wire.field.ping_differs"))
    );
    let fields = of_source(&damaged(b"QING 1"));
    assert_eq!(fields[0].about, Some("wire.field.about.damaged"));
}

#[test]
fn a_request_is_taken_apart() {
    let bytes = b"POST /a?b HTTP/1.1\r\nHost: lab\r\nno field\r\nContent-Length: 4\r\n\r\nbodyGET / HTTP/1.1\r\n\r\n";
    assert_eq!(
        cut(source(Lab::Web, End::Client, None, bytes)),
        [
            "method=POST",
            "target=/a?b",
            "version=HTTP/1.1",
            "Host=Host → lab",
            "Host=lab",
            "no_field=no field",
            "Content-Length=Content-Length → 4",
            "Content-Length=4",
            "blank_line=\\r\\n",
            "body=body",
            "method=GET",
            "target=/",
            "version=HTTP/1.1",
            "blank_line=\\r\\n",
        ]
    );
}

#[test]
fn a_chunked_response_shows_its_chunks() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n";
    let seen = cut(source(
        Lab::Web,
        End::Server,
        Some(Kind::Response { status: 200 }),
        bytes,
    ));
    assert_eq!(
        seen[8..],
        [
            "Transfer-Encoding=chunked",
            "blank_line=\\r\\n",
            "chunk_size=5 → 5 B",
            "chunk_extension=;x=y",
            "chunk_data=hello",
            "chunk_size=1 → 1 B",
            "chunk_data=!",
            "chunk_size=0 → 0 B",
            "trailer=A: b",
        ]
    );
}

#[test]
fn bytes_in_the_middle_of_a_body_are_body() {
    assert_eq!(
        cut(source(Lab::Web, End::Server, None, b"<p>\r\nx")),
        ["body=<p>\\r\\nx"]
    );
}

#[test]
fn commands_and_the_base64_of_a_login() {
    let login = base64::engine::general_purpose::STANDARD.encode(b"\0ann\0-");
    let bytes = format!("EHLO a.example\r\nAUTH PLAIN {login}\r\nQUIT\r\n");
    let said = |bytes: &[u8], masked| {
        let source = source(Lab::Mail, End::Client, Some(Kind::Command), bytes);
        cut(Source { masked, ..source })
    };
    assert_eq!(
        said(bytes.as_bytes(), false),
        [
            "verb=EHLO".to_owned(),
            "argument=a.example".to_owned(),
            "verb=AUTH".to_owned(),
            "mechanism=PLAIN".to_owned(),
            format!("answer={login} → \\0ann\\0-"),
            "verb=QUIT".to_owned(),
        ]
    );
    assert_eq!(
        said(b"AUTH PLAIN ********\r\n", true),
        ["verb=AUTH", "mechanism=PLAIN", "answer=********"]
    );
}

#[test]
fn replies_have_codes_and_text() {
    assert_eq!(
        cut(source(
            Lab::Mail,
            End::Server,
            None,
            b"250-2.1.0 OK\r\n250 SIZE\r\n334 VXNlcm5hbWU6\r\nwhat\n"
        )),
        [
            "reply_code=250",
            "enhanced=2.1.0",
            "text=OK",
            "reply_code=250",
            "text=SIZE",
            "reply_code=334",
            "challenge=VXNlcm5hbWU6 → Username:",
            "text=what",
        ]
    );
}

#[test]
fn a_message_shows_doubled_dots_base64_and_its_end() {
    let bytes = b"Subject: =?utf-8?Q?=C3=A9?=\r\nContent-Type: multipart/mixed;\r\n boundary=b\r\n\r\n--b\r\n\r\n..x\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n.\r\nQUIT\r\n";
    assert_eq!(
        cut(source(Lab::Mail, End::Client, Some(Kind::Content), bytes)),
        [
            "Subject=Subject → é",
            "Subject==?utf-8?Q?=C3=A9?= → é",
            "Content-Type=Content-Type → multipart/mixed; boundary=b",
            "Content-Type=multipart/mixed; → multipart/mixed; boundary=b",
            "Content-Type= boundary=b → multipart/mixed; boundary=b",
            "blank_line=\\r\\n",
            "mail_body=--b",
            "doubled_dot=.",
            "mail_body=.x",
            "mail_body=--b",
            "mail_body=Content-Transfer-Encoding: base64",
            "base64=aGVsbG8= → hello",
            "mail_body=--b--",
            "final_dot=.\\r\\n",
            "verb=QUIT",
        ]
    );
}

#[test]
fn records_of_tls_are_told_apart() {
    let bytes = b"\x16\x03\x01\x00\x02ab\x17\x03\x03\x00\x09cut";
    assert_eq!(
        cut(source(Lab::Mail, End::Client, None, bytes)),
        [
            "tls_kind=\\x16 → handshake",
            "tls_version=\\x03\\x01 → 3.1",
            "tls_length=\\x00\\x02 → 2",
            "tls_data=ab → 2 B",
            "tls_kind=\\x17 → application_data",
            "tls_version=\\x03\\x03 → 3.3",
            "tls_length=\\x00\\t → 9",
            "tls_data=cut → 3 B",
        ]
    );
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::sample::select(vec![
            &b"\r\n"[..],
            b"\n",
            b".",
            b"..",
            b": ",
            b" ",
            b"HTTP/1.1 200 OK",
            b"GET / HTTP/1.1\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n",
            b"Content-Length: 7\r\n",
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"Ping 17 ",
            b"AUTH PLAIN ",
            b"aGVsbG8=",
            b"250-2.1.0 x",
            b"Content-Type: multipart/mixed; boundary=b\r\n",
            b"--b\r\n",
            b"\x16\x03\x01\x00\x05",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn fields_cover_every_byte_once(bytes in any_bytes(), lab in 0usize..3, client in any::<bool>(), kind in 0..4, flags in any::<[bool; 2]>()) {
        let kind = [None, Some(Kind::Command), Some(Kind::Content), Some(Kind::Datagram)][kind as usize];
        let from = if client { End::Client } else { End::Server };
        let source = source(Lab::ALL[lab], from, kind, &bytes);
        let fields = of_source(&Source { masked: flags[0], damaged: flags[1], ..source });
        let mut at = 0;
        for field in &fields {
            prop_assert_eq!(field.range.start, at);
            prop_assert!(field.range.end > at);
            prop_assert!(!field.value.contains(char::is_control));
            at = field.range.end;
        }
        prop_assert_eq!(at, bytes.len());
    }
}
