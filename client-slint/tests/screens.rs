//! What the window shows after each thing that happens: every case in `screens/` is a test.
//!
//! A case begins with `# its title`. `@ room` starts it there instead of at the first page, `@ kept room` with a file that
//! keeps what is read and typed, `@ many lobby` at a server where many rooms are taken part in. A step is `> ` what the
//! person does or `< ` what the network tells; below it stand the lines of the screen that came (`+`) and went (`-`),
//! and what the controller wants done (`!`). `UPDATE_SCREENS=1` writes them anew; read the difference before you keep
//! it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use std::{env, fs};

use chatroom_core::client::{Command, Conversation, End, Event, Friends, Kept, Past, Place, Room, Span};
use chatroom_core::message::Kind;
use chatroom_core::message::friend::Op;
use chatroom_core::message::hello::{Caps, Greeting, Registration};
use chatroom_core::message::history::Edge;
use chatroom_core::message::logins::{ClientName, GrantId, Login};
use chatroom_core::message::presence::{Presence, PresenceState, StatusText};
use chatroom_core::message::push::Posted;
use chatroom_core::message::rooms::Crowd;
use chatroom_core::name::{RoomName, UserName};
use chatroom_core::secret::Token;
use client_slint::controller::{Controller, Effect, Trusting};
use client_slint::log::{Delivery, Log};
use client_slint::network::{Fault, Identity, Link, News, Order};
use client_slint::sentence::Phrase;
use client_slint::store::{
    Account, Fate, Known, Line, Login as KeptLogin, Older, Opened, Outgoing, Overview, Reading, Request,
    Told, Unseen,
};
use jiff::civil::{DateTime, date};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.sort();
    if env::var_os("UPDATE_SCREENS").is_some() {
        files.iter().for_each(|file| rewrite(file));
    }
    let trials: Vec<Trial> = files.iter().flat_map(|file| trials(file)).collect();
    assert!(!trials.is_empty(), "{} has no cases", folder.display());
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trials(file: &Path) -> Vec<Trial> {
    let topic = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let cases = cases(&read(file));
    cases
        .into_iter()
        .map(|case| Trial::test(format!("{topic}: {}", title(&case)), move || check(&case)))
        .collect()
}

fn check(case: &str) -> Result<(), Failed> {
    let actual = record(case)?;
    if actual == case { Ok(()) } else { Err(format!("--- expected\n{case}\n--- actual\n{actual}").into()) }
}

fn rewrite(file: &Path) {
    let recorded: Result<Vec<String>, String> = cases(&read(file)).iter().map(|case| record(case)).collect();
    let recorded = recorded.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    fs::write(file, recorded.join("\n")).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn cases(text: &str) -> Vec<String> {
    let mut cases: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("# ") {
            cases.push(String::new());
        }
        let case = cases.last_mut().expect("a file begins with a case");
        case.push_str(line);
        case.push('\n');
    }
    cases
}

fn title(case: &str) -> &str {
    case.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default()
}

/// Plays a case, and writes down what happened.
fn record(case: &str) -> Result<String, String> {
    let mut seat = Seat::new();
    let mut record = String::new();
    for line in case.lines() {
        let is_step = match line.split_at_checked(2) {
            Some(("# ", _)) => false,
            Some(("@ ", place)) => {
                seat.start_at(place)?;
                false
            }
            Some(("> ", step)) => seat.person(step).map(|()| true)?,
            Some(("< ", step)) => seat.network(step).map(|()| true)?,
            Some(("+ " | "- " | "! ", _)) => continue,
            _ => return Err(format!("no such line: {line}")),
        };
        record.push_str(line);
        record.push('\n');
        if is_step {
            record.push_str(&seat.difference());
        }
    }
    Ok(record)
}

struct Seat {
    controller: Controller,
    log: Rc<RefCell<Log>>,
    now: DateTime,
    seen: Vec<String>,
}

impl Seat {
    fn new() -> Self {
        let log = Rc::new(RefCell::new(Log::default()));
        let controller = Controller::new(Rc::clone(&log));
        let mut seat = Self { controller, log, now: date(2026, 11, 24).at(9, 0, 0, 0), seen: Vec::new() };
        seat.difference();
        seat
    }

