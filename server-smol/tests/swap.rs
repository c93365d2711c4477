//! One database, served by both servers in turn.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    // This program is the other server as well: which is built by another package, and may not be there.
    if env::args_os().any(|argument| argument == "--data-dir") {
        return server_common::run::main(&server_std::PROGRAM, server_std::Threads::start);
    }
    let other: PathBuf = env::current_exe().expect("a program knows where it is");
    let tests = testkit::swap_tests(env!("CARGO_BIN_EXE_chatroom-server-smol"), other);
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), tests).exit_code()
}
