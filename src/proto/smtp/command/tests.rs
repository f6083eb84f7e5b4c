use super::*;

#[test]
fn verbs_are_read_in_any_case() {
    let cases: [(&str, Stage, &str); 12] = [
        ("EHLO a.example", Stage::Ehlo, "a.example"),
        ("helo a ", Stage::Helo, "a"),
        ("StartTls", Stage::StartTls, ""),
        ("STARTTLS  x", Stage::StartTls, " x"),
        (
            "mail FROM:<a@b> SIZE=1 \t",
            Stage::Mail,
            "FROM:<a@b> SIZE=1",
        ),
        ("DATA", Stage::Data, ""),
        ("DATA ", Stage::Data, ""),
        ("BDAT 1 LAST", Stage::Bdat, "1 LAST"),
        ("MAILFROM:<a@b>", Stage::Other, "MAILFROM:<a@b>"),
        ("", Stage::Other, ""),
        (" NOOP", Stage::Other, " NOOP"),
        ("XYZZ y", Stage::Other, "XYZZ y"),
    ];
    for (line, stage, argument) in cases {
        let (found, range) = split(line.as_bytes());
        assert_eq!((found, &line[range]), (stage, argument), "{line:?}");
    }
    for (verb, stage) in VERBS {
        assert_eq!(split(verb), (stage, 4..4));
        assert_eq!(split(&verb.to_ascii_lowercase()).0, stage);
    }
}

#[test]
fn http_is_known_by_its_methods() {
    assert!(is_http(b"GET / HTTP/1.1"));
    assert!(is_http(b"options *"));
    assert!(!is_http(b"GET"));
    assert!(!is_http(b"GETS x"));
    assert!(!is_http(b""));
}

/// The code, and the beginning of the text, of what is wrong with an argument of MAIL.
fn wrong_mail(argument: &str) -> (u16, &'static str) {
    let refusal = mail(argument.as_bytes(), true).unwrap_err();
    (refusal.code, refusal.text)
}

#[test]
fn mail_is_read() {
    let read = |argument: &str| mail(argument.as_bytes(), true).unwrap();
    let plain = read("FROM:<a@b.example>");
    assert_eq!(
        plain.from.as_ref().map(Address::as_str),
        Some("a@b.example")
    );
    assert_eq!((plain.size, plain.utf8), (None, false));
    let null = read("from:<> size=18446744073709551615");
    assert_eq!((null.from, null.size), (None, Some(u64::MAX)));
    let utf8 = read("FROM:<\u{5f20}@b.example> SMTPUTF8");
    assert!(utf8.utf8 && utf8.from.is_some());
    let route = read("FROM:<@c.example,@d.example:a@b.example> BODY=7bit");
    assert_eq!(
        route.from.as_ref().map(Address::as_str),
        Some("a@b.example")
    );
    let quoted = read("FROM:<\"a> b\"@b.example>  RET=full");
    assert_eq!(
        quoted.from.as_ref().map(Address::as_str),
        Some("\"a> b\"@b.example")
    );
    read("FROM:<a@[127.0.0.1]> ENVID=QQ314159 AUTH=e+3Dmc2@example.com");
    read("FROM:<a@[IPv6:::1]> BODY=8BITMIME");
}

