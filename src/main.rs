//! The `sockscope` command: reads the command line, hands over to a printer or to the dashboard, and answers with an exit code.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use sockscope::cli::{self, Command, Exit, Invocation, Stream};
use sockscope::dashboard::app::Setup;
use sockscope::dashboard::effects::{Labs, MailConfig, draw_text};
use sockscope::dashboard::tabs::mail::MailSetup;
use sockscope::dashboard::tabs::ping::PingSetup;
use sockscope::dashboard::tabs::ping::knobs::{Pace, PaceKind};
use sockscope::dashboard::tabs::web::WebSetup;
use sockscope::dashboard::tabs::wire::WireSetup;
use sockscope::dashboard::{run, terminal};
use sockscope::headless::output::{Failure, Format};
use sockscope::headless::{echo, get, mail, mailbox, ping, serve};
use sockscope::net::draft;
use sockscope::net::echo::EchoConfig;
use sockscope::net::files::{Hidden, Links, Listing, Policy, Root};
use sockscope::net::mail_server::MailServerConfig;
use sockscope::net::maildir::Store;
use sockscope::net::os;
use sockscope::net::password;
use sockscope::net::resolve::{self, Family};
use sockscope::net::stop::StopRequest;
use sockscope::net::tls::{Authority, Certificate};
use sockscope::net::web::{Keep, Trace, WebConfig};
use sockscope::proto::guard::Caps;
use sockscope::proto::ping::{Mode, Plan};
use sockscope::proto::secret::Secret;
use sockscope::proto::smtp::plan::Password;
use sockscope::proto::smtp::server::{Accounts, Service};
use sockscope::proto::smtp::stage::Stage;
use sockscope::settings::{
    EchoSettings, Environment, MailServerSettings, MailStore, PingMode, PingPlan, PingSettings,
    Place, WebSettings,
};
use sockscope::trace::clock::Clock;
use sockscope::trace::recorder::Secrets;
use sockscope::trace::start_error::{Reason, StartError, Transport};
use sockscope::words::{Words, outcome, phrases};

/// Exit codes: what was asked for was done; it was tried in vain; it could not be tried.
const DONE: u8 = 0;
const IN_VAIN: u8 = 1;
const BAD_USE: u8 = 2;

/// The Maildir in the folder for what the program keeps.
const MAILDIR: &str = "mail";

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
        Command::Mail(ref options) => run_mail(&invocation, options, words, clock),
        Command::Mailbox {
            format,
            ref password,
        } => run_mailbox(&invocation, format, password.as_ref(), words, clock),
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

fn run_mail(
    invocation: &Invocation,
    options: &mail::MailOptions,
    words: Words,
    clock: Clock,
) -> u8 {
    let own = invocation.state_folder.as_deref().map(Authority::file);
    let place = mail::Place {
        settings: &invocation.settings.mail,
        own_certificate: own.filter(|file| file.is_file()),
        words,
        clock,
    };
    match mail::run(options, place, io::stdout().lock(), io::stderr()) {
        Ok(code) => code,
        Err(error) => finish(Err(error)),
    }
}

/// The mail server as it is set; `state_folder` is for what it keeps. `password` is where the account's is, instead of the command in the settings.
fn mail_config(
    settings: &MailServerSettings,
    state_folder: Option<&Path>,
    password: Option<&Password>,
    words: Words,
) -> Result<MailServerConfig, String> {
    let no_certificate = |error| words.fill("receive.no_certificate", &[("error", &error)]);
    let certificate = match state_folder {
        Some(folder) => Certificate::load_or_make(folder).map_err(|error| error.to_string()),
        None => Certificate::passing(),
    };
    let command = settings.account_password_command.clone();
    let password = password.cloned().or(command.map(Password::Command));
    let accounts = match (&settings.account, password) {
        (None, None) => Accounts::Anybody,
        (None, Some(_)) => return Err(words.t("receive.no_user").into_owned()),
        (Some(user), None) => {
            return Err(words.fill("receive.no_password", &[("user", user)]));
        }
        (Some(user), Some(password)) => Accounts::Only {
            user: user.clone(),
            password: fetched(&password, words)?,
        },
    };
    Ok(MailServerConfig {
        listen: settings.listen,
        tls_listen: settings.tls_listen,
        store: match (&settings.store, state_folder) {
            (MailStore::Memory, _) => Store::Memory,
            (MailStore::Folder(folder), _) => Store::Folder(folder.clone()),
            (MailStore::StateFolder, Some(folder)) => Store::Folder(folder.join(MAILDIR)),
            (MailStore::StateFolder, None) => {
                return Err(words.t("receive.no_state_folder").into_owned());
            }
        },
        service: Service {
            name: settings.name.clone(),
            accounts,
            limits: settings.limits,
        },
        faults: settings.all_faults(),
        end_of_data: settings.end_of_data,
        certificate: Some(certificate.map_err(no_certificate)?),
    })
}

/// A password, from wherever it is.
fn fetched(password: &Password, words: Words) -> Result<Secret, String> {
    let runtime = runtime().map_err(|error| error.to_string())?;
    let fetched = runtime.block_on(password::fetch(password));
    let stage = outcome::stage(Stage::Auth, words);
    fetched.map_err(|failure| outcome::failure(&failure, &stage, words).what)
}

fn run_mailbox(
    invocation: &Invocation,
    format: Format,
    password: Option<&Password>,
    words: Words,
    clock: Clock,
) -> u8 {
    let settings = &invocation.settings.mail.server;
    let state_folder = invocation.state_folder.as_deref();
    let config = match mail_config(settings, state_folder, password, words) {
        Ok(config) => config,
        Err(complaint) => {
            complain(&complaint);
            return BAD_USE;
        }
    };
    let out = io::stdout().lock();
    let result = runtime()
        .map_err(Failure::Output)
        .and_then(|runtime| runtime.block_on(mailbox::run(config, format, words, clock, out)));
    end_of(result, words)
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

/// The Mail tab's labs. What keeps the server from starting is no reason to withhold the other tabs: its own tab tells.
fn mail_lab(invocation: &Invocation, words: Words) -> MailConfig {
    let settings = &invocation.settings.mail.server;
    let state = invocation.state_folder.as_deref();
    MailConfig {
        server: mail_config(settings, state, None, words).map_err(|error| StartError {
            transport: Transport::Tcp,
            address: settings.listen,
            reason: Reason::Other,
            error,
        }),
        state: invocation.state_folder.clone(),
        saves: PathBuf::from("."),
    }
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
        mail_lab(invocation, words),
        plan.plain,
        Family::Any,
        Secrets::Masked,
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
            draft: invocation.state_folder.as_deref().and_then(draft::load),
            faults: settings.mail.server.all_faults(),
            end_of_data: settings.mail.server.end_of_data,
        },
        wire: WireSetup {
            memory: settings.wire.memory,
            events: settings.wire.events,
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
            if let Some(report) = &seen.mail {
                lines.extend(mailbox::summary_lines(report, words));
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
