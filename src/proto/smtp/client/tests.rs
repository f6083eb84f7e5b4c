use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::proto::message::{Mailbox, Outline};
use crate::proto::secret::{MASK, Secret};
use crate::proto::smtp::plan::{Login as Credentials, Password, Plan};
use crate::proto::smtp::reply::{Limits, ReplyParser};
use crate::proto::smtp::sasl::Mechanism;

const EHLO: &str = "250 lab";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox {
        name: None,
        address: address(text),
    }
}

fn plan(to: &[&str]) -> Plan {
    let to = to.iter().map(|to| mailbox(to)).collect();
    let message = Outline::new(mailbox("a@lab"), to);
    Plan {
        helo: Some("me".to_owned()),
        ..Plan::plain("lab".to_owned(), 25, message)
    }
}

fn login(mechanism: Mechanism) -> Option<Credentials> {
    Some(Credentials {
        mechanism,
        user: "tim".to_owned(),
        password: Password::Variable(String::new()),
    })
}

fn client(plan: &Plan) -> Client {
    Client::new(Job::new(plan, Some(&Secret::from("secret"))).unwrap())
}

fn reply(text: &str) -> Reply {
    let mut parser = ReplyParser::new(Limits::default());
    for line in text.lines() {
        parser.push(line.as_bytes());
        parser.push(b"\r\n");
    }
    parser.next_reply().unwrap().unwrap()
}

/// What a scripted server does when a command has come.
enum Turn<'a> {
    Say(&'a str),
    /// Says this, and closes.
    SayAndClose(&'a str),
    Close,
}

/// A driver without sockets: plays a server's part against a client, and notes what is said. `C` is said by the client, `S` by the server, `=` is
/// what the client decided; a group of commands stands in one line.
struct Play {
    client: Client,
    seen: Vec<String>,
    measure: Measure,
    /// Commands the server has not answered yet.
    open: VecDeque<String>,
    group: Vec<String>,
}

impl Play {
    fn new(plan: &Plan) -> Self {
        Self {
            client: client(plan),
            seen: Vec::new(),
            measure: Measure {
                bytes: 100,
                eight_bit: false,
            },
            open: VecDeque::new(),
            group: Vec::new(),
        }
    }

    fn say(&mut self, line: &str) {
        self.open.push_back(line.to_owned());
        self.group.push(line.to_owned());
    }

    fn flush(&mut self) {
        if !self.group.is_empty() {
            self.seen.push(format!("C {}", self.group.join(" | ")));
            self.group.clear();
        }
    }

    /// One connection, to its end.
    fn connect<'a>(&mut self, mut server: impl FnMut(&str) -> Turn<'a>) {
        self.client.begin(Ipv4Addr::LOCALHOST.into());
        self.open.clear();
        self.open.push_back("(banner)".to_owned());
        for _ in 0..10_000 {
            match self.client.step() {
                Step::Await(_) => {
                    self.flush();
                    let command = self.open.pop_front().expect("something was said");
                    match server(&command) {
                        Turn::Say(text) => self.hear(text),
                        Turn::SayAndClose(text) => {
                            self.hear(text);
                            self.client.fail(Failure::Lost(String::new()));
                        }
                        Turn::Close => self.client.fail(Failure::Lost(String::new())),
                    }
                }
                Step::Send { line, .. } => {
                    self.client.go();
                    self.say(std::str::from_utf8(&line.shown).unwrap());
                }
                Step::Content => {
                    self.client.go();
                    self.say("(message)");
                    self.client.content_sent();
                }
                Step::Chunk { line, from, bytes } => {
                    self.client.go();
                    let line = std::str::from_utf8(&line.shown).unwrap().to_owned();
                    self.say(&line);
                    self.group.push(format!("({from}+{bytes})"));
                    self.client.content_sent();
                }
                Step::Handshake => {
                    self.flush();
                    self.seen.push("= TLS".to_owned());
                    self.client.secured();
                }
                Step::Compose { utf8, .. } => {
                    if utf8 {
                        self.seen.push("= UTF-8".to_owned());
                    }
                    self.client.composed(self.measure);
                }
                Step::Decided { number, recipients } => {
                    let told: Vec<String> = recipients.iter().map(told).collect();
                    self.seen.push(format!("= {number}: {}", told.join(", ")));
                }
                Step::Close => {
                    self.flush();
                    return;
                }
            }
        }
        panic!("the session does not end: {:#?}", self.seen);
    }

    fn hear(&mut self, text: &str) {
        self.client.reply(&mut reply(text));
    }
}

fn told(recipient: &Recipient) -> String {
    let code = recipient
        .reply
        .as_ref()
        .map_or(String::new(), |verdict| format!(" {}", verdict.code));
    format!("{} {:?}{code}", recipient.address.local(), recipient.fate)
}

/// Answers by the first rule whose text the command begins with, in its turn: rules with the same text answer one after the other, the last of them
/// for good. Without a rule the answer is the expected one.
fn by_rules<'a>(rules: &'a [(&'a str, &'a str)]) -> impl FnMut(&str) -> Turn<'a> {
    let mut used = vec![false; rules.len()];
    move |command| {
        let fits = |at: &usize| command.starts_with(rules[*at].0);
        let all: Vec<usize> = (0..rules.len()).filter(fits).collect();
        let next = all.iter().find(|at| !used[**at]).or(all.last());
        if let Some(&at) = next {
            used[at] = true;
            return match rules[at].1.strip_suffix('!') {
                Some("") => Turn::Close,
                Some(text) => Turn::SayAndClose(text),
                None => Turn::Say(rules[at].1),
            };
        }
        Turn::Say(match command.split(' ').next().unwrap_or_default() {
            "(banner)" | "STARTTLS" => "220 lab",
            "EHLO" => EHLO,
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 ok",
        })
    }
}

/// What was said, and how it ended.
fn play(plan: &Plan, rules: &[(&str, &str)]) -> (Vec<String>, Summary) {
    let mut stage = Play::new(plan);
    stage.connect(by_rules(rules));
    (stage.seen, stage.client.summary())
}

