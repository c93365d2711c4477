//! A real server, in a process of its own, and real clients on loopback.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tls::{ClientConfig, Fingerprint, Pipe, Trust};

use crate::canary;
use crate::check::{Next, Stage};
use crate::client::Received;
use crate::process;

/// A server's process. It is ended when this is dropped.
pub struct Program {
    child: Child,
    address: SocketAddr,
    ready_after: Duration,
    /// Where it can be watched.
    metrics: Option<SocketAddr>,
    config: Vec<String>,
    /// Always there, but for the moment in which a restarted server takes it over.
    folder: Option<TempDir>,
    /// What it said on standard error until now, and who adds to it.
    log: Arc<Mutex<String>>,
    stderr: Option<JoinHandle<()>>,
    clients: BTreeMap<String, Client>,
}

/// A client with a socket of its own.
pub struct Client {
    stream: TcpStream,
    pipe: Pipe,
    received: Received,
}

/// An address on this machine whose port was free a moment ago.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

impl Program {
    /// Starts the server `binary` with lines of configuration, on a free port and in a folder of its own, and waits
    /// until it listens.
    pub fn start(binary: &Path, config: &[String]) -> Result<Self, String> {
        Self::start_with(binary, config, &[])
    }

    /// The same, with flags.
    pub fn start_with(binary: &Path, config: &[String], flags: &[&str]) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| format!("no folder: {error}"))?;
        Self::start_by(&[], folder, binary, config, flags)
    }

    /// The same, in this folder, and by a command that becomes it, such as `nice`, if one is named.
    pub fn start_by(
        launcher: &[&str],
        folder: TempDir,
        binary: &Path,
        config: &[String],
        flags: &[&str],
    ) -> Result<Self, String> {
        let started = match launcher {
            [] => command(binary),
            [launcher, arguments @ ..] => {
                let mut started = command(Path::new(launcher));
                started.args(arguments).arg(binary);
                started
            }
        };
        Self::start_in(folder, started, config, flags)
    }

    /// The same, with its metrics on a port that was free a moment ago.
    pub fn start_watched(binary: &Path, config: &[String]) -> Result<Self, String> {
        let address = free_address().map_err(|error| error.to_string())?;
        let mut program = Self::start_with(binary, config, &["--metrics", &address.to_string()])?;
        program.metrics = Some(address);
        Ok(program)
    }

    /// The same, as a process that may open so many files.
    #[cfg(unix)]
    pub fn start_with_descriptors(binary: &Path, descriptors: u32) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| format!("no folder: {error}"))?;
        let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
        Self::start_by(&["sh", "-c", &script], folder, binary, &[], &[])
    }

    /// Ends it without warning, and starts it again on the same data, with the same configuration.
    pub fn restart_after_kill(self, binary: &Path) -> Result<Self, String> {
        self.restart_with(binary, &[])
    }

    /// The same, with flags.
    pub fn restart_with(mut self, binary: &Path, flags: &[&str]) -> Result<Self, String> {
        self.kill();
        let folder = self.folder.take().ok_or("its folder is gone")?;
        Self::start_in(folder, command(binary), &self.config, flags)
    }

    /// Asks it to stop when all clients are gone (Unix; elsewhere it is ended), and has another server's program serve the
    /// same data.
    pub fn hand_over(mut self, binary: &Path) -> Result<Self, String> {
        self.clients.clear();
        if cfg!(unix) {
            self.signal("-TERM")?;
            self.wait_for_end()?;
        }
        self.restart_with(binary, &[])
    }

    fn start_in(
        folder: TempDir,
        mut command: Command,
        config: &[String],
        flags: &[&str],
    ) -> Result<Self, String> {
        let file = folder.path().join("chatroom.toml");
        fs::write(&file, config.join("\n")).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut child = command
            .args(["--listen", "127.0.0.1:0"])
            .args(if flags.contains(&"--pbkdf2-iterations") {
                &[][..]
            } else {
                &["--pbkdf2-iterations", "1"]
            })
            .args([OsStr::new("--config"), file.as_os_str()])
            .args([OsStr::new("--data-dir"), folder.path().join("data").as_os_str()])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let spawned_at = Instant::now();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().map(|stderr| {
            let log = Arc::clone(&log);
            thread::spawn(move || read_into(&log, stderr))
        });
        let (first, line) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                // To the end, though the first line is all that is of interest here.
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    let _ = first.send(line);
                }
            });
        }
        let line = line.recv_timeout(PATIENCE).unwrap_or_default();
        let address = line.strip_prefix("listening on ").and_then(|address| address.parse().ok());
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut program = Self {
            child,
            address: address.unwrap_or(unknown),
            ready_after: spawned_at.elapsed(),
            metrics: None,
            config: config.to_vec(),
            folder: Some(folder),
            log,
            stderr,
            clients: BTreeMap::new(),
        };
        if address.is_none() {
            let log = program.kill();
            return Err(format!(
                "the server did not start, its first line was {line:?}, and it said:\n{log}"
            ));
        }
        Ok(program)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long it took from its process's start until it listened.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.as_ref().map_or_else(PathBuf::new, |folder| folder.path().join("data"))
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets its files grow to so many bytes and no further, as a quota does; `None` is without a limit again.
    #[cfg(target_os = "linux")]
    pub fn limit_file_bytes(&self, bytes: Option<u64>) -> Result<(), String> {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let process = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(process, Resource::Fsize, limit).map(drop).map_err(|error| format!("prlimit: {error}"))
    }

    /// All that is answered to a request for a page, from who was [started to be watched](Self::start_watched).
    pub fn page(&self, path: &str) -> Result<String, String> {
        let io = |error: io::Error| error.to_string();
        let mut stream = TcpStream::connect(self.metrics.ok_or("nobody may watch it")?).map_err(io)?;
        write!(stream, "GET {path} HTTP/1.1\r\n\r\n").map_err(io)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(io)?;
        Ok(answer)
    }

    /// What it counts under this name.
    pub fn metric(&self, name: &str) -> Result<u64, String> {
        let page = self.page("/metrics")?;
        let value = page.lines().find_map(|line| line.strip_prefix(&format!("chatroom_{name} ")));
        value.and_then(|value| value.parse().ok()).ok_or_else(|| format!("no {name} in\n{page}"))
    }

    /// The most memory it has had, in bytes.
    #[cfg(target_os = "linux")]
    pub fn memory_max(&self) -> Result<u64, String> {
        Ok(process::memory_kib(self.id(), "VmHWM")? * 1024)
    }

    /// What it said on standard error until now.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has said this on standard error.
    pub fn wait_for_log(&self, text: &str) -> Result<(), String> {
        let give_up_at = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            if Instant::now() > give_up_at {
                return Err(format!("nothing about {text:?} in:\n{}", self.log()));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Sends it a signal, such as `-HUP` (Unix).
    pub fn signal(&self, signal: &str) -> Result<(), String> {
        process::signal(self.id(), signal)
    }

    /// Configures it anew, for whenever it looks again.
    pub fn write_config(&self, config: &[String]) -> Result<(), String> {
        let file = self.data().with_file_name("chatroom.toml");
        fs::write(&file, config.join("\n")).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// Waits until it has ended by itself. Its exit code, and all it said on standard error.
    pub fn wait(mut self) -> Result<(Option<i32>, String), String> {
        let status = self.wait_for_end()?;
        Ok((status.code(), self.kill()))
    }

    fn wait_for_end(&mut self) -> Result<ExitStatus, String> {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().map_err(|error| error.to_string())? {
                return Ok(status);
            }
            if Instant::now() > give_up_at {
                return Err("the server does not end".into());
            }
            thread::sleep(POLL);
        }
    }

    /// Ends it at once, and returns what it said on standard error.
    pub fn kill(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(stderr) = self.stderr.take() {
            let _ = stderr.join();
        }
        self.log()
    }

    /// Whether something has come for a client already.
    pub fn has_news(&mut self, who: &str) -> Result<bool, String> {
        let client = self.client(who)?;
        client.stream.set_nonblocking(true).map_err(|error| error.to_string())?;
        let peeked = client.stream.peek(&mut [0]);
        client.stream.set_nonblocking(false).map_err(|error| error.to_string())?;
        Ok(peeked.is_ok())
    }

    /// The fingerprint of the key that the server has shown to a client.
    pub fn fingerprint(&mut self, who: &str) -> Result<Fingerprint, String> {
        self.client(who)?.pipe.peer_fingerprint().ok_or_else(|| format!("{who} has no handshake behind it"))
    }

    /// The socket of a client.
    pub fn stream(&mut self, who: &str) -> Result<&TcpStream, String> {
        Ok(self.client(who)?.stream())
    }

    fn client(&mut self, who: &str) -> Result<&mut Client, String> {
        self.clients.get_mut(who).ok_or_else(|| format!("{who} is not connected"))
    }
}

impl Drop for Program {
    /// Fails the test if a password is where none belongs.
    fn drop(&mut self) {
        let log = self.kill();
        if thread::panicking() {
            return;
        }
        assert!(!canary::is_in(&log), "a password is in the log:\n{log}");
        let found = self.folder.as_ref().and_then(|folder| canary::find_in(folder.path()));
        assert_eq!(found, None, "a password is in a file");
    }
}

impl Stage for Program {
    fn connect(&mut self, who: &str, is_secure: bool) -> Result<(), String> {
        let client = Client::open(self.address, is_secure)?;
        self.clients.insert(who.to_owned(), client);
        Ok(())
    }

    fn send(&mut self, who: &str, bytes: &[u8]) -> Result<(), String> {
        self.client(who)?.send(bytes);
        Ok(())
    }

    fn send_past_tls(&mut self, who: &str, bytes: &[u8]) -> Result<(), String> {
        // A server that has closed already refuses it, and then there is nothing more to see.
        let _ = self.client(who)?.stream.write_all(bytes);
        Ok(())
    }

    fn next(&mut self, who: &str) -> Result<Next, String> {
        self.client(who)?.receive().map_err(|error| format!("{who}: {error}"))
    }

    fn end(&mut self, who: &str) -> Result<(), String> {
        let _ = self.client(who)?.stream.shutdown(Shutdown::Write);
        Ok(())
    }

    fn leave(&mut self, who: &str) -> Result<(), String> {
        self.clients.remove(who);
        Ok(())
    }
}

impl Client {
    /// Connects to a server on this machine, and completes the handshake if `is_secure`.
    pub fn open(address: SocketAddr, is_secure: bool) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| format!("cannot connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        let config = ClientConfig::new(Trust::AnyoneInsecurely).map_err(|error| error.to_string())?;
        let pipe = Pipe::client(&config, "localhost").map_err(|error| error.to_string())?;
        let mut client = Self { stream, pipe, received: Received::default() };
        if is_secure {
            client.open_wire(&[])?;
            while client.pipe.is_handshaking() && !client.received.is_closed {
                client.read()?;
            }
        }
        Ok(client)
    }

    /// Sends plain bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        let mut wire = Vec::new();
        self.pipe.seal(&[bytes], &mut wire);
        // A server that has closed already refuses it; what it said before is still there to be read.
        let _ = self.stream.write_all(&wire);
    }

    /// Waits for what comes next.
    pub fn receive(&mut self) -> Result<Next, String> {
        loop {
            if let Some(next) = self.received.next() {
                return Ok(next);
            }
            self.read()?;
        }
    }

    /// Passes over what comes until a frame begins like this.
    ///
    /// # Errors
    /// When the connection ends before, or nothing comes.
    pub fn receive_until(&mut self, beginning: &str) -> Result<String, String> {
        loop {
            match self.receive()? {
                Next::Frame(json) if json.starts_with(beginning) => return Ok(json),
                Next::Frame(_) => {}
                Next::Closed => return Err(format!("disconnected while waiting for {beginning}")),
            }
        }
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn read(&mut self) -> Result<(), String> {
        let mut wire = [0; 16 * 1024];
        match self.stream.read(&mut wire) {
            Ok(0) => self.received.is_closed = true,
            Ok(count) => self.open_wire(&wire[..count])?,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err("nothing comes".into());
            }
            Err(_) => self.received.is_closed = true,
        }
        Ok(())
    }

    fn open_wire(&mut self, wire: &[u8]) -> Result<(), String> {
        let (mut plain, mut reply) = (Vec::new(), Vec::new());
        // An alert is the server's way to say that it hangs up, and its end is read next.
        let _ = self.pipe.open(wire, &mut plain, &mut reply);
        self.received.extend(&plain);
        if reply.is_empty() {
            Ok(())
        } else {
            self.stream.write_all(&reply).map_err(|error| error.to_string())
        }
    }
}

/// Runs a server's program to its end, for what it says about its arguments.
pub fn run(binary: &Path, flags: &[&OsStr]) -> Output {
    let child =
        command(binary).args(flags).stdout(Stdio::piped()).spawn().expect("the program was just built");
    child.wait_with_output().expect("a child can be waited for")
}

/// The program, with nothing of this process's own configuration.
pub(crate) fn command(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CHATROOM_") {
            command.env_remove(name);
        }
    }
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

fn read_into(log: &Mutex<String>, stderr: ChildStderr) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    while matches!(stderr.read_until(b'\n', &mut line), Ok(1..)) {
        log.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
}

/// How long a client waits for a real server before the test has failed; far longer than anything should take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long it is left alone between two looks.
pub(crate) const POLL: Duration = Duration::from_millis(5);
