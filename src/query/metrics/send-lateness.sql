-- Sent - scheduled, of requests that were sent; only the client's log knows it.
with quantiles as (
  select run, quantile_disc(send_lateness_ns, [0.5, 0.99, 0.999, 1.0]) as q, count(*) as samples
  from measured where send_lateness_ns is not null
  group by run
)
select run,
  unnest(['send_lateness_p50', 'send_lateness_p99', 'send_lateness_p999', 'send_lateness_max']) as metric,
  unnest(q)::DOUBLE as value, samples
from quantiles
order by run, metric
