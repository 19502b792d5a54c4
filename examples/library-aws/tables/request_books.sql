/*
owner: data team
description: One row for every book that a search found, once even if it was listed twice; a failed search has none
key: [query_id, isbn13]
columns:
  query_id: the search
  isbn13: a book that it found
checks:
  - unique: [query_id, isbn13]
  - not_null: [query_id, isbn13]
  - total: {measure: count(*), of: searches, equals: sum(len(list_distinct(isbn13_list)))}
*/
SELECT DISTINCT query_id, unnest(isbn13_list) AS isbn13
FROM searches
