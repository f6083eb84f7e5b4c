use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn fault(spec: &str) -> Fault {
    Fault::parse(spec).unwrap()
}

fn reply(code: u16, enhanced: Option<(u8, u16, u16)>, text: &str) -> Action {
    Action::Reply {
        code: Code(code),
        enhanced: enhanced.map(|(class, subject, detail)| Enhanced {
            class,
            subject,
            detail,
        }),
        text: text.to_owned(),
    }
}

#[test]
fn every_form_is_read() {
    let secs = Duration::from_secs;
    let cases = [
        ("rcpt=550", reply(550, None, "")),
        (
            "rcpt=550 5.1.1 No such user here",
            reply(550, Some((5, 1, 1)), "No such user here"),
        ),
        ("mail=451 4.3.0", reply(451, Some((4, 3, 0)), "")),
        ("mail=421 later = never", reply(421, None, "later = never")),
        (
            "vrfy=250 1.2.3.4 is no code",
            reply(250, None, "1.2.3.4 is no code"),
        ),
        ("mail=delay:2s", Action::Delay(secs(2))),
        (
            "ehlo=bytes:20ms",
            Action::ByteByByte(Duration::from_millis(20)),
        ),
        ("any=bare-lf", Action::BareLf),
        ("mail=shutdown", Action::Shutdown),
        ("quit=drop", Action::Drop),
        ("rcpt=greylist:30s", Action::Greylist(secs(30))),
        ("rcpt=full", Action::MailboxFull),
        ("dot=too-big", Action::TooBig),
        (
            "starttls=inject:250 hello",
            Action::Inject("250 hello".to_owned()),
        ),
    ];
    for (spec, action) in cases {
        assert_eq!(fault(spec).action, action, "{spec}");
        assert_eq!(fault(spec).to_string(), spec);
    }
}

#[test]
fn places_are_read() {
    let cases = [
        ("rcpt=full", Some(Stage::Rcpt), Which::Every, None),
        ("RCPT = FULL", Some(Stage::Rcpt), Which::Every, None),
        ("any=full", None, Which::Every, None),
        ("*=full", None, Which::Every, None),
        ("banner#1=554", Some(Stage::Banner), Which::Only(1), None),
        ("mail#1-3=451", Some(Stage::Mail), Which::First(3), None),
        ("data#%4=452", Some(Stage::Data), Which::EveryNth(4), None),
        ("rcpt@bob=550", Some(Stage::Rcpt), Which::Every, Some("bob")),
        (
            "rcpt#2@bob#1=550",
            Some(Stage::Rcpt),
            Which::Only(2),
            Some("bob#1"),
        ),
    ];
    for (spec, stage, which, holding) in cases {
        let fault = fault(spec);
        assert_eq!(fault.stage, stage, "{spec}");
        assert_eq!(fault.which, which, "{spec}");
        assert_eq!(fault.holding.as_deref(), holding, "{spec}");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_would_be_right() {
    let cases = [
        (
            "",
            "\"\" is not a fault: write STAGE=ACTION, such as rcpt=550 or dot=drop",
        ),
        ("rcpt", "\"rcpt\" is not a fault"),
        (
            "rctp=550",
            "\"rctp\" has no reply that could be spoilt: write any, banner,",
        ),
        ("connect=drop", "\"connect\" has no reply"),
        ("tls=drop", "\"tls\" has no reply"),
        ("rcpt#0=550", "\"0\" does not tell at which"),
        ("rcpt#2-4=550", "\"2-4\" does not tell at which"),
        ("rcpt#%0=550", "\"%0\" does not tell at which"),
        ("rcpt#+1=550", "\"+1\" does not tell at which"),
        ("rcpt#4294967296=550", "\"4294967296\" does not tell"),
        ("rcpt@=550", "\"rcpt@\" ends where a text is to follow"),
        ("rcpt=", "\"\" is not what a server can do"),
        (
            "rcpt=explode",
            "\"explode\" is not what a server can do: write a code such as 550",
        ),
        ("rcpt=drop:1s", "\"drop:1s\" is not what a server can do"),
        ("rcpt=delay", "\"delay\" is not what a server can do"),
        (
            "rcpt=199",
            "\"199\" is not a reply code: write one from 200 to 599",
        ),
        ("rcpt=600", "\"600\" is not a reply code"),
        ("rcpt=55", "\"55\" is not a reply code"),
        ("rcpt=5500", "\"5500\" is not a reply code"),
        ("rcpt=550 a\rb", "\"a\\rb\" can't be the text of a reply"),
        (
            "rcpt=inject:hello",
            "\"hello\" is not a reply to inject: write a code and a text",
        ),
        (
            "rcpt=inject:250 a\nb",
            "\"250 a\\nb\" is not a reply to inject",
        ),
        ("rcpt=delay:2", "2 has no unit: write 2ms or 2s"),
        ("rcpt=delay:2h", "\"2h\" is not a duration"),
        ("rcpt=delay:61m", "61m is outside 0 to 1 hour"),
    ];
    for (spec, sentence) in cases {
        let error = Fault::parse(spec).unwrap_err().to_string();
        assert!(error.starts_with(sentence), "{spec:?}: {error}");
    }
    let long = format!("rcpt=550 {}", "x".repeat(481));
    assert!(matches!(Fault::parse(&long), Err(FaultError::Text(_))));
}

#[test]
fn the_error_about_scenarios_names_them_all() {
    let error = Scenario::from_name("storm").unwrap_err().to_string();
    for scenario in scenarios() {
        assert!(error.contains(scenario.name), "{}", scenario.name);
        assert_eq!(Scenario::from_name(scenario.name), Ok(*scenario));
        assert!(!scenario.parsed().is_empty());
    }
    let names: BTreeSet<_> = scenarios().iter().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), scenarios().len());
    let error = Fault::parse("x=550").unwrap_err().to_string();
    for stage in Fault::STAGES {
        assert!(error.contains(stage.name()), "{}", stage.name());
    }
}

