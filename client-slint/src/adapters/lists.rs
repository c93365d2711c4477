//! Lists of rooms, conversations and people.

use std::rc::Rc;

use slint::{Model as _, ModelRc, VecModel};

use super::friends::tie;
use super::you::presence;
use crate::format::{hue, initials};
use crate::screen::{PersonItem, PlaceItem, RoomItem};
use crate::ui;

/// Changes a list where it differs, so that what is selected and scrolled to stays so.
pub(super) fn update<T: Clone + PartialEq + 'static>(
    model: ModelRc<T>,
    items: impl ExactSizeIterator<Item = T>,
) -> Option<ModelRc<T>> {
    let Some(rows) = model.as_any().downcast_ref::<VecModel<T>>() else {
        let rows: Vec<T> = items.collect();
        return Some(ModelRc::from(Rc::new(VecModel::from(rows))));
    };
    while rows.row_count() > items.len() {
        rows.remove(rows.row_count() - 1);
    }
    for (index, item) in items.enumerate() {
        match rows.row_data(index) {
            Some(row) if row == item => {}
            Some(_) => rows.set_row_data(index, item),
            None => rows.push(item),
        }
    }
    None
}

impl From<&RoomItem> for ui::RoomItem {
    fn from(room: &RoomItem) -> Self {
        Self {
            name: room.name.as_str().into(),
            count: i32::try_from(room.count).unwrap_or(i32::MAX),
            people: room.people.join(", ").into(),
            is_private: room.is_private,
            is_current: room.is_current,
            unread: i32::try_from(room.unread).unwrap_or(i32::MAX),
            mentions: i32::try_from(room.mentions).unwrap_or(i32::MAX),
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
            unread: i32::try_from(place.unread).unwrap_or(i32::MAX),
            mentions: i32::try_from(place.mentions).unwrap_or(i32::MAX),
            waiting: i32::try_from(place.waiting).unwrap_or(i32::MAX),
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
