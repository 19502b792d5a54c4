/*
owner: sales team
description: One row for every line that came back on the day
key: [cancellation, stock_code]
columns:
  invoice: the order, of an earlier day
  quantity: how many came back, above zero
  amount: US dollars that were paid back, above zero
checks:
  - unique: [cancellation, stock_code]
  - range: {column: quantity, min: 1}
  - rule: amount > 0
  - relationship: {column: stock_code, in: products}
  - relationship: {column: cancellation, in: cancellations}
  - total: {measure: count(*), of: cancellation_log, equals: sum(len(lines))}
*/
SELECT cancellation, invoice, line.stock_code AS stock_code, -line.quantity AS quantity,
       CAST(-line.quantity * line.unit_price AS DECIMAL(18,2)) AS amount
FROM (SELECT cancellation, invoice, unnest(lines) AS line FROM cancellation_log) AS each_line
