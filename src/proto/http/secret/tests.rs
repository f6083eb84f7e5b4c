use proptest::prelude::*;

use super::*;

/// Stands for every secret here; it holds signs that end other values.
const WORD: &str = "hunter-2.Zz";

fn masked(side: Side, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    mask(side, &mut bytes);
    assert_eq!(bytes.len(), text.len());
    String::from_utf8(bytes).unwrap()
}

/// What a connection shows when it comes in pieces of these sizes, over and over.
fn masked_in_pieces(side: Side, bytes: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut scanner = Scanner::new(side);
    let mut sizes = sizes.iter().cycle();
    let mut shown = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(1).clamp(1, rest.len());
        let (piece, others) = rest.split_at(size);
        let mut piece = piece.to_vec();
        let secrets = scanner.scan(&piece);
        cover(&mut piece, &secrets);
        shown.extend(piece);
        rest = others;
    }
    shown
}

#[test]
fn only_the_values_are_masked() {
    let table = [
        (
            "GET /a?user=bob&password=hunter-2.Zz&x=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Basic hunter-2.Zz\r\nX: y\r\n\r\n",
            "GET /a?user=bob&password=***********&x=1 HTTP/1.1\r\nHost: h\r\nAuthorization: *****************\r\nX: y\r\n\r\n",
        ),
        (
            "GET / HTTP/1.1\r\ncookie : a=hunter-2.Zz; b=c\r\n d=e\r\nReferer: http://h/?api_key=hunter-2.Zz\r\n\r\n",
            "GET / HTTP/1.1\r\ncookie : ******************\r\n ***\r\nReferer: http://h/?api_key=***********\r\n\r\n",
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 36\r\n\r\nuser=bob&pass%77ord=hunter-2.Zz&x=10GET /password HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 36\r\n\r\nuser=bob&pass%77ord=***********&x=10GET /password HTTP/1.1\r\n\r\n",
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npass\r\nb;x=y\r\nword=hunter\r\n7\r\n-2.Zz&x\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npass\r\nb;x=y\r\nword=******\r\n7\r\n*****&x\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 999\r\n\r\n{\"a\": \"b\\\"\", \"pass\\u0077ord\" : \"hunt\\\"er\", \"token\":12, \"pwd\":[\"x]\", {}], \"c\": 1}",
            "POST / HTTP/1.1\r\nContent-Length: 999\r\n\r\n{\"a\": \"b\\\"\", \"pass\\u0077ord\" : \"********\", \"token\":**, \"pwd\":[********], \"c\": 1}",
        ),
        (
            "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=xY\r\n\r\n--xY\r\nContent-Disposition: form-data; name=\"user\"; filename=\"password\"\r\n\r\nbob\r\n--xY\r\ncontent-disposition : form-data; filename=\"a;b\";\r\n name=\"my;pass%77ord\"\r\nContent-Type: text/plain\r\n\r\n--hunter\r\n\r\n--x-2.Zz\r\n--xY\r\nContent-Disposition: form-data; name=q\r\n\r\nplain\r\n--xY--\r\n",
            "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=xY\r\n\r\n--xY\r\nContent-Disposition: form-data; name=\"user\"; filename=\"password\"\r\n\r\nbob\r\n--xY\r\ncontent-disposition : form-data; filename=\"a;b\";\r\n name=\"my;pass%77ord\"\r\nContent-Type: text/plain\r\n\r\n********\r\n\r\n--x*****\r\n--xY\r\nContent-Disposition: form-data; name=q\r\n\r\nplain\r\n--xY--\r\n",
        ),
        (
            "GET http://bob:hunter-2.Zz@h:8080/a:b@c HTTP/1.1\r\nReferer: http://h:8080/\r\nOrigin: http://[::1]:80\r\nX: ftp://b:p:@ss@h, x://a://b:c@d mailto:a:b@c\r\n\r\n",
            "GET http://bob:***********@h:8080/a:b@c HTTP/1.1\r\nReferer: http://h:8080/\r\nOrigin: http://[::1]:80\r\nX: ftp://b:*****@h, x://a://b:*@d mailto:a:b@c\r\n\r\n",
        ),
        // The length is wrong: what follows is still the same form to whoever reads over somebody's shoulder.
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\npassword=hunter-2.Zz",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\npassword=***********",
        ),
        // Nothing here is secret.
        (
            "GET /author?passenger=1&q=token HTTP/1.1\r\nAuthor: me\r\nX-Cookie-Law: yes\r\n\r\n",
            "GET /author?passenger=1&q=token HTTP/1.1\r\nAuthor: me\r\nX-Cookie-Law: yes\r\n\r\n",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(masked(Side::Request, text), expected);
    }
}

#[test]
fn pages_stay_as_they_are_and_answers_in_json_do_not() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 62\r\n\r\n<script>let token=\"a\"; f({\"password\": 1})</script> passwd=x&y=z";
    assert_eq!(masked(Side::Response, page), page);
    assert_eq!(
        masked(
            Side::Response,
            "HTTP/1.1 204 No Content\r\nSet-Cookie: id=1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<a href=\"/?token=abc\">passwd=x"
        ),
        "HTTP/1.1 204 No Content\r\nSet-Cookie: ****\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<a href=\"/?token=***\">passwd=x"
    );
    assert_eq!(
        masked(
            Side::Response,
            "HTTP/1.1 200 OK\r\nContent-Type: application/problem+json\r\n\r\n{\"access_token\":\"abc\",\"b\":\"c\"}"
        ),
        "HTTP/1.1 200 OK\r\nContent-Type: application/problem+json\r\n\r\n{\"access_token\":\"***\",\"b\":\"c\"}"
    );
    // What TRACE brings back.
    assert_eq!(
        masked(
            Side::Response,
            "HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: 40\r\n\r\nTRACE /?pwd=a HTTP/1.1\r\nCookie: b\r\n\r\n"
        ),
        "HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: 40\r\n\r\nTRACE /?pwd=* HTTP/1.1\r\nCookie: *\r\n\r\n"
    );
    // The answer to HEAD has a length and no body.
    assert_eq!(
        masked(
            Side::Response,
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: b\r\n\r\n"
        ),
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: *\r\n\r\n"
    );
}

