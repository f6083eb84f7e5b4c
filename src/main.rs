//! The `sockscope` command: reads the command line, hands over to a printer or to the dashboard, and answers with an exit code.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use sockscope::cli::{self, Command, Exit, Invocation, Stream};
use sockscope::dashboard::app::Setup;
use sockscope::dashboard::effects::{Labs, draw_text};
use sockscope::dashboard::tabs::mail::MailSetup;
use sockscope::dashboard::tabs::ping::PingSetup;
use sockscope::dashboard::tabs::ping::knobs::{Pace, PaceKind};
use sockscope::dashboard::tabs::web::WebSetup;
use sockscope::dashboard::{run, terminal};
use sockscope::headless::output::{Failure, Format};
use sockscope::headless::{echo, get, ping, serve};
use sockscope::net::echo::EchoConfig;
use sockscope::net::files::{Hidden, Links, Listing, Policy, Root};
use sockscope::net::os;
use sockscope::net::resolve::{self, Family};
use sockscope::net::stop::StopRequest;
use sockscope::net::web::{Keep, Trace, WebConfig};
use sockscope::proto::guard::Caps;
use sockscope::proto::ping::{Mode, Plan};
use sockscope::settings::{
    EchoSettings, Environment, PingMode, PingPlan, PingSettings, Place, WebSettings,
};
use sockscope::trace::clock::Clock;
use sockscope::words::{Words, phrases};

/// Exit codes: what was asked for was done; it was tried in vain; it could not be tried.
const DONE: u8 = 0;
const IN_VAIN: u8 = 1;
const BAD_USE: u8 = 2;

fn main() -> ExitCode {
    let clock = Clock::new(Instant::now(), SystemTime::now());
    terminal::install_panic_hook();
    let code = match cli::parse(std::env::args_os(), &Environment::of_process()) {
        Ok(invocation) => carry_out(invocation, clock),
        Err(exit) => leave(&exit),
    };
    ExitCode::from(code)
}

fn leave(exit: &Exit) -> u8 {
    // If nobody reads what we say, the exit code still says it.
    let _ = match exit.to {
        Stream::Stdout => io::stdout().write_all(exit.text.as_bytes()),
        Stream::Stderr => io::stderr().write_all(exit.text.as_bytes()),
    };
    exit.code
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "sockscope: {text}");
}

fn carry_out(invocation: Invocation, clock: Clock) -> u8 {
    let words = Words(invocation.lang);
    match invocation.command {
        Command::Config => print(invocation.resolved.to_toml(words).as_bytes()),
        Command::Completions(shell) => print(&cli::completions(shell, words)),
        Command::ListPresets { format } => finish(echo::list_presets(format, words, io::stdout())),
        Command::Echo {
            format,
            quiet,
            count,
        } => run_echo(
            &invocation.settings.echo,
            format,
            quiet,
            count,
            words,
            clock,
        ),
        Command::Ping {
            format,
            ref csv,
            family,
        } => {
            let csv = match csv.as_deref().map(|path| new_file(path, words)).transpose() {
                Ok(csv) => csv,
                Err(complaint) => {
                    complain(&complaint);
                    return BAD_USE;
                }
            };
            run_ping(&invocation.settings.ping, format, csv, family, words, clock)
        }
        Command::Serve {
            format,
            log,
            ref log_file,
        } => {
            let file = log_file.as_deref().map(|path| log_file_at(path, words));
            let file = match file.transpose() {
                Ok(file) => file,
                Err(complaint) => {
                    complain(&complaint);
                    return BAD_USE;
                }
            };
            let report = serve::Report { format, log, file };
            run_serve(&invocation.settings.web, report, words, clock)
        }
        Command::Get {
            url,
            method,
            headers,
            body,
            head,
            raw,
            family,
            timeout,
        } => {
            let options = get::GetOptions {
                url,
                purpose: match (head, body) {
                    (true, _) => get::Purpose::Head,
                    (false, Some(text)) => get::Purpose::Send(text),
                    (false, None) => get::Purpose::Fetch,
                },
                method,
                fields: headers,
                family,
                patience: timeout,
                shown: match (raw, io::stdout().is_terminal()) {
                    (true, _) => get::Shown::Raw,
                    (false, true) => get::Shown::Escaped,
                    (false, false) => get::Shown::Exact,
                },
            };
            match get::run(&options, words, clock, io::stdout().lock(), io::stderr()) {
                Ok(get::ExitKind::Answered) => DONE,
                Ok(get::ExitKind::InVain) => IN_VAIN,
                Ok(get::ExitKind::BadUse) => BAD_USE,
                Err(error) => finish(Err(error)),
            }
        }
        Command::Mail(_) | Command::Mailbox { .. } => BAD_USE,
        Command::Dashboard => run_dashboard(&invocation, words, clock),
    }
}

