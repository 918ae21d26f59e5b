//! The latency by percentile, as HdrHistogram's plots have it: each decade of rarer frames is as wide as the one before.

use std::fmt::Write as _;

use super::super::report::Report;
use super::svg;
use crate::report::text::{microseconds, rate};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 62.0;
/// Half of the last percentile's name.
const RIGHT: f64 = 42.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 34.0;

/// One line of the plot.
struct Series<'a> {
    name: String,
    class: &'static str,
    points: &'a [(f64, f64)],
}

/// Where values lie in the picture.
struct Axes {
    /// Decades of rarity: 2 is one frame in a hundred.
    decades: f64,
    /// The least and the largest latency as powers of ten.
    low: f64,
    high: f64,
}

/// The plot with its legend.
pub fn draw(report: &Report) -> String {
    let mut series = vec![Series {
        name: "one frame in flight".to_owned(),
        class: "one",
        points: &report.latency_curve,
    }];
    if let Some(at_rate) = &report.at_rate {
        series.push(Series {
            name: format!("at {}, from when each frame was due", rate(at_rate.rate_hz)),
            class: "rate",
            points: &at_rate.latency_curve,
        });
    }
    let Some(axes) = Axes::of(&series) else {
        return "<p>Nothing was measured.</p>\n".to_owned();
    };
    let mut html = "<ul class=\"legend\">\n".to_owned();
    for line in &series {
        // Writing to a string cannot fail.
        let _ = writeln!(
            html,
            "<li><svg width=\"18\" height=\"8\"><path class=\"{}\" d=\"M0 4H18\"/></svg>{}</li>",
            line.class,
            svg::escaped(&line.name)
        );
    }
    html.push_str("</ul>\n");
    html.push_str(&svg::open(
        WIDTH,
        HEIGHT,
        "Latency in microseconds by percentile",
    ));
    axes.draw(&mut html);
    for line in &series {
        line.draw(&axes, &mut html);
    }
    html + "</svg>\n"
}

/// How rare frames are that take longer: decades.
fn rarity(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-9).log10()
}

impl Axes {
    fn of(series: &[Series<'_>]) -> Option<Self> {
        let points = || series.iter().flat_map(|line| line.points);
        let values = || points().map(|(_, us)| us.max(0.01));
        let least = values().min_by(f64::total_cmp)?;
        let largest = values().max_by(f64::total_cmp)?;
        // The last point of a line is its maximum, which no percentile is.
        let rarest = points().filter(|(quantile, _)| *quantile < 1.0);
        let decades = rarest
            .map(|(quantile, _)| rarity(*quantile))
            .fold(2.0, f64::max);
        Some(Self {
            decades: decades.ceil(),
            low: below(least).log10(),
            high: above(largest).log10(),
        })
    }

    fn x(&self, quantile: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * rarity(quantile).min(self.decades) / self.decades
    }

    fn y(&self, us: f64) -> f64 {
        let share = (us.max(0.01).log10() - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    }

    fn draw(&self, html: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let wide = self.high - self.low > 2.5;
        for us in ticks(self.low, self.high).filter(|us| !wide || us.log10().fract().abs() < 1e-6) {
            let y = self.y(us);
            let _ = writeln!(
                html,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/><text class=\"muted\" x=\"{:.0}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                time(us)
            );
        }
        for decade in 0..=self.decades as u32 {
            let quantile = 1.0 - 10f64.powi(-(decade as i32));
            let x = self.x(quantile);
            let name = match decade {
                0 => "0 %".to_owned(),
                1 => "90 %".to_owned(),
                decade => format!("{:.*} %", decade as usize - 2, quantile * 100.0),
            };
            let _ = writeln!(
                html,
                "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/><text class=\"muted\" x=\"{x:.1}\" y=\"{:.1}\" \
                 text-anchor=\"middle\">{name}</text>",
                bottom + 18.0
            );
        }
        let _ = writeln!(
            html,
            "<path class=\"axis\" d=\"M{LEFT} {bottom}H{right}\"/>"
        );
    }
}

impl Series<'_> {
    fn draw(&self, axes: &Axes, html: &mut String) {
        let mut path = String::new();
        for (index, (quantile, us)) in self.points.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", axes.x(*quantile), axes.y(*us));
        }
        let _ = writeln!(html, "<path class=\"{}\" d=\"{path}\"/>", self.class);
        for (quantile, name) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")] {
            let beyond = self.points.iter().find(|(at, _)| *at >= quantile);
            let Some((_, us)) = beyond.filter(|_| rarity(quantile) <= axes.decades) else {
                continue;
            };
            let _ = writeln!(
                html,
                "<circle class=\"dot-{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\"><title>{}: {name} {} µs</title></circle>",
                self.class,
                axes.x(quantile),
                axes.y(*us),
                svg::escaped(&self.name),
                microseconds(Some(*us))
            );
        }
    }
}

/// Microseconds in the unit that suits them.
fn time(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{} s", us / 1e6),
        us if us >= 1e3 => format!("{} ms", us / 1e3),
        us => format!("{us} µs"),
    }
}

/// 1, 2 and 5 times the powers of ten between two powers of ten.
fn ticks(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let decades = low.floor() as i32..=high.ceil() as i32;
    let all =
        decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|step| round(step * 10f64.powi(decade))));
    all.filter(move |tick| (low - 1e-9..=high + 1e-9).contains(&tick.log10()))
}

/// Without the last digits, which powers of ten below 1 have.
fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The tick below or at a value.
fn below(value: f64) -> f64 {
    let at_most = |tick: &f64| *tick <= value;
    ticks(-3.0, 12.0).filter(at_most).last().unwrap_or(value)
}

/// The tick above a value.
fn above(value: f64) -> f64 {
    ticks(-3.0, 12.0)
        .find(|tick| *tick > value)
        .unwrap_or(value * 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decade_of_rarity_is_as_wide_as_the_one_before() {
        let axes = Axes {
            decades: 4.0,
            low: 0.0,
            high: 2.0,
        };
        let widths = [0.9, 0.99, 0.999].map(|quantile| axes.x(quantile));
        assert!((widths[1] - widths[0] - (widths[2] - widths[1])).abs() < 1e-6);
        assert!(
            (axes.x(1.0) - (WIDTH - RIGHT)).abs() < 1e-6,
            "the maximum is at the edge"
        );
        assert!(axes.y(1.0) > axes.y(10.0));
        assert_eq!((below(3.0), above(3.0), above(5.0)), (2.0, 5.0, 10.0));
        assert_eq!(
            ticks(-1.0, 1.0).collect::<Vec<_>>(),
            [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
        );
    }
}