#[test]
fn a_password_in_a_url_that_is_cut_is_masked_before_it_is_known_to_be_one() {
    let text = b"GET http://bob:hunter-2.Zz@h:8080/ HTTP/1.1\r\nHost: h:8080\r\n\r\n";
    for size in 1..text.len() {
        let shown = String::from_utf8(masked_in_pieces(Side::Request, text, &[size])).unwrap();
        // Only where the cut comes behind the password is it known that the host is none.
        let rest = shown.strip_prefix("GET http://bob:***********").unwrap();
        assert!(
            rest.ends_with("/ HTTP/1.1\r\nHost: h:8080\r\n\r\n"),
            "{shown}"
        );
    }
}

#[test]
fn what_was_missed_makes_the_rest_secret_but_not_of_a_page() {
    let mut request = Scanner::new(Side::Request);
    request.scan(b"GET / HTTP/1.1\r\n");
    request.miss();
    assert_eq!(
        request.scan(b"x\r\n\r\n").as_slice(),
        std::slice::from_ref(&(0..5))
    );
    request.restart();
    assert!(request.scan(b"GET / HTTP/1.1\r\n").is_empty());

    let mut page = Scanner::new(Side::Response);
    page.scan(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 999\r\n\r\n<p>");
    page.miss();
    assert_eq!(
        page.scan(b"a page\nCookie: x\n").as_slice(),
        std::slice::from_ref(&(15..16))
    );
    let mut data = Scanner::new(Side::Response);
    data.scan(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{");
    data.miss();
    assert_eq!(data.scan(b"1}").as_slice(), std::slice::from_ref(&(0..2)));
}

/// A request with the secret in it, in one of the places where it may stand.
fn request() -> impl Strategy<Value = String> {
    let head = "[0-9]{0,40}";
    let secret_line = prop_oneof![
        Just(format!("Authorization: Basic {WORD}")),
        Just(format!("proxy-authorization:{WORD}")),
        Just(format!("Cookie: a={WORD}; b={WORD}")),
        Just(format!("COOKIE: x;\r\n\t{WORD}")),
        Just(format!(
            "Referer: http://example.org/?a=b&user[password]={WORD}"
        )),
        Just("Accept: */*".to_owned()),
    ];
    let body = prop_oneof![
        Just(String::new()),
        Just(format!("user=bob&password={WORD}&x=y")),
        Just(format!("passwd={WORD}")),
        Just(format!(
            "--b\r\nContent-Disposition: form-data; name=\"pwd\"\r\n\r\n{WORD}\r\n--b--\r\n"
        )),
        Just(format!("{{\n \"user\": \"x\", \"secret\": \"{WORD}\"\n}}")),
        Just(format!(
            "{{\"token\" : [\"{WORD}\", {{\"a\": \"{WORD}\"}}]}}"
        )),
    ];
    let target = prop_oneof![
        head.prop_map(|path| format!("/{path}")),
        head.prop_map(|path| format!("/{path}?q=1&access%5ftoken={WORD}")),
    ];
    (target, head, secret_line, body, 0..3_u8, 1..9_usize).prop_map(
        |(target, value, line, body, framing, chunk)| {
            let (field, body) = match framing {
                0 => (format!("Content-Length: {}", body.len()), body),
                1 => {
                    let chunks = body.as_bytes().chunks(chunk).map(|chunk| {
                        let text = String::from_utf8_lossy(chunk);
                        format!("{:x}\r\n{text}\r\n", chunk.len())
                    });
                    let chunks: String = chunks.chain(["0\r\n\r\n".to_owned()]).collect();
                    ("Transfer-Encoding: chunked".to_owned(), chunks)
                }
                // Wrong on purpose.
                _ => ("Content-Length: 5".to_owned(), body),
            };
            format!(
                "POST {target} HTTP/1.1\r\nHost: {value}\r\n{line}\r\n{field}\r\n\r\n{body}\r\n"
            )
        },
    )
}

proptest! {
    #[test]
    fn no_secret_is_seen_however_the_bytes_are_cut(
        requests in prop::collection::vec(request(), 1..4),
        sizes in prop::collection::vec(1..60_usize, 1..20),
    ) {
        let bytes = requests.concat().into_bytes();
        let shown = masked_in_pieces(Side::Request, &bytes, &sizes);
        // Whatever is cut by the chunked coding, four bytes of the secret stand together somewhere unless it is cut smaller.
        let text = String::from_utf8_lossy(&shown);
        for part in ["hunter", "unte", "-2.Z", "Zz"] {
            prop_assert!(!text.contains(part), "{part}: {text}");
        }
        let mut whole = bytes.clone();
        mask(Side::Request, &mut whole);
        prop_assert_eq!(&shown, &whole, "cuts make no difference");
        // Nothing else is changed.
        for (was, is) in bytes.iter().zip(&shown) {
            prop_assert!(is == was || *is == b'*');
        }
    }

    #[test]
    fn any_bytes_are_read_the_same_however_they_are_cut(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'='), Just(b'"'), Just(b':'), Just(b'p')], 0..600),
        sizes in prop::collection::vec(1..40_usize, 1..9),
        is_request: bool,
    ) {
        let side = if is_request { Side::Request } else { Side::Response };
        let mut whole = bytes.clone();
        mask(side, &mut whole);
        prop_assert_eq!(masked_in_pieces(side, &bytes, &sizes), whole);
    }
}

