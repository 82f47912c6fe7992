-- What the kernel counted of each process over the measurement window, between the samples that enclose it.
with steps as (
  select *, run_delay_ns - lag(run_delay_ns) over (partition by run, process order by t_ns) as delayed_ns
  from processes
),
enclosing as (
  select run, process,
    coalesce(max(t_ns) filter (t_ns <= measure_start_ns), min(t_ns)) as first_ns,
    coalesce(min(t_ns) filter (t_ns >= measure_end_ns), max(t_ns)) as last_ns
  from steps join windows using (run)
  group by run, process
)
select run, process, any_value(host) as host, count(*) as samples,
  max(cpu_ns) - min(cpu_ns) as cpu_ns,
  max(run_delay_ns) - min(run_delay_ns) as run_delay_ns,
  max(delayed_ns) filter (t_ns > first_ns) as run_delay_max_ns,
  count(*) filter (state in ('T', 't')) as stopped_samples,
  max(rss_bytes) as rss_max_bytes,
  max(major_faults) - min(major_faults) as major_faults
from enclosing join steps using (run, process)
where t_ns between first_ns and last_ns
group by run, process
having count(*) >= 2
order by run, process
