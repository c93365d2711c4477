//! The servers that are compared, and how each is started.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::part::Row;
use crate::load::Dialect;
use crate::program::{Program, free_address};

/// A server that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contender {
    /// `chatroom-server-smol`.
    Smol,
    /// `chatroom-server-std`.
    Threads,
    /// `chatroom-server-smol` that keeps what is said.
    SmolKeeping,
    /// `chatroom-server-std` that keeps what is said.
    ThreadsKeeping,
    /// ngIRCd.
    Ngircd,
    /// InspIRCd.
    Inspircd,
}

/// A server that runs, and is ended when this is dropped.
pub(super) enum Running {
    Own(Program),
    Peer { child: Child, address: SocketAddr, _folder: TempDir },
}

impl Contender {
    /// Those that keep nothing, as those of IRC do.
    pub(super) const ALL: [Self; 4] = [Self::Smol, Self::Threads, Self::Ngircd, Self::Inspircd];
    /// This project's, each without a history and with one.
    pub(super) const OWN: [Self; 4] = [Self::Smol, Self::SmolKeeping, Self::Threads, Self::ThreadsKeeping];

    /// What it is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Smol => "server-smol",
            Self::Threads => "server-std",
            Self::SmolKeeping => "smol with history",
            Self::ThreadsKeeping => "std with history",
            Self::Ngircd => "ngircd",
            Self::Inspircd => "inspircd",
        }
    }

    /// Whether it is not this project's.
    pub(super) const fn is_peer(self) -> bool {
        matches!(self, Self::Ngircd | Self::Inspircd)
    }

    /// The same program without a history, if this one has one.
    pub(super) const fn without_history(self) -> Option<Self> {
        match self {
            Self::SmolKeeping => Some(Self::Smol),
            Self::ThreadsKeeping => Some(Self::Threads),
            Self::Smol | Self::Threads | Self::Ngircd | Self::Inspircd => None,
        }
    }

    /// The most connections it is made for.
    pub(super) const fn connections_max(self) -> usize {
        match self {
            Self::Threads | Self::ThreadsKeeping => 4_096,
            Self::Smol | Self::SmolKeeping | Self::Ngircd | Self::Inspircd => 20_000,
        }
    }

    /// What starts it, as `packaging/systemd/chatroom.service` advises.
    const fn launcher(self) -> &'static [&'static str] {
        match self {
            Self::Threads | Self::ThreadsKeeping => &["chrt", "--batch", "0"],
            Self::Smol | Self::SmolKeeping | Self::Ngircd | Self::Inspircd => &[],
        }
    }

    /// What it speaks.
    pub(super) const fn dialect(self) -> Dialect {
        if self.is_peer() { Dialect::Irc } else { Dialect::Chatroom }
    }

    /// Its name and version.
    pub(super) fn version(self) -> String {
        if !self.is_peer() {
            return format!("{} {}", self.name(), env!("CARGO_PKG_VERSION"));
        }
        let output = Command::new(self.name()).arg("--version").output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let first = text.unwrap_or_default().lines().next().unwrap_or_default().to_owned();
        // What follows is how it was built. One says its name before the version, one with a dash between.
        let version = first.trim_start_matches("InspIRCd-").trim_start_matches("ngIRCd ");
        format!("{} {}", self.name(), version.split('-').next().unwrap_or_default())
    }

    /// Starts it with TLS on loopback, no limit on how much is said, and no look-up of who comes.
    pub(super) fn start(self, binaries: &Path, row: Row) -> Result<Running, String> {
        let own = |binary: &str| {
            let (mut config, flags) = row.server();
            let binary = binaries.join(binary);
            let folder = if self.without_history().is_some() {
                // Where programs are built there is a disk; a temporary folder may be memory.
                TempDir::new_in(binaries)
            } else {
                config.push("history = 'off'".to_owned());
                TempDir::new()
            };
            let folder = folder.map_err(|error| format!("no folder: {error}"))?;
            Program::start_by(self.launcher(), folder, &binary, &config, flags).map(Running::Own)
        };
        match self {
            Self::Smol | Self::SmolKeeping => own("chatroom-server-smol"),
            Self::Threads | Self::ThreadsKeeping => own("chatroom-server-std"),
            Self::Ngircd => peer("ngircd", &["-n", "-f"], ngircd_config),
            Self::Inspircd => peer("inspircd", &["--runasroot", "--nofork", "--config"], inspircd_config),
        }
    }
}

impl Running {
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Own(program) => program.address(),
            Self::Peer { address, .. } => *address,
        }
    }

    pub(super) fn id(&self) -> u32 {
        match self {
            Self::Own(program) => program.id(),
            Self::Peer { child, .. } => child.id(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Peer { child, .. } = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts `program` with a configuration and a new P-256 certificate, and waits until it listens.
fn peer(program: &str, flags: &[&str], config: fn(&Path, u16) -> String) -> Result<Running, String> {
    let start = || -> Result<Running, Box<dyn std::error::Error>> {
        let folder = TempDir::new()?;
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        fs::write(folder.path().join("cert.pem"), certified.cert.pem())?;
        fs::write(folder.path().join("key.pem"), certified.signing_key.serialize_pem())?;
        let address = free_address()?;
        let file = folder.path().join("server.conf");
        fs::write(&file, config(folder.path(), address.port()))?;
        let mut command = Command::new(program);
        command.args(flags).arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let running = Running::Peer { child: command.spawn()?, address, _folder: folder };
        let give_up_at = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > give_up_at {
                return Err("it does not listen".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    };
    start().map_err(|error| format!("{program}: {error}"))
}

fn ngircd_config(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "[Global]\nName = irc.localhost\nInfo = swarm\nServerUID = root\nServerGID = root\n\
         Listen = 127.0.0.1\nPorts = 0\n\
         [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\nMaxPenaltyTime = 0\nPingTimeout = 600\n\
         [Options]\nDNS = no\nIdent = no\nPAM = no\nChrootDir =\n\
         [SSL]\nCertFile = {folder}/cert.pem\nKeyFile = {folder}/key.pem\nPorts = {port}\n"
    )
}

fn inspircd_config(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        r#"<server name="irc.localhost" description="swarm" network="swarm">
<admin name="swarm" nick="swarm" email="swarm@localhost">
<module name="ssl_gnutls">
<sslprofile name="swarm" provider="gnutls" certfile="{folder}/cert.pem" keyfile="{folder}/key.pem">
<bind address="127.0.0.1" port="{port}" type="clients" sslprofile="swarm">
<connect name="main" allow="*" timeout="60" pingfreq="600" recvq="1M" softsendq="64M" hardsendq="64M"
    threshold="1000000" commandrate="1000000000" fakelag="no" localmax="100000" globalmax="100000"
    maxconnwarn="no" resolvehostnames="no" useident="no">
<performance softlimit="20000" somaxconn="1024" netbuffersize="65534">
<pid file="{folder}/pid">
<log method="file" type="*" level="sparse" target="{folder}/log">
"#
    )
}
