//! The play: two phones register, one watches a line of the PBX, then calls the other.

#[cfg(test)]
mod tests;

use super::{
    body,
    peer::{Peer, Want},
    trace::Trace,
    ua::{self, Ask, Dialog},
};
use bellhop_wire::typed::rsip::Method::{Ack, Bye, Invite, Notify, Register, Subscribe};
use std::sync::Arc;

/// The players.
#[derive(Debug)]
pub(super) struct Play {
    /// A phone.
    pub(super) alice: Peer,
    /// Another.
    pub(super) bob: Peer,
    /// The PBX.
    pub(super) pbx: Peer,
    /// Hears of each scene.
    pub(super) trace: Arc<Trace>,
}

/// Alice's subscription as its two ends keep it.
#[derive(Debug)]
struct Watch {
    watcher: Dialog,
    line: Dialog,
    /// Of the documents sent so far (RFC 4235 4.1).
    version: u32,
}

impl Play {
    /// Plays it to its end.
    ///
    /// # Errors
    /// The step that failed, and how.
    pub(super) async fn perform(&mut self) -> Result<(), String> {
        self.scene("alice registers");
        step("REGISTER of alice", register(&mut self.alice, "alice")).await?;
        self.scene("bob registers");
        step("REGISTER of bob", register(&mut self.bob, "bob")).await?;

        self.scene("alice watches line 700 at the PBX");
        let mut watch = step("SUBSCRIBE of alice", self.subscribe()).await?;
        let idle = self.notify(&mut watch, "active;expires=600", "terminated");
        step("first NOTIFY", idle).await?;
        self.scene("line 700 is in a call");
        let busy = self.notify(&mut watch, "active;expires=590", "confirmed");
        step("NOTIFY of the change", busy).await?;
        self.scene("alice refreshes her subscription, then ends it");
        step("refresh", self.resubscribe(&mut watch, "600")).await?;
        let busy = self.notify(&mut watch, "active;expires=600", "confirmed");
        step("NOTIFY of the refresh", busy).await?;
        step("end of the subscription", self.resubscribe(&mut watch, "0")).await?;
        let ended = self.notify(&mut watch, "terminated;reason=timeout", "confirmed");
        step("last NOTIFY", ended).await?;

        self.scene("alice calls bob");
        let (mut caller, mut callee) = step("INVITE of alice", self.call()).await?;
        self.scene("bob hangs up");
        let over = self.hang_up(&mut caller, &mut callee);
        step("BYE of bob", over).await
    }

    async fn subscribe(&mut self) -> Result<Watch, String> {
        let line = ua::address("700", DOMAIN);
        let mut watcher = self.alice.ua().begin(line.clone(), line);
        let ask = subscription("600");
        self.alice.ask_and_prove(&mut watcher, &ask, 407).await?;
        let request = self.pbx.expect(Want::Request(Subscribe)).await?;
        let line = self.pbx.ua().accept(request.message());
        let line = line.map_err(|fault| format!("pbx cannot accept: {fault}"))?;
        let more = Ask::of(Subscribe).line("Expires", "600");
        self.pbx.answer(&request, 200, Some(&line), &more).await?;
        let accepted = self.alice.expect(Want::Answer(200, Subscribe)).await?;
        watcher
            .confirm(accepted.message())
            .map_err(|fault| format!("alice got no subscription: {fault}"))?;
        Ok(Watch {
            watcher,
            line,
            version: 0,
        })
    }

    /// RFC 6665 4.1.2.2, 4.1.2.3.
    async fn resubscribe(&mut self, watch: &mut Watch, expires: &str) -> Result<(), String> {
        let ask = subscription(expires);
        self.alice.ask(&mut watch.watcher, &ask).await?;
        let request = self.pbx.expect(Want::Request(Subscribe)).await?;
        let more = Ask::of(Subscribe).line("Expires", expires);
        let answer = self.pbx.answer(&request, 200, Some(&watch.line), &more);
        answer.await?;
        self.alice.expect(Want::Answer(200, Subscribe)).await?;
        Ok(())
    }

    async fn notify(&mut self, watch: &mut Watch, state: &str, line: &str) -> Result<(), String> {
        let document = body::dialog_info(watch.version, line);
        watch.version = watch.version.saturating_add(1);
        let ask = Ask::of(Notify)
            .line("Event", "dialog")
            .line("Subscription-State", state)
            .body(body::DIALOG_INFO, document);
        self.pbx.ask(&mut watch.line, &ask).await?;
        let request = self.alice.expect(Want::Request(Notify)).await?;
        let nothing = Ask::of(Notify);
        self.alice.answer(&request, 200, None, &nothing).await?;
        self.pbx.expect(Want::Answer(200, Notify)).await?;
        Ok(())
    }

    async fn call(&mut self) -> Result<(Dialog, Dialog), String> {
        let to = ua::address("bob", DOMAIN);
        let mut caller = self.alice.ua().begin(to.clone(), to);
        let offer = body::sdp(self.alice.ua().local());
        let ask = Ask::of(Invite).body(body::SDP, offer);
        self.alice.ask_and_prove(&mut caller, &ask, 407).await?;
        self.alice.expect(Want::Answer(100, Invite)).await?;

        let invite = self.bob.expect(Want::Request(Invite)).await?;
        let callee = self.bob.ua().accept(invite.message());
        let callee = callee.map_err(|fault| format!("bob cannot accept: {fault}"))?;
        let ringing = Ask::of(Invite);
        let answer = self.bob.answer(&invite, 180, Some(&callee), &ringing);
        answer.await?;
        self.alice.expect(Want::Answer(180, Invite)).await?;
        let answer = body::sdp(self.bob.ua().local());
        let picked_up = Ask::of(Invite).body(body::SDP, answer);
        let answer = self.bob.answer(&invite, 200, Some(&callee), &picked_up);
        answer.await?;
        let accepted = self.alice.expect(Want::Answer(200, Invite)).await?;
        caller
            .confirm(accepted.message())
            .map_err(|fault| format!("alice got no call: {fault}"))?;
        self.alice.ack(&caller).await?;
        self.bob.expect(Want::Request(Ack)).await?;
        Ok((caller, callee))
    }

    async fn hang_up(&mut self, caller: &mut Dialog, callee: &mut Dialog) -> Result<(), String> {
        self.bob.ask(callee, &Ask::of(Bye)).await?;
        let bye = self.alice.expect(Want::Request(Bye)).await?;
        let nothing = Ask::of(Bye);
        self.alice.answer(&bye, 200, Some(caller), &nothing).await?;
        self.bob.expect(Want::Answer(200, Bye)).await?;
        Ok(())
    }

    fn scene(&self, title: &str) {
        self.trace.scene(title);
    }
}

async fn register(phone: &mut Peer, user: &str) -> Result<(), String> {
    let aor = ua::address(user, DOMAIN);
    let mut dialog = phone.ua().begin(aor, ua::host(DOMAIN));
    let ask = Ask::of(Register).line("Expires", "3600");
    phone.ask_and_prove(&mut dialog, &ask, 401).await?;
    phone.expect(Want::Answer(200, Register)).await?;
    Ok(())
}

fn subscription(expires: &str) -> Ask {
    Ask::of(Subscribe)
        .line("Event", "dialog")
        .line("Accept", body::DIALOG_INFO)
        .line("Expires", expires)
}

async fn step<T>(name: &str, play: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    play.await.map_err(|why| format!("{name} failed: {why}"))
}

/// The domain that everybody belongs to (RFC 2606: never a real one).
pub(super) const DOMAIN: &str = "bellhop.test";
