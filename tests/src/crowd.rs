//! Many scripted phones that one thread looks after: they register once, and then answer whatever is asked of
//! them and ask nothing themselves.

use crate::deadline::until;
use crate::message::Message;
use crate::phone::Phone;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

/// The phones, at work. Dropping it ends them.
#[derive(Debug)]
pub struct Crowd {
    is_over: Arc<AtomicBool>,
    told: Arc<AtomicUsize>,
    thread: Option<JoinHandle<Vec<Phone>>>,
}

impl Crowd {
    /// Sets these phones to work.
    ///
    /// # Panics
    /// If a socket cannot be looked at.
    pub fn start(mut phones: Vec<Phone>) -> Self {
        for phone in &mut phones {
            phone.never_wait();
        }
        let (is_over, told) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (ends, counts) = (Arc::clone(&is_over), Arc::clone(&told));
        let thread = std::thread::spawn(move || {
            until("the crowd is dismissed", LONGEST, || {
                for phone in &mut phones {
                    while let Some(message) = phone.receive() {
                        counts.fetch_add(serve(phone, &message), Relaxed);
                    }
                }
                ends.load(Relaxed).then_some(())
            });
            phones
        });
        let thread = Some(thread);
        Self {
            is_over,
            told,
            thread,
        }
    }

    /// How many NOTIFYs have come.
    pub fn notified(&self) -> usize {
        self.told.load(Relaxed)
    }

    /// Ends their work, and gives them back.
    ///
    /// # Panics
    /// If one of them met with something that it does not know.
    pub fn dismiss(mut self) -> Vec<Phone> {
        self.is_over.store(true, Relaxed);
        let thread = self.thread.take().expect("a crowd at work");
        thread.join().expect("a crowd that has come to no harm")
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
    }
}

/// Answers a request 200; how many NOTIFYs it was.
fn serve(phone: &mut Phone, message: &Message) -> usize {
    let line = message.start_line();
    if message.status().is_none() && !line.starts_with("ACK ") {
        phone.answer(message, "200 OK");
    }
    usize::from(line.starts_with("NOTIFY "))
}

/// Far longer than any test.
const LONGEST: Duration = Duration::from_secs(3600);
