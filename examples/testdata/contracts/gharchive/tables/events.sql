/*
key: id
checks:
  - unique: id
  - total: {measure: count(*), of: archive, equals: count(*)}
  - name: as many as a week before
    rows: {min: 1, within: 30%}
*/
SELECT id, type, actor, repo, created_at FROM archive
