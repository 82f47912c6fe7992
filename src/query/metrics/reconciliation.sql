-- Rows that occur twice, rows that one log has and another lacks, and by how much two roles' clocks disagree.
with client_ids as (
  select run, client_id, count(*) as n, count(distinct user_request_id) as ids,
    max(user_request_id) - min(user_request_id) + 1 as span
  from client group by run, client_id
),
in_client as (
  select run, count(*) as clients, sum(n - ids) as doubles, sum(span - ids) as gaps
  from client_ids group by run
),
-- The controller numbers requests from 0 as they arrive.
in_requests as (
  select run, count(*) - count(distinct request_id) as doubles,
    max(request_id) + 1 - count(distinct request_id) as gaps
  from requests group by run
),
in_actions as (
  select run, count(*) - count(distinct action_id) as doubles from actions group by run
),
in_batches as (
  select run, count(*) - count(distinct (request_id, action_id)) as doubles,
    count(distinct connection_id) as connections
  from batches group by run
),
-- A request that was tried again has several rows.
batched as (
  select run, connection_id, user_request_id, min(arrival_ns) as arrival_ns,
    max(departure_ns) as departure_ns
  from batches group by run, connection_id, user_request_id
),
-- Clients number their requests alike: a connection is that client's whose sends are closest to its arrivals.
candidates as (
  select b.run, b.connection_id, c.client_id, median(abs(arrival_ns - sent_ns)) as distance_ns
  from batched b join client c using (run, user_request_id)
  where sent_ns is not null
  group by b.run, b.connection_id, c.client_id
),
matches as (
  select run, connection_id, arg_min(client_id, distance_ns) as client_id
  from candidates group by run, connection_id
),
owned as (select b.*, client_id from batched b left join matches using (run, connection_id)),
joined as (
  select b.run, count(*) as batched, count(*) filter (c.run is null) as only_batched,
    quantile_disc(arrival_ns - sent_ns, 0.5) as out_median_ns,
    quantile_disc(arrival_ns - sent_ns, 0.99) as out_p99_ns,
    quantile_disc(received_ns - b.departure_ns, 0.5) as back_median_ns
  from owned b left join client c
    on c.run = b.run and c.client_id = b.client_id and c.user_request_id = b.user_request_id
  group by b.run
),
unbatched as (
  select c.run, count(*) filter (outcome = 'ok' and b.run is null) as only_ok
  from client c left join owned b
    on c.run = b.run and c.client_id = b.client_id and c.user_request_id = b.user_request_id
  group by c.run
)
select r.run, coalesce(clients, 0)::DOUBLE as clients, connections::DOUBLE as connections,
  in_client.doubles::DOUBLE as client_doubles, in_client.gaps::DOUBLE as client_gaps,
  in_requests.doubles::DOUBLE as request_doubles, in_requests.gaps::DOUBLE as request_gaps,
  in_actions.doubles::DOUBLE as action_doubles, in_batches.doubles::DOUBLE as batch_doubles,
  batched::DOUBLE as batched, only_batched::DOUBLE as only_batched,
  case when batched > 0 then only_ok end::DOUBLE as only_ok,
  out_median_ns::DOUBLE as out_median_ns, out_p99_ns::DOUBLE as out_p99_ns, back_median_ns::DOUBLE as back_median_ns
from runs r
left join in_client using (run) left join in_requests using (run) left join in_actions using (run)
left join in_batches using (run) left join joined using (run) left join unbatched using (run)
order by r.run
