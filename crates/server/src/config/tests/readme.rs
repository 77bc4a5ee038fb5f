//! What the README tells users to write.

use super::pretend;

#[test]
fn the_readmes_configuration_is_accepted() {
    let readme = include_str!("../../../../../README.md");
    let block = readme.split("```toml\n").nth(1).unwrap();
    let config = block.split("```").next().unwrap();
    let machine = pretend().file("/etc/bellhop/users.toml", "");
    let settings = machine.accepts(config);
    assert_eq!(settings.listeners.len(), 4);
    assert_eq!(settings.default_upstream, Some(0));
    let probe = settings.upstreams[0].probe;
    assert_eq!(probe, Some(std::time::Duration::from_secs(10)));
}
