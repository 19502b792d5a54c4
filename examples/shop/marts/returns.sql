/*
owner: sales team
description: Every line that came back on the day beside the line of its order, of one of the fourteen days before; longer nobody may wait
key: [cancellation, stock_code]
lookback: 14d
columns:
  ordered_on: the day of the order; null when that day is not there
  days_after: days between the order and its cancellation
  quantity: how many came back
  ordered: how many had been ordered
checks:
  - unique: [cancellation, stock_code]
  - range: {column: days_after, min: 1, max: 14}
  - rule: quantity <= ordered
  - total: {measure: count(*), of: cancelled_lines, equals: count(*)}
  # Where the fortnight before is whole, each cancellation must find its order; twelve of its days are open.
  - name: what is cancelled was ordered
    sql: >-
      SELECT cancellation, stock_code FROM returns
      WHERE day = $day AND ordered_on IS NULL
        AND (SELECT count(DISTINCT o.day) FROM orders AS o WHERE o.day >= CAST($day AS DATE) - 14 AND o.day < $day) = 12
*/
SELECT c.day, c.cancellation, c.invoice, c.stock_code, o.day AS ordered_on, c.day - o.day AS days_after, c.quantity, o.quantity AS ordered, c.amount
FROM cancelled_lines AS c
-- An order has a product once: the join cannot make rows more.
LEFT JOIN order_lines AS o ON o.invoice = c.invoice AND o.stock_code = c.stock_code AND o.day >= CAST($day AS DATE) - 14 AND o.day < $day
WHERE c.day = $day
