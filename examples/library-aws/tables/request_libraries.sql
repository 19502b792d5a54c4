/*
owner: data team
description: One row for every library of a search, once even if it was named twice
key: [query_id, library]
columns:
  query_id: the search
  library: a library that it was about
checks:
  - unique: [query_id, library]
  - not_null: [query_id, library]
  - total: {measure: count(*), of: searches, equals: sum(len(list_distinct(selected_lib)))}
*/
SELECT DISTINCT query_id, unnest(selected_lib) AS library
FROM searches
