use std::fs;

use tempfile::TempDir;

use super::*;

const SMALL: Program = Program { name: "chatroom-test", connections_max: 4_096 };

/// Loads with flags, an environment and a file's content; `{}` in a flag or variable is the file's path.
fn load(flags: &[&str], env: &[(&str, &str)], file: Option<&str>) -> Result<Config, ConfigError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("chatroom.toml");
    let fill = |text: &str| text.replace("{}", path.to_str().unwrap());
    let mut args = vec!["chatroom-test".to_owned()];
    if let Some(content) = file {
        fs::write(&path, content).unwrap();
        args.extend(["--config".to_owned(), fill("{}")]);
    }
    args.extend(flags.iter().map(|flag| fill(flag)));
    let env = |name: &str| env.iter().find(|(set, _)| *set == name).map(|(_, value)| fill(value).into());
    Config::load(&SMALL, args.into_iter().map(OsString::from), env).map_err(|error| match error {
        // Another folder each time.
        ConfigError::Wrong(line) => ConfigError::Wrong(line.replace(path.to_str().unwrap(), "FILE")),
        print @ ConfigError::Print(_) => print,
    })
}

/// Checks that loading fails with this line.
#[track_caller]
fn check_wrong(flags: &[&str], env: &[(&str, &str)], file: Option<&str>, expected: &str) {
    match load(flags, env, file) {
        Err(ConfigError::Wrong(line)) => {
            assert_eq!(line, expected);
            assert_eq!(line.lines().count(), 1);
        }
        other => panic!("{other:?}"),
    }
}

fn addresses(config: &Config) -> String {
    config.listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn rooms(config: &Config) -> Vec<&str> {
    config.rooms.iter().map(RoomName::as_str).collect()
}

#[test]
fn without_a_word_everything_has_its_default() {
    let config = load(&["--data-dir", "data"], &[], None).unwrap();
    assert_eq!(
        config,
        Config {
            listen: vec!["127.0.0.1:65432".parse().unwrap()],
            data_dir: "data".into(),
            certificate: None,
            rooms: vec![RoomName::parse("example").unwrap()],
            limits: Limits { connections_max: 4_096, ..Limits::default() },
            pbkdf2_iterations: 600_000,
            registration: Registration::Open,
            history: true,
            keep: Retention { days: 0, messages: 0 },
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
            metrics: None,
        }
    );
    assert_eq!(config.notes(), [""; 0]);
}

#[test]
fn the_default_data_folder_is_the_platforms() {
    let config = load(&[], &[], None).unwrap();
    assert!(config.data_dir.to_string_lossy().to_lowercase().contains("chatroom"), "{:?}", config.data_dir);
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "listen = ['127.0.0.1:1']\ndata-dir = '/f'\nroom = ['f']\nmin-password-chars = 5\nmessage-rate = 5\n\
                pbkdf2-iterations = 5000\nregistration = 'closed'\nhistory = 'off'\nkeep-days = 50\nkeep-messages = 500\nlog-level = 'error'\nlog-format = 'json'\n\
                cert = '/f'\nkey = '/f'";
    let env = [
        ("CHATROOM_LISTEN", "127.0.0.1:2"),
        ("CHATROOM_DATA_DIR", "/e"),
        ("CHATROOM_ROOM", "e"),
        ("CHATROOM_MIN_PASSWORD_CHARS", "6"),
        ("CHATROOM_MESSAGE_RATE", "6"),
        ("CHATROOM_PBKDF2_ITERATIONS", "6000"),
        ("CHATROOM_REGISTRATION", "open"),
        ("CHATROOM_HISTORY", "on"),
        ("CHATROOM_KEEP_DAYS", "60"),
        ("CHATROOM_KEEP_MESSAGES", "600"),
        ("CHATROOM_LOG_LEVEL", "warn"),
        ("CHATROOM_LOG_FORMAT", "text"),
        ("CHATROOM_CERT", "/e"),
        ("CHATROOM_KEY", "/e"),
    ];
    let flags = [
        "--listen=127.0.0.1:3",
        "--data-dir=/a",
        "--room=a",
        "--min-password-chars=7",
        "--message-rate=7",
        "--pbkdf2-iterations=7000",
        "--registration=closed",
        "--history=off",
        "--keep-days=70",
        "--keep-messages=700",
        "--log-level=debug",
        "--log-format=json",
        "--cert=/a",
        "--key=/a",
    ];
    let brief = |config: Config| {
        let certificate = config.certificate.clone().map(|files| (files.cert, files.key));
        format!(
            "{} {:?} {:?} {} {} {} {:?} {} {} {} {:?} {:?} {certificate:?}",
            addresses(&config),
            config.data_dir,
            rooms(&config),
            config.limits.password_chars_min,
            config.limits.message_rate,
            config.pbkdf2_iterations,
            config.registration,
            config.history,
            config.keep.days,
            config.keep.messages,
            config.log_level,
            config.log_format,
        )
    };
    let of_file = r#"127.0.0.1:1 "/f" ["f"] 5 5 5000 Closed false 50 500 Error Json Some(("/f", "/f"))"#;
    let of_env = r#"127.0.0.1:2 "/e" ["e"] 6 6 6000 Open true 60 600 Warn Text Some(("/e", "/e"))"#;
    let of_flags = r#"127.0.0.1:3 "/a" ["a"] 7 7 7000 Closed false 70 700 Debug Json Some(("/a", "/a"))"#;
    assert_eq!(brief(load(&[], &[], Some(file)).unwrap()), of_file);
    assert_eq!(brief(load(&[], &env, Some(file)).unwrap()), of_env);
    assert_eq!(brief(load(&flags, &env, Some(file)).unwrap()), of_flags);
    assert_eq!(brief(load(&flags, &env, None).unwrap()), of_flags);
    // One at a time: the one that is not said falls through to the next.
    for (number, flag) in flags.iter().enumerate() {
        let mixed = brief(load(&[flag], &env, Some(file)).unwrap());
        assert!(mixed != of_env, "{flag}");
        let some: Vec<_> = env.iter().copied().take(number).collect();
        assert!(load(&[], &some, Some(file)).is_ok(), "{flag}");
    }
}

#[test]
fn every_flag_is_in_the_environment_and_the_file() {
    // A value that no setting takes: who complains, has read it.
    for name in Texts::names() {
        let variable = Source::Environment.name(&name);
        if !["data-dir", "cert", "key", "config"].contains(&name.as_str()) {
            let error = load(&[], &[(variable.as_str(), "\u{202e}?")], None).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{variable}: ")), "{name}: {error}");
        }
        if name != "config" {
            let error = load(&[], &[], Some(&format!("{name} = {{}}"))).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("FILE: {name} is of the type table, but must be ")),
                "{error}"
            );
        }
    }
}

