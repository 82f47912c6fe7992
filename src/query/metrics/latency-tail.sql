-- The latency distribution of requests with outcome ok at shares given as decimals, for the chart with a tail axis.
select run, count(*)::DOUBLE as samples,
  quantile_disc(latency_ns, {{quantiles}})::DOUBLE[] as latencies_ns,
  max(latency_ns)::DOUBLE as max_ns
from measured where outcome = 'ok'
group by run
order by run
