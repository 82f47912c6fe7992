-- Requests scheduled in the measurement window / its length.
select run, 'offered_load' as metric,
  count(scheduled_ns) * 1e9 / any_value(windows.length_ns) as value,
  count(scheduled_ns) as samples
from windows left join measured using (run)
group by run
order by run
