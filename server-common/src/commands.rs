//! The subcommands: what is done to a data folder beside serving with it.
//!
//! None of them takes the folder's lock. They read and write the database as one more process, and SQLite has all of
//! them take turns; a server that runs sees at its next question what has changed.

use std::io::{BufRead as _, Read as _};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime};

use chatroom_core::limits::PASSWORD_BYTES_MAX;
use chatroom_core::message::hello::Registration;
use chatroom_core::name::{Account, UserName};
use chatroom_core::secret::Password;
use zeroize::Zeroizing;

use crate::config::{Command, Config, InviteCommand, UserCommand};
use crate::data;
use crate::identity::Identity;
use crate::keys::name_key;
use crate::passwords::Hasher;
use crate::store::{Checked, Invitation, Store};
use crate::tokens;

/// Does what was asked for, and returns what there is to print.
///
/// # Errors
/// What went wrong, as one line that says what to do about it.
pub(crate) fn run(command: &Command, config: &Config) -> Result<String, String> {
    match command {
        Command::Backup { file } => back_up(config, file),
        Command::Check => check(config),
        Command::User(command) => user(config, command),
        Command::Invite(command) => invite(config, command),
    }
}

fn back_up(config: &Config, file: &Path) -> Result<String, String> {
    let store = open(config)?;
    store.back_up(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(format!(
        "the accounts are copied to {}; the key that clients know the server by is not in it, so keep a copy of \
         server.key and server.crt as well\n",
        file.display()
    ))
}

fn check(config: &Config) -> Result<String, String> {
    let identity = Identity::existing(&config.data_dir, config.certificate.as_ref());
    let identity = identity.map_err(|error| error.to_string())?;
    let path = data::database(&config.data_dir);
    let Checked { accounts, messages } =
        open(config)?.check().map_err(|error| format!("{}: {error}", path.display()))?;
    let mut text = String::new();
    for warning in identity.warnings {
        text += &format!("warning: {warning}\n");
    }
    text += &format!("{}: {accounts} accounts and {messages} messages, all whole\n", path.display());
    text += &format!("key fingerprint {}\n", identity.tls.fingerprint());
    Ok(text)
}

fn user(config: &Config, command: &UserCommand) -> Result<String, String> {
    let mut store = open(config)?;
    let failed = |error: crate::store::StoreError| error.to_string();
    match command {
        UserCommand::List => {
            let line = |account: crate::store::Listed| {
                format!("{}{}\n", account.name, if account.is_disabled { "\tdisabled" } else { "" })
            };
            Ok(store.list().map_err(failed)?.into_iter().map(line).collect())
        }
        UserCommand::Disable { name } => {
            found(name, store.set_disabled(&account(name)?, true).map_err(failed)?)?;
            Ok(format!(
                "{name} cannot log in any more; SIGHUP to a server that runs ends a login there is already\n"
            ))
        }
        UserCommand::Enable { name } => {
            found(name, store.set_disabled(&account(name)?, false).map_err(failed)?)?;
            Ok(format!("{name} can log in\n"))
        }
        UserCommand::LogOut { name } => match store.end_sessions(&account(name)?).map_err(failed)? {
            Some(count) => Ok(format!(
                "{count} logins of {name} cannot be come back to any more; who is connected stays until they leave\n"
            )),
            None => Err(no_account(name)),
        },
        UserCommand::ResetPassword { name, stdin } => reset_password(config, &mut store, name, *stdin),
    }
}

fn reset_password(config: &Config, store: &mut Store, name: &str, is_given: bool) -> Result<String, String> {
    let account = account(name)?;
    let text = if is_given { read_password(config)? } else { make_password()? };
    let answer = if is_given {
        format!("{name} has the new password\n")
    } else {
        format!("{name} has the new password {}\n", *text)
    };
    let password =
        Password::parse(text).map_err(|_| format!("a password has at most {PASSWORD_BYTES_MAX} bytes"))?;
    let hasher = Hasher::new(config.pbkdf2_iterations).map_err(|error| error.to_string())?;
    let phc = hasher.hash(&password).map_err(|error| error.to_string())?;
    found(name, store.set_password(&account, &phc).map_err(|error| error.to_string())?)?;
    Ok(answer)
}

fn invite(config: &Config, command: &InviteCommand) -> Result<String, String> {
    let mut store = open(config)?;
    let failed = |error: crate::store::StoreError| error.to_string();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    match command {
        InviteCommand::Create { uses, days, address } => {
            // All that can be wrong is found before there is an invitation that nobody has.
            let address = reachable(config, address.as_deref())?;
            let identity = Identity::existing(&config.data_dir, config.certificate.as_ref());
            let fingerprint = identity.map_err(|error| error.to_string())?.tls.fingerprint().to_string();
            let key = fingerprint.replace(':', "=");
            let invite = tokens::token(&random()?);
            store.invite(&invite, *uses, now, now + Duration::from_secs(86_400) * *days).map_err(failed)?;
            match config.registration {
                Registration::Invite => {}
                Registration::Open => eprintln!(
                    "note: as it is set here, anybody can make an account; for registration = \"invite\", only who is invited"
                ),
                Registration::Closed => eprintln!(
                    "note: as it is set here, nobody can make an account; set registration = \"invite\" for those who are invited"
                ),
            }
            Ok(format!("chatroom://{address}/#{key}&invite={}\n", invite.expose()))
        }
        InviteCommand::List => {
            let line =
                |Invitation { id, uses_left, ends }| format!("{id}\tfor {uses_left}\tuntil {ends} UTC\n");
            Ok(store.invitations(now).map_err(failed)?.into_iter().map(line).collect())
        }
        InviteCommand::Revoke { number } => match store.revoke_invitation(*number).map_err(failed)? {
            true => Ok(format!("invitation {number} lets nobody in any more\n")),
            false => {
                Err(format!("there is no invitation {number}; `invite list` prints all that can be used"))
            }
        },
    }
}

/// Where others reach the server, for a link: as it is said, else where the server listens.
fn reachable(config: &Config, said: Option<&str>) -> Result<String, String> {
    let listen = config.listen.first().expect("a server listens somewhere");
    let (ip, port) = (listen.ip().to_canonical(), listen.port());
    let Some(said) = said else {
        return if ip.is_unspecified() || port == 0 {
            Err("where others reach the server is not said; name it with --address, like --address \
                 chat.example.org:65432"
                .to_owned())
        } else {
            Ok(SocketAddr::new(ip, port).to_string())
        };
    };
    let is_of_hosts = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if said.is_empty() || !said.chars().all(is_of_hosts) {
        return Err(format!("--address: '{said}' is not a host; write it like chat.example.org:65432"));
    }
    Ok(match said.parse::<Ipv6Addr>() {
        Ok(ip) => format!("[{ip}]:{port}"),
        Err(_) if said.contains(':') && !said.ends_with(']') => said.to_owned(),
        Err(_) => format!("{said}:{port}"),
    })
}

/// The first line of standard input.
fn read_password(config: &Config) -> Result<Zeroizing<String>, String> {
    // Room for all that is read, so that no copy of it is left behind; two bytes are the end of the line.
    let mut line = Zeroizing::new(String::with_capacity(PASSWORD_BYTES_MAX + 3));
    let mut input = std::io::stdin().lock().take(PASSWORD_BYTES_MAX as u64 + 3);
    input.read_line(&mut line).map_err(|error| format!("standard input cannot be read: {error}"))?;
    let chars_min = config.limits.password_chars_min;
    let end = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(end);
    if line.chars().count() < chars_min {
        return Err(format!(
            "a password needs at least {chars_min} characters; give it on the first line of standard input"
        ));
    }
    Ok(line)
}

/// A password of 80 random bits, without characters that are taken for others.
fn make_password() -> Result<Zeroizing<String>, String> {
    let random = random()?;
    let mut password = Zeroizing::new(String::with_capacity(2 * random.len()));
    for (index, byte) in random.into_iter().enumerate() {
        if index > 0 && index % 4 == 0 {
            password.push('-');
        }
        password.push(char::from(PASSWORD_CHARACTERS[usize::from(byte) % PASSWORD_CHARACTERS.len()]));
    }
    Ok(password)
}

fn random() -> Result<[u8; 16], String> {
    tokens::random().map_err(|_| "the system gives no random bytes".to_owned())
}

fn open(config: &Config) -> Result<Store, String> {
    Store::open_to_maintain(&data::database(&config.data_dir)).map_err(|error| error.to_string())
}

fn account(name: &str) -> Result<Account, String> {
    UserName::parse(name).and_then(|name| Account::new(name_key, name)).map_err(|error| {
        format!("'{name}' is nobody's name: {}; `user list` prints all names", error.sentence())
    })
}

fn found(name: &str, is_found: bool) -> Result<(), String> {
    if is_found { Ok(()) } else { Err(no_account(name)) }
}

fn no_account(name: &str) -> String {
    format!("there is no account {name}; `user list` prints all names")
}

/// As many as there are values of five bits.
const PASSWORD_CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
