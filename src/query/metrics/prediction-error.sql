-- Actual - predicted, of successful load and infer actions sent in the measurement window: late if positive, early if negative.
with errors as (
  select run, action, 'execution' as quantity, duration_ns - expected_duration_ns as error_ns
  from measured_actions where status = 0 and action in ('load', 'infer')
  union all
  select run, action, 'completion', complete_after_ns - expected_complete_after_ns
  from measured_actions where status = 0 and action in ('load', 'infer')
),
directed as (
  select run, action, quantity,
    case when error_ns > 0 then 'late' else 'early' end as direction, abs(error_ns) as size_ns
  from errors where error_ns <> 0
),
measured_errors as (
  select run, action, quantity, direction, count(*)::DOUBLE as count,
    quantile_disc(size_ns, [0.5, 0.99, 0.999, 1.0]) as q
  from directed
  group by run, action, quantity, direction
),
all_kinds as (
  select distinct run, action, quantity, direction
  from errors cross join (values ('late'), ('early')) d (direction)
)
select run, action, quantity, direction, coalesce(count, 0) as count,
  q[1]::DOUBLE as p50_ns, q[2]::DOUBLE as p99_ns, q[3]::DOUBLE as p999_ns, q[4]::DOUBLE as max_ns
from all_kinds left join measured_errors using (run, action, quantity, direction)
order by run, action, quantity desc, direction desc
