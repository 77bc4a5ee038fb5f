//! One stream connection at work: its task reads, frames, serves, and writes what its queue holds.

mod heard;

use self::heard::Speech;
use super::{
    Rules, bind,
    connection::{Closed, Connection},
    websocket,
};
use crate::driver::Worker;
use bellhop_wire::Limits;
use std::{io, rc::Rc, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until, timeout},
};

/// Serves a connection until it ends; with `rules` a WebSocket.
pub(super) async fn serve(
    worker: Rc<Worker>,
    connection: Arc<Connection>,
    stream: TcpStream,
    rules: Option<Arc<Rules>>,
) {
    if let Err(error) = bind::prepare_stream(&stream) {
        tracing::debug!(target: "bellhop::transport", %error, "socket options not set");
    }
    let mut task = Task {
        message: worker.message_limits(),
        worker,
        connection,
        stream,
        speech: Speech::of(rules),
        partial: Vec::new(),
        held: 0,
        outgoing: Vec::new(),
        written: 0,
        opened: Instant::now(),
        began: None,
        heard: Instant::now(),
        stalled: None,
        unanswered: false,
        pings: Pings::default(),
    };
    let why = task.run().await;
    // What is already queued, an answer that says what was wrong for one, leaves if there is room.
    if task.outgoing.len() == task.written {
        task.refill_for_the_last_time();
    }
    task.speech.farewell(&why, &mut task.outgoing);
    let _ = task.write();
    task.connection.budget().give(task.held);
    let explained = task.speech.is_explained(&why);
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
    speech: Speech,
    /// Bytes of a message, or of a frame, that has not come to its end.
    partial: Vec<u8>,
    /// What of the budget halves of messages have taken.
    held: usize,
    outgoing: Vec<u8>,
    /// How much of `outgoing` has been written.
    written: usize,
    opened: Instant,
    /// When the message that has not come to its end began.
    began: Option<Instant>,
    /// When the peer last sent anything.
    heard: Instant,
    /// Since when the peer reads nothing.
    stalled: Option<Instant>,
    /// The peer sent something and nothing has gone back since.
    unanswered: bool,
    pings: Pings,
}

/// What was asked of a silent WebSocket.
#[derive(Clone, Copy, Debug, Default)]
struct Pings {
    /// Since the peer last sent anything: how often, and when the last time.
    sent: u32,
    last: Option<Instant>,
    /// Whether the peer has ever answered one. Who never did may not know how (it is left alone until it is idle).
    answered: bool,
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
            if self.ask_if_it_lives() {
                continue;
            }
            sooner(alarm.as_mut(), self.wake_at());
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
                    alarm.as_mut().reset(self.wake_at());
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
            (
                self.next_ping().filter(|_| self.pings.are_ignored()),
                "no answer to a ping",
            ),
        ]
        .into_iter()
        .filter_map(|(at, what)| at.map(|at| (at, what)))
        .min_by_key(|(at, _)| *at)
        .unwrap_or((self.heard, "silent too long"))
    }

    /// When there is something to do though nothing happens.
    fn wake_at(&self) -> Instant {
        let deadline = self.deadline().0;
        self.next_ping().map_or(deadline, |ping| ping.min(deadline))
    }

    /// When a silent WebSocket is to be asked whether it lives (RFC 6455 5.5.2).
    fn next_ping(&self) -> Option<Instant> {
        let last = self.pings.last.map_or(self.heard, |last| last);
        last.checked_add(self.speech.ping()?)
    }

    /// Asks, if it is time; whether there is something to write now.
    fn ask_if_it_lives(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.next_ping().is_some_and(|at| at <= now);
        if is_due {
            self.pings.sent = self.pings.sent.saturating_add(1);
            self.pings.last = Some(now);
            let limit = self.worker.limits.queue;
            self.connection.push_octets(&websocket::ping(), limit);
        }
        is_due
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
                (self.pings.sent, self.pings.last) = (0, None);
                self.take_in(scratch.get(..n).unwrap_or_default())
                    .and_then(|()| self.account())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(broken(&error)),
        };
        self.worker.scratch.set(scratch);
        went
    }
}

impl Pings {
    /// Whether one who has answered before has not answered the last two.
    const fn are_ignored(self) -> bool {
        self.answered && self.sent >= 2
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
