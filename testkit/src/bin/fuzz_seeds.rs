//! Writes the transcripts as inputs for the fuzz targets: `cargo run -p testkit --bin fuzz_seeds -- FOLDER` makes a folder in
//! it for each target. `fuzz/distil` runs it, and keeps those that reach something.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use testkit::check::transcripts;
use testkit::fuzz::seeds::{Seed, seeds};
use testkit::transcript::Transcript;

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1) else {
        eprintln!("usage: fuzz_seeds FOLDER");
        return ExitCode::from(2);
    };
    match write(Path::new(&folder)) {
        Ok(count) => {
            println!("{count} seeds");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> Result<usize, String> {
    let mut count = 0;
    for (name, path) in transcripts() {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let transcript = Transcript::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        for (number, Seed { target, bytes }) in (1..).zip(seeds(&transcript)) {
            let folder = folder.join(target);
            let file = folder.join(format!("{name}-{number}"));
            let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, bytes));
            written.map_err(|error| format!("{}: {error}", file.display()))?;
            count += 1;
        }
    }
    Ok(count)
}
