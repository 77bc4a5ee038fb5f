//! The paths, and what stands at each.

use super::{
    answer::{self, Answer, error, json},
    bindings, metrics, plugins, query,
    state::{Order, Phase, Refused, Running, State},
    status, subscriptions, upstreams,
};
use crate::config::Refusal;
use crate::upstreams::NotThere;
use hyper::{
    Method, StatusCode,
    header::{ALLOW, HeaderValue},
    http::request::Parts,
};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Live,
    Ready,
    Metrics,
    Status,
    Bindings,
    Upstreams,
    Resync,
    Subscriptions,
    Reload,
    Plugins,
    ReloadPlugins,
    /// Of the plugin of this name.
    Differences(String),
}

/// Answers a request that was let in.
pub(super) async fn answer(state: &State, head: &Parts) -> Answer {
    let path = head.uri.path();
    let Some(place) = Place::of(path) else {
        return error(
            StatusCode::NOT_FOUND,
            "nothing is here; there are GET /live /ready /status /metrics /bindings /subscriptions \
             /upstreams /plugins /plugins/NAME/differences, POST /reload /plugins/reload \
             /upstreams/resync",
        );
    };
    let allowed = place.method();
    // Hyper takes the body off what answers HEAD.
    let asked = match head.method {
        Method::HEAD => &Method::GET,
        ref method => method,
    };
    if asked != allowed {
        let mut refusal = error(
            StatusCode::METHOD_NOT_ALLOWED,
            &format!("{path} is for {allowed}"),
        );
        if let Ok(allowed) = HeaderValue::from_str(allowed.as_str()) {
            refusal.headers_mut().insert(ALLOW, allowed);
        }
        return refusal;
    }
    match place {
        Place::Live => json(StatusCode::OK, &json!({ "live": true })),
        Place::Ready => ready(state).await,
        Place::Metrics => {
            let text = metrics::render(state, PATIENCE).await;
            answer::whole(StatusCode::OK, metrics::CONTENT_TYPE, text.into())
        }
        Place::Status => json(StatusCode::OK, &status::of(state, PATIENCE).await),
        Place::Bindings => found(state, head.uri.query()),
        Place::Upstreams => match state.running() {
            Some(running) => json(StatusCode::OK, &upstreams::all(running)),
            None => error(StatusCode::SERVICE_UNAVAILABLE, state.phase().name()),
        },
        Place::Resync => match state.running() {
            Some(running) => resync(running, head.uri.query()),
            None => error(StatusCode::SERVICE_UNAVAILABLE, state.phase().name()),
        },
        Place::Subscriptions => match state.running() {
            Some(running) => {
                let event = query::value(head.uri.query(), "event");
                json(
                    StatusCode::OK,
                    &subscriptions::list(running, event.as_deref()),
                )
            }
            None => error(StatusCode::SERVICE_UNAVAILABLE, state.phase().name()),
        },
        Place::Reload => reload(state).await,
        Place::Plugins => plugins::list(state),
        Place::ReloadPlugins => reload_plugins(state, head.uri.query()).await,
        Place::Differences(name) => plugins::differences(state, &name),
    }
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/live" => Self::Live,
            "/ready" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/status" => Self::Status,
            "/bindings" => Self::Bindings,
            "/subscriptions" => Self::Subscriptions,
            "/upstreams" => Self::Upstreams,
            "/upstreams/resync" => Self::Resync,
            "/reload" => Self::Reload,
            "/plugins" => Self::Plugins,
            "/plugins/reload" => Self::ReloadPlugins,
            path => {
                let name = path
                    .strip_prefix("/plugins/")?
                    .strip_suffix("/differences")?;
                Self::Differences(query::decode(name)?)
            }
        })
    }

    const fn method(&self) -> &'static Method {
        match self {
            Self::Reload | Self::ReloadPlugins | Self::Resync => &Method::POST,
            _ => &Method::GET,
        }
    }
}

