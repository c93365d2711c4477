//! Everything that is written can be read: WCAG 2 asks for a contrast of 4.5 to 1 between a text and its ground.
//!
//! Exempt, as there: what cannot be used at the moment, and what is only seen while a button is held down.

use client_slint::ui::{App, AppAdapter, Palette, Theme, ThemeChoice};
use slint::{Brush, Color, ComponentHandle as _};

use crate::seat::Seat;

/// A text, and what it stands on.
struct Pairing {
    what: String,
    ink: Color,
    ground: Color,
}

#[test]
fn every_text_can_be_read_on_light_ground() {
    check(ThemeChoice::Light);
}

#[test]
fn every_text_can_be_read_on_dark_ground() {
    check(ThemeChoice::Dark);
}

fn check(theme: ThemeChoice) {
    let seat = Seat::new();
    seat.app().global::<AppAdapter>().set_theme(theme);
    seat.settle();
    assert_eq!(seat.app().global::<Theme>().get_is_dark(), theme == ThemeChoice::Dark);
    let app = seat.app();
    let pairings: Vec<Pairing> =
        [of_pages(app), of_names(app), of_widgets(app)].into_iter().flatten().collect();
    let faint: Vec<String> = pairings
        .iter()
        .map(|pairing| (contrast(pairing), &pairing.what))
        .filter(|(contrast, _)| *contrast < 4.5)
        .map(|(contrast, what)| format!("{contrast:.2} to 1: {what}"))
        .collect();
    assert!(faint.is_empty(), "of {} texts, these are too faint:\n{}", pairings.len(), faint.join("\n"));
}

/// What the pages and their components write, with the theme's colours.
fn of_pages(app: &App) -> Vec<Pairing> {
    let theme = app.global::<Theme>();
    let ground = ("the page", theme.get_ground());
    let surface = ("a card", theme.get_surface());
    let raised = ("a raised row or notice", theme.get_raised());
    let own = ("one's own message or the selected room", theme.get_own());
    let private = ("a private message", theme.get_private_ground());
    let danger = ("a notice of an error", theme.get_danger_ground());
    let warning = ("a warning", theme.get_warning_ground());
    let table = [
        ("text", theme.get_text(), vec![ground, surface, raised, own, private]),
        (
            "a time, a count or a quiet word",
            theme.get_text_quiet(),
            vec![ground, surface, raised, own, private],
        ),
        (
            "a link or a word to click",
            theme.get_accent(),
            vec![ground, surface, raised, own, private, warning],
        ),
        ("that a message is private", theme.get_private(), vec![private]),
        ("what went wrong", theme.get_danger(), vec![ground, surface, own, private, danger]),
        ("a warning, or what waits", theme.get_warning(), vec![surface, raised, own, warning]),
        ("what went well", theme.get_good(), vec![own, private, raised]),
        (
            "a count in its badge",
            theme.get_on_accent(),
            vec![("an accent", theme.get_accent()), ("a danger", theme.get_danger())],
        ),
    ];
    let pairing = |what: &str, ink, (place, ground): (&str, Color)| Pairing {
        what: format!("{what} on {place}"),
        ink,
        ground,
    };
    table
        .into_iter()
        .flat_map(|(what, ink, grounds)| grounds.into_iter().map(move |ground| pairing(what, ink, ground)))
        .collect()
}

/// Names and avatars in their colours.
fn of_names(app: &App) -> Vec<Pairing> {
    let theme = app.global::<Theme>();
    let rows = [
        ("the page", theme.get_ground()),
        ("one's own message", theme.get_own()),
        ("a private message", theme.get_private_ground()),
    ];
    let lists = [("a card", theme.get_surface()), ("a raised row", theme.get_raised())];
    let mut pairings = Vec::new();
    for number in 0..HUES {
        let ink = theme.invoke_hue(number);
        for (place, ground) in rows {
            pairings.push(Pairing { what: format!("a name of hue {number} on {place}"), ink, ground });
        }
        for (place, ground) in rows.into_iter().chain(lists) {
            // As `avatar.slint` has it.
            let ground = over(ink.with_alpha(AVATAR_ALPHA), ground);
            let what = format!("the initials of hue {number} in an avatar on {place}");
            pairings.push(Pairing { what, ink, ground });
        }
    }
    pairings
}

/// What the widgets of the fluent style write.
fn of_widgets(app: &App) -> Vec<Pairing> {
    let (theme, palette) = (app.global::<Theme>(), app.global::<Palette>());
    let is_dark = theme.get_is_dark();
    // As the style's `text-secondary` and `control-input-active` are, which its palette does not show.
    let placeholder = if is_dark { white(0xc9) } else { black(0x99) };
    let typed_in = if is_dark { Color::from_argb_u8(0xb3, 0x1e, 0x1e, 0x1e) } else { white(0xff) };
    let accent = color(palette.get_accent_background());
    let mut pairings = Vec::new();
    for (place, below) in [("the page", theme.get_ground()), ("a card", theme.get_surface())] {
        let control = over(color(palette.get_control_background()), below);
        let typed_in = over(typed_in, below);
        let texts = [
            ("a button's word", color(palette.get_control_foreground()), control),
            ("a main button's word", color(palette.get_accent_foreground()), accent),
            (
                "a main button's word under the pointer",
                color(palette.get_accent_foreground()),
                over(accent.with_alpha(0.9), below),
            ),
            ("a check box's word", color(palette.get_foreground()), below),
            ("what a field holds", color(palette.get_foreground()), control),
            ("what is typed", color(palette.get_foreground()), typed_in),
            ("what a field asks for", placeholder, control),
            ("what a field in use asks for", placeholder, typed_in),
            (
                "what is selected",
                color(palette.get_accent_foreground()),
                color(palette.get_selection_background()),
            ),
        ];
        pairings.extend(texts.map(|(what, ink, ground)| Pairing {
            what: format!("{what} on {place}"),
            ink: over(ink, ground),
            ground,
        }));
    }
    pairings
}

/// From 1, where nothing is to be seen, to 21, black on white.
fn contrast(pairing: &Pairing) -> f64 {
    let (ink, ground) = (luminance(pairing.ink), luminance(pairing.ground));
    (ink.max(ground) + 0.05) / (ink.min(ground) + 0.05)
}

fn luminance(color: Color) -> f64 {
    assert_eq!(color.alpha(), 0xff, "what shines through has to be known");
    let linear = |channel: u8| {
        let channel = f64::from(channel) / 255.;
        if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(color.red()) + 0.7152 * linear(color.green()) + 0.0722 * linear(color.blue())
}

/// What is to be seen of a colour above another one.
fn over(above: Color, below: Color) -> Color {
    let alpha = f32::from(above.alpha()) / 255.;
    let mix = |above: u8, below: u8| (alpha * f32::from(above) + (1. - alpha) * f32::from(below)) / 255.;
    Color::from_argb_f32(
        1.,
        mix(above.red(), below.red()),
        mix(above.green(), below.green()),
        mix(above.blue(), below.blue()),
    )
}

fn color(brush: Brush) -> Color {
    assert!(matches!(brush, Brush::SolidColor(_)), "one colour, and no gradient");
    brush.color()
}

fn white(alpha: u8) -> Color {
    Color::from_argb_u8(alpha, 0xff, 0xff, 0xff)
}

fn black(alpha: u8) -> Color {
    Color::from_argb_u8(alpha, 0, 0, 0)
}

/// How many colours names have.
const HUES: i32 = 8;

/// How much of its hue is in an avatar's ground.
const AVATAR_ALPHA: f32 = 0.18;
