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
    /// Look after accounts
    #[command(subcommand)]
    User(UserCommand),
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
    /// Give an account a new password: one that is made up and printed
    ResetPassword {
        /// Whose, in any spelling
        name: String,
        /// Take the password from the first line of standard input instead
        #[arg(long)]
        stdin: bool,
    },
}
