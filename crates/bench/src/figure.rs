//! A measured figure: its values, the bound beside it, a line of the table, a line of JSON.

use serde_json::{Value, json};
use std::time::Duration;

/// One measured figure.
pub(crate) struct Figure {
    /// What was measured, such as `kill: mail accepted`.
    pub(crate) name: String,
    /// Unit of the values.
    pub(crate) unit: &'static str,
    /// The values, ascending.
    values: Vec<f64>,
    bounds: Vec<Bound>,
    /// What a reader must know beside the numbers.
    pub(crate) note: String,
}

/// What of the values is bounded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stat {
    Median,
    P99,
    Max,
}

/// What a statistic must keep to.
#[derive(Clone, Copy, Debug)]
struct Bound {
    of: Stat,
    limit: f64,
    /// It is a floor, not a ceiling.
    floor: bool,
}

impl Stat {
    fn word(self) -> &'static str {
        match self {
            Stat::Median => "p50",
            Stat::P99 => "p99",
            Stat::Max => "max",
        }
    }
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, mut values: Vec<f64>) -> Figure {
        values.sort_by(f64::total_cmp);
        Figure {
            name: name.into(),
            unit,
            values,
            bounds: Vec::new(),
            note: String::new(),
        }
    }

    /// A figure of durations, in milliseconds.
    pub(crate) fn of_times(name: impl Into<String>, times: &[Duration]) -> Figure {
        let values = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        Figure::new(name, "ms", values)
    }

    /// The same with a bound: this statistic is at most `limit`.
    pub(crate) fn at_most(mut self, stat: Stat, limit: f64) -> Figure {
        self.bounds.push(Bound {
            of: stat,
            limit,
            floor: false,
        });
        self
    }

    /// The same with a floor: this statistic is at least `limit`.
    pub(crate) fn at_least(mut self, stat: Stat, limit: f64) -> Figure {
        self.bounds.push(Bound {
            of: stat,
            limit,
            floor: true,
        });
        self
    }

    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Figure {
        self.note = note.into();
        self
    }

    /// Whether each bound is kept; without a value none is.
    pub(crate) fn passes(&self) -> bool {
        self.bounds.iter().all(|bound| self.keeps(bound))
    }

    /// Whether it has a value at all.
    pub(crate) fn is_measured(&self) -> bool {
        !self.values.is_empty()
    }

    fn keeps(&self, bound: &Bound) -> bool {
        self.at(bound.of).is_some_and(|value| match bound.floor {
            true => value >= bound.limit,
            false => value <= bound.limit,
        })
    }

    /// One of its statistics; not a number when nothing was measured.
    pub(crate) fn value(&self, stat: Stat) -> f64 {
        self.at(stat).unwrap_or(f64::NAN)
    }

    fn at(&self, stat: Stat) -> Option<f64> {
        match stat {
            Stat::Median => self.quantile(0.5),
            Stat::P99 => self.quantile(0.99),
            Stat::Max => self.quantile(1.0),
        }
    }

    /// The nearest rank: a value that was measured, never one between two.
    fn quantile(&self, part: f64) -> Option<f64> {
        let rank = (self.values.len() as f64 * part).ceil() as usize;
        self.values.get(rank.saturating_sub(1)).copied()
    }

    /// The line of the table.
    pub(crate) fn row(&self) -> String {
        let show = |value: Option<f64>| value.map_or("-".into(), short);
        let bounds: Vec<String> = self
            .bounds
            .iter()
            .map(|bound| {
                let sign = if bound.floor { ">=" } else { "<=" };
                format!("{} {sign} {}", bound.of.word(), short(bound.limit))
            })
            .collect();
        let verdict = match (self.bounds.is_empty(), self.passes()) {
            (true, _) => "",
            (false, true) => "PASS",
            (false, false) => "MISS",
        };
        let row = format!(
            "{:<46} {:>4} {:>6} {:>9} {:>9} {:>9} {:>9}  {:<24} {verdict}",
            self.name,
            self.unit,
            self.values.len(),
            show(self.values.first().copied()),
            show(self.at(Stat::Median)),
            show(self.at(Stat::P99)),
            show(self.at(Stat::Max)),
            bounds.join(", "),
        );
        let mut row = row.trim_end().to_owned();
        if !self.note.is_empty() {
            row.push_str(&format!("\n    {}", self.note));
        }
        row
    }

    /// The line of JSON.
    pub(crate) fn json(&self) -> Value {
        let bounds: Vec<Value> = self
            .bounds
            .iter()
            .map(|bound| {
                let way = if bound.floor { "at_least" } else { "at_most" };
                json!({"of": bound.of.word(), way: bound.limit, "kept": self.keeps(bound)})
            })
            .collect();
        json!({
            "figure": self.name, "unit": self.unit, "runs": self.values.len(),
            "min": self.values.first(), "median": self.at(Stat::Median),
            "p99": self.at(Stat::P99), "max": self.at(Stat::Max),
            "bounds": bounds, "pass": self.passes(), "note": self.note,
        })
    }
}

/// The heads of the table's columns.
pub(crate) fn heads() -> String {
    format!(
        "{:<46} {:>4} {:>6} {:>9} {:>9} {:>9} {:>9}  bound",
        "figure", "unit", "runs", "min", "median", "p99", "max"
    )
}

fn short(value: f64) -> String {
    match value {
        value if value.fract() == 0.0 => format!("{value:.0}"),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_measured_values_by_nearest_rank() {
        let figure = Figure::new("x", "ms", (1..=200).rev().map(f64::from).collect());
        assert_eq!(figure.at(Stat::Median), Some(100.0));
        assert_eq!(figure.at(Stat::P99), Some(198.0));
        assert_eq!(figure.at(Stat::Max), Some(200.0));
        let few = Figure::new("x", "ms", vec![2.0, 1.0]);
        assert_eq!(few.at(Stat::P99), Some(2.0));
    }

    #[test]
    fn a_bound_is_kept_at_its_limit_and_never_without_values() {
        let of = |values| Figure::new("x", "ms", values).at_most(Stat::P99, 300.0);
        assert!(of(vec![300.0]).passes());
        assert!(!of(vec![300.1]).passes());
        assert!(!of(Vec::new()).passes());
        assert!(of(vec![300.1]).row().ends_with("MISS"));
        let floor = |value| Figure::new("x", "times", vec![value]).at_least(Stat::Median, 5.0);
        assert!(floor(5.0).row().ends_with("PASS"));
        assert!(!floor(4.9).passes());
        assert!(floor(4.9).row().contains("p50 >= 5"));
    }
}
