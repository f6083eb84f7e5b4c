//! The Mail lab: commands and replies in clear text, behind STARTTLS, in TLS from the first byte, and with a login.

use sockscope::proto::secret::Secret;
use sockscope::proto::smtp::outcome::Outcome;
use sockscope::proto::smtp::plan::{Login, Password, Plan, Security, Trust};
use sockscope::proto::smtp::sasl::Mechanism;

use crate::support::folder;
use crate::support::mail::{Lab, Setup, plan, recorded};
use crate::{Session, sorted};

const PASSWORD: &str = "Tr0ub4dor&3";

#[test]
#[ignore = "needs tshark"]
fn commands_and_replies_are_those_of_the_dialogue() {
    for (security, login) in [
        (Security::None, None),
        (Security::None, Some(Mechanism::Login)),
        (Security::StartTls, Some(Mechanism::Plain)),
        (Security::Tls, None),
    ] {
        check(security, login);
    }
}

fn check(security: Security, login: Option<Mechanism>) {
    let mut session = Session::new();
    let lab = Lab::with(|setup: &mut Setup| {
        setup.secure();
        setup.recorder = session.recorder.clone();
    });
    let folder = folder();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, &lab.authority).expect("it can be written");
    let address = match security {
        Security::Tls => lab.server.tls_address().expect("TLS was asked for"),
        _ => lab.address(),
    };
    let plan = Plan {
        host: "localhost".to_owned(),
        security,
        trust: Trust {
            ca_files: vec![authority],
            ..Trust::default()
        },
        login: login.map(|mechanism| Login {
            mechanism,
            user: "student".to_owned(),
            password: Password::Typed(Secret::from(PASSWORD)),
        }),
        ..plan(address)
    };
    let sent = recorded(&plan, &session.recorder, |_, _| {});
    assert_eq!(sent.summary.outcome, Outcome::Sent);
    session.wait_for_ends(1);
    drop(lab);
    let captured = session.capture();
    let decode = format!("tcp.port=={},smtp", address.port());
    let decode = ["-d", &decode];
    captured.assert_sound(&decode);
    captured.assert_times();

    let dialogue = sent.dialogue();
    let is_code =
        |said: &&String| said.len() == 3 && said.bytes().all(|byte| byte.is_ascii_digit());
    let codes = dialogue.iter().filter(is_code).cloned().collect();
    assert_eq!(
        sorted(captured.field(&decode, "smtp.rsp", "smtp.response.code")),
        sorted(codes)
    );
    // Lines that answer a challenge of AUTH are no commands.
    let verbs = ["EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"];
    let verb = |said: &String| {
        let verb = said.split(' ').next().unwrap_or_default();
        verbs.contains(&verb).then(|| verb[..4].to_owned())
    };
    let commands = dialogue.iter().filter_map(verb).collect();
    let seen = captured.field(&decode, "smtp.req.command", "smtp.req.command");
    let seen = seen
        .into_iter()
        .filter(|command| verbs.iter().any(|verb| verb.starts_with(command.as_str())));
    assert_eq!(
        sorted(seen.map(|command| command[..4].to_owned()).collect()),
        sorted(commands)
    );

    let inside = captured.field(
        &decode,
        "frame.comment contains \"inside TLS\"",
        "frame.number",
    );
    assert_eq!(inside.is_empty(), security == Security::None);
    let masked = captured.field(
        &decode,
        "frame.comment contains \"secret masked\"",
        "frame.number",
    );
    assert_eq!(masked.is_empty(), login.is_none());
    let interfaces = captured.field(&decode, "tcp", "frame.interface_name");
    assert!(interfaces.iter().all(|name| name == "mail"));
}
