//! A REGISTER that waits while a later one of the same phone takes its contact back (RFC 3261 10.3 step 7).

use super::{
    RegistrarConfig,
    contact::{Contact, Request},
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
    match (Request::read(later, config), Request::read(earlier, config)) {
        (Ok(Request::Wildcard), _) => true,
        (Ok(Request::Contacts(later)), Ok(Request::Contacts(earlier))) => {
            let goes = |contact: &&Contact<'_>| contact.lifetime.is_none();
            let mut gone = later.iter().filter(goes);
            gone.any(|gone| earlier.iter().any(|contact| contact.is_same(gone)))
        }
        _ => false,
    }
}
