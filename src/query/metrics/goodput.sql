-- Requests with outcome ok and latency <= SLO / length of the measurement window.
select run, 'goodput' as metric,
  count(*) filter (good) * 1e9 / any_value(windows.length_ns) as value,
  count(scheduled_ns) as samples
from windows left join measured using (run)
group by run
order by run
