/*
owner: sales team
description: One row for every order of the day, as it was placed
key: invoice
columns:
  invoice: names the order
  ordered_at: when, in local time
  customer: null for a guest
  visitor: who ordered on the site; null by telephone
  amount: US dollars, before anything came back
checks:
  - unique: invoice
  - not_null: [ordered_at, amount]
  - matches: {column: invoice, pattern: "[0-9]+"}
  - matches: {column: customer, pattern: "[0-9]{5}"}
  - rule: customer IS NOT NULL OR visitor IS NOT NULL
  - rule: CAST(ordered_at AS DATE) = day
  - name: an order has one time, one customer and one visitor
    sql: >-
      SELECT invoice FROM order_log GROUP BY invoice
      HAVING count(DISTINCT ordered_at) + count(DISTINCT coalesce(customer, '')) + count(DISTINCT coalesce(visitor, '')) > 3
  - rows: {within: 60%}
    severity: warning
  - total: {measure: count(*), of: order_log, equals: count(DISTINCT invoice)}
*/
SELECT invoice, min(ordered_at) AS ordered_at, min(customer) AS customer, min(visitor) AS visitor,
       CAST(count(*) AS INTEGER) AS lines, CAST(sum(quantity) AS BIGINT) AS units, CAST(sum(quantity * unit_price) AS DECIMAL(18,2)) AS amount
FROM order_log
GROUP BY invoice
