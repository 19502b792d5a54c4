/*
owner: sales team
description: Whether the shop was open; one row for every day, Sundays too
key: day
columns:
  opening: open, closed (a Sunday, on which no data is expected) or silent (an open day without an order)
  orders: orders of the day
checks:
  - unique: day
  - rows: {min: 1, max: 1}
  - accepted: {column: opening, values: [open, closed, silent]}
  - name: an open day has orders
    rule: opening <> 'silent'
    severity: warning
*/
SELECT CAST($day AS DATE) AS day,
       CASE WHEN count(*) > 0 THEN 'open' WHEN extract(isodow FROM CAST($day AS DATE)) = 7 THEN 'closed' ELSE 'silent' END AS opening,
       count(*) AS orders
FROM orders
WHERE day = $day
