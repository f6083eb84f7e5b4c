//! The `sockscope` command: reads the command line, hands over to a printer or to the dashboard, and answers with an exit code.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use sockscope::cli::{self, Command, Exit, Invocation, Stream};
use sockscope::dashboard::app::Setup;
use sockscope::dashboard::effects::replay::Replayer;
use sockscope::dashboard::effects::source::Source;
use sockscope::dashboard::effects::{Labs, MailConfig, draw_text};
use sockscope::dashboard::tabs::mail::MailSetup;
use sockscope::dashboard::tabs::ping::PingSetup;
use sockscope::dashboard::tabs::ping::knobs::{Pace, PaceKind};
use sockscope::dashboard::tabs::web::WebSetup;
use sockscope::dashboard::tabs::wire::WireSetup;
use sockscope::dashboard::{run, terminal};
use sockscope::headless::output::{Failure, Format, INTERRUPTED};
use sockscope::headless::recording::{Files, Session};
use sockscope::headless::{echo, get, mail, mailbox, ping, recording, serve};
use sockscope::net::configs;
use sockscope::net::draft;
use sockscope::net::os;
use sockscope::net::recording::{OpenError, Target};
use sockscope::net::resolve::{self, Family};
use sockscope::net::stop::StopRequest;
use sockscope::net::tls::Authority;
use sockscope::net::web::Keep;
use sockscope::proto::ping::{Mode, Plan};
use sockscope::proto::smtp::plan::Password;
use sockscope::settings::replay::Replay;
use sockscope::settings::{Environment, PingMode, PingPlan, Place};
use sockscope::trace::access_log::LogFormat;
use sockscope::trace::clock::Clock;
use sockscope::trace::escape::escape_hostile;
use sockscope::trace::recorder::{Recorder, Secrets};
use sockscope::trace::start_error::{Reason, StartError, Transport};
use sockscope::words::{Words, phrases, replay as replay_words};

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
        } => run_echo(&invocation, format, quiet, count, words, clock),
        Command::Ping {
            format,
            ref csv,
            family,
        } => run_ping(&invocation, format, csv.as_deref(), family, words, clock),
        Command::Serve {
            format,
            log,
            ref log_file,
        } => {
            let file = log_file.as_deref().map(|path| Beside::log(path, words));
            match file.transpose() {
                Ok(file) => run_serve(&invocation, format, log, file, words, clock),
                Err(complaint) => {
                    complain(&complaint);
                    BAD_USE
                }
            }
        }
        Command::Get { .. } => run_get(&invocation, words, clock),
        Command::Mail(ref options) => run_mail(&invocation, options, words, clock),
        Command::Mailbox {
            format,
            ref password,
        } => run_mailbox(&invocation, format, password.as_ref(), words, clock),
        Command::Replay(ref replay) => run_replay(&invocation, replay, words),
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

/// A file beside those of the session. If the command is refused before it runs, a file that was made for it is taken back.
struct Beside {
    path: PathBuf,
    /// Given away when the command runs.
    file: Option<File>,
    /// There was no such file before.
    is_new: bool,
}

impl Beside {
    /// For results: new, so that nothing is overwritten.
    fn results(path: &Path, words: Words) -> Result<Self, String> {
        Self::open(OpenOptions::new().write(true).create_new(true), path, words)
    }

    /// A log to append to.
    fn log(path: &Path, words: Words) -> Result<Self, String> {
        Self::open(OpenOptions::new().append(true).create(true), path, words)
    }

