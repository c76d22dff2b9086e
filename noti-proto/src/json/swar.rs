//! Eight bytes of text in one word, for the fast kernel: what stands in a string as it is, and digits.

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// How many bytes stand before the first one that has its high bit set, in the order of the text.
#[inline(always)]
fn before_first(high_bits: u64) -> usize {
    usize::try_from(high_bits.trailing_zeros() / 8).unwrap_or_default()
}

/// Skips characters of three bytes, one at least.
#[inline(always)]
pub(crate) fn skip_three_bytes(rest: &[u8]) -> Option<&[u8]> {
    const LEADS: u32 = u32::from_le_bytes([0xf0, 0xc0, 0xc0, 0]);
    const THREE_BYTES: u32 = u32::from_le_bytes([0xe0, 0x80, 0x80, 0]);
    let mut left = rest;
    // What follows has one byte more at least, the closing quote.
    while let [first, _, _, _, ..] = left
        && let Some((chunk, _)) = left.split_first_chunk::<4>()
        && u32::from_le_bytes(*chunk) & LEADS == THREE_BYTES
        // These two have rules of their own.
        && !matches!(first, 0xe0 | 0xed)
    {
        left = left.get(3..).unwrap_or_default();
    }
    (left.len() < rest.len()).then_some(left)
}

/// Skips what ASCII has in a string as it is, up to a quote, a backslash, a control character, or what is not ASCII.
#[inline(always)]
pub(crate) fn skip_ascii(mut rest: &[u8]) -> &[u8] {
    const TWOS: u64 = u64::from_le_bytes([2; 8]);
    const AFTER_SPACES: u64 = u64::from_le_bytes([b' ' + 1; 8]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);

    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        // Changing this bit swaps quote and space, and leaves control characters what they are: both are then below
        // `!`. A subtraction borrows, and so sets the high bit, where a byte is smaller. Borrows run upwards only, so
        // the lowest bit that is set is always right.
        let quote_or_control = (word ^ TWOS).wrapping_sub(AFTER_SPACES);
        let backslash = (word ^ BACKSLASHES).wrapping_sub(ONES);
        let stops = (quote_or_control | backslash | word) & HIGH;
        if stops != 0 {
            return rest.get(before_first(stops)..).unwrap_or_default();
        }
        rest = tail;
    }
    while let [b' ' | b'!' | b'#'..=b'[' | b']'..=0x7f, tail @ ..] = rest {
        rest = tail;
    }
    rest
}

/// The high bit of each byte that is no digit; above the lowest such byte nothing is sure.
#[inline(always)]
const fn no_digits(word: u64) -> u64 {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    /// What carries anything above nine into the high bit.
    const CARRIES: u64 = u64::from_le_bytes([0x80 - 10; 8]);
    let values = word ^ ZEROS;
    (values.wrapping_add(CARRIES) | values) & HIGH
}

/// Skips digits eight at a time.
#[inline(always)]
pub(crate) fn skip_digits(mut rest: &[u8]) -> &[u8] {
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let stops = no_digits(u64::from_le_bytes(*chunk));
        if stops != 0 {
            return rest.get(before_first(stops)..).unwrap_or_default();
        }
        rest = tail;
    }
    while let [b'0'..=b'9', tail @ ..] = rest {
        rest = tail;
    }
    rest
}

/// The number that the first eight bytes are, if they are digits: neighbours are put together to pairs, pairs to fours,
/// fours to the whole.
#[inline(always)]
pub(crate) fn eight_digits(text: &[u8]) -> Option<(u64, &[u8])> {
    const VALUES: u64 = u64::from_le_bytes([0x0f; 8]);
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    const FOURS: u64 = 0x0000_ffff_0000_ffff;
    const WHOLE: u64 = 0xffff_ffff;
    // The digit that counts for more stands in the lower bits.
    let join = |word: u64, weight: u64, width: u32| {
        let lower = word.wrapping_mul(weight);
        lower.wrapping_add(word.wrapping_shr(width))
    };
    let (chunk, rest) = text.split_first_chunk::<8>()?;
    let digits = u64::from_le_bytes(*chunk);
    let pairs = join(digits & VALUES, 10, 8) & PAIRS;
    let fours = join(pairs, 100, 16) & FOURS;
    let whole = join(fours, 10_000, 32) & WHOLE;
    (no_digits(digits) == 0).then_some((whole, rest))
}