/// 200 if every listener is served and every worker answers.
async fn ready(state: &State) -> Answer {
    let no = |why: &str| {
        let value = json!({ "ready": false, "error": why });
        json(StatusCode::SERVICE_UNAVAILABLE, &value)
    };
    let (Phase::Serving, Some(running)) = (state.phase(), state.running()) else {
        return no(state.phase().name());
    };
    let workers = running.pulse.take(PATIENCE).await;
    let stuck = workers
        .iter()
        .zip(0_usize..)
        .filter(|(live, _)| live.is_none());
    let stuck: Vec<String> = stuck.map(|(_, worker)| worker.to_string()).collect();
    match stuck.is_empty() {
        true => json(StatusCode::OK, &json!({ "ready": true })),
        false => no(&format!("workers that do not answer: {}", stuck.join(", "))),
    }
}

fn found(state: &State, query: Option<&str>) -> Answer {
    let Some(running) = state.running() else {
        return error(StatusCode::SERVICE_UNAVAILABLE, state.phase().name());
    };
    let has_aor = query.is_some_and(|query| query.split('&').any(|pair| pair.starts_with("aor=")));
    match query::value(query, "aor") {
        Some(aor) => match bindings::of(running, &aor) {
            Some(list) => json(StatusCode::OK, &list),
            None => error(StatusCode::BAD_REQUEST, NO_AOR),
        },
        None if has_aor => error(StatusCode::BAD_REQUEST, NO_AOR),
        None => json(StatusCode::OK, &bindings::all(running)),
    }
}

/// Has all registrations and subscriptions of ours at an upstream made anew, at the configured pace.
fn resync(running: &Running, query: Option<&str>) -> Answer {
    let name = query::value(query, "name");
    if name.is_none() && query.is_some_and(|query| !query.is_empty()) {
        // Somebody meant one upstream.
        let text = "no name in the query; as in name=pbx";
        return error(StatusCode::BAD_REQUEST, text);
    }
    let at_targets = running.subscriptions.at_targets();
    let relayed: usize = at_targets.iter().map(|(_, count)| count).sum();
    match running
        .upstreams
        .registered_at(name.as_deref(), relayed > 0)
    {
        Ok((upstream, [rate, subscription_rate])) => {
            running.leases.next_epoch();
            running.answers.back();
            let value = json!({
                "upstream": upstream, "leases": running.leases.counts().leases,
                "subscriptions": running.subscriptions.tally().shared, "rate": rate,
                "relayed": relayed, "subscription_rate": subscription_rate,
            });
            json(StatusCode::ACCEPTED, &value)
        }
        Err(NotThere::Unknown) => error(StatusCode::NOT_FOUND, "no upstream has this name"),
        Err(NotThere::Nothing) => error(
            StatusCode::CONFLICT,
            "nothing of ours is registered or subscribed to there, and nothing is relayed: registrar.mode is mirror, contact \
             or aor, or subscriptions.share says what is shared, where something is, and it is so at route.default",
        ),
    }
}

async fn reload(state: &State) -> Answer {
    match state.order(Order::Reload).await {
        Some(Ok(done)) => json(
            StatusCode::OK,
            &json!({ "reloaded": true, "left_out": done.left_out }),
        ),
        Some(Err(refused)) => refusal(&refused),
        None => error(StatusCode::SERVICE_UNAVAILABLE, state.phase().name()),
    }
}

async fn reload_plugins(state: &State, query: Option<&str>) -> Answer {
    match (query, query::value(query, "name")) {
        (None | Some(""), _) => plugins::reload(state, None).await,
        (Some(_), Some(name)) => plugins::reload(state, Some(name)).await,
        // Somebody meant one plugin: all of them would be a surprise.
        (Some(_), None) => error(
            StatusCode::BAD_REQUEST,
            "no name in the query; as in name=block-list",
        ),
    }
}

fn refusal(refused: &Refused) -> Answer {
    #[derive(Serialize)]
    struct Said<'a> {
        error: &'static str,
        #[serde(flatten)]
        problems: Refusal<'a>,
    }
    match refused {
        Refused::NoFile => error(
            StatusCode::CONFLICT,
            "there is no file to read again: this is the embedded default",
        ),
        Refused::Part(why) => error(StatusCode::UNPROCESSABLE_ENTITY, why),
        Refused::Wrong(problems) => {
            let said = Said {
                error: "reload refused; the configuration in use stays",
                problems: problems.describe(),
            };
            json(StatusCode::UNPROCESSABLE_ENTITY, &said)
        }
    }
}

const NO_AOR: &str = "aor is no address-of-record; as in aor=sip:6001@example.org";
/// How long a worker may take to answer before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(2);
