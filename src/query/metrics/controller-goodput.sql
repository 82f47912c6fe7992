-- Requests whose deadline the controller says it met, of those that arrived in the measurement window / its length.
select run, 'controller_goodput' as metric,
  count(*) filter (met) * 1e9 / any_value(length_ns) as value,
  count(*) as samples
from measured_requests
group by run
order by run
