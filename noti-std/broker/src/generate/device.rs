//! The fleet: who the simulated devices are, and which of them are online.

use fastrand::Rng;

use super::catalogue::PLACES;
use super::payload::{Product, Shares};
use crate::text::{below, push_fmt, push_hex};

/// How many products the devices of a fleet are of.
const PRODUCTS: usize = 4;

/// How many groups they are in.
const GROUPS: usize = 3;

/// One simulated device.
pub(super) struct Device {
    /// The members that name it, from `product_key` to `group_id`, as JSON text without the braces.
    pub(super) identity: Box<str>,
    /// An index into the fleet's products.
    pub(super) product: u8,
    /// An index into the catalogue's places.
    pub(super) place: u8,
    /// Whether its place is named in Chinese.
    pub(super) chinese: bool,
    // Its position in `Fleet::order`.
    slot: u32,
}

/// All devices of a stream. Every operation takes constant time, however many there are.
pub(super) struct Fleet {
    products: Vec<Product>,
    devices: Vec<Device>,
    // All devices: first those that are online, then the others.
    order: Vec<u32>,
    online: u32,
}

impl Fleet {
    pub(super) fn new(rng: &mut Rng, shares: Shares, count: u32, online: bool) -> Self {
        let products: Vec<_> = (0..PRODUCTS).map(|_| Product::new(rng, shares)).collect();
        let groups = [(); GROUPS].map(|()| {
            let mut group = String::new();
            push_hex(&mut group, rng, 24);
            group
        });
        let devices = (0..count)
            .map(|slot| {
                let product = below(rng, PRODUCTS);
                Device {
                    identity: identity(rng, &products[product].key, &groups).into_boxed_str(),
                    product: product as u8,
                    place: below(rng, PLACES.len()) as u8,
                    chinese: shares.chinese(rng),
                    slot,
                }
            })
            .collect();
        Self {
            products,
            devices,
            order: (0..count).collect(),
            online: if online { count } else { 0 },
        }
    }

    pub(super) fn device(&self, device: u32) -> &Device {
        &self.devices[device as usize]
    }

    pub(super) fn product(&self, device: u32) -> &Product {
        &self.products[usize::from(self.device(device).product)]
    }

    pub(super) fn is_online(&self, device: u32) -> bool {
        self.device(device).slot < self.online
    }

    pub(super) fn random_online(&self, rng: &mut Rng) -> Option<u32> {
        self.random(rng, 0, self.online)
    }

    pub(super) fn random_offline(&self, rng: &mut Rng) -> Option<u32> {
        self.random(rng, self.online, self.order.len() as u32)
    }

    fn random(&self, rng: &mut Rng, start: u32, end: u32) -> Option<u32> {
        (start < end).then(|| self.order[rng.u32(start..end) as usize])
    }

    /// `device` comes online; it is offline now.
    pub(super) fn connect(&mut self, device: u32) {
        self.swap(device, self.online);
        self.online += 1;
    }

    /// `device` goes offline; it is online now.
    pub(super) fn disconnect(&mut self, device: u32) {
        self.online -= 1;
        self.swap(device, self.online);
    }

    /// Puts `device` into `slot`, and the one that was there into its place.
    fn swap(&mut self, device: u32, slot: u32) {
        let other = self.order[slot as usize];
        let old = self.devices[device as usize].slot;
        self.order.swap(old as usize, slot as usize);
        self.devices[other as usize].slot = old;
        self.devices[device as usize].slot = slot;
    }
}

/// The members that name a device.
fn identity(rng: &mut Rng, product_key: &str, groups: &[String]) -> String {
    const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    let mut text = String::with_capacity(160);
    push_fmt(
        &mut text,
        format_args!("\"product_key\":\"{product_key}\",\"did\":\""),
    );
    text.extend((0..22).map(|_| char::from(BASE62[below(rng, BASE62.len())])));
    text.push_str("\",\"mac\":\"");
    if rng.u32(0..8) == 0 {
        text.push_str("virtual:site");
    } else {
        push_hex(&mut text, rng, 12);
    }
    text.push('"');
    // Every form that was seen, the absent one too.
    match rng.u32(0..4) {
        0 => {}
        1 => text.push_str(",\"group_id\":null"),
        2 => text.push_str(",\"group_id\":\"\""),
        _ => push_fmt(
            &mut text,
            format_args!(",\"group_id\":\"{}\"", groups[below(rng, groups.len())]),
        ),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_is_kept_for_each_device() {
        let mut rng = Rng::with_seed(1);
        let shares = Shares {
            chinese: 0.0,
            escaped: 0.0,
        };
        let mut fleet = Fleet::new(&mut rng, shares, 5, false);
        let mut online = [false; 5];
        assert_eq!(fleet.random_online(&mut rng), None);
        for _ in 0..1_000 {
            let device = rng.u32(0..5);
            let now = &mut online[device as usize];
            if *now {
                fleet.disconnect(device);
            } else {
                fleet.connect(device);
            }
            *now = !*now;
            for device in 0..5 {
                assert_eq!(fleet.is_online(device), online[device as usize]);
            }
            assert!(
                fleet
                    .random_online(&mut rng)
                    .is_none_or(|device| online[device as usize])
            );
            assert!(
                fleet
                    .random_offline(&mut rng)
                    .is_none_or(|device| !online[device as usize])
            );
        }
    }
}
