-- Requests with outcome ok and latency <= SLO / scheduled requests; fail, unknown and dropped count as missed.
select run, 'slo_attainment' as metric,
  count(*) filter (good) / count(*) as value,
  count(*) as samples
from measured
group by run
order by run
