//! Many clients at one chat server: checks that every message reaches everybody in the room, once and in one order, and
//! reports how fast, and what it cost the server. Speaks this project's protocol and IRC, over TLS.
//!
//! ```sh
//! cargo build --release -p server-smol
//! target/release/chatroom-server-smol --listen 127.0.0.1:9999 --pbkdf2-iterations 1 --message-rate 0 &
//! cargo run --release -p testkit --bin swarm -- --address 127.0.0.1:9999 --clients 200 --window 16 --pid $!
//! ```

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("swarm: what a server takes is known on Linux alone");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::net::SocketAddr;
    use std::path::PathBuf;
    use std::process::ExitCode;
    use std::time::Duration;

    use clap::Parser;
    use testkit::load::{self, Dialect, Pace, Settings, Storm};

    /// Lets many clients talk at a chat server, and reports how it did.
    #[derive(Parser)]
    struct Arguments {
        /// Where the server listens.
        #[arg(long)]
        address: SocketAddr,
        /// What it speaks.
        #[arg(long, value_enum, default_value_t = Dialect::Chatroom)]
        protocol: Dialect,
        /// How many clients sit in rooms.
        #[arg(long, default_value_t = 200)]
        clients: usize,
        /// How many rooms they are spread over.
        #[arg(long, default_value_t = 1)]
        rooms: usize,
        /// How many more are logged in, in no room, and silent.
        #[arg(long, default_value_t = 0)]
        idle: usize,
        /// How many messages of each room are on their way at a time.
        #[arg(long, default_value_t = 1, conflicts_with = "rate")]
        window: usize,
        /// Messages a second of each sender, instead of a window.
        #[arg(long)]
        rate: Option<u32>,
        /// How many clients talk, at a rate.
        #[arg(long, default_value_t = 1, requires = "rate")]
        senders: usize,
        /// How many more come all at once when it begins to count, register and log in.
        #[arg(long)]
        storm: Option<usize>,
        /// Bytes of each text.
        #[arg(long, default_value_t = 64)]
        text_bytes: usize,
        /// Seconds that count.
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
        /// Seconds before they count.
        #[arg(long, default_value_t = 2.0)]
        warm_up: f64,
        /// The server's process, so that what it takes is told (Linux).
        #[arg(long)]
        pid: Option<u32>,
        /// Writes the report there too, as JSON.
        #[arg(long)]
        json: Option<PathBuf>,
    }

    pub(super) fn main() -> ExitCode {
        testkit::exit_code("swarm", try_main(Arguments::parse()))
    }

    fn try_main(arguments: Arguments) -> Result<(), String> {
        let seconds = |value: f64| Duration::try_from_secs_f64(value).map_err(|error| error.to_string());
        let settings = Settings {
            address: arguments.address,
            dialect: arguments.protocol,
            clients: arguments.clients,
            rooms: arguments.rooms,
            idle: arguments.idle,
            pace: match arguments.rate {
                Some(per_second) => Pace::Rate { senders: arguments.senders, per_second },
                None => Pace::Window(arguments.window),
            },
            storm: arguments.storm.map(|logins| Storm { logins, at_a_time: logins }),
            text_bytes: arguments.text_bytes,
            warm_up: seconds(arguments.warm_up)?,
            span: seconds(arguments.seconds)?,
            process: arguments.pid,
        };
        let report = load::run(&settings)?;
        if let Some(file) = arguments.json {
            let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
            fs::write(&file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
        }
        print!("{report}");
        Ok(())
    }
}