#[test]
fn what_is_wrong_with_mail_is_said() {
    let cases = [
        ("", 501, "5.5.4 Syntax: MAIL FROM:"),
        ("FRO", 501, "5.5.4 Syntax: MAIL FROM:"),
        ("TO:<a@b.example>", 501, "5.5.4 Syntax: MAIL FROM:"),
        (" FROM:<a@b.example>", 501, "5.5.4 Syntax: MAIL FROM:"),
        (
            "FROM: <a@b.example>",
            501,
            "5.5.4 No space may stand between the colon",
        ),
        (
            "FROM:a@b.example",
            501,
            "5.5.4 The address must stand in angle brackets",
        ),
        (
            "FROM:",
            501,
            "5.5.4 The address must stand in angle brackets",
        ),
        ("FROM:<a@b.example", 501, "5.5.4 The closing > is missing"),
        (
            "FROM:<\"a@b.example>",
            501,
            "5.5.4 The closing > is missing",
        ),
        ("FROM:<a@b.example>SIZE=1", 501, "5.5.4 A space is missing"),
        ("FROM:<a@b.example>>", 501, "5.5.4 A space is missing"),
        ("FROM:<a>", 501, "5.1.7 The sender has no @domain"),
        ("FROM:<a@@b>", 501, "5.1.7 The sender is no address"),
        (
            "FROM:<a b@c.example>",
            501,
            "5.1.7 The sender is no address",
        ),
        ("FROM:<\u{4f8b}@b.example>", 553, "5.6.7 "),
        ("FROM:<a@b.example> SIZE", 501, "5.5.4 SIZE needs a number"),
        ("FROM:<a@b.example> SIZE=", 501, "5.5.4 SIZE is a number"),
        ("FROM:<a@b.example> SIZE=+1", 501, "5.5.4 SIZE is a number"),
        (
            "FROM:<a@b.example> SIZE=18446744073709551616",
            501,
            "5.5.4 SIZE is a number",
        ),
        (
            "FROM:<a@b.example> SIZE=1 SIZE=1",
            501,
            "5.5.4 The same parameter stands twice",
        ),
        (
            "FROM:<a@b.example> BODY=BINARYMIME",
            555,
            "5.5.4 BINARYMIME is not offered",
        ),
        ("FROM:<a@b.example> BODY=9BIT", 501, "5.5.4 Write BODY="),
        (
            "FROM:<a@b.example> SMTPUTF8=yes",
            501,
            "5.5.4 SMTPUTF8 takes no value",
        ),
        ("FROM:<a@b.example> RET=ALL", 501, "5.5.4 Write RET="),
        ("FROM:<a@b.example> ENVID=a=b", 501, "5.5.4 ENVID is xtext"),
        ("FROM:<a@b.example> ENVID=a+2", 501, "5.5.4 ENVID is xtext"),
        ("FROM:<a@b.example> ENVID=a+2g", 501, "5.5.4 ENVID is xtext"),
        ("FROM:<a@b.example> AUTH=", 501, "5.5.4 AUTH is xtext"),
        (
            "FROM:<a@b.example> NOTIFY=NEVER",
            555,
            "5.5.4 Parameter not recognized",
        ),
        (
            "FROM:<a@b.example> XYZ",
            555,
            "5.5.4 Parameter not recognized",
        ),
        (
            "FROM:<a@b.example> =",
            555,
            "5.5.4 Parameter not recognized",
        ),
    ];
    for (argument, code, text) in cases {
        let (found, said) = wrong_mail(argument);
        assert!(
            found == code && said.starts_with(text),
            "{argument}: {found} {said}"
        );
    }
    let long = format!("FROM:<a@b.example> ENVID={}", "x".repeat(101));
    assert_eq!(wrong_mail(&long).0, 501);
    assert_eq!(
        mail(b"FROM:<a\xff@b.example> SMTPUTF8", true)
            .unwrap_err()
            .code,
        501
    );
    // Without EHLO there are no parameters, and no address beyond ASCII.
    assert_eq!(
        mail(b"FROM:<a@b.example> SIZE=1", false).unwrap_err().code,
        555
    );
    assert!(mail(b"FROM:<a@b.example> ", false).is_ok());
}

