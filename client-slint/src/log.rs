//! The messages of the conversation that is shown, in the order the server gave them; at their end those it has not answered yet.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::DateTime;

/// A message, as it is kept.
#[derive(Clone, Debug)]
pub struct Row {
    /// This window's own number for it.
    pub id: u32,
    /// Who said it.
    pub author: Arc<str>,
    /// What was said.
    pub text: Box<str>,
    /// When it came, by this computer's clock.
    pub at: DateTime,
    /// The other side of a private message.
    pub peer: Option<Arc<str>>,
    /// Whether it is one's own.
    pub is_own: bool,
    /// What became of it.
    pub delivery: Delivery,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The server has given it its place.
    Sent,
    /// On its way.
    Sending,
    /// It goes on its way once its conversation can be reached.
    Waiting,
    /// The server does not want it, or never saw it.
    Failed,
    /// The connection was lost before the answer came.
    Uncertain,
}

/// A message that was said before.
#[derive(Clone, Debug)]
pub struct Past {
    /// When, by this computer's clock.
    pub at: DateTime,
    /// Who said it.
    pub author: String,
    /// What was said.
    pub text: String,
    /// The other side of a private message.
    pub peer: Option<String>,
    /// Whether it is one's own.
    pub is_own: bool,
}

/// What changed, for who shows the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There are new rows here.
    Added(Range<usize>),
    /// There were rows here.
    Removed(Range<usize>),
    /// This row looks different.
    Altered(usize),
    /// Nothing is as it was.
    Reset,
}

/// A row and what its neighbours make of it.
#[derive(Debug)]
pub struct View<'a> {
    /// The message.
    pub row: &'a Row,
    /// Whether the author and the time are said again.
    pub is_head: bool,
    /// Whether it is the first of its day.
    pub is_new_day: bool,
    /// Whether it is the first that was not seen.
    pub is_first_unread: bool,
}

/// The rows of one conversation. The oldest are let go when there are too many.
#[derive(Debug, Default)]
pub struct Log {
    rows: VecDeque<Row>,
    /// How many rows at the end have no place in the server's order yet.
    waiting: usize,
    first_unread: Option<u32>,
    /// The oldest were let go: what is older than these is not what came before the first row.
    has_let_go: bool,
    next_id: u32,
    changes: Vec<Change>,
    /// The last author, whose name the next row most often shares.
    last_author: Option<Arc<str>>,
}

