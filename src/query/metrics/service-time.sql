-- Received - sent, of requests with outcome ok; only the client's log knows it.
with quantiles as (
  select run, quantile_disc(service_time_ns, [0.5, 0.99]) as q, count(*) as samples
  from measured where outcome = 'ok' and service_time_ns is not null
  group by run
)
select run, unnest(['service_time_p50', 'service_time_p99']) as metric,
  unnest(q)::DOUBLE as value, samples
from quantiles
order by run, metric
