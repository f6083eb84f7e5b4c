//! The compose form: what it begins with, what it says of what is typed, and the providers it knows.

use super::*;

#[test]
fn it_begins_with_a_sample_that_can_be_sent() {
    let mut bench = Bench::new(Lang::En).listening();
    for words in [
        "student@example.com",
        "teacher@example.com",
        "Hello from the socket lab",
        "ready to send",
        "F5 sends the sample mail to the lab server: no account needed.",
        "no faults",
    ] {
        bench.shows(&[words]);
    }
    for size in SIZES {
        let screen = bench.screen(size);
        assert!(screen.contains("F5 ^S send"), "{screen}");
    }
    let plan = bench.send();
    assert_eq!((plan.host.as_str(), plan.port), ("127.0.0.1", 2525));
    assert_eq!(plan.login, None);
}

#[test]
fn in_chinese_the_sample_is_chinese() {
    let mut bench = Bench::new(Lang::ZhCn).listening();
    bench.shows(&["来自套接字实验室的问候", "收件人", "主题"]);
    let plan = bench.send();
    assert_eq!(plan.message.subject, "来自套接字实验室的问候");
}

#[test]
fn chinese_is_written_and_stays_in_its_columns() {
    let mut bench = Bench::new(Lang::En).listening();
    let subject = "实验报告：套接字编程作业第三次提交，请老师批阅，谢谢您";
    bench.write("Subject", subject);
    // The end of a subject that is longer than its field.
    bench.shows(&["谢谢您"]);
    bench.press(KeyCode::Tab);
    bench.press(KeyCode::Tab);
    bench.keys("老师好！");
    for size in SIZES {
        bench.screen(size);
    }
    bench.shows(&["老师好！"]);
    let plan = bench.send();
    assert_eq!(plan.message.subject, subject);
    assert!(plan.message.body.contains("老师好！"));
}

#[test]
fn errors_are_said_as_they_are_typed() {
    for (field, text, said) in [
        ("To", "bob", "@ is missing"),
        ("Port", "70000", "from 1 to 65535"),
        ("Server", "a b", "no host name"),
        ("Cc", "x@", ""),
        ("From", "", "write the address"),
    ] {
        let mut bench = Bench::new(Lang::En).listening();
        bench.write(field, text);
        let screen = bench.screen(LARGE);
        assert!(
            screen.contains(said) && screen.contains("to put right"),
            "{field}\n{screen}"
        );
        let effects = bench.press(KeyCode::F(5));
        let sends = |effect: &Effect| matches!(effect, Effect::StartSending { .. });
        assert!(!effects.iter().any(sends), "{field}");
        assert!(bench.screen(MIDDLE).contains('▲'), "{field}");
    }
    let mut bench = Bench::new(Lang::ZhCn).listening();
    bench.key('e');
    bench.screen(SMALL);
}

#[test]
fn each_provider_says_what_it_demands() {
    let mut bench = Bench::new(Lang::En).listening();
    for (name, host, hint) in [
        ("163", "smtp.163.com", "授权码"),
        ("QQ", "smtp.qq.com", "授权码"),
        ("Gmail", "smtp.gmail.com", "app password"),
        (
            "Outlook",
            "smtp-mail.outlook.com",
            "OAuth 2 only since 2024",
        ),
        ("iCloud", "smtp.mail.me.com", "app-specific"),
        ("Yahoo", "smtp.mail.yahoo.com", "app password"),
    ] {
        bench.key('p');
        bench.shows(&[name, host]);
        bench.go_to("Preset");
        bench.key('z');
        bench.press(KeyCode::Esc);
        bench.key('e');
        bench.go_to("Preset");
        let screen = bench.screen(LARGE);
        let form: String = screen
            .lines()
            .filter_map(|row| row.split(['│', '┃']).nth(1))
            .map(|part| format!("{} ", part.trim()))
            .collect();
        assert!(form.contains(hint), "{hint} in\n{screen}");
        bench.press(KeyCode::Esc);
    }
}

#[test]
fn a_password_is_bullets() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.go_to("Login");
    bench.press(KeyCode::Right);
    bench.write("User", "student");
    bench.write("Password", "hunter2");
    bench.shows(&["•••••••"]);
    bench.hides(&["hunter2"]);
}
