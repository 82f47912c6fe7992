-- Actions sent in the measurement window by status code.
select run, status::DOUBLE as status, count(*)::DOUBLE as count
from measured_actions
group by run, status
order by run, status
