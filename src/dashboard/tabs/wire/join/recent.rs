//! A table that keeps what was put into it last.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

#[derive(Debug)]
pub struct Recent<K, V> {
    values: HashMap<K, (u64, V)>,
    /// In which order they came. What was taken out or replaced is still named here, with an older number.
    order: VecDeque<(u64, K)>,
    next: u64,
    capacity: usize,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    pub fn new(capacity: usize) -> Self {
        Self {
            values: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
            capacity,
        }
    }

    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.values.get(key).map(|(_, value)| value)
    }

    pub fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.values.get_mut(key).map(|(_, value)| value)
    }

    /// Puts a value in, in place of an older one.
    pub fn insert(&mut self, key: K, value: V) {
        self.renew(key, true, || value);
    }

    /// Forgets the oldest until there are no more than so many.
    fn make_room(&mut self, most: usize) {
        while self.values.len() > most || self.order.len() > 2 * self.capacity {
            let Some((number, key)) = self.order.pop_front() else {
                break;
            };
            let is_it = |(current, _): &(u64, V)| *current == number;
            if self.values.get(&key).is_some_and(is_it) {
                self.values.remove(&key);
            }
        }
    }

    /// Changes the value of a key, made first if there is none.
    pub fn change<R>(
        &mut self,
        key: K,
        make: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> R {
        change(self.renew(key, false, make))
    }

    /// The value of a key; one that is not there, or not wanted any more, is made anew.
    pub fn renew(&mut self, key: K, anew: bool, make: impl FnOnce() -> V) -> &mut V {
        self.next += 1;
        let number = self.next;
        if anew || !self.values.contains_key(&key) {
            let room = self.capacity.saturating_sub(1);
            self.order.push_back((number, key.clone()));
            self.values.remove(&key);
            self.make_room(room);
        }
        let entry = self.values.entry(key);
        &mut entry.or_insert_with(|| (number, make())).1
    }

    /// Takes a value out.
    pub fn take(&mut self, key: &K) -> Option<V> {
        self.values.remove(key).map(|(_, value)| value)
    }

    pub fn clear(&mut self) {
        self.values.clear();
        self.order.clear();
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.values_mut().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is put in and taken out, there is never more than there is room for, and what was put in last is there.
        #[test]
        fn the_newest_are_kept(steps in proptest::collection::vec((0u8..20, any::<bool>()), 0..200)) {
            let mut recent = Recent::new(5);
            for (key, takes) in steps {
                if takes {
                    recent.take(&key);
                    prop_assert_eq!(recent.get(&key), None);
                } else {
                    recent.insert(key, u32::from(key));
                    prop_assert_eq!(recent.get(&key), Some(&u32::from(key)));
                }
                prop_assert!(recent.values.len() <= 5 && recent.order.len() <= 10);
            }
        }
    }
}
