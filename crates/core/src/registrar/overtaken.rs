//! A REGISTER that waits while a later one of the same phone takes its contact back (RFC 3261 10.3 step 7).

use super::{
    RegistrarConfig,
    contact::{Contact, Contacts, Request},
};
use bellhop_wire::Message;

/// Whether `later` takes back what `earlier`, for the same AoR, would bind: it has the same Call-ID and a higher
/// CSeq, as step 7 has it, and no binding is there yet by which that could be told.
pub(crate) fn overtakes(
    later: Message<'_>,
    earlier: Message<'_>,
    config: &RegistrarConfig,
) -> bool {
    let number = |message: Message<'_>| message.cseq().ok().map(|(number, _)| number);
    if later.call_id() != earlier.call_id() || number(later) <= number(earlier) {
        return false;
    }
    let (mut taken, mut bound) = (Contacts::new(), Contacts::new());
    let later = Request::read(later, config, &mut taken);
    let earlier = Request::read(earlier, config, &mut bound);
    match (later, earlier) {
        (Ok(Request::Wildcard), _) => true,
        (Ok(Request::Contacts), Ok(Request::Contacts)) => {
            let goes = |contact: &&Contact<'_>| contact.lifetime.is_none();
            let mut gone = taken.iter().filter(goes);
            gone.any(|gone| bound.iter().any(|contact| contact.is_same(gone)))
        }
        _ => false,
    }
}
