//! What a record costs: sealed for one member, with one message in it or with sixteen that have come together, and
//! opened.
//!
//! ```sh
//! cargo bench -p tls
//! ```

use chatroom_core::frame::Frame;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use rcgen::CertifiedKey;
use tls::{ClientConfig, Pipe, ServerConfig, Trust};

fn main() {
    divan::main();
}

/// Bytes of a message with a line of text, on its way to a member.
const FRAME_BYTES: usize = 150;

/// A connection whose handshake is over: the server's end, then the client's.
fn pipes() -> (Pipe, Pipe) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("that is a name");
    let key = tls::pem::private_key(signing_key.serialize_pem().as_bytes()).expect("that is a key");
    let server = ServerConfig::new(vec![cert.der().clone()], key).expect("they belong together");
    let client = ClientConfig::new(Trust::AnyoneInsecurely).expect("nothing is looked up");
    let mut server = Pipe::server(&server);
    let mut client = Pipe::client(&client, "localhost").expect("that is a name");
    let (mut plain, mut to_server, mut to_client) = (Vec::new(), Vec::new(), Vec::new());
    client.open(&[], &mut plain, &mut to_server).expect("it begins");
    while !to_server.is_empty() || !to_client.is_empty() {
        server.open(&std::mem::take(&mut to_server), &mut plain, &mut to_client).expect("it goes on");
        client.open(&std::mem::take(&mut to_client), &mut plain, &mut to_server).expect("it goes on");
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    (server, client)
}

#[divan::bench(args = [1, 4, 16, 100])]
fn a_record_is_sealed(bencher: Bencher<'_, '_>, messages: usize) {
    let (mut server, _) = pipes();
    let frames: Vec<Frame> = (0..messages).map(|_| Frame::from(vec![b'x'; FRAME_BYTES])).collect();
    let mut wire = Vec::new();
    bencher.counter(ItemsCount::new(messages)).bench_local(|| {
        wire.clear();
        server.seal(black_box(&frames), &mut wire);
    });
}

#[divan::bench]
fn a_record_is_opened(bencher: Bencher<'_, '_>) {
    let (mut server, mut client) = pipes();
    let frame = Frame::from(vec![b'x'; FRAME_BYTES]);
    let (mut plain, mut out) = (Vec::new(), Vec::new());
    let sealed = || {
        let mut wire = Vec::new();
        client.seal(std::slice::from_ref(&frame), &mut wire);
        wire
    };
    bencher.with_inputs(sealed).bench_local_values(|wire| {
        plain.clear();
        server.open(black_box(&wire), &mut plain, &mut out).expect("it was sealed just now");
    });
}