    fn start_at(&mut self, place: &str) -> Result<(), String> {
        let (place, is_many) = place.strip_prefix("many ").map_or((place, false), |place| (place, true));
        let (place, is_kept) = place.strip_prefix("kept ").map_or((place, is_many), |place| (place, true));
        if is_kept {
            self.controller.keep_in_file([0; 12]);
        }
        let steps: &[&str] = match place {
            "start" => &[],
            "login" => &["> connect chat.example", "< trusted authority", "< connected", "< greeted open"],
            "lobby" if is_many => &[
                "> connect chat.example",
                "< trusted authority",
                "< connected",
                "< greeted open many",
                "> log in ann: secret words",
                "< logged in ann",
                "< crowds: den=2; attic=1; cellar=0",
                "< places: den 3 3; attic 0 0",
                "< told overview",
                "< told unseen:",
            ],
            "room" if is_many => {
                &["@ many lobby", "> pick den", "< told den seen 3: bob@3=three", "< members den: ann bob"]
            }
            "lobby" => &["@ login", "> log in ann: secret words", "< logged in ann"],
            "room" if is_kept => {
                &["@ lobby", "> enter: den", "< told den", "< entered den", "< members den: ann bob"]
            }
            "room" => &["@ lobby", "< entered den", "< members den: ann bob"],
            place => return Err(format!("no such place: {place}")),
        };
        for step in steps {
            match step.split_at(2) {
                ("@ ", place) => self.start_at(place)?,
                ("> ", step) => self.person(step)?,
                (_, step) => self.network(step)?,
            }
        }
        self.difference();
        Ok(())
    }

    fn person(&mut self, step: &str) -> Result<(), String> {
        let (words, value) =
            step.split_once(": ").or(step.strip_suffix(':').map(|words| (words, ""))).unwrap_or((step, ""));
        let words: Vec<&str> = words.split(' ').collect();
        let controller = &mut self.controller;
        controller.set_now(self.now);
        match words[..] {
            ["connect", address] => controller.connect(address, Trusting::Checked),
            ["connect", address, "insecurely"] => controller.connect(address, Trusting::AnyoneInsecurely),
            ["go", "on", ref how @ ..] => {
                let address = "chat.example:65432";
                let account = Account { server: address.into(), address: address.into(), name: "ann".into() };
                let (how, is_many) = match how {
                    ["many", how @ ..] => (how, true),
                    how => (how, false),
                };
                let (value, rest) = value.split_once(" | ").unwrap_or((value, ""));
                let place = (!how.is_empty()).then(|| opened(how, value)).transpose()?;
                let overview = match is_many {
                    true => overview_with(place.as_ref(), rest)?,
                    false => Overview::default(),
                };
                let token = Token::new("token".to_owned().into());
                let invitation = address.parse().map_err(|_| "it is an address".to_owned())?;
                controller.go_on(KeptLogin { account, token, place, overview }, invitation);
            }
            ["trust"] => controller.trust(),
            ["disconnect"] => controller.disconnect(),
            ["try", "now"] => controller.retry_now(),
            ["register", name] => controller.register(name, value),
            ["log", "in", name] => controller.log_in(name, value),
            ["log", "out"] => controller.log_out(),
            ["type", "password", "for", name] => controller.password_edited(name, value, true),
            ["refresh"] => controller.refresh(),
            ["search"] => controller.search(value),
            ["switcher"] => controller.search_switcher(value),
            ["create"] => controller.create(value),
            ["enter"] => controller.enter(value),
            ["leave"] => controller.leave(),
            ["pick", name] => {
                let (name, is_private) = name.strip_prefix('@').map_or((name, false), |name| (name, true));
                controller.pick(name, is_private);
            }
            ["step", step] => controller.step(step.parse().map_err(|_| format!("no step: {step}"))?),
            ["show", "lobby"] => controller.show_lobby(),
            ["take", "part"] => controller.take_part(),
            ["be", state] => {
                let state = PresenceState::ALL.into_iter().find(|known| known.as_str() == state);
                controller.be(state.ok_or_else(|| format!("no such state: {step}"))?, value);
            }
            ["list", "logins"] => controller.list_logins(),
            ["end", "login", id] => {
                controller.end_login(id.parse().map_err(|_| format!("no number: {id}"))?);
            }
            ["befriend"] => controller.befriend(value),
            ["friends", "like"] => controller.search_friends(value),
            ["tie", op, name] => {
                let op = Op::ALL.into_iter().find(|known| known.as_str() == op);
                controller.change_tie(op.ok_or_else(|| format!("no such thing: {step}"))?, name);
            }
            ["whisper", name] => drop(controller.whisper(name, value)),
            ["type"] => controller.draft_edited(value),
            ["understand"] => controller.understand(),
            ["say"] => {
                controller.send(&value.replace("\\n", "\n"));
            }
            ["say", "bytes", count] => {
                controller.send(&"x".repeat(number(count)?));
            }
            ["type", "bytes", count] => controller.draft_edited(&"x".repeat(number(count)?)),
            ["retry", id] => controller.retry(u32::try_from(number(id)?).map_err(|error| error.to_string())?),
            ["discard", id] => {
                controller.discard(u32::try_from(number(id)?).map_err(|error| error.to_string())?)
            }
            ["select", step] => {
                controller.select(step.parse().map_err(|_| format!("no step: {step}"))?);
            }
            ["deselect"] => controller.deselect(),
            ["read", "older"] => controller.read_older(),
            ["scroll", "up"] => controller.set_following(false),
            ["scroll", "down"] => controller.set_following(true),
            ["look", "away"] => controller.set_in_front(false),
            ["look", "back"] => controller.set_in_front(true),
            ["wait", minutes] => self.now += Duration::from_secs(60 * number(minutes)? as u64),
            _ => return Err(format!("nobody can do this: {step}")),
        }
        Ok(())
    }

