-- Requests with outcome ok / length of the measurement window.
select run, 'throughput' as metric,
  count(*) filter (outcome = 'ok') * 1e9 / any_value(windows.length_ns) as value,
  count(scheduled_ns) as samples
from windows left join measured using (run)
group by run
order by run
