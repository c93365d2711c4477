//! What the window says to a person, before it is put into that person's language.

use chatroom_core::message::TextError;
use chatroom_core::name::NameError;

use crate::network::Fault;

/// A sentence: which one, and what fills its gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence {
    /// Which sentence it is.
    pub phrase: Phrase,
    /// A name, a number or a reason, where the sentence has a gap for one.
    pub detail: String,
}

/// Each thing the window can say. The words are in `ui/phrases.slint`, in each language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it; the sentences are in ui/phrases.slint")]
pub enum Phrase {
    /// Silence.
    #[default]
    Nothing,
    /// The detail, as it is: a server's own sentence.
    Verbatim,
    Connecting,
    SigningIn,
    AddressInvalid,
    AddressUnknown,
    ServerUnreachable,
    ServerRefused,
    ServerTimedOut,
    NotTls,
    ConnectionLost,
    ServerFault,
    UntrustedCertificate,
    KeyChanged,
    Away,
    AwayRetry,
    NoAnswer,
    NameInvalid,
    NameTaken,
    PasswordMissing,
    PasswordTooShort,
    PasswordTooLong,
    LoginFailed,
    Throttled,
    Busy,
    Registered,
    RegistrationClosed,
    Invited,
    InviteRequired,
    InviteInvalid,
    SessionEnded,
    Replaced,
    ShuttingDown,
    RoomExists,
    NoSuchRoom,
    RoomFull,
    TooManyRooms,
    RoomNameInvalid,
    NotInRoom,
    TextTooLong,
    TextInvalid,
    RateLimited,
    TooManyWaiting,
    NotConnected,
    WeakShort,
    WeakCommon,
    WeakLikeName,
    WeakOneKind,
    HostFailed,
    WhisperUsage,
    NotKept,
    WantsToBeFriends,
    ThatIsYou,
    NoSuchUser,
    NoRequest,
    FirstUnblock,
    StatusTooLong,
}

impl Sentence {
    /// A sentence whose gap is filled with `detail`.
    pub fn with(phrase: Phrase, detail: impl ToString) -> Self {
        Self { phrase, detail: detail.to_string() }
    }

    /// Whether there is nothing to say.
    pub fn is_nothing(&self) -> bool {
        self.phrase == Phrase::Nothing
    }

    /// Why a server said no. One that this program does not know says it in its own words.
    pub fn of_refusal(code: Option<&str>, message: &str, retry_ms: Option<u64>) -> Self {
        let seconds = retry_ms.unwrap_or_default().div_ceil(1_000).max(1);
        match code.unwrap_or_default() {
            "name_taken" => Phrase::NameTaken.into(),
            "auth_failed" => Phrase::LoginFailed.into(),
            "auth_throttled" => Self::with(Phrase::Throttled, seconds),
            "rate_limited" => Self::with(Phrase::RateLimited, seconds),
            "busy" => Phrase::Busy.into(),
            "registration_closed" => Phrase::RegistrationClosed.into(),
            "invite_required" => Phrase::InviteRequired.into(),
            "invite_invalid" => Phrase::InviteInvalid.into(),
            "session_ended" => Phrase::SessionEnded.into(),
            "replaced" => Phrase::Replaced.into(),
            "shutting_down" => Phrase::ShuttingDown.into(),
            "room_exists" => Phrase::RoomExists.into(),
            "no_such_room" => Phrase::NoSuchRoom.into(),
            "room_full" => Phrase::RoomFull.into(),
            "too_many_rooms" => Phrase::TooManyRooms.into(),
            "no_such_user" => Phrase::NoSuchUser.into(),
            "no_request" => Phrase::NoRequest.into(),
            "blocked" => Phrase::FirstUnblock.into(),
            "text_too_long" => Phrase::TextTooLong.into(),
            "text_invalid" | "text_empty" => Phrase::TextInvalid.into(),
            // These say what exactly is wrong, which only the server knows.
            _ if !message.is_empty() => Self::with(Phrase::Verbatim, crate::format::clean(message)),
            _ => Phrase::NoAnswer.into(),
        }
    }
}

impl From<Phrase> for Sentence {
    fn from(phrase: Phrase) -> Self {
        Self { phrase, detail: String::new() }
    }
}

impl From<TextError> for Sentence {
    fn from(error: TextError) -> Self {
        match error {
            TextError::TooLong => Phrase::TextTooLong.into(),
            TextError::Empty | TextError::Control => Phrase::TextInvalid.into(),
        }
    }
}

/// Why a name is none, for a field that asks for a user's.
pub fn of_user_name(error: NameError) -> Sentence {
    Sentence::with(Phrase::NameInvalid, error.sentence())
}

/// The same for a room's.
pub fn of_room_name(error: NameError) -> Sentence {
    Sentence::with(Phrase::RoomNameInvalid, error.sentence())
}

/// Why there is no connection to the server at `address`.
pub fn of_fault(fault: &Fault, address: &str) -> Sentence {
    match fault {
        Fault::UnknownHost => Sentence::with(Phrase::AddressUnknown, address),
        Fault::Unreachable(_) => Sentence::with(Phrase::ServerUnreachable, address),
        Fault::RefusedConnection => Sentence::with(Phrase::ServerRefused, address),
        Fault::TimedOut => Sentence::with(Phrase::ServerTimedOut, address),
        Fault::NotTls => Sentence::with(Phrase::NotTls, address),
        Fault::Tls(why) => Sentence::with(Phrase::UntrustedCertificate, why),
        Fault::Lost => Phrase::ConnectionLost.into(),
    }
}
