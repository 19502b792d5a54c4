/*
owner: sales team
description: Everything that was ever on sale, one row each, as the newest price list that had it says
key: stock_code
refresh: latest
version: priced_on
columns:
  list_price: US dollars
  priced_on: since when the price holds
checks:
  - unique: stock_code
  - not_null: [description, list_price, priced_on]
  - matches: {column: stock_code, pattern: "[0-9]{5}[A-Z]?"}
  - range: {column: list_price, min: 0.01}
*/
SELECT stock_code, description, category, list_price, priced_on
FROM price_list
