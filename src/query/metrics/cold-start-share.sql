-- Requests that arrived when no worker held their model / requests that arrived in the measurement window.
select run, 'cold_start_share' as metric,
  count(*) filter (is_cold) / count(*) as value,
  count(*) as samples
from measured_requests
group by run
order by run
