//! Faults that show something, ready to be switched on by name: a lesson each.

use super::Scenario;

/// All of them, in the order in which a class may go through them.
pub fn scenarios() -> &'static [Scenario] {
    &SCENARIOS
}

const fn scenario(name: &'static str, faults: &'static [&'static str]) -> Scenario {
    Scenario { name, faults }
}

const SCENARIOS: [Scenario; 19] = [
    scenario("greylist", &["rcpt=greylist:30s"]),
    scenario("full-mailbox", &["rcpt=full"]),
    scenario(
        "one-bad-recipient",
        &["rcpt#%2=550 5.1.1 No such user here"],
    ),
    scenario(
        "too-many-recipients",
        &["rcpt#%2=452 4.5.3 Too many recipients"],
    ),
    scenario("over-size", &["dot=too-big"]),
    scenario(
        "login-refused",
        &["auth=535 5.7.8 User or password is wrong"],
    ),
    scenario("auth-250", &["auth=250 2.0.0 Ok"]),
    scenario("no-ehlo", &["ehlo=502 5.5.1 Command not implemented"]),
    scenario("wrong-code-data", &["data=250 2.0.0 Ok"]),
    scenario(
        "unknown-code",
        &["mail=299 A code that nobody has heard of"],
    ),
    scenario("shutdown-at-mail", &["mail=shutdown"]),
    scenario("drop-after-dot", &["dot=drop"]),
    scenario("vanishing", &["rcpt=drop"]),
    scenario("banner-554", &["banner=554 No SMTP service here"]),
    scenario("slow-server", &["any=delay:2s"]),
    scenario("byte-by-byte", &["any=bytes:20ms"]),
    scenario("bare-lf", &["any=bare-lf"]),
    scenario(
        "starttls-injection",
        &["starttls=inject:250 2.0.0 Said in clear text, to be believed inside TLS"],
    ),
    scenario(
        "starttls-unavailable",
        &["starttls=454 4.7.0 TLS not available due to temporary reason"],
    ),
];
