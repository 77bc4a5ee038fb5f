//! One stream connection at work: its task reads, frames, serves, and writes what its queue holds.

use super::{
    bind,
    budget::Budget,
    connection::{Closed, Connection},
};
use crate::driver::{Turn, Worker};
use bellhop_wire::{Error, Frame, Framer, Limits, frame::PONG};
use std::{io, rc::Rc, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until, timeout},
};

/// Serves a connection until it ends.
pub(super) async fn serve(worker: Rc<Worker>, connection: Arc<Connection>, stream: TcpStream) {
    if let Err(error) = bind::prepare_stream(&stream) {
        tracing::debug!(target: "bellhop::transport", %error, "socket options not set");
    }
    let mut task = Task {
        message: worker.message_limits(),
        worker,
        connection,
        stream,
        framer: Framer::new(),
        partial: Vec::new(),
        held: 0,
        outgoing: Vec::new(),
        written: 0,
        opened: Instant::now(),
        began: None,
        heard: Instant::now(),
        stalled: None,
        unanswered: false,
    };
    let why = task.run().await;
    // What is already queued, an answer that says what was wrong for one, leaves if there is room.
    if task.outgoing.len() == task.written {
        task.refill_for_the_last_time();
    }
    let _ = task.write();
    task.connection.budget().give(task.held);
    let explained = matches!(why, Closed::Framing(_));
    task.worker.gone(&task.connection, why);
    if explained {
        let _ = timeout(LINGER, task.linger()).await;
    }
}

/// A connection at work.
struct Task {
    worker: Rc<Worker>,
    connection: Arc<Connection>,
    stream: TcpStream,
    message: Limits,
    framer: Framer,
    /// Bytes of a message that has not come to its end.
    partial: Vec<u8>,
    /// What of the budget `partial` has taken.
    held: usize,
    outgoing: Vec<u8>,
    /// How much of `outgoing` has been written.
    written: usize,
    opened: Instant,
    /// When the message in `partial` began.
    began: Option<Instant>,
    /// When the peer last sent anything.
    heard: Instant,
    /// Since when the peer reads nothing.
    stalled: Option<Instant>,
    /// The peer sent something and nothing has gone back since.
    unanswered: bool,
}

impl Task {
    async fn run(&mut self) -> Closed {
        let alarm = sleep_until(self.deadline().0);
        tokio::pin!(alarm);
        loop {
            if let Err(why) = self.write_queued() {
                return why;
            }
            self.acknowledge();
            let (deadline, overdue) = self.deadline();
            if deadline <= Instant::now() {
                return Closed::Deadline(overdue);
            }
            sooner(alarm.as_mut(), deadline);
            let writing = self.written < self.outgoing.len();
            let event = tokio::select! {
                () = self.connection.woken() => Event::Woken,
                ready = self.stream.readable() => Event::Readable(ready),
                ready = self.stream.writable(), if writing => Event::Writable(ready),
                () = alarm.as_mut() => Event::Alarm,
            };
            let went = match event {
                // The next round writes.
                Event::Woken | Event::Writable(Ok(())) => Ok(()),
                // Deadlines move as the peer speaks; the alarm follows only when it rings.
                Event::Alarm => {
                    alarm.as_mut().reset(self.deadline().0);
                    Ok(())
                }
                Event::Readable(Ok(())) => self.read(),
                Event::Readable(Err(error)) | Event::Writable(Err(error)) => Err(broken(&error)),
            };
            if let Err(why) = went {
                return why;
            }
        }
    }

    /// When the peer must have done something, and what.
    fn deadline(&self) -> (Instant, &'static str) {
        let limits = &self.worker.limits;
        let fresh = (!self.connection.is_proven()).then_some(self.opened);
        let after = |from: Option<Instant>, by: Duration| from.and_then(|f| f.checked_add(by));
        [
            (after(fresh, limits.first_message), "no message in time"),
            (
                after(self.began, limits.half_message),
                "a message did not end in time",
            ),
            (
                after(self.stalled, limits.write_stall),
                "the peer reads nothing",
            ),
            (after(Some(self.heard), limits.idle), "silent too long"),
        ]
        .into_iter()
        .filter_map(|(at, what)| at.map(|at| (at, what)))
        .min_by_key(|(at, _)| *at)
        .unwrap_or((self.heard, "silent too long"))
    }

    /// Has the kernel acknowledge at once what nothing of ours will acknowledge: many phones leave Nagle's
    /// algorithm on, so their 200 would wait for the delayed acknowledgement of their 180.
    fn acknowledge(&mut self) {
        if std::mem::take(&mut self.unanswered) {
            let _ = socket2::SockRef::from(&self.stream).set_tcp_quickack(true);
        }
    }

