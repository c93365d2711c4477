//! Nobody has logged in yet: `hello`, `register`, `login` and `resume`.

use core::time::Duration;

use super::hall::Hall;
use super::lobby::Lobby;
use super::{Answer, Cx, Grant, Question, Refusal, State, Ticket, Waiting};
use crate::bucket::Rate;
use crate::hub::{Command, Reply};
use crate::limits::ms;
use crate::message::Kind;
use crate::message::hello::{self, Hello};
use crate::message::push::{self, ListKind};
use crate::message::reply::{self, Code, Failure, Identity, Lasting};
use crate::message::request::{Credentials, Request};
use crate::name::{Account, LOBBY, NameError, NameKey, NameLook, UserName};
use crate::secret::{PasswordError, Token};
use crate::timer::Timer;

/// Somebody is connected, and nobody knows who.
pub(super) struct Auth {
    step: Step,
}

enum Step {
    /// A request may come.
    Ready,
    /// The account store was asked.
    Asked(Ticket, Waiting),
    /// The password was right; the hub was told.
    Joining(Account, Option<Grant>, Waiting),
}

impl Auth {
    /// The state after the handshake, and after logging out. The time in which to log in begins.
    pub(super) fn enter(cx: &mut Cx) -> State {
        cx.timers.set(Timer::Login, cx.now + ms(cx.rules.limits.login_ms_max));
        State::Auth(Self { step: Step::Ready })
    }

    pub(super) fn on_request(self, request: Request, waiting: Waiting, cx: &mut Cx) -> State {
        match request {
            // Who has hung up hears no answer, and what costs a hash is not done for nobody.
            Request::Register(..) | Request::Login(_) | Request::Resume(_) if cx.is_eof => State::Auth(self),
            Request::Hello(hello) => {
                greet(hello, &waiting, cx);
                cx.break_silence();
                State::Auth(self)
            }
            Request::Register(credentials, invite) => self.on_register(credentials, invite, waiting, cx),
            Request::Login(credentials) => {
                let ticket = cx.ask(verify(credentials, cx));
                State::Auth(Self { step: Step::Asked(ticket, waiting) })
            }
            Request::Resume(token) => {
                let ticket = cx.ask(Question::Resume { token });
                State::Auth(Self { step: Step::Asked(ticket, waiting) })
            }
            // The phase table lets no other request come here, and signs of life were answered before.
            Request::List
            | Request::Create(_)
            | Request::Enter(_)
            | Request::Msg(_)
            | Request::History(_)
            | Request::Exit(_)
            | Request::Logout
            | Request::Ping
            | Request::Pong
            | Request::Rooms
            | Request::Roster(_)
            | Request::Read(..)
            | Request::Friend(_)
            | Request::Presence(_)
            | Request::Logins(_) => State::Auth(self),
        }
    }

    pub(super) fn on_answer(self, ticket: Ticket, answer: Answer, cx: &mut Cx) -> State {
        let waiting = match self.step {
            Step::Asked(asked, waiting) if asked == ticket || cfg!(planted_bug = "old_ticket_taken") => {
                waiting
            }
            // An answer to a question that is not open: nothing to do with it.
            step => return State::Auth(Self { step }),
        };
        match answer {
            Answer::Registered(account) => {
                let data = Identity { username: account.name.as_str(), chatroom: LOBBY, session: None };
                cx.send(reply::encode_done(
                    Kind::Register,
                    "Registered, you can log in now",
                    Some(&data),
                    waiting.rid.as_ref(),
                ));
            }
            Answer::Verified(account) => return Self::join(account, None, waiting, cx),
            Answer::Granted(account, grant) => return Self::join(account, Some(grant), waiting, cx),
            // An answer to what only other states ask.
            Answer::Told(_) | Answer::Logins(_) => {}
            Answer::Refused(refusal) => {
                cx.fail(waiting.kind.as_str(), &failure(refusal), waiting.rid.as_ref());
                if refusal == Refusal::AuthFailed {
                    cx.count_auth_failure();
                }
            }
        }
        State::Auth(Self { step: Step::Ready })
    }

    pub(super) fn on_reply(self, reply: Reply, cx: &mut Cx) -> State {
        match (self.step, reply) {
            (Step::Joining(account, grant, waiting), Reply::LoggedIn(list)) => {
                welcome(&account, grant.as_ref(), &waiting, cx);
                cx.send(push::encode_list(
                    ListKind::Lobby,
                    &list.rosters,
                    cx.rules.limits.list_bytes_max,
                    None,
                ));
                Lobby::enter(account)
            }
            (Step::Joining(account, grant, waiting), Reply::Overview(overview)) => {
                welcome(&account, grant.as_ref(), &waiting, cx);
                Hall::enter(account, &overview, cx)
            }
            (step, _) => State::Auth(Self { step }),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.step, Step::Ready)
    }

    /// Whether the account store was asked and has not answered.
    pub(super) fn is_asking(&self) -> bool {
        matches!(self.step, Step::Asked(..))
    }

    /// Who it is is known; the hub is told.
    fn join(account: Account, grant: Option<Grant>, waiting: Waiting, cx: &mut Cx) -> State {
        cx.command(Command::Login(account.clone(), cx.caps, grant.as_ref().map(|grant| grant.id)));
        State::Auth(Self { step: Step::Joining(account, grant, waiting) })
    }