#[test]
fn the_environment_can_name_the_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("elsewhere.toml");
    fs::write(&path, "room = ['found']\ncert = 'c.pem'\nkey = '/k.pem'").unwrap();
    let env = [("CHATROOM_CONFIG", path.to_str().unwrap()), ("CHATROOM_CERT", "")];
    let config = load(&[], &env, None).unwrap();
    assert_eq!(rooms(&config), ["found"]);
    let files = config.certificate.expect("it is in the file");
    assert_eq!((files.cert, files.key), (folder.path().join("c.pem"), "/k.pem".into()));
}

#[test]
fn lists_are_split_in_the_environment_alone() {
    let config = load(
        &["--room", "a,b", "--room", "c"],
        &[("CHATROOM_LISTEN", "[::1]:1, 127.0.0.1:0,127.0.0.1:0")],
        None,
    );
    let config = config.unwrap();
    assert_eq!(rooms(&config), ["a,b", "c"]);
    assert_eq!(addresses(&config), "[::1]:1 127.0.0.1:0 127.0.0.1:0");
    assert_eq!(rooms(&load(&[], &[("CHATROOM_ROOM", "a, b c,d")], None).unwrap()), ["a", "b c", "d"]);
    assert_eq!(rooms(&load(&[], &[], Some("room = []")).unwrap()), [""; 0]);
}

#[test]
fn passwords_are_longer_where_the_server_can_be_reached_from_elsewhere() {
    fn check(flags: &[&str], file: &str, chars: usize) {
        let config = load(flags, &[], Some(file)).unwrap();
        assert_eq!(config.limits.password_chars_min, chars, "{flags:?} {file:?}");
    }
    check(&["--listen=127.9.9.9:1", "--listen=[::1]:1", "--listen=[::ffff:127.0.0.1]:1"], "", 4);
    check(&["--listen=127.0.0.1:1", "--listen=0.0.0.0:1"], "", 10);
    check(&["--listen=[::]:1"], "", 10);
    check(&["--listen=[::]:1", "--min-password-chars=4"], "", 4);
    check(&["--listen=[::]:1"], "min-password-chars = 6", 6);
    check(&["--listen=[::]:1"], "limits.password_chars_min = 4", 4);
    check(&["--listen=[::]:1", "--min-password-chars=8"], "limits.password_chars_min = 6", 8);
}

