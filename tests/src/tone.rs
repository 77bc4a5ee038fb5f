//! Loudness and pitch of a recording: did the tone come back?

use std::path::Path;

/// What the middle half of a recording holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// Root of the mean square of the 16-bit samples.
    pub rms: f64,
    /// Pitch by zero crossings.
    pub hertz: f64,
}

impl Tone {
    /// Measures a WAV file of 16-bit samples, its first channel.
    ///
    /// # Panics
    /// If the file cannot be read or is not such a file.
    pub fn of(path: &Path) -> Self {
        let (samples, rate) = read(path);
        Self::measure(&samples, rate)
    }

    /// As [`Tone::of`], of its last two seconds.
    ///
    /// # Panics
    /// As it does.
    pub fn at_end_of(path: &Path) -> Self {
        let (samples, rate) = read(path);
        let start = samples.len().saturating_sub(2 * rate);
        Self::measure(&samples[start..], rate)
    }

    /// Is it a tone of about `hertz`, and loud enough to be one?
    pub fn is(self, hertz: f64) -> bool {
        self.rms > 1000.0 && (self.hertz - hertz).abs() < hertz / 20.0
    }

    /// As [`Tone::is`], where some of it may have been lost: it is near to `hertz` among tones that are a third apart.
    pub fn is_near(self, hertz: f64) -> bool {
        self.rms > 1000.0 && (self.hertz - hertz).abs() < hertz / 6.0
    }

    #[allow(clippy::cast_precision_loss, reason = "a recording has few samples")]
    fn measure(samples: &[f64], rate: usize) -> Self {
        let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
        assert!(
            middle.len() > rate / 4,
            "only {} samples recorded",
            samples.len()
        );
        let squares: f64 = middle.iter().map(|s| s * s).sum();
        let crossings = middle
            .windows(2)
            .filter(|w| (w[0] < 0.0) != (w[1] < 0.0))
            .count();
        let seconds = middle.len() as f64 / rate as f64;
        Self {
            rms: (squares / middle.len() as f64).sqrt(),
            hertz: crossings as f64 / 2.0 / seconds,
        }
    }
}

/// The samples of a WAV file, and how many there are in a second.
fn read(path: &Path) -> (Vec<f64>, usize) {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (format, data) = chunks(&bytes);
    let number = |at: usize, len: usize| {
        format[at..at + len]
            .iter()
            .rev()
            .fold(0_usize, |n, byte| n << 8 | usize::from(*byte))
    };
    let (channels, rate, bits) = (number(2, 2), number(4, 4), number(14, 2));
    assert_eq!(bits, 16, "{}", path.display());
    let frames = data.chunks_exact(2 * channels);
    let samples: Vec<f64> = frames
        .map(|f| f64::from(i16::from_le_bytes([f[0], f[1]])))
        .collect();
    (samples, rate)
}

/// The format chunk and the samples of a RIFF file. The sizes that a recorder
/// left open (0) reach to the end of the file.
fn chunks(bytes: &[u8]) -> (&[u8], &[u8]) {
    assert!(bytes.starts_with(b"RIFF"), "not a WAV file");
    let (mut format, mut at) = (&bytes[..0], 12);
    while at + 8 <= bytes.len() {
        let size = u32::from_le_bytes([bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]]);
        let rest = &bytes[at + 8..];
        let size = usize::try_from(size).expect("a size").min(rest.len());
        match &bytes[at..at + 4] {
            b"fmt " => format = &rest[..size],
            b"data" => return (format, if size == 0 { rest } else { &rest[..size] }),
            _ => {}
        }
        at += 8 + size + size % 2;
    }
    panic!("no samples in the WAV file");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp::TempDir;

    #[test]
    fn a_tone_of_440_hertz_is_known_by_its_pitch_and_silence_is_none() {
        let sine = |n: u32| (f64::from(n) * 440.0 * std::f64::consts::TAU / 8000.0).sin() * 9000.0;
        let tone = Tone::measure(&(0..16000).map(sine).collect::<Vec<_>>(), 8000);
        assert!(tone.is(440.0) && !tone.is(480.0), "{tone:?}");
        assert!(!Tone::measure(&[0.0; 16000], 8000).is(440.0));
    }

    #[test]
    fn the_samples_of_a_stereo_file_are_found_behind_another_chunk() {
        let mut wav = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x02\0".to_vec();
        wav.extend(4000_u32.to_le_bytes());
        wav.extend([0, 0, 0, 0, 4, 0, 16, 0]);
        wav.extend(b"data");
        wav.extend(16000_u32.to_le_bytes());
        for n in 0..4000_i32 {
            let left: i16 = if n % 8 < 4 { 5000 } else { -5000 };
            wav.extend(left.to_le_bytes());
            wav.extend([0, 0]);
        }
        let dir = TempDir::new();
        let path = dir.path().join("a.wav");
        std::fs::write(&path, wav).unwrap();
        assert!(Tone::of(&path).is(500.0), "{:?}", Tone::of(&path));
    }
}
