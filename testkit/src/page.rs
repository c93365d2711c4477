//! Pages that programs write into.

use std::fs;
use std::path::Path;

/// Puts `text` in the place of what is between `<!-- PART -->` and `<!-- end of PART -->`.
///
/// # Errors
/// Says what is wrong with the file, or that the page has no such place.
pub fn replace(file: &Path, part: &str, text: &str) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", file.display());
    let page = fs::read_to_string(file).map_err(failed)?;
    let (begin, end) = (format!("<!-- {part} -->"), format!("<!-- end of {part} -->"));
    let places = page.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let Some((before, after)) = places else {
        return Err(format!("{}: there is no {begin} with its {end}", file.display()));
    };
    fs::write(file, format!("{before}{begin}\n{text}{end}{after}")).map_err(failed)
}