    fn network(&mut self, step: &str) -> Result<(), String> {
        let news = if step.starts_with("link ") || step.starts_with("trusted ") {
            News::Link(link(step)?)
        } else if let Some(told) = step.strip_prefix("told ") {
            News::Store(self::told(told)?)
        } else {
            News::Client(event(step)?)
        };
        self.controller.apply(self.now, [news]);
        Ok(())
    }

    /// What came, what went, and what is to be done.
    fn difference(&mut self) -> String {
        let mut lines: Vec<String> =
            self.controller.screen().to_string().lines().map(str::to_owned).collect();
        lines.extend(self.rows());
        let mut text = String::new();
        for line in self.seen.iter().filter(|line| !lines.contains(line)) {
            let _ = writeln!(text, "- {line}");
        }
        for line in lines.iter().filter(|line| !self.seen.contains(line)) {
            let _ = writeln!(text, "+ {line}");
        }
        self.seen = lines;
        while let Some(effect) = self.controller.poll_effect() {
            let _ = writeln!(text, "! {}", shown_effect(effect));
        }
        text
    }

    fn rows(&self) -> Vec<String> {
        let log = self.log.borrow();
        let row = |index| {
            let view = log.view(index)?;
            let mut line = format!("message {}: ", view.row.id);
            if view.is_new_day {
                line += &format!("[{}] ", view.row.at.date());
            }
            if view.is_first_unread {
                line += "[new] ";
            }
            if view.is_head {
                line += &format!("{} {}: ", view.row.at.strftime("%H:%M"), view.row.author);
            }
            line += &view.row.text.replace('\n', "\\n");
            if let Some(peer) = &view.row.peer {
                line += &format!(" (private, {peer})");
            }
            line += match (view.row.delivery, view.row.is_own) {
                (Delivery::Sent, false) => "",
                (Delivery::Sent, true) => " (own)",
                (Delivery::Sending, _) => " (own, sending)",
                (Delivery::Waiting, _) => " (own, waiting)",
                (Delivery::Failed, _) => " (own, failed)",
                (Delivery::Uncertain, _) => " (own, uncertain)",
            };
            Some(line)
        };
        (0..log.len()).filter_map(row).collect()
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("no number: {text}"))
}

fn link(step: &str) -> Result<Link, String> {
    let key = |byte: &str| {
        format!("sha256:{}", byte.repeat(32)).parse().map_err(|error| format!("{byte}: {error}"))
    };
    Ok(match step.split(' ').collect::<Vec<_>>()[..] {
        ["link", "connecting"] => Link::Connecting,
        ["link", "question", byte] => Link::Question(key(byte)?),
        ["link", "wrong", "key", expected, found] => {
            Link::WrongKey { expected: key(expected)?, found: key(found)? }
        }
        ["link", "refused", "connection"] => Link::Refused(Fault::RefusedConnection),
        ["link", "refused", "unknown", "host"] => Link::Refused(Fault::UnknownHost),
        ["link", "refused", "timeout"] => Link::Refused(Fault::TimedOut),
        ["link", "refused", "not", "tls"] => Link::Refused(Fault::NotTls),
        ["link", "refused", "certificate"] => Link::Refused(Fault::Tls("it has expired".into())),
        ["link", "refused", "unreachable"] => Link::Refused(Fault::Unreachable("no route".into())),
        ["link", "away", ms] => {
            Link::Away { fault: Fault::Lost, retry_in: Duration::from_millis(number(ms)? as u64) }
        }
        ["link", "idle"] => Link::Idle,
        ["trusted", "authority"] => Link::Trusted(Identity::Authority),
        ["trusted", "nobody"] => Link::Trusted(Identity::AnyoneInsecurely),
        ["trusted", "key", byte] => Link::Trusted(Identity::Key(key(byte)?)),
        _ => return Err(format!("no such link: {step}")),
    })
}

