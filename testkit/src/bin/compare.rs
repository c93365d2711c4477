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
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::ExitCode;
    use std::time::Duration;

    use clap::Parser;
    use testkit::compare::{self, Part};
    use testkit::page;

    /// Measures chat servers side by side.
    #[derive(Parser)]
    struct Arguments {
        /// What is measured; everything, if nothing is said.
        #[arg(value_enum)]
        parts: Vec<Part>,
        /// Where this project's programs are.
        #[arg(long, default_value = "target/release")]
        binaries: PathBuf,
        /// How often everything is measured; medians are told.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// How long each measurement takes, in seconds.
        #[arg(long, default_value_t = 4)]
        seconds: u64,
        /// The page in which each part takes the place of what is between `<!-- PART -->` and `<!-- end of PART -->`.
        #[arg(long)]
        page: Option<PathBuf>,
        /// The folder that plots are put into.
        #[arg(long)]
        plots: Option<PathBuf>,
        /// Where every figure of every round is written, as JSON.
        #[arg(long)]
        json: Option<PathBuf>,
    }

    pub(super) fn main() -> ExitCode {
        testkit::exit_code("compare", try_main(&Arguments::parse()))
    }

    fn try_main(arguments: &Arguments) -> Result<(), String> {
        let span = Duration::from_secs(arguments.seconds);
        let parts = if arguments.parts.is_empty() { &Part::ALL[..] } else { &arguments.parts };
        // Before anything is measured in vain.
        if let Some(folder) = &arguments.plots {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let mut all = BTreeMap::new();
        for part in parts {
            let rounds = part.rounds(arguments.rounds);
            let results = compare::run(*part, &arguments.binaries, rounds, span, |note| eprintln!("{note}"));
            let tables = compare::markdown(*part, &results, rounds);
            print!("{tables}");
            if let Some(page) = &arguments.page {
                page::replace(page, part.name(), &tables)?;
            }
            if let Some(folder) = &arguments.plots {
                for (name, svg) in compare::plots(*part, &results)? {
                    write(&folder.join(name).with_extension("svg"), &svg)?;
                }
            }
            all.insert(part.name(), results);
        }
        if let Some(file) = &arguments.json {
            let json = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
            write(file, &(json + "\n"))?;
        }
        Ok(())
    }

    fn write(file: &Path, text: &str) -> Result<(), String> {
        fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
    }
}
