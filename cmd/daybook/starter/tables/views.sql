/*
description: Page views of the day
checks:
  - not_null: [visitor, page]
*/
SELECT seen_at, visitor, page
FROM visits