#[test]
fn every_limit_can_be_set_in_the_file() {
    let limits = Limits { password_queue_jobs_max: Some(7), ..Limits::default() };
    let table = toml::Table::try_from(&limits).unwrap();
    for (limit, value) in &table {
        let other: toml::Value = match value.as_integer() {
            Some(number) => (number + i64::from(limit != "list_bytes_max")).into(),
            None => (!value.as_bool().unwrap()).into(),
        };
        let config = load(&[], &[], Some(&format!("[limits]\n{limit} = {other}")));
        let config = config.unwrap_or_else(|error| panic!("{limit} = {other}: {error}"));
        let set = toml::Table::try_from(&config.limits).unwrap();
        assert_eq!(set.get(limit), Some(&other), "{limit}");
    }
    let whole = format!("[limits]\n{table}");
    assert_eq!(load(&[], &[], Some(&whole)).unwrap().limits, limits);
    assert_eq!(load(&[], &[], Some("")).unwrap().limits.connections_max, 4_096);
}

#[test]
fn a_message_rate_of_nothing_lifts_what_else_is_against_floods() {
    fn check(flags: &[&str], file: &str, list_rate: u32, move_rate: u32, refusals_max: u32) {
        let limits = load(flags, &[], Some(file)).unwrap().limits;
        let rates = (limits.list_rate, limits.move_rate, limits.refusals_max);
        assert_eq!(rates, (list_rate, move_rate, refusals_max), "{flags:?} {file:?}");
    }
    check(&[], "", 2, 50, 1_000);
    check(&["--message-rate", "1"], "", 2, 50, 1_000);
    check(&["--message-rate", "0"], "", 0, 0, 0);
    check(&[], "limits.message_rate = 0", 0, 0, 0);
    check(&["--message-rate", "0"], "limits.list_rate = 7", 7, 0, 0);
}

#[test]
fn an_example_as_a_reader_would_write_it() {
    let config = load(
        &[],
        &[],
        Some(
            r#"
            # A server for the family.
            listen = ["0.0.0.0:65432", "[::1]:65432"]
            data-dir = "/var/lib/chatroom"
            cert = "/etc/chatroom/fullchain.pem"
            key = "/etc/chatroom/privkey.pem"
            room = ["kitchen", "garden"]
            registration = "closed"
            min-password-chars = 12
            message-rate = 5
            log-format = "json"

            [limits]
            connections_max = 500
            message_rate = 5
            message_burst = 20
            "#,
        ),
    )
    .unwrap();
    assert_eq!(rooms(&config), ["kitchen", "garden"]);
    assert_eq!((config.limits.connections_max, config.limits.message_rate), (500, 5));
}

#[test]
fn few_rounds_are_worth_a_note() {
    let notes = load(&["--pbkdf2-iterations", "1000"], &[], None).unwrap().notes();
    assert!(
        matches!(&notes[..], [note] if note.contains("1000 rounds") && note.contains("600000")),
        "{notes:?}"
    );
}

#[test]
fn help_and_version_are_printed_and_not_faults() {
    let Err(ConfigError::Print(version)) = load(&["--version"], &[], None) else { panic!() };
    assert_eq!(version, format!("chatroom-test {}\n", env!("CARGO_PKG_VERSION")));
    let Err(ConfigError::Print(help)) = load(&["--help"], &[], None) else { panic!() };
    for name in Texts::names() {
        assert!(help.contains(&format!("--{name}")), "{name}: {help}");
    }
    assert!(help.contains("CHATROOM_DATA_DIR") && help.contains("Usage: chatroom-test"), "{help}");
}