    fn on_register(
        self,
        credentials: Credentials,
        invite: Option<Token>,
        waiting: Waiting,
        cx: &mut Cx,
    ) -> State {
        let chars_min = cx.rules.limits.password_chars_min;
        let new = credentials.username.and_then(|name| new_account(name, cx));
        let password = credentials.password.map_err(|error| match error {
            PasswordError::Empty => Code::PasswordTooShort,
            PasswordError::TooLong => Code::PasswordTooLong,
        });
        let password = password.and_then(|password| {
            let is_long_enough = password.expose().chars().count() >= chars_min;
            if is_long_enough { Ok(password) } else { Err(Code::PasswordTooShort) }
        });
        match (new, password) {
            (Err(error), _) => cx.refuse(&waiting, Code::NameInvalid, error.sentence()),
            (Ok(_), Err(Code::PasswordTooLong)) => {
                cx.refuse(&waiting, Code::PasswordTooLong, "A password has at most 512 bytes");
            }
            (Ok(_), Err(code)) => {
                cx.refuse(&waiting, code, alloc::format!("A password needs at least {chars_min} characters"));
            }
            (Ok((account, look)), Ok(password)) => {
                if may_register(&waiting, cx) {
                    let ticket = cx.ask(Question::Register { account, look, password, invite });
                    return State::Auth(Self { step: Step::Asked(ticket, waiting) });
                }
            }
        }
        State::Auth(self)
    }
}

/// Tells somebody that they are in, and how to come back.
fn welcome(account: &Account, grant: Option<&Grant>, waiting: &Waiting, cx: &mut Cx) {
    #[cfg(not(planted_bug = "timer_not_cancelled"))]
    cx.timers.clear(Timer::Login);
    cx.grant = grant.map(|grant| grant.id);
    let session = grant.map(|grant| Lasting { token: grant.token.expose(), expires: grant.expires_ms });
    let data = Identity { username: account.name.as_str(), chatroom: LOBBY, session };
    let message = if waiting.kind == Kind::Resume { "Welcome back" } else { "Login successful" };
    cx.send(reply::encode_done(waiting.kind, message, Some(&data), waiting.rid.as_ref()));
}

/// Before a client said anything else it may say what it can do, and is told what the server is like.
fn greet(hello: Hello, waiting: &Waiting, cx: &mut Cx) {
    let Hello { caps, client } = hello;
    cx.client = client;
    // This server has all of them, but for those that need a history.
    cx.caps = if cx.rules.history { caps } else { caps.without_history() };
    let rules = &cx.rules;
    cx.send(hello::encode_greeting(cx.caps, rules.registration, &rules.limits, waiting.rid.as_ref()));
}

fn new_account(name: UserName, cx: &Cx) -> Result<(Account, NameLook), NameError> {
    let look = NameLook::of_user(cx.rules.look_of, &name)?;
    Ok((Account::new(cx.rules.key_of, name)?, look))
}

/// A name or a password that cannot exist takes as long to refuse as a wrong one.
///
/// Whether the name could be taken today is not asked: there may be an account from before that became a rule.
fn verify(credentials: Credentials, cx: &Cx) -> Question {
    match (credentials.username, credentials.password) {
        (Ok(name), Ok(password)) => {
            let key = NameKey::new(cx.rules.key_of, name.as_str());
            let client = cx.client.clone();
            Question::Verify { account: Account { name, key }, password, lasts: cx.caps.resume, client }
        }
        (Err(_), _) | (_, Err(_)) => Question::Decoy,
    }
}

fn may_register(waiting: &Waiting, cx: &mut Cx) -> bool {
    let limits = &cx.rules.limits;
    let minute = Duration::from_secs(60);
    let rate = Rate::new(limits.register_per_minute, minute, limits.register_burst);
    let taken = cx.registrations.take(cx.now, rate);
    cx.is_in_time(taken, waiting.kind.as_str(), "You register too often, try again later", waiting)
}

pub(super) fn failure(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::NameTaken => Failure::new(Code::NameTaken, "That name is taken, try another one"),
        Refusal::NameResembles => {
            Failure::new(Code::NameTaken, "That name looks like one that is taken, try another one")
        }
        Refusal::RegistrationClosed => {
            Failure::new(Code::RegistrationClosed, "This server takes no new accounts, ask who runs it")
        }
        Refusal::InviteRequired => Failure::new(
            Code::InviteRequired,
            "This server takes only who was invited, ask who runs it for an invitation",
        ),
        Refusal::InviteInvalid => Failure::new(
            Code::InviteInvalid,
            "That invitation has been used up, has ended, or never was one; ask for a new one",
        ),
        Refusal::SessionEnded => {
            Failure::new(Code::SessionEnded, "This login has ended, log in with your password again")
        }
        Refusal::NoSuchLogin => {
            Failure::new(Code::NoSuchLogin, "That login has ended already, or never was one of yours")
        }
        Refusal::AuthFailed => Failure::new(Code::AuthFailed, "Wrong name or password"),
        Refusal::AccountDisabled => Failure::new(Code::AccountDisabled, ACCOUNT_DISABLED),
        Refusal::AuthThrottled { retry_ms } => {
            Failure::for_now(Code::AuthThrottled, "Too many failed logins, try again later", retry_ms)
        }
        Refusal::Busy { retry_ms } => Failure::for_now(
            Code::Busy,
            "Too many passwords are being checked at once, try again in a moment",
            retry_ms,
        ),
        Refusal::Unavailable { retry_ms } => Failure::for_now(
            Code::Busy,
            "The server cannot reach its accounts, try again in a moment",
            retry_ms,
        ),
    }
}

/// What who is shut out is told, at a login with the right password and in the middle of the talk.
pub(super) const ACCOUNT_DISABLED: &str = "This account is disabled, ask who runs this server";