    /// Opens a file that, if it is made, is private to the user where the system can say so.
    fn open(options: &mut OpenOptions, path: &Path, words: Words) -> Result<Self, String> {
        let is_new = path.symlink_metadata().is_err();
        let opened = match path.is_dir() {
            true => Err(io::ErrorKind::IsADirectory.into()),
            false => os::private(options).open(path),
        };
        match opened {
            Ok(file) => Ok(Self {
                path: path.to_owned(),
                file: Some(file),
                is_new,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let path = escape_hostile(path.to_string_lossy().as_bytes()).into_owned();
                Err(words.fill("ping.file_exists", &[("path", &path)]))
            }
            Err(error) => Err(recording::unwritable(path, &error, words)),
        }
    }

    /// The command runs: the file stays.
    fn keep(mut self) -> Option<File> {
        self.file.take()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if self.file.take().is_some() && self.is_new {
            // Left behind it would only be empty.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Runs labs with the files that are asked for, and completes those however it ends.
fn with_files(
    invocation: &Invocation,
    words: Words,
    clock: Clock,
    run: impl FnOnce(Recorder) -> u8,
) -> u8 {
    let files = &invocation.files;
    if files.take_stdout() && io::stdout().is_terminal() {
        complain(&words.t("recording.terminal"));
        return BAD_USE;
    }
    if files.secrets == Secrets::Shown {
        complain(&words.t("recording.secrets"));
    }
    let session = Session::start(
        files,
        &command_line(&invocation.command),
        clock,
        |path| may_overwrite(path, words),
        move |progress| {
            if let Some(complaint) = recording::failure(progress, words) {
                complain(&complaint);
            }
        },
    );
    let session = match session {
        Ok(session) => session,
        Err(error) => {
            complain(&recording::refusal(&error, words));
            return BAD_USE;
        }
    };
    let code = run(session.recorder());
    let format = invocation.command.format();
    // The labs have done what they were asked for, whether or not anybody reads this.
    let told = session.finish();
    let _ = recording::tell(&told, format, words, output(files), io::stderr());
    code
}

/// Where a command prints: on standard error, if a file takes standard output for itself.
fn output(files: &Files) -> Box<dyn Write> {
    match files.take_stdout() {
        true => Box::new(io::stderr()),
        false => Box::new(io::stdout().lock()),
    }
}

/// Whether that is a terminal.
fn is_screen(files: &Files) -> bool {
    match files.take_stdout() {
        true => io::stderr().is_terminal(),
        false => io::stdout().is_terminal(),
    }
}

/// What a file says about where it comes from. Arguments of those commands that take secrets stay out of it.
fn command_line(command: &Command) -> String {
    let all = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let program = "sockscope".to_owned();
    let arguments: Vec<String> = match command {
        Command::Get { .. } => vec!["get".to_owned()],
        Command::Mail(_) => vec!["mail".to_owned()],
        Command::Mailbox { .. } => vec!["mailbox".to_owned()],
        _ => all.skip(1).collect(),
    };
    std::iter::once(program)
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Asks about a file that is there, if there is somebody to ask.
fn may_overwrite(path: &Path, words: Words) -> bool {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return false;
    }
    let path = escape_hostile(path.to_string_lossy().as_bytes()).into_owned();
    let mut answer = String::new();
    let asked = write!(
        io::stderr(),
        "{} ",
        words.fill("recording.overwrite", &[("path", &path)])
    );
    asked.is_ok()
        && io::stdin().read_line(&mut answer).is_ok()
        && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn run_serve(
    invocation: &Invocation,
    format: Format,
    log: Option<LogFormat>,
    file: Option<Beside>,
    words: Words,
    clock: Clock,
) -> u8 {
    // A capture knows the packet of a response by how it begins, and a replay shows it.
    let keep = if invocation.files.is_any() {
        Keep::SCREEN
    } else {
        Keep::HEADS
    };
    let config = configs::web(&invocation.settings.web, keep, words);
    with_files(invocation, words, clock, |recorder| {
        let out = output(&invocation.files);
        let file = file.and_then(Beside::keep);
        let report = serve::Report { format, log, file };
        let run = serve::run(config, report, recorder, words, clock, out);
        let result = runtime().map_err(Failure::Output);
        end_of(result.and_then(|runtime| runtime.block_on(run)), words)
    })
}

fn run_get(invocation: &Invocation, words: Words, clock: Clock) -> u8 {
    let Command::Get {
        url,
        method,
        headers,
        body,
        head,
        raw,
        family,
        timeout,
    } = invocation.command.clone()
    else {
        return BAD_USE;
    };
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
        shown: match (raw, is_screen(&invocation.files)) {
            (true, _) => get::Shown::Raw,
            (false, true) => get::Shown::Escaped,
            (false, false) => get::Shown::Exact,
        },
    };
    let plan = match get::plan(&options, words) {
        Ok(plan) => plan,
        Err(complaint) => {
            complain(&complaint);
            return BAD_USE;
        }
    };
    with_files(invocation, words, clock, |recorder| {
        let (out, err) = (output(&invocation.files), io::stderr());
        match get::run(&plan, options.shown, recorder, words, clock, out, err) {
            Ok(get::ExitKind::Answered) => DONE,
            Ok(get::ExitKind::InVain) => IN_VAIN,
            Ok(get::ExitKind::Interrupted) => INTERRUPTED,
            Err(error) => finish(Err(error)),
        }
    })
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
    let plan = match mail::plan(options, place) {
        Ok(plan) => plan,
        Err(complaints) => {
            complaints.iter().for_each(|complaint| complain(complaint));
            return BAD_USE;
        }
    };
    with_files(invocation, words, clock, |recorder| {
        let (out, err) = (output(&invocation.files), io::stderr());
        let ended = mail::run(&plan, options.format, recorder, words, clock, out, err);
        ended.unwrap_or_else(|error| finish(Err(error)))
    })
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
    let config = match configs::mail(settings, state_folder, password, words) {
        Ok(config) => config,
        Err(complaint) => {
            complain(&complaint);
            return BAD_USE;
        }
    };
    with_files(invocation, words, clock, |recorder| {
        let out = output(&invocation.files);
        let run = mailbox::run(config, format, recorder, words, clock, out);
        let result = runtime().map_err(Failure::Output);
        end_of(result.and_then(|runtime| runtime.block_on(run)), words)
    })
}

/// Everything async runs on this one thread; the labs have threads of their own.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

fn run_echo(
    invocation: &Invocation,
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
    let config = configs::echo(&invocation.settings.echo, count);
    with_files(invocation, words, clock, |recorder| {
        let out = output(&invocation.files);
        let run = echo::run(config, format, detail, recorder, words, clock, out);
        let result = runtime().map_err(Failure::Output);
        end_of(result.and_then(|runtime| runtime.block_on(run)), words)
    })
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
    invocation: &Invocation,
    format: Format,
    csv: Option<&Path>,
    family: Family,
    words: Words,
    clock: Clock,
) -> u8 {
    let plan = invocation.settings.ping.plan(Place::Command);
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
    let csv = csv.map(|path| Beside::results(path, words));
    let csv = match csv.transpose() {
        Ok(csv) => csv,
        Err(complaint) => {
            complain(&complaint);
            return BAD_USE;
        }
    };
    let mut run = ping::PingRun {
        targets,
        plan: Plan {
            mode,
            count: plan.count,
            timeout: plan.timeout,
            text: draw_text(plan.plain, plan.size.unwrap_or(0)),
        },
        clock_step: os::clock_step(),
        format,
        csv: None,
    };
    with_files(invocation, words, clock, |recorder| {
        run.csv = csv.and_then(Beside::keep);
        let out = output(&invocation.files);
        let ended = runtime().and_then(|runtime| {
            runtime.block_on(ping::run(run, recorder, words, clock, out, io::stderr()))
        });
        match ended {
            Ok(true) => DONE,
            Ok(false) => IN_VAIN,
            Err(error) => finish(Err(error)),
        }
    })
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
        server: configs::mail(settings, state, None, words).map_err(|error| StartError {
            transport: Transport::Tcp,
            address: settings.listen,
            reason: Reason::Other,
            error,
        }),
        state: invocation.state_folder.clone(),
        saves: PathBuf::from("."),
    }
}

/// Opens the files that are asked for beside the dashboard.
fn keep_files(
    files: &Files,
    words: Words,
    start: impl FnMut(Vec<Target>) -> Result<(), OpenError>,
) -> Result<(), String> {
    if files.take_stdout() {
        return Err(words.t("recording.dashboard").into_owned());
    }
    if files.secrets == Secrets::Shown {
        complain(&words.t("recording.secrets"));
    }
    if !files.is_any() {
        return Ok(());
    }
    files
        .open(start, |path| may_overwrite(path, words))
        .map_err(|error| recording::refusal(&error, words))
}

fn run_dashboard(invocation: &Invocation, words: Words, clock: Clock) -> u8 {
    let settings = &invocation.settings;
    let plan = settings.ping.plan(Place::Dashboard);
    if contradicts_itself(&plan, words) {
        return BAD_USE;
    }
    let mut labs = Labs::new(
        configs::echo(&settings.echo, None),
        configs::web(&settings.web, Keep::SCREEN, words),
        mail_lab(invocation, words),
        plan.plain,
        Family::Any,
        invocation.files.secrets,
        clock,
    );
    let start = |targets| labs.start_recording(targets);
    if let Err(complaint) = keep_files(&invocation.files, words, start) {
        complain(&complaint);
        return BAD_USE;
    }
    let step = labs.clock_step();
    watch(invocation, &plan, Source::Labs(Box::new(labs)), step, words)
}

/// Plays a record in the dashboard.
fn run_replay(invocation: &Invocation, replay: &Replay, words: Words) -> u8 {
    let mut replayer = match Replayer::open(replay, PathBuf::from("."), words) {
        Ok(replayer) => replayer,
        Err(error) => {
            let file = replay.file.to_string_lossy();
            let file = escape_hostile(file.as_bytes());
            let why = replay_words::not_a_record(&error, words);
            complain(&words.fill("replay.cannot", &[("file", &file), ("why", &why)]));
            return BAD_USE;
        }
    };
    let start = |targets| replayer.start_recording(targets);
    if let Err(complaint) = keep_files(&invocation.files, words, start) {
        complain(&complaint);
        return BAD_USE;
    }
    let plan = invocation.settings.ping.plan(Place::Dashboard);
    let source = Source::Replay(Box::new(replayer));
    watch(invocation, &plan, source, os::clock_step(), words)
}

/// Runs the dashboard, and prints what was seen.
fn watch(
    invocation: &Invocation,
    plan: &PingPlan,
    source: Source,
    clock_step: Duration,
    words: Words,
) -> u8 {
    let settings = &invocation.settings;
    let kind = match plan.mode {
        PingMode::Lab => PaceKind::Lab,
        PingMode::Steady => PaceKind::Steady,
    };
    let setup = Setup {
        lang: invocation.lang,
        theme: settings.theme,
        colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        ascii: settings.ascii,
        mouse: settings.mouse,
        ping: PingSetup {
            link: settings.echo.link.clone(),
            targets: plan.targets.clone(),
            pace: Pace {
                kind,
                interval: plan.interval,
                timeout: plan.timeout,
            },
            count: plan.count,
            size: plan.size.unwrap_or(0),
            clock_step,
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
                run::run(setup, source, stop.requested()).await
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
            if let Some(playback) = &seen.playback {
                let (entries, damaged) = (playback.entries, playback.damaged);
                lines.push(replay_words::summary(entries, damaged, words));
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