/// The codes of what takes the place of replies to so many commands with this argument; 0 for a dropped connection, 1 for the right reply.
fn verdicts(faults: &mut Faults, stage: Stage, arguments: &[&str]) -> Vec<u16> {
    let decide = |argument: &&str| faults.decide(stage, argument.as_bytes(), None, Duration::ZERO);
    arguments
        .iter()
        .map(decide)
        .map(|decision| match decision.verdict {
            Some(Verdict::Reply { code, .. }) => code.0,
            Some(Verdict::Drop) => 0,
            None => 1,
        })
        .collect()
}

#[test]
fn which_of_the_commands_is_counted_over_all_of_them() {
    let cases: [(&str, [u16; 6]); 6] = [
        ("rcpt=550", [550; 6]),
        ("rcpt#2=550", [1, 550, 1, 1, 1, 1]),
        ("rcpt#1-3=550", [550, 550, 550, 1, 1, 1]),
        ("rcpt#%2=550", [1, 550, 1, 550, 1, 550]),
        ("rcpt=drop", [0; 6]),
        ("rcpt=delay:1s", [1; 6]),
    ];
    for (spec, expected) in cases {
        let mut faults = Faults::new(vec![fault(spec)]);
        assert_eq!(verdicts(&mut faults, Stage::Mail, &["a"; 3]), [1; 3]);
        assert_eq!(
            verdicts(&mut faults, Stage::Rcpt, &["a"; 6]),
            expected,
            "{spec}"
        );
    }
    // Only those that hold the text are counted, in any case.
    let mut faults = Faults::new(vec![fault("rcpt#2@bob=550"), fault("any#1=451")]);
    let said = verdicts(
        &mut faults,
        Stage::Rcpt,
        &["TO:<al@x>", "TO:<BOB@x>", "to:<bob@x>", "bob"],
    );
    assert_eq!(said, [451, 1, 550, 1]);
}

