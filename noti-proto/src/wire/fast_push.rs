//! Fast path for compact pushes whose members stand in the order of the document.
//!
//! It stops at the first deviation; `message::read_members` continues from there.

use super::members::{Member, Members};
use super::names::EVENT_PUSH_START;
use crate::json::{fast, scan};

/// Reads as many members of a push as stand in their usual places, and gives back what follows the last one's value. `None`
/// when not even the command does.
pub(crate) fn members<'a>(start: &'a [u8], members: &mut Members) -> Option<&'a [u8]> {
    u32::try_from(start.len()).ok()?;
    let mut walk = Walk {
        length: start.len(),
        rest: start.strip_prefix(EVENT_PUSH_START)?,
        members,
    };
    walk.members.note(Member::Cmd, 7, 30);
    // Where it stops does not matter.
    let _ = walk.all();
    Some(walk.rest)
}

struct Walk<'a, 'm> {
    /// Of the line and what follows it.
    length: usize,
    /// From the end of the last value on.
    rest: &'a [u8],
    members: &'m mut Members,
}

impl<'a> Walk<'a, '_> {
    #[inline(always)]
    fn all(&mut self) -> Option<()> {
        self.scalar(Member::DeliveryId, br#","delivery_id":"#)?;
        self.string(Member::EventType, br#","event_type":"#)?;
        // Faults and alerts have one, other events have not.
        let _ = self.string(Member::EventId, br#","event_id":"#);
        self.string(Member::ProductKey, br#","product_key":"#)?;
        self.string(Member::Did, br#","did":"#)?;
        self.string(Member::Mac, br#","mac":"#)?;
        self.scalar(Member::GroupId, br#","group_id":"#)?;
        self.scalar(Member::CreatedAt, br#","created_at":"#)?;
        self.value(Member::Data, br#","data":"#)
    }

    /// Reads a string. Its key comes with the comma before it: one comparison of known length.
    #[inline(always)]
    fn string(&mut self, member: Member, key: &[u8]) -> Option<()> {
        let value = self.rest.strip_prefix(key)?;
        let [b'"', inside @ ..] = value else {
            return None;
        };
        self.take(member, value, fast::string(inside)?)
    }

    /// Reads a string, a number or a literal. Its key comes with the comma before it.
    #[inline(always)]
    fn scalar(&mut self, member: Member, key: &[u8]) -> Option<()> {
        let value = self.rest.strip_prefix(key)?;
        self.take(member, value, fast::scalar(value)?)
    }

    /// Reads any value. Its key comes with the comma before it.
    #[inline(always)]
    fn value(&mut self, member: Member, key: &[u8]) -> Option<()> {
        let value = self.rest.strip_prefix(key)?;
        self.take(member, value, scan::value(value, 1).ok()?)
    }

    /// Notes a value that was read, and goes on behind it.
    #[inline(always)]
    fn take(&mut self, member: Member, value: &[u8], rest: &'a [u8]) -> Option<()> {
        let start = self.offset(value);
        let end = self.offset(rest);
        self.members.note(member, start, end);
        self.rest = rest;
        Some(())
    }

    /// Where the rest of a line begins in it. The line's length fits 32 bits.
    #[inline(always)]
    fn offset(&self, rest: &[u8]) -> u32 {
        let offset = self.length.wrapping_sub(rest.len()) & 0xffff_ffff;
        u32::try_from(offset).unwrap_or_default()
    }
}
