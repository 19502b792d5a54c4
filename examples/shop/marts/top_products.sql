/*
owner: sales team
description: The twenty products with most money on the day they were ordered, ties by stock code; what comes back later does not move them
key: [day, rank]
columns:
  description: as the newest price list has it
  orders: different orders with the product
  amount: US dollars
checks:
  - unique: [day, rank]
  - unique: [day, stock_code]
  - not_null: [description, units, amount]
  - rows: {max: 20}
  - relationship: {column: stock_code, in: products}
*/
SELECT r.day, r.rank, r.stock_code, p.description, r.orders, r.units, r.amount
FROM (
  SELECT day, stock_code, count(*) AS orders, CAST(sum(quantity) AS BIGINT) AS units, CAST(sum(amount) AS DECIMAL(18,2)) AS amount,
         row_number() OVER (ORDER BY sum(amount) DESC, stock_code) AS rank
  FROM order_lines
  WHERE day = $day
  GROUP BY day, stock_code
) AS r
LEFT JOIN products AS p ON p.stock_code = r.stock_code
WHERE r.rank <= 20
