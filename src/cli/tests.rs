use std::io;

use super::flags::{ECHO, MAIL, MAILBOX, PING, SERVE};
use super::*;
use crate::headless::mail::Body;
use crate::proto::http::service::Mode;
use crate::proto::smtp::fault::Fault;
use crate::proto::smtp::plan::Retry;
use crate::proto::smtp::sasl::Mechanism;
use crate::proto::smtp::server::EndOfData;
use crate::proto::smtp::stage::Stage;
use crate::settings::replay::{From, Speed};
use crate::settings::{MailStore, Place, Target};

fn environment(variables: &[(&str, &str)]) -> Environment {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Environment {
        variables: variables.iter().map(owned).collect(),
        config_dir: None,
        state_dir: Some(PathBuf::from("/state")),
        read: |path| match path.to_str() {
            Some("zh.toml") => Ok("lang = 'zh-CN'\nping.size = 64".to_owned()),
            Some("bad.toml") => Ok("lang = 'zh-CN'\ntheme = 'blue'".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        },
    }
}

fn with(line: &str, variables: &[(&str, &str)]) -> Result<Invocation, Exit> {
    let arguments = std::iter::once(PROGRAM).chain(line.split_whitespace());
    parse(arguments.map(OsString::from), &environment(variables))
}

fn run(line: &str) -> Result<Invocation, Exit> {
    with(line, &[])
}

fn refused(line: &str, variables: &[(&str, &str)]) -> String {
    let exit = with(line, variables).expect_err(line);
    assert_eq!((exit.code, exit.to), (2, Stream::Stderr), "{line}");
    assert!(exit.text.ends_with('\n'), "{line}");
    exit.text
}

#[test]
fn clap_finds_no_fault_with_the_commands() {
    for lang in Lang::ALL {
        commands(Words(lang)).debug_assert();
    }
}

#[test]
fn every_flag_stands_for_a_setting() {
    let defaults = run("").unwrap().resolved;
    for flag in DASHBOARD
        .iter()
        .chain(&ECHO)
        .chain(&PING)
        .chain(&SERVE)
        .chain(&MAIL)
        .chain(&MAILBOX)
        .chain(&EVERYWHERE)
    {
        assert!(defaults.get(flag.key).is_some(), "{}", flag.key);
    }
}

#[test]
fn commands_come_with_what_their_flags_say() {
    let echo = |format, quiet, count| Command::Echo {
        format,
        quiet,
        count,
    };
    let ping = |format, csv: Option<&str>, family| Command::Ping {
        format,
        csv: csv.map(PathBuf::from),
        family,
    };
    let serve = |format, log, log_file: Option<&str>| Command::Serve {
        format,
        log,
        log_file: log_file.map(PathBuf::from),
    };
    use Format::{Json, Text};
    let mail = |change: fn(&mut MailOptions)| {
        let mut options = MailOptions {
            format: Text,
            password: None,
            to: vec!["a@b".to_owned()],
            cc: Vec::new(),
            bcc: Vec::new(),
            subject: None,
            body: None,
            attachments: Vec::new(),
            count: 1,
            quit_after: None,
            insecure: false,
        };
        change(&mut options);
        Command::Mail(Box::new(options))
    };
    for (line, want) in [
        ("", Command::Dashboard),
        ("--loss 10% --target a", Command::Dashboard),
        ("echo", echo(Text, false, None)),
        ("echo --quiet --json --count 5", echo(Json, true, Some(5))),
        ("echo --list-presets", Command::ListPresets { format: Text }),
        (
            "echo --list-presets --json",
            Command::ListPresets { format: Json },
        ),
        ("ping", ping(Text, None, Family::Any)),
        (
            "ping --json --csv a.csv -4",
            ping(Json, Some("a.csv"), Family::V4),
        ),
        ("ping -6 host", ping(Text, None, Family::V6)),
        ("serve", serve(Text, Some(LogFormat::Combined), None)),
        ("serve dir --log none", serve(Text, None, None)),
        ("serve --json", serve(Json, Some(LogFormat::Json), None)),
        ("serve --json --log none", serve(Json, None, None)),
        ("serve --log json", serve(Json, Some(LogFormat::Json), None)),
        (
            "serve --log json --log-file a",
            serve(Text, Some(LogFormat::Json), Some("a")),
        ),
        (
            "serve --json --log common --log-file a",
            serve(Json, Some(LogFormat::Common), Some("a")),
        ),
        (
            "get http://[::1]:6789/x -X POST -H A:b -H c: --body d --raw -6 -W 1.5s",
            Command::Get {
                url: "http://[::1]:6789/x".to_owned(),
                method: Some("POST".to_owned()),
                headers: vec!["A:b".to_owned(), "c:".to_owned()],
                body: Some("d".to_owned()),
                head: false,
                raw: true,
                family: Family::V6,
                timeout: Duration::from_millis(1500),
            },
        ),
        (
            "get host --head",
            Command::Get {
                url: "host".to_owned(),
                method: None,
                headers: Vec::new(),
                body: None,
                head: true,
                raw: false,
                family: Family::Any,
                timeout: Duration::from_secs(30),
            },
        ),
        ("mail --to a@b", mail(|_| {})),
        (
            "mail --to a@b --to c@d,e@f --cc g@h --bcc i@j --subject S --body B --attach x --attach y \
             --count 7 --quit-after rcpt --insecure --json --password-env V",
            mail(|mail| {
                mail.to.push("c@d,e@f".to_owned());
                mail.cc.push("g@h".to_owned());
                mail.bcc.push("i@j".to_owned());
                mail.subject = Some("S".to_owned());
                mail.body = Some(Body::Text("B".to_owned()));
                mail.attachments = vec!["x".to_owned(), "y".to_owned()];
                mail.count = 7;
                mail.quit_after = Some(Stage::Rcpt);
                mail.insecure = true;
                mail.format = Json;
                mail.password = Some(Password::Variable("V".to_owned()));
            }),
        ),
        (
            "mail --to a@b --body-file -",
            mail(|mail| mail.body = Some(Body::StandardInput)),
        ),
        (
            "mail --to a@b --body-file ./-",
            mail(|mail| mail.body = Some(Body::File(PathBuf::from("./-")))),
        ),
        (
            "mailbox",
            Command::Mailbox {
                format: Text,
                password: None,
            },
        ),
        (
            "mailbox --json --user u --password-file f",
            Command::Mailbox {
                format: Json,
                password: Some(Password::File(PathBuf::from("f"))),
            },
        ),
        (
            "replay x.jsonl",
            Command::Replay(Replay {
                file: PathBuf::from("x.jsonl"),
                speed: Speed::Times(1.0),
                from: None,
            }),
        ),
        (
            "replay x.jsonl --speed max --from 1:30",
            Command::Replay(Replay {
                file: PathBuf::from("x.jsonl"),
                speed: Speed::Max,
                from: Some(From::Offset(Duration::from_secs(90))),
            }),
        ),
        ("config", Command::Config),
        ("completions zsh", Command::Completions(Shell::Zsh)),
    ] {
        assert_eq!(run(line).map(|got| got.command), Ok(want), "{line}");
    }
}

#[test]
fn flags_become_settings() {
    let line = "echo --listen [::1]:0 --loss 30% --reply-loss lab --delay 5ms --reply-delay 6ms \
                --duplicate 1% --reorder 2% --corrupt 3% --rate 64kbit --reply-duplicate 4% \
                --reply-reorder 5% --reply-corrupt 6% --reply-rate 1mbit --seed 7 \
                --allow-remote-duplicates";
    let echo = run(line).unwrap().settings.echo;
    assert_eq!(echo.listen, "[::1]:0".parse().unwrap());
    assert_eq!(echo.seed, Some(7));
    assert!(echo.allow_remote_duplicates);
    for (leg, want) in [
        (
            &echo.link.request,
            ["30%", "5ms", "1%", "2%", "3%", "64kbit"],
        ),
        (&echo.link.reply, ["lab", "6ms", "4%", "5%", "6%", "1mbit"]),
    ] {
        let have = [
            leg.loss.to_string(),
            leg.delay.to_string(),
            leg.duplicate.to_string(),
            leg.reorder.to_string(),
            leg.corrupt.to_string(),
            leg.rate.to_string(),
        ];
        assert_eq!(have, want);
    }

    let line = "ping a b:7 -c 3 -i 20ms -W 2s --mode steady --size 100 --plain";
    let plan = run(line).unwrap().settings.ping.plan(Place::Command);
    let targets: Vec<String> = plan.targets.iter().map(Target::to_string).collect();
    assert_eq!(targets, ["a:12000", "b:7"]);
    assert_eq!(plan.count, Some(3));
    assert_eq!(plan.interval.as_millis(), 20);
    assert_eq!(plan.timeout.as_millis(), 2000);
    assert_eq!(plan.mode, crate::settings::PingMode::Steady);
    assert_eq!(plan.size, Some(100));
    assert!(plan.plain);

    let line = "serve pages --listen [::]:80 --one-at-a-time --delay 1s --rate 1k --force /a=404 \
                --force /b=503 --allow-symlinks --hidden --no-listing --trace --header-timeout 1s \
                --idle-timeout 2s --stall-timeout 3s --min-rate 4 --max-requests 5 \
                --max-connections 6 --max-request-line 70 --max-head 80 --max-fields 9 --max-body 10";
    let web = run(line).unwrap().settings.web;
    assert_eq!(web.folder, Some(PathBuf::from("pages")));
    assert_eq!(web.listen, "[::]:80".parse().unwrap());
    let service = &web.service;
    assert_eq!(service.mode, Mode::OneAtATime);
    assert_eq!(service.delay.as_secs(), 1);
    assert_eq!(service.rate, Some(1024));
    let forced: Vec<_> = service
        .forced
        .iter()
        .map(|forced| (forced.path.as_str(), forced.status.code()))
        .collect();
    assert_eq!(forced, [("/a", 404), ("/b", 503)]);
    assert!(web.outside_links && web.hidden && web.trace && !web.listing);
    let limits = web.limits;
    let times = [limits.head_time, limits.idle_time, limits.stall_time];
    assert_eq!(times.map(|time| time.as_secs()), [1, 2, 3]);
    assert_eq!((limits.lowest_rate, limits.requests), (4, 5));
    assert_eq!((limits.connections, limits.request_line), (6, 70));
    assert_eq!((limits.head, limits.fields, limits.body), (80, 9, 10));
}

#[test]
fn flags_of_the_mail_lab_become_settings() {
    let line = "mail --to a@b --server smtp.example.org --security tls --auth cram-md5 --user u \
                --password-command pass --from s@example.org --helo me --pipeline --chunking \
                --timeout-scale 0.5 --ca-file ca.pem --retry 5s,2";
    let mail = run(line).unwrap().settings.mail;
    assert_eq!(mail.destination(), ("smtp.example.org".to_owned(), 465));
    let client = mail.client;
    assert_eq!(client.mechanism(), Some(Mechanism::CramMd5));
    assert_eq!(client.user.as_deref(), Some("u"));
    assert_eq!(client.password_command.as_deref(), Some("pass"));
    assert_eq!(client.from.as_deref(), Some("s@example.org"));
    assert_eq!(client.helo.as_deref(), Some("me"));
    assert!(client.pipelining && client.chunking);
    assert_eq!(client.time_scale.to_string(), "0.5");
    assert_eq!(client.ca_file, Some(PathBuf::from("ca.pem")));
    let pause = Duration::from_secs(5);
    assert_eq!(client.retry, Retry::After { pause, times: 2 });

    let line = "mailbox --listen :0 --tls-listen none --user u --password-command pass --dir mail \
                --lenient --max-size 1k --scenario greylist --fault rcpt=550 --fault mail=drop";
    let server = run(line).unwrap().settings.mail.server;
    assert_eq!(server.listen, "127.0.0.1:0".parse().unwrap());
    assert_eq!(server.tls_listen, None);
    assert_eq!(server.account.as_deref(), Some("u"));
    assert_eq!(server.account_password_command.as_deref(), Some("pass"));
    assert_eq!(server.store, MailStore::Folder(PathBuf::from("mail")));
    assert_eq!(server.end_of_data, EndOfData::Lenient);
    assert_eq!(server.limits.message, 1024);
    assert_eq!(
        server.scenario.map(|scenario| scenario.name),
        Some("greylist")
    );
    let faults: Vec<String> = server.faults.iter().map(Fault::to_string).collect();
    assert_eq!(faults, ["rcpt=550", "mail=drop"]);
}

#[test]
fn every_command_with_a_lab_can_keep_files() {
    let all = "--capture a.pcapng --record b.jsonl --overwrite --show-secrets";
    let files = Files {
        capture: Some(PathBuf::from("a.pcapng")),
        record: Some(PathBuf::from("b.jsonl")),
        overwrite: true,
        secrets: Secrets::Shown,
    };
    for line in [
        all.to_owned(),
        format!("echo {all}"),
        format!("ping {all}"),
        format!("serve {all}"),
        format!("get host {all}"),
        format!("mail --to a@b {all}"),
        format!("mailbox {all}"),
        format!("{all} echo"),
        "--capture x --overwrite echo --capture a.pcapng --record b.jsonl --show-secrets"
            .to_owned(),
    ] {
        assert_eq!(run(&line).map(|got| got.files), Ok(files.clone()), "{line}");
    }
    for line in ["", "echo", "config", "completions zsh"] {
        let files = run(line).unwrap().files;
        assert_eq!(files, Files::default(), "{line}");
        assert!(!files.is_any());
    }
    assert!(run("--record a").unwrap().files.is_any());
    refused("config --capture a", &[]);
}

#[test]
fn what_is_played_can_be_kept_again() {
    let files = Files {
        capture: Some(PathBuf::from("a.pcapng")),
        record: Some(PathBuf::from("b.jsonl")),
        overwrite: true,
        secrets: Secrets::Masked,
    };
    for line in [
        "replay r.jsonl --capture a.pcapng --record b.jsonl --overwrite",
        "--capture a.pcapng --record b.jsonl --overwrite replay r.jsonl",
        "--capture x --overwrite --record b.jsonl replay --capture a.pcapng r.jsonl",
    ] {
        assert_eq!(run(line).map(|got| got.files), Ok(files.clone()), "{line}");
    }
    refused("replay r.jsonl --record a --capture a", &[]);
}

#[test]
fn a_flag_for_files_is_not_passed_over() {
    for (line, flag) in [
        ("--show-secrets replay r.jsonl", "--show-secrets"),
        ("replay r.jsonl --show-secrets", "--show-secrets"),
        ("--record a config", "--record"),
        ("--capture a completions zsh", "--capture"),
        ("--overwrite config", "--overwrite"),
        ("--record a echo --list-presets", "--record"),
    ] {
        assert!(refused(line, &[]).contains(flag), "{line}");
    }
}

#[test]
fn the_folder_for_what_is_kept_comes_along() {
    let state = |variables: &[_]| with("mailbox", variables).unwrap().state_folder;
    assert_eq!(state(&[]), Some(PathBuf::from("/state")));
    let named = [("SOCKSCOPE_STATE", "kept")];
    assert_eq!(state(&named), Some(PathBuf::from("kept")));
}

#[test]
fn the_dashboard_starts_as_it_is_told() {
    let line = "--listen :0 --preset wifi --loss none --seed 1 --target a --target b:2 --ascii \
                --web-listen :80 --web-folder pages --one-at-a-time --wire-memory 2M";
    let Invocation { settings, .. } = run(line).unwrap();
    assert_eq!(settings.echo.preset, "wifi");
    assert!(settings.echo.link.request.loss.is_none());
    assert_eq!(settings.ping.targets.len(), 2);
    assert!(settings.ascii);
    assert_eq!(settings.web.listen, "127.0.0.1:80".parse().unwrap());
    assert_eq!(settings.web.folder, Some(PathBuf::from("pages")));
    assert_eq!(settings.web.service.mode, Mode::OneAtATime);
    assert_eq!(settings.wire.memory, 2 << 20);
}

#[test]
fn flags_of_the_command_hold_over_those_before_it() {
    let got = run("--loss 10% --seed 1 echo --loss 20%").unwrap();
    assert_eq!(got.resolved.get("echo.loss").unwrap().0, "20%");
    assert_eq!(got.settings.echo.seed, Some(1));
    for line in ["--theme light ping", "ping --theme light"] {
        let theme = run(line).unwrap().settings.theme;
        assert_eq!(theme, crate::settings::ThemeName::Light, "{line}");
    }
}

#[test]
fn a_switch_can_overrule_a_lower_layer() {
    let on = [("SOCKSCOPE_ASCII", "1")];
    assert!(with("", &on).unwrap().settings.ascii);
    assert!(!with("--ascii=false", &on).unwrap().settings.ascii);
    assert!(with("--ascii ping", &[]).unwrap().settings.ascii);

    let on = [
        ("SOCKSCOPE_WEB_MODE", "one-at-a-time"),
        ("SOCKSCOPE_WEB_LISTING", "off"),
    ];
    let web = |line| with(line, &on).unwrap().settings.web;
    assert_eq!(web("serve").service.mode, Mode::OneAtATime);
    assert!(!web("serve").listing);
    let web = web("serve --one-at-a-time=false --no-listing=false");
    assert_eq!(web.service.mode, Mode::Concurrent);
    assert!(web.listing);
}

#[test]
fn help_and_version_are_what_was_asked_for() {
    for (line, part) in [
        ("--help", "Examples:\n  sockscope "),
        ("-h", "Commands:\n"),
        ("echo --help", "--reply-loss <SPEC>"),
        ("ping -h", "Arguments:\n  [TARGET]..."),
        ("serve --help", "Arguments:\n  [DIR]"),
        ("get --help", "-H, --header <FIELD>"),
        ("--lang zh-CN --help", "用法: sockscope [选项] [命令]"),
        ("ping --help --lang=zh-CN", "选项:\n"),
        ("--config zh.toml --help", "示例:\n"),
        ("--version", env!("CARGO_PKG_VERSION")),
    ] {
        let exit = run(line).expect_err(line);
        assert_eq!((exit.code, exit.to), (0, Stream::Stdout), "{line}");
        assert!(exit.text.contains(part), "{line}: {}", exit.text);
        assert!(exit.text.ends_with('\n'), "{line}");
    }
}

#[test]
fn chinese_help_has_no_english_left_in_it() {
    for line in [
        "--help",
        "echo --help",
        "ping --help",
        "serve --help",
        "get --help",
        "mail --help",
        "mailbox --help",
        "config --help",
        "replay --help",
        "completions --help",
    ] {
        let exit = run(&format!("--lang zh-CN {line}")).expect_err(line);
        for word in [
            "Usage",
            "Options",
            "Commands",
            "Arguments",
            "Examples",
            "Print",
            "possible",
        ] {
            assert!(
                !exit.text.contains(word),
                "{line}: {word} in\n{}",
                exit.text
            );
        }
    }
}

#[test]
fn only_what_is_near_is_suggested() {
    for (line, suggested) in [
        ("help", Some("--help")),
        ("capture", Some("--capture")),
        ("record", Some("--record")),
        ("mailbxo", Some("mailbox")),
        ("ping --listen :1", None),
        ("serve --log commn", Some("common")),
        ("tcpdump", None),
    ] {
        let text = refused(line, &[]);
        let found = text.split_once("did you mean ").map(|(_, rest)| rest);
        let found = found.and_then(|rest| rest.split_once('?'));
        assert_eq!(found.map(|(name, _)| name), suggested, "{text}");
    }
}

#[test]
fn a_number_below_zero_is_a_value_that_is_refused() {
    for (line, flag) in [
        ("--seed -1", "--seed"),
        ("echo --count -1", "--count"),
        ("ping -c -1", "--count"),
        ("ping -i -5", "--interval"),
        ("serve --max-requests -2", "--max-requests"),
        ("get http://a/ -W -1", "--timeout"),
        ("mail --to a@b --count -1", "--count"),
        ("replay x --speed -2", "--speed"),
        ("replay x --from -2", "--from"),
    ] {
        let text = refused(line, &[]);
        assert!(text.starts_with(&format!("sockscope: {flag}: ")), "{text}");
        assert!(text.contains("write"), "{text}");
    }
}

#[test]
fn bad_use_is_explained_in_the_chosen_language() {
    for (line, english, chinese) in [
        (
            "--los 1",
            "sockscope: there is no flag or argument \"--los\" here\n  did you mean --loss?\n\nUsage: sockscope [OPTIONS] [COMMAND]\n",
            "sockscope: 这里没有选项或参数“--los”\n  是否想写 --loss？\n\n用法: sockscope [选项] [命令]\n",
        ),
        (
            "ecko",
            "sockscope: there is no command \"ecko\": write echo, ping, serve, get, mail, mailbox, replay, config or completions, or none for the dashboard\n  did you mean echo?\n",
            "sockscope: 没有命令“ecko”：请写 echo、ping、serve、get、mail、mailbox、replay、config 或 completions，不写则打开仪表盘\n  是否想写 echo？\n",
        ),
        (
            "ping --csv",
            "sockscope: --csv <FILE> needs a value\n",
            "sockscope: --csv <FILE> 需要一个值\n",
        ),
        (
            "ping --json=1",
            "sockscope: --json takes no value, and got \"1\"\n",
            "sockscope: --json 不带值，却给了“1”\n",
        ),
        (
            "completions",
            "sockscope: <SHELL> is missing\n\nUsage: sockscope completions [OPTIONS] <SHELL>\n",
            "sockscope: 缺少 <SHELL>\n\n用法: sockscope completions [选项] <SHELL>\n",
        ),
        (
            "replay",
            "sockscope: <FILE> is missing\n",
            "sockscope: 缺少 <FILE>\n",
        ),
        (
            "replay x --speed 0",
            "sockscope: --speed: speed = \"0\": write a factor from 0.1 to 1000, or max\n",
            "sockscope: --speed：speed = “0”：请写 0.1 到 1000 之间的倍数，或 max\n",
        ),
        (
            "replay x --from noon",
            "sockscope: --from: from = \"noon\": write seconds (90), minutes and seconds (1:30) or a time of day (20:15:03)\n",
            "sockscope: --from：from = “noon”：请写秒数（90）、分和秒（1:30）或一天中的时刻（20:15:03）\n",
        ),
        (
            "completions dos",
            "sockscope: <SHELL> cannot be \"dos\": write bash, elvish, fish, powershell or zsh\n",
            "sockscope: <SHELL> 不能是“dos”，可用的值：bash、elvish、fish、powershell 或 zsh\n",
        ),
        (
            "ping -4 -6",
            "sockscope: --ipv4 cannot go together with --ipv6\n",
            "sockscope: --ipv4 不能与 --ipv6 同时使用\n",
        ),
        (
            "ping -c 1 -c 2",
            "sockscope: --count <N> can be given only once\n",
            "sockscope: --count <N> 只能给出一次\n",
        ),
        (
            "echo --loss 10",
            "sockscope: --loss: echo.loss = \"10\": 10 may be a percentage or a pattern: write 10% or pattern:10\n",
            "sockscope: --loss：echo.loss = “10”：10 可能是百分比，也可能是丢包序列：请写 10% 或 pattern:10\n",
        ),
        (
            "serve --log apache",
            "sockscope: --log <FORMAT> cannot be \"apache\": write common, combined, json or none\n",
            "sockscope: --log <FORMAT> 不能是“apache”，可用的值：common、combined、json 或 none\n",
        ),
        (
            "serve --json --log common",
            "sockscope: --log: log = \"common\": what is printed with --json is JSON; write json or none, or name a --log-file\n",
            "sockscope: --log：log = “common”：使用 --json 时输出内容均为 JSON；请写 json 或 none，或用 --log-file 指定文件\n",
        ),
        (
            "serve --one-at-a-time=maybe",
            "sockscope: --one-at-a-time: web.mode = \"maybe\": write concurrent or one-at-a-time\n",
            "sockscope: --one-at-a-time：web.mode = “maybe”：请写 concurrent（并发）或 one-at-a-time（逐个服务）\n",
        ),
        (
            "serve a b",
            "sockscope: there is no flag or argument \"b\" here\n",
            "sockscope: 这里没有选项或参数“b”\n",
        ),
        (
            "get",
            "sockscope: <URL> is missing\n\nUsage: sockscope get [OPTIONS] <URL>\n",
            "sockscope: 缺少 <URL>\n\n用法: sockscope get [选项] <URL>\n",
        ),
        (
            "get host --timeout 5",
            "sockscope: --timeout: timeout = \"5\": 5 has no unit: write 5ms or 5s\n",
            "sockscope: --timeout：timeout = “5”：5 缺少单位：请写 5ms 或 5s\n",
        ),
        (
            "get host --head -X PUT",
            "sockscope: --head cannot go together with --request <METHOD>\n",
            "sockscope: --head 不能与 --request <METHOD> 同时使用\n",
        ),
        (
            "mail --to a@b --password-env V --password-file F",
            "sockscope: --password-env <VAR> cannot go together with --password-file <FILE>\n",
            "sockscope: --password-env <VAR> 不能与 --password-file <FILE> 同时使用\n",
        ),
        (
            "mail --to a@b --password-command C --password-file F",
            "sockscope: --password-command <COMMAND> cannot go together with --password-file <FILE>\n",
            "sockscope: --password-command <COMMAND> 不能与 --password-file <FILE> 同时使用\n",
        ),
        (
            "mail --to a@b --body x --body-file -",
            "sockscope: --body <TEXT> cannot go together with --body-file <FILE>\n",
            "sockscope: --body <TEXT> 不能与 --body-file <FILE> 同时使用\n",
        ),
        (
            "mail --to a@b --quit-after data",
            "sockscope: --quit-after <STAGE> cannot be \"data\": write banner, ehlo, starttls, auth, mail, rcpt or dot\n",
            "sockscope: --quit-after <STAGE> 不能是“data”，可用的值：banner、ehlo、starttls、auth、mail、rcpt 或 dot\n",
        ),
        (
            "mail --to a@b --count 4294967296",
            "sockscope: --count: count = \"4294967296\": write a number of messages from 1 to 4294967295\n",
            "sockscope: --count：count = “4294967296”：请写邮件数，1 到 4294967295\n",
        ),
        (
            "echo --capture a --record a",
            "sockscope: --record: record = \"a\": write another file than that of --capture\n",
            "sockscope: --record：record = “a”：请写与 --capture 不同的文件\n",
        ),
        (
            "echo --capture a --record ./a",
            "sockscope: --record: record = \"./a\": write another file than that of --capture\n",
            "sockscope: --record：record = “./a”：请写与 --capture 不同的文件\n",
        ),
        (
            "ping --record a --csv a",
            "sockscope: --csv: csv = \"a\": write another file than those of --capture and --record\n",
            "sockscope: --csv：csv = “a”：请写与 --capture 和 --record 不同的文件\n",
        ),
        (
            "--capture a serve --log-file ./a",
            "sockscope: --log-file: log-file = \"./a\": write another file than those of --capture and --record\n",
            "sockscope: --log-file：log-file = “./a”：请写与 --capture 和 --record 不同的文件\n",
        ),
        (
            "echo --list-presets --record a",
            "sockscope: --list-presets cannot go together with --record <FILE>\n",
            "sockscope: --list-presets 不能与 --record <FILE> 同时使用\n",
        ),
        (
            "--show-secrets replay a",
            "sockscope: --show-secrets cannot go together with replay\n",
            "sockscope: --show-secrets 不能与 replay 同时使用\n",
        ),
        (
            "--wire-memory 1",
            "sockscope: --wire-memory: wire.memory = \"1\": write a number of bytes from 1M to 4G, such as 64M (M is 1048576)\n",
            "sockscope: --wire-memory：wire.memory = “1”：请写字节数，1M 到 4G，例如 64M（M 表示 1048576）\n",
        ),
        (
            "echo --count 0",
            "sockscope: --count: count = \"0\": write a whole number from 1 up\n",
            "sockscope: --count：count = “0”：请写不小于 1 的整数\n",
        ),
    ] {
        let text = refused(line, &[]);
        assert!(text.starts_with(english), "{line}: {text}");
        assert!(text.contains("--help"), "{line}: {text}");
        let text = refused(line, &[("SOCKSCOPE_LANG", "zh-CN")]);
        assert!(text.starts_with(chinese), "{line}: {text}");
        assert!(text.contains("--help"), "{line}: {text}");
    }
}

#[test]
fn hostile_arguments_are_shown_as_escapes() {
    for argument in ["--\u{1b}[2J", "\u{1b}[2J", "--theme=\u{1b}[2J\u{202e}"] {
        let text = refused(argument, &[]);
        assert!(text.contains(r"\u{1b}[2J"), "{text:?}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn the_language_is_found_in_order() {
    let chinese = [("LANG", "zh_CN.UTF-8")];
    let variable = [("LANG", "en_US.UTF-8"), ("SOCKSCOPE_LANG", "zh-CN")];
    for (line, variables, want) in [
        ("", &[][..], Lang::En),
        ("", &chinese, Lang::ZhCn),
        ("--lang en", &chinese, Lang::En),
        ("--lang auto", &chinese, Lang::ZhCn),
        ("ping --lang=zh-CN", &[], Lang::ZhCn),
        ("", &variable, Lang::ZhCn),
        ("--lang en", &variable, Lang::En),
        ("--config zh.toml", &[], Lang::ZhCn),
        ("--config=zh.toml --lang en", &[], Lang::En),
        ("ping -- --lang zh-CN", &chinese, Lang::ZhCn),
    ] {
        match with(line, variables) {
            Ok(got) => assert_eq!(got.lang, want, "{line}"),
            // The last line names targets that are none; its complaint has the language of the locale.
            Err(exit) => assert!(exit.text.contains('：'), "{line}: {}", exit.text),
        }
    }
}

#[test]
fn a_file_is_read_and_its_faults_are_bad_use() {
    let got = run("--config zh.toml ping").unwrap();
    assert_eq!(got.settings.ping.size, Some(64));
    let text = refused("--config bad.toml", &[]);
    assert!(
        text.starts_with("sockscope: bad.toml 第 2 行：theme"),
        "{text}"
    );
    let text = refused("--config none.toml", &[]);
    assert!(text.contains("none.toml"), "{text}");
    let text = refused("", &[("SOCKSCOPE_CONFIG", "none.toml")]);
    assert!(text.contains("none.toml"), "{text}");
    assert!(run("--config none.toml --help").is_err_and(|exit| exit.code == 0));
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_text_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let odd = || OsString::from_vec(vec![b'a', 0xff]);
    for arguments in [
        vec!["sockscope".into(), "ping".into(), odd()],
        vec!["sockscope".into(), "--config".into(), odd()],
    ] {
        let exit = parse(arguments, &environment(&[])).unwrap_err();
        assert_eq!(exit.code, 2);
        assert!(exit.text.contains("UTF-8"), "{}", exit.text);
    }
    // A path may be anything.
    let csv = vec!["sockscope".into(), "ping".into(), "--csv".into(), odd()];
    assert!(parse(csv, &environment(&[])).is_ok());
}

#[test]
fn completions_know_every_command() {
    for shell in [
        Shell::Bash,
        Shell::Elvish,
        Shell::Fish,
        Shell::PowerShell,
        Shell::Zsh,
    ] {
        for lang in Lang::ALL {
            let script = String::from_utf8(completions(shell, Words(lang))).unwrap();
            for word in [
                "echo",
                "ping",
                "serve",
                "get",
                "mail",
                "mailbox",
                "config",
                "completions",
                "reply-loss",
                "quit-after",
                "tls-listen",
                "no-listing",
            ] {
                assert!(script.contains(word), "{shell} lacks {word}");
            }
        }
    }
}