#[test]
fn wrong_flags_are_told_in_a_line() {
    for (flags, expected) in [
        (&["--prot"][..], "unexpected argument '--prot' found; see --help"),
        (
            &["--listn", "x"],
            "unexpected argument '--listn' found; a similar argument exists: '--listen'; see --help",
        ),
        (&["--listen"], "a value is required for '--listen <ADDR:PORT>' but none was supplied; see --help"),
        (&["extra"], "unrecognized subcommand 'extra'; see --help"),
        (
            &["--key", "a", "--key", "b"],
            "the argument '--key <FILE>' cannot be used multiple times; see --help",
        ),
        (
            &["--listen", "localhost:1"],
            "--listen: 'localhost:1' is not an IP address and a port; write it like 127.0.0.1:65432, [::1]:65432 or \
             0.0.0.0:65432",
        ),
        (&["--listen=[::1]:5", "--listen=[::1]:5"], "--listen: [::1]:5 is there twice; leave one out"),
        (
            &["--room", "two\nlines"],
            "--room: 'two\\nlines' cannot be a room: A name cannot contain control characters; choose another name",
        ),
        (
            &["--room", "Lobby"],
            "--room: 'Lobby' is the room everybody starts in and always there; leave it out",
        ),
        (&["--room=Tea", "--room=TEA"], "--room: 'Tea' and 'TEA' are one name; leave one out"),
        (
            &["--message-rate", "-1"],
            "--message-rate: '-1' is not a number this setting can take; write a whole number from 0",
        ),
        (
            &["--min-password-chars", "0"],
            "--min-password-chars: password_chars_min must be between 1 and 128",
        ),
        (
            &["--pbkdf2-iterations", "0"],
            "--pbkdf2-iterations: 0 is not between 1 and 10000000; 600000 is recommended",
        ),
        (&["--history", "yes"], "--history: 'yes' is not one of on, off"),
        (
            &["--keep-days", "for ever"],
            "--keep-days: 'for ever' is not a number this setting can take; write a whole number from 0",
        ),
        (&["--registration", "shut"], "--registration: 'shut' is not one of open, invite, closed"),
        (&["--log-level", "all"], "--log-level: 'all' is not one of error, warn, info, debug, trace"),
        (
            &["--cert", "a.pem"],
            "--cert: a certificate and its key go together; give --key too, or neither for the self-made identity",
        ),
        (
            &["--key", "a.pem"],
            "--key: a certificate and its key go together; give --cert too, or neither for the self-made identity",
        ),
    ] {
        check_wrong(flags, &[], None, expected);
    }
}

#[test]
fn wrong_variables_are_told_in_a_line() {
    for (variable, value, expected) in [
        (
            "CHATROOM_ROOM",
            "a,,b",
            "CHATROOM_ROOM: '' cannot be a room: A name needs at least one character; choose another name",
        ),
        ("CHATROOM_LOG_FORMAT", "xml", "CHATROOM_LOG_FORMAT: 'xml' is not one of text, json"),
        (
            "CHATROOM_CERT",
            "a.pem",
            "CHATROOM_CERT: a certificate and its key go together; give --key too, or neither for the self-made identity",
        ),
    ] {
        check_wrong(&[], &[(variable, value)], None, expected);
    }
}

