//! The results as plots.

use std::error::Error;

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::coord::combinators::IntoLogRange;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Rectangle, Text};
use plotters::prelude::SVGBackend;
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, RGBColor, TextStyle, WHITE};

use super::table::{CPU, MEMORY, Table};
use super::{Contender, Part, Results, Row};

/// A picture: its name, and what is in the file.
pub type Plot = (&'static str, String);

/// A server, or the floor, in one colour.
struct Series {
    name: &'static str,
    color: RGBColor,
    /// Where it is measured, and what was.
    points: Vec<(f64, f64)>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// The pictures of a part.
///
/// # Errors
/// What kept them from being drawn.
pub fn plots(part: Part, results: &Results) -> Result<Vec<Plot>, String> {
    let drawn: Result<Vec<Plot>, Box<dyn Error>> = match part {
        Part::Peers => draw("peers", |area| bars(area, results)).map(|plot| vec![plot]),
        Part::Members => draw("members", |area| lines(area, &CPU, part, results)).map(|plot| vec![plot]),
        Part::Connections => [("connections", CPU), ("memory", MEMORY)]
            .into_iter()
            .map(|(name, table)| draw(name, |area| lines(area, &table, part, results)))
            .collect(),
        Part::Lobby | Part::Storm | Part::History => Ok(Vec::new()),
    };
    drawn.map_err(|error| format!("cannot draw: {error}"))
}

/// On white, so that it can be read on a dark page too.
fn draw(name: &'static str, picture: impl FnOnce(&Area<'_>) -> Drawn) -> Result<Plot, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        area.fill(&WHITE)?;
        picture(&area)?;
        area.present()?;
    }
    Ok((name, svg))
}

/// What a delivery costs each server, for each way to talk, next to the floor.
fn bars(area: &Area<'_>, results: &Results) -> Drawn {
    let rows = Part::Peers.rows().iter().copied().filter(|row| !row.is_idle());
    let rows: Vec<(f64, Row)> = (0_u32..).map(f64::from).zip(rows).collect();
    let series = series(Part::Peers, &rows, &CPU, results);
    head(area, CPU.title, &series)?;
    let all = || series.iter().flat_map(|series| &series.points).map(|(_, value)| *value);
    let (least, most) = (all().fold(f64::MAX, f64::min).min(1.0), all().fold(1.0, f64::max));
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .margin_top(HEAD)
        .x_label_area_size(30)
        .y_label_area_size(240)
        .build_cartesian_2d((least / 1.5..most * 2.0).log_scale(), rows.len() as f64..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .x_label_style(font(13))
        .x_label_formatter(&|value| format!("{value}"))
        .draw()?;
    let thickness = 0.84 / series.len() as f64;
    let left = chart.plotting_area().get_x_range().start;
    for (series, number) in series.iter().zip(0_u32..) {
        for (at, value) in &series.points {
            let top = at + 0.08 + thickness * f64::from(number);
            let corners = [(left, top), (*value, top + thickness * 0.9)];
            chart.draw_series([Rectangle::new(corners, series.color.filled())])?;
            let beside = chart.plotting_area().map_coordinate(&(*value, top + thickness * 0.45));
            let label = font(11).color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(format!("{value:.2}"), (beside.0 + 5, beside.1), label))?;
        }
    }
    for (at, row) in &rows {
        let (_, y) = chart.plotting_area().map_coordinate(&(least, at + 0.5));
        let label = font(14).color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(row.name, (MARGIN + 232, y), label))?;
    }
    Ok(())
}

/// A figure over the number that the rows differ by.
fn lines(area: &Area<'_>, table: &Table, part: Part, results: &Results) -> Drawn {
    let rows: Vec<(f64, Row)> = part.rows().iter().map(|row| (row.connections() as f64, *row)).collect();
    let series = series(part, &rows, table, results);
    head(area, table.title, &series)?;
    let most = series.iter().flat_map(|series| &series.points).map(|(_, value)| *value).fold(0.0, f64::max);
    let at = || rows.iter().map(|(at, _)| *at);
    let (first, last) = (at().fold(f64::MAX, f64::min), at().fold(1.0, f64::max));
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .margin_top(HEAD)
        .x_label_area_size(50)
        .y_label_area_size(60)
        .build_cartesian_2d((first * 0.8..last * 1.25).log_scale(), 0.0..most.max(0.1) * 1.15)?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .label_style(font(13))
        .axis_desc_style(font(14))
        .x_desc(part.corner())
        .x_label_formatter(&|value| format!("{value}"))
        .draw()?;
    for series in series {
        let line = LineSeries::new(series.points, series.color.stroke_width(2)).point_size(4);
        chart.draw_series(line)?;
    }
    Ok(())
}

/// A figure of each server in these rows, which stand in these places, and the floor, where it is measured.
fn series(part: Part, rows: &[(f64, Row)], table: &Table, results: &Results) -> Vec<Series> {
    let points = |value: &dyn Fn(Row) -> Option<f64>| -> Vec<(f64, f64)> {
        rows.iter().filter_map(|(at, row)| Some((*at, value(*row)?))).collect()
    };
    let of_server = |contender: Contender| {
        let points = points(&|row| results.median(contender, row, table.figure));
        Series { name: contender.name(), color: color(contender), points }
    };
    let floor = part.has_floor().then(|| points(&|row| results.floor(row)));
    let floor = floor.map(|points| Series { name: "floor", color: FLOOR, points });
    part.contenders().map(of_server).chain(floor).collect()
}

/// The title, and which colour is who.
fn head(area: &Area<'_>, title: &str, series: &[Series]) -> Drawn {
    area.draw(&Text::new(title.to_owned(), (MARGIN, MARGIN), font(18).color(&BLACK)))?;
    for (series, number) in series.iter().zip(0..) {
        let (x, y) = (MARGIN + 140 * number, MARGIN + 34);
        area.draw(&Rectangle::new([(x, y), (x + 14, y + 14)], series.color.filled()))?;
        let label = font(14).color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(series.name, (x + 20, y + 7), label))?;
    }
    Ok(())
}

/// A size in pixels. What is asked for comes out smaller by a fixed factor.
fn font(pixels: i32) -> TextStyle<'static> {
    ("sans-serif", 1.24 * f64::from(pixels)).into_font().into()
}

/// Colours that also those can tell apart who see fewer of them.
const fn color(contender: Contender) -> RGBColor {
    match contender {
        Contender::Smol | Contender::SmolKeeping => RGBColor(0, 114, 178),
        Contender::Threads | Contender::ThreadsKeeping => RGBColor(230, 159, 0),
        Contender::Ngircd => RGBColor(0, 158, 115),
        Contender::Inspircd => RGBColor(204, 121, 167),
    }
}

const FLOOR: RGBColor = RGBColor(90, 90, 90);
const GRID: RGBColor = RGBColor(215, 215, 215);
const WIDTH: u32 = 820;
const HEIGHT: u32 = 440;
const MARGIN: i32 = 16;
/// What the title and the colours take.
const HEAD: i32 = 76;
