-- Received - sent by the controller, of requests that were answered; one way, from its write to our read.
with quantiles as (
  select run, quantile_disc(receive_lateness_ns, [0.5, 0.99, 0.999, 1.0]) as q, count(*) as samples
  from measured where receive_lateness_ns is not null
  group by run
)
select run,
  unnest(['receive_lateness_p50', 'receive_lateness_p99', 'receive_lateness_p999', 'receive_lateness_max']) as metric,
  unnest(q)::DOUBLE as value, samples
from quantiles
order by run, metric