/// Bytes made of what a glance looks for, and what it must not be misled by.
fn traps() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        "Cookie",
        "set-cookie",
        "AUTHORIZATION",
        "Content-Type",
        "content-disposition",
        "form-data; name=",
        "--",
        "://",
        "/",
        "@",
        "Content-Length",
        "Transfer-Encoding",
        "chunked",
        "application/json",
        "application/x-www-form-urlencoded",
        "password",
        "pass",
        "pwd",
        "to",
        "ken",
        "token",
        "%77",
        "_",
        ":",
        ": ",
        " :",
        "=",
        "?",
        "&",
        "\"",
        "\\",
        ",",
        "{",
        "[",
        "x",
        "0",
        "3",
        "6",
        "GET / HTTP/1.1",
        "HTTP/1.1 200 OK",
        "\r",
        "\n",
        "\r\n",
        "\r\n\r\n",
        "\r\n\r\n",
        " ",
        "\t",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ]);
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_glance_never_differs_from_the_readers(
        first in traps(),
        is_whole: bool,
        second in traps(),
        is_request: bool,
    ) {
        let side = if is_request { Side::Request } else { Side::Response };
        let first = if is_whole { [&first[..], b"\r\n\r\n"].concat() } else { first };
        let mut readers = Scanner::new(side);
        let read = readers.read_all(&first);
        prop_assert_eq!(Scanner::new(side).scan_last(&first), read.clone(), "the last bytes");
        let mut scanner = Scanner::new(side);
        prop_assert_eq!(scanner.scan(&first), read);
        prop_assert_eq!(scanner.scan(&second), readers.read_all(&second), "what comes behind");
    }
}

#[test]
fn common_messages_cost_a_glance() {
    let browser =
        b"GET /a?q=1&page=2 HTTP/1.1\r\nHost: h:1\r\nAccept: text/html;q=0.9,*/*;q=0.8\r\n\r\n";
    let page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 16\r\n\r\nlet password=\"x\"";
    assert_eq!(Glance::at(Side::Request, browser), Glance::Heads);
    assert_eq!(Glance::at(Side::Response, page), Glance::Plain);
    let form = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b";
    assert_eq!(Glance::at(Side::Request, form), Glance::Plain);
}
