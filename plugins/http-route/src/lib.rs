//! Asks a web service where a call goes, and remembers what it said.

mod answer;
mod cache;

use bellhop_plugin::{http, json, log, prelude::*, template};

use answer::Answer;
use cache::Cached;

/// The service and what to do without it. README.md has the keys.
pub struct HttpRoute {
    url: String,
    /// POST a JSON object instead of a GET.
    post: bool,
    headers: Vec<(String, String)>,
    timeout_ms: u32,
    cache_s: u32,
    stale_s: u32,
    methods: Vec<String>,
    /// The status if the service does not answer; none: the next plugin decides.
    on_error: Option<u16>,
}

impl Plugin for HttpRoute {
    const HOOKS: &'static [Hook] = &[Hook::OnRequest];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        config.only(&[
            "url",
            "post",
            "headers",
            "timeout_ms",
            "cache_s",
            "stale_s",
            "methods",
            "on_error",
        ])?;
        let url: String = config.need("url")?;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(config.error("url: expected http:// or https://"));
        }
        let on_error = config.get("on_error")?;
        if on_error.is_some_and(|status| !(300..700).contains(&status)) {
            return Err(config.error("on_error: expected 300 to 699"));
        }
        Ok(Self {
            url,
            post: config.or("post", false)?,
            headers: config
                .get("headers")?
                .map(|answer::Texts(list)| list)
                .unwrap_or_default(),
            timeout_ms: config.or("timeout_ms", 1000)?,
            cache_s: config.or("cache_s", 30)?,
            stale_s: config.or("stale_s", 600)?,
            methods: config.or("methods", vec!["INVITE".to_owned()])?,
            on_error,
        })
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        let summary = msg.summary();
        if summary.in_dialog || !self.methods.contains(&summary.method) {
            return Verdict::Continue;
        }
        let question = self.question(msg, &summary);
        let key = cache::key(&question);
        let cached = key.as_deref().and_then(Cached::read);
        let verdict = match &cached {
            Some(cached) if cached.is_fresh() => return self.verdict(&cached.body),
            _ => self.ask(&question),
        };
        match (verdict, cached) {
            (Ok((body, answer)), _) => {
                let fresh_s = answer.cache_s.unwrap_or(self.cache_s);
                if let Some(key) = key.filter(|_| fresh_s > 0) {
                    cache::write(&key, &body, fresh_s, self.stale_s);
                }
                answer.verdict
            }
            // An old answer is better than none.
            (Err(why), Some(cached)) => {
                log::warn(&format!("{why}: an old answer is used"));
                self.verdict(&cached.body)
            }
            (Err(why), None) => {
                log::error(&why);
                self.without()
            }
        }
    }
}

impl HttpRoute {
    fn ask(&self, question: &http::Request) -> Result<(String, Answer), String> {
        let response = question
            .fetch()
            .map_err(|error| format!("{}: {error:?}", question.url))?;
        if response.status != 200 {
            return Err(format!("{}: status {}", question.url, response.status));
        }
        let text = response.text().ok_or("the answer is no text")?;
        let answer = Answer::read(text)?;
        Ok((text.to_owned(), answer))
    }

    fn verdict(&self, body: &str) -> Verdict {
        match Answer::read(body) {
            Ok(answer) => answer.verdict,
            Err(_) => self.without(),
        }
    }

    fn without(&self) -> Verdict {
        self.on_error
            .map_or(Verdict::Continue, |status| Reply::new(status).into())
    }

    fn question(&self, msg: &Message, summary: &Summary) -> http::Request {
        let source = msg.source();
        let value = |name: &str| template::of_message(name, &source, summary);
        let url = template::fill(&self.url, |name| {
            value(name).map(|text| http::encoded(&text))
        });
        let mut request = http::Request::to(url).timeout_ms(self.timeout_ms);
        if self.post {
            let names = [
                "method", "ruri", "from", "to", "user", "address", "zone", "call-id",
            ];
            let members = names.map(|name| {
                let text = value(name).unwrap_or_default();
                format!("{}:{}", json::quoted(name), json::quoted(&text))
            });
            request = request.post("application/json", format!("{{{}}}", members.join(",")));
        }
        for (name, text) in &self.headers {
            request = request.header(name.as_str(), text.as_str());
        }
        request
    }
}

bellhop_plugin::export!(HttpRoute);

#[cfg(test)]
mod tests;
