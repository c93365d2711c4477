//! Conversations between two ends in one thread, and with bytes that no such end would send.

use rcgen::KeyPair;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, CertificateError, NamedGroup, ProtocolVersion};

use super::*;
use crate::testing::{Authority, der_of, fingerprint_of};
use crate::{ALPN_PROTOCOL, Trust, WrongKey};

// How the bytes move.

#[test]
fn however_the_stream_is_cut_the_same_plaintext_arrives() {
    let question = pattern(40_000);
    let answer = pattern(70_001);
    for cut in [usize::MAX, 1, 2, 3, 5, 7, 61, 1_000, 4_095, 4_096, 4_097, 16_406, 33_333] {
        let (mut client, mut server) = connected(cut);
        client.say(&[&question]);
        server.say(&[&answer[..10], &answer[10..]]);
        client.close();
        talk(&mut client, &mut server, cut);
        assert!(server.heard == question && client.heard == answer, "cut every {cut} bytes");
        assert!(server.peer_closed && !client.peer_closed, "cut every {cut} bytes");
    }
}

#[test]
fn any_amount_is_taken_in_one_call() {
    let (mut client, mut server) = connected(usize::MAX);
    let much = pattern(3_000_000);
    client.say(&[&much]);
    talk(&mut client, &mut server, usize::MAX);
    assert!(server.heard == much);
}

#[test]
fn the_client_speaks_first_when_it_is_asked_to() {
    let mut server = End::of(Pipe::server(&Authority::new().server(&[HOST])));
    let mut client = End::of(Pipe::client(&client_of(Trust::AnyoneInsecurely), HOST).unwrap());
    assert!(client.out.is_empty());
    server.hear(&[]);
    assert!(server.out.is_empty());
    client.hear(&[]);
    assert_eq!(records(&client.out).len(), 1);
    assert!(client.pipe.is_handshaking() && server.pipe.is_handshaking());
}

#[test]
fn what_is_sealed_during_the_handshake_goes_out_by_itself_when_it_ends() {
    let (mut client, mut server) = strangers();
    client.say(&[b"early ", b"bird"]);
    server.say(&[b"welcome"]);
    assert!(client.out.is_empty() && server.out.is_empty());
    client.hear(&[]);
    talk(&mut client, &mut server, usize::MAX);
    assert_eq!(server.heard, b"early bird");
    assert_eq!(client.heard, b"welcome");
}

#[test]
fn a_pipe_can_move_between_threads() {
    fn check<T: Send>() {}
    check::<Pipe>();
}

// What a batch costs.

#[test]
fn a_batch_makes_as_few_records_as_it_fits() {
    let frames = vec![[7_u8; 100]; 1_000];
    let (mut client, mut server) = connected(usize::MAX);
    server.pipe.seal(&frames, &mut server.out);
    let lengths: Vec<usize> = records(&server.out).iter().map(|record| record.len()).collect();
    assert_eq!(
        lengths,
        [FULL_RECORD, FULL_RECORD, FULL_RECORD, FULL_RECORD, FULL_RECORD, FULL_RECORD, 1_718]
    );
    talk(&mut client, &mut server, usize::MAX);
    assert_eq!(client.heard, [7; 100_000]);
}

#[test]
fn so_does_a_batch_that_waits_for_the_handshake() {
    let frames = vec![[7_u8; 100]; 1_000];
    let (mut client, mut server) = strangers();
    server.pipe.seal(&frames, &mut server.out);
    client.hear(&[]);
    server.hear(&std::mem::take(&mut client.out));
    client.hear(&std::mem::take(&mut server.out));
    server.hear(&std::mem::take(&mut client.out));
    assert_eq!(records(&server.out).len(), 7);
}

