//! The servers that are compared, each a process of its own with its log going to a file: ours, and lighttpd, nginx and Python's where they are
//! installed. All of them serve the same folder.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::support::process::{cpu_seconds, is_installed, resident_mib};
use super::support::report::{Outcome, Report};

/// The program under test, built as it is released.
pub const SOCKSCOPE: &str = env!("CARGO_BIN_EXE_sockscope");
/// How the others are judged.
pub const YARDSTICK: &str = "lighttpd, log on";

/// The bytes of the two files that are asked for.
const SMALL: usize = 1_004;
const LARGE: usize = 1 << 20;
pub const SMALL_PATH: &str = "/small.html";
pub const LARGE_PATH: &str = "/large.bin";

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);

/// A folder with the files that are asked for, and one beside it for logs and settings. Both go when this is dropped.
pub struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    pub fn new() -> Outcome<Self> {
        let site = Self {
            folder: tempfile::tempdir()?,
        };
        fs::create_dir(site.files())?;
        fs::write(site.files().join(&SMALL_PATH[1..]), vec![b'x'; SMALL])?;
        fs::write(site.files().join(&LARGE_PATH[1..]), vec![b'x'; LARGE])?;
        Ok(site)
    }

    pub fn files(&self) -> std::path::PathBuf {
        self.folder.path().join("files")
    }

    fn beside(&self) -> &Path {
        self.folder.path()
    }
}

/// A process that listens. It ends when it is dropped.
pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody uses now.
pub fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Waits until something listens there.
pub fn wait_for(address: SocketAddr) -> Outcome<()> {
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        if start.elapsed() > PATIENCE {
            return Err(format!("nobody listens at {address}").into());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

impl Server {
    fn start(name: &'static str, address: SocketAddr, command: &mut Command) -> Outcome<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let server = Self {
            name,
            address,
            child,
        };
        wait_for(address).map_err(|error| format!("{name}: {error}"))?;
        Ok(server)
    }

    /// `sockscope serve` with more flags.
    pub fn ours(name: &'static str, site: &Site, flags: &[&str]) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = Command::new(SOCKSCOPE);
        command
            .arg("serve")
            .arg(site.files())
            .args(["--listen", &address.to_string()])
            .args(flags)
            .stderr(Stdio::null());
        Self::start(name, address, &mut command)
    }

    /// The same with the log in a file, as the others have theirs.
    pub fn ours_logging(site: &Site) -> Outcome<Self> {
        let log = site.beside().join("sockscope.log");
        let flags = ["--log", "combined", "--log-file", &log.to_string_lossy()];
        Self::ours("sockscope serve, log on", site, &flags)
    }

    fn lighttpd(site: &Site) -> Outcome<Self> {
        let (address, beside) = (free_address()?, site.beside());
        let settings = beside.join("lighttpd.conf");
        let text = format!(
            r#"server.modules = ("mod_accesslog")
server.document-root = "{files}"
server.bind = "{ip}"
server.port = {port}
server.max-keep-alive-requests = 100000
accesslog.filename = "{log}"
mimetype.assign = (".html" => "text/html; charset=utf-8")
"#,
            files = site.files().display(),
            ip = address.ip(),
            port = address.port(),
            log = beside.join("lighttpd.log").display(),
        );
        fs::write(&settings, text)?;
        let mut command = Command::new("lighttpd");
        command.arg("-D").arg("-f").arg(settings);
        Self::start(YARDSTICK, address, command.stderr(Stdio::null()))
    }

    fn nginx(site: &Site) -> Outcome<Self> {
        let (address, beside) = (free_address()?, site.beside());
        let settings = beside.join("nginx.conf");
        // One process that serves, as the others have it: its processor time and memory are then all there is.
        let text = format!(
            "master_process off;
pid {beside}/nginx.pid;
error_log {beside}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {beside}/nginx.log combined;
    types {{ text/html html; }}
    sendfile on;
    open_file_cache max=100;
    keepalive_requests 100000;
    client_body_temp_path {beside}/nginx-body;
    proxy_temp_path {beside}/nginx-proxy;
    fastcgi_temp_path {beside}/nginx-fastcgi;
    uwsgi_temp_path {beside}/nginx-uwsgi;
    scgi_temp_path {beside}/nginx-scgi;
    server {{ listen {address}; root {files}; }}
}}
",
            beside = beside.display(),
            files = site.files().display(),
        );
        fs::write(&settings, text)?;
        let mut command = Command::new("nginx");
        command.args(["-g", "daemon off;", "-c"]).arg(settings);
        Self::start("nginx, log on", address, command.stderr(Stdio::null()))
    }

    fn python(site: &Site) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = Command::new("python3");
        command
            .args(["-m", "http.server", &address.port().to_string()])
            .args(["--bind", &address.ip().to_string(), "--directory"])
            .arg(site.files())
            .stderr(File::create(site.beside().join("python.log"))?);
        Self::start("python3 -m http.server", address, &mut command)
    }

    /// Ours first, then the others that are installed.
    pub fn all(site: &Site, report: &mut Report) -> Outcome<Vec<Self>> {
        let mut servers = vec![Self::ours_logging(site)?];
        type Start = fn(&Site) -> Outcome<Server>;
        let others: [(&str, Start); 3] = [
            ("lighttpd", Self::lighttpd),
            ("nginx", Self::nginx),
            ("python3", Self::python),
        ];
        for (program, start) in others {
            if !is_installed(program) {
                report.say(&format!("{program}: skipped: not installed"));
                continue;
            }
            match start(site) {
                Ok(server) => servers.push(server),
                Err(error) => report.say(&format!("{program}: skipped: {error}")),
            }
        }
        Ok(servers)
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn cpu_seconds(&self) -> Outcome<f64> {
        cpu_seconds(self.process())
    }

    pub fn resident_mib(&self) -> Outcome<f64> {
        resident_mib(self.process())
    }
}
