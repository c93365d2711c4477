//! The command line.

use clap::Parser;

/// A chat in a window of its own.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "chatroom", version)]
pub struct Args {
    /// Where to connect: HOST, HOST:PORT, or a link that somebody handed on (chatroom://HOST:PORT/#sha256=…)
    pub server: Option<String>,

    /// Host a chat on this computer, and open it
    #[arg(long, conflicts_with = "server")]
    pub host: bool,

    /// Do not check who the server is: only for demonstrations, and with no password that is used elsewhere
    #[arg(long)]
    pub insecure: bool,

    /// Where settings, known servers and a hosted chat are kept [default: this user's folders for chatroom]
    #[arg(long, value_name = "DIR")]
    pub profile: Option<std::path::PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_argument_and_hosting_takes_none() {
        let args = Args::try_parse_from(["chatroom", "chatroom://h:1/#sha256=00", "--insecure"]).unwrap();
        assert_eq!((args.server.as_deref(), args.insecure), (Some("chatroom://h:1/#sha256=00"), true));
        assert!(Args::try_parse_from(["chatroom", "--host", "h"]).is_err());
    }
}
