//! What a message costs in the core: cut out of the stream, read and checked, and handed to everybody in the room.
//!
//! ```sh
//! cargo bench -p chatroom-core
//! ```

use chatroom_core::Instant;
use chatroom_core::frame::{Decoder, Frame};
use chatroom_core::hub::{Command, ConnId, Deliveries, Hub, Mail, Mailbox};
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Caps;
use chatroom_core::message::request::{self, Head, Request};
use chatroom_core::message::{Envelope, Text};
use chatroom_core::name::{Account, NameKey, RoomName, UserName};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// Frames that are read in one go.
const FRAMES: usize = 400;
/// Bytes of a text: a line.
const TEXT_BYTES: usize = 64;
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

fn message() -> Frame {
    let text = Text::parse("x".repeat(TEXT_BYTES)).expect("that is a text");
    request::encode_msg("harper", None, &text)
}

#[divan::bench]
fn frames_are_cut_out(bencher: Bencher<'_, '_>) {
    let stream = message().repeat(FRAMES);
    let mut decoder = Decoder::default();
    bencher.counter(BytesCount::of_slice(&stream)).bench_local(|| {
        decoder.extend(black_box(&stream));
        while let Ok(Some(frame)) = decoder.decode(PAYLOAD_BYTES_MAX) {
            black_box(frame);
        }
    });
}

#[divan::bench]
fn frames_are_cut_out_read_and_checked(bencher: Bencher<'_, '_>) {
    let stream = message().repeat(FRAMES);
    let mut decoder = Decoder::default();
    bencher.counter(BytesCount::of_slice(&stream)).counter(ItemsCount::new(FRAMES)).bench_local(|| {
        decoder.extend(black_box(&stream));
        while let Ok(Some(frame)) = decoder.decode(PAYLOAD_BYTES_MAX) {
            let envelope = Envelope::decode(frame).expect("it is an object");
            let kind = Head::decode(&envelope).ok().and_then(|head| head.kind).expect("it has a type");
            black_box(Request::decode(kind, &envelope, Caps::default()).is_ok());
        }
    });
}

/// What the hub decides, without the mailboxes.
#[divan::bench(args = [10, 100, 1_000, 5_000])]
fn a_message_is_handed_out(bencher: Bencher<'_, '_>, members: usize) {
    let (mut hub, speaker) = room(members);
    let frame = message();
    let mut deliveries = Deliveries::new();
    bencher.counter(ItemsCount::new(members)).bench_local(|| {
        hub.apply(Instant::default(), speaker, Command::Say(frame.clone()), &mut deliveries);
        black_box(deliveries.len());
        deliveries.clear();
    });
}

#[divan::bench]
fn mail_goes_through_a_mailbox(bencher: Bencher<'_, '_>) {
    let mut mailbox = Mailbox::new(usize::MAX);
    let frame = message();
    bencher.bench_local(|| {
        mailbox.push(Mail::Frame(frame.clone()));
        black_box(mailbox.pop())
    });
}

fn room(members: usize) -> (Hub, ConnId) {
    let lower = |name: &str| name.to_lowercase();
    let now = Instant::default();
    let limits = Limits { message_rate: 0, room_members_max: members, ..Limits::default() };
    let den = RoomName::parse("den").expect("that is a name");
    let mut hub = Hub::new(now, limits, lower, |name| Ok(name.to_lowercase()), std::slice::from_ref(&den));
    let mut deliveries = Deliveries::new();
    let ids: Vec<ConnId> = (0..members)
        .map(|number| {
            let id = hub.connect(&mut deliveries).expect("there is room");
            let name = UserName::parse(&format!("user{number}")).expect("that is a name");
            let account = Account::new(lower, name).expect("it is not reserved");
            hub.apply(now, id, Command::Login(account, Caps::default(), None), &mut deliveries);
            hub.apply(now, id, Command::Enter(NameKey::new(lower, "den"), den.clone()), &mut deliveries);
            id
        })
        .collect();
    (hub, ids[0])
}
