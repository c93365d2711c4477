//! The messages of a room, made into what a list shows when it comes into view.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use slint::{Model, ModelNotify, ModelTracker, SharedString, StyledText};

use crate::format::{hue, initials, markdown};
use crate::log::{Change, Delivery, Log, View};
use crate::ui::{self, DayKind, MessageItem};

/// A list over the [`Log`]. Rows are made when they come into view, so that fifty thousand of them cost what the log
/// costs.
pub(super) struct MessagesModel {
    log: Rc<RefCell<Log>>,
    notify: ModelNotify,
    today: Cell<Date>,
}

impl MessagesModel {
    pub(super) fn new(log: Rc<RefCell<Log>>) -> Self {
        Self { log, notify: ModelNotify::default(), today: Cell::new(super::today()) }
    }

    /// Tells the list what changed in the log since the last call.
    pub(super) fn tell_changes(&self, today: Date) {
        let changes = self.log.borrow_mut().take_changes();
        if self.today.replace(today) != today {
            return self.notify.reset();
        }
        for change in changes {
            match change {
                Change::Added(range) => self.notify.row_added(range.start, range.len()),
                Change::Removed(range) => self.notify.row_removed(range.start, range.len()),
                Change::Altered(index) => self.notify.row_changed(index),
                Change::Reset => self.notify.reset(),
            }
        }
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
                (Delivery::Failed, _) => ui::Delivery::Failed,
                (Delivery::Uncertain, _) => ui::Delivery::Uncertain,
            },
            first_unread: view.is_first_unread,
        }
    }
}

impl Model for MessagesModel {
    type Data = MessageItem;

    fn row_count(&self) -> usize {
        self.log.borrow().len()
    }

    fn row_data(&self, row: usize) -> Option<MessageItem> {
        self.log.borrow().view(row).map(|view| self.item(&view))
    }

    fn model_tracker(&self) -> &dyn ModelTracker {
        &self.notify
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The text, its links ready to be clicked.
fn body(text: &str) -> StyledText {
    markdown(text)
        .and_then(|markdown| StyledText::from_markdown(&markdown).ok())
        .unwrap_or_else(|| StyledText::from_plain_text(text))
}
