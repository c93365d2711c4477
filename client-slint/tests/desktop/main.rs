//! Two people, each at a real window, with a real server between them. `.ci/on-display` brings the display and xdotool:
//!
//! ```sh
//! cargo build -p server-smol -p server-std
//! .ci/on-display cargo test -p client-slint --test desktop -- --ignored --test-threads=1
//! ```
//!
//! What happened is seen from outside: by a third person in the room, who speaks the protocol, and by the windows'
//! titles, which count what was not seen.

#![cfg(target_os = "linux")]

mod seat;
mod witness;

use std::path::{Path, PathBuf};
use std::process::Command;

use client_slint::address::{Invitation, ServerAddress};
use testkit::program::Program;

use seat::{Seat, screenshot};
use witness::Witness;

#[test]
#[ignore = "needs a display: run it with .ci/on-display"]
fn two_windows_talk_and_find_back_with_smol() {
    two_windows_talk_and_find_back("chatroom-server-smol");
}

#[test]
#[ignore = "needs a display: run it with .ci/on-display"]
fn two_windows_talk_and_find_back_with_threads() {
    two_windows_talk_and_find_back("chatroom-server-std");
}

#[test]
#[ignore = "needs a display: run it with .ci/on-display"]
fn two_people_need_one_program() {
    let (ann, link) = Seat::host(0);
    let mut invitation: Invitation = link.parse().unwrap_or_else(|error| panic!("{link}: {error}"));
    // Both sit at this computer.
    invitation.address.host = "127.0.0.1".into();
    let address = invitation.address.to_string();
    let bob = Seat::open(&invitation.to_string(), 1);
    come_in(&ann, "ann", &address);
    come_in(&bob, "bob", &address);
    ann.say("hello from the host");
    bob.wait_for_title("(1) example – Chatroom");
    bob.say("hello from the guest");
    ann.wait_for_title("(1) example – Chatroom");
    screenshot("hosted");
}

#[test]
#[ignore = "needs a display: run it with .ci/on-display"]
fn what_is_typed_without_a_server_is_read_once_when_there_is_one_though_the_window_was_killed() {
    let binary = server("chatroom-server-smol");
    let (mut witness, mut ann, address) = ann_and_a_witness(&binary);
    witness.say("good evening");
    ann.wait_until_kept("good evening");

    let mut server = witness.into_server();
    server.kill();
    ann.say("typed without a server");
    ann.wait_until_kept("typed without a server");
    ann.kill_and_open_again();
    // There is no server, and what was said there is to be seen all the same.
    ann.wait_for_title("example – Chatroom");
    screenshot("without-a-server");
    ann.say("and once more");
    ann.wait_until_kept("and once more");
    ann.kill();

    let server = server.restart_with(&binary, &["--listen", &address]).expect("the server starts again");
    let mut witness = Witness::return_to(server);
    witness.enter("example");
    ann.kill_and_open_again();
    witness.hears("ann", "typed without a server");
    witness.hears("ann", "and once more");
    ann.say("here again");
    witness.hears("ann", "here again");
    screenshot("here-again");
}

#[test]
#[ignore = "needs a display: run it with .ci/on-display"]
fn what_was_sent_and_not_answered_when_the_window_was_killed_is_read_once() {
    let (mut witness, mut ann, _) = ann_and_a_witness(&server("chatroom-server-smol"));

    // The server sleeps while the message comes, so that nobody can answer it before its author is gone.
    witness.signal_server("-STOP");
    ann.say("sent and not answered");
    ann.wait_until_kept("sent and not answered");
    ann.kill_and_open_again();
    ann.wait_for_title("example – Chatroom");
    witness.signal_server("-CONT");
    witness.hears("ann", "sent and not answered");
    ann.say("here again");
    witness.hears("ann", "here again");
}