/// A conversation: `den` is a room's, `@bob` a private one.
fn conversation(name: &str) -> Result<Conversation, String> {
    let error = |_| format!("no name: {name}");
    match name.strip_prefix('@') {
        Some(peer) => UserName::parse(peer).map(Conversation::Peer).map_err(error),
        None => RoomName::parse(name).map(Conversation::Room).map_err(error),
    }
}

/// The same the other way round.
fn shown_conversation(of: &Conversation) -> String {
    match of {
        Conversation::Room(room) => room.as_str().to_owned(),
        Conversation::Peer(peer) => format!("@{}", peer.as_str()),
    }
}

fn event(step: &str) -> Result<Event, String> {
    let (words, value) =
        step.split_once(": ").or(step.strip_suffix(':').map(|words| (words, ""))).unwrap_or((step, ""));
    let value = value.replace("\\n", "\n").replace("\\u{202e}", "\u{202e}");
    let names = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    // Where nothing else is said, it is of the den.
    let (words, of) = words.split_once(" at ").unwrap_or((words, "den"));
    let of = conversation(of)?;
    Ok(match words.split(' ').collect::<Vec<_>>()[..] {
        ["connected"] => Event::Connected,
        ["disconnected"] => Event::Disconnected(End::Closed),
        ["greeted", registration, ref many @ ..] => Event::Greeted(Greeting {
            caps: Caps { multi: !many.is_empty(), ..Caps::ALL },
            server: "chatroom 0.1.0".into(),
            registration: Registration::parse(registration),
        }),
        ["registered"] => Event::Registered,
        ["logged", "in", name] => Event::LoggedIn { username: name.into() },
        ["logged", "out"] => Event::LoggedOut,
        ["returned", name] => Event::Returned { username: name.into(), room: None },
        ["returned", name, "to", room] => Event::Returned { username: name.into(), room: Some(room.into()) },
        ["rooms"] => Event::Rooms(
            value
                .split(';')
                .map(|room| {
                    let (name, members) = room.split_once('=').unwrap_or((room, ""));
                    Room { name: name.trim().into(), members: names(members) }
                })
                .collect(),
        ),
        ["members", room] => Event::Members(Room { name: room.into(), members: names(&value) }),
        ["created"] => Event::Created { message: value },
        ["entered", room] => Event::Entered { room: room.into() },
        ["left"] => Event::Left { room: of.name().into() },
        ["crowds"] => {
            let crowd = |crowd: &str| {
                let (room, people) = crowd.trim().split_once('=').ok_or("no crowd")?;
                let room = RoomName::parse(room).map_err(|_| "no room")?;
                Ok::<_, String>(Crowd { room, people: number(people)? })
            };
            Event::Crowds(value.split(';').map(crowd).collect::<Result<_, _>>()?)
        }
        ["places"] => {
            let place = |place: &str| {
                let [of, last, read] = place.trim().split(' ').collect::<Vec<_>>()[..] else {
                    return Err(format!("no place: {place}"));
                };
                let (last, read) = (number(last)? as u64, number(read)? as u64);
                Ok(Place { of: conversation(of)?, last, read })
            };
            let places = value.split(';').filter(|place| !place.trim().is_empty());
            Event::Places(places.map(place).collect::<Result<_, _>>()?)
        }
        ["logins"] => Event::Logins(value.split(';').map(login).collect::<Result<_, _>>()?),
        ["here"] => Event::Presence(presences(&value)?),
        ["friends"] => Event::Friends(friends(&value)?),
        ["message", from] => message(of, from, value, None, None)?,
        ["whisper", from] => message(of, from, value, None, Some(from))?,
        ["echo", id] => message(of, "ann", value, Some(id), None)?,
        ["echo"] => message(of, "ann", value, None, None)?,
        ["acknowledged", id] => {
            Event::Acknowledged { of, said: number(id)? as u64, posted: Posted { seq: 1, ts_ms: 0 } }
        }
        ["session", token] => {
            Event::Session { username: "ann".into(), token: Token::new(token.to_owned().into()) }
        }
        ["past", ref how @ ..] => Event::Past {
            of,
            messages: value.split(';').filter(|line| !line.is_empty()).enumerate().map(past).collect(),
            is_older: how.contains(&"older"),
            is_anew: how.contains(&"anew"),
            has_older: how.contains(&"more"),
        },
        ["refused", kind, code] => refusal(kind, code, &value, None, None)?,
        ["refused", kind, code, "said", id] => refusal(kind, code, &value, None, Some(number(id)? as u64))?,
        ["refused", kind, code, "retry", ms] => refusal(kind, code, &value, Some(number(ms)? as u64), None)?,
        ["unanswered", kind] => Event::Unanswered { request: parse_kind(kind)?, said: None },
        ["unanswered", kind, "said", id] => {
            Event::Unanswered { request: parse_kind(kind)?, said: Some(number(id)? as u64) }
        }
        ["notice", code] => Event::Notice { code: known(code), message: value },
        _ => return Err(format!("no such event: {step}")),
    })
}

