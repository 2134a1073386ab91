//! What could not be written, until it can be: the newest news of each thing, bounded.

use noroshi_core::action::Item;
use std::collections::VecDeque;

/// Most items remembered while the file fails; the oldest are forgotten, their batches having been
/// answered as not written.
pub const CATCH_UP_ITEMS_MAX: usize = 512;

/// Items to be written before any other when the store works again.
#[derive(Default)]
pub(super) struct CatchUp(VecDeque<Item>);

impl CatchUp {
    /// Remembers `item`; an older one about the same thing is forgotten, so that a notice that is
    /// tried again and again does not push out an alert.
    pub(super) fn remember(&mut self, item: Item) {
        if let Some(older) = self.0.iter_mut().find(|older| same_thing(older, &item)) {
            // In place: a notice stays behind its alert.
            let outdone = match (&*older, &item) {
                (Item::Group(older), Item::Group(memory)) => older.group == memory.group,
                (Item::Acknowledgement(older), Item::Acknowledgement(news)) => !news.outdoes(older),
                _ => is_final(older) && !is_final(&item),
            };
            if !outdone {
                *older = item;
            }
            return;
        }
        if self.0.len() >= CATCH_UP_ITEMS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(item);
    }

    /// What is remembered, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.0.iter()
    }

    /// There is nothing to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands everything over, oldest first.
    pub(super) fn take(&mut self) -> VecDeque<Item> {
        std::mem::take(&mut self.0)
    }

    /// Forgets everything, memory included.
    pub(super) fn clear(&mut self) {
        self.0 = VecDeque::new();
    }
}

fn same_thing(older: &Item, item: &Item) -> bool {
    match (older, item) {
        (Item::Alert { alert: older, .. }, Item::Alert { alert, .. }) => older.id == alert.id,
        (Item::Notice(older), Item::Notice(notice)) => older.key == notice.key,
        (Item::Latch(older), Item::Latch(latch)) => older.server == latch.server,
        (Item::View(older), Item::View(view)) => older.server == view.server,
        (Item::Group(older), Item::Group(memory)) => older.group == memory.group,
        (Item::Acknowledgement(older), Item::Acknowledgement(news)) => older.alert == news.alert,
        _ => false,
    }
}

/// The first alert of an id holds, and a final notice stays final.
fn is_final(item: &Item) -> bool {
    match item {
        Item::Alert { .. } => true,
        Item::Notice(notice) => notice.state.is_final(),
        Item::Latch(_) | Item::View(_) | Item::Group(_) | Item::Acknowledgement(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample_items;
    use super::*;
    use noroshi_core::notice::NoticeState;

    /// Rule: N8
    #[test]
    fn the_newest_news_of_each_thing_is_kept() {
        let mut kept = CatchUp::default();
        let [alert, Item::Notice(notice)] = sample_items(1) else {
            unreachable!()
        };
        let mut expected = vec![alert.clone()];
        kept.remember(alert);
        for state in [
            NoticeState::Waiting,
            NoticeState::Delivered,
            NoticeState::Begun,
        ] {
            let mut news = notice.clone();
            news.state = state;
            kept.remember(Item::Notice(news));
        }
        expected.push(Item::Notice(noroshi_core::notice::NoticeRecord {
            state: NoticeState::Delivered,
            ..notice
        }));
        assert_eq!(kept.iter().cloned().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_oldest_go_at_the_bound() {
        let mut kept = CatchUp::default();
        for number in 0..CATCH_UP_ITEMS_MAX as u64 {
            sample_items(number)
                .into_iter()
                .for_each(|item| kept.remember(item));
        }
        assert_eq!(kept.iter().count(), CATCH_UP_ITEMS_MAX);
        let [first, _] = sample_items(CATCH_UP_ITEMS_MAX as u64 / 2);
        assert_eq!(kept.iter().next(), Some(&first));
        kept.clear();
        assert!(kept.is_empty());
    }
}