fn print(bytes: &[u8]) -> u8 {
    finish(io::stdout().write_all(bytes))
}

fn finish(result: io::Result<()>) -> u8 {
    match result {
        Ok(()) => DONE,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => DONE,
        Err(error) => {
            complain(&error.to_string());
            IN_VAIN
        }
    }
}

/// A file for results: new, so that nothing is overwritten.
fn new_file(path: &Path, words: Words) -> Result<File, String> {
    private(OpenOptions::new().write(true).create_new(true), path, words)
}

/// A log to append to.
fn log_file_at(path: &Path, words: Words) -> Result<File, String> {
    private(OpenOptions::new().append(true).create(true), path, words)
}

/// Opens a file that, if it is made, is private to the user where the system can say so.
fn private(options: &mut OpenOptions, path: &Path, words: Words) -> Result<File, String> {
    os::private(options).open(path).map_err(|error| {
        let path = path.display();
        if error.kind() == io::ErrorKind::AlreadyExists {
            words.fill("ping.file_exists", &[("path", &path)])
        } else {
            words.fill("ping.cannot_write", &[("path", &path), ("error", &error)])
        }
    })
}

fn web_config(settings: &WebSettings, keep: Keep, words: Words) -> WebConfig {
    WebConfig {
        listen: settings.listen,
        root: match &settings.folder {
            Some(folder) => Root::Folder(folder.clone()),
            None => Root::Embedded,
        },
        policy: Policy {
            hidden: match settings.hidden {
                true => Hidden::Served,
                false => Hidden::Refused,
            },
            links: match settings.outside_links {
                true => Links::Anywhere,
                false => Links::Inside,
            },
            listing: match settings.listing {
                true => Listing::On,
                false => Listing::Off,
            },
        },
        trace: match settings.trace {
            true => Trace::Answered,
            false => Trace::Refused,
        },
        service: settings.service.clone(),
        limits: settings.limits,
        keep,
        words,
    }
}

fn run_serve(settings: &WebSettings, report: serve::Report, words: Words, clock: Clock) -> u8 {
    let config = web_config(settings, Keep::HEADS, words);
    let out = io::stdout().lock();
    let result = runtime()
        .map_err(Failure::Output)
        .and_then(|runtime| runtime.block_on(serve::run(config, report, words, clock, out)));
    end_of(result, words)
}

/// What the end of a command that runs a server says to the shell.
fn end_of(result: Result<(), Failure>, words: Words) -> u8 {
    match result {
        Ok(()) => DONE,
        Err(Failure::Start(error)) => {
            for line in phrases::start_error(&error, words) {
                complain(&line);
            }
            IN_VAIN
        }
        Err(Failure::Output(error)) => finish(Err(error)),
        Err(Failure::Socket(error)) => {
            complain(&words.fill("status.server_died", &[("error", &error)]));
            IN_VAIN
        }
    }
}

/// Everything async runs on this one thread; the labs have threads of their own.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

fn echo_config(settings: &EchoSettings, count: Option<u64>) -> EchoConfig {
    EchoConfig {
        listen: settings.listen,
        link: settings.link.clone(),
        // Short enough to be read out in class and typed again.
        seed: settings
            .seed
            .unwrap_or_else(|| u64::from(rand::random::<u16>())),
        caps: Caps {
            per_source: settings.rate_cap,
            total: settings.total_cap,
        },
        allow_remote_duplicates: settings.allow_remote_duplicates,
        count,
    }
}

fn run_echo(
    settings: &EchoSettings,
    format: Format,
    quiet: bool,
    count: Option<u64>,
    words: Words,
    clock: Clock,
) -> u8 {
    let detail = if quiet {
        echo::Detail::Quiet
    } else {
        echo::Detail::Datagrams
    };
    let config = echo_config(settings, count);
    let result = runtime().map_err(Failure::Output).and_then(|runtime| {
        runtime.block_on(echo::run(
            config,
            format,
            detail,
            words,
            clock,
            io::stdout().lock(),
        ))
    });
    end_of(result, words)
}