fn fates(summary: &Summary) -> Vec<RecipientFate> {
    summary.recipients.iter().map(|r| r.fate).collect()
}

/// The client's lines after EHLO.
fn said(seen: &[String]) -> Vec<&str> {
    let lines = seen.iter().filter_map(|line| line.strip_prefix("C "));
    lines.skip_while(|line| line.starts_with("EHLO")).collect()
}

#[test]
fn a_message_goes_out_to_two() {
    let (seen, summary) = play(&plan(&["b@lab", "c@lab"]), &[]);
    assert_eq!(
        seen,
        [
            "C EHLO me",
            "C MAIL FROM:<a@lab>",
            "C RCPT TO:<b@lab>",
            "C RCPT TO:<c@lab>",
            "C DATA",
            "C (message)",
            "= 1: b Accepted 250, c Accepted 250",
            "C QUIT",
        ]
    );
    assert_eq!(summary.outcome, Outcome::Sent);
    assert_eq!(
        (summary.stage, summary.sent, summary.asked),
        (Stage::Quit, 1, 1)
    );
}

/// What one wrong answer leads to, with two recipients: the command and what the server says to it (`!`: and closes), the client's lines after EHLO,
/// the outcome, the stage it ended at, and the two fates.
///
/// `M`, `B`, `C`, `D`, `T`, `R`, `H` and `Q` stand for MAIL, the two RCPT, DATA, the message, RSET, HELO and QUIT.
const ENDINGS: &str = "
(banner) | 554 no      | Q         | refused     | banner | Refused  Refused
(banner) | 521 no      | Q         | refused     | banner | Refused  Refused
(banner) | 450 later   | Q         | refused     | banner | Deferred Deferred
(banner) | 354 what    | Q         | refused     | banner | Refused  Refused
(banner) | 421 later!  |           | refused     | banner | Deferred Deferred
(banner) | !           |           | failed      | banner | NotTried NotTried
EHLO     | 500 what    | HMBCDTQ   | sent        | quit   | Accepted Accepted
EHLO     | 502 what    | HMBCDTQ   | sent        | quit   | Accepted Accepted
EHLO     | 504 what    | HMBCDTQ   | sent        | quit   | Accepted Accepted
EHLO     | 550 what    | HMBCDTQ   | sent        | quit   | Accepted Accepted
EHLO     | 421 later!  |           | refused     | ehlo   | Deferred Deferred
EHLO     | 554 no      | Q         | refused     | ehlo   | Refused  Refused
EHLO     | 451 later   | Q         | refused     | ehlo   | Deferred Deferred
EHLO     | !           |           | failed      | ehlo   | NotTried NotTried
MAIL     | 299 fine    | MBCDTQ    | sent        | quit   | Accepted Accepted
MAIL     | 354 what    | MQ        | refused     | mail   | Refused  Refused
MAIL     | 421 later!  | M         | refused     | mail   | Deferred Deferred
MAIL     | 451 later   | MQ        | refused     | mail   | Deferred Deferred
MAIL     | 550 no      | MQ        | refused     | mail   | Refused  Refused
MAIL     | !           | M         | failed      | mail   | NotTried NotTried
RCPT:b   | 550 no      | MBCDTQ    | partly-sent | dot    | Refused  Accepted
RCPT:b   | 451 later   | MBCDTQ    | partly-sent | dot    | Deferred Accepted
RCPT:b   | 452 full    | MBCDTQ    | partly-sent | dot    | Deferred Accepted
RCPT:b   | 354 what    | MBCDTQ    | partly-sent | dot    | Refused  Accepted
RCPT:c   | 251 moved   | MBCDTQ    | sent        | quit   | Accepted Accepted
RCPT:c   | 252 perhaps | MBCDTQ    | sent        | quit   | Accepted Accepted
RCPT:c   | 421 later!  | MBC       | refused     | rcpt   | Deferred Deferred
RCPT:c   | !           | MBC       | failed      | rcpt   | NotTried NotTried
RCPT     | 550 no      | MBCRQ     | refused     | rcpt   | Refused  Refused
RCPT     | 450 later   | MBCRQ     | refused     | rcpt   | Deferred Deferred
DATA     | 250 go on   | MBCDRQ    | refused     | data   | Refused  Refused
DATA     | 355 go on   | MBCDRQ    | refused     | data   | Refused  Refused
DATA     | 421 later!  | MBCD      | refused     | data   | Deferred Deferred
DATA     | 451 later   | MBCDRQ    | refused     | data   | Deferred Deferred
DATA     | 554 no      | MBCDRQ    | refused     | data   | Refused  Refused
DATA     | !           | MBCD      | failed      | data   | NotTried NotTried
(message)| 250 ok!     | MBCDT     | sent        | dot    | Accepted Accepted
(message)| 354 what    | MBCDTQ    | refused     | dot    | Refused  Refused
(message)| 421 later!  | MBCDT     | refused     | dot    | Deferred Deferred
(message)| 451 later   | MBCDTQ    | refused     | dot    | Deferred Deferred
(message)| 552 too big | MBCDTQ    | refused     | dot    | Refused  Refused
(message)| !           | MBCDT     | unknown     | dot    | Unknown  Unknown
QUIT     | 421 bye     | MBCDTQ    | sent        | dot    | Accepted Accepted
QUIT     | 500 what    | MBCDTQ    | sent        | dot    | Accepted Accepted
QUIT     | !           | MBCDTQ    | sent        | dot    | Accepted Accepted
";

/// The line that a letter of [`ENDINGS`] stands for.
fn line_of(letter: char) -> &'static str {
    match letter {
        'M' => "MAIL FROM:<a@lab>",
        'B' => "RCPT TO:<b@lab>",
        'C' => "RCPT TO:<c@lab>",
        'D' => "DATA",
        'T' => "(message)",
        'R' => "RSET",
        'H' => "HELO me",
        'Q' => "QUIT",
        _ => panic!("no line is called {letter}"),
    }
}