#[test]
#[ignore = "needs a display: run it with .ci/on-display"]
fn two_people_are_in_two_rooms_and_talk_in_private_and_are_where_they_were_when_a_window_opens_again() {
    let binary = server("chatroom-server-smol");
    let server = Program::start(&binary, &[]).expect("the server starts");
    let address = server.address().to_string();
    let mut witness = Witness::log_in(server);
    witness.create("garden");
    let link = witness.invitation().to_string();
    let (mut ann, bob) = (Seat::open(&link, 0), Seat::open(&link, 1));
    for (seat, person) in [(&ann, "ann"), (&bob, "bob")] {
        come_in(seat, person, &address);
        // Into the other room, beside the first.
        seat.press("ctrl+k");
        seat.write("gard");
        seat.press_until("Return", "garden – Chatroom");
    }

    // Ann looks at one room, and bob speaks in the other.
    ann.look();
    ann.press_until("alt+Up", "example – Chatroom");
    bob.say("hello from the garden");
    ann.wait_for_title("(1) example – Chatroom");
    screenshot("many-rooms");
    ann.look();
    ann.press_until("alt+Down", "garden – Chatroom");
    bob.say(r"\private ann psst");
    bob.wait_for_title("ann – Chatroom");
    ann.wait_for_title("(1) garden – Chatroom");

    // The window is killed, and what was not seen is not seen still.
    ann.wait_until_kept("psst");
    ann.kill_and_open_again();
    ann.wait_for_title("(1) garden – Chatroom");
    ann.look();
    ann.press_until("alt+Down", "bob – Chatroom");
    ann.say("an answer");
    bob.wait_for_title("(1) ann – Chatroom");
    screenshot("many-private");

    // Without a server it opens where it was, and what is typed in two conversations waits.
    let mut server = witness.into_server();
    server.kill();
    ann.kill_and_open_again();
    ann.wait_for_title("bob – Chatroom");
    ann.say("typed to bob without a server");
    ann.press_until("alt+Up", "garden – Chatroom");
    ann.say("typed to all without a server");
    ann.wait_until_kept("typed to all without a server");
    screenshot("many-without-a-server");
    ann.kill();
    let server = server.restart_with(&binary, &["--listen", &address]).expect("the server starts again");
    // What is private is said to who is there.
    let mut witness = Witness::return_to(server);
    witness.sees("bob", "garden");
    ann.kill_and_open_again();
    bob.wait_for_title("(3) ann – Chatroom");
    bob.look();
    bob.wait_for_title("(1) ann – Chatroom");
    bob.press_until("alt+Up", "garden – Chatroom");
    screenshot("many-back");
}

#[test]
#[ignore = "needs a display: run it with .ci/on-display"]
fn who_was_asked_agrees_and_finds_what_was_written_while_they_were_not_there() {
    let server = Program::start(&server("chatroom-server-smol"), &[]).expect("the server starts");
    let address = server.address().to_string();
    let mut witness = Witness::log_in(server);
    let link = witness.invitation().to_string();
    let (ann, mut bob) = (Seat::open(&link, 0), Seat::open(&link, 1));
    come_in(&ann, "ann", &address);
    come_in(&bob, "bob", &address);

    // Past the messages and the two buttons above them to the list, and in it past the room.
    ann.look();
    ann.press_times(4, "shift+Tab");
    ann.press_times(2, "Down");
    ann.press("Return");
    ann.write("bob");
    screenshot("friends-asking");
    ann.press("Return");
    bob.wait_for_title("(1) example – Chatroom");
    ann.press("Escape");
    screenshot("friends-asked");
    // One further back, and past the word that declines.
    bob.look();
    bob.press_times(5, "shift+Tab");
    bob.press("Return");
    bob.wait_for_title("example – Chatroom");
    screenshot("friends-agreed");

    // What is written to who is not there and no friend is not sent.
    bob.kill();
    witness.sees("ann", "example");
    ann.look();
    ann.press("ctrl+k");
    ann.write("bob");
    ann.press_until("Return", "bob – Chatroom");
    ann.say("come back");
    bob.kill_and_open_again();
    bob.wait_for_title("(1) example – Chatroom");
    bob.look();
    bob.press_until("alt+Down", "ann – Chatroom");
    bob.say("here I am");
    ann.wait_for_title("(1) bob – Chatroom");
    screenshot("friends-back");
}

