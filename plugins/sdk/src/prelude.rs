//! `use bellhop_plugin::prelude::*;`: what nearly every plugin names.

pub use crate::{
    Config, ConfigError, DialogEvent, DialogPhase, EditError, Failure, FailureVerdict, Hook,
    Message, Plugin, RegisterVerdict, Reply, Route, Summary, Target, Verdict,
};