#[test]
fn each_answer_at_each_stage_ends_as_it_should() {
    let mut rows = 0;
    for row in ENDINGS.lines().filter(|row| !row.is_empty()) {
        let columns: Vec<_> = row.split('|').map(str::trim).collect();
        let [command, answer, lines, outcome, stage, expected] = columns[..] else {
            panic!("a row has six columns: {row}");
        };
        let command = match command {
            "RCPT:b" => line_of('B'),
            "RCPT:c" => line_of('C'),
            command => command,
        };
        let (seen, summary) = play(&plan(&["b@lab", "c@lab"]), &[(command, answer)]);
        let row = format!("{row}: {seen:#?}");
        let lines: Vec<_> = lines.chars().map(line_of).collect();
        assert_eq!(said(&seen), lines, "{row}");
        assert_eq!(summary.outcome.name(), outcome, "{row}");
        assert_eq!(summary.stage.name(), stage, "{row}");
        let fates: Vec<_> = fates(&summary)
            .iter()
            .map(|fate| format!("{fate:?}"))
            .collect();
        assert_eq!(
            fates,
            expected.split_whitespace().collect::<Vec<_>>(),
            "{row}"
        );
        rows += 1;
    }
    assert_eq!(rows, 45);
}

#[test]
fn a_refused_helo_ends_the_session() {
    let (seen, summary) = play(&plan(&["b@lab"]), &[("EHLO", "502 no"), ("HELO", "550 no")]);
    assert_eq!(said(&seen), ["HELO me", "QUIT"]);
    assert_eq!(summary.outcome, Outcome::Refused);
    assert_eq!(summary.stage, Stage::Helo);
}

#[test]
fn what_the_server_offers_goes_into_mail() {
    let mut stage = Play::new(&plan(&["b@lab"]));
    stage.measure.eight_bit = true;
    stage.connect(by_rules(&[(
        "EHLO",
        "250-lab\n250-size 1000\n250 8bitmime",
    )]));
    assert_eq!(
        said(&stage.seen)[0],
        "MAIL FROM:<a@lab> SIZE=100 BODY=8BITMIME"
    );
}

#[test]
fn a_message_over_the_size_is_not_begun() {
    let (seen, summary) = play(&plan(&["b@lab"]), &[("EHLO", "250-lab\n250 SIZE 99")]);
    assert_eq!(said(&seen), ["QUIT"]);
    let need = Need::Size {
        bytes: 100,
        most: 99,
    };
    assert_eq!(summary.outcome, Outcome::Failed(Failure::NotOffered(need)));
    let (_, summary) = play(&plan(&["b@lab"]), &[("EHLO", "250-lab\n250 SIZE 0")]);
    assert_eq!(summary.outcome, Outcome::Sent, "0 is no limit");
}

#[test]
fn addresses_beyond_ascii_need_smtputf8_or_an_a_label() {
    let utf8 = plan(&["b@例子.中国"]);
    let (seen, _) = play(&utf8, &[("EHLO", "250-lab\n250 SMTPUTF8")]);
    assert!(seen.contains(&"= UTF-8".to_owned()));
    assert_eq!(
        said(&seen)[..2],
        ["MAIL FROM:<a@lab> SMTPUTF8", "RCPT TO:<b@例子.中国>"]
    );
    let (seen, summary) = play(&utf8, &[]);
    assert_eq!(
        said(&seen)[..2],
        ["MAIL FROM:<a@lab>", "RCPT TO:<b@xn--fsqu00a.xn--fiqs8s>"]
    );
    assert_eq!(summary.recipients[0].address, address("b@例子.中国"));
    let (seen, summary) = play(&plan(&["张三@lab"]), &[]);
    assert_eq!(said(&seen), ["QUIT"]);
    let need = Need::SmtpUtf8(address("张三@lab"));
    assert_eq!(summary.outcome, Outcome::Failed(Failure::NotOffered(need)));
}

#[test]
fn starttls_happens_or_nothing_is_sent() {
    let mut secure = plan(&["b@lab"]);
    secure.security = Security::StartTls;
    let (seen, summary) = play(
        &secure,
        &[("EHLO", "250-lab\n250 STARTTLS"), ("EHLO", EHLO)],
    );
    assert_eq!(
        seen[..5],
        [
            "C EHLO me",
            "C STARTTLS",
            "= TLS",
            "C EHLO me",
            "C MAIL FROM:<a@lab>"
        ]
    );
    assert_eq!(summary.outcome, Outcome::Sent);

    let (seen, summary) = play(&secure, &[]);
    assert_eq!(seen, ["C EHLO me", "C QUIT"], "it is not offered");
    assert_eq!(
        summary.outcome,
        Outcome::Failed(Failure::Tls(TlsFailure::NotOffered))
    );
    let (_, summary) = play(&secure, &[("EHLO", "502 no")]);
    assert_eq!(
        summary.outcome,
        Outcome::Failed(Failure::Tls(TlsFailure::NotOffered)),
        "HELO offers nothing"
    );
    for (answer, code) in [("454 later", 454), ("250 ok", 250), ("501 what", 501)] {
        let offers = ("EHLO", "250-lab\n250 starttls");
        let (seen, summary) = play(&secure, &[offers, ("STARTTLS", answer)]);
        assert_eq!(seen, ["C EHLO me", "C STARTTLS", "C QUIT"]);
        assert_eq!(
            summary.outcome,
            Outcome::Failed(Failure::Tls(TlsFailure::Refused(Code(code))))
        );
    }
}

#[test]
fn a_failed_handshake_is_the_end() {
    for security in [Security::StartTls, Security::Tls] {
        let mut secure = plan(&["b@lab"]);
        secure.security = security;
        let mut client = client(&secure);
        client.begin(Ipv4Addr::LOCALHOST.into());
        let mut replies = VecDeque::from(["220 lab", "250-lab\n250 STARTTLS", "220 go"]);
        while let Step::Await(_) | Step::Send { .. } = client.step() {
            client.go();
            if let Step::Await(_) = client.step() {
                client.reply(&mut reply(replies.pop_front().unwrap()));
            }
        }
        assert_eq!(client.step(), Step::Handshake);
        let failure = Failure::Tls(TlsFailure::Injected(b"250 hello".as_slice().into()));
        client.fail(failure.clone());
        assert_eq!(client.step(), Step::Close);
        let summary = client.summary();
        assert_eq!(summary.outcome, Outcome::Failed(failure));
        assert_eq!(summary.stage, Stage::Tls);
    }
}