/// A message that is said now, by `bob` or, where its place is told, by `bob@7`. One of one's own can be `echo 1@7`.
fn message(
    of: Conversation,
    from: &str,
    text: String,
    said: Option<&str>,
    with: Option<&str>,
) -> Result<Event, String> {
    let peer = match &of {
        Conversation::Room(_) => None,
        Conversation::Peer(peer) => Some(peer.as_str().to_owned()),
    };
    let (from, seq) = placed(from);
    let (said, said_seq) = said.map_or((None, None), |said| {
        let (said, seq) = placed(said);
        (Some(said), seq)
    });
    Ok(Event::Message {
        of,
        from: from.into(),
        text,
        is_own: from == "ann",
        said: said.map(|said| number(said).map(|said| said as u64)).transpose()?,
        private_with: peer.or_else(|| with.map(|with| placed(with).0.to_owned())),
        posted: seq.or(said_seq).map(|seq| Posted { seq, ts_ms: minute(seq) }),
        cid: None,
    })
}

/// What stands before `@`, and the number that stands behind it.
fn placed(text: &str) -> (&str, Option<u64>) {
    text.split_once('@').map_or((text, None), |(text, seq)| (text, seq.parse().ok()))
}

/// A time that is so many minutes after half past eight, in milliseconds since 1970.
fn minute(number: u64) -> u64 {
    let at = date(2026, 11, 24).at(8, 30, 0, 0).in_tz("UTC").expect("it is a time").timestamp();
    at.as_millisecond().unsigned_abs() + 60_000 * number
}

/// A message that was said before, written `bob=hello`, or `ann#1=hello` if it waited; they are a minute from each other.
/// `bob@7=hello` says its place, and `bob@7=(deleted)` that nothing else is left of it.
fn past((index, line): (usize, &str)) -> Past {
    let (from, text) = line.trim().split_once('=').unwrap_or((line, ""));
    let (from, seq) = placed(from);
    let (from, said) = from.split_once('#').map_or((from, None), |(from, said)| (from, said.parse().ok()));
    let posted = Posted { seq: seq.unwrap_or(index as u64 + 1), ts_ms: minute(seq.unwrap_or(index as u64)) };
    let text = (text != "(deleted)").then(|| text.to_owned());
    Past { from: from.into(), text, posted, is_own: from == "ann", said, cid: None }
}

/// What the file tells: `den seen 1: bob@1=one; waits 9=hello; waits 10 to bob=hello` opens a room, `older den 8: …` is what stands before, and
/// `unseen: den 2 1` counts.
fn told(step: &str) -> Result<Told, String> {
    let (words, value) = step.split_once(": ").unwrap_or((step, ""));
    let words: Vec<&str> = words.split(' ').collect();
    Ok(match words[..] {
        ["older", of, before, ref how @ ..] => Told::Older(Older {
            of: conversation(of)?,
            before: number(before)? as u64,
            lines: opened(&[of], value)?.lines,
            has_more: how.contains(&"more"),
        }),
        ["unseen"] => {
            let counts = value.split(';').filter(|room| !room.is_empty()).map(|room| {
                let [room, messages, mentions] = room.trim().split(' ').collect::<Vec<_>>()[..] else {
                    return Err(format!("no count: {room}"));
                };
                let count = |text| number(text).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
                let of = conversation(room)?;
                Ok(Unseen { of, messages: count(messages)?, mentions: count(mentions)? })
            });
            Told::Unseen(counts.collect::<Result<_, _>>()?)
        }
        ["overview"] => Told::Overview(overview_with(None, value)?),
        ["failing"] => Told::Failing((!value.is_empty()).then(|| value.to_owned())),
        _ => Told::Opened(opened(&words, value)?),
    })
}