/// A plain ping has the length of its text; another length asked for besides is a contradiction, and said to be one.
fn contradicts_itself(plan: &PingPlan, words: Words) -> bool {
    let contradicts = plan.plain && plan.size.is_some();
    if contradicts {
        complain(&words.t("ping.plain_has_no_size"));
    }
    contradicts
}

fn run_ping(
    settings: &PingSettings,
    format: Format,
    csv: Option<File>,
    family: Family,
    words: Words,
    clock: Clock,
) -> u8 {
    let plan = settings.plan(Place::Command);
    if contradicts_itself(&plan, words) {
        return BAD_USE;
    }
    let mode = match plan.mode {
        PingMode::Lab => Mode::Lab { gap: plan.interval },
        PingMode::Steady => Mode::Steady {
            interval: plan.interval,
        },
    };
    let mut targets = Vec::new();
    for target in &plan.targets {
        match resolve::resolve(target, family) {
            Ok(address) => targets.push(ping::NamedTarget {
                name: target.to_string(),
                address,
            }),
            Err(error) => {
                complain(&words.fill(
                    "ping.cannot_resolve",
                    &[("target", target), ("error", &error)],
                ));
                return IN_VAIN;
            }
        }
    }
    let run = ping::PingRun {
        targets,
        plan: Plan {
            mode,
            count: plan.count,
            timeout: plan.timeout,
            text: draw_text(plan.plain, plan.size.unwrap_or(0)),
        },
        clock_step: os::clock_step(),
        format,
        csv,
    };
    match runtime()
        .and_then(|runtime| runtime.block_on(ping::run(run, words, clock, io::stdout().lock())))
    {
        Ok(true) => DONE,
        Ok(false) => IN_VAIN,
        Err(error) => finish(Err(error)),
    }
}

/// Sees to it that a request to stop is obeyed even if the dashboard's thread is stuck in its terminal: after a while without an end the program
/// is ended from here.
fn end_even_if_stuck() -> io::Result<()> {
    const GRACE: Duration = Duration::from_secs(2);
    let runtime = runtime()?;
    std::thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                if let Ok(mut stop) = StopRequest::listen() {
                    stop.requested().await;
                    tokio::time::sleep(GRACE).await;
                    terminal::abandon();
                }
            });
        })
        .map(drop)
}

fn run_dashboard(invocation: &Invocation, words: Words, clock: Clock) -> u8 {
    let settings = &invocation.settings;
    let plan = settings.ping.plan(Place::Dashboard);
    if contradicts_itself(&plan, words) {
        return BAD_USE;
    }
    let kind = match plan.mode {
        PingMode::Lab => PaceKind::Lab,
        PingMode::Steady => PaceKind::Steady,
    };
    let labs = Labs::new(
        echo_config(&settings.echo, None),
        web_config(&settings.web, Keep::SCREEN, words),
        plan.plain,
        Family::Any,
        clock,
    );
    let setup = Setup {
        lang: invocation.lang,
        theme: settings.theme,
        colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        ascii: settings.ascii,
        mouse: settings.mouse,
        ping: PingSetup {
            link: settings.echo.link.clone(),
            targets: plan.targets,
            pace: Pace {
                kind,
                interval: plan.interval,
                timeout: plan.timeout,
            },
            count: plan.count,
            size: plan.size.unwrap_or(0),
            clock_step: labs.clock_step(),
        },
        web: WebSetup {
            service: settings.web.service.clone(),
            limits: settings.web.limits,
            folder: settings.web.folder.clone(),
        },
        mail: MailSetup {
            client: settings.mail.client.clone(),
            end_of_data: settings.mail.server.end_of_data,
            ..MailSetup::default()
        },
    };
    let seen = end_even_if_stuck()
        .and_then(|()| runtime())
        .and_then(|runtime| {
            runtime.block_on(async {
                let mut stop = StopRequest::listen()?;
                run::run(setup, labs, clock, stop.requested()).await
            })
        });
    match seen {
        Ok(seen) => {
            let mut lines = Vec::new();
            for (name, figures) in &seen.targets {
                lines.extend(ping::summary_lines(name, &figures.summary, words));
            }
            if let Some(figures) = &seen.web {
                lines.extend(serve::summary_lines(figures, words));
            }
            print(
                lines
                    .iter()
                    .map(|line| format!("{line}\n"))
                    .collect::<String>()
                    .as_bytes(),
            )
        }
        Err(error) => {
            complain(&words.fill("shell.no_terminal", &[("error", &error)]));
            IN_VAIN
        }
    }
}
