//! What a call of a plugin costs is measured with this one: it reads, edits and stores as little as a real
//! one does. `work` in its configuration says what: `nothing`, `summary`, `edit` (a summary and one edit),
//! `store` (a summary and one count for each caller).

use bellhop_plugin::prelude::*;
use bellhop_plugin::store;

/// The plugin.
pub struct Toll {
    work: Work,
}

#[derive(Clone, Copy)]
enum Work {
    Nothing,
    Summary,
    Edit,
    Store,
}

impl Plugin for Toll {
    const HOOKS: &'static [Hook] = &[Hook::OnRegister, Hook::OnRequest, Hook::OnResponse];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&["work"])?;
        let work = match config.need::<String>("work")?.as_str() {
            "nothing" => Work::Nothing,
            "summary" => Work::Summary,
            "edit" => Work::Edit,
            "store" => Work::Store,
            other => return Err(config.error(format!("work: {other}"))),
        };
        Ok(Self { work })
    }

    fn on_register(&mut self, msg: &Message) -> RegisterVerdict {
        match self.pay(msg) {
            true => RegisterVerdict::Continue,
            false => Reply::new(403).into(),
        }
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        match self.pay(msg) {
            true => Verdict::Continue,
            false => Reply::new(403).into(),
        }
    }

    fn on_response(&mut self, response: &Message) {
        self.pay(response);
    }
}

impl Toll {
    /// False for what no real message is, so that nothing that is read may be left out by the compiler.
    fn pay(&self, msg: &Message) -> bool {
        if matches!(self.work, Work::Nothing) {
            return true;
        }
        let read = msg.summary();
        let done = match self.work {
            Work::Nothing | Work::Summary => true,
            Work::Edit => msg.set_header("X-Toll", &read.from_uri).is_ok(),
            Work::Store => store::increment(&read.from_uri, 1, None).is_ok(),
        };
        done && !read.call_id.is_empty()
    }
}

bellhop_plugin::export!(Toll);
