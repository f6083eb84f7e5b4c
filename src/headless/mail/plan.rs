//! From flags and settings to what the client is to do. Whatever is missing or wrong is a sentence, and nothing is sent then.

use std::fs::File;
use std::io::{self, Read};

use super::{Body, MailOptions, Place};
use crate::proto::message::Outline;
use crate::proto::message::draft::{Draft, Field, FieldError, LONGEST_BODY};
use crate::proto::secret::Secret;
use crate::proto::smtp::plan::{Check, Login, Pace, Password, Plan, Trust};
use crate::settings::{MailAuth, MailClientSettings};
use crate::trace::escape::escape_hostile;
use crate::words::Words;
use crate::words::draft::field_error;

/// Who writes when nobody is named (RFC 2606 §3).
const SENDER: &str = "student@example.com";

/// Makes the plan. `input` is standard input; `ask` gets a password from the person at the terminal.
///
/// # Errors
/// Sentences that say what is missing or wrong.
pub fn plan(
    options: &MailOptions,
    place: Place,
    input: impl Read,
    ask: impl FnOnce(&str) -> io::Result<Secret>,
) -> Result<Plan, Vec<String>> {
    let Place {
        settings,
        own_certificate,
        words,
        ..
    } = place;
    let client = &settings.client;
    let message = message(options, client, words, input)?;
    // Last, so that nobody types a password in vain.
    let login = login(options, client, words, ask).map_err(|complaint| vec![complaint])?;
    let (host, port) = settings.destination();
    Ok(Plan {
        host,
        port,
        security: client.security,
        login,
        helo: client.helo.clone(),
        message,
        count: options.count,
        pipelining: client.pipelining,
        chunking: client.chunking,
        quit_after: options.quit_after,
        time_scale: client.time_scale,
        trust: Trust {
            ca_files: own_certificate
                .into_iter()
                .chain(client.ca_file.clone())
                .collect(),
            check: match options.insecure {
                true => Check::Report,
                false => Check::Refuse,
            },
        },
        retry: client.retry,
        pace: Pace::Run,
    })
}

fn message(
    options: &MailOptions,
    client: &MailClientSettings,
    words: Words,
    input: impl Read,
) -> Result<Outline, Vec<String>> {
    let body = match &options.body {
        None => Ok(words.t("send.body").into_owned()),
        Some(Body::Text(text)) => Ok(text.clone()),
        Some(Body::StandardInput) => text_of(input, "-", words),
        Some(Body::File(path)) => {
            let name = path.display().to_string();
            File::open(path)
                .map_err(|error| unreadable(&name, &error, words))
                .and_then(|file| text_of(file, &name, words))
        }
    };
    let draft = Draft {
        from: sender(client).to_owned(),
        to: options.to.join("\n"),
        cc: options.cc.join("\n"),
        bcc: options.bcc.join("\n"),
        subject: options
            .subject
            .clone()
            .unwrap_or_else(|| words.t("send.subject").into_owned()),
        body: body.map_err(|complaint| vec![complaint])?,
        attachments: options.attachments.clone(),
    };
    let mut errors = broken_lists(options);
    let outline = draft.outline().map_err(|more| errors.extend(more));
    match outline {
        Ok(outline) if errors.is_empty() => Ok(outline),
        _ => {
            let told = errors.iter().map(|(field, error)| {
                let (flag, error) = (flag(*field), field_error(error, words));
                words.fill("send.bad_field", &[("flag", &flag), ("error", &error)])
            });
            Err(told.collect())
        }
    }
}

/// Line ends in the addresses of a flag. In a form they stand between two addresses that were pasted; an argument with one in it is an accident, or
/// was made by a program that somebody tries to trick.
fn broken_lists(options: &MailOptions) -> Vec<(Field, FieldError)> {
    let lists = [
        (Field::To, &options.to),
        (Field::Cc, &options.cc),
        (Field::Bcc, &options.bcc),
    ];
    let is_broken = |list: &[String]| list.iter().any(|text| text.contains(['\r', '\n']));
    lists
        .into_iter()
        .filter(|(_, list)| is_broken(list))
        .map(|(field, _)| (field, FieldError::LineBreak))
        .collect()
}

