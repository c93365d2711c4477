//! Hashes of passwords: PBKDF2 with HMAC-SHA-256, kept as PHC strings.
//!
//! Copies of a password are wiped. What HMAC makes of it stays on the stack of the thread until the next hash writes
//! over it: the `zeroize` feature of the hash crates would wipe it after each of the rounds, which was measured to make
//! a hash a third slower, for us and not for a guesser.

use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use chatroom_core::secret::Password;
use pbkdf2::password_hash::phc::{Ident, Output, ParamsString, Salt};
use pbkdf2::phc::PasswordHash;
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Rounds of the cheapest hash there is: none to speak of, for tests. The crate's own type for the cost has no place
/// for fewer than a thousand, so rounds are a plain number here.
pub const ITERATIONS_MIN: u32 = 1;

/// Rounds above which a stored hash is not even tried.
///
/// Ten million rounds keep a core busy for a second or two. The number in a stored hash is obeyed by whoever verifies
/// it, so one wrong digit in it would otherwise let each login to that account hold a thread for minutes.
pub const ITERATIONS_MAX: u32 = 10_000_000;

/// A stored hash in the PHC string format, `$pbkdf2-sha256$i=600000,l=32$salt$hash`.
///
/// Not as secret as a password and still nobody's business: it has no `Debug` and is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Phc(Zeroizing<String>);

impl Phc {
    /// Takes a string over from the store; whether it is a hash is found out by who verifies with it.
    #[must_use]
    pub fn from_store(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Whether some password could be verified with it.
    #[must_use]
    pub fn is_verifiable(&self) -> bool {
        Parts::of(self).is_ok()
    }

    /// The string, for the store alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Makes and verifies hashes, at today's cost.
#[derive(Clone, Copy, Debug)]
pub struct Hasher {
    rounds: u32,
}

/// What came of comparing a password with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Right {
        /// The hash costs less than one made today, and should be replaced while the password is at hand.
        needs_rehash: bool,
    },
    /// It is not.
    Wrong,
}

impl Hasher {
    /// Makes hashes of this many rounds.
    ///
    /// # Errors
    /// [`HashError::Iterations`] unless they are between [`ITERATIONS_MIN`] and [`ITERATIONS_MAX`].
    pub fn new(iterations: u32) -> Result<Self, HashError> {
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(HashError::Iterations);
        }
        Ok(Self { rounds: iterations })
    }

    /// Hashes a new password, with a salt of its own.
    ///
    /// # Errors
    /// [`HashError::Randomness`] when the system gives no random bytes for the salt.
    pub fn hash(&self, password: &Password) -> Result<Phc, HashError> {
        let salt: [u8; SALT_BYTES] =
            pbkdf2::password_hash::try_generate_salt().map_err(|_| HashError::Randomness)?;
        let hash = derive(normalized(password.expose()).as_bytes(), &salt, self.rounds);
        let phc = PasswordHash {
            algorithm: Ident::new_unwrap(ALGORITHM),
            version: None,
            params: params(self.rounds).expect("two short numbers fit"),
            salt: Some(Salt::new(&salt).expect("16 bytes are a salt")),
            hash: Some(hash),
        };
        Ok(Phc(Zeroizing::new(phc.to_string())))
    }

    /// Whether `phc` is the hash of `password`. Takes as long as a hash made today at least, whatever the verdict.
    ///
    /// # Errors
    /// [`HashError::Stored`] when `phc` is not a hash this server can verify.
    pub fn verify(&self, password: &Password, phc: &Phc) -> Result<Verdict, HashError> {
        let Parts { rounds, salt, hash } = Parts::of(phc)?;
        // `Output` compares in constant time.
        let is_right = derive(normalized(password.expose()).as_bytes(), salt.as_ref(), rounds) == hash;
        // What a hash from before the cost was raised is short of today's is spent too, so that how long an answer
        // takes does not tell an old account from a name that nobody has.
        burn(self.rounds.saturating_sub(rounds));
        Ok(if is_right { Verdict::Right { needs_rehash: rounds < self.rounds } } else { Verdict::Wrong })
    }

    /// Takes as long as [`verify`](Self::verify) does, and verifies nothing.
    pub fn decoy(&self) {
        burn(self.rounds);
    }

    /// How long one hash takes here and now; it is made to find out.
    #[must_use]
    pub fn measure(&self) -> Duration {
        let start = Instant::now();
        self.decoy();
        start.elapsed()
    }
}

