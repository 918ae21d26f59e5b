//! Durations, sizes and rates as a file writes them: `500us`, `64KiB`, `10/s`.

use std::time::Duration;

/// A number of events over time, as `log_rate: 10/s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Events a second; at least 1.
    pub per_second: u32,
}

const DURATIONS: [(&str, f64); 7] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
];

const SIZES: [(&str, u64); 4] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Over how many seconds.
const RATES: [(&str, f64); 3] = [("/s", 1.0), ("/min", 60.0), ("/h", 3600.0)];

/// `500us`, `2ms`, `1.5s`, `1min`: positive.
pub fn duration(text: &str) -> Result<Duration, String> {
    const HINT: &str = "write a number and a unit, for example 500us, 2ms or 1s";
    let (number, unit) = split(text);
    let number: f64 = number.parse().map_err(|_| HINT)?;
    let (_, seconds) = find(&DURATIONS, unit).ok_or(HINT)?;
    seconds_to_duration(number * seconds)
}

/// A positive duration of so many seconds.
pub(super) fn seconds_to_duration(seconds: f64) -> Result<Duration, String> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("write a duration above zero".to_owned()),
    }
}

/// `64KiB`, `1MiB`, `1.5GiB`: a whole number of bytes above zero.
pub fn size(text: &str) -> Result<u64, String> {
    const HINT: &str = "write a number and a unit, for example 64KiB or 1MiB";
    let (number, unit) = split(text);
    let Some((_, bytes)) = find(&SIZES, unit) else {
        return Err(match unit.to_ascii_lowercase().as_str() {
            "k" | "kb" | "kib" => format!("did you mean {number}KiB?"),
            "m" | "mb" | "mib" => format!("did you mean {number}MiB?"),
            "g" | "gb" | "gib" => format!("did you mean {number}GiB?"),
            _ => HINT.to_owned(),
        });
    };
    let total = match number.parse::<u64>() {
        Ok(count) => count.checked_mul(bytes),
        Err(_) => {
            let count: f64 = number.parse().map_err(|_| HINT)?;
            let total = count * bytes as f64;
            // Above 2^53 not every whole number is an f64; nobody writes fractions of such a size.
            (total.fract() == 0.0 && (0.0..9e15).contains(&total)).then_some(total as u64)
        }
    };
    total
        .filter(|&total| total > 0)
        .ok_or_else(|| "write a whole number of bytes above zero".to_owned())
}

/// `10/s`, `120/min`: a whole number of events a second above zero, since they are counted second by second.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    const HINT: &str = "write a number and a unit, for example 10/s or 120/min";
    let (number, unit) = split(text);
    let number: f64 = number.parse().map_err(|_| HINT)?;
    let (_, seconds) = find(&RATES, unit).ok_or(HINT)?;
    let per_second = number / seconds;
    if per_second.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&per_second) {
        Ok(Rate {
            per_second: per_second as u32,
        })
    } else {
        Err("write a whole number of messages a second, as 10/s".to_owned())
    }
}

/// The number in front and the unit behind it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

fn find<T: Copy>(table: &[(&'static str, T)], unit: &str) -> Option<(&'static str, T)> {
    table.iter().copied().find(|(name, _)| *name == unit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500us"), Ok(Duration::from_micros(500)));
        assert_eq!(duration("1.5 ms"), Ok(Duration::from_micros(1500)));
        assert_eq!(duration("1min"), Ok(Duration::from_secs(60)));
        for bad in [
            "",
            "5",
            "us",
            "0s",
            "-1s",
            "1e3s",
            "99999999999999999999999s",
            "1 fortnight",
            "1..2s",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_binary() {
        assert_eq!(size("64KiB"), Ok(65536));
        assert_eq!(size("1.5MiB"), Ok(1572864));
        assert_eq!(size("64KB"), Err("did you mean 64KiB?".to_owned()));
        for bad in [
            "",
            "5",
            "0B",
            "0.3B",
            "18446744073709551615GiB",
            "1e3B",
            "NaNB",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_are_per_time() {
        assert_eq!(rate("10/s").unwrap().per_second, 10);
        assert_eq!(rate("180/min").unwrap().per_second, 3);
        assert_eq!(rate("7200 /h").unwrap().per_second, 2);
        for bad in ["", "10", "-1/s", "10/fortnight"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
        for uneven in ["0/s", "1/h", "30/min", "2.5/s", "90/min", "4294967296/s"] {
            let help = rate(uneven).unwrap_err();
            assert!(help.contains("a whole number of messages"), "{uneven}");
        }
    }
}
