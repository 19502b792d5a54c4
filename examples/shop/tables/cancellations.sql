/*
owner: sales team
description: One row for every cancellation of the day, whichever day the order was of
key: cancellation
columns:
  invoice: the order, of an earlier day
  amount: US dollars that were paid back, above zero
checks:
  - unique: cancellation
  - unique: invoice
  - rule: cancellation = 'C' || invoice
  - rule: amount > 0
  - accepted: {column: reason, values: [changed_mind, damaged, wrong_item, late]}
  - total: {measure: count(*), of: cancellation_log, equals: count(*)}
*/
SELECT cancellation, invoice, cancelled_at, reason,
       CAST(-list_sum([l.quantity FOR l IN lines]) AS BIGINT) AS units,
       CAST(-list_sum([l.quantity * l.unit_price FOR l IN lines]) AS DECIMAL(18,2)) AS amount
FROM cancellation_log