#[test]
fn rcpt_is_read() {
    let read = |argument: &str, utf8| rcpt(argument.as_bytes(), true, utf8, "lab.example");
    let to = |argument: &str| read(argument, true).unwrap().as_str().to_owned();
    assert_eq!(to("TO:<a@b.example>"), "a@b.example");
    assert_eq!(to("to:<@r.example:a@b.example>"), "a@b.example");
    assert_eq!(to("TO:<postMASTER>"), "postmaster@lab.example");
    assert_eq!(to("TO:<postmaster@b.example>"), "postmaster@b.example");
    assert_eq!(
        to("TO:<a@b.example> NOTIFY=never ORCPT=rfc822;a+2B@b.example"),
        "a@b.example"
    );
    assert_eq!(
        to("TO:<a@b.example> ORCPT=utf-8;\u{4f8b}@b.example NOTIFY=SUCCESS,FAILURE,DELAY"),
        "a@b.example"
    );
    // A server without a proper name has a postmaster, too.
    let odd = rcpt(b"TO:<Postmaster>", true, false, "no name").unwrap();
    assert_eq!(odd.as_str(), "postmaster@localhost");
    let cases = [
        ("TO:<>", 501, "5.1.3 The null path"),
        ("TO:<a>", 501, "5.1.3 The recipient has no @domain"),
        ("TO:<a@>", 501, "5.1.3 The recipient is no address"),
        ("TO:<a@b.example> NOTIFY=", 501, "5.5.4 Write NOTIFY="),
        (
            "TO:<a@b.example> NOTIFY=NEVER,DELAY",
            501,
            "5.5.4 Write NOTIFY=",
        ),
        ("TO:<a@b.example> ORCPT=a@b", 501, "5.5.4 Write ORCPT="),
        ("TO:<a@b.example> ORCPT=;a@b", 501, "5.5.4 Write ORCPT="),
        ("TO:<a@b.example> ORCPT=rfc822;", 501, "5.5.4 Write ORCPT="),
        (
            "TO:<a@b.example> ORCPT=rfc822;\u{4f8b}",
            501,
            "5.5.4 Write ORCPT=",
        ),
        (
            "TO:<a@b.example> RET=FULL",
            555,
            "5.5.4 Parameter not recognized",
        ),
        ("TO:<\u{4f8b}@b.example>", 553, "5.6.7 "),
    ];
    for (argument, code, text) in cases {
        let refusal = read(argument, false).unwrap_err();
        assert!(
            refusal.code == code && refusal.text.starts_with(text),
            "{argument}: {refusal:?}"
        );
    }
}

#[test]
fn auth_and_bdat_are_read() {
    let found = auth(b"plain AHVzZXI=").unwrap();
    assert_eq!(
        (found.mechanism, found.initial),
        (Mechanism::Plain, Some(6..14))
    );
    let found = auth(b"CRAM-MD5").unwrap();
    assert_eq!((found.mechanism, found.initial), (Mechanism::CramMd5, None));
    assert_eq!(auth(b"").unwrap_err().code, 501);
    assert_eq!(auth(b"PLAIN a b").unwrap_err().code, 501);
    assert_eq!(auth(b"XOAUTH2 a").unwrap_err().code, 504);
    assert_eq!(auth(b"\xff").unwrap_err().code, 504);
    let chunk = |length, last| Ok(Chunk { length, last });
    assert_eq!(bdat(b"0"), chunk(0, false));
    assert_eq!(bdat(b"86 last"), chunk(86, true));
    for wrong in [
        "",
        "x",
        "-1",
        "1 LAS",
        "1  LAST",
        "1 LAST LAST",
        "LAST",
        "99999999999999999999999",
    ] {
        assert_eq!(bdat(wrong.as_bytes()).unwrap_err().code, 501, "{wrong}");
    }
}

#[test]
fn every_text_fits_its_code() {
    // The class of the enhanced code is that of the code (RFC 2034 §4).
    let refusals = [
        hello(b"").unwrap_err(),
        hello(b"a b").unwrap_err(),
        hello(&[b'x'; 256]).unwrap_err(),
        nothing(b"x").unwrap_err(),
        auth(b"").unwrap_err(),
        bdat(b"").unwrap_err(),
    ];
    for refusal in refusals {
        let class = char::from(b'0' + (refusal.code / 100) as u8);
        assert!(refusal.text.starts_with(class), "{refusal:?}");
    }
    assert_eq!(
        hello("\u{4f8b}\u{5b50}.example".as_bytes()),
        Ok("\u{4f8b}\u{5b50}.example")
    );
    assert!(hello(b"[127.0.0.1]").is_ok());
}
