-- Received - scheduled, of requests with outcome ok. Percentiles are exact: the smallest value that at least that share does not exceed.
with quantiles as (
  select run, quantile_disc(latency_ns, [0.5, 0.99, 0.999, 1.0]) as q, count(*) as samples
  from measured where outcome = 'ok'
  group by run
)
select run, unnest(['latency_p50', 'latency_p99', 'latency_p999', 'latency_max']) as metric,
  unnest(q)::DOUBLE as value, samples
from quantiles
order by run, metric
