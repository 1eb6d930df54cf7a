# Shares in each state for made-up paths with three steps, by survfit for a factor status with ids;
# tests/reference/states.csv holds the paths as months, states.json the numbers.
# Rscript states.R   (survival 3.5-3, jsonlite)
library(survival)
library(jsonlite)
set.seed(31)
n <- 60
left <- rgeom(n, .06)                     # month of the first step
kind <- sample(c("away", "gone"), n, TRUE, c(.6, .4))
slow <- runif(n) < .5                     # the second step depends on who it is: not Markov
back <- left + 2 + rgeom(n, ifelse(slow, .03, .25))
end <- sample(4:36, n, TRUE)
weight <- round(runif(n, .2, 3), 3)
months <- data.frame(id = 1:n, left = ifelse(left <= end, left, NA),
  kind = ifelse(left <= end, kind, ""), back = ifelse(kind == "away" & back <= end, back, NA),
  end = end, weight = weight)
write.csv(months, "states.csv", row.names = FALSE, quote = FALSE, na = "")
# Months end half a month late, so that a step in month 0 has a length and ends of follow-up tie
# with steps as in the project: after them.
rows <- list()
add <- function(id, from, to, event, w) rows[[length(rows) + 1]] <<-
  data.frame(id = id, from = from, to = to, event = event, w = w)
for (i in 1:n) with(months[i, ], {
  if (is.na(left)) add(id, 0, end + .5, "censor", weight)
  else {
    add(id, 0, left + .5, kind, weight)
    if (kind == "away" && end > left) {
      if (is.na(back)) add(id, left + .5, end + .5, "censor", weight)
      else add(id, left + .5, back + .5, "back", weight)
    }
  }
})
long <- do.call(rbind, rows)
long$event <- factor(long$event, levels = c("censor", "away", "back", "gone"))
told <- function(fit) {
  s <- summary(fit, times = 0:24 + .5, extend = TRUE)
  list(state = fit$states, share = s$pstate, error = s$std.err)
}
plain <- survfit(Surv(from, to, event) ~ 1, data = long, id = id)
weighted <- survfit(Surv(from, to, event) ~ 1, data = long, id = id, weights = w)
out <- list(computed_by = paste(R.version.string, "survival", packageVersion("survival")),
            plain = told(plain), weighted = told(weighted))
write_json(out, "states.json", digits = I(15), auto_unbox = TRUE, na = "null", pretty = 1)
