//! Every transcript in the world, where nothing but sockets, threads and the clock is left out.

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), testkit::world_tests()).exit_code()
}
