//! Two ends of TLS in memory.

use rcgen::CertifiedKey;
use tls::{ClientConfig, Pipe, PrivateKeyDer, ServerConfig, Trust};

/// A connection whose handshake is over: the server's end, then the client's.
pub fn pair() -> (Pipe, Pipe) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("that is a name");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("it was just made");
    let server = ServerConfig::new(vec![cert.der().clone()], key).expect("they belong together");
    let client = ClientConfig::new(Trust::AnyoneInsecurely).expect("nothing is looked up");
    let mut server = Pipe::server(&server);
    let mut client = Pipe::client(&client, "localhost").expect("that is a name");
    let (mut plain, mut to_server, mut to_client) = (Vec::new(), Vec::new(), Vec::new());
    client.open(&[], &mut plain, &mut to_server).expect("it begins");
    while !to_server.is_empty() {
        server.open(&std::mem::take(&mut to_server), &mut plain, &mut to_client).expect("it goes on");
        client.open(&std::mem::take(&mut to_client), &mut plain, &mut to_server).expect("it goes on");
    }
    (server, client)
}