#[test]
fn a_wrong_file_is_told_in_a_line() {
    for (file, expected) in [
        ("listn = []", "FILE: there is no setting listn; did you mean listen?"),
        ("limit = {}", "FILE: there is no setting limit; did you mean limits?"),
        (
            "config = 'x'",
            "FILE: there is no setting config; leave it out, or take one of listen, data-dir, cert, key, room, \
           min-password-chars, message-rate, pbkdf2-iterations, registration, history, keep-days, keep-messages, log-level, log-format, metrics, limits",
        ),
        ("rooms_max = 5", "FILE: rooms_max is a limit; move it below a line [limits]"),
        (
            "listen = '127.0.0.1:1'",
            "FILE: listen is of the type string, but must be a list of texts, such as [\"127.0.0.1:65432\"]",
        ),
        (
            "listen = []",
            "FILE: listen: the list is empty; name an address, or leave the setting out for 127.0.0.1:65432",
        ),
        (
            "message-rate = '5'",
            "FILE: message-rate is of the type string, but must be a whole number without quotes",
        ),
        ("history = false", "FILE: history is of the type boolean, but must be \"on\" or \"off\""),
        ("registration = true", "FILE: registration is of the type boolean, but must be a text in quotes"),
        ("registration = 'shut'", "FILE: registration: 'shut' is not one of open, invite, closed"),
        (
            "room = ['lobby']",
            "FILE: room: 'lobby' is the room everybody starts in and always there; leave it out",
        ),
        (
            "limits = 5",
            "FILE: limits is of the type integer, but must be a table: write [limits] and the limits below it",
        ),
        ("[limits]\nroom_max = 5", "FILE: there is no limits.room_max; did you mean rooms_max?"),
        (
            "[limits]\nrooms_max = 'many'",
            "FILE: limits.rooms_max = \"many\" is not a value it can take; write a whole number from 0, such as the \
             default 10000",
        ),
        (
            "[limits]\nbad_frames_max = -1",
            "FILE: limits.bad_frames_max = -1 is not a value it can take; write a whole number from 0, such as the \
             default 3",
        ),
        (
            "[limits]\npassword_queue_jobs_max = 1.5",
            "FILE: limits.password_queue_jobs_max = 1.5 is not a value it can take; write a whole number from 0",
        ),
        (
            "[limits]\nloopback_is_exempt = 1",
            "FILE: limits.loopback_is_exempt = 1 is not a value it can take; write true or false, such as the default \
             true",
        ),
        (
            "[limits]\nframe_bytes_max = 2048",
            "FILE: [limits]: frame_bytes_max must not be below frame_before_login_bytes_max",
        ),
        ("[limits]\npassword_chars_min = 0", "FILE: [limits]: password_chars_min must be between 1 and 128"),
        ("min-password-chars = 0", "FILE: min-password-chars: password_chars_min must be between 1 and 128"),
        (
            "message-rate = 5\n[limits]\nmessage_rate = 6",
            "FILE: message-rate = 5 and limits.message_rate = 6 are one setting with two values; leave one out",
        ),
        (
            "min-password-chars = 5\n[limits]\npassword_chars_min = 6",
            "FILE: min-password-chars = 5 and limits.password_chars_min = 6 are one setting with two values; leave one out",
        ),
        (
            "room = ['a', 'b']\n[limits]\nrooms_max = 1",
            "2 rooms are to exist from the start, but limits.rooms_max is 1; name fewer, or raise the limit",
        ),
        (
            "cert = 'x'",
            "FILE: cert: a certificate and its key go together; give --key too, or neither for the self-made identity",
        ),
    ] {
        check_wrong(&[], &[], Some(file), expected);
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line() {
    for (file, line) in
        [("listen", 1), ("room = ['a']\n\nkey = {\n", 3), ("a = 1\na = 2", 2), ("\n\n[limits", 3)]
    {
        let Err(ConfigError::Wrong(error)) = load(&[], &[], Some(file)) else { panic!("{file}") };
        assert!(error.starts_with(&format!("FILE: line {line} is not TOML: ")), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let error = load(&["--config", "/nowhere/chatroom.toml"], &[], None).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/chatroom.toml: the configuration file cannot be read: "), "{error}");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("latin1.toml");
    fs::write(&path, b"room = ['Caf\xe9']").unwrap();
    let error = load(&["--config", path.to_str().unwrap()], &[], None).unwrap_err().to_string();
    assert!(error.ends_with("the configuration file is not UTF-8; save it as UTF-8"), "{error}");
}

#[test]
fn metrics_are_served_to_this_machine_alone() {
    let config = load(&["--metrics", "[::1]:9464"], &[], None).unwrap();
    assert_eq!(config.metrics, Some("[::1]:9464".parse().unwrap()));
    check_wrong(
        &[],
        &[("CHATROOM_METRICS", "192.0.2.7:9464")],
        None,
        "CHATROOM_METRICS: 192.0.2.7:9464 can be reached from other machines, and nobody is asked there who they are; \
         take an address like 127.0.0.1:9464, and put what asks them in front of it",
    );
}

#[test]
fn where_a_program_listens_already_is_where_it_listens() {
    let args = ["chatroom-test", "--listen", "127.0.0.1:1"].map(OsString::from);
    let handed = ["0.0.0.0:65432".parse().unwrap()];
    let (config, command) = Config::load_with_command(&SMALL, &handed, args, |_| None).unwrap();
    assert_eq!(config.listen, handed);
    assert_eq!(config.limits.password_chars_min, 10, "others can come in");
    assert_eq!(command, None);
}

#[test]
fn a_subcommand_takes_the_folder_before_it_and_after_it() {
    for args in [&["--data-dir", "d", "backup", "f"][..], &["backup", "f", "--data-dir", "d"]] {
        let args = ["chatroom-test"].iter().chain(args).map(OsString::from);
        let (config, command) = Config::load_with_command(&SMALL, &[], args, |_| None).unwrap();
        assert_eq!(config.data_dir, Path::new("d"));
        assert_eq!(command, Some(Command::Backup { file: "f".into() }));
    }
}

#[test]
fn what_a_running_server_takes_over_is_told_from_what_waits() {
    let mut config = load(&[], &[], None).unwrap();
    let new = load(
        &[
            "--registration",
            "closed",
            "--message-rate",
            "3",
            "--room",
            "other",
            "--metrics",
            "127.0.0.1:9464",
            "--keep-days",
            "30",
        ],
        &[],
        Some("[limits]\npassword_nice = 5\npassword_queue_jobs_max = 7"),
    );
    let changes = config.take_over(new.unwrap());
    assert_eq!(
        changes.made,
        ["message_rate 10 to 3", "password_queue_jobs_max unset to 7", "registration", "keep-days",]
    );
    assert_eq!(changes.waiting, ["password_nice 10 to 5", "room", "metrics"]);
    assert_eq!((config.limits.message_rate, config.limits.password_nice), (3, 10));
    assert_eq!((config.registration, config.keep.days), (Registration::Closed, 30));
    assert_eq!(config.metrics, None);
}
