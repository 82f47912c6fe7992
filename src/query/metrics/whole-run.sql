-- Rows of the whole run, warm-up and cool-down included, for reconciling client and controller.
select r.run,
  (select count(*) from client c where c.run = r.run)::DOUBLE as scheduled,
  (select count(*) from client c where c.run = r.run and sent_ns is not null)::DOUBLE as sent,
  (select count(*) from client c where c.run = r.run and outcome = 'dropped')::DOUBLE as dropped,
  (select count(*) from requests q where q.run = r.run)::DOUBLE as controller_requests
from runs r
order by r.run
