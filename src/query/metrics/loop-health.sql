-- What each role said of its event loop over the measurement window, between its words that enclose it. The longest ones
-- are of the time up to a word, so that those of the first word lie before the window. Of the clocks the last word
-- counts: estimates get better as messages pass.
with enclosing as (
  select run, process,
    coalesce(max(t_ns) filter (t_ns <= measure_start_ns), min(t_ns)) as first_ns,
    coalesce(min(t_ns) filter (t_ns >= measure_end_ns), max(t_ns)) as last_ns
  from loops join windows using (run)
  group by run, process
)
select run, process, count(*) as samples,
  max(busy_ns) - min(busy_ns) as busy_ns, max(t_ns) - min(t_ns) as interval_ns,
  max(stall_max_ns) filter (t_ns > first_ns) as stall_max_ns,
  max(stalls) - min(stalls) as stalls,
  max(gc_count) - min(gc_count) as gc_count,
  max(gc_pause_max_ns) filter (t_ns > first_ns) as gc_pause_max_ns,
  arg_max(clock_delta_ns, t_ns) as clock_delta_ns,
  arg_max(round_trip_ns, t_ns) as round_trip_ns
from enclosing join loops using (run, process)
where t_ns between first_ns and last_ns
group by run, process
having count(*) >= 2
order by run, process