impl Log {
    /// Forgets everything, for another conversation.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.waiting = 0;
        self.first_unread = None;
        self.has_let_go = false;
        self.changes.clear();
        self.changes.push(Change::Reset);
    }

    /// Forgets all that has its place in the server's order. What waits for one goes on waiting.
    pub fn clear_placed(&mut self) {
        self.rows.drain(..self.rows.len() - self.waiting);
        self.first_unread = None;
        self.has_let_go = false;
        self.changes.push(Change::Reset);
    }

    /// Messages that are older than all that are here, the oldest first.
    pub fn prepend(&mut self, past: Vec<Past>) {
        let count = past.len();
        for Past { at, author, text, peer, is_own } in past.into_iter().rev() {
            let (id, author) = (self.new_id(), self.author(&author));
            let (text, peer, delivery) = (text.into(), peer.map(Arc::from), Delivery::Sent);
            self.rows.push_front(Row { id, author, text, at, peer, is_own, delivery });
        }
        if count > 0 {
            self.changes.push(Change::Added(0..count));
            self.alter_after(count - 1);
        }
    }

    /// Whether what is older than all that are here would have its place before the first row, and there is room for it.
    pub fn can_prepend(&self) -> bool {
        !self.has_let_go && self.rows.len() < ROWS_MAX
    }

    /// A message from the server, after all that it said before. Its number.
    pub fn receive(
        &mut self,
        at: DateTime,
        author: &str,
        text: String,
        peer: Option<&str>,
        is_own: bool,
    ) -> u32 {
        let id = self.new_id();
        let author = self.author(author);
        let peer = peer.map(Arc::from);
        let row = Row { id, author, text: text.into(), at, peer, is_own, delivery: Delivery::Sent };
        let index = self.rows.len() - self.waiting;
        self.insert(index, row);
        self.let_go();
        id
    }

    /// A message of one's own, on its way. Its number.
    pub fn send(&mut self, at: DateTime, author: &str, text: &str, peer: Option<&str>) -> u32 {
        let id = self.new_id();
        self.send_as(id, at, author, text, peer);
        id
    }

    /// The same, of one that has its number already: it waited while something else was shown.
    pub fn send_as(&mut self, id: u32, at: DateTime, author: &str, text: &str, peer: Option<&str>) {
        let author = self.author(author);
        let peer = peer.map(Arc::from);
        let row = Row { id, author, text: text.into(), at, peer, is_own: true, delivery: Delivery::Sending };
        self.waiting += 1;
        self.insert(self.rows.len(), row);
    }

    /// The number of a message that is not shown now, and may be later.
    pub fn reserve(&mut self) -> u32 {
        self.new_id()
    }

    /// The server has given a message of one's own its place. Whether it was known.
    pub fn confirm(&mut self, id: u32) -> bool {
        let place = self.rows.len() - self.waiting;
        let Some(index) = self.index_of(id).filter(|index| *index >= place) else { return false };
        self.waiting -= 1;
        if index == place {
            self.rows[index].delivery = Delivery::Sent;
            self.changes.push(Change::Altered(index));
        } else if let Some(mut row) = self.remove(index) {
            row.delivery = Delivery::Sent;
            self.insert(place, row);
        }
        true
    }

    /// A message of one's own is not going to be answered.
    pub fn fail(&mut self, id: u32, delivery: Delivery) {
        if let Some(index) = self.index_of(id) {
            self.rows[index].delivery = delivery;
            self.changes.push(Change::Altered(index));
        }
    }

    /// A message of one's own that did not arrive, may not have, or is not on its way.
    pub fn failed(&self, id: u32) -> Option<&Row> {
        let row = &self.rows[self.index_of(id)?];
        matches!(row.delivery, Delivery::Failed | Delivery::Uncertain | Delivery::Waiting).then_some(row)
    }

    /// Takes a message out that waits for its place and will not be shown there.
    pub fn drop_waiting(&mut self, id: u32) {
        if let Some(index) = self.index_of(id).filter(|index| *index >= self.rows.len() - self.waiting) {
            self.waiting -= 1;
            self.remove(index);
        }
    }

    /// How many messages of one's own have no place yet, whatever became of them.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether there is a mark where what was not seen begins.
    pub fn is_marked(&self) -> bool {
        self.first_unread.is_some()
    }

    /// Marks where what was not seen begins.
    pub fn mark_unread(&mut self, id: Option<u32>) {
        if self.first_unread == id {
            return;
        }
        let before = self.first_unread.and_then(|id| self.index_of(id));
        self.first_unread = id;
        let after = id.and_then(|id| self.index_of(id));
        self.changes.extend(before.into_iter().chain(after).map(Change::Altered));
    }

    /// What changed since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A row, as it is to be shown.
    pub fn view(&self, index: usize) -> Option<View<'_>> {
        let row = self.rows.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.rows.get(before));
        let is_new_day = before.is_none_or(|before| before.at.date() != row.at.date());
        let is_first_unread = self.first_unread == Some(row.id);
        let continues = before.is_some_and(|before| {
            before.author == row.author
                && before.peer == row.peer
                && before.is_own == row.is_own
                && (before.at.hour(), before.at.minute()) == (row.at.hour(), row.at.minute())
        });
        Some(View { row, is_head: is_new_day || is_first_unread || !continues, is_new_day, is_first_unread })
    }

    /// The row `step` places after the one called `id`, or before it; the nearest there is. The newest, where `id` is
    /// not there.
    pub fn neighbour(&self, id: Option<u32>, step: isize) -> Option<&Row> {
        let last = self.rows.len().checked_sub(1)?;
        let index = match id.and_then(|id| self.index_of(id)) {
            Some(index) => index.saturating_add_signed(step).min(last),
            None => last,
        };
        self.rows.get(index)
    }

    /// Most rows are near the end when they are asked for.
    fn index_of(&self, id: u32) -> Option<usize> {
        self.rows.iter().rposition(|row| row.id == id)
    }

    fn insert(&mut self, index: usize, row: Row) {
        self.rows.insert(index, row);
        match self.changes.last_mut() {
            // A batch of messages is one change.
            Some(Change::Added(range)) if range.end == index => range.end += 1,
            _ => self.changes.push(Change::Added(index..index + 1)),
        }
        self.alter_after(index);
    }

    fn remove(&mut self, index: usize) -> Option<Row> {
        let row = self.rows.remove(index)?;
        self.changes.push(Change::Removed(index..index + 1));
        if index < self.rows.len() {
            self.changes.push(Change::Altered(index));
        }
        Some(row)
    }

    /// What follows may no longer continue its neighbour.
    fn alter_after(&mut self, index: usize) {
        if index + 1 < self.rows.len() {
            self.changes.push(Change::Altered(index + 1));
        }
    }

    fn let_go(&mut self) {
        if self.rows.len() >= ROWS_MAX + ROWS_LET_GO {
            let count = ROWS_LET_GO.min(self.rows.len() - self.waiting);
            self.rows.drain(..count);
            self.has_let_go = true;
            self.changes.push(Change::Removed(0..count));
            self.changes.push(Change::Altered(0));
        }
    }

    fn new_id(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    fn author(&mut self, name: &str) -> Arc<str> {
        match &self.last_author {
            Some(author) if **author == *name => Arc::clone(author),
            _ => {
                let author: Arc<str> = Arc::from(name);
                self.last_author = Some(Arc::clone(&author));
                author
            }
        }
    }
}