#[test]
fn without_a_display_a_sentence_says_what_to_install() {
    let profile = tempfile::tempdir().expect("there is room for a profile");
    let output = Command::new(env!("CARGO_BIN_EXE_chatroom"))
        .args(["--profile".as_ref(), profile.path()])
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .expect("the window's program was just built");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("chatroom: no window can be opened: ") && said.contains("; on Debian"),
        "{said}"
    );
    assert!(said.trim_end().lines().count() == 1 && !said.contains(".rs"), "{said}");
}

/// A server, somebody in the room `example` of it who is no window, and ann there at one, who has said hello. Also where the
/// server is.
fn ann_and_a_witness(binary: &Path) -> (Witness, Seat, String) {
    let server = Program::start(binary, &[]).expect("the server starts");
    let address = server.address().to_string();
    let mut witness = Witness::log_in(server);
    let ann = Seat::open(&witness.invitation().to_string(), 0);
    come_in(&ann, "ann", &address);
    witness.sees("ann", "example");
    witness.enter("example");
    ann.say("hello");
    witness.hears("ann", "hello");
    (witness, ann, address)
}

fn two_windows_talk_and_find_back(name: &str) {
    let binary = server(name);
    let server = Program::start(&binary, &[]).expect("the server starts");
    let address = server.address().to_string();
    let mut witness = Witness::log_in(server);
    let link = witness.invitation().to_string();

    let ann = Seat::open(&link, 0);
    let bob = Seat::open(&link, 1);
    for (seat, person) in [(&ann, "ann"), (&bob, "bob")] {
        come_in(seat, person, &address);
        witness.sees(person, "example");
    }

    witness.enter("example");
    ann.say("hello from ann");
    witness.hears("ann", "hello from ann");
    bob.wait_for_title("(1) example – Chatroom");
    bob.look();
    bob.wait_for_title("example – Chatroom");

    bob.say(r"\private ann psst");
    ann.wait_for_title("(1) example – Chatroom");
    // It led to a conversation of its own.
    bob.wait_for_title("ann – Chatroom");
    bob.press_until("alt+Up", "example – Chatroom");
    bob.say("hello from bob");
    // Nobody else gets the whisper: this comes first.
    witness.hears("bob", "hello from bob");
    ann.wait_for_title("(2) example – Chatroom");
    screenshot(&format!("{name}-talk"));

    let server = witness.into_server();
    let flags = ["--listen", &address];
    let server = server.restart_with(&binary, &flags).expect("the server starts again");
    let mut witness = Witness::return_to(server);
    witness.sees("ann", "example");
    witness.sees("bob", "example");
    witness.enter("example");
    bob.say("here again");
    witness.hears("bob", "here again");
    ann.wait_for_title("(3) example – Chatroom");
    ann.look();
    ann.say("me too");
    witness.hears("ann", "me too");
    bob.wait_for_title("(1) example – Chatroom");
    screenshot(&format!("{name}-back"));
}

/// Makes an account at a window that knows the server already, and goes into its first room.
fn come_in(seat: &Seat, person: &str, address: &str) {
    seat.wait_for_title(&format!("{address} – Chatroom"));
    seat.register(person, "correct horse battery");
    seat.wait_for_title(&format!("{person} – {address} – Chatroom"));
    // The first room is chosen already, once there are rooms: they come a moment after the name.
    seat.press_until("Return", "example – Chatroom");
}

/// A server's program: it is built beside the window's.
fn server(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_chatroom")).with_file_name(name);
    assert!(program.exists(), "{} is not there: cargo build -p server-smol -p server-std", program.display());
    program
}

impl Witness {
    fn invitation(&mut self) -> Invitation {
        let (address, key) = self.server_identity();
        let address = ServerAddress { host: address.ip().to_string(), port: address.port() };
        Invitation { address, key: Some(key), invite: None }
    }
}
