# Thin names for what CONTRIBUTING.md tells in full.

# run with the embedded default
run:
    cargo run --release

# all tests, real peers among them
test *args:
    cargo xtask test {{args}}

# the rules of the house
tidy:
    cargo xtask tidy

# format, then what CI looks at before the tests
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo xtask tidy
    cargo deny --locked check bans licenses sources

# everything, as on a fresh machine
ci:
    bash .ci/run
