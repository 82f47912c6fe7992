-- Requests with each unwanted outcome / scheduled requests.
with shares as (
  select run, count(*) as samples,
    [count(*) filter (outcome = 'dropped') / count(*),
     count(*) filter (outcome = 'fail') / count(*),
     count(*) filter (outcome = 'unknown') / count(*)] as s
  from measured
  group by run
)
select run, unnest(['dropped_share', 'failed_share', 'unknown_share']) as metric,
  unnest(s) as value, samples
from shares
order by run, metric