/// What the file has of an account: of the conversation that is shown, and of others, written `attic 1-4 seen 2 unread 1 0`.
/// What waits there stands behind a bar, as `waits 8 in attic=hello`, and behind another who is a friend.
fn overview_with(place: Option<&Opened>, text: &str) -> Result<Overview, String> {
    let mut overview = Overview { is_multi: true, ..Overview::default() };
    if let Some(Opened { of, read, seen, outbox, .. }) = place {
        overview.places.push(Known { of: of.clone(), read: *read, seen: *seen });
        overview.outbox.clone_from(outbox);
    }
    let (places, rest) = text.split_once(" | ").unwrap_or((text, ""));
    let (outbox, told) = rest.split_once(" | ").unwrap_or((rest, ""));
    overview.friends = friends(told)?;
    for place in places.split(';').map(str::trim).filter(|place| !place.is_empty()) {
        let words: Vec<&str> = place.split(' ').collect();
        let of = conversation(words[0])?;
        let after = |word: &str, nth: usize| {
            let at = words.iter().position(|other| *other == word)?;
            words.get(at + nth)?.parse::<u32>().ok()
        };
        let read = words.get(1).and_then(|word| {
            let (first, last) = word.split_once('-')?;
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            Some(Span { first, last: Posted { seq: last, ts_ms: minute(last) }, has_older: false })
        });
        if let Some(messages) = after("unread", 1) {
            let mentions = after("unread", 2).unwrap_or_default();
            overview.unseen.push(Unseen { of: of.clone(), messages, mentions });
        }
        let seen = after("seen", 1).unwrap_or_default().into();
        overview.places.push(Known { of, read, seen });
    }
    for (index, item) in outbox.split(';').map(str::trim).filter(|item| !item.is_empty()).enumerate() {
        let (what, text) = item.split_once('=').ok_or_else(|| format!("no message: {item}"))?;
        let ["waits", cid, "in", of] = what.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("nothing waits: {item}"));
        };
        overview.outbox.push(Outgoing {
            cid: named(cid),
            of: conversation(of)?,
            to: None,
            text: text.into(),
            typed_ms: minute(index as u64),
            state: Fate::Waiting,
        });
    }
    Ok(overview)
}

/// What a message is called; `mine-2` is what this program calls the second that is typed.
fn named(cid: &str) -> String {
    cid.replace("mine", &"00".repeat(12))
}

/// What the file has of a room. `more` means that it has older messages, `older` that the server has.
fn opened(how: &[&str], value: &str) -> Result<Opened, String> {
    let mut opened = Opened::nothing(conversation(how[0])?);
    if let Some(at) = how.iter().position(|word| *word == "seen") {
        opened.seen = number(how.get(at + 1).unwrap_or(&""))? as u64;
    }
    for (index, item) in value.split(';').map(str::trim).filter(|item| !item.is_empty()).enumerate() {
        let (what, text) = item.split_once('=').ok_or_else(|| format!("no message: {item}"))?;
        let state = match what.split_once(' ') {
            Some(("waits", _)) => Some(Fate::Waiting),
            Some(("failed", _)) => Some(Fate::Failed),
            Some(("uncertain", _)) => Some(Fate::Uncertain),
            _ => None,
        };
        if let Some(state) = state {
            let (what, to) = what.split_once(" to ").map_or((what, None), |(what, to)| (what, Some(to)));
            opened.outbox.push(Outgoing {
                cid: named(what.rsplit(' ').next().unwrap_or_default()),
                of: opened.of.clone(),
                to: to.map(str::to_owned),
                text: text.into(),
                typed_ms: minute(index as u64),
                state,
            });
            continue;
        }
        let (author, seq) = placed(what);
        let (author, peer) = author.strip_suffix(" privately").map_or((author, None), |bob| (bob, Some(bob)));
        opened.lines.push(Line {
            posted: Posted { seq: seq.unwrap_or_default(), ts_ms: minute(index as u64) },
            author: author.into(),
            text: text.into(),
            is_own: author == "ann",
            cid: None,
            peer: peer.map(str::to_owned),
        });
    }
    let mut places = opened.lines.iter().filter(|line| line.peer.is_none()).map(|line| line.posted);
    if let Some(first) = places.next() {
        let last = places.next_back().unwrap_or(first);
        let first = if how.contains(&"more") { first.seq - 1 } else { first.seq };
        opened.read = Some(Span { first, last, has_older: how.contains(&"older") });
    }
    Ok(opened)
}

