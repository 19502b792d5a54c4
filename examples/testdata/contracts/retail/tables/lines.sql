/*
checks:
  - total: {measure: count(*), of: invoices, equals: count(*)}
  - total: {measure: sum(amount), of: invoices, equals: sum(quantity * price)}
  - range: {column: customer, min: 12000, max: 19000}
  - matches: {column: invoice, pattern: "C?[0-9]{6}"}
  - rule: cancelled = (quantity < 0)
    severity: warning
  - name: sold on the day
    rule: CAST(sold_at AS DATE) = day
*/
SELECT invoice, code, quantity, price, sold_at, customer, country, invoice LIKE 'C%' AS cancelled, quantity * price AS amount
FROM invoices
