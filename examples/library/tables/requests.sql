/*
owner: data team
description: One row for every search of the day
key: query_id
columns:
  query_id: names the search
  user_id: who searched, a pseudonym
  searched_at: when
  failed: the search found no book
checks:
  - unique: query_id
  - not_null: [query_id, user_id, searched_at, failed]
  - rows: {within: 60%}
    severity: warning
  - total: {measure: count(*), of: searches, equals: count(*)}
  # A search after midnight in the file of the day before is counted there, and said.
  - total: {measure: count(*), of: searches, equals: count(CASE WHEN CAST(searched_at AS DATE) = $day THEN 1 END)}
    severity: warning
*/
SELECT query_id, user_id, searched_at, len(isbn13_list) = 0 AS failed
FROM searches
