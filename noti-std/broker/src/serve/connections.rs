//! The connections by their token.

use crate::connection::Connection;

/// The connections by their token.
#[derive(Default)]
pub(crate) struct Connections {
    places: Vec<Option<Box<Connection>>>,
    free: Vec<usize>,
}

impl Connections {
    pub(super) fn get(&mut self, index: usize) -> Option<&mut Connection> {
        self.places.get_mut(index)?.as_deref_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.places.iter().flatten().map(|connection| &**connection)
    }

    pub(super) fn indices(&self) -> Vec<usize> {
        let places = self.places.iter().enumerate();
        places
            .filter_map(|(index, place)| place.as_ref().map(|_| index))
            .collect()
    }

    /// A token for the next connection.
    pub(super) fn reserve(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        })
    }

    /// Gives a token back that no connection came for.
    pub(super) fn release(&mut self, index: usize) {
        self.free.push(index);
    }

    pub(super) fn put(&mut self, index: usize, connection: Connection) {
        if let Some(place) = self.places.get_mut(index) {
            *place = Some(Box::new(connection));
        }
    }

    pub(super) fn take(&mut self, index: usize) -> Option<Box<Connection>> {
        let connection = self.places.get_mut(index)?.take()?;
        self.free.push(index);
        Some(connection)
    }
}