#[test]
fn tls_from_the_first_byte_comes_before_the_greeting() {
    let mut secure = plan(&["b@lab"]);
    secure.security = Security::Tls;
    let (seen, summary) = play(&secure, &[]);
    assert_eq!(seen[..2], ["= TLS", "C EHLO me"]);
    assert_eq!(summary.outcome, Outcome::Sent);
}

/// Mechanism, then what the server says to each line of AUTH and the client's line after it, and how the login ends.
const LOGINS: &str = "
PLAIN    | 235 ok       |                                                            | sent
PLAIN    | 334          | ******** 235 ok                                            | sent
PLAIN    | 250 ok       |                                                            | refused
PLAIN    | 535 wrong    |                                                            | refused
PLAIN    | 454 later    |                                                            | refused
LOGIN    | 334 VXNlciBOYW1lAA== | dGlt 334 UGFzc3dvcmQA, ******** 235 ok             | sent
LOGIN    | 334 VXNlcm5hbWU6     | dGlt 334 UGFzc3dvcmQ6, ******** 535 wrong          | refused
LOGIN    | 334          | dGlt 334, ******** 235 ok                                  | sent
LOGIN    | 334 Username:        | dGlt 334 Password:, ******** 235 ok                | sent
LOGIN    | 334          | dGlt 334, ******** 334, * 501 so                           | refused
LOGIN    | 250 ok       |                                                            | refused
LOGIN    | 334          | dGlt 250 ok                                                | refused
CRAM-MD5 | 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2U+ | ******** 235 ok            | sent
CRAM-MD5 | 334 <plain>  | * 501 so                                                   | refused
XOAUTH2  | 235 ok       |                                                            | sent
XOAUTH2  | 334 eyJzdGF0dXMiOiI0MDEifQ== | (empty) 535 wrong                        | refused
";

