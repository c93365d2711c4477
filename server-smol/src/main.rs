//! `chatroom-server-smol`: the chat server on smol.

use std::process::ExitCode;

use server_common::run;
use server_smol::{PROGRAM, Tasks};

fn main() -> ExitCode {
    run::main(&PROGRAM, Tasks::start)
}
