/*
owner: sales team
description: >-
  The money of an open day. Orders count on the day they were placed and keep their amount; what comes back counts on the day it comes
  back. So a day's figures never change when a later day cancels, and over a long time net is what was kept. A closed day has no row.
key: day
columns:
  gross: US dollars of the orders placed on the day
  cancellations: cancellations of the day, of orders of earlier days
  cancelled: US dollars paid back on the day
  net: gross - cancelled; may be below zero
  average_order: gross / orders; null without orders
checks:
  - unique: day
  - not_null: [orders, units, gross, cancellations, cancelled, net]
  - rows: {max: 1}
  - rule: net = gross - cancelled
  - rule: gross >= 0 AND cancelled >= 0
  - total: {measure: sum(orders), of: orders, equals: count(*)}
  - total: {measure: sum(gross), of: orders, equals: sum(amount)}
  - total: {measure: sum(cancellations), of: cancellations, equals: count(*)}
  - total: {measure: sum(cancelled), of: cancellations, equals: sum(amount)}
*/
-- Orders and cancellations are stacked, not joined: they belong to different orders.
SELECT day, CAST(sum(orders) AS BIGINT) AS orders, CAST(sum(units) AS BIGINT) AS units, CAST(sum(gross) AS DECIMAL(18,2)) AS gross,
       CAST(sum(cancellations) AS BIGINT) AS cancellations, CAST(sum(cancelled) AS DECIMAL(18,2)) AS cancelled,
       CAST(sum(gross) - sum(cancelled) AS DECIMAL(18,2)) AS net,
       CAST(sum(gross) AS DOUBLE PRECISION) / nullif(sum(orders), 0) AS average_order
FROM (
  SELECT day, 1 AS orders, units, amount AS gross, 0 AS cancellations, 0 AS cancelled
  FROM orders
  WHERE day = $day
  UNION ALL
  SELECT day, 0 AS orders, 0 AS units, 0 AS gross, 1 AS cancellations, amount AS cancelled
  FROM cancellations
  WHERE day = $day
) AS acts
GROUP BY day
