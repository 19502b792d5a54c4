/*
owner: data team
description: Every public event of the day, once
key: id
checks:
  - unique: id
  - not_null: [type, actor, repo, created_at]
*/
SELECT id, type, actor, repo, org, created_at
FROM archive
