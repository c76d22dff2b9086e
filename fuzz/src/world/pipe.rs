//! One direction of a connection: bytes in order, at some time, in some pieces; or never.

use std::collections::VecDeque;

use super::choices::Choices;

#[derive(Debug)]
pub(super) struct Pipe {
    /// What travels, each with the time of its arrival.
    pieces: VecDeque<(u64, Vec<u8>)>,
    held: usize,
    capacity: usize,
    latency: u64,
    stalled_until: u64,
    /// Nothing arrives any more, and nobody is told.
    pub(super) black_hole: bool,
    /// Nobody reads any more: what is written is lost.
    pub(super) abandoned: bool,
    /// When the reader sees the end of the stream, after all that arrives.
    end_at: Option<u64>,
}

pub(super) enum Read {
    Bytes(usize),
    Nothing,
    End,
}

impl Pipe {
    pub(super) fn new(capacity: usize, latency: u64) -> Self {
        Self {
            pieces: VecDeque::new(),
            held: 0,
            capacity,
            latency,
            stalled_until: 0,
            black_hole: false,
            abandoned: false,
            end_at: None,
        }
    }

    /// Takes some of the bytes, all of them in calm weather, none when it is full.
    pub(super) fn write(&mut self, now: u64, bytes: &[u8], choices: &mut Choices<'_>) -> usize {
        if self.abandoned || self.end_at.is_some() {
            return bytes.len();
        }
        let room = self.capacity - self.held;
        let most = bytes.len().min(room);
        let taken = most - choices.below(most as u64) as usize;
        if taken == 0 {
            return 0;
        }
        let last = self.pieces.back().map_or(0, |(at, _)| *at);
        let at = last.max(now + choices.below(self.latency + 1));
        self.pieces.push_back((at, bytes[..taken].to_vec()));
        self.held += taken;
        taken
    }

    pub(super) fn read(&mut self, now: u64, into: &mut [u8], choices: &mut Choices<'_>) -> Read {
        match self.next() {
            Some(at) if at <= now => {}
            _ => return Read::Nothing,
        }
        let Some((_, piece)) = self.pieces.front_mut() else {
            return Read::End;
        };
        let most = piece.len().min(into.len());
        let taken = most - choices.below(most as u64) as usize;
        into[..taken].copy_from_slice(&piece[..taken]);
        piece.drain(..taken);
        if piece.is_empty() {
            self.pieces.pop_front();
        }
        self.held -= taken;
        Read::Bytes(taken)
    }

    /// When there is something to read.
    pub(super) fn next(&self) -> Option<u64> {
        if self.black_hole {
            return None;
        }
        let at = self.pieces.front().map(|(at, _)| *at).or(self.end_at)?;
        Some(at.max(self.stalled_until))
    }

    pub(super) fn stall(&mut self, until: u64) {
        self.stalled_until = until;
    }

    /// The writer has closed its end: the reader sees that after the last byte.
    pub(super) fn finish(&mut self, now: u64) {
        let last = self.pieces.back().map_or(0, |(at, _)| *at);
        self.end_at.get_or_insert(last.max(now + self.latency));
    }

    /// Some of what travels is lost, and then the stream ends.
    pub(super) fn cut(&mut self, now: u64, choices: &mut Choices<'_>) {
        let kept = choices.below(self.pieces.len() as u64 + 1) as usize;
        self.pieces.truncate(kept);
        self.held = self.pieces.iter().map(|(_, piece)| piece.len()).sum();
        self.finish(now + choices.below(3000));
    }

    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
        self.pieces.clear();
        self.held = 0;
    }
}
