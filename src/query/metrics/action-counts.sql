-- Actions sent in the measurement window by kind, successful and failed.
select run, action, count(*) filter (status = 0)::DOUBLE as succeeded,
  count(*) filter (status <> 0)::DOUBLE as failed
from measured_actions
group by run, action
order by run, action