/// What the file is to do.
fn shown_request(request: &Request) -> String {
    // A program's names begin alike.
    let short = |cid: &str| cid.rsplit('-').next().unwrap_or_default().to_owned();
    match request {
        Request::Begin(Account { server, name, .. }) => format!("file: begin {name} at {server}"),
        Request::Session(token) => format!("file: come back with {}", token.expose()),
        Request::SessionEnded => "file: come back no more".into(),
        Request::Multi(true) => "file: in many rooms".into(),
        Request::Multi(false) => "file: in one room".into(),
        Request::Places(places) => {
            let places = places.iter().map(|place| {
                let Place { of, last, read } = place;
                format!("{} {last} {read}", shown_conversation(of))
            });
            format!("file: places {}", places.collect::<Vec<_>>().join("; "))
        }
        Request::Friends(Friends { friends, asking, asked, blocked }) => {
            let names = |names: &[UserName]| names.iter().map(UserName::as_str).collect::<Vec<_>>().join(" ");
            let [friends, asking, asked, blocked] = [friends, asking, asked, blocked].map(|list| names(list));
            format!("file: friends {friends}; asking {asking}; asked {asked}; blocked {blocked}")
        }
        Request::Place(of) => {
            format!("file: in {}", of.as_ref().map_or_else(|| "no room".into(), shown_conversation))
        }
        Request::Forget => "file: forget".into(),
        Request::Read(Reading { of, lines, is_older, is_anew, has_older, .. }) => {
            let of = match of {
                Conversation::Room(room) => room.as_str().to_owned(),
                Conversation::Peer(peer) => format!("with {}", peer.as_str()),
            };
            let how = [(*is_older, " older"), (*is_anew, " anew"), (*has_older, " more")];
            let how: String = how.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
            let lines = lines.iter().map(|line| format!("{}@{}={}", line.author, line.posted.seq, line.text));
            format!("file: read {of}{how}: {}", lines.collect::<Vec<_>>().join("; "))
        }
        Request::Typed(Outgoing { cid, of, to, text, .. }) => {
            let to = to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
            format!("file: typed {} in {}{to}: {text}", short(cid), shown_conversation(of))
        }
        Request::Fate(cid, fate) => format!("file: {} {fate:?}", short(cid)),
        Request::Drop(cid) => format!("file: drop {}", short(cid)),
        Request::Seen(of, seq) => format!("file: seen {} up to {seq}", shown_conversation(of)),
        Request::Open(of) => format!("file: open {}", shown_conversation(of)),
        Request::Older(of, before) => format!("file: older in {} before {before}", shown_conversation(of)),
        Request::Unseen => "file: what was not seen".into(),
        Request::Overview => "file: all of it".into(),
        Request::Order(_) => "file: order".into(),
    }
}

/// What a client begins with.
fn shown_kept(kept: &Kept) -> String {
    let room = kept.room.as_ref().map_or("the lobby", |room| room.as_str());
    let read = |(of, read): &(Conversation, Span)| {
        let of = shown_conversation(of);
        let of = if of == room { String::new() } else { format!(", {of}") };
        format!("{of} from {} to {}", read.first, read.last.seq)
    };
    let read: String = kept.read.iter().map(read).collect();
    let says: String = kept.outbox.iter().map(|say| format!(", {}", shown_command(say))).collect();
    format!("{room}{read}{says}")
}

/// A login, written `7 own begun 1 used 2 by Chatroom 0.1.0`; times are minutes after half past eight.
fn login(text: &str) -> Result<Login, String> {
    let (text, client) = text.trim().split_once(" by ").unwrap_or((text.trim(), ""));
    let words: Vec<&str> = text.split(' ').collect();
    let after = |word: &str| {
        let at = words.iter().position(|other| *other == word)?;
        words.get(at + 1)?.parse().ok().map(minute)
    };
    Ok(Login {
        id: GrantId(words[0].parse().map_err(|_| format!("no login: {text}"))?),
        client: ClientName::parse(client),
        begun_ms: after("begun"),
        used_ms: after("used"),
        ends_ms: minute(100),
        is_own: words.contains(&"own"),
    })
}

