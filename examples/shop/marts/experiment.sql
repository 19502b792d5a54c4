/*
owner: site team
description: Conversion of B minus that of A in the experiment that ran last, with its 95 % interval; no row before both variants have visitors
key: day
columns:
  since: first day of the experiment that is there
  difference: rate_b - rate_a
  low: lower bound of the 95 % hybrid score interval of the difference (Newcombe 1998, method 10)
  high: upper bound of it
  verdict: b_higher or a_higher when the interval leaves zero out, else unclear
  under_both: visitors who came under both variants and are in neither
checks:
  - unique: day
  - rows: {max: 1}
  - rule: -1 <= low AND low <= difference AND difference <= high AND high <= 1
  - rule: difference = rate_b - rate_a
  - accepted: {column: verdict, values: [a_higher, b_higher, unclear]}
*/
-- With (l, u) the 95 % score interval of each rate p: low = d - √((p_b - l_b)² + (u_a - p_a)²) and high = d + √((u_b - p_b)² + (p_a - l_a)²),
-- d = p_b - p_a. Source: R. G. Newcombe, Interval estimation for the difference between independent proportions: comparison of eleven
-- methods, Statistics in Medicine 17, 1998, 873-890, method 10 (without continuity correction). Unlike d ± z·s it holds for few
-- conversions too. It is the interval of one look: who looks every day and stops at the first that leaves zero out errs more than 5 %.
SELECT day, experiment, since, visitors_a, conversions_a, rate_a, visitors_b, conversions_b, rate_b, difference, low, high,
       CASE WHEN low > 0 THEN 'b_higher' WHEN high < 0 THEN 'a_higher' ELSE 'unclear' END AS verdict, under_both
FROM (
  SELECT b.day, b.experiment, b.since, a.visitors AS visitors_a, a.conversions AS conversions_a, a.rate AS rate_a,
         b.visitors AS visitors_b, b.conversions AS conversions_b, b.rate AS rate_b, b.rate - a.rate AS difference,
         b.rate - a.rate - sqrt((b.rate - b.low) * (b.rate - b.low) + (a.high - a.rate) * (a.high - a.rate)) AS low,
         b.rate - a.rate + sqrt((b.high - b.rate) * (b.high - b.rate) + (a.rate - a.low) * (a.rate - a.low)) AS high, b.under_both
  FROM experiment_variants AS a
  JOIN experiment_variants AS b ON b.day = a.day
  WHERE a.day = $day AND b.day = $day AND a.variant = 'A' AND b.variant = 'B'
) AS compared
