//! What counts as one address.

use std::net::{IpAddr, Ipv6Addr};

/// The address that a connection from `address` counts for: an IPv4 address, the /64 of an IPv6 address, or
/// [`LOOPBACK`].
///
/// A household has a whole /64, so single addresses in it say nothing about who asks.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address if address.is_loopback() => LOOPBACK,
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & IPV6_HOUSEHOLD)),
    }
}

/// What all addresses of this machine itself count for.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// The bits of an IPv6 address that a household or a server shares: the first 64.
const IPV6_HOUSEHOLD: u128 = !0 << 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> String {
        network_of(text.parse().unwrap()).to_string()
    }

    #[test]
    fn an_ipv6_address_counts_as_its_household_and_an_ipv4_address_as_itself() {
        assert_eq!(network("2001:db8:0:1:2:3:4:5"), "2001:db8:0:1::");
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        for own in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(network(own), "::1");
        }
    }
}