    /// Writes until the queue is empty or the peer's window is full.
    fn write_queued(&mut self) -> Result<(), Closed> {
        loop {
            if self.written >= self.outgoing.len() {
                self.outgoing.clear();
                self.written = 0;
                if self.outgoing.capacity() > KEPT {
                    self.outgoing = Vec::new();
                }
                self.connection.take(&mut self.outgoing)?;
                if self.outgoing.is_empty() {
                    self.stalled = None;
                    return Ok(());
                }
            }
            if !self.write().map_err(|error| broken(&error))? {
                self.stalled.get_or_insert_with(Instant::now);
                return Ok(());
            }
        }
    }

    /// Writes what it can; whether all of `outgoing` is written.
    fn write(&mut self) -> io::Result<bool> {
        while let Some(rest) = self.outgoing.get(self.written..)
            && !rest.is_empty()
        {
            match self.stream.try_write(rest) {
                Ok(n) => {
                    self.written = self.written.saturating_add(n);
                    self.stalled = None;
                    self.unanswered = false;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn refill_for_the_last_time(&mut self) {
        self.outgoing.clear();
        self.written = 0;
        self.connection.take_rest(&mut self.outgoing);
    }

    /// Ends our half and reads on for a moment: closing with bytes unread would be a reset, which takes
    /// our last answer from the peer.
    async fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut scratch = [0; 4096];
        let mut left = LINGER_BYTES;
        while left > 0 {
            let n = self.stream.read(&mut scratch).await?;
            if n == 0 {
                break;
            }
            left = left.saturating_sub(n);
        }
        Ok(())
    }

    /// Reads once and serves every whole message.
    fn read(&mut self) -> Result<(), Closed> {
        let mut scratch = self.worker.scratch.take();
        if scratch.is_empty() {
            scratch = vec![0; READ];
        }
        let went = match self.stream.try_read(&mut scratch) {
            Ok(0) => Err(Closed::ByPeer),
            Ok(n) => {
                self.heard = Instant::now();
                self.unanswered = true;
                self.take_in(scratch.get(..n).unwrap_or_default())
                    .map_err(Closed::Framing)
                    .and_then(|()| self.account())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(broken(&error)),
        };
        self.worker.scratch.set(scratch);
        went
    }

    fn take_in(&mut self, bytes: &[u8]) -> Result<(), Error> {
        // Most reads end with a message's end, and then nothing is copied or kept.
        if self.partial.is_empty() {
            let used = self.frames(bytes)?;
            self.partial
                .extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(bytes);
            let used = self.frames(&whole)?;
            whole.drain(..used);
            self.partial = whole;
            if used > 0 {
                self.began = None;
            }
        }
        if self.partial.iter().all(|b| b"\r\n".contains(b)) {
            // Half a keep-alive hurries nobody.
            self.began = None;
            if self.partial.is_empty() && self.partial.capacity() > 0 {
                self.partial = Vec::new();
            }
        } else {
            self.began.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    /// Counts what `partial` holds.
    fn account(&mut self) -> Result<(), Closed> {
        let budget = self.connection.budget();
        let holds = self.partial.capacity();
        budget.take(holds);
        budget.give(self.held);
        self.held = holds;
        if holds > Budget::LITTLE && budget.is_spent() {
            return Err(Closed::Crowded);
        }
        Ok(())
    }

    /// Serves the frames at the head of the stream; how many bytes they took.
    fn frames(&mut self, stream: &[u8]) -> Result<usize, Error> {
        let flow = self.connection.flow();
        let mut turn = Turn::begin(&self.worker);
        let mut at: usize = 0;
        let went = loop {
            let rest = stream.get(at..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(at);
            }
            match self.framer.next(rest, &self.message) {
                Ok(Some((frame, used))) if used > 0 => {
                    at = at.saturating_add(used);
                    match frame {
                        Frame::Message(message) => {
                            self.connection.prove();
                            turn.receive(flow, message);
                        }
                        Frame::Ping => {
                            self.connection.push(PONG, None, self.worker.limits.queue);
                        }
                        Frame::Nothing => {}
                    }
                }
                Ok(_) => break Ok(at),
                Err(error) => {
                    turn.unframed(flow, rest, error);
                    break Err(error);
                }
            }
        };
        turn.end();
        went
    }
}

enum Event {
    Woken,
    Readable(io::Result<()>),
    Writable(io::Result<()>),
    Alarm,
}

fn sooner(alarm: std::pin::Pin<&mut Sleep>, deadline: Instant) {
    if deadline < alarm.deadline() {
        alarm.reset(deadline);
    }
}

fn broken(error: &io::Error) -> Closed {
    Closed::Failed(error.to_string())
}

/// How long, and for how many bytes, a peer is heard out that was told what is wrong.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 256 * 1024;
/// Read at once from a stream.
const READ: usize = 64 * 1024;
/// A larger write buffer is given back when it is empty.
const KEPT: usize = 16 * 1024;

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests;
