/*
owner: data team
description: One row for every word of a search, repeated words too; without surrounding spaces, in composed Hangul, never empty
key: [query_id, position]
columns:
  query_id: the search
  position: which word of the search it was, from 1
  keyword: the word
checks:
  - unique: [query_id, position]
  - not_null: [query_id, position, keyword]
*/
SELECT query_id, position, keyword
FROM (
  SELECT query_id, position, regexp_replace(nfc_normalize(word), '^[\s\p{Z}]+|[\s\p{Z}]+$', '', 'g') AS keyword
  FROM (SELECT query_id, unnest(user_search) AS word, generate_subscripts(user_search, 1) AS position FROM searches) AS words
) AS trimmed
WHERE keyword <> ''
