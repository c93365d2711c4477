//! `chatroom`: a chat in a window of its own.

use std::process::ExitCode;

use clap::Parser as _;
use client_slint::{app, args::Args};

fn main() -> ExitCode {
    match app::run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("chatroom: {reason}");
            ExitCode::FAILURE
        }
    }
}
