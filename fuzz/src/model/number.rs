//! JSON numbers in decimal digits, as at school.

use noti_proto::json::NumberError;

/// A number: 0.digits · 10^point, without zeros at either end of the digits.
#[derive(Debug)]
pub struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    /// Reads a text that is a JSON number.
    pub fn of(text: &str) -> Self {
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent = match exponent.parse::<i64>() {
            Ok(exponent) => exponent,
            Err(_) if exponent.starts_with('-') => i64::MIN,
            Err(_) => i64::MAX,
        };
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let mut digits = all[leading..].to_vec();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let point = exponent.saturating_add(whole.len() as i64 - leading as i64);
        Self {
            negative,
            digits,
            point,
        }
    }

    /// The digits left of the point as a number; `None` when it is more than a `u64`.
    fn whole(&self) -> Option<u64> {
        if self.digits.is_empty() || self.point <= 0 {
            return Some(0);
        }
        if self.point > 20 {
            return None;
        }
        let digit = |at| u128::from(self.digits.get(at).unwrap_or(&b'0') - b'0');
        let whole = (0..self.point as usize).fold(0, |whole, at| whole * 10 + digit(at));
        u64::try_from(whole).ok()
    }

    /// The value, if it is an integer within `i128`'s reach of a `u64`.
    pub fn integer(&self) -> Result<i128, NumberError> {
        if !self.digits.is_empty() && (self.digits.len() as i64) > self.point {
            return Err(NumberError::NotInteger);
        }
        let magnitude = i128::from(self.whole().ok_or(NumberError::OutOfRange)?);
        Ok(if self.negative { -magnitude } else { magnitude })
    }

    /// Whole seconds and nanoseconds, cut off.
    pub fn timestamp(&self) -> Option<(u64, u32)> {
        if self.negative && !self.digits.is_empty() {
            return None;
        }
        let mut nanos = 0;
        for place in 0..9 {
            let at = usize::try_from(self.point.saturating_add(place)).ok();
            let digit = at.and_then(|at| self.digits.get(at)).unwrap_or(&b'0');
            nanos = nanos * 10 + u32::from(digit - b'0');
        }
        Some((self.whole()?, nanos))
    }
}
