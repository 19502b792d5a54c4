/*
owner: sales team
description: Cancellations of the day by their reason
key: [day, reason]
columns:
  cancellations: cancellations for the reason
  amount: US dollars that were paid back
checks:
  - unique: [day, reason]
  - total: {measure: sum(cancellations), of: cancellations, equals: count(*)}
  - total: {measure: sum(amount), of: cancellations, equals: sum(amount)}
*/
SELECT day, reason, count(*) AS cancellations, CAST(sum(amount) AS DECIMAL(18,2)) AS amount
FROM cancellations
WHERE day = $day
GROUP BY day, reason
