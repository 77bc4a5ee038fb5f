//! Two configurations compared: what a reload can change and what it cannot.

use super::{Settings, admin::Admin, listen::Listener};
use std::net::SocketAddr;

impl Settings {
    /// What differs in `new` that needs a restart, in words; empty: all of it can be swapped.
    pub(crate) fn restart_needed(&self, new: &Self) -> Vec<String> {
        let mut needed = Vec::new();
        let sockets = |settings: &Self| {
            let binds = settings.listeners.iter().map(|l| l.bind.to_string());
            binds.collect::<Vec<_>>()
        };
        let (old_sockets, new_sockets) = (sockets(self), sockets(new));
        if old_sockets != new_sockets {
            needed.push(format!(
                "[[listen]] bind: listening on {}, the file says {}",
                old_sockets.join(", "),
                new_sockets.join(", ")
            ));
        }
        if new.server.asks_for_others_than(&self.server) {
            let (old_workers, new_workers) = (self.server.workers(), new.server.workers());
            needed.push(format!(
                "server.workers: {old_workers} are running, the file says {new_workers}"
            ));
        }
        if self.server.data_dir != new.server.data_dir {
            let show = |settings: &Self| match &settings.server.data_dir {
                Some(dir) => dir.display().to_string(),
                None => "none".to_owned(),
            };
            let (old, new) = (show(self), show(new));
            needed.push(format!(
                "server.data_dir: {old} is in use, the file says {new}"
            ));
        }
        let admin = |settings: &Self| settings.admin.as_ref().map(|admin| admin.bind);
        if admin(self) != admin(new) {
            let show = |bind: Option<SocketAddr>| bind.map_or("none".to_owned(), |b| b.to_string());
            let (old, new) = (show(admin(self)), show(admin(new)));
            needed.push(format!("admin.bind: {old} is in use, the file says {new}"));
        }
        if self.log.format != new.log.format {
            let (old, new) = (self.log.format.name(), new.log.format.name());
            needed.push(format!("log.format: {old} is in use, the file says {new}"));
        }
        needed
    }

    /// `new` with what cannot change in a running program kept from `self`: sockets, workers, the
    /// data directory, the admin port, the form of the log.
    pub(crate) fn reloaded(&self, mut new: Self) -> Self {
        let keep = |old: &Listener| {
            let same = new.listeners.iter().find(|l| l.bind == old.bind);
            same.unwrap_or(old).clone()
        };
        new.listeners = self.listeners.iter().map(keep).collect();
        new.server.keep(&self.server);
        // The token goes with the address: one for loopback is none for the world.
        let bind = |admin: &Option<Admin>| admin.as_ref().map(|admin| admin.bind);
        if bind(&new.admin) != bind(&self.admin) {
            new.admin.clone_from(&self.admin);
        }
        new.log.format = self.log.format;
        new
    }
}