#[test]
fn records_are_counted_exactly() {
    fn check(frames: &[usize], records_expected: usize) {
        let (_, mut server) = connected(usize::MAX);
        let frames: Vec<Vec<u8>> = frames.iter().map(|bytes| pattern(*bytes)).collect();
        server.pipe.seal(&frames, &mut server.out);
        assert_eq!(records(&server.out).len(), records_expected);
    }
    check(&[], 0);
    check(&[0, 0], 0);
    check(&[1], 1);
    check(&[16_384], 1);
    check(&[16_383, 1], 1);
    check(&[16_384, 1], 2);
    check(&[0, 32_768, 0], 2);
    check(&[1, 32_768], 3);
}

// What is agreed on.

#[test]
fn both_agree_on_tls_1_3_the_hybrid_group_and_the_protocol() {
    let (client, server) = connected(usize::MAX);
    for pipe in [&client.pipe, &server.pipe] {
        assert!(!pipe.is_handshaking());
        assert_eq!(pipe.tls.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        let group = pipe.tls.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, NamedGroup::X25519MLKEM768);
        assert_eq!(pipe.tls.alpn_protocol(), Some(&b"chatroom/1"[..]));
        assert_eq!(pipe.tls.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
}

#[test]
fn the_second_choice_is_x25519() {
    let authority = Authority::new();
    let mut client = End::of(Pipe::client(&client_of_one_group(&authority, kx_group::X25519), HOST).unwrap());
    let mut server = End::of(Pipe::server(&authority.server(&[HOST])));
    client.hear(&[]);
    talk(&mut client, &mut server, usize::MAX);
    let group = server.pipe.tls.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519);
}

#[test]
fn after_the_handshake_the_server_says_nothing_by_itself() {
    let (mut client, mut server) = strangers();
    client.hear(&[]);
    server.hear(&std::mem::take(&mut client.out));
    client.hear(&std::mem::take(&mut server.out));
    server.hear(&std::mem::take(&mut client.out));
    assert!(!server.pipe.is_handshaking());
    assert!(server.out.is_empty(), "a session ticket, perhaps");
}

#[test]
fn a_second_connection_is_a_whole_handshake_too() {
    let authority = Authority::new();
    let server_config = authority.server(&[HOST]);
    let client_config = client_of(Trust::Authorities(vec![authority.certificate()]));
    for _ in 0..2 {
        let mut client = End::of(Pipe::client(&client_config, HOST).unwrap());
        let mut server = End::of(Pipe::server(&server_config));
        client.hear(&[]);
        talk(&mut client, &mut server, usize::MAX);
        assert_eq!(server.pipe.tls.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
}

#[test]
fn a_client_of_another_protocol_is_refused() {
    let (mut client, mut server) =
        strangers_with(|_| (), |client| client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()]);
    client.hear(&[]);
    talk(&mut client, &mut server, usize::MAX);
    assert_eq!(server.error, Some(TlsError::Peer(rustls::Error::NoApplicationProtocol)));
    assert_eq!(client.error, Some(TlsError::Alert(AlertDescription::NoApplicationProtocol)));
}

#[test]
fn a_client_that_offers_ours_among_others_is_served() {
    let (mut client, mut server) =
        strangers_with(|_| (), |client| client.alpn_protocols = vec![b"h2".to_vec(), ALPN_PROTOCOL.to_vec()]);
    client.hear(&[]);
    talk(&mut client, &mut server, usize::MAX);
    assert_eq!(server.pipe.tls.alpn_protocol(), Some(ALPN_PROTOCOL));
}

#[test]
fn a_client_without_alpn_is_served() {
    let (mut client, mut server) = strangers_with(|_| (), |client| client.alpn_protocols.clear());
    check_served(&mut client, &mut server);
}

#[test]
fn a_server_that_ignores_alpn_is_fine() {
    let (mut client, mut server) = strangers_with(|server| server.alpn_protocols.clear(), |_| ());
    check_served(&mut client, &mut server);
}

#[test]
fn a_server_that_gives_tickets_is_fine() {
    let (mut client, mut server) = strangers_with(
        |server| {
            server.send_tls13_tickets = 2;
            server.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
        },
        |_| (),
    );
    check_served(&mut client, &mut server);
}

// What is not TLS 1.3.

#[test]
fn bytes_that_are_not_tls_are_refused_with_an_alert() {
    check_refused(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", DECODE_ERROR, "that is not TLS");
    check_refused(b"\0\0\0\x2a{\"type\":\"login\"}", DECODE_ERROR, "that is not TLS");
    check_refused(b"SSH-2.0-OpenSSH_9.2\r\n", DECODE_ERROR, "that is not TLS");
}

#[test]
fn a_client_that_knows_only_tls_1_2_is_refused() {
    check_refused(&tls12_client_hello(), PROTOCOL_VERSION, "the peer cannot do TLS 1.3");
}

#[test]
fn a_handshake_message_without_end_is_refused_early() {
    // A client hello that announces 16 MiB, in records as long as they may be.
    let mut hello = vec![22, 3, 1, 0x40, 0];
    hello.extend_from_slice(&[1, 0xff, 0xff, 0xff]);
    hello.resize(5 + 16_384, 0);
    let mut server = End::of(Pipe::server(&Authority::new().server(&[HOST])));
    server.hear(&hello);
    let too_large = rustls::InvalidMessage::HandshakePayloadTooLarge;
    assert_eq!(server.error, Some(TlsError::Peer(rustls::Error::InvalidMessage(too_large))));
}

// How it ends.

#[test]
fn each_side_closes_for_itself() {
    let (mut client, mut server) = connected(usize::MAX);
    client.say(&[b"last words"]);
    client.close();
    talk(&mut client, &mut server, usize::MAX);
    assert!(server.peer_closed);
    assert_eq!(server.heard, b"last words");

    server.say(&[b"but one more thing"]);
    server.close();
    talk(&mut client, &mut server, usize::MAX);
    assert!(client.peer_closed);
    assert_eq!(client.heard, b"but one more thing");
    assert_eq!((client.error, server.error), (None, None));
}

#[test]
fn who_has_closed_says_nothing_more() {
    let (mut client, _) = connected(usize::MAX);
    client.close();
    assert_eq!(records(&client.out).len(), 1);
    client.close();
    client.say(&[b"forgot something"]);
    assert_eq!(records(&client.out).len(), 1);
}

#[test]
fn what_follows_the_end_is_ignored() {
    let (mut client, mut server) = connected(usize::MAX);
    client.close();
    client.out.extend_from_slice(b"GET / HTTP/1.1");
    talk(&mut client, &mut server, usize::MAX);
    server.hear(b"GET / HTTP/1.1");
    assert!(server.peer_closed && server.heard.is_empty() && server.error.is_none());
}

#[test]
fn a_changed_record_ends_everything() {
    let mut outcomes = Vec::new();
    for cut in [usize::MAX, 1, 7, 1_000] {
        let (mut client, mut server) = connected(usize::MAX);
        client.say(&[b"sound"]);
        let sound = client.out.len();
        client.say(&[b"spoiled"]);
        client.out[sound + 8] ^= 1;
        client.say(&[b"sound again"]);
        talk(&mut client, &mut server, cut);
        let Some(TlsError::Peer(rustls::Error::DecryptError)) = server.error else {
            panic!("{:?}", server.error)
        };
        assert_eq!(client.error, Some(TlsError::Alert(AlertDescription::BadRecordMac)));

        // It stays ended: the same error, no byte in or out.
        let error = server.error.clone();
        server.hear(&[]);
        server.hear(&[23, 3, 3, 0, 40]);
        server.say(&[b"never said"]);
        server.close();
        assert_eq!(server.error, error);
        assert!(server.out.is_empty());
        outcomes.push(server.heard);
    }
    assert_eq!(outcomes, vec![b"sound".to_vec(); 4], "the cuts must not decide what arrives");
}

#[test]
fn who_has_closed_does_not_even_complain() {
    let (mut client, mut server) = connected(usize::MAX);
    server.close();
    server.out.clear();
    client.say(&[b"spoiled"]);
    client.out[8] ^= 1;
    server.hear(&client.out);
    assert!(server.error.is_some());
    assert!(server.out.is_empty() && server.heard.is_empty());
}

// Whom to believe.

#[test]
fn a_pinned_key_is_accepted_whatever_else_the_certificate_says() {
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let odd = Authority::new().certify_with(&["elsewhere.example"], &key, |params| {
        params.not_before = rcgen::date_time_ymd(1999, 1, 1);
        params.not_after = rcgen::date_time_ymd(2000, 1, 1);
    });
    let server = ServerConfig::new(vec![odd], der_of(&key)).unwrap();
    check_trusted(&server, Trust::Key(server.fingerprint()), HOST);
    check_trusted(&server, Trust::Key(server.fingerprint()), "127.0.0.1");

    let expected = fingerprint_of(&other);
    let wrong = WrongKey { expected, found: server.fingerprint() };
    check_distrusted(&server, Trust::Key(expected), HOST, &TlsError::WrongKey(wrong));
}

#[test]
fn a_copied_certificate_is_no_proof_of_its_key() {
    let (owner, thief) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = Authority::new().certify(&[HOST], &owner);
    let genuine = ServerConfig::new(vec![certificate.clone()], der_of(&owner)).unwrap();
    let stolen = impostor(genuine.clone(), certificate, &thief);

    let bad_signature = TlsError::Untrusted(CertificateError::BadSignature);
    check_distrusted(&stolen, Trust::Key(genuine.fingerprint()), HOST, &bad_signature);
    check_distrusted(&stolen, Trust::AnyoneInsecurely, HOST, &bad_signature);
}

#[test]
fn an_authority_vouches_for_the_names_in_the_certificate() {
    let authority = Authority::new();
    let server = authority.server(&[HOST, "127.0.0.1"]);
    let trust = Trust::Authorities(vec![Authority::new().certificate(), authority.certificate()]);
    check_trusted(&server, trust.clone(), HOST);
    check_trusted(&server, trust.clone(), "127.0.0.1");
    check_distrusted_because(&server, trust.clone(), "chat.example", "is for another name");
    check_distrusted_because(&server, trust, "127.0.0.2", "is for another name");

    let strangers = Trust::Authorities(vec![Authority::new().certificate()]);
    check_distrusted_because(&server, strangers, HOST, "from an authority that is not trusted");
}

#[test]
fn an_authority_vouches_for_a_time_only() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let trust = Trust::Authorities(vec![authority.certificate()]);
    let expired = authority.certify_with(&[HOST], &key, |params| {
        params.not_before = rcgen::date_time_ymd(1999, 1, 1);
        params.not_after = rcgen::date_time_ymd(2000, 1, 1);
    });
    let server = ServerConfig::new(vec![expired], der_of(&key)).unwrap();
    check_distrusted_because(&server, trust, HOST, "has expired");
}

#[test]
fn insecurely_anyone_is_accepted_and_can_be_remembered() {
    let server = Authority::new().server(&["elsewhere.example"]);
    let mut client = check_trusted(&server, Trust::AnyoneInsecurely, HOST);
    let remembered = client.pipe.peer_fingerprint().unwrap();
    client.close();
    check_trusted(&server, Trust::Key(remembered), HOST);
}

#[test]
fn a_fingerprint_is_known_once_it_is_proved_and_only_to_the_client() {
    let (mut client, mut server) = strangers();
    assert_eq!(client.pipe.peer_fingerprint(), None);
    client.hear(&[]);
    talk(&mut client, &mut server, usize::MAX);
    assert!(client.pipe.peer_fingerprint().is_some());
    assert_eq!(server.pipe.peer_fingerprint(), None);
}

#[test]
fn a_host_is_a_name_or_an_address() {
    let config = client_of(Trust::AnyoneInsecurely);
    for good in ["localhost", "chat.example", "127.0.0.1", "::1"] {
        assert!(Pipe::client(&config, good).is_ok(), "{good}");
    }
    for bad in ["", "two words", "localhost:65432", "[::1]"] {
        let error = Pipe::client(&config, bad).err().unwrap();
        assert_eq!(error.to_string(), format!("{bad:?} is neither a DNS name nor an IP address"));
    }
}

/// One end of a conversation with all that it said and heard.
struct End {
    pipe: Pipe,
    heard: Vec<u8>,
    out: Vec<u8>,
    peer_closed: bool,
    error: Option<TlsError>,
}

impl End {
    fn of(pipe: Pipe) -> End {
        End { pipe, heard: Vec::new(), out: Vec::new(), peer_closed: false, error: None }
    }

    fn say(&mut self, frames: &[&[u8]]) {
        self.pipe.seal(frames, &mut self.out);
    }

    fn hear(&mut self, wire: &[u8]) {
        match self.pipe.open(wire, &mut self.heard, &mut self.out) {
            Ok(opened) => self.peer_closed = opened.peer_closed,
            Err(error) => self.error = Some(error),
        }
    }

    fn close(&mut self) {
        self.pipe.close(&mut self.out);
    }
}

/// Carries bytes both ways, `cut` at a time, until nobody has anything to say.
fn talk(client: &mut End, server: &mut End, cut: usize) {
    while !(client.out.is_empty() && server.out.is_empty()) {
        for piece in std::mem::take(&mut client.out).chunks(cut) {
            server.hear(piece);
        }
        for piece in std::mem::take(&mut server.out).chunks(cut) {
            client.hear(piece);
        }
    }
}

/// A client and a server that have not met.
fn strangers() -> (End, End) {
    strangers_with(|_| (), |_| ())
}

/// The same with something of their configurations changed, to what this crate would not do.
fn strangers_with(
    change_server: impl FnOnce(&mut rustls::ServerConfig),
    change_client: impl FnOnce(&mut rustls::ClientConfig),
) -> (End, End) {
    let mut server = Authority::new().server(&[HOST]);
    let mut client = client_of(Trust::Key(server.fingerprint()));
    change_server(Arc::make_mut(&mut server.rustls));
    change_client(Arc::make_mut(&mut client.rustls));
    (End::of(Pipe::client(&client, HOST).unwrap()), End::of(Pipe::server(&server)))
}

/// A client and a server after their handshake, for which the stream was cut so.
fn connected(cut: usize) -> (End, End) {
    let (mut client, mut server) = strangers();
    client.hear(&[]);
    talk(&mut client, &mut server, cut);
    assert_eq!((&client.error, &server.error), (&None, &None));
    (client, server)
}

fn client_of(trust: Trust) -> ClientConfig {
    ClientConfig::new(trust).unwrap()
}

/// A client that knows one way to exchange keys, such as one from before post-quantum cryptography.
fn client_of_one_group(authority: &Authority, group: &'static dyn SupportedKxGroup) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate()).unwrap();
    let provider = CryptoProvider { kx_groups: vec![group], ..default_provider() };
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    ClientConfig { rustls: Arc::new(config) }
}

/// A server that shows a certificate whose key it does not have.
fn impostor(
    config: ServerConfig,
    certificate: crate::CertificateDer<'static>,
    key: &KeyPair,
) -> ServerConfig {
    let mut config = config;
    let key = default_provider().key_provider.load_private_key(der_of(key)).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
    Arc::make_mut(&mut config.rustls).cert_resolver = Arc::new(shown);
    config
}

fn check_served(client: &mut End, server: &mut End) {
    client.say(&[b"ping"]);
    server.say(&[b"pong"]);
    client.hear(&[]);
    talk(client, server, usize::MAX);
    assert_eq!((&server.heard[..], &client.heard[..]), (&b"ping"[..], &b"pong"[..]));
    assert_eq!((&client.error, &server.error), (&None, &None));
}

/// The first bytes of a connection get this alert and nothing else, whole or byte by byte.
fn check_refused(bytes: &[u8], alert: u8, why: &str) {
    for cut in [usize::MAX, 1] {
        let mut server = End::of(Pipe::server(&Authority::new().server(&[HOST])));
        for piece in bytes.chunks(cut) {
            server.hear(piece);
        }
        let error = server.error.expect("refused").to_string();
        assert!(error.contains(why), "{error}");
        assert_eq!(server.out, [21, 3, 3, 0, 2, 2, alert]);
        assert!(server.heard.is_empty());
    }
}

fn check_trusted(server: &ServerConfig, trust: Trust, host: &str) -> End {
    let mut client = End::of(Pipe::client(&client_of(trust), host).unwrap());
    let mut server_end = End::of(Pipe::server(server));
    check_served(&mut client, &mut server_end);
    assert_eq!(client.pipe.peer_fingerprint(), Some(server.fingerprint()));
    client
}

fn check_distrusted(server: &ServerConfig, trust: Trust, host: &str, why: &TlsError) {
    assert_eq!(&distrust(server, trust, host), why);
}

fn check_distrusted_because(server: &ServerConfig, trust: Trust, host: &str, why: &str) {
    let error = distrust(server, trust, host);
    assert!(matches!(error, TlsError::Untrusted(_)), "{error:?}");
    assert!(error.to_string().contains(why), "{error}");
}

/// The client turns away, tells the server so, and has told it nothing else.
fn distrust(server: &ServerConfig, trust: Trust, host: &str) -> TlsError {
    let mut client = End::of(Pipe::client(&client_of(trust), host).unwrap());
    let mut server = End::of(Pipe::server(server));
    client.say(&[b"secret"]);
    client.hear(&[]);
    talk(&mut client, &mut server, usize::MAX);
    assert!(matches!(server.error, Some(TlsError::Alert(_))), "{:?}", server.error);
    assert!(server.heard.is_empty());
    assert_eq!(client.pipe.peer_fingerprint(), None);
    client.error.expect("distrusted")
}

/// Cuts a stream into its records, headers included.
fn records(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while !stream.is_empty() {
        let body = usize::from(u16::from_be_bytes([stream[3], stream[4]]));
        let (record, rest) = stream.split_at(5 + body);
        records.push(record);
        stream = rest;
    }
    records
}

/// Bytes that do not repeat at any power of two.
fn pattern(bytes: usize) -> Vec<u8> {
    (0..251_u8).cycle().take(bytes).collect()
}

/// The first flight of a client from before TLS 1.3: it names its groups and signatures, but no versions.
fn tls12_client_hello() -> Vec<u8> {
    let extensions = [
        &[0x00, 0x0a, 0, 4, 0, 2, 0x00, 0x17][..], // supported_groups: secp256r1
        &[0x00, 0x0b, 0, 2, 1, 0][..],             // ec_point_formats: uncompressed
        &[0x00, 0x0d, 0, 4, 0, 2, 0x04, 0x03][..], // signature_algorithms: ecdsa_secp256r1_sha256
    ]
    .concat();
    let mut body = vec![3, 3]; // TLS 1.2
    body.extend_from_slice(&[9; 32]); // random
    body.push(0); // no session
    body.extend_from_slice(&[0, 2, 0xc0, 0x2b]); // ECDHE-ECDSA with AES-128-GCM
    body.extend_from_slice(&[1, 0]); // no compression
    body.extend_from_slice(&with_length::<2>(&extensions));
    let message = [&[1], &with_length::<3>(&body)[..]].concat();
    [&[22, 3, 1], &with_length::<2>(&message)[..]].concat()
}

/// `content` behind its length in `N` bytes.
fn with_length<const N: usize>(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[4 - N..], content].concat()
}

const HOST: &str = "localhost";
/// 16 KiB, the header, the inner content type and the tag.
const FULL_RECORD: usize = 16_384 + 5 + 1 + 16;
const DECODE_ERROR: u8 = 50;
const PROTOCOL_VERSION: u8 = 70;