/// As many messages as a room keeps here, and a block more.
pub const ROWS_MAX: usize = 50_000;

/// How many of the oldest are let go at once, so that it happens rarely.
pub const ROWS_LET_GO: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i8) -> DateTime {
        jiff::civil::date(2026, 11, 24).at(9, minute, 30, 0)
    }

    /// The rows, one word each: the text, `:` where the head is shown, and what became of it.
    fn shown(log: &Log) -> String {
        let row = |index| {
            let view = log.view(index).unwrap();
            let mark = match view.row.delivery {
                Delivery::Sent => "",
                Delivery::Sending => "~",
                Delivery::Waiting => "…",
                Delivery::Failed => "!",
                Delivery::Uncertain => "?",
            };
            format!("{}{}{mark}", if view.is_head { ":" } else { "" }, view.row.text)
        };
        (0..log.len()).map(row).collect::<Vec<_>>().join(" ")
    }

    /// Someone who shows the rows and hears of changes only.
    fn follow(log: &mut Log, mirror: &mut Vec<u32>) {
        let ids = |log: &Log, range: Range<usize>| -> Vec<u32> {
            range.map(|index| log.view(index).unwrap().row.id).collect()
        };
        let changes = log.take_changes();
        for change in &changes {
            match change {
                // What is at a place is read when all is done, as a window does.
                Change::Added(range) => {
                    drop(mirror.splice(range.start..range.start, range.clone().map(|_| 0)))
                }
                Change::Removed(range) => drop(mirror.drain(range.clone())),
                Change::Altered(_) => {}
                Change::Reset => *mirror = vec![0; log.len()],
            }
        }
        assert_eq!(mirror.len(), log.len(), "{changes:?}");
        *mirror = ids(log, 0..log.len());
    }

    #[test]
    fn a_minute_of_one_author_has_one_head() {
        let mut log = Log::default();
        log.receive(minute(1), "ann", "a".into(), None, false);
        log.receive(minute(1), "ann", "b".into(), None, false);
        log.receive(minute(2), "ann", "c".into(), None, false);
        log.receive(minute(2), "bob", "d".into(), None, false);
        log.receive(minute(2), "bob", "e".into(), Some("bob"), false);
        log.receive(minute(2), "bob", "f".into(), Some("bob"), false);
        assert_eq!(shown(&log), ":a b :c :d :e f");
    }

    #[test]
    fn own_messages_take_the_place_the_server_gives_them() {
        let mut log = Log::default();
        let mut mirror = Vec::new();
        let first = log.send(minute(1), "me", "one", None);
        let second = log.send(minute(1), "me", "two", None);
        follow(&mut log, &mut mirror);
        log.receive(minute(1), "ann", "hello".into(), None, false);
        follow(&mut log, &mut mirror);
        assert_eq!(shown(&log), ":hello :one~ two~");
        assert!(log.confirm(first));
        log.receive(minute(1), "ann", "again".into(), None, false);
        follow(&mut log, &mut mirror);
        assert_eq!(shown(&log), ":hello :one :again :two~");
        assert!(log.confirm(second) && !log.confirm(second));
        follow(&mut log, &mut mirror);
        assert_eq!(shown(&log), ":hello :one :again :two");
    }

    #[test]
    fn a_message_that_failed_waits_at_the_end_until_it_is_taken_out() {
        let mut log = Log::default();
        let mut mirror = Vec::new();
        let first = log.send(minute(1), "me", "one", Some("bob"));
        let second = log.send(minute(1), "me", "two", None);
        log.fail(first, Delivery::Failed);
        assert!(log.confirm(second));
        follow(&mut log, &mut mirror);
        assert_eq!(shown(&log), ":two :one!");
        assert!(log.failed(second).is_none());
        let row = log.failed(first).unwrap();
        assert_eq!((row.text.as_ref(), row.peer.as_deref()), ("one", Some("bob")));
        log.drop_waiting(first);
        follow(&mut log, &mut mirror);
        log.receive(minute(1), "ann", "x".into(), None, false);
        follow(&mut log, &mut mirror);
        assert_eq!(shown(&log), ":two :x");
    }

    #[test]
    fn what_is_older_comes_before_all_others() {
        let past = |author: &str, text: &str| Past {
            at: minute(1),
            author: author.into(),
            text: text.into(),
            peer: None,
            is_own: false,
        };
        let mut log = Log::default();
        let mut mirror = Vec::new();
        log.receive(minute(1), "ann", "c".into(), None, false);
        log.send(minute(2), "me", "d", None);
        follow(&mut log, &mut mirror);
        log.prepend(vec![past("bob", "a"), past("ann", "b")]);
        follow(&mut log, &mut mirror);
        assert_eq!(shown(&log), ":a :b c :d~");
        log.prepend(Vec::new());
        assert_eq!(log.take_changes(), []);
        log.clear_placed();
        follow(&mut log, &mut mirror);
        assert_eq!(shown(&log), ":d~");
    }

    #[test]
    fn nothing_is_put_before_what_was_let_go() {
        let mut log = Log::default();
        assert!(log.can_prepend());
        for number in 0..ROWS_MAX + ROWS_LET_GO {
            log.receive(minute(1), "ann", number.to_string(), None, false);
        }
        assert!(!log.can_prepend());
        log.clear();
        assert!(log.can_prepend());
    }

    #[test]
    fn a_neighbour_is_the_nearest_there_is() {
        let mut log = Log::default();
        assert!(log.neighbour(None, -1).is_none());
        let ids = ["a", "b", "c"].map(|text| log.receive(minute(1), "ann", text.into(), None, false));
        let text = |id, step| log.neighbour(id, step).map(|row| row.text.to_string()).unwrap_or_default();
        assert_eq!(text(None, -1), "c");
        assert_eq!(text(Some(ids[2]), -1), "b");
        assert_eq!(text(Some(ids[0]), -1), "a");
        assert_eq!(text(Some(ids[1]), 5), "c");
        assert_eq!(text(Some(ids[2] + 1), 1), "c", "one that was let go");
    }

    #[test]
    fn the_oldest_are_let_go_in_blocks() {
        let mut log = Log::default();
        let mut mirror = Vec::new();
        for number in 0..ROWS_MAX + 2 * ROWS_LET_GO {
            log.receive(minute(1), "ann", number.to_string(), None, false);
        }
        follow(&mut log, &mut mirror);
        assert_eq!(log.len(), ROWS_MAX);
        assert_eq!(&*log.view(0).unwrap().row.text, (2 * ROWS_LET_GO).to_string());
        assert!(log.view(0).unwrap().is_new_day);
    }

    #[test]
    fn what_was_not_seen_begins_with_a_mark_and_a_head() {
        let mut log = Log::default();
        log.receive(minute(1), "ann", "a".into(), None, false);
        let unseen = log.receive(minute(1), "ann", "b".into(), None, false);
        log.take_changes();
        log.mark_unread(Some(unseen));
        assert_eq!(log.take_changes(), [Change::Altered(1)]);
        assert!(log.view(1).unwrap().is_first_unread && log.view(1).unwrap().is_head);
        log.mark_unread(None);
        assert_eq!(log.take_changes(), [Change::Altered(1)]);
        assert_eq!(shown(&log), ":a b");
    }
}
