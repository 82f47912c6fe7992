-- What each host's kernel counted over the measurement window: differences of totals between the samples that enclose
-- it, or, where none does, the outermost ones. Fewer than two samples tell nothing.
with steps as (
  select *, t_ns - lag(t_ns) over samples as gap_ns,
    abs((realtime_ns - lag(realtime_ns) over samples) - (monotonic_ns - lag(monotonic_ns) over samples)) as step_ns
  from hosts
  window samples as (partition by run, host order by t_ns)
),
enclosing as (
  select run, host, measure_start_ns, measure_end_ns,
    coalesce(max(t_ns) filter (t_ns <= measure_start_ns), min(t_ns)) as first_ns,
    coalesce(min(t_ns) filter (t_ns >= measure_end_ns), max(t_ns)) as last_ns,
    max(step_ns) as clock_step_max_ns
  from steps join windows using (run)
  group by all
)
select run, host, max(cpu_count) as cpu_count, count(*) as samples, last_ns - first_ns as window_ns,
  greatest(max(gap_ns) filter (t_ns > first_ns), first_ns - measure_start_ns, measure_end_ns - last_ns)
    as sample_gap_max_ns,
  coalesce(max(cpu_busy_ns) - min(cpu_busy_ns), 0) as cpu_busy_ns,
  max(cpu_steal_ns) - min(cpu_steal_ns) as steal_ns,
  max(cpu_pressure_ns) - min(cpu_pressure_ns) as cpu_pressure_ns,
  max(memory_pressure_ns) - min(memory_pressure_ns) as memory_pressure_ns,
  max(io_pressure_ns) - min(io_pressure_ns) as io_pressure_ns,
  max(throttled_ns) - min(throttled_ns) as throttled_ns,
  coalesce(clock_step_max_ns, 0) as clock_step_max_ns
from enclosing join steps using (run, host)
where t_ns between first_ns and last_ns
group by run, host, measure_start_ns, measure_end_ns, first_ns, last_ns, clock_step_max_ns
having count(*) >= 2
order by run, host
