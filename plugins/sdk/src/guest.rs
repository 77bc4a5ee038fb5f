//! What [`export!`](crate::export) expands to: the exports of the component, each handed to the
//! plugin's trait. Not for authors.

/// Makes a [`Plugin`](crate::Plugin) the plugin of this crate. Once in a crate of type `cdylib`.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::guest::Instance for Component {
                type Plugin = $plugin;
                const NAME: &'static str = ::core::env!("CARGO_PKG_NAME");
                const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");

                fn with<R>(run: impl FnOnce(&mut Option<$plugin>) -> R) -> R {
                    ::std::thread_local! {
                        static INSTANCE: ::core::cell::RefCell<Option<$plugin>> =
                            const { ::core::cell::RefCell::new(None) };
                    }
                    INSTANCE.with_borrow_mut(run)
                }
            }

    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}

#[cfg(target_arch = "wasm32")]
pub use wasm::Instance;

#[cfg(target_arch = "wasm32")]
mod wasm {
    use crate::{
        Config, DialogEvent, Failure, FailureVerdict, Message, Plugin, RegisterVerdict, Route,
        Verdict,
        bindings::exports::sip::policy::{hooks, lifecycle},
        json::Json,
        log,
    };

    /// The component's one instance of its plugin.
    pub trait Instance: 'static {
        /// Whose hooks are called.
        type Plugin: Plugin;
        /// The crate's name.
        const NAME: &'static str;
        /// The crate's version.
        const VERSION: &'static str;
        /// Lends the instance, if it has been started.
        fn with<R>(run: impl FnOnce(&mut Option<Self::Plugin>) -> R) -> R;
    }

    impl<T: Instance> lifecycle::Guest for T {
        fn describe() -> lifecycle::Info {
            lifecycle::Info {
                name: T::NAME.to_owned(),
                version: T::VERSION.to_owned(),
                hooks: T::Plugin::HOOKS.to_vec(),
                config_schema: T::Plugin::CONFIG_SCHEMA.map(str::to_owned),
            }
        }

        fn validate(config: String) -> Result<(), String> {
            configured::<T>(&config).map(drop)
        }

        fn start(config: String) -> Result<(), String> {
            // A panic ends in a trap, which tells the host nothing: the log does.
            std::panic::set_hook(Box::new(|info| {
                log::write(log::Level::Error, &info.to_string());
            }));
            let mut plugin = configured::<T>(&config)?;
            plugin.start()?;
            T::with(|slot| *slot = Some(plugin));
            Ok(())
        }
    }

    impl<T: Instance> hooks::Guest for T {
        fn on_register(msg: &Message) -> RegisterVerdict {
            run::<T, _>(|plugin| plugin.on_register(msg))
        }

        fn on_request(msg: &Message) -> Verdict {
            run::<T, _>(|plugin| plugin.on_request(msg))
        }

        fn on_route(msg: &Message) -> Option<Route> {
            run::<T, _>(|plugin| plugin.on_route(msg))
        }

        fn on_failure(msg: &Message, failure: Failure) -> FailureVerdict {
            run::<T, _>(|plugin| plugin.on_failure(msg, &failure))
        }

        fn on_response(response: &Message) {
            run::<T, _>(|plugin| plugin.on_response(response));
        }

        fn on_dialog(event: DialogEvent) {
            run::<T, _>(|plugin| plugin.on_dialog(&event));
        }

        fn on_timer() {
            run::<T, _>(|plugin| plugin.on_timer());
        }
    }

    fn configured<T: Instance>(config: &str) -> Result<T::Plugin, String> {
        let text = if config.trim().is_empty() {
            "{}"
        } else {
            config
        };
        let json = Json::parse(text).map_err(|error| error.to_string())?;
        T::Plugin::new(&Config::new(&json)).map_err(|error| error.to_string())
    }

    fn run<T: Instance, R>(hook: impl FnOnce(&mut T::Plugin) -> R) -> R {
        T::with(|slot| match slot {
            Some(plugin) => hook(plugin),
            // The host starts an instance before it calls a hook; one that does not gets a trap.
            None => std::arch::wasm32::unreachable(),
        })
    }
}
