//! Measures this project's servers beside those of IRC that are installed, and writes the result as Markdown and JSON.
//! `bench/run` installs and builds what it needs, and calls it.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("compare: what a server takes is known on Linux alone");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::ExitCode;
    use std::time::Duration;

    use clap::Parser;
    use testkit::compare;

    /// Measures chat servers side by side.
    #[derive(Parser)]
    struct Arguments {
        /// Where this project's programs are.
        #[arg(long, default_value = "target/release")]
        binaries: PathBuf,
        /// How often everything is measured; medians are told.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// How long each measurement takes, in seconds.
        #[arg(long, default_value_t = 4)]
        seconds: u64,
        /// The page whose part between `<!-- results -->` and `<!-- end of results -->` is replaced.
        #[arg(long)]
        page: Option<PathBuf>,
        /// Where every figure of every round is written, as JSON.
        #[arg(long)]
        json: Option<PathBuf>,
    }

    pub(super) fn main() -> ExitCode {
        match try_main(&Arguments::parse()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("compare: {reason}");
                ExitCode::FAILURE
            }
        }
    }

    fn try_main(arguments: &Arguments) -> Result<(), String> {
        let span = Duration::from_secs(arguments.seconds);
        let results = compare::run(&arguments.binaries, arguments.rounds, span, |note| eprintln!("{note}"));
        let table = compare::markdown(&results, arguments.rounds);
        print!("{table}");
        if let Some(page) = &arguments.page {
            let old = fs::read_to_string(page).map_err(|error| format!("{}: {error}", page.display()))?;
            write(page, &replaced(&old, &table).ok_or("the page has no place for results")?)?;
        }
        if let Some(file) = &arguments.json {
            write(
                file,
                &(serde_json::to_string_pretty(&results).map_err(|error| error.to_string())? + "\n"),
            )?;
        }
        Ok(())
    }

    fn write(file: &Path, text: &str) -> Result<(), String> {
        fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn replaced(page: &str, table: &str) -> Option<String> {
        let (before, rest) = page.split_once(BEGIN)?;
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{BEGIN}\n{table}{END}{after}"))
    }

    const BEGIN: &str = "<!-- results -->";
    const END: &str = "<!-- end of results -->";
}
