//! How many calls there may be: whether there is room for one more (`room`), and who has how many (`tally`).

pub(super) mod room;
pub(super) mod tally;
