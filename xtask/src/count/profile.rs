//! Callgrind's profile of a case becomes its cost.

use std::collections::BTreeMap;

/// What one round of a case costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cost {
    pub(super) instructions: u64,
    /// To the hundredth: a table that grows now and then is part of every round.
    pub(super) allocations: f64,
}

impl Cost {
    /// Reads a profile of `rounds` rounds, by instruction and nothing in it compressed; `None` if nothing
    /// was counted.
    ///
    /// An allocation is an execution of the first instruction of an allocating function. The calls that
    /// callgrind tells would not do: it goes on counting those while counting is switched off.
    pub(super) fn read(profile: &str, rounds: u64) -> Option<Self> {
        let mut instructions = 0_u64;
        let mut entries = BTreeMap::<&str, (u64, u64)>::new();
        let mut function = "";
        let mut is_of_callee = false;
        for line in profile.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                function = name;
            } else if line.starts_with("calls=") {
                is_of_callee = true;
            } else if let Some(total) = line.strip_prefix("totals: ") {
                instructions = total.trim().parse().ok()?;
            } else if let Some(cost) = line.strip_prefix("0x")
                && !std::mem::take(&mut is_of_callee)
                && ALLOCATES.contains(&function)
            {
                let mut words = cost.split(' ');
                let address = u64::from_str_radix(words.next()?, 16).ok()?;
                let times = words.nth(1)?.parse::<u64>().ok()?;
                let entry = entries.entry(function).or_insert((address, 0));
                if address < entry.0 {
                    *entry = (address, 0);
                }
                if address == entry.0 {
                    entry.1 = entry.1.checked_add(times)?;
                }
            }
        }
        let allocations: u64 = entries.values().map(|(_, times)| times).sum();
        let hundredths = allocations.checked_mul(100)?.checked_div(rounds)?;
        Some(Self {
            instructions: instructions.checked_div(rounds).filter(|n| *n > 0)?,
            allocations: f64::from(u32::try_from(hundredths).ok()?) / 100.0,
        })
    }
}

/// What Rust's allocator asks libc with; `free` costs instructions but is no allocation.
const ALLOCATES: [&str; 5] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
];

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "events: Ir\nsummary: 1234\n\n\
        fn=bellhop_micro::counted\n0x49 7 100\ncfn=malloc\ncalls=290 0x10 0\n0x4a 8 1000\n\n\
        fn=malloc\n0x12 0 250\n0x10 0 150\n0x14 0 9\ncfn=inner\ncalls=1 0x8 0\n0x0e 0 77\n\n\
        fn=free\n0x30 0 250\n\nfn=realloc\n0x20 0 3\n\nfn=malloc\n0x10 0 100\n\ntotals: 1234\n";

    #[test]
    fn instructions_and_entries_of_the_allocator_are_counted_by_the_round() {
        let expected = Cost {
            instructions: 12,
            allocations: 2.53,
        };
        assert_eq!(Cost::read(PROFILE, 100), Some(expected));
    }

    #[test]
    fn a_profile_in_which_nothing_was_counted_is_none() {
        assert_eq!(Cost::read("events: Ir\ntotals: 0\n", 100), None);
        assert_eq!(Cost::read("", 100), None);
    }
}
