//! What the window costs: how soon it is there, its memory, and its work. It prints figures, and judges none of them.
//!
//! ```sh
//! .ci/on-display cargo bench -p client-slint
//! ```
//!
//! All but the scrolling is measured from outside, on the program as people run it, on a real display and with a real
//! server in this process.

#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod display;
#[cfg(target_os = "linux")]
mod frames;
#[cfg(target_os = "linux")]
mod subject;

#[cfg(target_os = "linux")]
fn main() {
    measure::all();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this is measured on Linux alone, where /proc and X11 say what is needed");
}

#[cfg(target_os = "linux")]
mod measure {
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use crate::crowd::Crowd;
    use crate::display::Display;
    use crate::frames;
    use crate::subject::Subject;

    pub fn all() {
        let display = Display::open();
        starts(&display);
        let crowd = Crowd::start();
        let mut window = Subject::start(&display, &[&crowd.link()]);
        window.register("ann", "correct horse battery");
        crowd.wait_for_users(1);
        sleep(SETTLED);
        print("memory after login", format_args!("{:.1} MB resident", window.resident_mb()));
        idle("in the lobby", &window);

        window.press("Return");
        let mut speaker = crowd.speaker();
        speaker.wait_for_member("ann");
        idle("in a room, the cursor in the composer", &window);

        flood(&mut window, &mut speaker);
        sleep(SETTLED);
        print("memory with 50,000 messages", format_args!("{:.1} MB resident", window.resident_mb()));
        idle("with 50,000 messages", &window);
        unseen(&mut window, &mut speaker);
        display.focus_nothing();
        idle("behind other windows", &window);
        drop(window);
        frames::measure();
    }

    fn starts(display: &Display) {
        let mut times: Vec<Duration> =
            (0..STARTS).map(|_| Subject::start(display, &[]).first_frame_after()).collect();
        times.sort_unstable();
        let ms = |index: usize| times[index].as_secs_f64() * 1e3;
        print(
            "start to first frame",
            format_args!("{:.0} ms (median of {STARTS}, worst {:.0} ms)", ms(STARTS / 2), ms(STARTS - 1)),
        );
    }

    /// Ten thousand messages a second into the open room, while keys are pressed.
    fn flood(window: &mut Subject, speaker: &mut crate::crowd::Speaker) {
        let (cpu, start) = (window.cpu(), Instant::now());
        let mut answers = Vec::new();
        for second in 0..FLOOD_SECONDS {
            let is_pressed = second > 0;
            let pressed_at = Instant::now();
            if is_pressed {
                window.press("a");
                window.press("Return");
            }
            speaker.say_many(FLOOD_RATE, |heard| {
                if heard.is_from("ann") && is_pressed {
                    answers.push(pressed_at.elapsed());
                }
            });
        }
        let took = start.elapsed();
        let share = (window.cpu() - cpu).as_secs_f64() / took.as_secs_f64();
        print(
            "10,000 messages a second for 5 s",
            format_args!("{:.0} % of a core, over {:.1} s", share * 100.0, took.as_secs_f64()),
        );
        let worst = answers.iter().max().copied().unwrap_or_default();
        print(
            "keys meanwhile",
            format_args!(
                "{} of {} messages typed were heard, the slowest {:.0} ms after its first key",
                answers.len(),
                FLOOD_SECONDS - 1,
                worst.as_secs_f64() * 1e3
            ),
        );
        assert_eq!(answers.len(), FLOOD_SECONDS - 1, "a key was not answered");
    }

    /// The same away from the end, where the title counts what was not seen.
    fn unseen(window: &mut Subject, speaker: &mut crate::crowd::Speaker) {
        window.press("Prior");
        sleep(SETTLED);
        let cpu = window.cpu();
        for _ in 0..FLOOD_SECONDS {
            speaker.say_many(FLOOD_RATE, |_| {});
        }
        let title = format!("({}) example – Chatroom", FLOOD_SECONDS * FLOOD_RATE);
        window.wait_for_title(&title);
        let share = (window.cpu() - cpu).as_secs_f64() / FLOOD_SECONDS as f64;
        print(
            "the same while scrolled up",
            format_args!("{:.0} % of a core, all 50,000 counted", share * 100.0),
        );
    }

    fn idle(where_: &str, window: &Subject) {
        sleep(SETTLED);
        let (cpu, start) = (window.cpu(), Instant::now());
        sleep(IDLE);
        let share = (window.cpu() - cpu).as_secs_f64() / start.elapsed().as_secs_f64();
        print(
            &format!("idle {where_}"),
            format_args!("{:.3} % of a core over {} s", share * 100.0, IDLE.as_secs()),
        );
    }

    pub fn print(what: &str, figures: std::fmt::Arguments<'_>) {
        println!("{what:<48} {figures}");
    }

    const STARTS: usize = 11;
    const FLOOD_SECONDS: usize = 5;
    const FLOOD_RATE: usize = 10_000;
    const SETTLED: Duration = Duration::from_secs(2);
    const IDLE: Duration = Duration::from_secs(10);
}
