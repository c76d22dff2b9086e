//! The local broker's own certificate authority, made anew at every start.
//!
//! Its key never leaves memory and dies with the process, so nobody else can issue a certificate
//! that a client of this broker trusts. Give clients [`Authority::pem`] as their `--ca-file`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use zeroize::Zeroizing;

use noti_std::tls::{Identity, TlsError};

/// What is to be wrong with a certificate, to see that clients notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leaf {
    /// Nothing: for `localhost`, 127.0.0.1 and ::1, signed by the authority, in date.
    Good,
    /// For `wrong-name.invalid` alone.
    WrongName,
    /// Ended in 2001.
    Expired,
    /// Begins in 2100.
    NotYetValid,
    /// Signed by its own key instead of the authority's.
    SelfSigned,
}

/// A certificate authority of one broker.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new key and a certificate for it.
    pub fn new() -> Result<Self, TlsError> {
        let mut params = in_date("noti local broker authority");
        // It issues leaves only, no further authorities.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().map_err(setup)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(setup)?;
        Ok(Self { issuer })
    }

    /// The authority's certificate, for a client's `--ca-file`.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Makes a new key and a certificate for it, for the broker to show.
    pub fn issue(&self, leaf: Leaf) -> Result<Identity, TlsError> {
        let mut params = in_date("noti local broker");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names = match leaf {
            Leaf::WrongName => vec![dns_name("wrong-name.invalid")?],
            _ => vec![
                dns_name("localhost")?,
                SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            ],
        };
        match leaf {
            Leaf::Expired => params.not_after = date_time_ymd(2001, 1, 1),
            Leaf::NotYetValid => params.not_before = date_time_ymd(2100, 1, 1),
            _ => {}
        }

        let key = KeyPair::generate().map_err(setup)?;
        let certificate = match leaf {
            Leaf::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        }
        .map_err(setup)?;
        Ok(Identity {
            chain: vec![certificate.der().to_vec()],
            key: Zeroizing::new(key.serialize_der()),
        })
    }
}

/// Parameters that hold at any date a clock may show: a gateway whose clock starts at 1970 must be
/// able to try the broker too, and the key lives no longer than the process anyhow.
fn in_date(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(1970, 1, 1);
    params.not_after = date_time_ymd(2200, 1, 1);
    params
}

fn dns_name(name: &str) -> Result<SanType, TlsError> {
    Ok(SanType::DnsName(name.try_into().map_err(setup)?))
}

fn setup(error: rcgen::Error) -> TlsError {
    TlsError::Setup {
        reason: format!("no certificate could be made: {error}"),
    }
}
