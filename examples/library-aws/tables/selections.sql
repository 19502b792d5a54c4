/*
owner: data team
description: One row for every book that somebody chose
key: id
columns:
  id: names the choice
  query_id: the search whose result it was chosen from
  isbn13: the book
  user_id: who chose it
  selected_at: when
checks:
  - unique: id
  - not_null: [id, query_id, isbn13, user_id]
  - rows: {min: 1}
    severity: warning
  - total: {measure: count(*), of: choices, equals: count(*)}
*/
SELECT id, query_id, isbn13, user_id, selected_at
FROM choices