#[test]
fn the_first_verdict_holds_and_manners_add_up() {
    let specs = [
        "rcpt=delay:1s",
        "any=delay:2s",
        "rcpt=452",
        "rcpt=550",
        "any=bytes:5ms",
        "any=bare-lf",
    ];
    let mut faults = Faults::new(specs.map(fault).into());
    let decision = faults.decide(Stage::Rcpt, b"", None, Duration::ZERO);
    assert_eq!(decision.before, Duration::from_secs(3));
    assert_eq!(decision.between, Some(Duration::from_millis(5)));
    assert!(decision.bare_lf && !decision.is_clean());
    assert!(matches!(
        decision.verdict,
        Some(Verdict::Reply {
            code: Code(452),
            ..
        })
    ));
    assert!(
        Faults::default()
            .decide(Stage::Rcpt, b"", None, Duration::ZERO)
            .is_clean()
    );
}

#[test]
fn greylisting_goes_by_sender_and_recipient() {
    let mut faults = Faults::new(vec![fault("rcpt=greylist:30s")]);
    let mut passes = |sender, recipient: &str, at| {
        let now = Duration::from_secs(at);
        let decision = faults.decide(Stage::Rcpt, recipient.as_bytes(), Some(sender), now);
        if let Some(Verdict::Reply { code, enhanced, .. }) = &decision.verdict {
            assert_eq!(code.0, 451);
            assert_eq!(enhanced.unwrap().to_string(), "4.7.1");
        }
        decision.is_clean()
    };
    assert!(!passes("a@x", "TO:<b@y>", 0));
    assert!(!passes("a@x", "TO:<b@y>", 29));
    assert!(!passes("a@x", "TO:<c@y>", 29), "another recipient");
    assert!(!passes("d@x", "TO:<b@y>", 29), "another sender");
    assert!(passes("a@x", "TO:<b@y>", 30));
    assert!(
        passes("A@X", "to:<B@Y> NOTIFY=NEVER", 31),
        "the same pair, written otherwise"
    );
    assert!(!passes("a@x", "TO:<c@y>", 58));
    assert!(passes("a@x", "TO:<c@y>", 59));
}

#[test]
fn greylisting_forgets_the_oldest() {
    let mut faults = Faults::new(vec![fault("rcpt=greylist:1s")]);
    let mut passes = |number: u32, at| {
        let recipient = format!("TO:<{number}@y>");
        faults
            .decide(
                Stage::Rcpt,
                recipient.as_bytes(),
                None,
                Duration::from_secs(at),
            )
            .is_clean()
    };
    for number in 0..=10_000 {
        assert!(!passes(number, 0));
    }
    assert!(passes(1, 1));
    assert!(!passes(0, 1), "it was forgotten");
}

#[test]
fn a_code_without_a_text_gets_one() {
    for code in [250, 354, 451, 550] {
        let mut faults = Faults::new(vec![fault(&format!("noop={code}"))]);
        let decision = faults.decide(Stage::Noop, b"", None, Duration::ZERO);
        let Some(Verdict::Reply { text, .. }) = decision.verdict else {
            panic!("a reply was asked for");
        };
        assert!(!text.is_empty());
    }
}

fn any_fault() -> impl Strategy<Value = String> {
    let stage = "(any|\\*|banner|rcpt|dot|mail|auth|RCPT)";
    let which = "(|#[0-9]{1,3}|#1-[0-9]|#%[0-9])";
    let text = "(|@[a-z@#]{0,4})";
    let action = "([0-9]{3}( [245]\\.[0-9]{1,3}\\.[0-9]{1,3})?( [a-z= ]{0,8})?|(delay|bytes|greylist):[0-9]{1,4}(\\.5)?(us|ms|s)|bare-lf|drop|full|inject:250[a-z -]{0,5})";
    (stage, which, text, action)
        .prop_map(|(stage, which, text, action)| format!("{stage}{which}{text}={action}"))
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(spec in any_fault()) {
        if let Ok(fault) = Fault::parse(&spec) {
            prop_assert_eq!(Fault::parse(&fault.to_string()), Ok(fault));
        }
    }

    #[test]
    fn any_text_is_a_fault_or_an_error(spec in "\\PC{0,40}|.{0,40}") {
        if let Err(error) = Fault::parse(&spec) {
            prop_assert!(!error.to_string().contains(char::is_control));
        }
    }
}