/// What a stored hash says, found to be one of ours.
struct Parts {
    rounds: u32,
    salt: Salt,
    hash: Output,
}

impl Parts {
    fn of(phc: &Phc) -> Result<Self, HashError> {
        let stored = PasswordHash::new(phc.expose()).map_err(|_| HashError::Stored)?;
        let rounds = stored.params.get_decimal("i").filter(|rounds| (1..=ITERATIONS_MAX).contains(rounds));
        let is_ours = stored.algorithm.as_str() == ALGORITHM && stored.version.is_none();
        let (true, Some(rounds), Some(salt), Some(hash)) = (is_ours, rounds, stored.salt, stored.hash) else {
            return Err(HashError::Stored);
        };
        let announced =
            stored.params.get_decimal("l").map_or(Some(HASH_BYTES), |length| usize::try_from(length).ok());
        if hash.len() != HASH_BYTES || announced != Some(HASH_BYTES) {
            return Err(HashError::Stored);
        }
        Ok(Self { rounds, salt, hash })
    }
}

/// Why there is no hash, or no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError {
    /// The number of rounds is out of bounds.
    Iterations,
    /// The system has no random bytes.
    Randomness,
    /// The stored string is not a PBKDF2-SHA-256 hash, or one that would take forever.
    Stored,
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iterations => {
                write!(
                    f,
                    "the rounds of a password hash must be between {ITERATIONS_MIN} and {ITERATIONS_MAX}"
                )
            }
            Self::Randomness => f.write_str("the system gives no random bytes for a password's salt"),
            Self::Stored => f.write_str("a stored password hash is not one that can be verified"),
        }
    }
}

impl Error for HashError {}

fn derive(password: &[u8], salt: &[u8], rounds: u32) -> Output {
    let hash = Zeroizing::new(pbkdf2::pbkdf2_hmac_array::<Sha256, HASH_BYTES>(password, salt, rounds));
    Output::new(hash.as_slice()).expect("32 bytes are an output")
}

/// Takes as long as a hash of so many rounds.
fn burn(rounds: u32) {
    if rounds > 0 {
        black_box(derive(black_box(DECOY), DECOY, rounds));
    }
}

/// What the PHC string says of a hash: its rounds and its bytes.
fn params(rounds: u32) -> Result<ParamsString, pbkdf2::password_hash::phc::Error> {
    let mut params = ParamsString::new();
    params.add_decimal("i", rounds)?;
    params.add_decimal("l", 32)?;
    Ok(params)
}

/// The password in NFC, so that it is the same one from a system that types `é` as one character and from one that
/// types it as two.
fn normalized(password: &str) -> Zeroizing<String> {
    // NFC makes UTF-8 at most three times as long. With that much room from the start the text never moves, which
    // would leave a copy of it behind.
    let mut text = Zeroizing::new(String::with_capacity(3 * password.len()));
    text.extend(password.nfc());
    text
}