/// Who writes: whoever logs in, if nobody else is named, since providers take mail of no other sender.
fn sender(client: &MailClientSettings) -> &str {
    let user = || client.user.as_deref().filter(|user| user.contains('@'));
    client.from.as_deref().or_else(user).unwrap_or(SENDER)
}

/// The flag that a field of the message comes from.
fn flag(field: Field) -> &'static str {
    match field {
        Field::From => "--from",
        Field::To => "--to",
        Field::Cc => "--cc",
        Field::Bcc => "--bcc",
        Field::Subject => "--subject",
        Field::Body => "--body",
        Field::Attachment(_) => "--attach",
    }
}

/// The text of a file. One byte more than a body may have is read, for the sentence about that.
fn text_of(file: impl Read, name: &str, words: Words) -> Result<String, String> {
    let mut bytes = Vec::new();
    file.take(LONGEST_BODY as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(name, &error, words))?;
    let is_cut = bytes.len() > LONGEST_BODY;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        // A character may have been cut in two.
        Err(error) if is_cut => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        Err(_) => Err(words.fill("send.not_utf8", &[("path", &escape_hostile(name))])),
    }
}

fn unreadable(name: &str, error: &io::Error, words: Words) -> String {
    words.fill(
        "send.cannot_read",
        &[("path", &escape_hostile(name)), ("error", error)],
    )
}

