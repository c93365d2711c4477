//! What was drawn.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use client_slint::ui::App;
use slint::{ComponentHandle as _, Rgba8Pixel, SharedPixelBuffer};

pub struct Picture(SharedPixelBuffer<Rgba8Pixel>);

impl Picture {
    /// The window as it is now.
    pub fn of(app: &App) -> Self {
        Self(app.window().take_snapshot().expect("the software renderer draws"))
    }

    /// Every colour in it, with how much of the picture it covers.
    pub fn colors(&self) -> HashMap<[u8; 3], f64> {
        let mut counts: HashMap<[u8; 3], usize> = HashMap::new();
        // Most neighbours have one colour.
        for run in self.0.as_slice().chunk_by(|one, two| one == two) {
            *counts.entry([run[0].r, run[0].g, run[0].b]).or_default() += run.len();
        }
        counts.into_iter().map(|(color, count)| (color, count as f64 / self.pixels())).collect()
    }

    /// From 0, black, to 1, white.
    pub fn brightness(&self) -> f64 {
        let sum: u64 = self
            .0
            .as_bytes()
            .chunks(4)
            .map(|pixel| pixel[..3].iter().map(|c| u64::from(*c)).sum::<u64>())
            .sum();
        sum as f64 / (3. * 255. * self.pixels())
    }

    /// How many pixels differ.
    pub fn difference(&self, other: &Self) -> usize {
        assert_eq!((self.0.width(), self.0.height()), (other.0.width(), other.0.height()));
        self.0.as_slice().iter().zip(other.0.as_slice()).filter(|(one, two)| one != two).count()
    }

    /// Writes `target/snapshots/NAME.png`.
    pub fn save(&self, name: &str) -> Result<(), String> {
        let path = folder().join(name).with_extension("png");
        let error = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        fs::create_dir_all(folder()).map_err(|why| error(&why))?;
        let file = File::create(&path).map_err(|why| error(&why))?;
        let mut encoder = png::Encoder::new(BufWriter::new(file), self.0.width(), self.0.height());
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        let opaque: Vec<u8> =
            self.0.as_slice().iter().flat_map(|pixel| [pixel.r, pixel.g, pixel.b]).collect();
        let mut writer = encoder.write_header().map_err(|why| error(&why))?;
        writer.write_image_data(&opaque).map_err(|why| error(&why))
    }

    fn pixels(&self) -> f64 {
        f64::from(self.0.width()) * f64::from(self.0.height())
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target directory").join("snapshots")
}
