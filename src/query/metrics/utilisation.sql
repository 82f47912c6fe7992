-- Time in which successful actions ran within the measurement window / (its length x GPUs): infer for the GPU, load weights for PCIe.
with gpus as (
  select w.run, any_value(length_ns) as length_ns,
    coalesce(any_value(w.gpus), count(distinct (worker_id, gpu_id))) as gpus
  from windows w join actions a using (run)
  group by w.run
),
busy as (
  select a.run, action,
    greatest(0, least(sent_ns + complete_after_ns, measure_end_ns)
      - greatest(sent_ns + complete_after_ns - duration_ns, measure_start_ns)) as busy_ns
  from actions a join windows w using (run)
  where status = 0 and action in ('infer', 'load')
),
kinds as (
  select * from (values ('infer', 'gpu_utilisation'), ('load', 'load_utilisation')) k (action, metric)
)
select gpus.run, metric,
  coalesce(sum(busy_ns), 0)::DOUBLE / any_value(length_ns) / any_value(gpus) as value,
  count(*) filter (busy_ns > 0) as samples
from gpus cross join kinds
  left join busy on busy.run = gpus.run and busy.action = kinds.action
group by gpus.run, metric
order by gpus.run, metric
