//! Ready-made requests: the good ones, the ones that ask for more, and the ones that break a rule on purpose. Each is a script in plain sight, so
//! that a class can read what is wrong with it before it is sent.

use std::time::Duration;

use super::Pace;

/// Between two bytes of the slow trickle: at this pace no head is complete within the server's 10 seconds.
const TRICKLE: Duration = Duration::from_millis(500);
/// Between two lines of a request that is typed.
const TYPING: Duration = Duration::from_secs(1);

/// A ready-made request. Its name is the text of `sender.preset.<id>`, and what it shows that of `sender.about.<id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    pub id: &'static str,
    /// The script, with `{host}` where the server's host and port belong.
    pub template: &'static str,
    pub pace: Pace,
}

impl Preset {
    /// Its script for the server with that host and port, as they stand in a Host field ([`super::authority`]).
    pub fn script(&self, host: &str) -> String {
        self.template.replace("{host}", host)
    }
}

const fn at_once(id: &'static str, template: &'static str) -> Preset {
    Preset {
        id,
        template,
        pace: Pace::AtOnce,
    }
}

const GOOD: &str = "GET /HelloWorld.html HTTP/1.1\nHost: {host}\nConnection: close\n\n";

const PRESETS: &[Preset] = &[
    at_once("good", GOOD),
    at_once(
        "missing-page",
        "GET /no-such-page.html HTTP/1.1\nHost: {host}\nConnection: close\n\n",
    ),
    at_once(
        "head",
        "HEAD /HelloWorld.html HTTP/1.1\nHost: {host}\nConnection: close\n\n",
    ),
    at_once(
        "conditional",
        "GET /HelloWorld.html HTTP/1.1\nHost: {host}\nIf-None-Match: *\nConnection: close\n\n",
    ),
    at_once(
        "range",
        "GET /HelloWorld.html HTTP/1.1\nHost: {host}\nRange: bytes=0-9\nConnection: close\n\n",
    ),
    at_once(
        "ranges",
        "GET /HelloWorld.html HTTP/1.1\nHost: {host}\nRange: bytes=0-3,-4\nConnection: close\n\n",
    ),
    at_once(
        "pipelined",
        "GET /HelloWorld.html HTTP/1.1\nHost: {host}\n\n\
         GET /no-such-page.html HTTP/1.1\nHost: {host}\nConnection: close\n\n",
    ),
    at_once(
        "options",
        "OPTIONS * HTTP/1.1\nHost: {host}\nConnection: close\n\n",
    ),
    at_once(
        "absolute",
        "GET http://{host}/HelloWorld.html HTTP/1.1\nHost: {host}\nConnection: close\n\n",
    ),
    at_once(
        "chunked",
        "POST /HelloWorld.html HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\nConnection: close\n\n\
         5\nHello\n0\n\n",
    ),
    at_once("http-1.0", "GET /HelloWorld.html HTTP/1.0\n\n"),
    at_once("http-0.9", "GET /HelloWorld.html\n"),
    Preset {
        id: "typed",
        template: GOOD,
        pace: Pace::Lines { every: TYPING },
    },
    Preset {
        id: "trickle",
        template: GOOD,
        pace: Pace::Trickle { every: TRICKLE },
    },
    Preset {
        id: "silent",
        template: "",
        pace: Pace::Silent,
    },
    at_once(
        "no-blank-line",
        "GET /HelloWorld.html HTTP/1.1\nHost: {host}\n",
    ),
    at_once(
        "no-host",
        "GET /HelloWorld.html HTTP/1.1\nConnection: close\n\n",
    ),
    at_once(
        "bare-lf",
        "GET /HelloWorld.html HTTP/1.1\\n\\\nHost: {host}\\n\\\nConnection: close\\n\\\n\\n\\\n",
    ),
    at_once(
        "space-before-colon",
        "GET /HelloWorld.html HTTP/1.1\nHost : {host}\nConnection: close\n\n",
    ),
    at_once(
        "traversal",
        "GET /../../etc/passwd HTTP/1.1\nHost: {host}\nConnection: close\n\n",
    ),
    at_once(
        "encoded-traversal",
        "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\nHost: {host}\nConnection: close\n\n",
    ),
    at_once(
        "smuggling",
        "POST /HelloWorld.html HTTP/1.1\nHost: {host}\nContent-Length: 5\nTransfer-Encoding: chunked\n\n\
         0\n\nGET /no-such-page.html HTTP/1.1\nHost: {host}\n\n",
    ),
];

/// Every preset, in the order in which they are listed.
pub fn presets() -> &'static [Preset] {
    PRESETS
}
