//! What a person, a service manager and a crowd see of the real server.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(exit_code) = testkit::asleep::run_as_sleeper() {
        return exit_code;
    }
    let tests = testkit::program_tests(env!("CARGO_BIN_EXE_chatroom-server-smol"));
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), tests).exit_code()
}
