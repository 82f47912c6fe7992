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
      [250000000, 500000000, 1000000000, 2000000000, 5000000000, 10000000000, 30000000000,
       60000000000, 300000000000, 600000000000, 1800000000000, 3600000000000]::BIGINT[],
      lambda size: size * 60 >= span_ns and size * n >= span_ns * 5::HUGEINT)),
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
