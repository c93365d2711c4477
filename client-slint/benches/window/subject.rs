//! The program that is measured, as a process of its own.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::display::Display;

pub struct Subject<'a> {
    display: &'a Display,
    child: Child,
    window: u32,
    first_frame_after: Duration,
    _profile: TempDir,
}

impl<'a> Subject<'a> {
    /// Starts it, and waits until something is drawn.
    pub fn start(display: &'a Display, args: &[&str]) -> Self {
        let profile = tempfile::tempdir().expect("there is room for a profile");
        let start = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_chatroom"))
            .args(args)
            .args(["--profile".as_ref(), profile.path()])
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .spawn()
            .expect("the program was just built");
        let drawn = || display.window_of(child.id()).filter(|window| display.is_drawn(*window));
        let window = wait_for("a window with something in it", drawn);
        let first_frame_after = start.elapsed();
        Self { display, child, window, first_frame_after, _profile: profile }
    }

    pub fn first_frame_after(&self) -> Duration {
        self.first_frame_after
    }

    /// Makes an account, by keys alone: to "I am new here", and back.
    pub fn register(&mut self, name: &str, password: &str) {
        wait_for("the login page", || self.display.title(self.window).contains(" – ").then_some(()));
        self.display.focus(self.window);
        self.write(name);
        self.press("Return");
        self.write(password);
        ["Tab", "Tab", "Tab", "Return"].iter().for_each(|key| self.press(key));
        self.display.press_shifted("Tab");
        self.press("Return");
    }

    pub fn press(&self, key: &str) {
        self.display.press(key);
    }

    pub fn wait_for_title(&self, title: &str) {
        wait_for(title, || (self.display.title(self.window) == title).then_some(()));
    }

    /// Time that all its threads had on a core so far.
    pub fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the program runs");
        let on_core = |task: fs::DirEntry| -> Option<u64> {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse().ok()
        };
        Duration::from_nanos(tasks.flatten().filter_map(on_core).sum())
    }

    pub fn resident_mb(&self) -> f64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the program runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
        kib * 1024.0 / 1e6
    }

    fn write(&self, text: &str) {
        for key in text.chars() {
            match key {
                ' ' => self.press("space"),
                key => self.press(key.encode_utf8(&mut [0; 4])),
            }
        }
    }
}

impl Drop for Subject<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until there is something, looking often: the wait is what is measured.
pub fn wait_for<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come");
        sleep(Duration::from_millis(1));
    }
}
