-- How the generator's own delays show in the numbers; only the client's log knows them.
with seconds as (
  -- Of each second with enough requests to speak of a tenth of them, what a tenth of them exceeded.
  select m.run, quantile_disc(send_lateness_ns, 0.9) as tenth_ns
  from measured m join windows w using (run)
  where send_lateness_ns is not null
  group by m.run, (scheduled_ns - measure_start_ns) // 1000000000
  having count(*) >= 20
),
worst as (select run, max(tenth_ns) as tenth_ns from seconds group by run),
-- Every request that was due or sent in the window; those on its edges may be in one count only.
counted as (
  select l.run,
    count(*) filter (scheduled_ns >= measure_start_ns and scheduled_ns < measure_end_ns
      and outcome <> 'dropped') as due,
    count(*) filter (sent_ns >= measure_start_ns and sent_ns < measure_end_ns) as sent
  from load l join windows w using (run)
  group by l.run
),
missed as (
  select run,
    count(*) filter (outcome = 'ok' and not good and service_time_ns <= slo_ns) as late_misses,
    min(receive_lateness_ns) as receive_min_ns,
    count(*) filter (send_lateness_ns < -100000 or service_time_ns < 0) as impossible
  from measured group by run
)
select r.run, due::DOUBLE as due, sent::DOUBLE as sent, coalesce(late_misses, 0)::DOUBLE as late_misses,
  coalesce(impossible, 0)::DOUBLE as impossible,
  receive_min_ns::DOUBLE as receive_min_ns, tenth_ns::DOUBLE as worst_second_tenth_ns
from runs r join counted using (run) left join missed using (run) left join worst using (run)
where r.request_view = 'client'
order by r.run
