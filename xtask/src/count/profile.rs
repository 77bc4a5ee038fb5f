//! Callgrind's profile of a case becomes its cost.

/// What one round of a case costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cost {
    pub(super) instructions: u64,
    /// To the hundredth: a table that grows now and then is part of every round.
    pub(super) allocations: f64,
}

impl Cost {
    /// Reads a profile of `rounds` rounds, its names not compressed; `None` if nothing was counted.
    pub(super) fn read(profile: &str, rounds: u64) -> Option<Self> {
        let mut instructions = 0_u64;
        let mut allocations = 0_u64;
        let mut callee = "";
        for line in profile.lines() {
            if let Some(name) = line.strip_prefix("cfn=") {
                callee = name;
            } else if let Some(calls) = line.strip_prefix("calls=") {
                let times = calls.split(' ').next()?.parse().ok()?;
                if ALLOCATES.contains(&callee) {
                    allocations = allocations.checked_add(times)?;
                }
            } else if let Some(total) = line.strip_prefix("totals: ") {
                instructions = total.trim().parse().ok()?;
            }
        }
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
        fn=bellhop_micro::counted\n49 100\ncfn=malloc\ncalls=250 0 \n0 1000\n\
        cfn=free\ncalls=250 0 \n0 34\ncfn=realloc\ncalls=3 0\n0 100\n\ntotals: 1234\n";

    #[test]
    fn instructions_and_calls_of_the_allocator_are_counted_by_the_round() {
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
