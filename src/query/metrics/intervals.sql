-- The whole run in intervals of a round length, each request in the interval of its scheduled instant.
with spans as (
  select r.run, any_value(send_start_ns) as start_ns,
    any_value(send_end_ns - send_start_ns) as span_ns, count(load.run) as n
  from runs r left join load using (run)
  where r.request_view is not null and send_end_ns > send_start_ns
  group by r.run
),
-- At most about 60 intervals, and about 5 requests in each.
sized as (
  select *, coalesce(
    list_min(list_filter(
      [250, 500, 1000, 2000, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
       21600000, 86400000]::BIGINT[],
      lambda size_ms: size_ms * 1000000 >= greatest(span_ns // 60, span_ns // greatest(n // 5, 1)))
    ) * 1000000,
    span_ns) as size_ns
  from spans
),
counted as (
  select *, greatest(1, round(span_ns / size_ns))::BIGINT as intervals from sized
),
grid as (
  select run, start_ns, span_ns, size_ns, intervals, unnest(range(intervals)) as i from counted
),
placed as (
  select c.run, least((scheduled_ns - start_ns) // size_ns, intervals - 1) as i, load.*
  from load join counted c using (run)
  where scheduled_ns >= start_ns and scheduled_ns < start_ns + span_ns
)
select g.run, (g.i * size_ns)::DOUBLE as start_ns,
  (case when g.i = intervals - 1 then span_ns - g.i * size_ns else size_ns end)::DOUBLE as length_ns,
  count(p.i)::DOUBLE as scheduled,
  count(*) filter (outcome = 'ok')::DOUBLE as ok,
  count(*) filter (good)::DOUBLE as good
from grid g left join placed p on p.run = g.run and p.i = g.i
group by g.run, g.i, size_ns, span_ns, intervals
order by g.run, g.i
