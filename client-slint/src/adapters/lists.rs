//! Lists of rooms, conversations and people.

use std::rc::Rc;

use slint::{Model as _, ModelRc, VecModel};

use super::friends::tie;
use super::you::presence;
use crate::format::{hue, initials};
use crate::screen::{PersonItem, PlaceItem, RoomItem};
use crate::ui;

/// Changes a list where it differs, so that what is selected and scrolled to stays so. One that shows nothing yet is `set`.
pub(super) fn show<'a, S, T>(shown: ModelRc<T>, items: &'a [S], set: impl FnOnce(ModelRc<T>))
where
    T: Clone + PartialEq + From<&'a S> + 'static,
{
    let Some(rows) = shown.as_any().downcast_ref::<VecModel<T>>() else {
        let rows: Vec<T> = items.iter().map(T::from).collect();
        return set(ModelRc::from(Rc::new(VecModel::from(rows))));
    };
    while rows.row_count() > items.len() {
        rows.remove(rows.row_count() - 1);
    }
    for (index, item) in items.iter().map(T::from).enumerate() {
        match rows.row_data(index) {
            Some(row) if row == item => {}
            Some(_) => rows.set_row_data(index, item),
            None => rows.push(item),
        }
    }
}

/// A number as the window has it.
pub(super) fn number(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

impl From<&RoomItem> for ui::RoomItem {
    fn from(room: &RoomItem) -> Self {
        Self {
            name: room.name.as_str().into(),
            count: number(room.count),
            people: room.people.join(", ").into(),
            is_private: room.is_private,
            is_current: room.is_current,
            unread: number(room.unread),
            mentions: number(room.mentions),
        }
    }
}

impl From<&PlaceItem> for ui::PlaceItem {
    fn from(place: &PlaceItem) -> Self {
        let (presence, status) = presence(place.here.as_ref());
        Self {
            name: place.name.as_str().into(),
            initials: initials(&place.name).into(),
            hue: hue(&place.name).into(),
            is_private: place.is_private,
            is_current: place.is_current,
            is_left: place.is_left,
            unread: number(place.unread),
            mentions: number(place.mentions),
            waiting: number(place.waiting),
            tie: tie(place.tie),
            presence,
            status,
        }
    }
}

impl From<&PersonItem> for ui::PersonItem {
    fn from(person: &PersonItem) -> Self {
        let (presence, status) = presence(person.here.as_ref());
        Self {
            name: person.name.as_str().into(),
            initials: initials(&person.name).into(),
            hue: hue(&person.name).into(),
            place: person.place.as_str().into(),
            is_self: person.is_self,
            tie: tie(person.tie),
            presence,
            status,
        }
    }
}
