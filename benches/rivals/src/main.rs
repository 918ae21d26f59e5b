//! What others take, printed as JSON: `{"NAME": {"p50_ns": …, "p99_ns": …}}`.
//!
//! ```text
//! sandpipe-rivals iceoryx2                            half a round trip between two threads, busy poll, 64 bytes
//! sandpipe-rivals extism LIBRARY PLUGIN BYTES…        a call of the scale plugin on frames of so many bytes
//! ```

mod extism;
mod handoff;

use hdrhistogram::Histogram;

/// Room for a second, in nanoseconds.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("the bounds are constants")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let measured = match &arguments[..] {
        ["iceoryx2"] => vec![("iceoryx2".to_owned(), handoff::half_round_trips()?)],
        ["extism", library, plugin, sizes @ ..] => extism::calls(library, plugin, sizes)?,
        _ => return Err("say iceoryx2, or extism LIBRARY PLUGIN BYTES…".into()),
    };
    let lines: Vec<String> = measured
        .iter()
        .map(|(name, times)| {
            let [p50, p99] = [0.5, 0.99].map(|quantile| times.value_at_quantile(quantile));
            format!("\"{name}\": {{\"p50_ns\": {p50}, \"p99_ns\": {p99}}}")
        })
        .collect();
    println!("{{{}}}", lines.join(", "));
    Ok(())
}
