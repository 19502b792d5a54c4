/*
owner: sales team
description: One row for every line of an order of the day; what is cancelled later stays here
key: [invoice, line]
columns:
  unit_price: US dollars for one, as it was charged
  amount: quantity * unit_price
checks:
  - unique: [invoice, line]
  - unique: [invoice, stock_code]
  - range: {column: quantity, min: 1, max: 1000}
  - rule: amount > 0
  - relationship: {column: stock_code, in: products}
  - relationship: {column: invoice, in: orders}
  - total: {measure: count(*), of: order_log, equals: count(*)}
  - total: {measure: sum(amount), of: order_log, equals: sum(quantity * unit_price)}
*/
SELECT invoice, line, stock_code, quantity, unit_price, CAST(quantity * unit_price AS DECIMAL(18,2)) AS amount
FROM order_log
