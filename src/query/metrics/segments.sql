-- The measurement window in ten parts of equal length, to hold its beginning against the rest.
with grid as (
  select run, measure_start_ns as start_ns, measure_end_ns as end_ns, unnest(range(10)) as i
  from windows
),
requests_by_part as (
  select m.run, (scheduled_ns - measure_start_ns) * 10 // (measure_end_ns - measure_start_ns) as i,
    count(*) as scheduled, count(*) filter (good) as good,
    quantile_disc(m.latency_ns, 0.5) filter (outcome = 'ok') as latency_p50_ns
  from measured m join windows w using (run)
  group by m.run, i
),
cold_by_part as (
  select m.run, (arrival_ns - measure_start_ns) * 10 // (measure_end_ns - measure_start_ns) as i,
    count(*) as arrived, count(*) filter (is_cold) as cold
  from measured_requests m join windows w using (run)
  group by m.run, i
)
select g.run, coalesce(scheduled, 0)::DOUBLE as scheduled, coalesce(good, 0)::DOUBLE as good,
  latency_p50_ns::DOUBLE as latency_p50_ns, coalesce(arrived, 0)::DOUBLE as arrived,
  coalesce(cold, 0)::DOUBLE as cold
from grid g left join requests_by_part using (run, i) left join cold_by_part using (run, i)
order by g.run, g.i
