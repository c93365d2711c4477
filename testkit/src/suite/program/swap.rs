//! One database, served by one server and then by the other.

use std::path::{Path, PathBuf};

use libtest_mimic::Trial;

use super::friends::{become_friends, come};
use super::keeping::{HELLO, does_say, enter_to_read, hears, reads};
use super::maintenance::{resume, token_in};
use super::{Outcome, expect, next_frame, say};
use crate::check::Stage;
use crate::program::Program;

/// The tests, for both servers' programs.
pub fn tests(one: &'static str, other: PathBuf) -> Vec<Trial> {
    let swap = move || Ok(what_one_server_kept_the_other_goes_on_with(Path::new(one), &other)?);
    vec![Trial::test("what one server kept the other goes on with", swap)]
}

fn what_one_server_kept_the_other_goes_on_with(one: &Path, other: &Path) -> Outcome {
    let mut server = Program::start(one, &[])?;
    let mut tokens = [("a", "Harper"), ("b", "casey")]
        .map(|(who, name)| (who, enter_to_read(&mut server, who, "register", name)));
    become_friends(&mut server, "login", ["c", "d"])?;
    let (mut in_room, mut in_private) = (Vec::new(), Vec::new());
    for (binary, round) in [(one, 1), (other, 2), (one, 3), (other, 4)] {
        if round > 1 {
            server = server.hand_over(binary)?;
            for (who, token) in &mut tokens {
                let shown = token.clone()?;
                *token = Ok(come_back(&mut server, who, &shown)?);
            }
            for (who, name, friend) in [("c", "harper", "casey"), ("d", "casey", "Harper")] {
                come(&mut server, who, "login", name)?;
                hears(&mut server, who, &format!(r#"{{"all":true,"friends":["{friend}"]}}"#))?;
            }
        }
        let kept: Vec<&str> = in_room.iter().map(String::as_str).collect();
        reads(&mut server, "a", r#""room":"example""#, &kept)?;
        let kept: Vec<&str> = in_private.iter().map(String::as_str).collect();
        reads(&mut server, "b", r#""peer":"harper""#, &kept)?;

        say(&mut server, "a", &message("public", round))?;
        hears(&mut server, "b", &format!(r#""room":"example","seq":{round},"#))?;
        say(&mut server, "b", &message("harper", round))?;
        hears(&mut server, "a", &format!(r#""text":"to harper in round {round}""#))?;
        // What was said to the server before is known to this one.
        say(&mut server, "a", &message("public", 1))?;
        hears(&mut server, "a", r#""dup":true"#)?;
        in_room.push(format!("{round} to public in round {round}"));
        in_private.push(format!("{round} to harper in round {round}"));
        for checking in [one, other] {
            let whole = format!("2 accounts and {} messages, all whole", 2 * round);
            does_say(checking, &server, &["check"], &whole)?;
        }
    }
    Ok(())
}

fn message(to: &str, round: u32) -> String {
    format!(
        r#"{{"type":"msg","data":{{"to":"{to}","text":"to {to} in round {round}","cid":"{to}-{round}"}}}}"#
    )
}

/// Connects, shows a token, and enters the room. The token for the time after that.
fn come_back(server: &mut Program, who: &str, token: &str) -> Result<String, String> {
    server.connect(who, true)?;
    say(server, who, HELLO)?;
    expect(server, who, r#"{"type":"hello","status":"ok""#)?;
    say(server, who, &resume(token))?;
    let answer = next_frame(server, who)?;
    let next = token_in(&answer).map_err(|_| format!("{who} was answered {answer}"))?;
    say(server, who, r#"{"type":"enter","data":{"room":"example"}}"#)?;
    hears(server, who, r#"{"type":"list_room""#)?;
    Ok(next)
}