#[test]
fn a_login_goes_by_turn_and_by_exact_codes() {
    for row in LOGINS.lines().filter(|row| !row.is_empty()) {
        let columns: Vec<_> = row.split('|').map(str::trim).collect();
        let [mechanism, first, rest, outcome] = columns[..] else {
            panic!("a row has four columns: {row}");
        };
        let mut plan = plan(&["b@lab"]);
        plan.login = login(Mechanism::from_keyword(mechanism).unwrap());
        let turns: Vec<(&str, &str)> = rest
            .split(", ")
            .filter_map(|turn| turn.split_once(' '))
            .collect();
        let mut answers = VecDeque::from([first]);
        answers.extend(turns.iter().map(|(_, answer)| *answer));
        let mut usual = by_rules(&[("EHLO", "250-lab\n250 auth PLAIN LOGIN cram-md5 XOAUTH2")]);
        let mut play = Play::new(&plan);
        play.connect(|command| {
            let is_known = ["(", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
                .iter()
                .any(|known| command.starts_with(known));
            if is_known {
                usual(command)
            } else {
                Turn::Say(answers.pop_front().unwrap_or("503 what"))
            }
        });
        let summary = play.client.summary();
        let mut lines = said(&play.seen).into_iter();
        let command = lines.next().unwrap();
        assert!(command.starts_with(&format!("AUTH {mechanism}")), "{row}");
        for (line, _) in turns {
            let line = if line == "(empty)" { "" } else { line };
            assert_eq!(lines.next(), Some(line), "{row}");
        }
        let is_in = outcome == "sent";
        let next = if is_in { line_of('M') } else { line_of('Q') };
        assert_eq!(
            lines.next(),
            Some(next),
            "nothing is sent without the login: {row}"
        );
        assert_eq!(summary.outcome.name(), outcome, "{row}");
        if !is_in {
            let is_temporary = first.starts_with('4');
            assert_eq!(
                summary.outcome == Outcome::LoginRefused,
                !is_temporary,
                "{row}"
            );
            assert_eq!(summary.stage, Stage::Auth, "{row}");
            assert!(summary.recipients[0].reply.is_some(), "{row}");
        }
    }
}

#[test]
fn a_mechanism_that_is_not_offered_is_not_tried() {
    let mut plan = plan(&["b@lab"]);
    plan.login = login(Mechanism::CramMd5);
    for (ehlo, offered) in [
        ("250 lab", vec![]),
        ("250-lab\n250 AUTH=LOGIN PLAIN", vec!["LOGIN", "PLAIN"]),
    ] {
        let (seen, summary) = play(&plan, &[("EHLO", ehlo)]);
        assert_eq!(said(&seen), ["QUIT"]);
        let need = Need::Mechanism {
            wanted: "CRAM-MD5".to_owned(),
            offered: offered.into_iter().map(str::to_owned).collect(),
        };
        assert_eq!(summary.outcome, Outcome::Failed(Failure::NotOffered(need)));
    }
}

#[test]
fn oddities_that_only_the_place_tells_are_noted() {
    let mut plan = plan(&["b@lab"]);
    plan.login = login(Mechanism::Login);
    let mut client = client(&plan);
    client.begin(Ipv4Addr::LOCALHOST.into());
    client.reply(&mut reply("220 lab"));
    client.go();
    let mut ehlo = reply("250-lab\n250 AUTH=LOGIN");
    let heard = client.reply(&mut ehlo);
    assert_eq!(heard.stage, Stage::Ehlo);
    assert_eq!(heard.meaning, Meaning::Wanted);
    assert_eq!(ehlo.odd, [Oddity::AuthEquals]);
    client.go();
    let mut prompt = reply("334 Username:");
    client.reply(&mut prompt);
    assert_eq!(prompt.odd, [Oddity::NotBase64]);
}

#[test]
fn recipients_over_the_limit_go_into_a_further_transaction() {
    for (first, second) in [
        ("452 4.5.3 too many", "250 ok"),
        ("552 too many", "250 ok"),
        ("452 too many", "250 ok"),
    ] {
        let (seen, summary) = play(
            &plan(&["b@lab", "c@lab"]),
            &[("RCPT TO:<c@lab>", first), ("RCPT TO:<c@lab>", second)],
        );
        assert_eq!(
            said(&seen),
            [
                "MAIL FROM:<a@lab>",
                "RCPT TO:<b@lab>",
                "RCPT TO:<c@lab>",
                "DATA",
                "(message)",
                "MAIL FROM:<a@lab>",
                "RCPT TO:<c@lab>",
                "DATA",
                "(message)",
                "QUIT"
            ]
        );
        assert_eq!(summary.outcome, Outcome::Sent);
        assert_eq!(summary.sent, 1);
    }
    // A full mailbox is not "too many recipients", and one that stays refused is refused in the end.
    let (seen, summary) = play(
        &plan(&["b@lab", "c@lab"]),
        &[("RCPT TO:<c@lab>", "452 4.2.2 full")],
    );
    assert_eq!(said(&seen).len(), 6);
    assert_eq!(
        fates(&summary),
        [RecipientFate::Accepted, RecipientFate::Deferred]
    );
    let (seen, summary) = play(&plan(&["b@lab", "c@lab"]), &[("RCPT TO:<c@lab>", "552 no")]);
    assert_eq!(
        said(&seen)[5..],
        ["MAIL FROM:<a@lab>", "RCPT TO:<c@lab>", "RSET", "QUIT"]
    );
    assert_eq!(
        fates(&summary),
        [RecipientFate::Accepted, RecipientFate::Refused]
    );
}

#[test]
fn several_messages_go_over_one_connection() {
    let mut plan = plan(&["b@lab"]);
    plan.count = 3;
    let (seen, summary) = play(
        &plan,
        &[
            ("(message)", "250 ok"),
            ("(message)", "550 spam"),
            ("(message)", "250 ok"),
        ],
    );
    let decided: Vec<_> = seen.iter().filter(|line| line.starts_with('=')).collect();
    assert_eq!(
        decided,
        [
            "= 1: b Accepted 250",
            "= 2: b Refused 550",
            "= 3: b Accepted 250"
        ]
    );
    assert!(!seen.iter().any(|line| line.contains("RSET")));
    assert_eq!(summary.outcome, Outcome::PartlySent);
    assert_eq!((summary.sent, summary.asked), (2, 3));
    assert_eq!(fates(&summary), [RecipientFate::Accepted]);

    let (_, summary) = play(&plan, &[("MAIL", "250 ok"), ("MAIL", "!")]);
    assert_eq!(
        summary.outcome,
        Outcome::Failed(Failure::Lost(String::new()))
    );
    assert_eq!((summary.sent, summary.stage), (1, Stage::Mail));
    assert_eq!(fates(&summary), [RecipientFate::NotTried]);
}

const PIPELINING: (&str, &str) = ("EHLO", "250-lab\n250-PIPELINING\n250 CHUNKING");

fn pipelining(to: &[&str]) -> Plan {
    Plan {
        pipelining: true,
        ..plan(to)
    }
}

#[test]
fn commands_go_in_groups_where_that_is_offered() {
    let plan = pipelining(&["b@lab", "c@lab"]);
    let (seen, _) = play(&plan, &[]);
    assert_eq!(said(&seen)[0], "MAIL FROM:<a@lab>", "it is not offered");
    let group = "MAIL FROM:<a@lab> | RCPT TO:<b@lab> | RCPT TO:<c@lab> | DATA";
    let (seen, summary) = play(&plan, &[PIPELINING]);
    assert_eq!(said(&seen), [group, "(message)", "QUIT"]);
    assert_eq!(summary.outcome, Outcome::Sent);
    let (seen, summary) = play(&plan, &[PIPELINING, ("RCPT TO:<b@lab>", "550 no")]);
    assert_eq!(said(&seen), [group, "(message)", "QUIT"]);
    assert_eq!(
        fates(&summary),
        [RecipientFate::Refused, RecipientFate::Accepted]
    );
}

#[test]
fn a_group_that_is_refused_sends_no_message() {
    let plan = pipelining(&["b@lab"]);
    let group = "MAIL FROM:<a@lab> | RCPT TO:<b@lab> | DATA";
    for (rules, lines, code, stage) in [
        // RFC 2920 §3.1: DATA was taken although nobody is to have the message.
        (
            vec![("RCPT", "550 no")],
            vec![group, ".", "QUIT"],
            550,
            Stage::Rcpt,
        ),
        (
            vec![("RCPT", "550 no"), (".", "554 no")],
            vec![group, ".", "QUIT"],
            550,
            Stage::Rcpt,
        ),
        (
            vec![("RCPT", "550 no"), ("DATA", "554 no")],
            vec![group, "RSET", "QUIT"],
            550,
            Stage::Rcpt,
        ),
        (
            vec![("MAIL", "553 no"), ("RCPT", "503 no"), ("DATA", "503 no")],
            vec![group, "RSET", "QUIT"],
            553,
            Stage::Mail,
        ),
        (
            vec![("MAIL", "553 no")],
            vec![group, ".", "QUIT"],
            553,
            Stage::Mail,
        ),
        (
            vec![("DATA", "550 no")],
            vec![group, "RSET", "QUIT"],
            550,
            Stage::Data,
        ),
        (vec![("MAIL", "421 later!")], vec![group], 421, Stage::Mail),
    ] {
        let mut rules = rules;
        rules.push(PIPELINING);
        let (seen, summary) = play(&plan, &rules);
        assert_eq!(said(&seen), lines);
        assert_eq!(summary.outcome, Outcome::Refused, "{seen:#?}");
        assert_eq!(summary.stage, stage, "where it was decided: {seen:#?}");
        let verdict = summary.recipients[0].reply.as_ref().unwrap();
        assert_eq!(verdict.code, Code(code), "{seen:#?}");
    }
}

#[test]
fn chunks_need_no_dots() {
    let mut stage = Play::new(&Plan {
        chunking: true,
        ..plan(&["b@lab"])
    });
    stage.measure.bytes = 2 * CHUNK + 5;
    stage.connect(by_rules(&[PIPELINING]));
    assert_eq!(
        said(&stage.seen)[2..],
        [
            "BDAT 1048576 | (0+1048576)",
            "BDAT 1048576 | (1048576+1048576)",
            "BDAT 5 LAST | (2097152+5)",
            "QUIT"
        ]
    );
    assert_eq!(stage.client.summary().outcome, Outcome::Sent);
    // In a group with all the rest.
    let mut stage = Play::new(&Plan {
        chunking: true,
        ..pipelining(&["b@lab"])
    });
    stage.connect(by_rules(&[PIPELINING]));
    assert_eq!(
        said(&stage.seen),
        [
            "MAIL FROM:<a@lab> | RCPT TO:<b@lab> | BDAT 100 LAST | (0+100)",
            "QUIT"
        ]
    );
    assert_eq!(stage.client.summary().outcome, Outcome::Sent);
}

#[test]
fn a_refused_chunk_is_the_last_one() {
    for pipelined in [false, true] {
        let mut stage = Play::new(&Plan {
            chunking: true,
            pipelining: pipelined,
            ..plan(&["b@lab"])
        });
        stage.measure.bytes = 2 * CHUNK;
        stage.connect(by_rules(&[
            PIPELINING,
            ("BDAT", "552 no"),
            ("BDAT", "503 no"),
        ]));
        let summary = stage.client.summary();
        assert_eq!(fates(&summary), [RecipientFate::Refused]);
        assert_eq!(
            summary.recipients[0].reply.as_ref().unwrap().code,
            Code(552)
        );
        let lines = said(&stage.seen);
        assert_eq!(lines[lines.len() - 2..], ["RSET", "QUIT"]);
    }
    let mut lost = Play::new(&Plan {
        chunking: true,
        ..plan(&["b@lab"])
    });
    lost.connect(by_rules(&[PIPELINING, ("BDAT", "!")]));
    assert_eq!(lost.client.summary().outcome, Outcome::Unknown);
}

/// A session up to the point where the message goes out.
fn at_content(plan: &Plan) -> Client {
    let mut client = client(plan);
    client.begin(Ipv4Addr::LOCALHOST.into());
    for _ in 0..100 {
        match client.step() {
            Step::Content => return client,
            Step::Compose { .. } => client.composed(Measure {
                bytes: 1,
                eight_bit: false,
            }),
            Step::Await(Stage::Data) => {
                client.reply(&mut reply("354 go"));
            }
            Step::Await(Stage::Banner) => {
                client.reply(&mut reply("220 lab"));
            }
            Step::Await(_) => {
                client.reply(&mut reply("250 ok"));
            }
            _ => client.go(),
        }
    }
    panic!("no message goes out");
}

#[test]
fn a_refusal_before_the_end_of_the_message_closes() {
    for (text, fate) in [
        ("552 too big", RecipientFate::Refused),
        ("451 later", RecipientFate::Deferred),
        ("421 later", RecipientFate::Deferred),
    ] {
        for is_begun in [true, false] {
            let mut client = at_content(&plan(&["b@lab"]));
            if is_begun {
                client.go();
            }
            let early = client.reply(&mut reply("250 fine"));
            assert_eq!(early.meaning, Meaning::Unasked);
            client.reply(&mut reply(text));
            assert!(matches!(client.step(), Step::Decided { .. }));
            assert_eq!(client.step(), Step::Close, "QUIT would be read as text");
            let summary = client.summary();
            assert_eq!(fates(&summary), [fate]);
            assert_eq!(
                (summary.outcome, summary.stage),
                (Outcome::Refused, Stage::Dot)
            );
        }
    }
    let mut client = at_content(&plan(&["b@lab"]));
    client.go();
    client.fail(Failure::Lost("reset".to_owned()));
    let outcome = client.summary().outcome;
    assert_eq!(
        outcome,
        Outcome::Failed(Failure::Lost("reset".to_owned())),
        "before the final dot nothing is unknown"
    );
}

#[test]
fn no_time_is_left_for_the_final_reply() {
    let mut client = at_content(&plan(&["b@lab"]));
    client.go();
    client.content_sent();
    client.fail(Failure::TimedOut(Duration::from_secs(600)));
    assert!(matches!(client.step(), Step::Decided { .. }));
    assert_eq!(client.step(), Step::Close);
    assert_eq!(client.summary().outcome, Outcome::Unknown);
}

#[test]
fn what_nobody_asked_for_is_noted() {
    let mut client = client(&plan(&["b@lab"]));
    client.begin(Ipv4Addr::LOCALHOST.into());
    client.reply(&mut reply("220 lab"));
    let heard = client.reply(&mut reply("250 hello"));
    assert_eq!(
        (heard.stage, heard.meaning),
        (Stage::Banner, Meaning::Unasked)
    );
    assert!(matches!(
        client.step(),
        Step::Send {
            stage: Stage::Ehlo,
            ..
        }
    ));
    client.reply(&mut reply("421 bye"));
    assert!(matches!(client.step(), Step::Decided { .. }));
    assert_eq!(client.step(), Step::Close);
    assert_eq!(client.summary().outcome, Outcome::Refused);
}

#[test]
fn quit_after_ends_where_it_says() {
    let secure = Plan {
        security: Security::StartTls,
        login: login(Mechanism::Plain),
        count: 2,
        ..plan(&["b@lab", "c@lab"])
    };
    let rules = [
        ("EHLO", "250-lab\n250-STARTTLS\n250 AUTH PLAIN"),
        ("AUTH", "235 ok"),
    ];
    // All that would be said, and how much of it each end leaves.
    let first = ["EHLO me", "STARTTLS", "EHLO me", "AUTH PLAIN ********"];
    let all: Vec<_> = first
        .into_iter()
        .chain("MBCDT".chars().map(line_of))
        .collect();
    for (stage, lines, quits) in [
        (Stage::Connect, 0, false),
        (Stage::Banner, 0, true),
        (Stage::Ehlo, 1, true),
        (Stage::StartTls, 2, true),
        (Stage::Tls, 2, true),
        (Stage::Auth, 4, true),
        (Stage::Mail, 5, true),
        (Stage::Rcpt, 7, true),
        (Stage::Data, 8, false),
        (Stage::Dot, 9, true),
    ] {
        let plan = Plan {
            quit_after: Some(stage),
            ..secure.clone()
        };
        let (seen, summary) = play(&plan, &rules);
        let heard: Vec<_> = seen
            .iter()
            .filter_map(|line| line.strip_prefix("C "))
            .collect();
        let mut expected = all[..lines].to_vec();
        expected.extend(quits.then_some("QUIT"));
        assert_eq!(heard, expected, "{stage:?}");
        assert_eq!(summary.outcome, Outcome::Stopped, "{stage:?}");
    }
    // A stage that this session does not have: it ends before the next one.
    let plan = Plan {
        quit_after: Some(Stage::Auth),
        ..pipelining(&["b@lab"])
    };
    assert_eq!(said(&play(&plan, &[PIPELINING]).0), ["QUIT"]);
    let plan = Plan {
        quit_after: Some(Stage::Mail),
        ..pipelining(&["b@lab"])
    };
    let (seen, _) = play(&plan, &[PIPELINING]);
    assert_eq!(said(&seen), [line_of('M'), "QUIT"]);
}

#[test]
fn who_got_a_4xx_is_tried_again() {
    let pause = Duration::from_secs(30);
    let mut plan = plan(&["b@lab", "c@lab", "d@lab"]);
    plan.retry = Retry::After { pause, times: 2 };
    plan.count = 2;
    let mut stage = Play::new(&plan);
    stage.connect(by_rules(&[
        ("RCPT TO:<c@lab>", "451 later"),
        ("RCPT TO:<d@lab>", "550 no"),
    ]));
    let again = stage.client.again().unwrap();
    assert_eq!(
        (again.pause, again.recipients),
        (pause, vec![address("c@lab")])
    );
    stage.seen.clear();
    stage.connect(by_rules(&[("RCPT", "250 ok"), ("RCPT", "451 later")]));
    assert_eq!(
        said(&stage.seen),
        [
            "MAIL FROM:<a@lab>",
            "RCPT TO:<c@lab>",
            "DATA",
            "(message)",
            "MAIL FROM:<a@lab>",
            "RCPT TO:<c@lab>",
            "RSET",
            "QUIT"
        ]
    );
    assert!(stage.seen.contains(&"= 2: c Deferred 451".to_owned()));
    assert!(stage.client.again().is_some());
    stage.connect(by_rules(&[("RCPT", "451 later")]));
    assert_eq!(stage.client.again(), None, "two times are over");
    let summary = stage.client.summary();
    assert_eq!(summary.outcome, Outcome::PartlySent);
    assert_eq!(summary.sent, 2);
    assert_eq!(
        fates(&summary),
        [
            RecipientFate::Accepted,
            RecipientFate::Deferred,
            RecipientFate::Refused
        ]
    );
}

#[test]
fn a_shutdown_leaves_the_rest_for_another_connection() {
    let mut plan = plan(&["b@lab"]);
    plan.retry = Retry::After {
        pause: Duration::ZERO,
        times: 1,
    };
    plan.count = 3;
    let mut stage = Play::new(&plan);
    stage.connect(by_rules(&[("MAIL", "250 ok"), ("MAIL", "421 later!")]));
    assert!(stage.client.again().is_some());
    stage.connect(by_rules(&[]));
    assert_eq!(stage.client.again(), None);
    let summary = stage.client.summary();
    assert_eq!((summary.outcome, summary.sent), (Outcome::Sent, 3));
}

/// Lets the client go until this command is about to go out.
fn until(client: &mut Client, wanted: Stage) {
    for _ in 0..100 {
        match client.step() {
            Step::Send { stage, .. } if stage == wanted => return,
            Step::Content if wanted == Stage::Dot => return,
            Step::Compose { .. } => client.composed(Measure {
                bytes: 1,
                eight_bit: false,
            }),
            Step::Await(stage) => {
                let text = match stage {
                    Stage::Banner => "220 lab",
                    Stage::Ehlo => "250-lab\n250 AUTH PLAIN LOGIN",
                    Stage::Data => "354 go",
                    Stage::Auth => "535 wrong",
                    _ => "250 ok",
                };
                client.reply(&mut reply(text));
            }
            Step::Close => break,
            Step::Decided { .. } => {}
            _ => {
                client.go();
                client.content_sent();
            }
        }
    }
    panic!("it never came to {wanted:?}");
}

fn begun(plan: &Plan) -> Client {
    let mut client = client(plan);
    client.begin(Ipv4Addr::LOCALHOST.into());
    client
}

#[test]
fn an_edited_line_stands_for_the_one_it_replaces() {
    let mut client = begun(&plan(&["b@lab", "c@lab"]));
    until(&mut client, Stage::Rcpt);
    let (stage, line) = client.go_with(b"rcpt to:<x@y>").unwrap();
    assert_eq!((stage, line.bytes()), (Stage::Rcpt, &b"rcpt to:<x@y>"[..]));
    client.reply(&mut reply("550 no"));
    let Step::Send { line, .. } = client.step() else {
        panic!("the next recipient comes next");
    };
    assert_eq!(line.bytes(), b"RCPT TO:<c@lab>");
    until(&mut client, Stage::Quit);
    assert_eq!(
        fates(&client.summary()),
        [RecipientFate::Refused, RecipientFate::Accepted]
    );
}

#[test]
fn a_line_besides_changes_the_facts_and_not_the_plan() {
    let mut client = begun(&plan(&["b@lab"]));
    until(&mut client, Stage::Mail);
    for (line, stage, answer) in [
        ("NOOP", Stage::Noop, "250 ok"),
        ("XYZZY", Stage::Other, "500 what"),
        ("RCPT TO:<x@y>", Stage::Rcpt, "503 no"),
        ("RSET", Stage::Rset, "250 ok"),
    ] {
        assert_eq!(client.raw(line.as_bytes()).unwrap().0, stage);
        assert_eq!(client.step(), Step::Await(stage));
        assert_eq!(client.reply(&mut reply(answer)).stage, stage);
        until(&mut client, Stage::Mail);
    }
    client.raw(b"MAIL FROM:<z@lab>").unwrap();
    client.reply(&mut reply("250 ok"));
    until(&mut client, Stage::Rcpt);
    client.raw(b"RSET").unwrap();
    client.reply(&mut reply("250 ok"));
    until(&mut client, Stage::Mail);
    until(&mut client, Stage::Dot);
    // Text before the message, by hand; its end by hand, too.
    assert_eq!(client.go_with(b"NOOP").unwrap().0, Stage::Dot);
    assert_eq!(client.step(), Step::Content);
    client.raw(b".").unwrap();
    assert_eq!(client.step(), Step::Await(Stage::Dot));
    client.reply(&mut reply("250 ok"));
    until(&mut client, Stage::Quit);
    assert_eq!(client.summary().outcome, Outcome::Sent);
}

#[test]
fn a_person_may_log_in_after_all() {
    let mut plan = plan(&["b@lab"]);
    plan.login = login(Mechanism::Plain);
    let mut client = begun(&plan);
    until(&mut client, Stage::Quit);
    assert_eq!(client.summary().outcome, Outcome::LoginRefused);
    client.raw(b"AUTH LOGIN").unwrap();
    client.reply(&mut reply("334 VXNlcm5hbWU6"));
    let Step::Send { stage, line } = client.step() else {
        panic!("the challenge is answered");
    };
    assert_eq!((stage, line.bytes()), (Stage::Auth, &b"dGlt"[..]));
    client.go();
    client.reply(&mut reply("334 UGFzc3dvcmQ6"));
    let (_, line) = client.raw(b"c2VjcmV0").unwrap();
    assert_eq!(&*line.shown, MASK.as_bytes(), "an answer is never shown");
    client.reply(&mut reply("235 ok"));
    until(&mut client, Stage::Quit);
    assert_eq!(client.summary().outcome, Outcome::Sent);
}

#[test]
fn a_person_ends_it_politely() {
    let mut client = begun(&plan(&["b@lab"]));
    client.quit();
    assert_eq!(client.step(), Step::Close, "nobody has greeted yet");
    let mut client = begun(&plan(&["b@lab"]));
    until(&mut client, Stage::Data);
    client.quit();
    until(&mut client, Stage::Quit);
    assert_eq!(client.summary().outcome, Outcome::Stopped);
    let mut client = at_content(&plan(&["b@lab"]));
    client.quit();
    assert_eq!(client.step(), Step::Close, "QUIT would be text");
    let mut client = begun(&plan(&["b@lab"]));
    until(&mut client, Stage::Mail);
    client.raw(b"quit").unwrap();
    client.reply(&mut reply("221 bye"));
    assert_eq!(client.step(), Step::Close);
    assert_eq!(client.summary().outcome, Outcome::Stopped);
}

#[test]
fn a_line_that_is_none_is_not_sent() {
    let mut client = begun(&plan(&["b@lab"]));
    until(&mut client, Stage::Mail);
    for line in [&b"NOOP\r\nQUIT"[..], b"a\nb", b"a\0"] {
        assert_eq!(client.raw(line), None);
        assert_eq!(client.go_with(line), None);
    }
    assert!(matches!(
        client.step(),
        Step::Send {
            stage: Stage::Mail,
            ..
        }
    ));
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let code = prop_oneof![
        4 => proptest::sample::select(vec![220u16, 235, 250, 334, 354, 221]),
        1 => proptest::sample::select(vec![421u16, 450, 452, 502, 535, 550, 554]),
        1 => 200u16..600,
    ];
    let rest = proptest::sample::select(vec![
        "",
        " ok",
        " 4.5.3 many",
        "-x\n{c} AUTH PLAIN LOGIN",
        "-x\n{c}-PIPELINING\n{c} CHUNKING",
        "-x\n{c}-STARTTLS\n{c} SMTPUTF8",
        " \u{7}\u{1b}[2J",
    ]);
    (code, rest).prop_map(|(code, rest)| {
        reply(&format!("{code}{}", rest.replace("{c}", &code.to_string())))
    })
}

proptest! {
    /// Whatever a server says: the session ends, every line is one line, and everybody's fate is told.
    #[test]
    fn any_server_is_survived(
        replies in proptest::collection::vec(any_reply(), 1..60),
        (chunking, pipelining, secure, with_login) in any::<(bool, bool, bool, bool)>(),
        count in 1u32..4,
        raw in proptest::collection::vec((0usize..60, ".{0,20}"), 0..3),
    ) {
        let plan = Plan {
            chunking, pipelining, count,
            security: if secure { Security::StartTls } else { Security::None },
            login: login(Mechanism::Login).filter(|_| with_login),
            ..plan(&["b@lab", "c@lab", "d@lab"])
        };
        let mut client = begun(&plan);
        let mut replies = replies.into_iter();
        for turn in 0..2000 {
            for (at, line) in &raw {
                if *at == turn && let Some((_, line)) = client.raw(line.as_bytes()) {
                    prop_assert!(!line.bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
                }
            }
            match client.step() {
                Step::Await(_) => match replies.next() {
                    Some(mut reply) => {
                        client.reply(&mut reply);
                    }
                    None => client.fail(Failure::Lost(String::new())),
                },
                Step::Send { line, .. } | Step::Chunk { line, .. } => {
                    prop_assert!(!line.bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
                    client.go();
                    client.content_sent();
                }
                Step::Content => {
                    client.go();
                    client.content_sent();
                }
                Step::Handshake => client.secured(),
                Step::Compose { .. } => client.composed(Measure { bytes: 2 * CHUNK, eight_bit: true }),
                Step::Decided { recipients, .. } => prop_assert!(!recipients.is_empty()),
                Step::Close => {
                    let summary = client.summary();
                    prop_assert_eq!(summary.recipients.len(), 3);
                    if summary.outcome == Outcome::Sent {
                        prop_assert_eq!(summary.sent, count);
                        prop_assert!(fates(&summary).iter().all(|fate| *fate == RecipientFate::Accepted));
                    }
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "the session does not end");
    }
}
