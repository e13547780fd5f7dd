//! Collects samples by family and writes them in Prometheus' text format.

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::{Family, Kind};

/// The `Content-Type` of what [`Exposition::encode`] makes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The samples could not be written; the text says why. Cannot happen with the families of
/// [`names`](super::names).
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be encoded: {0}")]
pub struct EncodeError(#[from] prometheus::Error);

/// One scrape's samples.
#[derive(Debug, Default)]
pub struct Exposition {
    families: Vec<MetricFamily>,
}

impl Exposition {
    /// Begins a family; each may be begun once per exposition. One without samples is left out.
    pub fn family(&mut self, family: &Family) -> Samples<'_> {
        let mut written = MetricFamily::default();
        written.set_name(family.name.to_owned());
        written.set_help(family.help.to_owned());
        written.set_field_type(match family.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        let place = self.families.len();
        self.families.push(written);
        Samples {
            kind: family.kind,
            labels: family.labels,
            metrics: self.families[place].mut_metric(),
        }
    }

    /// The text, `HELP` and `TYPE` once per family.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the encoder refuses a family.
    pub fn encode(mut self) -> Result<String, EncodeError> {
        self.families.retain(|family| !family.get_metric().is_empty());
        Ok(TextEncoder::new().encode_to_string(&self.families)?)
    }
}

/// Takes the samples of one family.
#[derive(Debug)]
pub struct Samples<'a> {
    kind: Kind,
    labels: &'static [&'static str],
    metrics: &'a mut Vec<Metric>,
}

impl Samples<'_> {
    /// One counter's or gauge's value, under the labels' values in the family's order.
    pub fn add(&mut self, labels: &[&str], value: f64) {
        let mut metric = self.labelled(labels);
        match self.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Kind::Gauge => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
            Kind::Histogram => debug_assert!(false, "a histogram is given by `histogram`"),
        }
        self.metrics.push(metric);
    }

    /// One histogram: the buckets' upper bounds, the count in each (not cumulative; one more than
    /// there are bounds), and the sum of all values.
    pub fn histogram(&mut self, labels: &[&str], bounds: &[f64], counts: &[u64], sum: f64) {
        debug_assert_eq!(self.kind, Kind::Histogram);
        debug_assert_eq!(bounds.len() + 1, counts.len());
        let mut cumulative = 0;
        let buckets = bounds.iter().zip(counts).map(|(bound, count)| {
            cumulative += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(cumulative);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum);
        let mut metric = self.labelled(labels);
        metric.set_histogram(histogram);
        self.metrics.push(metric);
    }

    fn labelled(&self, values: &[&str]) -> Metric {
        debug_assert_eq!(self.labels.len(), values.len());
        let pairs = self.labels.iter().zip(values).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        Metric::from_label(pairs.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::names;

    #[test]
    fn the_text_is_as_prometheus_reads_it() {
        let mut exposition = Exposition::default();
        let mut reloads = exposition.family(&names::RELOADS);
        reloads.add(&["ok"], 3.0);
        reloads.add(&["a\"b\\c\nd"], 0.0);
        exposition.family(&names::READY).add(&[], 1.0);
        exposition.family(&names::ZONE_SHARE);
        exposition.family(&names::UPSTREAM_LATENCY).histogram(
            &["api"],
            &[0.0001, 0.25],
            &[1, 2, 4],
            1.5,
        );
        insta::assert_snapshot!(exposition.encode().unwrap(), @r#"
        # HELP pulsegate_reloads_total Configuration reloads, by result: ok or failed.
        # TYPE pulsegate_reloads_total counter
        pulsegate_reloads_total{result="ok"} 3
        pulsegate_reloads_total{result="a\"b\\c\nd"} 0
        # HELP pulsegate_ready 1 while the process should be sent traffic, 0 while it drains.
        # TYPE pulsegate_ready gauge
        pulsegate_ready 1
        # HELP pulsegate_upstream_latency_seconds From the request sent to a backend to its response head.
        # TYPE pulsegate_upstream_latency_seconds histogram
        pulsegate_upstream_latency_seconds_bucket{pool="api",le="0.0001"} 1
        pulsegate_upstream_latency_seconds_bucket{pool="api",le="0.25"} 3
        pulsegate_upstream_latency_seconds_bucket{pool="api",le="+Inf"} 7
        pulsegate_upstream_latency_seconds_sum{pool="api"} 1.5
        pulsegate_upstream_latency_seconds_count{pool="api"} 7
        "#);
    }
}
