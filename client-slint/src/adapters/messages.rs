//! The messages of a room, made into what a list shows when it comes into view.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use slint::{Model, ModelNotify, ModelTracker, SharedString, StyledText};

use crate::format::{hue, initials, markdown};
use crate::log::{Change, Delivery, Log, View};
use crate::ui::{self, DayKind, MessageItem, RoomAdapter};

/// A list over the [`Log`]. Rows are made when they come into view, so that fifty thousand of them cost what the log
/// costs.
///
/// The first row is none of the messages, but the edge above them, [`EDGE_PIXELS`] high. A list keeps in place what is seen
/// while rows are added above its first one that is in sight, and shows them at once where there is none above: with the
/// edge that is so at the very top alone, and there it can be told.
pub(super) struct MessagesModel {
    log: Rc<RefCell<Log>>,
    notify: ModelNotify,
    today: Cell<Date>,
    /// How many rows the list knows of.
    rows: Cell<usize>,
}

impl MessagesModel {
    pub(super) fn new(log: Rc<RefCell<Log>>) -> Self {
        Self { log, notify: ModelNotify::default(), today: Cell::new(super::today()), rows: Cell::default() }
    }

    /// Tells the list what changed in the log since the last call.
    pub(super) fn tell_changes(&self, today: Date, list: &RoomAdapter<'_>) {
        let changes = self.log.borrow_mut().take_changes();
        // The list then reads all of it as it is now.
        if self.today.replace(today) != today || changes.contains(&Change::Reset) {
            return self.reset();
        }
        for change in changes {
            match change {
                Change::Added(range) if self.rows.get() == 0 => self.add(0, range.len() + 1),
                Change::Added(range) if range.start == 0 => self.add_above(range.len(), list),
                Change::Added(range) => self.add(range.start + 1, range.len()),
                // The edge goes with the last.
                Change::Removed(range) if self.rows.get() == range.len() + 1 => {
                    self.remove(0, range.len() + 1)
                }
                Change::Removed(range) => self.remove(range.start + 1, range.len()),
                Change::Altered(index) => self.notify.row_changed(index + 1),
                Change::Reset => self.reset(),
            }
        }
    }

    /// Messages come in above all others, and what is seen stays where it is. A list that follows its end goes there itself.
    fn add_above(&self, count: usize, list: &RoomAdapter<'_>) {
        let (y, height, rows) = (list.get_content_y(), list.get_content_height(), self.rows.get());
        if list.get_following() {
            return self.add(1, count);
        }
        if y > -EDGE_PIXELS {
            // A list that begins anew far from its start goes by the mean height of its rows, and shows the one that is
            // there by that from its upper end on.
            self.reset();
            list.set_content_y(-(count as f32 + 1.5) * height / rows as f32);
            return;
        }
        // One by one, for it would take more than there are above what is seen for rows in its midst.
        (0..count).for_each(|_| self.add(0, 1));
        // It was the edge.
        self.notify.row_changed(count);
    }

    fn add(&self, index: usize, count: usize) {
        self.rows.set(self.rows.get() + count);
        self.notify.row_added(index, count);
    }

    fn remove(&self, index: usize, count: usize) {
        self.rows.set(self.rows.get().saturating_sub(count));
        self.notify.row_removed(index, count);
    }

    fn reset(&self) {
        self.rows.set(self.row_count());
        self.notify.reset();
    }

    fn item(&self, view: &View<'_>) -> MessageItem {
        let row = view.row;
        let date = row.at.date();
        let day_kind = match view.is_new_day {
            false => DayKind::None,
            true if date == self.today.get() => DayKind::Today,
            true if self.today.get().checked_sub(1.day()).is_ok_and(|yesterday| date == yesterday) => {
                DayKind::Yesterday
            }
            true => DayKind::Date,
        };
        MessageItem {
            id: row.id.cast_signed(),
            author: (&*row.author).into(),
            initials: initials(&row.author).into(),
            hue: hue(&row.author).into(),
            time: row.at.strftime("%H:%M").to_string().into(),
            day_kind,
            day: if view.is_new_day { date.to_string().into() } else { SharedString::default() },
            is_head: view.is_head,
            is_own: row.is_own,
            private_with: row.peer.as_deref().unwrap_or_default().into(),
            body: body(&row.text),
            text: (&*row.text).into(),
            delivery: match (row.delivery, row.is_own) {
                (Delivery::Sent, false) => ui::Delivery::Received,
                (Delivery::Sent, true) => ui::Delivery::Sent,
                (Delivery::Sending, _) => ui::Delivery::Sending,
                (Delivery::Waiting, _) => ui::Delivery::Waiting,
                (Delivery::Failed, _) => ui::Delivery::Failed,
                (Delivery::Uncertain, _) => ui::Delivery::Uncertain,
            },
            first_unread: view.is_first_unread,
            is_edge: false,
        }
    }
}

impl Model for MessagesModel {
    type Data = MessageItem;

    fn row_count(&self) -> usize {
        match self.log.borrow().len() {
            0 => 0,
            messages => messages + 1,
        }
    }

    fn row_data(&self, row: usize) -> Option<MessageItem> {
        match row.checked_sub(1) {
            Some(index) => self.log.borrow().view(index).map(|view| self.item(&view)),
            None => Some(MessageItem { is_edge: true, ..MessageItem::default() }),
        }
    }

    fn model_tracker(&self) -> &dyn ModelTracker {
        &self.notify
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// How high the edge is, as in `ui/components/message_row.slint`.
const EDGE_PIXELS: f32 = 1.0;

/// The text, its links ready to be clicked.
fn body(text: &str) -> StyledText {
    markdown(text)
        .and_then(|markdown| StyledText::from_markdown(&markdown).ok())
        .unwrap_or_else(|| StyledText::from_plain_text(text))
}
