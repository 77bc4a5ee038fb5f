//! The contract's types and traits, made from `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    with: { "sip:policy/messages.message": crate::guest::AtHand },
});
