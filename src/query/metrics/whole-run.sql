-- Rows of the whole run, for reconciling client and controller, and what the measurement window cuts off.
select r.run,
  (select count(*) from client c where c.run = r.run)::DOUBLE as scheduled,
  (select count(*) from client c where c.run = r.run and sent_ns is not null)::DOUBLE as sent,
  (select count(*) from client c where c.run = r.run and outcome = 'dropped')::DOUBLE as dropped,
  (select count(*) from client c where c.run = r.run and outcome = 'unknown')::DOUBLE as unknown,
  (select count(*) from load l where l.run = r.run and scheduled_ns < measure_start_ns)::DOUBLE as before_window,
  (select count(*) from load l where l.run = r.run and scheduled_ns >= measure_end_ns)::DOUBLE as after_window,
  (select count(*) from requests q where q.run = r.run)::DOUBLE as controller_requests
from runs r
order by r.run
