//! Each page and dialog, drawn in light and dark.
//!
//! The pictures are in `target/snapshots`: look at them. What a program can see of them is tested here: that something
//! is drawn, in the theme's colours, the same each time, and no word outside the window.

mod picture;
mod scenes;
#[path = "../ui/seat.rs"]
mod seat;

use client_slint::ui::{AppAdapter, Theme, ThemeChoice};
use i_slint_backend_testing::{ElementHandle, TestingBackend, TestingBackendOptions};
use libtest_mimic::{Arguments, Failed, Trial};
use slint::{Color, ComponentHandle as _};

use picture::Picture;
use scenes::{SCENES, Scene};
use seat::Seat;

fn main() {
    let trials = SCENES.iter().map(|scene| Trial::test(scene.name, || check(scene))).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Texts are drawn as on a screen, with the typeface that is built in.
fn start_platform() {
    let options =
        TestingBackendOptions { mock_time: true, threading: false, renderer_name: Some("software".into()) };
    // A thread that had a scene before has one already.
    let _ = slint::platform::set_platform(Box::new(TestingBackend::new(options)));
}

fn check(scene: &Scene) -> Result<(), Failed> {
    let result = draw(scene, &(scene.set)());
    // The next scene of this thread begins in English.
    slint::select_bundled_translation("").map_err(|error| error.to_string())?;
    result
}

fn draw(scene: &Scene, seat: &Seat) -> Result<(), Failed> {
    let [light, dark] = [ThemeChoice::Light, ThemeChoice::Dark].map(|theme| {
        seat.app().global::<AppAdapter>().set_theme(theme);
        // Widgets change their colours in the course of a moment.
        (0..30).for_each(|_| seat.settle());
        let picture = Picture::of(seat.app());
        let name = if theme == ThemeChoice::Light { "light" } else { "dark" };
        picture.save(&format!("{}-{name}", scene.name))?;
        let colors = seat.app().global::<Theme>();
        check_picture(&picture, &[colors.get_ground(), colors.get_surface()])?;
        check_texts(seat)?;
        same(&picture, &Picture::of(seat.app()))?;
        Ok::<Picture, Failed>(picture)
    });
    let (light, dark) = (light?.brightness(), dark?.brightness());
    if light > dark + 0.3 {
        Ok(())
    } else {
        Err(format!("light is as bright as {light}, dark as {dark}").into())
    }
}

/// Something is drawn, and on a ground of the theme's.
fn check_picture(picture: &Picture, grounds: &[Color]) -> Result<(), Failed> {
    let colors = picture.colors();
    if colors.len() < 50 {
        return Err(format!("it has only {} colours, which is no text", colors.len()).into());
    }
    let share = |ground: &Color| colors.get(&[ground.red(), ground.green(), ground.blue()]);
    let share: f64 = grounds.iter().filter_map(share).sum();
    if share < GROUND_MIN {
        Err(format!("only {share:.2} of it has a ground of the theme's").into())
    } else {
        Ok(())
    }
}

/// No word is outside of the window, but for rows that a list is scrolled away from, and pages in a window too low for
/// them, which scroll.
fn check_texts(seat: &Seat) -> Result<(), Failed> {
    let size = seat.app().window().size();
    let texts: Vec<ElementHandle> = ElementHandle::find_by_element_type_name(seat.app(), "Text").collect();
    assert!(texts.len() > 3, "a page has words");
    let scrolls = ElementHandle::find_by_element_type_name(seat.app(), "ListView").next().is_some()
        || size.height < LOW_WINDOW;
    for text in texts {
        let (at, length) = (text.absolute_position(), text.size());
        let is_wide = at.x < -0.5 || at.x + length.width > size.width as f32 + 0.5;
        let is_high = at.y < -0.5 || at.y + length.height > size.height as f32 + 0.5;
        if is_wide || is_high && !scrolls {
            let label = text.accessible_label().unwrap_or_default();
            return Err(format!("{:?} {label:?} is at {at:?}, {length:?} large", text.id()).into());
        }
    }
    Ok(())
}

fn same(picture: &Picture, again: &Picture) -> Result<(), Failed> {
    match picture.difference(again) {
        0 => Ok(()),
        pixels => Err(format!("{pixels} pixels are drawn otherwise the second time").into()),
    }
}

/// A window that not every page fits into, in pixels.
const LOW_WINDOW: u32 = 500;

/// A dialog's card is the least of the theme's ground that is seen: around it all is dimmed.
const GROUND_MIN: f64 = 0.05;
