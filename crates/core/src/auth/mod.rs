//! Digest authentication (RFC 3261 22, RFC 7616, RFC 8760): challenges, their stateless nonces, the
//! check of credentials and the proof that it gives; and the other side, our answers to a PBX's challenges.
//!
//! **Invariant**: an [`Authenticated`] is made in one place, after a right digest over a nonce of ours
//! whose count had not been used, or over a token that has been read and found good.

mod algorithm;
mod authenticator;
mod bearer;
mod challenges;
mod claim;
pub mod client;
mod directory;
mod fingerprint;
mod nonce;
mod replay;
mod secret;
pub mod upstream;
mod user;

#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use authenticator::{Ask, AuthConfig, Authenticated, Authenticator, Outcome, Role};
pub use bearer::Bearer;
pub use directory::{Directory, Keeping};
pub use replay::ReplayGuard;
pub use secret::{Secret, Use};
pub(crate) use user::Mark;
pub use user::{DuplicateUser, Ha1, User, Users};