/// Hashed where there is no password to hash; nothing compares with the outcome.
const DECOY: &[u8; 16] = b"nobody's secret.";
const ALGORITHM: &str = "pbkdf2-sha256";
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(Zeroizing::new(text.to_owned())).expect("a test's password is legal")
    }

    fn hasher() -> Hasher {
        Hasher::new(ITERATIONS_MIN).expect("the least is enough")
    }

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let phc = hasher().hash(&password("correct horse")).unwrap();
        assert_eq!(
            hasher().verify(&password("correct horse"), &phc),
            Ok(Verdict::Right { needs_rehash: false })
        );
        assert_eq!(hasher().verify(&password("correct horsf"), &phc), Ok(Verdict::Wrong));
        assert_eq!(hasher().verify(&password("Correct horse"), &phc), Ok(Verdict::Wrong));
    }

    #[test]
    fn one_password_never_has_one_hash() {
        let (one, other) =
            (hasher().hash(&password("same")).unwrap(), hasher().hash(&password("same")).unwrap());
        assert!(one != other);
    }

    #[test]
    fn a_stored_hash_has_the_shape_that_others_can_read() {
        let phc = Hasher::new(2_000).unwrap().hash(&password("correct horse")).unwrap();
        let parts: Vec<&str> = phc.expose().split('$').collect();
        let ["", "pbkdf2-sha256", "i=2000,l=32", salt, hash] = parts[..] else { panic!("{}", phc.expose()) };
        // 16 and 32 bytes in base64 without padding.
        assert_eq!((salt.len(), hash.len()), (22, 43));
    }

    #[test]
    fn a_hash_made_elsewhere_is_understood() {
        // Python: hashlib.pbkdf2_hmac("sha256", b"password", b"saltsaltsaltsalt", 4096)
        let phc =
            "$pbkdf2-sha256$i=4096,l=32$c2FsdHNhbHRzYWx0c2FsdA$FuNbErQfRlymTQaVeNdQBZd1zK1d861T1rIErLEi0e4";
        let verdict = hasher().verify(&password("password"), &Phc::from_store(phc.to_owned()));
        assert_eq!(verdict, Ok(Verdict::Right { needs_rehash: false }));
    }

    #[test]
    fn a_password_is_one_however_it_was_typed() {
        let phc = hasher().hash(&password("caf\u{e9} \u{212b}")).unwrap();
        let decomposed = password("cafe\u{301} A\u{30a}");
        assert_eq!(hasher().verify(&decomposed, &phc), Ok(Verdict::Right { needs_rehash: false }));
    }

    #[test]
    fn normalizing_never_moves_the_text() {
        // U+0958 and U+1D160 are among those that grow most, U+0390 grows as NFD and shrinks again.
        for text in ["\u{958}", "\u{1d160}", "\u{fb2c}", "\u{390}", "a", "e\u{301}"] {
            let text = text.repeat(100);
            let normalized = normalized(&text);
            assert!(normalized.len() <= 3 * text.len() && normalized.capacity() == 3 * text.len(), "{text}");
        }
    }

    #[test]
    fn a_hash_cheaper_than_todays_is_to_be_replaced() {
        let old = hasher().hash(&password("correct horse")).unwrap();
        let today = Hasher::new(ITERATIONS_MIN + 1).unwrap();
        assert_eq!(today.verify(&password("correct horse"), &old), Ok(Verdict::Right { needs_rehash: true }));
        assert_eq!(today.verify(&password("wrong"), &old), Ok(Verdict::Wrong));
        let dear = today.hash(&password("correct horse")).unwrap();
        assert_eq!(
            hasher().verify(&password("correct horse"), &dear),
            Ok(Verdict::Right { needs_rehash: false })
        );
    }

    #[test]
    fn what_is_no_hash_is_told_apart_from_a_wrong_password() {
        let salt_and_hash = "c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for stored in [
            String::new(),
            "secret".to_owned(),
            "$pbkdf2-sha256$i=4096,l=32".to_owned(),
            "$pbkdf2-sha256$i=4096,l=32$c2FsdHNhbHRzYWx0c2FsdA".to_owned(),
            format!("$pbkdf2-sha512$i=4096,l=32${salt_and_hash}"),
            format!("$argon2id$v=19$m=65536,t=2,p=1${salt_and_hash}"),
            format!("$pbkdf2-sha256$i=0,l=32${salt_and_hash}"),
            format!("$pbkdf2-sha256$i=4096,l=33${salt_and_hash}"),
            // Would take minutes.
            format!("$pbkdf2-sha256$i=4294967295,l=32${salt_and_hash}"),
        ] {
            let verdict = hasher().verify(&password("secret"), &Phc::from_store(stored.clone()));
            assert_eq!(verdict, Err(HashError::Stored), "{stored}");
        }
    }

    #[test]
    fn a_name_that_nobody_has_costs_the_rounds_of_a_hash() {
        // No machine is so fast that it does these in a millisecond, and none is too slow to take longer.
        assert!(Hasher::new(50_000).unwrap().measure() > Duration::from_millis(1));
    }

    #[test]
    fn rounds_out_of_bounds_make_no_hasher() {
        for iterations in [0, ITERATIONS_MAX + 1] {
            assert_eq!(Hasher::new(iterations).err(), Some(HashError::Iterations), "{iterations}");
        }
        assert_eq!(
            HashError::Iterations.to_string(),
            "the rounds of a password hash must be between 1 and 10000000"
        );
    }
}
