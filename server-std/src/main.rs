//! `chatroom-server-std`: the chat server on blocking threads.

use std::process::ExitCode;

use server_common::run;
use server_std::{PROGRAM, Threads};

fn main() -> ExitCode {
    run::main(&PROGRAM, Threads::start)
}
