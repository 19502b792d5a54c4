/*
owner: data team
description: One row for every search of the day
key: query_id
columns:
  query_id: names the search
  failed: the search found no book
checks:
  - unique: query_id
  - not_null: [query_id, failed]
  - rows: {within: 60%}
    severity: warning
  - total: {measure: count(*), of: searches, equals: count(*)}
  - total: {measure: count(*), of: searches, equals: count(CASE WHEN query_date = $day THEN 1 END)}
*/
SELECT query_id, len(isbn13_list) = 0 AS failed
FROM searches
