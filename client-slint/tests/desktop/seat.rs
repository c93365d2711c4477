//! A person at a window: looks at its title, and presses keys.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{panicking, sleep};
use std::time::{Duration, Instant};
use std::{env, fs};

use tempfile::TempDir;
use testkit::canary;

pub struct Seat {
    child: Child,
    window: String,
    profile: TempDir,
    place: u32,
}

fn spawn(profile: &Path, args: &[&str], stdout: Stdio) -> Child {
    Command::new(env!("CARGO_BIN_EXE_chatroom"))
        .args(args)
        .args(["--profile".as_ref(), profile])
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(stdout)
        .spawn()
        .expect("the window's program was just built")
}

impl Seat {
    /// Starts the program with a link to a server, and waits for its window. Each `place` is a part of the screen.
    pub fn open(link: &str, place: u32) -> Self {
        Self::start(&[link], Stdio::null(), place)
    }

    /// Starts the program so that it hosts a chat. The link for others.
    pub fn host(place: u32) -> (Self, String) {
        let mut seat = Self::start(&["--host"], Stdio::piped(), place);
        let mut link = String::new();
        let stdout = seat.child.stdout.take().expect("its standard output is ours");
        BufReader::new(stdout).read_line(&mut link).expect("it prints text");
        (seat, link.trim_end().to_owned())
    }

    fn start(args: &[&str], stdout: Stdio, place: u32) -> Self {
        let profile = tempfile::tempdir().expect("there is room for a profile");
        let child = spawn(profile.path(), args, stdout);
        let mut seat = Self { child, window: String::new(), profile, place };
        seat.find_window();
        seat
    }

    /// Kills the program, as a crash would, and starts it once more, with nothing said to it.
    pub fn kill_and_open_again(&mut self) {
        self.kill();
        self.child = spawn(self.profile.path(), &[], Stdio::null());
        self.find_window();
    }

    /// Kills the program, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Waits until what was typed is in its file.
    pub fn wait_until_kept(&self, text: &str) {
        let log = self.profile.path().join("window.db-wal");
        wait_for(&format!("{text:?} in {}", log.display()), || {
            let bytes = fs::read(&log).ok()?;
            bytes.windows(text.len()).any(|part| part == text.as_bytes()).then_some(())
        });
    }

    fn find_window(&mut self) {
        let id = self.child.id().to_string();
        self.window = wait_for("a window", || {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                panic!("the program ended before it had a window: {status}");
            }
            let windows = xdotool(&["search", "--all", "--onlyvisible", "--pid", &id, "--name", "Chatroom"]);
            windows.lines().next().map(str::to_owned)
        });
        xdotool(&["windowmove", &self.window, &(self.place * 1_000).to_string(), "0"]);
    }

    /// Makes an account, by keys alone.
    pub fn register(&self, name: &str, password: &str) {
        self.look();
        self.write(name);
        self.press("Return");
        self.write(password);
        // Past the box that shows the password and the button that logs in, to "I am new here", and back.
        ["Tab", "Tab", "Tab", "Return", "shift+Tab", "Return"].iter().for_each(|key| self.press(key));
    }

    /// Presses a key so many times.
    pub fn press_times(&self, times: usize, key: &str) {
        (0..times).for_each(|_| self.press(key));
    }

    /// Writes a message, and sends it.
    pub fn say(&self, text: &str) {
        self.look();
        self.write(text);
        self.press("Return");
    }

    /// Turns to this window, away from any other.
    pub fn look(&self) {
        xdotool(&["windowfocus", "--sync", &self.window]);
    }

    pub fn press(&self, key: &str) {
        xdotool(&["key", "--delay", "20", key]);
    }

    pub fn wait_for_title(&self, title: &str) {
        wait_for(&format!("the title {title:?}"), || (self.title() == title).then_some(()));
    }

    /// Presses a key, once more if nothing comes of it, until the window has that title.
    pub fn press_until(&self, key: &str, title: &str) {
        wait_for(&format!("the title {title:?}"), || {
            self.press(key);
            (0..25).find_map(|_| {
                sleep(Duration::from_millis(20));
                (self.title() == title).then_some(())
            })
        });
    }

    fn title(&self) -> String {
        xdotool(&["getwindowname", &self.window]).trim_end().to_owned()
    }

    /// Types where keys go now.
    pub fn write(&self, text: &str) {
        xdotool(&["type", "--delay", "20", text]);
    }
}

impl Drop for Seat {
    /// Fails the test if a password was kept.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !panicking() {
            assert_eq!(canary::find_in(self.profile.path()), None, "a password is in a file");
        }
    }
}

/// A picture of all that is to be seen, in `target/desktop/`, where ImageMagick is there to take it.
pub fn screenshot(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/desktop");
    let file = folder.join(format!("{name}.png"));
    let _ = fs::create_dir_all(&folder)
        .and_then(|()| Command::new("import").args(["-window", "root"]).arg(file).status());
}

/// What xdotool prints. One that finds nothing says so by its exit code, and is asked again by who waits.
fn xdotool(args: &[&str]) -> String {
    let output = Command::new("xdotool").args(args).stderr(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("xdotool cannot be run: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until there is something. What never comes ends the test, long after it should have come.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let give_up_at = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        if Instant::now() > give_up_at {
            screenshot("failed");
            panic!("{what} did not come; target/desktop/failed.png shows what did");
        }
        sleep(Duration::from_millis(20));
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
