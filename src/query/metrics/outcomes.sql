-- Requests of the measurement window by outcome and status code.
select run, outcome, result, count(*)::DOUBLE as count
from measured
group by run, outcome, result
order by run, outcome, result nulls last
