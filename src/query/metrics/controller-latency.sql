-- Departure - arrival at the controller, of requests with result 0 that arrived in the measurement window.
with quantiles as (
  select run, quantile_disc(latency_ns, [0.5, 0.99]) as q, count(*) as samples
  from measured_requests where result = 0
  group by run
)
select run, unnest(['controller_latency_p50', 'controller_latency_p99']) as metric,
  unnest(q)::DOUBLE as value, samples
from quantiles
order by run, metric
