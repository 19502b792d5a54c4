/*
owner: data team
description: The hundred repositories with the most events, ties by name
key: [day, rank]
checks:
  - unique: [day, repo]
  - rows: {max: 100}
*/
SELECT day, rank, repo, events, actors
FROM (
  SELECT day, repo, count(*) AS events, count(DISTINCT actor) AS actors,
         row_number() OVER (ORDER BY count(*) DESC, repo) AS rank
  FROM events
  WHERE day = $day
  GROUP BY day, repo
) AS ranked
WHERE rank <= 100
