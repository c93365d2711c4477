//! Every transcript against the real server.

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = testkit::transcript_tests(env!("CARGO_BIN_EXE_chatroom-server-std"));
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), tests).exit_code()
}
