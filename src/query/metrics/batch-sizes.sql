-- Successful infer actions of the measurement window by batch size.
select run, batch_size::DOUBLE as batch_size, count(*)::DOUBLE as actions,
  sum(batch_size)::DOUBLE as requests
from measured_actions
where action = 'infer' and status = 0
group by run, batch_size
order by run, batch_size