/// Who is here, written `bob away lunch; casey online; dana offline`.
fn presences(text: &str) -> Result<Vec<Presence>, String> {
    let presence = |told: &str| {
        let (user, rest) = told.trim().split_once(' ').ok_or("nobody")?;
        let (state, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let user = UserName::parse(user).map_err(|_| "no name")?;
        let state = PresenceState::ALL.into_iter().find(|known| known.as_str() == state).ok_or("no state")?;
        Ok(Presence { user, state, text: StatusText::parse(text).ok() })
    };
    text.split(';').map(presence).collect()
}

/// Who is what, written `bob casey; asking dana; asked eve; blocked frank`.
fn friends(text: &str) -> Result<Friends, String> {
    let mut friends = Friends::default();
    for list in text.split(';').map(str::trim) {
        let (list, names) = match list.split_once(' ').unwrap_or((list, "")) {
            ("asking", names) => (&mut friends.asking, names),
            ("asked", names) => (&mut friends.asked, names),
            ("blocked", names) => (&mut friends.blocked, names),
            _ => (&mut friends.friends, list),
        };
        for name in names.split_whitespace() {
            list.push(UserName::parse(name).map_err(|_| format!("no name: {name}"))?);
        }
    }
    Ok(friends)
}

fn refusal(
    kind: &str,
    code: &str,
    message: &str,
    retry_ms: Option<u64>,
    said: Option<u64>,
) -> Result<Event, String> {
    Ok(Event::Refused {
        request: parse_kind(kind)?,
        said,
        code: known(code),
        message: message.into(),
        retry_ms,
    })
}

/// `-` stands for the original server, which has no codes.
fn known(code: &str) -> Option<String> {
    (code != "-").then(|| code.to_owned())
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    Kind::parse(text).ok_or_else(|| format!("no such request: {text}"))
}

fn shown_effect(effect: Effect) -> String {
    match effect {
        Effect::Connect(invitation, trusting) => format!("connect to {invitation} ({trusting:?})"),
        Effect::GoOn(invitation, kept) => format!("go on at {invitation}: {}", shown_kept(&kept)),
        Effect::Store(request) => shown_request(&request),
        Effect::Order(Order::Command(command)) => shown_command(&command),
        Effect::Order(Order::Know(of, read)) => {
            format!("know {} from {} to {}", of.name(), read.first, read.last.seq)
        }
        Effect::Order(Order::Connect(_) | Order::GoOn(..)) => "connect".into(),
        Effect::Order(Order::Trust) => "trust".into(),
        Effect::Order(Order::RetryNow) => "try now".into(),
        Effect::Order(Order::Disconnect) => "disconnect".into(),
        Effect::Remember(address, Identity::Key(key)) => format!("remember {address} by {key}"),
        Effect::Remember(address, _) => format!("remember {address} by its authority"),
        Effect::RememberUser(name) => format!("remember {name}"),
        Effect::Notify { title, body } => match body.phrase {
            Phrase::Verbatim => format!("notify {title}: {}", body.detail),
            phrase => format!("notify {title}: {phrase:?}"),
        },
    }
}

fn shown_command(command: &Command) -> String {
    match command {
        Command::Register(name, _, None) => format!("register {}", name.as_str()),
        Command::Register(name, _, Some(invite)) => {
            format!("register {} invited by {}", name.as_str(), invite.expose())
        }
        Command::Login(name, _) => format!("login {}", name.as_str()),
        Command::Resume(_) => "resume".into(),
        Command::List => "list".into(),
        Command::Create(room) => format!("create {}", room.as_str()),
        Command::Enter(room) => format!("enter {}", room.as_str()),
        Command::Say { to, text, id, cid } => {
            let cid = cid
                .as_ref()
                .map(|cid| format!(" as {}", cid.as_str().rsplit('-').next().unwrap_or_default()));
            let cid = cid.unwrap_or_default();
            let to = match to {
                Conversation::Room(room) if room.as_str() == "den" => String::new(),
                Conversation::Room(room) => format!(" in {}", room.as_str()),
                Conversation::Peer(to) => format!(" to {}", to.as_str()),
            };
            let text = text.as_str();
            let text =
                if text.len() > 100 { format!("{} bytes", text.len()) } else { text.replace('\n', "\\n") };
            format!("say {id}{to}{cid}: {text}")
        }
        Command::Recall(_, Edge::Before(seq)) if *seq < u64::MAX => format!("older than {seq}"),
        Command::Recall(..) => "older".into(),
        Command::Look(of) => format!("look at {}", shown_conversation(of)),
        Command::Read(of, seq) => format!("read {} up to {seq}", shown_conversation(of)),
        Command::Friend(op, user) => format!("{} {}", op.as_str(), user.as_str()),
        Command::Present(state, text) => {
            let text = text.as_ref().map(|text| format!(": {}", text.as_str())).unwrap_or_default();
            format!("be {}{text}", state.as_str())
        }
        Command::Logins => "logins".into(),
        Command::EndLogin(id) => format!("end login {}", id.0),
        Command::Exit(_) => "exit".into(),
        Command::Logout => "logout".into(),
    }
}
