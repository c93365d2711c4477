//! What the protocol core is held against: shared by its property tests and the fuzz targets, and light enough to be
//! built again for each of the core's mutants.
//!
//! [`hub`], [`places`], [`friends`], [`presences`], [`duplex`] and [`many`] are told a story step by step and panic where it goes otherwise than it must.
//! [`ties`] is what people are to each other, and [`sight`] how those are here whom they see; the simulation's model has both as
//! well. [`sides`] is how a disk has what they are to each other.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped here fails the test, as it should")]

pub mod duplex;
pub mod friends;
pub mod hub;
pub mod many;
pub mod places;
pub mod presences;
pub mod sides;
pub mod sight;
pub mod ties;
pub mod words;

use chatroom_core::hub::Snapshot;
use chatroom_core::message::push::Roster;
use chatroom_core::name::{NameError, NameKey, RoomName, UserName};

fn key_of(name: &str) -> String {
    name.to_lowercase()
}

fn user_name(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn room_name(name: &str) -> (NameKey, RoomName) {
    (NameKey::new(key_of, name), RoomName::parse(name).unwrap())
}

/// Any name may be taken, and looks like itself in every case.
fn look_of(name: &str) -> Result<String, NameError> {
    Ok(name.to_lowercase())
}

/// Whether a server says with that frame that a client does not keep to the protocol.
fn accuses(json: &str) -> bool {
    let words = ["bad_frame", "bad_request", "unknown_type", "frame_", "from_mismatch", "wrong_state"];
    words.iter().any(|word| json.contains(&format!(r#""code":"{word}"#)))
}

/// A list in one line.
fn seen(list: &Snapshot) -> String {
    let line = |roster: &Roster| {
        let names: Vec<&str> = roster.members.iter().collect();
        format!("{}={}", roster.room, names.join("+"))
    };
    list.rosters.iter().map(line).collect::<Vec<_>>().join(" ")
}
