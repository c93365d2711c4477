//! The subcommands: what is done to a data folder beside serving with it.
//!
//! None of them takes the folder's lock. They read and write the database as one more process, and SQLite has all of
//! them take turns; a server that runs sees at its next question what has changed.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufWriter, Read as _};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime};

use chatroom_core::limits::PASSWORD_BYTES_MAX;
use chatroom_core::message::hello::Registration;
use chatroom_core::name::{Account, NameKey, UserName};
use chatroom_core::secret::Password;
use zeroize::Zeroizing;

use crate::config::{Command, Config, InviteCommand, RoomCommand, UserCommand};
use crate::data;
use crate::identity::Identity;
use crate::keys::name_key;
use crate::passwords::Hasher;
use crate::store::{
    Checked, Compacted, ExportError, Invitation, Listed, ListedRoom, Login, Retention, Standing, Store,
    StoreError,
};
use crate::tokens;
use crate::unix;

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
        Command::Room(command) => room(config, command),
        Command::Compact => compact(config),
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
    let failed = |error: StoreError| error.to_string();
    match command {
        UserCommand::List => {
            let line = |Listed { name, standing }| match standing {
                Standing::Open => format!("{name}\n"),
                Standing::Disabled => format!("{name}\tdisabled\n"),
                Standing::Deleted => format!("{name}\tdeleted\n"),
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
        UserCommand::Logins { name } => match store.logins(&account(name)?, now()).map_err(failed)? {
            Some(logins) => Ok(logins.into_iter().map(login_line).collect()),
            None => Err(no_account(name)),
        },
        UserCommand::LogOut { name, login: Some(number) } => {
            match store.end_login(&account(name)?, *number).map_err(failed)? {
                true => Ok(format!(
                    "login {number} of {name} cannot be come back to any more; SIGHUP has a server that runs tell who is connected to go\n"
                )),
                false => Err(format!(
                    "there is no login {number} of {name}; `user logins {name}` prints all there are"
                )),
            }
        }
        UserCommand::LogOut { name, login: None } => {
            match store.end_sessions(&account(name)?).map_err(failed)? {
                Some(count) => Ok(format!(
                    "{count} logins of {name} cannot be come back to any more; SIGHUP has a server that runs tell who is connected to go\n"
                )),
                None => Err(no_account(name)),
            }
        }
        UserCommand::ResetPassword { name, stdin } => reset_password(config, &mut store, name, *stdin),
        UserCommand::Export { name, file } => export(&mut store, name, file.as_deref()),
        UserCommand::Delete { name, yes } => delete(&mut store, name, *yes),
    }
}

fn login_line(Login { number, begun, used, ends, client }: Login) -> String {
    let known = |time: Option<String>| time.map_or("unknown".to_owned(), |time| format!("{time} UTC"));
    let client = client.map_or(String::new(), |client| format!("\tin {client}"));
    format!("{number}\tbegun {}\tlast used {}\tuntil {ends} UTC{client}\n", known(begun), known(used))
}

fn export(store: &mut Store, name: &str, file: Option<&Path>) -> Result<String, String> {
    let account = account(name)?;
    let Some(file) = file else {
        let exported = store.export(&account, now(), &mut BufWriter::new(io::stdout().lock()));
        found(name, exported.map_err(|error| format!("standard output: {error}"))?)?;
        return Ok(String::new());
    };
    let exported =
        export_to(store, &account, file).map_err(|error| format!("{}: {error}", file.display()))?;
    found(name, exported)?;
    Ok(format!("all there is about {name} is written to {}\n", file.display()))
}

/// Writes to a new file, for its owner alone; one that is not whole is removed.
fn export_to(store: &mut Store, account: &Account, file: &Path) -> Result<bool, ExportError> {
    let mut options = OpenOptions::new();
    let out = unix::private_file(options.write(true).create_new(true)).open(file)?;
    let exported = store.export(account, now(), &mut BufWriter::new(&out));
    let exported = exported.and_then(|is_found| Ok(out.sync_all().map(|()| is_found)?));
    if !matches!(exported, Ok(true)) {
        // What is in the way of this is in the way of the next try too, and is told then.
        let _ = fs::remove_file(file);
    }
    exported
}

fn delete(store: &mut Store, name: &str, is_sure: bool) -> Result<String, String> {
    let failed = |error: StoreError| error.to_string();
    let account = account(name)?;
    if !is_sure {
        eprint!("Nothing brings an account back, or what it said. Type its name again to delete it: ");
        hear_again(&account, io::stdin().lock())?;
    }
    let Some(messages) = store.delete_account(&account).map_err(failed)? else {
        return Err(no_account(name));
    };
    let rest = if store.bytes().map_err(failed)? <= COMPACTED_BYTES_MAX {
        store.compact().map_err(failed)?;
        ""
    } else {
        store.empty_log().map_err(failed)?;
        "; parts of them may be left in unused places of the database until `compact` has written it anew, best while no \
         server runs"
    };
    Ok(format!(
        "{name} is deleted, and so is what they said in {messages} messages{rest}; nobody else can take the name; SIGHUP to \
         a server that runs ends a login there is already; backups have all of it still\n"
    ))
}

/// Whether the name is typed once more.
fn hear_again(account: &Account, input: impl BufRead) -> Result<(), String> {
    let mut line = String::new();
    input
        .take(ANSWER_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|error| format!("standard input cannot be read: {error}"))?;
    let typed = UserName::parse(line.trim()).and_then(|name| Account::new(name_key, name));
    if typed.is_ok_and(|typed| typed.key == account.key) {
        return Ok(());
    }
    Err("that is not the name, so nothing is deleted; type it, or say --yes".to_owned())
}

fn compact(config: &Config) -> Result<String, String> {
    let Compacted { bytes_before, bytes } = open(config)?.compact().map_err(|error| error.to_string())?;
    Ok(format!(
        "the database is written anew and has {bytes} bytes instead of {bytes_before}; nothing that was deleted is in it\n"
    ))
}

fn room(config: &Config, command: &RoomCommand) -> Result<String, String> {
    let mut store = open(config)?;
    let failed = |error: StoreError| error.to_string();
    match command {
        RoomCommand::List => Ok(store.list_rooms().map_err(failed)?.into_iter().map(room_line).collect()),
        RoomCommand::Keep { name, days, messages, as_the_rest } => {
            let keep = Retention { days: days.unwrap_or(0), messages: messages.unwrap_or(0) };
            let keep = (!as_the_rest).then_some(keep);
            let key = NameKey::new(name_key, name);
            if !store.set_room_retention(&key, keep).map_err(failed)? {
                return Err(format!("there is no room {name} on the disk; `room list` prints all there are"));
            }
            let how_much = keep.map_or("as much as of the rest".to_owned(), how_much);
            Ok(format!("{name}: {how_much} is kept; SIGHUP has a server that runs look at once\n"))
        }
    }
}

fn room_line(ListedRoom { name, messages, keep }: ListedRoom) -> String {
    let keep = keep.map_or(String::new(), |keep| format!("\tkept: {}", how_much(keep)));
    format!("{name}\t{messages} messages{keep}\n")
}

fn how_much(keep: Retention) -> String {
    match keep {
        Retention { days: 0, messages: 0 } => "everything".to_owned(),
        Retention { days: 0, messages } => format!("the last {messages} messages"),
        Retention { days, messages: 0 } => format!("what was said in the last {days} days"),
        Retention { days, messages } => {
            format!("what was said in the last {days} days, the last {messages} messages at most")
        }
    }
}

/// The time, counted from 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
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
    let failed = |error: StoreError| error.to_string();
    let now = now();
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
    let mut input = io::stdin().lock().take(PASSWORD_BYTES_MAX as u64 + 3);
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

/// More than any name has bytes, with the end of its line.
const ANSWER_BYTES_MAX: u64 = 1_024;
/// A database of so many bytes is written anew at once when an account was deleted. Four times as many took 0.4 s of a core, and
/// 4.8 s on a disk that others kept busy; after 5 s a server would tell those who talk that it is busy.
const COMPACTED_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// As many as there are values of five bits.
const PASSWORD_CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_deleted_by_who_types_its_name_again() {
        let harper = account("Harper").unwrap();
        for (typed, is_it) in [
            ("Harper\n", true),
            ("harper\r\n", true),
            ("HARPER", true),
            ("", false),
            ("y\n", false),
            ("harpe\nr", false),
        ] {
            assert_eq!(hear_again(&harper, typed.as_bytes()).is_ok(), is_it, "{typed:?}");
        }
    }

    #[test]
    fn how_much_is_kept_is_said_in_words() {
        for (days, messages, expected) in [
            (0, 0, "everything"),
            (7, 0, "what was said in the last 7 days"),
            (0, 5, "the last 5 messages"),
            (7, 5, "what was said in the last 7 days, the last 5 messages at most"),
        ] {
            assert_eq!(how_much(Retention { days, messages }), expected);
        }
    }
}
