//! What a program is asked to do, other than to serve.

use std::path::PathBuf;

/// Work on a data folder, also beside the server that serves with it.
#[derive(clap::Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Copy the accounts, as they are at one moment, to a new file
    Backup {
        /// The file, which must not be there yet
        file: PathBuf,
    },
    /// Look whether accounts and identity are whole
    Check,
    /// Write the database anew, without whatever was deleted: best while no server runs, for all who write wait meanwhile
    Compact,
    /// Look after accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Invite people to make an account
    #[command(subcommand)]
    Invite(InviteCommand),
    /// Look after rooms
    #[command(subcommand)]
    Room(RoomCommand),
}

/// Work on invitations.
#[derive(clap::Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum InviteCommand {
    /// Print a link that lets who has it make an account
    Create {
        /// How many accounts can be made with it
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        uses: u32,
        /// In how many days it ends
        #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3_650))]
        days: u32,
        /// Where others reach the server [default: where it listens]
        #[arg(long, value_name = "HOST[:PORT]")]
        address: Option<String>,
    },
    /// Print what is left of all invitations, one a line
    List,
    /// Take an invitation back
    Revoke {
        /// Its number in the list
        number: i64,
    },
}

/// Work on rooms.
#[derive(clap::Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum RoomCommand {
    /// Print all rooms that are on the disk, one a line
    List,
    /// Keep more or less of a room than of the rest
    #[command(group = clap::ArgGroup::new("how much").required(true).multiple(true))]
    Keep {
        /// Which, in any spelling
        name: String,
        /// For so many days, 0 for ever [default: 0]
        #[arg(long, value_name = "N", group = "how much")]
        days: Option<u32>,
        /// So many messages, the newest, 0 for all [default: 0]
        #[arg(long, value_name = "N", group = "how much")]
        messages: Option<u32>,
        /// As much as of the rest
        #[arg(long, group = "how much", conflicts_with_all = ["days", "messages"])]
        as_the_rest: bool,
    },
}

/// Work on accounts.
#[derive(clap::Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum UserCommand {
    /// Print all accounts, one a line
    List,
    /// Shut an account out
    Disable {
        /// Whose, in any spelling
        name: String,
    },
    /// Let an account in again
    Enable {
        /// Whose, in any spelling
        name: String,
    },
    /// Print the logins of an account that last, one a line
    Logins {
        /// Whose, in any spelling
        name: String,
    },
    /// Have an account's logins end: nobody comes back to one without the password
    LogOut {
        /// Whose, in any spelling
        name: String,
        /// End this one alone, by its number in the list
        #[arg(long, value_name = "NUMBER")]
        login: Option<i64>,
    },
    /// Write everything there is about a user as JSON, for that user to have
    Export {
        /// Whose, in any spelling
        name: String,
        /// The file, which must not be there yet [default: standard output]
        file: Option<PathBuf>,
    },
    /// Delete an account, and the texts of all its messages, for ever
    Delete {
        /// Whose, in any spelling
        name: String,
        /// Do not ask for the name again
        #[arg(long)]
        yes: bool,
    },
    /// Give an account a new password: one that is made up and printed
    ResetPassword {
        /// Whose, in any spelling
        name: String,
        /// Take the password from the first line of standard input instead
        #[arg(long)]
        stdin: bool,
    },
}