fn login(
    options: &MailOptions,
    client: &MailClientSettings,
    words: Words,
    ask: impl FnOnce(&str) -> io::Result<Secret>,
) -> Result<Option<Login>, String> {
    let Some(mechanism) = client.mechanism() else {
        // Whoever says where the password is wants to log in. A setting may stand there for later.
        return match (client.auth, &options.password) {
            (MailAuth::Auto, Some(_)) => Err(words.t("receive.no_user").into_owned()),
            _ => Ok(None),
        };
    };
    let Some(user) = client.user.clone() else {
        return Err(words.t("send.no_user").into_owned());
    };
    let command = || client.password_command.clone().map(Password::Command);
    let password = match options.password.clone().or_else(command) {
        Some(password) => password,
        None => {
            let prompt = words.fill("send.password", &[("user", &escape_hostile(&user))]);
            let typed = ask(&prompt).map_err(|error| match error.kind() {
                io::ErrorKind::NotConnected => words.t("send.no_terminal").into_owned(),
                _ => words.fill("send.no_password", &[("error", &error)]),
            })?;
            Password::Typed(typed)
        }
    };
    Ok(Some(Login {
        mechanism,
        user,
        password,
    }))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::{Duration, Instant, SystemTime};

    use super::*;
    use crate::headless::output::Format;
    use crate::proto::smtp::plan::{Retry, Security};
    use crate::proto::smtp::sasl::Mechanism;
    use crate::proto::smtp::stage::Stage;
    use crate::settings::{MailHost, MailSettings, Settings};
    use crate::trace::clock::Clock;
    use crate::words::Lang;

    fn options() -> MailOptions {
        MailOptions {
            format: Format::Text,
            password: None,
            to: vec!["teacher@example.com".to_owned()],
            cc: Vec::new(),
            bcc: Vec::new(),
            subject: None,
            body: None,
            attachments: Vec::new(),
            count: 1,
            quit_after: None,
            insecure: false,
        }
    }

    fn never(_: &str) -> io::Result<Secret> {
        unreachable!("nobody is asked")
    }

    fn place(settings: &MailSettings) -> Place<'_> {
        Place {
            settings,
            own_certificate: None,
            words: Words(Lang::En),
            clock: Clock::new(Instant::now(), SystemTime::UNIX_EPOCH),
        }
    }

    fn made(options: &MailOptions, settings: &MailSettings) -> Result<Plan, Vec<String>> {
        plan(options, place(settings), &b"typed"[..], never)
    }

    #[test]
    fn flags_alone_make_a_plan() {
        let settings = Settings::default().mail;
        let plan = made(&options(), &settings).unwrap();
        assert_eq!((plan.host.as_str(), plan.port), ("127.0.0.1", 2525));
        assert_eq!((plan.login, plan.security), (None, Security::None));
        assert_eq!(plan.message.from.address.as_str(), SENDER);
        assert_eq!(plan.message.to[0].address.as_str(), "teacher@example.com");
        assert!(!plan.message.subject.is_empty() && !plan.message.body.is_empty());
        assert_eq!((plan.count, plan.pace), (1, Pace::Run));
        assert_eq!(plan.trust, Trust::default());
    }

    #[test]
    fn all_that_is_asked_for_is_in_the_plan() {
        let mut settings = Settings::default().mail;
        settings.client.server = MailHost::Named {
            host: "smtp.example.org".to_owned(),
            port: None,
        };
        settings.client.security = Security::StartTls;
        settings.client.auth = MailAuth::By(Mechanism::CramMd5);
        settings.client.user = Some("u".to_owned());
        settings.client.password_command = Some("pass".to_owned());
        settings.client.from = Some("Student <s@example.org>".to_owned());
        settings.client.helo = Some("me".to_owned());
        settings.client.pipelining = true;
        settings.client.time_scale = 0.5;
        settings.client.ca_file = Some(PathBuf::from("ca.pem"));
        settings.client.retry = Retry::After {
            pause: Duration::from_secs(1),
            times: 2,
        };
        let options = MailOptions {
            to: vec!["a@x.org".to_owned(), "b@x.org, c@x.org".to_owned()],
            cc: vec!["d@x.org".to_owned()],
            bcc: vec!["e@x.org".to_owned()],
            subject: Some("S".to_owned()),
            body: Some(Body::StandardInput),
            attachments: vec!["pages/a.txt".to_owned()],
            count: 7,
            quit_after: Some(Stage::Rcpt),
            insecure: true,
            ..options()
        };
        let place = Place {
            own_certificate: Some(PathBuf::from("own.pem")),
            ..place(&settings)
        };
        let plan = plan(&options, place, &b"typed"[..], never).unwrap();
        assert_eq!(
            (plan.host.as_str(), plan.port),
            ("smtp.example.org", 587),
            "the port of STARTTLS"
        );
        let login = plan.login.unwrap();
        assert_eq!(
            (login.mechanism, login.user.as_str()),
            (Mechanism::CramMd5, "u")
        );
        assert_eq!(login.password, Password::Command("pass".to_owned()));
        let to = plan.message.envelope().to;
        let to: Vec<&str> = to.iter().map(|to| to.as_str()).collect();
        assert_eq!(to, ["a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org"]);
        assert_eq!(plan.message.from.name.as_deref(), Some("Student"));
        assert_eq!(
            (plan.message.subject.as_str(), plan.message.body.as_str()),
            ("S", "typed")
        );
        assert_eq!(plan.message.attachments, [PathBuf::from("pages/a.txt")]);
        assert_eq!(plan.helo.as_deref(), Some("me"));
        assert!(plan.pipelining && !plan.chunking);
        assert_eq!((plan.count, plan.quit_after), (7, Some(Stage::Rcpt)));
        assert_eq!(plan.trust.check, Check::Report);
        assert_eq!(
            plan.trust.ca_files,
            [PathBuf::from("own.pem"), PathBuf::from("ca.pem")]
        );
        assert_eq!(plan.retry, settings.client.retry);
    }

    #[test]
    fn a_password_is_asked_for_only_when_nothing_says_where_it_is() {
        let mut settings = Settings::default().mail;
        settings.client.user = Some("u\u{1b}".to_owned());
        let mut options = options();
        let with = |options: &MailOptions, settings: &MailSettings, answer: io::Result<Secret>| {
            plan(options, place(settings), io::empty(), |prompt| {
                assert_eq!(prompt, "Password of u\\x1b: ");
                answer
            })
            .map(|plan| plan.login.expect("a user logs in").password)
        };
        let typed = Secret::from("secret");
        assert_eq!(
            with(&options, &settings, Ok(typed.clone())),
            Ok(Password::Typed(typed))
        );
        let refused = with(&options, &settings, Err(io::ErrorKind::NotConnected.into()));
        let refused = refused.unwrap_err().join("\n");
        assert!(refused.contains("--password-env"), "{refused}");

        settings.client.password_command = Some("pass".to_owned());
        options.password = Some(Password::Variable("V".to_owned()));
        let plan = made(&options, &settings).unwrap();
        let password = plan.login.map(|login| login.password);
        assert_eq!(password, Some(Password::Variable("V".to_owned())));

        settings.client.auth = MailAuth::Never;
        assert_eq!(made(&options, &settings).unwrap().login, None);
    }

    #[test]
    fn a_password_flag_without_a_user_is_refused_and_a_setting_is_not() {
        let mut settings = Settings::default().mail;
        settings.client.password_command = Some("pass".to_owned());
        assert_eq!(made(&options(), &settings).unwrap().login, None);
        let flagged = MailOptions {
            password: Some(Password::Command("pass".to_owned())),
            ..options()
        };
        let complaints = made(&flagged, &settings).unwrap_err();
        assert!(complaints[0].contains("--user"), "{complaints:?}");
        settings.client.user = Some("u".to_owned());
        assert!(made(&flagged, &settings).unwrap().login.is_some());
    }

    #[test]
    fn whoever_logs_in_is_the_sender_unless_another_is_named() {
        let mut client = Settings::default().mail.client;
        for (user, from, want) in [
            (None, None, SENDER),
            (Some("student"), None, SENDER),
            (Some("a@x.org"), None, "a@x.org"),
            (Some("a@x.org"), Some("b@x.org"), "b@x.org"),
        ] {
            client.user = user.map(str::to_owned);
            client.from = from.map(str::to_owned);
            assert_eq!(sender(&client), want, "{user:?} {from:?}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_before_anybody_types_a_password() {
        let mut settings = Settings::default().mail;
        settings.client.from = Some("no@body@".to_owned());
        settings.client.user = Some("u".to_owned());
        let wrong = MailOptions {
            to: vec!["a@x.org\r\nRCPT TO:<b@x.org>".to_owned()],
            cc: vec!["c".to_owned()],
            subject: Some("S\r\nBcc: d@x.org".to_owned()),
            body: Some(Body::Text("\u{1b}".to_owned())),
            ..options()
        };
        let complaints = made(&wrong, &settings).unwrap_err();
        let flags = ["--to: ", "--from: ", "--cc: ", "--subject: ", "--body: "];
        assert_eq!(complaints.len(), flags.len(), "{complaints:?}");
        for (complaint, flag) in complaints.iter().zip(flags) {
            assert!(complaint.starts_with(flag), "{complaint}");
            assert!(!complaint.contains(char::is_control), "{complaint:?}");
        }

        let settings = Settings::default().mail;
        let nobody = MailOptions {
            to: Vec::new(),
            ..options()
        };
        let complaints = made(&nobody, &settings).unwrap_err();
        assert!(complaints[0].starts_with("--to: "), "{complaints:?}");

        let mut no_user = settings.clone();
        no_user.client.auth = MailAuth::By(Mechanism::Plain);
        let complaints = made(&options(), &no_user).unwrap_err();
        assert!(complaints[0].contains("--user"), "{complaints:?}");
    }

    #[test]
    fn bodies_that_cannot_be_read_are_told() {
        let settings = Settings::default().mail;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("body.txt");
        let from_file = MailOptions {
            body: Some(Body::File(file.clone())),
            ..options()
        };
        let complaint = || made(&from_file, &settings).unwrap_err().join("\n");
        assert!(complaint().contains("body.txt cannot be read: "));
        std::fs::write(&file, b"gr\xfc\xdfe").unwrap();
        assert!(complaint().contains("body.txt is not UTF-8"));
        let long = "\u{4e22}".repeat(LONGEST_BODY / 3 + 1);
        std::fs::write(&file, long).unwrap();
        assert!(complaint().starts_with("--body: "), "{}", complaint());
        std::fs::write(&file, "Gr\u{fc}\u{df}e").unwrap();
        let plan = made(&from_file, &settings).unwrap();
        assert_eq!(plan.message.body, "Gr\u{fc}\u{df}e");
    }
}
