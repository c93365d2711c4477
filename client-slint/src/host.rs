//! A server inside this program, for a chat that one of two people hosts.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

use server_common::config::Config;
use server_common::run::{Running as _, Setup};
use server_std::{PROGRAM, Threads};
use tls::Fingerprint;

use crate::address::{Invitation, ServerAddress};

/// A chat that is hosted here, until this is dropped.
pub struct Host {
    server: Option<Threads>,
    fingerprint: Fingerprint,
    port: u16,
}

impl Host {
    /// Starts to serve on all addresses, on the usual port or, if that is taken, on another, with accounts and identity
    /// in `data_dir`.
    ///
    /// # Errors
    /// What kept the server from starting, as a sentence.
    pub fn start(data_dir: &Path) -> Result<Self, String> {
        Self::start_on(&[PORT, 0], data_dir)
    }

    /// The same, on the first of these ports that is free; 0 is one that the system chooses.
    pub(crate) fn start_on(ports: &[u16], data_dir: &Path) -> Result<Self, String> {
        let mut result = Err(String::new());
        for address in addresses(ports) {
            let setup = setup(address, data_dir)?;
            let fingerprint = setup.identity().tls.fingerprint();
            match Threads::start(setup) {
                Ok(server) => {
                    let port = server.addresses().first().map_or(0, SocketAddr::port);
                    return Ok(Self { server: Some(server), fingerprint, port });
                }
                Err(why) => result = Err(why),
            }
        }
        result
    }

    /// How this computer's own window connects.
    pub fn own_invitation(&self) -> Invitation {
        self.invitation(Ipv4Addr::LOCALHOST.into())
    }

    /// What others connect with.
    pub fn invitation_for_others(&self) -> Invitation {
        self.invitation(outward_address().unwrap_or(Ipv4Addr::LOCALHOST.into()))
    }

    /// How many people are logged in.
    pub fn users(&self) -> usize {
        self.server.as_ref().map_or(0, Threads::users)
    }

    fn invitation(&self, ip: IpAddr) -> Invitation {
        let address = ServerAddress { host: ip.to_string(), port: self.port };
        Invitation { address, key: Some(self.fingerprint), invite: None }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

fn setup(listen: SocketAddr, data_dir: &Path) -> Result<Setup, String> {
    let args: [OsString; 5] = [
        PROGRAM.name.into(),
        "--listen".into(),
        listen.to_string().into(),
        "--data-dir".into(),
        data_dir.as_os_str().to_owned(),
    ];
    // The environment configures servers of their own, not this one.
    let config = Config::load(&PROGRAM, args, |_| None).map_err(|error| error.to_string())?;
    Setup::open(config)
}

/// All addresses of this computer, of both families where one listener can have both, with these ports in turn.
fn addresses(ports: &[u16]) -> impl Iterator<Item = SocketAddr> {
    let all: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
    // On other systems an IPv6 listener does not hear IPv4.
    let from = if cfg!(target_os = "linux") { 0 } else { 1 };
    ports.iter().flat_map(move |port| all.into_iter().skip(from).map(move |ip| SocketAddr::new(ip, *port)))
}

/// The address that others in the same network reach this computer by. No packet is sent for it: the system says
/// which address it would send from, to a network reserved for documentation (RFC 5737).
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

/// The usual port of a chat.
const PORT: u16 = crate::address::PORT;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_is_hosted_beside_another_and_known_by_its_key() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Host::start(one.path()).unwrap();
        let second = Host::start(two.path()).unwrap();
        let (first, second) = (first.own_invitation(), second.own_invitation());
        assert_ne!(first.address.port, second.address.port);
        assert_ne!(first.key, second.key);
        let link = first.to_string();
        assert!(link.starts_with("chatroom://127.0.0.1:") && link.contains("/#sha256="), "{link}");
        assert_eq!(link.parse::<Invitation>().unwrap(), first);
    }

    #[test]
    fn a_folder_that_another_host_has_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let first = Host::start(folder.path()).unwrap();
        let error = Host::start(folder.path()).err().unwrap();
        assert!(error.starts_with("data folder in use: "), "{error}");
        assert_eq!(first.users(), 0);
    }
}
