//! How long a frame takes while fifty thousand messages are scrolled through: the real window and list, drawn by the
//! renderer that the program uses, into memory.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use client_slint::adapters::Window;
use client_slint::log::{Log, ROWS_MAX};
use client_slint::screen::{Page, Room, Screen};
use client_slint::ui::App;
use jiff::ToSpan as _;
use slint::platform::software_renderer::{MinimalSoftwareWindow, PremultipliedRgbaColor, RepaintBufferType};
use slint::platform::{Platform, WindowAdapter, WindowEvent};
use slint::{ComponentHandle as _, LogicalPosition, PhysicalSize, PlatformError};

use crate::measure::print;

pub fn measure() {
    let mut screen = Offscreen::new();
    let log = Rc::new(RefCell::new(Log::default()));
    let app = App::new().expect("a window in memory is always made");
    let window = Window::new(app, Rc::clone(&log));
    window.window().show().expect("a window in memory is always shown");
    fill(&mut log.borrow_mut());
    let room = Room { name: "example".into(), is_following: true, ..Room::default() };
    window.show(&Screen { page: Page::Room, room, ..Screen::default() });
    screen.frame();
    screen.frame();

    let mut wheel = Frames::default();
    for step in 0..FRAMES {
        // Mostly up, through all of it, and some of the way back.
        let up = if step % 8 == 7 { -180.0 } else { 180.0 };
        screen.scroll(up);
        wheel.times.extend(screen.frame());
    }
    wheel.print("scrolling by the wheel");
    let mut far = Frames::default();
    for step in 0..FRAMES / 4 {
        screen.scroll(if step % 2 == 0 { 60_000.0 } else { -35_000.0 });
        far.times.extend(screen.frame());
    }
    far.print("scrolling a thousand messages a frame");
}

/// Five people, who say one to three lines each, over a day.
fn fill(log: &mut Log) {
    let start = jiff::civil::date(2026, 1, 1).at(0, 0, 0, 0);
    for number in 0..ROWS_MAX {
        let at = start + i64::try_from(number * 3 / 2).unwrap_or_default().seconds();
        let author = ["ann", "bob", "carol", "dan", "eve"][number / 3 % 5];
        let mut text = format!("message {number} says as much as people say in one line");
        if number % 7 == 0 {
            text.push_str(", and then goes on with a second thought that needs more than that, so that it is wrapped at \
                           the edge of the window; see https://example.org/");
        }
        log.receive(at, author, text, None, false);
    }
}

#[derive(Default)]
struct Frames {
    times: Vec<Duration>,
}

impl Frames {
    fn print(mut self, what: &str) {
        self.times.sort_unstable();
        let count = self.times.len();
        let ms = |percent: usize| self.times[(count - 1) * percent / 100].as_secs_f64() * 1e3;
        let in_time = self.times.iter().filter(|time| **time < Duration::from_millis(16)).count();
        let (half, most, worst) = (ms(50), ms(99), ms(100));
        print(
            what,
            format_args!(
                "{:.1} % of {count} frames under 16 ms (median {half:.1} ms, 99 % {most:.1} ms, worst {worst:.1} ms)",
                in_time as f64 / count as f64 * 100.0
            ),
        );
    }
}

/// A screen that nobody sees.
struct Offscreen {
    window: Rc<MinimalSoftwareWindow>,
    pixels: Vec<PremultipliedRgbaColor>,
}

impl Offscreen {
    fn new() -> Self {
        let window = MinimalSoftwareWindow::new(RepaintBufferType::ReusedBuffer);
        let platform = InMemory { window: Rc::clone(&window), start: Instant::now() };
        slint::platform::set_platform(Box::new(platform)).expect("no other platform was set");
        window.set_size(PhysicalSize::new(WIDTH, HEIGHT));
        Self { window, pixels: vec![PremultipliedRgbaColor::default(); (WIDTH * HEIGHT) as usize] }
    }

    fn scroll(&self, up: f32) {
        let position = LogicalPosition::new(300.0, 300.0);
        self.window.dispatch_event(WindowEvent::PointerScrolled { position, delta_x: 0.0, delta_y: up });
    }

    /// How long a frame took, if there was something to draw.
    fn frame(&mut self) -> Option<Duration> {
        let start = Instant::now();
        slint::platform::update_timers_and_animations();
        let is_drawn = self.window.draw_if_needed(|renderer| {
            renderer.render(&mut self.pixels, WIDTH as usize);
        });
        is_drawn.then(|| start.elapsed())
    }
}

struct InMemory {
    window: Rc<MinimalSoftwareWindow>,
    start: Instant,
}

impl Platform for InMemory {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        Ok(self.window.clone())
    }

    fn duration_since_start(&self) -> Duration {
        self.start.elapsed()
    }
}

const WIDTH: u32 = 1_000;
const HEIGHT: u32 = 800;
const FRAMES: usize = 2_000;
