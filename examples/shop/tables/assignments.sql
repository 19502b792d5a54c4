/*
owner: site team
description: One row for every visitor who began to see a variant on the day
key: [experiment, visitor, variant]
columns:
  visitor: a pseudonym
  variant: A is the checkout as it was, B the new one
  assigned_at: when, in local time
checks:
  - unique: [experiment, visitor, variant]
  - not_null: [experiment, visitor, variant, assigned_at]
  - accepted: {column: variant, values: [A, B]}
  - rule: CAST(assigned_at AS DATE) = day
  - total: {measure: count(*), of: assignment_log, equals: count(*)}
*/
SELECT experiment, visitor, variant, assigned_at
FROM assignment_log
