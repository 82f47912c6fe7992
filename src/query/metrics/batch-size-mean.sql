-- Mean batch size over successful infer actions sent in the measurement window; every action weighs the same.
select run, 'batch_size_mean' as metric,
  sum(batch_size)::DOUBLE / count(*) as value,
  count(*) as samples
from measured_actions
where action = 'infer' and status = 0
group by run
order by run
