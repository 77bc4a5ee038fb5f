//! What a hundred thousand bindings cost: memory, a look-up, a write of all, a start. `cargo run --release -p
//! bellhop-store --example figures`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    reason = "a tool that measures: it speaks on standard output and may fail loudly"
)]

use bellhop_core::{
    flow::{Flow, ListenerId, Transport},
    registrar::{Aor, Bindings, Location, Record},
    time::{Instant, Now},
};
use bellhop_store::{Begun, File, Kept, Key, Names, Source as _, begin};
use std::{fs, hint::black_box, sync::Arc, time::Duration};

fn main() {
    let before = resident();
    let (location, kept) = site();
    let aors: Vec<Aor> = (0..MANY).map(aor).collect();
    let with_names = resident();
    for (n, aor) in aors.iter().enumerate() {
        bind(&location, n, aor);
    }
    let bytes = resident() - with_names;
    let names = (with_names - before) as f64 / MANY as f64;
    println!(
        "memory     {:.0} bytes a binding ({MANY} bindings, one each; the texts of their AoRs, {names:.0} bytes, beside)",
        bytes as f64 / MANY as f64
    );
    let mut found = Bindings::new();
    let start = std::time::Instant::now();
    for n in 0..LOOKUPS {
        let at = n * 7919 % MANY;
        location.lookup(now().instant, aors.get(at).unwrap(), &mut found);
        assert_eq!(black_box(&found).len(), 1);
    }
    let took = start.elapsed().as_nanos() as f64 / LOOKUPS as f64;
    println!("look-up    {took:.0} ns, of one AoR after another in no order");

    let dir = std::env::temp_dir().join(format!("bellhop-figures-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("state.redb");
    let file = File::open(&path).unwrap();
    let start = std::time::Instant::now();
    let mut value = Vec::new();
    let values: Vec<(Key, Vec<u8>)> = kept
        .keys()
        .into_iter()
        .map(|key| {
            assert!(kept.record(&key, &mut value));
            (key, value.clone())
        })
        .collect();
    file.write(
        values
            .iter()
            .map(|(key, value)| (key, Some(value.as_slice()))),
    )
    .unwrap();
    println!(
        "write      {:.0?}, all of them in one group",
        start.elapsed()
    );
    // As a crash leaves it: it is repaired, and every page checked.
    let copy = dir.join("copy.redb");
    fs::copy(&path, &copy).unwrap();
    drop(file);
    let size = fs::metadata(&copy).unwrap().len();
    println!(
        "file       {:.1} MB, {} bytes a binding",
        size as f64 / 1e6,
        size / MANY as u64
    );
    drop((location, kept, values));
    let (location, kept) = site();
    let start = std::time::Instant::now();
    let Begun { loaded, .. } = begin(&copy, &kept, UNIX).unwrap();
    println!(
        "start      {:.0?}, {} bindings put back",
        start.elapsed(),
        loaded.bindings
    );
    assert_eq!(location.len(), MANY);
    fs::remove_dir_all(&dir).unwrap();
}

fn site() -> (Arc<Location>, Kept) {
    let location = Arc::new(Location::new(1_000_000, [1, 2, 3, 4]));
    let names = Names::new([("phones".to_owned(), Transport::Udp)]);
    let kept = Kept::new(Arc::clone(&location), names, now);
    (location, kept)
}

fn aor(n: usize) -> Aor {
    Aor::parse_text(&format!("sip:{}@pbx.example.org", 100_000 + n)).unwrap()
}

/// What a usual phone says: a contact with a line, an instance, a Call-ID of 32 letters.
fn bind(location: &Location, n: usize, aor: &Aor) {
    let ip = [10, (n >> 16) as u8, (n >> 8) as u8, n as u8];
    let contact = format!(
        "sip:{}@10.{}.{}.{}:5060;ob",
        100_000 + n,
        n >> 16,
        n >> 8 & 255,
        n & 255
    );
    let instance = format!("<urn:uuid:00000000-0000-1000-8000-{n:012x}>");
    let params = format!(";+sip.instance=\"{instance}\";reg-id=1");
    let call_id = format!("{n:032x}");
    let record = Record {
        contact: contact.as_bytes(),
        params: params.as_bytes(),
        call_id: call_id.as_bytes(),
        path: b"",
        instance: Some(instance.as_bytes()),
        reg_id: Some(1),
        q: 1000,
        cseq: 1,
        expires: UNIX + Duration::from_secs(3600),
        updated: UNIX,
        flow: Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            remote: (ip, 5060).into(),
            connection: None,
        },
    };
    assert_eq!(location.restore(now(), aor, &[record]), Some(1));
}

fn now() -> Now {
    Now {
        instant: Instant::from_micros(1_000_000),
        unix: UNIX,
    }
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

const UNIX: Duration = Duration::from_secs(1_800_000_000);
const MANY: usize = 100_000;
const LOOKUPS: usize = 2_000_000;
