//! Many names, as one text.

use alloc::string::String;
use alloc::vec::Vec;

/// Names of users, in the order in which they came, one right after the other in memory: whoever comes into a crowd is
/// sent all of them, and to fetch each from a place of its own took half of what that costs.
#[derive(Clone, Default)]
pub struct Names {
    text: String,
    /// Where each of them ends in `text`.
    ends: Vec<usize>,
}

impl Names {
    /// Adds one at the end.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    /// Takes one out.
    ///
    /// # Panics
    /// There are not so many.
    pub fn remove(&mut self, index: usize) {
        let start = self.start(index);
        let end = self.ends.remove(index);
        self.text.drain(start..end);
        self.ends[index..].iter_mut().for_each(|later| *later -= end - start);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().enumerate().map(|(index, end)| &self.text[self.start(index)..*end])
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

impl<S: AsRef<str>> FromIterator<S> for Names {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|name| all.push(name.as_ref()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        names.iter().collect()
    }

    fn text(names: &Names) -> String {
        names.iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_stay_in_the_order_in_which_they_came() {
        let mut names = names(&["ann", "жук", "bob"]);
        names.push("eve");
        assert_eq!((names.len(), text(&names).as_str()), (4, "ann жук bob eve"));
    }

    #[test]
    fn one_is_taken_out_wherever_it_stands() {
        for (index, left) in ["жук bob", "ann bob", "ann жук"].iter().enumerate() {
            let mut names = names(&["ann", "жук", "bob"]);
            names.remove(index);
            assert_eq!(text(&names), *left);
        }
    }

    #[test]
    fn the_last_one_leaves_none() {
        let mut names = names(&["ann"]);
        assert!(!names.is_empty());
        names.remove(0);
        assert!(names.is_empty());
        names.push("bob");
        assert_eq!(text(&names), "bob");
    }
}
