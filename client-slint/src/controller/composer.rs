//! What helps with typing: earlier messages, and names that complete themselves.

use std::collections::VecDeque;

use chatroom_core::client::folded;

/// Earlier messages and the state of a completion.
#[derive(Debug, Default)]
pub(super) struct Composer {
    /// Newest first.
    sent: VecDeque<String>,
    /// What was recalled last, and which one it is.
    recalled: Option<(usize, String)>,
    completion: Option<Completion>,
}

#[derive(Debug)]
struct Completion {
    /// What was typed before the name.
    before: String,
    prefix: String,
    candidate: usize,
    /// What the completion made of it.
    result: String,
}

impl Composer {
    pub(super) fn remember(&mut self, draft: &str) {
        self.recalled = None;
        self.completion = None;
        if self.sent.front().is_none_or(|last| last != draft) {
            self.sent.push_front(draft.to_owned());
            self.sent.truncate(SENT_MAX);
        }
    }

    pub(super) fn recall(&mut self, draft: &str) -> Option<String> {
        let next = match &self.recalled {
            Some((index, text)) if text == draft => index + 1,
            _ if draft.is_empty() => 0,
            _ => return None,
        };
        let text = self.sent.get(next)?.clone();
        self.recalled = Some((next, text.clone()));
        Some(text)
    }

    pub(super) fn complete(&mut self, draft: &str, members: &[&str]) -> Option<String> {
        let (before, prefix, candidate) = match self.completion.take() {
            Some(last) if last.result == draft => (last.before, last.prefix, last.candidate + 1),
            _ => {
                let start = draft.trim_end_matches(|c: char| !c.is_whitespace()).len();
                (draft[..start].to_owned(), folded(&draft[start..]), 0)
            }
        };
        if prefix.is_empty() {
            return None;
        }
        let mut names: Vec<&str> =
            members.iter().copied().filter(|name| folded(name).starts_with(&prefix)).collect();
        names.sort_unstable();
        let name = names.get(candidate % names.len().max(1))?;
        // At the start of a line a name is addressed.
        let end = if before.is_empty() { ": " } else { " " };
        let result = format!("{before}{name}{end}");
        self.completion = Some(Completion { before, prefix, candidate, result: result.clone() });
        Some(result)
    }

    pub(super) fn forget_completion(&mut self) {
        self.completion = None;
    }
}

/// How many messages can be recalled.
const SENT_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_messages_come_back_one_by_one() {
        let mut composer = Composer::default();
        for text in ["one", "two", "two"] {
            composer.remember(text);
        }
        assert_eq!(composer.recall("").as_deref(), Some("two"));
        assert_eq!(composer.recall("two").as_deref(), Some("one"));
        assert_eq!(composer.recall("one"), None);
        assert_eq!(composer.recall("something new"), None);
        assert_eq!(composer.recall("").as_deref(), Some("two"));
    }

    #[test]
    fn names_complete_one_after_the_other() {
        let mut composer = Composer::default();
        let members = ["bob", "Anna", "andy"];
        assert_eq!(composer.complete("an", &members).as_deref(), Some("Anna: "));
        assert_eq!(composer.complete("Anna: ", &members).as_deref(), Some("andy: "));
        assert_eq!(composer.complete("andy: ", &members).as_deref(), Some("Anna: "));
        assert_eq!(composer.complete("hi b", &members).as_deref(), Some("hi bob "));
        assert_eq!(composer.complete("\\private 午", &["午餐"]).as_deref(), Some("\\private 午餐 "));
        assert_eq!(composer.complete("ΚΟΣ", &["Κοσμάς"]).as_deref(), Some("Κοσμάς: "));
        assert_eq!(composer.complete("x", &members), None);
        assert_eq!(composer.complete("", &members), None);
    }
}
